/* --reprocess: what earlier backfills of the plan did is not done again. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

static const struct op_request missing = {.reprocess = OP_REPROCESS_MISSING}, failed = {.reprocess = OP_REPROCESS_FAILED},
                               failed_downstream = {.reprocess = OP_REPROCESS_FAILED, .downstream = true};

/* s0 each day; s1 after the same day and the day before of itself; s2 the month.  seed: days from January 1st * 1000 + how many * 10 + the
 * step that has another version (9: none). */
static struct plan *make(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1 + (int32_t)(seed / 1000), (uint32_t)(seed / 10 % 100));
    uint32_t load = fx_step(p, PLAN_DAY, PLAN_NO_INDEX), sum = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    uint32_t month = fx_step(p, PLAN_MONTH, PLAN_NO_INDEX);
    fx_edge(p, sum, load, PLAN_SAME);
    fx_previous(p, sum, sum, 1);
    fx_edge(p, month, sum, PLAN_CONTAINED);
    for (uint32_t s = 0; s < 3; s++)
        p->steps[s].retry.max_attempts = 1;
    if (seed % 10 < 3)
        p->steps[seed % 10].hash[0] = 1;
    return fx_plan_done(p);
}

static uint64_t days(uint32_t from, uint32_t n, uint32_t changed) { return from * 1000 + n * 10 + changed; }

/* Runs what is open; an instance of s0 fails on the days of the mask. */
static void run_out(struct fx *f, const struct fx_agent *agent, uint32_t bad)
{
    for (int i = 0; i < 90; i++) {
        for (uint64_t id = engine_next_attempt(f->e, 0), next; id; id = next) {
            struct attempt_view a;
            next = engine_next_attempt(f->e, id);
            cr_assert(engine_find_attempt(f->e, id, &a));
            bool fails = a.step == 0 && bad >> a.index & 1;
            fx_ended(f, agent, a.ref, fails ? OUTCOME_EXIT : OUTCOME_OK, fails ? 126 : 0);
        }
        fx_turn(f);
    }
}

static struct fx_agent start(struct fx *f)
{
    struct fx_agent a = fx_agent(1, 500);
    fx_init(f, NULL);
    fx_hello(f, &a, 0);
    fx_turn(f);
    return a;
}

static uint32_t create(struct fx *f, uint64_t seed, const struct op_request *how, const char *words)
{
    const struct effect *reply = fx_create_as(f, make, seed, how);
    cr_assert_eq(reply->rc, BF_OK, "%s", reply->text);
    cr_assert_not_null(strstr(reply->text, words), "\"%s\" is not in: %s", words, reply->text);
    uint32_t id = engine_latest_backfill(f->e);
    fx_turn(f);
    return id;
}

static struct instance_view look(const struct fx *f, uint32_t id, uint32_t step, uint32_t index)
{
    struct instance_view v;
    cr_assert(engine_instance(f->e, id, step, index, &v));
    return v;
}

static void recovered(const struct fx *f)
{
    struct bf_error err = {0};
    for (int with_snapshot = 0; with_snapshot < 2; with_snapshot++) {
        struct engine *e = fx_fresh(f);
        struct engine_out out = {0};
        for (size_t i = 0; !with_snapshot && i < f->journal.n; i++)
            fx_apply_turn(e, &f->journal.at[i]);
        if (with_snapshot)
            engine_snapshot_begin(f->e);
        while (with_snapshot && engine_snapshot_next(f->e, &out)) {
            fx_apply_encoded(e, out.records, out.n_records);
            engine_out_clear(&out);
        }
        cr_assert_eq(engine_rebuild(e, f->now_ms, &err), BF_OK, "%s", err.text);
        cr_assert(engine_check(e, true, &err), "%s", err.text);
        cr_assert(fx_same_state(f->e, e), "%s", with_snapshot ? "from a snapshot" : "from the journal");
        engine_out_free(&out);
        engine_free(e);
    }
}

Test(engine_reuse, missing_runs_what_was_never_brought_to_an_end)
{
    struct fx f;
    struct fx_agent a = start(&f);
    create(&f, days(0, 5, 9), &(struct op_request){0}, "bf-1");
    run_out(&f, &a, 1u << 2);                    /* load of the 3rd; so the sums from there on, and the month, wait */
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_PARTLY);
    uint32_t id = create(&f, days(0, 7, 9), &missing, "bf-2: 8 of 15 run, 6 are reused; 1 that failed before stays failed");
    recovered(&f);
    cr_assert_eq(look(&f, id, 0, 2).state, INSTANCE_FAILED);
    cr_assert_eq(look(&f, id, 0, 2).reused_from, 1u);
    struct outcome o;
    enum failure_class class;
    cr_assert(engine_failure(f.e, id, 0, 2, &o, &class) && o.source == OUTCOME_EXIT && o.code == 126, "with why it failed");
    cr_assert_eq(look(&f, id, 1, 1).state, INSTANCE_SKIPPED);
    cr_assert(look(&f, id, 1, 2).state == INSTANCE_WAITING && look(&f, id, 1, 2).upstream_failed);
    run_out(&f, &a, 0);
    cr_assert_eq(fx_backfill(&f, id).count[INSTANCE_SUCCEEDED], 2u, "the two days that are new");
    cr_assert_eq(fx_backfill(&f, id).state, BACKFILL_PARTLY);
    cr_assert_eq(fx_ask(&f, OP_RETRY, id)->rc, BF_OK);
    fx_turn(&f);
    cr_assert(look(&f, id, 0, 2).run == 2 && look(&f, id, 0, 2).reused_from == 0, "a new run is its own");
    recovered(&f);
    run_out(&f, &a, 0);
    cr_assert_eq(fx_backfill(&f, id).state, BACKFILL_SUCCEEDED);
    recovered(&f);
    fx_done(&f);
}

Test(engine_reuse, failed_runs_what_failed_and_the_newest_that_began_it_counts)
{
    struct fx f;
    struct fx_agent a = start(&f);
    create(&f, days(0, 5, 9), &(struct op_request){0}, "bf-1");
    run_out(&f, &a, 1u << 2);
    uint32_t id = create(&f, days(0, 5, 9), &failed, "bf-2: 5 of 11 run, 6 are reused");
    cr_assert_eq(fx_ask(&f, OP_CANCEL, id)->rc, BF_OK);
    fx_ended(&f, &a, fx_attempt(&f, id, 0, 2), OUTCOME_CANCELLED, 0);
    fx_turn(&f);
    id = create(&f, days(0, 5, 9), &missing, "bf-3: 5 of 11 run, 6 are reused");
    cr_assert_eq(look(&f, id, 0, 0).reused_from, 1u, "not the one between");
    run_out(&f, &a, 0);
    cr_assert_eq(fx_backfill(&f, id).state, BACKFILL_SUCCEEDED);
    id = create(&f, days(0, 5, 9), &missing, "bf-4: nothing is left to run, all 11 are reused");
    cr_assert_eq(fx_backfill(&f, id).state, BACKFILL_SUCCEEDED, "at once");
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 0u);
    cr_assert_eq(look(&f, id, 0, 2).reused_from, 3u);
    recovered(&f);
    fx_done(&f);
}

Test(engine_reuse, another_version_of_a_step_and_what_is_older_than_what_it_reads)
{
    struct fx f;
    struct fx_agent a = start(&f);
    create(&f, days(0, 5, 9), &(struct op_request){0}, "bf-1");
    run_out(&f, &a, 0);
    create(&f, days(0, 5, 2), &failed, "1 of 11 runs, 10 are reused");
    run_out(&f, &a, 0);
    uint32_t id = create(&f, days(2, 3, 0), &failed, "4 of 7 run, 3 are reused; 3 reused results are older than what they read");
    cr_assert(look(&f, id, 1, 0).reused_from && look(&f, id, 1, 0).stale);
    recovered(&f);
    run_out(&f, &a, 0);
    cr_assert_eq(fx_backfill(&f, id).state, BACKFILL_SUCCEEDED);
    create(&f, days(2, 3, 0), &failed_downstream, "4 of 7 run, 3 are reused");     /* what is old stays so, until it runs */
    run_out(&f, &a, 0);
    create(&f, days(2, 3, 0), &failed_downstream, "nothing is left to run, all 7 are reused");
    fx_done(&f);
}

Test(engine_reuse, downstream_without_a_reprocess_is_refused)
{
    struct fx f;
    start(&f);
    cr_assert_eq(fx_create_as(&f, make, days(0, 5, 9), &(struct op_request){.downstream = true})->rc, BF_INVALID);
    fx_done(&f);
}

static struct plan *wide(uint64_t n)
{
    struct plan *p = fx_plan();
    fx_days(p, 0, (uint32_t)n);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    p->steps[0].retry.max_attempts = 1;
    return fx_plan_done(p);
}

static bool wide_fails(uint32_t i)
{
    return i % 7 == 1 || i % 7 == 3 || i % 7 == 5;
}

/* Several records, no two alike: six ranges to a week, and a record's many are no multiple of six. */
Test(engine_reuse, ranges_are_split_over_records)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 30000);
    fx_init(&f, &(struct engine_config){.grants_per_turn_max = 30000});
    fx_hello(&f, &a, 0);
    fx_create(&f, wide, 20000);
    fx_turn(&f);
    for (uint32_t i = 0; i < 20000; i++)
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, i), wide_fails(i) ? OUTCOME_EXIT : OUTCOME_OK, wide_fails(i) ? 126 : 0);
    fx_turn(&f);
    const struct effect *reply = fx_create_as(&f, wide, 20000, &failed);
    cr_assert_not_null(strstr(reply->text, "8571 of 20000 run, 11429 are reused"), "%s", reply->text);
    cr_assert_eq(fx_count_records(&f, RECORD_REUSED), 5u);
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(record_rare(fx_record(&f, RECORD_REUSED, i))->last, i == 4);
    fx_turn(&f);
    recovered(&f);
    fx_done(&f);
}

/* Random plans of one name over one another, in the middle of a run: what is taken over is the same after a recovery. */
Test(engine_reuse, chaos)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct fx f;
        struct chaos c;
        fx_init(&f, &(struct engine_config){.seed = seed, .gate_openings_per_turn_max = 5, .grants_per_turn_max = 6,
                                            .lost_attempts_max = 3, .replies_kept = 5});
        chaos_init(&c, seed);
        fx_create(&f, fx_random_plan, seed);
        fx_turn(&f);
        for (int turn = 0; turn < 30; turn++)
            chaos_turn(&c, &f);
        struct op_request how = {.reprocess = (enum op_reprocess)(1 + seed % 2), .downstream = seed % 3 == 0};
        cr_assert_eq(fx_create_as(&f, fx_random_plan, seed, &how)->rc, BF_OK);
        fx_turn(&f);
        for (int turn = 0; turn < 20; turn++)
            chaos_turn(&c, &f);
        recovered(&f);
        chaos_settle(&c, &f);
        fx_turn(&f);
        recovered(&f);
        fx_done(&f);
    }
}
