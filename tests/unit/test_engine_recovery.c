/* Recovery (I17): records applied to a fresh engine, with or without a snapshot taken in mid-run, give the same state; and the
 * same decisions on the same later inputs. */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "tests/support/engine_fixture.h"

static void rebuild(struct engine *e, int64_t now_ms)
{
    struct bf_error err = {0};
    cr_assert_eq(engine_rebuild(e, now_ms, &err), BF_OK, "%s", err.text);
    cr_assert(engine_check(e, true, &err), "%s", err.text);
}

static void start(struct fx *f, struct chaos *c, uint64_t seed, uint32_t n_backfills)
{
    fx_init(
        f,
        &(struct engine_config){
            .seed = seed, .gate_openings_per_turn_max = 5, .grants_per_turn_max = 6, .lost_attempts_max = 3, .replies_kept = 5});
    chaos_init(c, seed);
    c->steers = seed % 2;
    for (uint32_t i = 0; i < n_backfills; i++)
        fx_create(f, fx_random_plan, seed * 10 + i);
    fx_turn(f);
}

Test(engine_recovery, the_journal_alone_restores_every_turn)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct fx f;
        struct chaos c;
        start(&f, &c, seed, 2);
        for (int turn = 0; turn < 60; turn++) {
            chaos_turn(&c, &f);
            if (turn % 7 != 0)
                continue;
            struct engine *e = fx_fresh(&f);
            for (size_t i = 0; i < f.journal.n; i++)
                fx_apply_turn(e, &f.journal.at[i]);
            rebuild(e, f.now_ms);
            cr_assert(fx_same_state(f.e, e), "seed %llu, turn %d", (unsigned long long)seed, turn);
            engine_free(e);
        }
        fx_done(&f);
    }
}

/* A snapshot begun at turn `begin`, one chunk a turn while the run goes on; then the later turns. */
static void snapshot_run(uint64_t seed, int begin, uint32_t n_backfills)
{
    struct fx f;
    struct chaos c;
    start(&f, &c, seed, n_backfills);
    for (int turn = 0; turn < begin; turn++)
        chaos_turn(&c, &f);
    size_t from = f.journal.n;
    struct engine *e = fx_fresh(&f);
    engine_snapshot_begin(f.e);
    cr_assert(engine_snapshot_active(f.e));
    struct engine_out chunk = {0};
    while (engine_snapshot_next(f.e, &chunk)) {
        fx_apply_encoded(e, chunk.records, chunk.n_records);
        engine_out_clear(&chunk);
        chaos_turn(&c, &f);
    }
    cr_assert_not(engine_snapshot_active(f.e));
    if (f.journal.n == from)
        chaos_turn(&c, &f);
    for (size_t i = from; i < f.journal.n; i++)
        fx_apply_turn(e, &f.journal.at[i]);
    rebuild(e, f.now_ms);
    cr_assert(fx_same_state(f.e, e), "seed %llu, snapshot at turn %d", (unsigned long long)seed, begin);
    engine_out_free(&chunk);
    engine_free(e);
    fx_done(&f);
}

Test(engine_recovery, a_snapshot_of_mid_run_and_the_later_turns_restore_it)
{
    for (uint64_t seed = 100; seed < 160; seed++)
        snapshot_run(seed, (int)(seed % 40), 1 + (uint32_t)(seed % 3));
}

static struct plan *wide(uint64_t n)
{
    struct plan *p = fx_plan();
    fx_days(p, 10000, (uint32_t)n);
    uint32_t a = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    uint32_t b = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_previous(p, b, a, 1);
    return fx_plan_done(p);
}

/* Several chunks, and changes between them to those that are written, to those that are not, and to those never touched before.
 */
Test(engine_recovery, chunks_are_copied_before_they_change)
{
    static const struct engine_config config = {.grants_per_turn_max = 4096};
    struct fx f;
    struct chaos c;
    fx_init(&f, &config);
    chaos_init(&c, 5);
    c.no_halts = true;
    for (int i = 0; i < 4; i++) {
        c.agents[i].slots = 500;
        c.here[i] = fx_hello(&f, &c.agents[i], 0) != 0;
    }
    fx_create(&f, wide, 10000);
    for (int i = 0; i < 8; i++)
        chaos_turn(&c, &f);
    uint8_t before[32], after[32];
    engine_state_hash(f.e, before);
    struct engine *as_of = fx_fresh(&f), *later = fx_fresh(&f);
    size_t from = f.journal.n, n_chunks = 0;
    struct engine_out chunk = {0};
    engine_snapshot_begin(f.e);
    while (engine_snapshot_next(f.e, &chunk)) {
        fx_apply_encoded(as_of, chunk.records, chunk.n_records);
        fx_apply_encoded(later, chunk.records, chunk.n_records);
        for (size_t i = 0; i < chunk.n_records; i++)
            n_chunks += chunk.records[i].kind == RECORD_INSTANCES;
        engine_out_clear(&chunk);
        chaos_turn(&c, &f);
    }
    cr_assert_geq(n_chunks, 2u);
    rebuild(as_of, f.now_ms);
    engine_state_hash(as_of, after);
    cr_assert_eq(memcmp(before, after, sizeof before), 0, "the snapshot is as of its beginning");
    for (size_t i = from; i < f.journal.n; i++)
        fx_apply_turn(later, &f.journal.at[i]);
    rebuild(later, f.now_ms);
    cr_assert(fx_same_state(f.e, later));
    engine_out_free(&chunk);
    engine_free(as_of);
    engine_free(later);
    fx_done(&f);
}

static struct plan *windowed(uint64_t width)
{
    struct plan *p = fx_plan();
    fx_days(p, 0, 100000);
    uint32_t a = fx_step(p, PLAN_DAY, PLAN_NO_INDEX), b = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_window(p, b, a, 1 - (int32_t)width, 0);
    fx_window(p, b, b, -(int32_t)width, -1);
    return fx_plan_done(p);
}

/* How long that takes: bench/bench_plan.c. */
Test(engine_recovery, counters_of_wide_windows)
{
    static const uint64_t widths[] = {1, 7, PLAN_WINDOW_MAX};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        struct fx f;
        struct instance_view v;
        fx_init(&f, NULL);
        cr_assert_eq(fx_create(&f, windowed, widths[i]), 1u);
        cr_assert(engine_instance(f.e, 1, 1, 99999, &v));
        cr_expect_eq(v.unmet, 2 * widths[i]);
        cr_assert(engine_instance(f.e, 1, 1, 0, &v));
        cr_expect_eq(v.unmet, 1, "before the range nothing is needed");
        fx_done(&f);
    }
}

/* Decide again on the inputs of a journalled turn: the records must be the stored ones, byte for byte. */
static void decide_again(struct engine *e, const struct bf_buf *bytes, size_t turn)
{
    struct turn t = {0};
    struct bf_error err = {0};
    struct engine_out out = {0};
    struct bf_buf again = {0}, stored = {0};
    cr_assert_eq(turn_decode(bytes->data, bytes->len, &t, &err), BF_OK, "%s", err.text);
    for (size_t i = 0; i < t.n_inputs; i++)
        engine_step(e, &t.inputs[i], t.now_ms, t.wall_us, &out);
    engine_finish_turn(e, t.now_ms, t.wall_us, &out);
    records_encode(out.records, out.n_records, &again);
    records_encode(t.records, t.n_records, &stored);
    cr_assert(again.len == stored.len && memcmp(again.data, stored.data, stored.len) == 0, "turn %zu: %zu records, stored %zu",
              turn, out.n_records, t.n_records);
    bf_buf_free(&again);
    bf_buf_free(&stored);
    engine_out_free(&out);
    turn_done(&t);
}

Test(engine_recovery, the_same_inputs_give_the_same_records)
{
    for (uint64_t seed = 200; seed < 240; seed++) {
        struct fx f;
        struct chaos c;
        start(&f, &c, seed, 2);
        for (int turn = 0; turn < 80; turn++)
            chaos_turn(&c, &f);
        struct engine *whole = fx_fresh(&f), *recovered = fx_fresh(&f);
        for (size_t i = 0; i < f.journal.n; i++)
            decide_again(whole, &f.journal.at[i], i);
        cr_assert(fx_same_state(f.e, whole));
        size_t half = f.journal.n / 2;           /* one that was down in the middle decides the rest alike */
        for (size_t i = 0; i < half; i++)
            fx_apply_turn(recovered, &f.journal.at[i]);
        rebuild(recovered, f.now_ms);
        for (size_t i = half; i < f.journal.n; i++)
            decide_again(recovered, &f.journal.at[i], i);
        cr_assert(fx_same_state(f.e, recovered), "seed %llu", (unsigned long long)seed);
        engine_free(whole);
        engine_free(recovered);
        fx_done(&f);
    }
}

Test(engine_recovery, records_that_do_not_fit_are_named_as_damage)
{
    struct record bad[] = {
        {.kind = RECORD_GRANTED, .backfill = 9},
        {.kind = RECORD_STARTED, .ref = {7, 7}},
        {.kind = RECORD_ENDED, .ref = {7, 7}, .verdict = VERDICT_FAILED},
        {.kind = RECORD_BACKFILL_STATE, .backfill = 1, FX_RARE(.backfill_state = BACKFILL_PAUSED)},
        {.kind = RECORD_RETRIED, .backfill = 9},
        {.kind = RECORD_AGENT_STATE, .agent = 3},
        {.kind = RECORD_AGENT_JOINED, .agent = 77},
        {.kind = RECORD_READY_AGAIN, .backfill = 1},
        {.kind = RECORD_GATE_OPENED, .backfill = 1, FX_RARE(.upto = 1)},
        {.kind = RECORD_CANCELLED, .backfill = 9},
        {.kind = RECORD_BACKFILL_CREATED, .backfill = 2},
        {.kind = RECORD_INSTANCES, .backfill = 1, FX_RARE(.bytes = (const uint8_t *)"\x01\xff\xff\xff\xff", .n_bytes = 5)},
        {.kind = RECORD_INSTANCES, .backfill = 1, FX_RARE(.bytes = (const uint8_t *)"\x02", .n_bytes = 1)},
        {.kind = RECORD_ATTEMPT, .backfill = 1, .agent = 5},
        {.kind = RECORD_FAILURE, .backfill = 1, .step = 50},
        {.kind = RECORD_GATE, .backfill = 1, FX_RARE(.gate = 9)},
        {.kind = RECORD_BACKOFF, .backfill = 4},
        {.kind = RECORD_POOL_SET, FX_RARE(.pool_name = "")},
        {.kind = (enum record_kind)99},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fx f;
        struct bf_error err = {0};
        fx_init(&f, NULL);
        fx_create(&f, wide, 3);
        fx_turn(&f);
        fx_ask(&f, OP_CANCEL, 1);
        fx_turn(&f);
        cr_assert_eq(engine_apply(f.e, &bad[i], &err), BF_CORRUPT, "record %zu of kind %d was taken", i, (int)bad[i].kind);
        cr_assert_neq(err.text[0], '\0');
        fx_done(&f);
    }
}
