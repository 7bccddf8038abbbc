/* What is written and read by hand, against the generated code: the same bytes, and the same of all bytes. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/mem.h"
#include "proto/record.pb-c.h"
#include "proto/record_parts.h"
#include "proto/turn.h"
#include "proto_samples.h"

enum { FIELD = 6, RANDOM = 1500 };

/* ---- made-up values ---- */

static const char *pick(struct sampler *s, const char *const *words, size_t n)
{
    return words[bf_prng_below(&s->rng, n)];
}

static const char *repeated(struct sampler *s, const char *open, char c, size_t n, const char *close)
{
    struct bf_buf b = {0};
    bf_buf_put_str(&b, open);
    for (size_t i = 0; i < n; i++)
        bf_buf_put_u8(&b, (uint8_t)c);
    bf_buf_put_str(&b, close);
    const char *kept = bf_arena_strdup(&s->arena, bf_buf_cstr(&b));
    bf_buf_free(&b);
    return kept;
}

/* An outcome as bad as a step and its driver may tell it. */
static struct outcome wild_outcome(struct sampler *s)
{
    const char *const texts[] = {NULL, "", "plain", "naïve", "bad \xff\xc3 bytes", repeated(s, "", 'x', 100, "é"),
                                 repeated(s, "", 'x', OUTCOME_TEXT_MAX - 1, "é"), repeated(s, "", 'x', 2000, "")};
    const char *const details[] = {NULL, "", "{}", "no object", repeated(s, "{", ' ', 120, "}"), repeated(s, "{", ' ', 20000, "}"),
                                   repeated(s, "{", ' ', OUTCOME_DETAILS_MAX, "}")};
    const char *const states[] = {NULL, "", "42P01", "bad", "42p01", "123456"};
    struct record r = sample_record(s, RECORD_ENDED);
    struct outcome o = *r.outcome;
    o.text = pick(s, texts, sizeof texts / sizeof *texts);
    o.dbms = pick(s, texts, sizeof texts / sizeof *texts);
    o.details = pick(s, details, sizeof details / sizeof *details);
    o.sqlstate = pick(s, states, sizeof states / sizeof *states);
    o.rows = bf_prng_below(&s->rng, 2) ? (int64_t)bf_prng_below(&s->rng, 3) - 1 : o.rows;
    if (bf_prng_below(&s->rng, 4) == 0)
        o = (struct outcome){.rows = (int64_t)bf_prng_below(&s->rng, 2) - 1};
    return o;
}

static const struct record blank_record;

static struct record hot_record(struct sampler *s)
{
    struct record from = sample_record(s, RECORD_ENDED), r = blank_record;
    r.kind = bf_prng_below(&s->rng, 2) ? RECORD_GRANTED : RECORD_ENDED;
    r.backfill = from.backfill, r.step = from.step, r.index = from.index, r.ref = from.ref, r.agent = from.agent, r.n = from.n;
    r.run = from.run, r.attempt_no = from.attempt_no, r.at_us = from.at_us, r.retry_at_ms = from.retry_at_ms;
    if (r.kind == RECORD_GRANTED)
        return r;
    r.started_us = from.started_us, r.ended_us = from.ended_us, r.verdict = from.verdict, r.failure_class = from.failure_class;
    const struct outcome o = wild_outcome(s);
    r.outcome = bf_arena_memdup(&s->arena, &o, sizeof o);
    r.budget_spent = from.budget_spent;
    r.voted_ms = from.voted_ms;
    return r;
}

static struct input hot_input(struct sampler *s)
{
    struct input from = sample_input(s, INPUT_REPORT);
    struct input i = {.kind = INPUT_REPORT, .incarnation = from.incarnation, .agent = from.agent, .report = from.report};
    memcpy(i.key, from.key, sizeof i.key);
    i.report.outcome = wild_outcome(s);
    return i;
}

/* ---- writing ---- */

static void same_bytes(const struct bf_buf *hand, const struct bf_buf *generated, const char *what, size_t i)
{
    cr_assert_eq(hand->len, generated->len, "%s %zu: %zu bytes by hand, %zu by the generated code", what, i, hand->len, generated->len);
    cr_assert(hand->len == 0 || memcmp(hand->data, generated->data, hand->len) == 0, "%s %zu: other bytes", what, i);
}

static bool same_record(const struct record *r, size_t i)
{
    struct bf_buf a = {0}, b = {0};
    struct bf_arena tmp = {0};
    bool hot = record_put_hot(r, FIELD, &a, &tmp);
    cr_assert(hot || a.len == 0);
    record_put_generated(r, FIELD, &b, &tmp);
    if (hot)
        same_bytes(&a, &b, "record", i);
    bf_arena_free(&tmp);
    bf_buf_free(&a);
    bf_buf_free(&b);
    return hot;
}

static bool same_input(const struct input *in, size_t i)
{
    struct bf_buf a = {0}, b = {0};
    struct bf_arena tmp = {0};
    bool hot = input_put_hot(in, FIELD, &a, &tmp);
    cr_assert(hot || a.len == 0);
    input_put_generated(in, FIELD, &b, &tmp);
    if (hot)
        same_bytes(&a, &b, "input", i);
    bf_arena_free(&tmp);
    bf_buf_free(&a);
    bf_buf_free(&b);
    return hot;
}

Test(proto_hot, records_and_inputs_are_written_the_same)
{
    for (size_t i = 0; i < RANDOM; i++) {
        struct sampler s;
        sampler_init(&s, i, i % 8 == 0);
        struct record r = hot_record(&s), any = sample_record(&s, record_kinds[i % n_record_kinds]);
        struct input in = hot_input(&s), other = sample_input(&s, input_kinds[i % n_input_kinds]);
        cr_assert(same_record(&r, i), "record %zu is left to the generated code", i);
        cr_assert(same_input(&in, i), "input %zu is left to the generated code", i);
        any.rare = NULL;
        cr_assert(same_record(&any, i), "record %zu has no rare part, and is left to the generated code", i);
        (void)same_input(&other, i);
        sampler_done(&s);
    }
}

/* A field that is new in the struct, and that nobody here has heard of, must not get lost.  Each word of what any record may hold is
 * put into one that is written by hand, alone and with the words before it: a list and its length. */
Test(proto_hot, no_word_of_a_record_is_passed_over)
{
    enum { SEEDS = 24, WORDS = sizeof(struct record) / 8, BEFORE = 3 };
    size_t declined = 0;
    for (size_t seed = 0; seed < SEEDS; seed++) {
        struct sampler s;
        sampler_init(&s, seed, seed % 4 == 0);
        const struct record from = sample_record(&s, record_kinds[(11 * seed) % n_record_kinds]), hot = hot_record(&s);
        for (size_t i = 0; i < WORDS * BEFORE; i++) {
            struct record r = hot;
            size_t word = i / BEFORE, before = i % BEFORE, first = word > before ? word - before : 0;
            memcpy((char *)&r + 8 * first, (const char *)&from + 8 * first, 8 * (word + 1 - first));
            r.kind = hot.kind;
            r.n_numbers = r.numbers ? r.n_numbers : 0;       /* a count without its list would not be a value */
            declined += !same_record(&r, word);
        }
        sampler_done(&s);
    }
    cr_assert_gt(declined, 50);
}

Test(proto_hot, no_word_of_an_input_is_passed_over)
{
    enum { SEEDS = 24, WORDS = sizeof(struct input) / 8 };
    size_t declined = 0;
    for (size_t seed = 0; seed < SEEDS; seed++) {
        struct sampler s;
        sampler_init(&s, seed, seed % 4 == 0);
        const struct input from = sample_input(&s, seed % 2 ? INPUT_COMMAND : INPUT_RESTORED), hot = hot_input(&s);
        for (size_t word = 0; word < WORDS; word++) {
            struct input in = hot;
            memcpy((char *)&in + 8 * word, (const char *)&from + 8 * word, 8);
            in.kind = INPUT_REPORT;
            declined += !same_input(&in, word);
        }
        sampler_done(&s);
    }
    cr_assert_geq(declined, 24);
}

/* It is left to the generated code, which writes the same as by hand where it says nothing. */
Test(proto_hot, a_rare_part_that_says_nothing_is_not_seen)
{
    for (size_t i = 0; i < RANDOM; i++) {
        struct sampler s;
        struct bf_buf a = {0}, b = {0};
        sampler_init(&s, i, i % 8 == 0);
        struct record r = hot_record(&s);
        struct input in = hot_input(&s);
        record_put(&r, FIELD, &a, &s.arena);
        input_put(&in, FIELD, &a, &s.arena);
        record_rare_need(&r, &s.arena);
        input_rare_need(&in, &s.arena);
        cr_assert_not(same_record(&r, i) || same_input(&in, i));
        record_put(&r, FIELD, &b, &s.arena);
        input_put(&in, FIELD, &b, &s.arena);
        same_bytes(&a, &b, "record and input", i);
        bf_buf_free(&a);
        bf_buf_free(&b);
        sampler_done(&s);
    }
}

Test(proto_hot, reports_are_written_the_same)
{
    for (size_t i = 0; i < RANDOM; i++) {
        struct sampler s;
        struct bf_buf a = {0}, b = {0};
        sampler_init(&s, i, i % 8 == 0);
        struct agent_report r = hot_input(&s).report;
        struct pb_out out = put_begin(&a, report_size_hint(&r) + REPORT_ROOM);
        report_put(&r, 12, &out, &s.arena);
        put_end(&a, out);
        Pb__Report pb = PB__REPORT__INIT;
        Pb__Outcome outcome;
        report_to_pb(&r, &pb, &outcome, &s.arena);
        wire_put_element(&b, 12, &pb.base);
        same_bytes(&a, &b, "report", i);
        bf_buf_free(&a);
        bf_buf_free(&b);
        sampler_done(&s);
    }
}

static void lists_to_pb(struct sampler *s, const struct assignment *a, Pb__Assignment *pb)
{
    pb->n_argv = a->n_argv;
    pb->argv = bf_arena_alloc(&s->arena, (a->n_argv + 1) * sizeof *pb->argv);
    for (size_t i = 0; i < a->n_argv; i++)
        pb->argv[i] = wire_from_str(a->argv[i]);
    pb->n_env = a->n_env;
    pb->env = bf_arena_alloc(&s->arena, (a->n_env + 1) * sizeof(Pb__StepEnv *));
    for (size_t i = 0; i < a->n_env; i++) {
        pb->env[i] = bf_arena_alloc(&s->arena, sizeof(Pb__StepEnv));
        pb__step_env__init(pb->env[i]);
        WIRE_SET_BYTES(pb->env[i], name, wire_from_str(a->env[i].name));
        WIRE_SET_BYTES(pb->env[i], value, wire_from_str(a->env[i].value));
    }
    pb->n_refs = a->n_refs;
    pb->refs = bf_arena_alloc(&s->arena, (a->n_refs + 1) * sizeof(Pb__StepRef *));
    for (size_t i = 0; i < a->n_refs; i++) {
        pb->refs[i] = bf_arena_alloc(&s->arena, sizeof(Pb__StepRef));
        pb__step_ref__init(pb->refs[i]);
        WIRE_SET_BYTES(pb->refs[i], name, wire_from_str(a->refs[i].name));
        WIRE_SET_BYTES(pb->refs[i], text, wire_from_str(a->refs[i].text));
    }
}

static void assignment_to_pb(struct sampler *s, const struct assignment *a, Pb__Assignment *pb)
{
    WIRE_SET(pb, attempt, a->ref.attempt);
    WIRE_SET(pb, token, a->ref.token);
    WIRE_SET(pb, backfill, a->backfill);
    WIRE_SET(pb, run, a->run);
    WIRE_SET(pb, attempt_no, a->attempt_no);
    WIRE_SET(pb, n_partitions, a->n_partitions);
    WIRE_SET(pb, kind, (uint32_t)a->kind);
    WIRE_SET_BYTES(pb, step, wire_from_str(a->step));
    WIRE_SET_BYTES(pb, partition, wire_from_str(a->partition));
    WIRE_SET_BYTES(pb, plan, wire_from_str(a->plan));
    WIRE_SET_BYTES(pb, cluster, wire_from_str(a->cluster));
    WIRE_SET_BYTES(pb, run_id, wire_from_str(a->run_id));
    WIRE_SET(pb, timebox_ms, a->timebox_ms);
    WIRE_SET(pb, grace_ms, a->grace_ms);
    WIRE_SET_BYTES(pb, spec, wire_from_str(a->spec));
    WIRE_SET(pb, cpu_milli, a->limits.cpu_milli);
    WIRE_SET(pb, memory_bytes, a->limits.memory_bytes);
    WIRE_SET(pb, io_bytes_s, a->limits.io_bytes_s);
    lists_to_pb(s, a, pb);
}

/* Everything that is not a HELLO, as the generated code writes it. */
static void message_by_pb(struct sampler *s, const struct agent_msg *m, struct bf_buf *b)
{
    Pb__AgentMsg pb = PB__AGENT_MSG__INIT;
    WIRE_SET(&pb, kind, (uint32_t)m->kind);
    WIRE_SET(&pb, incarnation, m->incarnation);
    WIRE_SET(&pb, nonce, m->nonce);
    WIRE_SET(&pb, draining, m->draining);
    WIRE_SET(&pb, kill_reason, (uint32_t)m->kill_reason);
    WIRE_SET(&pb, lease_ms, m->lease_ms);
    WIRE_SET(&pb, fence_ms, m->fence_ms);
    WIRE_SET(&pb, heartbeat_ms, m->heartbeat_ms);
    WIRE_SET_BYTES(&pb, text, wire_from_text(m->text, 1024, &s->arena));
    pb.refs = refs_to_pb(m->refs, m->n_refs, &pb.n_refs);
    wire_put(b, &pb.base);
    for (size_t i = 0; i < m->n_assignments; i++) {
        Pb__Assignment assignment = PB__ASSIGNMENT__INIT;
        assignment_to_pb(s, &m->assignments[i], &assignment);
        wire_put_element(b, 13, &assignment.base);
    }
}

Test(proto_hot, messages_are_written_the_same)
{
    for (size_t i = 0; i < RANDOM; i++) {
        struct sampler s;
        struct bf_buf a = {0}, b = {0};
        sampler_init(&s, i, i % 8 == 0);
        struct agent_msg m = sample_agent_msg(&s, agent_msg_kinds[1 + i % (n_agent_msg_kinds - 1)]);
        cr_assert_neq(m.kind, AGENT_HELLO);
        m.n_reports = m.n_probes = m.n_probed = 0;           /* reports above; probes are not written by hand */
        if (i % 50 == 0) {                                   /* lengths that take two bytes, and more */
            m.n_refs = AGENT_LIST_MAX;
            m.refs = bf_arena_alloc(&s.arena, m.n_refs * sizeof *m.refs);
            for (size_t k = 0; k < m.n_refs; k++)
                m.refs[k] = (struct attempt_ref){bf_prng_next(&s.rng), k};
        }
        agent_msg_encode(&m, &a);
        message_by_pb(&s, &m, &b);
        same_bytes(&a, &b, "message", i);
        bf_buf_free(&a);
        bf_buf_free(&b);
        sampler_done(&s);
    }
}

/* ---- reading ---- */

static void make_agent(struct sampler *s, size_t i, struct bf_buf *b)
{
    struct agent_msg m = sample_agent_msg(s, agent_msg_kinds[i % n_agent_msg_kinds]);
    agent_msg_encode(&m, b);
}

static void make_log(struct sampler *s, size_t i, struct bf_buf *b)
{
    struct log_msg m = sample_log_msg(s, i % 2 ? LOG_CHUNK : LOG_CREDIT);
    m.n_bytes = m.n_bytes < 100 ? m.n_bytes : 100;
    log_msg_encode(&m, b);
}

static void make_request(struct sampler *s, size_t i, struct bf_buf *b)
{
    struct op_request m = sample_request(s, op_verbs[i % n_op_verbs]);
    op_request_encode(&m, b);
}

static void make_reply(struct sampler *s, size_t i, struct bf_buf *b)
{
    (void)i;
    struct op_reply m = sample_reply(s);
    op_reply_encode(&m, b);
}

static void make_turn(struct sampler *s, size_t i, struct bf_buf *b)
{
    struct input in[] = {sample_input(s, input_kinds[i % n_input_kinds]), hot_input(s)};
    struct record r[] = {sample_record(s, record_kinds[i % n_record_kinds]), hot_record(s)};
    in[1].report.outcome.details = "{}";
    turn_encode(&(struct turn){.seq = i, .inputs = in, .n_inputs = 2, .records = r, .n_records = 2}, b);
}

static const struct schema {
    const char *name;
    const ProtobufCMessageDescriptor *type;
    void (*make)(struct sampler *s, size_t i, struct bf_buf *b);
} schemas[] = {
    {"agent", &pb__agent_msg__descriptor, make_agent}, {"log", &pb__log_msg__descriptor, make_log},
    {"request", &pb__op_request__descriptor, make_request}, {"reply", &pb__op_reply__descriptor, make_reply},
    {"turn", &pb__turn__descriptor, make_turn},
};
enum { N_SCHEMAS = sizeof schemas / sizeof *schemas, FIELDS_MAX = 5000 };

static void *arena_alloc(void *arena, size_t n) { return bf_arena_alloc(arena, n); }
static void arena_free(void *arena, void *p) { (void)arena, (void)p; }

/* Was it read quickly?  Then protobuf-c reads the same, and writes what our quick writer does.  The bytes lie in a block of their own size. */
static bool reads_the_same(const struct schema *type, const uint8_t *p, size_t n, const char *how)
{
    struct bf_arena arena = {0};
    ProtobufCAllocator memory = {arena_alloc, arena_free, &arena};
    uint8_t *exact = bf_xmalloc(n ? n : 1);
    memcpy(exact, p, n);
    struct pb_limits limits = {FIELDS_MAX, WIRE_NUMBERS_MAX, WIRE_DEPTH_MAX};
    const ProtobufCMessage *quick = pb_read(type->type, exact, n, limits, &memory);
    if (quick) {
        struct bf_buf a = {0}, b = {0};
        const ProtobufCMessage *slow = protobuf_c_message_unpack(type->type, &memory, n, exact);
        cr_assert_not_null(slow, "%s, %s: only the quick reader takes it", type->name, how);
        wire_put(&a, quick);
        bf_buf_reserve(&b, protobuf_c_message_get_packed_size(slow));
        b.len = protobuf_c_message_pack(slow, b.data);
        same_bytes(&a, &b, type->name, n);
        bf_buf_free(&a);
        bf_buf_free(&b);
    }
    free(exact);
    bf_arena_free(&arena);
    return quick;
}

static void wrong_unless_same_rc(const struct schema *type, const struct bf_buf *b, size_t max_fields)
{
    struct wire_scratch scratch;
    wire_scratch_init(&scratch);
    struct bf_error err = {0};
    struct wire_in a = {.err = &err}, c = {.err = &err};
    bool quick = wire_unpack(&a, &scratch, type->type, b->data, b->len, max_fields, "a test");
    bool slow = wire_unpack_generated(&c, &scratch, type->type, b->data, b->len, max_fields, "a test");
    cr_assert(quick == slow && a.rc == c.rc, "%s: %d and %d with %zu fields", type->name, a.rc, c.rc, max_fields);
    wire_scratch_done(&scratch);
}

Test(proto_hot, what_we_write_is_read_quickly_and_damage_is_read_the_same)
{
    for (size_t k = 0; k < N_SCHEMAS; k++) {
        size_t taken = 0, left = 0;
        for (size_t i = 0; i < RANDOM; i++) {
            struct sampler s;
            struct bf_buf b = {0};
            sampler_init(&s, i, i % 8 == 0);
            schemas[k].make(&s, i, &b);
            cr_assert(reads_the_same(&schemas[k], b.data, b.len, "whole"), "%s %zu is not read quickly", schemas[k].name, i);
            wrong_unless_same_rc(&schemas[k], &b, 1 + bf_prng_below(&s.rng, 60));
            for (int times = 0; times < 4; times++) {
                damage(&s.rng, &b);
                bool quick = reads_the_same(&schemas[k], b.data, b.len, "damaged");
                wrong_unless_same_rc(&schemas[k], &b, FIELDS_MAX);
                taken += quick;
                left += !quick;
            }
            bf_buf_free(&b);
            sampler_done(&s);
        }
        cr_assert(taken > RANDOM / 10 && left > RANDOM / 10, "%s: %zu damaged ones read quickly, %zu not", schemas[k].name, taken, left);
    }
}

/* Bytes of an outcome, and whether they are of the plain form. */
Test(proto_hot, what_is_unusual_is_left_to_the_generated_code)
{
    static const struct { const char *what, *bytes; size_t n; bool quick; } cases[] = {
#define CASE(what, bytes, quick) {what, bytes, sizeof bytes - 1, quick}
        CASE("nothing", "", true),
        CASE("two fields", "\x08\x01\x10\x02", true),
        CASE("zero, written", "\x08\x00", true),
        CASE("empty bytes, written", "\x1a\x00", true),
        CASE("a number with more bytes than it needs", "\x08\x81\x00", true),
        CASE("32 bits", "\x08\xff\xff\xff\xff\x0f", true),
        CASE("more than 32 bits", "\x08\xff\xff\xff\xff\x1f", false),
        CASE("64 bits", "\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", true),
        CASE("65 bits", "\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", false),
        CASE("out of order", "\x10\x02\x08\x01", false),
        CASE("twice", "\x08\x01\x08\x01", false),
        CASE("not of the schema", "\x08\x01\xb8\x01\x01", false),
        CASE("other wire type", "\x0a\x01\x01", false),
        CASE("a tag of six bytes", "\x88\x80\x80\x80\x80\x00\x01", false),
        CASE("a length of six bytes", "\x1a\x81\x80\x80\x80\x80\x00x", false),
        CASE("cut behind a tag", "\x08", false),
        CASE("cut within bytes", "\x1a\x03" "ab", false),
        CASE("field 0", "\x00\x01", false),
        CASE("a group", "\x0b\x0c", false),
#undef CASE
    };
    const struct schema outcome = {"outcome", &pb__outcome__descriptor, NULL};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(reads_the_same(&outcome, (const uint8_t *)cases[i].bytes, cases[i].n, cases[i].what), cases[i].quick, "%s",
                     cases[i].what);
    /* Packed where the schema says so, and not empty. */
    const struct schema agent = {"agent", &pb__agent_msg__descriptor, NULL};
    cr_assert(reads_the_same(&agent, (const uint8_t *)"\x32\x03\x01\xac\x02", 5, "packed"));
    cr_assert(!reads_the_same(&agent, (const uint8_t *)"\x30\x01\x30\x02", 4, "not packed"));
    cr_assert(!reads_the_same(&agent, (const uint8_t *)"\x32\x00", 2, "packed, empty"));
    cr_assert(!reads_the_same(&agent, (const uint8_t *)"\x32\x02\x01\x80", 4, "packed, cut"));
    cr_assert(!reads_the_same(&agent, (const uint8_t *)"\x62\x02\x08\x01\x6a\x02\x08\x01\x62\x02\x08\x01", 12, "a list in two pieces"));
}

Test(proto_hot, limits_hold_for_the_quick_reader)
{
    struct bf_arena arena = {0};
    ProtobufCAllocator memory = {arena_alloc, arena_free, &arena};
    const uint8_t report[] = "\x62\x06\x08\x01\x32\x02\x08\x01";       /* of two fields, the second of one */
    const uint8_t refs[] = "\x32\x03\x01\x02\x03";
    const ProtobufCMessageDescriptor *type = &pb__agent_msg__descriptor;
    cr_assert(pb_read(type, report, 8, (struct pb_limits){4, 0, 3}, &memory));
    cr_assert_not(pb_read(type, report, 8, (struct pb_limits){3, 0, 3}, &memory));
    cr_assert_not(pb_read(type, report, 8, (struct pb_limits){4, 0, 2}, &memory));
    cr_assert(pb_read(type, refs, 5, (struct pb_limits){1, 3, 1}, &memory));
    cr_assert_not(pb_read(type, refs, 5, (struct pb_limits){1, 2, 1}, &memory));
    bf_arena_free(&arena);
}
