/* Inputs, records and turns: what the journal gives back is what was put in. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/mem.h"
#include "proto/turn.h"
#include "proto_samples.h"

static void round_trip(const struct turn *t)
{
    struct turn back;
    struct bf_buf b = {0};
    struct bf_error err = {0};
    turn_encode(t, &b);
    cr_assert_eq(turn_decode(b.data, b.len, &back, &err), BF_OK, "%s", err.text);
    cr_assert(back.seq == t->seq && back.now_ms == t->now_ms && back.wall_us == t->wall_us);
    cr_assert(back.n_inputs == t->n_inputs && back.n_records == t->n_records);
    for (size_t i = 0; i < t->n_inputs; i++) {
        const char *d = input_differs(&t->inputs[i], &back.inputs[i]);
        cr_assert_null(d, "input %s: %s differs", input_kind_name(t->inputs[i].kind), d);
    }
    for (size_t i = 0; i < t->n_records; i++) {
        const char *d = record_differs(&t->records[i], &back.records[i]);
        cr_assert_null(d, "record %s: %s differs", record_kind_name(t->records[i].kind), d);
    }
    /* The journal is compared byte by byte on replay: what was read must be written the same. */
    struct bf_buf again = {0};
    turn_encode(&back, &again);
    cr_assert(again.len == b.len && memcmp(again.data, b.data, b.len) == 0, "encoded again, the bytes differ");
    turn_done(&back);
    bf_buf_free(&again);
    bf_buf_free(&b);
}

static struct turn sample_turn(struct sampler *s, size_t n_inputs, size_t n_records)
{
    struct turn t = {.seq = bf_prng_next(&s->rng), .now_ms = (int64_t)bf_prng_below(&s->rng, 1u << 30), .wall_us = -5,
                     .n_inputs = n_inputs, .n_records = n_records};
    t.inputs = n_inputs ? bf_arena_alloc(&s->arena, n_inputs * sizeof *t.inputs) : NULL;
    t.records = n_records ? bf_arena_alloc(&s->arena, n_records * sizeof *t.records) : NULL;
    for (size_t i = 0; i < n_inputs; i++)
        t.inputs[i] = sample_input(s, input_kinds[i % n_input_kinds]);
    for (size_t i = 0; i < n_records; i++)
        t.records[i] = sample_record(s, record_kinds[i % n_record_kinds]);
    return t;
}

Test(proto_record, every_kind_with_every_field_comes_back)
{
    struct sampler s;
    sampler_init(&s, 1, true);
    struct turn t = sample_turn(&s, 5 * n_input_kinds, 5 * n_record_kinds);
    round_trip(&t);
    for (size_t i = 0; i < n_input_kinds; i++)
        cr_assert_str_neq(input_kind_name(input_kinds[i]), "unknown");
    for (size_t i = 0; i < n_record_kinds; i++)
        cr_assert_str_neq(record_kind_name(record_kinds[i]), "unknown");
    sampler_done(&s);
}

Test(proto_record, random_turns_come_back)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct sampler s;
        sampler_init(&s, seed, false);
        struct turn t = sample_turn(&s, seed % 30, seed % 60);
        round_trip(&t);
        sampler_done(&s);
    }
}

Test(proto_record, records_that_say_only_their_kind_come_back)
{
    static const enum record_kind bare[] = {RECORD_COUNTERS, RECORD_GRANTED, RECORD_RETRIED, RECORD_REPLIED, RECORD_LOW};
    struct record r[5] = {0};
    struct bf_buf b = {0};
    struct bf_error err = {0};
    struct turn t = {.records = r, .n_records = 5}, back;
    for (size_t i = 0; i < 5; i++)
        r[i].kind = bare[i];
    turn_encode(&t, &b);
    cr_assert_eq(turn_decode(b.data, b.len, &back, &err), BF_OK, "%s", err.text);
    for (size_t i = 0; i < 5; i++) {
        const struct record *k = &back.records[i];
        cr_assert_eq(k->kind, bare[i]);
        const struct record_rare *x = record_rare(k);
        const struct outcome *o = record_outcome(k);
        cr_assert(x->text && x->json && x->actor && x->from && x->to && x->pool_name && o->text && o->sqlstate && o->dbms &&
                  x->hello.name && x->hello.version && x->hello.boot_id);
    }
    turn_done(&back);
    bf_buf_free(&b);
}

Test(proto_record, times_of_any_order_come_back)
{
    static const int64_t times[] = {0, 1, -1, 1700000000000000, INT64_MAX, INT64_MIN};
    enum { N = sizeof times / sizeof *times };
    struct record r[N * N] = {0};
    struct bf_buf b = {0};
    struct bf_error err = {0};
    struct turn t = {.records = r, .n_records = N * N}, back;
    for (size_t i = 0; i < N * N; i++)
        r[i] = (struct record){.kind = RECORD_ATTEMPT, .started_us = times[i / N], .ended_us = times[i % N]};
    turn_encode(&t, &b);
    cr_assert_eq(turn_decode(b.data, b.len, &back, &err), BF_OK, "%s", err.text);
    for (size_t i = 0; i < N * N; i++)
        cr_assert(back.records[i].started_us == r[i].started_us && back.records[i].ended_us == r[i].ended_us, "pair %zu", i);
    turn_done(&back);
    bf_buf_free(&b);
}

Test(proto_record, frequent_records_are_small)
{
    struct record granted = {.kind = RECORD_GRANTED, .backfill = 1, .step = 40, .index = 900, .agent = 3, .n = 1, .run = 1,
                             .attempt_no = 1, .ref = {1000000, (1ull << 32) + 1000000}};
    struct record ended = granted;
    ended.kind = RECORD_ENDED;
    ended.started_us = 1700000000000000;
    ended.ended_us = 1700000000020000;
    ended.verdict = VERDICT_SUCCEEDED;
    ended.outcome = &(const struct outcome){.source = OUTCOME_OK, .rows = -1, .usage = {20000, 8000, 3 << 20, 4096, 0, 1}};
    struct bf_buf b = {0};
    records_encode(NULL, 0, &b);
    size_t head = b.len;
    records_encode(&granted, 1, &b);
    cr_assert_leq(b.len - 2 * head, 32, "a grant takes %zu bytes", b.len - 2 * head);
    bf_buf_clear(&b);
    records_encode(&ended, 1, &b);
    cr_assert_leq(b.len - head, 72, "an end takes %zu bytes", b.len - head);
    bf_buf_free(&b);
}

Test(proto_record, lists_of_records_come_back)
{
    struct sampler s;
    sampler_init(&s, 5, true);
    struct turn t = sample_turn(&s, 0, 50);
    struct bf_buf b = {0};
    struct bf_arena arena = {0};
    struct bf_error err = {0};
    struct record *records = NULL;
    size_t n = 77;
    records_encode(t.records, t.n_records, &b);
    cr_assert_eq(records_decode(b.data, b.len, &arena, &records, &n, &err), BF_OK, "%s", err.text);
    cr_assert_eq(n, 50);
    for (size_t i = 0; i < n; i++)
        cr_assert_null(record_differs(&t.records[i], &records[i]), "record %zu", i);
    b.data[b.len - 1] ^= 0x80;                   /* outputs are left alone on failure */
    struct record *before = records;
    cr_assert_neq(records_decode(b.data, b.len - 1, &arena, &records, &n, &err), BF_OK);
    cr_assert(records == before && n == 50);
    bf_arena_free(&arena);
    bf_buf_free(&b);
    sampler_done(&s);
}

/* ---- refusals: bytes written by hand, as another version might ---- */

static enum bf_rc decode(const char *bytes, size_t n, struct bf_error *err)
{
    struct turn t;
    enum bf_rc rc = turn_decode(bytes, n, &t, err);
    turn_done(&t);
    return rc;
}

Test(proto_record, what_is_not_known_is_refused_by_name)
{
#define BYTES(s) s, sizeof s - 1
    static const struct { const char *name, *bytes; size_t n; enum bf_rc rc; const char *says; } cases[] = {
        {"empty turn", BYTES("\x08\x01"), BF_OK, ""},
        {"no version", BYTES(""), BF_UNSUPPORTED, "version 0"},
        {"turn of version 2", BYTES("\x08\x02"), BF_UNSUPPORTED, "version 2"},
        {"record of kind 127", BYTES("\x08\x01\x32\x02\x08\x7f"), BF_PROTOCOL, "record of kind 127 is not known"},
        {"details without content", BYTES("\x08\x01\x32\x02\x08\x12"), BF_PROTOCOL, "details comes without"},
        {"record of kind 0", BYTES("\x08\x01\x32\x02\x10\x01"), BF_PROTOCOL, "record of kind 0"},
        {"record of version 2", BYTES("\x08\x01\x32\x05\x08\x05\x80\x01\x02"), BF_UNSUPPORTED, "a record is of version 2"},
        {"record of version 1", BYTES("\x08\x01\x32\x05\x08\x05\x80\x01\x01"), BF_OK, ""},
        {"input of kind 29", BYTES("\x08\x01\x2a\x02\x08\x1d"), BF_PROTOCOL, "input of kind 29"},
        {"a reading of nothing", BYTES("\x08\x01\x2a\x02\x08\x0c"), BF_PROTOCOL, "comes without its connection"},
        {"denied without content", BYTES("\x08\x01\x2a\x02\x08\x0a"), BF_PROTOCOL, "without what it tells"},
        {"audit without content", BYTES("\x08\x01\x32\x02\x08\x1d"), BF_PROTOCOL, "audit comes without"},
        {"hello without content", BYTES("\x08\x01\x2a\x02\x08\x01"), BF_PROTOCOL, "hello comes without"},
        {"report without content", BYTES("\x08\x01\x2a\x02\x08\x02"), BF_PROTOCOL, "report comes without"},
        {"command without content", BYTES("\x08\x01\x2a\x02\x08\x05"), BF_PROTOCOL, "command comes without"},
        {"end without outcome", BYTES("\x08\x01\x32\x02\x08\x06"), BF_PROTOCOL, "ended comes without"},
        {"pool without its name", BYTES("\x08\x01\x2a\x02\x08\x07"), BF_PROTOCOL, "about a pool comes without its name"},
        {"SQLSTATE in small letters", BYTES("\x08\x01\x32\x0b\x08\x05\x6a\x07\x2a\x05" "42p01"), BF_PROTOCOL, "five of 0-9 A-Z"},
        {"verdict 8", BYTES("\x08\x01\x32\x04\x08\x05\x70\x08"), BF_PROTOCOL, "verdict 8"},
        {"failure class 5", BYTES("\x08\x01\x32\x04\x08\x05\x78\x05"), BF_PROTOCOL, "class of failure 5"},
        {"state 8", BYTES("\x08\x01\x32\x05\x08\x03\x98\x01\x08"), BF_PROTOCOL, "state of a backfill 8"},
        {"key of 2 bytes", BYTES("\x08\x01\x32\x07\x08\x05\xaa\x01\x02hi"), BF_PROTOCOL, "2 bytes long, not 32"},
        {"classes without content", BYTES("\x08\x01\x32\x02\x08\x11"), BF_PROTOCOL, "priority_set comes without"},
        {"classes without steps", BYTES("\x08\x01\x32\x07\x08\x11\xfa\x01\x02\x08\x02"), BF_PROTOCOL, "priority_set comes without"},
        {"class of no step", BYTES("\x08\x01\x32\x08\x08\x11\xfa\x01\x03\x12\x01\x02"), BF_PROTOCOL, "priority_set comes without"},
        {"classes of steps", BYTES("\x08\x01\x32\x0a\x08\x11\xfa\x01\x05\x08\x02\x12\x01\x02"), BF_OK, ""},
        {"class 5", BYTES("\x08\x01\x32\x0a\x08\x11\xfa\x01\x05\x08\x05\x12\x01\x02"), BF_PROTOCOL, "priority class 5"},
        {"steered without an action", BYTES("\x08\x01\x32\x02\x08\x13"), BF_PROTOCOL, "steered comes without"},
        {"action 9", BYTES("\x08\x01\x32\x07\x08\x13\x82\x02\x02\x08\x09"), BF_PROTOCOL, "action on step instances 9"},
        {"half a range", BYTES("\x08\x01\x32\x0b\x08\x13\x82\x02\x06\x08\x01\x1a\x02\x01\x02"), BF_PROTOCOL,
         "range of partitions is not whole"},
        {"a range", BYTES("\x08\x01\x32\x0c\x08\x13\x82\x02\x07\x08\x01\x1a\x03\x01\x02\x03"), BF_OK, ""},
        {"empty record", BYTES("\x08\x01\x32\x00"), BF_PROTOCOL, "empty element among the records"},
        {"field of a later version", BYTES("\x08\x01\xf8\x07\x01\x32\x05\x08\x05\xf8\x07\x01"), BF_OK, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_error err = {0};
        cr_assert_eq(decode(cases[i].bytes, cases[i].n, &err), cases[i].rc, "%s: %s", cases[i].name, err.text);
        cr_assert_not_null(strstr(err.text, cases[i].says), "%s: said \"%s\"", cases[i].name, err.text);
    }
}

Test(proto_record, only_changes_are_inputs)
{
    struct sampler s;
    sampler_init(&s, 1, true);
    struct input i = sample_input(&s, INPUT_COMMAND);
    struct turn t = {.inputs = &i, .n_inputs = 1}, back;
    struct bf_buf b = {0};
    struct bf_error err = {0};
    i.rare->command.verb = OP_STATUS;
    i.rare->command.queue = false;                     /* of creates alone */
    i.rare->command.reprocess = OP_REPROCESS_ALL;
    turn_encode(&t, &b);
    cr_assert_eq(turn_decode(b.data, b.len, &back, &err), BF_PROTOCOL);
    cr_assert_not_null(strstr(err.text, "(status) is no input"), "%s", err.text);
    turn_done(&back);
    bf_buf_clear(&b);
    i.rare->command.verb = OP_PRIORITY;
    i.rare->command.dry_run = true;
    err = (struct bf_error){0};
    turn_encode(&t, &b);
    cr_assert_eq(turn_decode(b.data, b.len, &back, &err), BF_PROTOCOL);
    cr_assert_not_null(strstr(err.text, "a dry run (priority) is no input"), "%s", err.text);
    turn_done(&back);
    bf_buf_free(&b);
    sampler_done(&s);
}
