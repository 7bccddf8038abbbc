/* I17: every stored turn is decided again at its stored time, and must give the stored records, byte for byte; at each later
 * checkpoint, and at the end, the state so reached must be the one that is stored.
 *
 * Another version of the program may say the same in other words: where only the text or document of an answer or of an audit record is
 * another one, that is counted apart, and the state goes on with the stored words. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/replay/policy.h"
#include "coordinator/replay/replay.h"

enum bf_rc replay_decide(struct replay *r, struct engine *e, const struct replay_policy *policy, const struct turn *t,
                         struct engine_out *out, size_t *by_input, struct bf_error *err)
{
    engine_out_clear(out);
    for (size_t i = 0; i < t->n_inputs; i++) {
        const struct op_request *c = &input_rare(&t->inputs[i])->command;
        enum bf_rc rc = BF_OK;
        if (t->inputs[i].kind == INPUT_COMMAND && c->verb == OP_CREATE)
            rc = replay_plan(r, e, policy, c->plan_hash, c->from, c->to, c->params, c->n_params, err);
        if (rc != BF_OK)
            return rc;
        struct input_rare rare;
        struct input in = input_apart(&t->inputs[i], &rare);
        if (policy)
            replay_policy_to_input(policy, &in);
        engine_step(e, &in, t->now_ms, t->wall_us, out);
        if (by_input)
            by_input[i] = out->n_records;
    }
    engine_finish_turn(e, t->now_ms, t->wall_us, out);
    return BF_OK;
}

struct verifying {
    struct replay *r;
    struct replay_state state;
    struct engine_out out;
    struct bf_buf scratch;
    struct replay_verdict *verdict;
};

static void put_input(const struct turn *t, const size_t *by_input, size_t record, struct bf_buf *ret)
{
    for (size_t i = 0; i < t->n_inputs; i++)
        if (record < by_input[i]) {
            bf_buf_printf(ret, "input %zu of %zu (%s)", i + 1, t->n_inputs, input_kind_name(t->inputs[i].kind));
            return;
        }
    bf_buf_put_str(ret, "the end of the turn");
}

/* The first record that is another, in words. */
static void tell(struct verifying *v, const struct turn *t, const size_t *by_input, size_t at)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    struct replay_verdict *verdict = v->verdict;
    bf_buf_printf(&text, "turn %" PRIu64 ", record %zu, made by ", t->seq, at + 1);
    put_input(t, by_input, at, &text);
    bf_buf_put_str(&text, "\n  stored:  ");
    if (at < t->n_records)
        replay_record_words(v->state.engine, &t->records[at], &text);
    else
        bf_buf_put_str(&text, "no further record");
    bf_buf_put_str(&text, "\n  decided: ");
    if (at < v->out.n_records)
        replay_record_words(v->state.engine, &v->out.records[at], &text);
    else
        bf_buf_put_str(&text, "no further record");
    if (at < t->n_records && at < v->out.n_records) {
        bf_buf_put_str(&text, "\n  differs: ");
        replay_record_difference(&t->records[at], &v->out.records[at], &text);
    }
    verdict->differences = 1;
    verdict->seq = t->seq;
    snprintf(verdict->words, sizeof verdict->words, "%s", bf_buf_cstr(&text));
}

/* The same decision in other words: all is equal but what is said to people. */
static bool same_but_words(const struct record *stored, const struct record *decided)
{
    const struct record_rare *was = record_rare(stored);
    struct record_rare now;
    struct record said = record_apart(decided, &now);
    if (stored->kind != decided->kind || (stored->kind != RECORD_REPLIED && stored->kind != RECORD_AUDIT))
        return false;
    now.text = was->text;
    now.json = was->json;
    if (stored->kind == RECORD_AUDIT) {
        now.before = was->before;
        now.after = was->after;
    }
    return replay_records_equal(stored, &said);
}

static bool compare_record(struct verifying *v, const struct record *stored, const struct record *decided)
{
    if (replay_records_equal(stored, decided)) {
        v->verdict->records++;
        return true;
    }
    if (!same_but_words(stored, decided))
        return false;
    v->verdict->texts++;
    if (stored->kind == RECORD_REPLIED)
        engine_reword(v->state.engine, stored);
    return true;
}

static void compare(struct verifying *v, const struct turn *t, const size_t *by_input)
{
    size_t n = t->n_records < v->out.n_records ? t->n_records : v->out.n_records, at = 0;
    while (at < n && compare_record(v, &t->records[at], &v->out.records[at]))
        at++;
    if (at < t->n_records || at < v->out.n_records)
        tell(v, t, by_input, at);
}

/* As a whole first: nearly every turn is the same, and then its stored records need not be read at all. */
static enum bf_rc compare_turn(struct verifying *v, const void *p, size_t n, const struct turn *t, const size_t *by_input,
                               struct bf_error *err)
{
    struct turn stored = {0};
    enum bf_rc rc = BF_OK;
    if (turn_records_are(p, n, v->out.records, v->out.n_records, &v->scratch))
        v->verdict->records += v->out.n_records;
    else if ((rc = turn_decode(p, n, &stored, err)) == BF_OK)
        compare(v, &stored, by_input);
    turn_done(&stored);
    if (rc != BF_OK || v->verdict->differences)
        return rc;
    v->verdict->turns++;
    v->verdict->inputs += t->n_inputs;
    return BF_OK;
}

/* A state that the store has, or comes to, against the one that was decided. */
static void compare_state(struct verifying *v, const struct engine *stored, const char *what)
{
    uint8_t a[32], b[32];
    engine_state_hash(stored, a);
    engine_state_hash(v->state.engine, b);
    v->verdict->states++;
    if (memcmp(a, b, sizeof a) == 0)
        return;
    v->verdict->differences = 1;
    v->verdict->seq = v->state.seq;
    snprintf(v->verdict->words, sizeof v->verdict->words, "the state after turn %" PRIu64 ", as decided again, is not the one of %s",
             v->state.seq, what);
}

static enum bf_rc compare_checkpoint(struct verifying *v, struct bf_error *err)
{
    const struct replay_source *s = replay_source_of(v->r);
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; i < s->n_checkpoints && rc == BF_OK && !v->verdict->differences; i++) {
        struct replay_state stored = {0};
        if (s->checkpoints[i].seq != v->state.seq)
            continue;
        rc = replay_load(v->r, &s->checkpoints[i], NULL, &stored, err);
        if (rc == BF_OK)
            compare_state(v, stored.engine, "the checkpoint");
        else if (rc == BF_CONFLICT)
            rc = BF_OK;                          /* its coordinator let go of it meanwhile; what it would show, the end shows too */
        engine_free(stored.engine);
    }
    return rc;
}

static enum bf_rc verify_turn(void *arg, uint64_t seq, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    struct verifying *v = arg;
    struct turn t = {0};
    (void)hash;
    if (seq != v->state.seq + 1)
        return bf_fail(err, BF_CORRUPT, "turn %" PRIu64 " comes after turn %" PRIu64, seq, v->state.seq);
    enum bf_rc rc = turn_decode_inputs(p, n, &t, err);
    BF_AUTO_FREE size_t *by_input = bf_xcalloc(t.n_inputs + 1, sizeof *by_input);
    if (rc == BF_OK)
        rc = replay_decide(v->r, v->state.engine, NULL, &t, &v->out, by_input, err);
    if (rc == BF_OK) {
        v->state.seq = t.seq;
        v->state.now_ms = t.now_ms;
        rc = compare_turn(v, p, n, &t, by_input, err);
        if (rc == BF_OK && !v->verdict->differences)
            rc = compare_checkpoint(v, err);
    }
    turn_done(&t);
    return rc == BF_OK && v->verdict->differences ? BF_LIMIT : rc;
}

/* The records, applied, must come to the same state as the inputs, decided on. */
static enum bf_rc compare_end(struct verifying *v, struct bf_error *err)
{
    struct replay_state applied = {0};
    enum bf_rc rc = replay_state(v->r, v->state.seq, &applied, err);
    if (rc == BF_OK)
        compare_state(v, applied.engine, "the stored records");
    engine_free(applied.engine);
    return rc;
}

enum bf_rc replay_verify(struct replay *r, struct replay_verdict *ret, struct bf_error *err)
{
    const struct replay_source *s = replay_source_of(r);
    const struct replay_checkpoint *at = NULL;
    struct verifying v = {.r = r, .verdict = ret};
    *ret = (struct replay_verdict){0};
    enum bf_rc rc = replay_oldest(r, &at, err);
    if (rc == BF_OK)
        rc = replay_load(r, at, NULL, &v.state, err);
    if (rc == BF_OK)
        rc = s->turns_from(s->arg, v.state.seq + 1, verify_turn, &v, err);
    if (rc == BF_LIMIT && ret->differences)
        rc = BF_OK;
    if (rc == BF_OK && !ret->differences)
        rc = compare_end(&v, err);
    engine_out_free(&v.out);
    bf_buf_free(&v.scratch);
    engine_free(v.state.engine);
    return rc;
}
