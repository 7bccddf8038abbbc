/* Damaged bytes: cut at every place, changed at random, or noise.  Each decoder must answer, and say why when it refuses; the
 * sanitizers watch its memory. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/mem.h"
#include "proto/bundle.h"
#include "proto/turn.h"
#include "proto_samples.h"

static void make_agent(struct sampler *s, size_t i, struct bf_buf *b)
{
    struct agent_msg m = sample_agent_msg(s, agent_msg_kinds[i % n_agent_msg_kinds]);
    agent_msg_encode(&m, b);
}

static enum bf_rc read_agent(const void *p, size_t n, struct bf_error *err)
{
    struct agent_msg m;
    enum bf_rc rc = agent_msg_decode(p, n, &m, err);
    agent_msg_done(&m);
    return rc;
}

static void make_log(struct sampler *s, size_t i, struct bf_buf *b)
{
    struct log_msg m = sample_log_msg(s, i % 2 ? LOG_CHUNK : LOG_CREDIT);
    m.n_bytes = m.n_bytes < 100 ? m.n_bytes : 100;
    log_msg_encode(&m, b);
}

static enum bf_rc read_log(const void *p, size_t n, struct bf_error *err)
{
    struct log_msg m;
    enum bf_rc rc = log_msg_decode(p, n, &m, err);
    log_msg_done(&m);
    return rc;
}

static void make_request(struct sampler *s, size_t i, struct bf_buf *b)
{
    struct op_request m = sample_request(s, op_verbs[i % n_op_verbs]);
    op_request_encode(&m, b);
}

static enum bf_rc read_request(const void *p, size_t n, struct bf_error *err)
{
    struct op_request m;
    enum bf_rc rc = op_request_decode(p, n, &m, err);
    op_request_done(&m);
    return rc;
}

static void make_reply(struct sampler *s, size_t i, struct bf_buf *b)
{
    (void)i;
    struct op_reply m = sample_reply(s);
    op_reply_encode(&m, b);
}

static enum bf_rc read_reply(const void *p, size_t n, struct bf_error *err)
{
    struct op_reply m;
    enum bf_rc rc = op_reply_decode(p, n, &m, err);
    op_reply_done(&m);
    return rc;
}

static void make_turn(struct sampler *s, size_t i, struct bf_buf *b)
{
    struct input in[2] = {sample_input(s, input_kinds[i % n_input_kinds]), sample_input(s, input_kinds[(i + 1) % n_input_kinds])};
    struct record r[2] = {sample_record(s, record_kinds[i % n_record_kinds]), sample_record(s, RECORD_ENDED)};
    turn_encode(&(struct turn){.seq = i, .inputs = in, .n_inputs = 2, .records = r, .n_records = 2}, b);
}

static enum bf_rc read_turn(const void *p, size_t n, struct bf_error *err)
{
    struct turn t;
    enum bf_rc rc = turn_decode(p, n, &t, err);
    turn_done(&t);
    return rc;
}

static void make_bundle(struct sampler *s, size_t i, struct bf_buf *b)
{
    (void)s;
    char name[] = "a.yaml", text[] = "plan: a\n", path[] = "b.sql";
    struct plan_file files[] = {{path, text, 3}, {path, text, i % 8}};
    plan_bundle_encode(&(struct plan_source){name, text, sizeof text - 1, files, 2}, b);
}

static enum bf_rc read_bundle(const void *p, size_t n, struct bf_error *err)
{
    struct plan_source s;
    enum bf_rc rc = plan_bundle_decode(p, n, &s, err);
    for (size_t i = 0; i < s.n_files; i++) {
        free(s.files[i].path);
        free(s.files[i].text);
    }
    free(s.files);
    free(s.name);
    free(s.text);
    return rc;
}

static const struct codec {
    const char *name;
    void (*make)(struct sampler *s, size_t i, struct bf_buf *b);
    enum bf_rc (*read)(const void *p, size_t n, struct bf_error *err);
} codecs[] = {
    {"agent", make_agent, read_agent}, {"log", make_log, read_log}, {"request", make_request, read_request},
    {"reply", make_reply, read_reply}, {"turn", make_turn, read_turn}, {"bundle", make_bundle, read_bundle},
};
enum { N_CODECS = sizeof codecs / sizeof *codecs };

/* The bytes lie in a block of their own size, so that one byte too far is seen. */
static enum bf_rc read_exactly(const struct codec *c, const uint8_t *p, size_t n)
{
    struct bf_error err = {0};
    uint8_t *exact = bf_xmalloc(n ? n : 1);
    memcpy(exact, p, n);
    enum bf_rc rc = c->read(exact, n, &err);
    cr_assert_eq(rc, rc ? err.rc : BF_OK);
    cr_assert_eq(rc == BF_OK, err.text[0] == 0, "%s: %d with \"%s\"", c->name, rc, err.text);
    free(exact);
    return rc;
}

Test(proto_robust, cut_at_every_byte)
{
    for (size_t k = 0; k < N_CODECS; k++)
        for (size_t i = 0; i < 12; i++) {
            struct sampler s;
            struct bf_buf b = {0};
            sampler_init(&s, i, i < 6);
            codecs[k].make(&s, i, &b);
            cr_assert_eq(read_exactly(&codecs[k], b.data, b.len), BF_OK, "%s", codecs[k].name);
            for (size_t n = 0; n < b.len; n++)
                (void)read_exactly(&codecs[k], b.data, n);
            bf_buf_free(&b);
            sampler_done(&s);
        }
}

Test(proto_robust, changed_at_random)
{
    for (size_t k = 0; k < N_CODECS; k++) {
        size_t refused = 0;
        for (size_t i = 0; i < 3000; i++) {
            struct sampler s;
            struct bf_buf b = {0};
            sampler_init(&s, 1000 + i, false);
            codecs[k].make(&s, i, &b);
            for (uint64_t changes = 1 + bf_prng_below(&s.rng, 4); changes; changes--)
                damage(&s.rng, &b);
            refused += read_exactly(&codecs[k], b.data, b.len) != BF_OK;
            bf_buf_free(&b);
            sampler_done(&s);
        }
        cr_assert(refused > 300, "%s: only %zu of 3000 damaged messages were refused", codecs[k].name, refused);
    }
}

Test(proto_robust, noise)
{
    struct bf_prng rng;
    bf_prng_seed(&rng, 42);
    for (size_t i = 0; i < 6000; i++) {
        uint8_t bytes[64];
        size_t n = bf_prng_below(&rng, sizeof bytes + 1);
        for (size_t j = 0; j < n; j++)
            bytes[j] = (uint8_t)bf_prng_next(&rng);
        (void)read_exactly(&codecs[i % N_CODECS], bytes, n);
    }
}
