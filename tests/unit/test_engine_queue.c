/* The queue: who waits for whom, in which order they begin, and what can be done with one that has not begun. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

static const struct op_request queue = {.queue = true};

/* Step s0 writes a dataset over some days: seed is the first day * 1000 + days * 10 + the dataset.  Of 9 it requires the day before. */
static struct plan *make(uint64_t seed)
{
    static const char *const datasets[] = {"x", "y"};
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1 + (int32_t)(seed / 1000), (uint32_t)(seed / 10 % 100));
    uint32_t step = fx_step(p, PLAN_DAY, fx_pool(p, "small", 20 + (uint32_t)(seed / 1000)));
    if (seed % 10 != 9) {
        fx_output(p, step, "wh", datasets[seed % 10]);
    } else {
        uint32_t reader = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
        fx_output(p, step, "wh", "x");
        fx_previous(p, reader, step, 1);
        fx_outside(p, reader, PLAN_REQUIRE_SUCCESS);
    }
    return fx_plan_done(p);
}

static uint64_t days(uint32_t from, uint32_t n, uint32_t dataset) { return from * 1000 + n * 10 + dataset; }

static struct fx_agent start(struct fx *f)
{
    struct fx_agent a = fx_agent(1, 100);
    fx_init(f, NULL);
    fx_hello(f, &a, 0);
    fx_turn(f);
    return a;
}

static enum backfill_state state(const struct fx *f, uint32_t id) { return fx_backfill(f, id).state; }

/* Everything that is open ends, until nothing is. */
static void run_out(struct fx *f, const struct fx_agent *agent, enum outcome_source source)
{
    for (int i = 0; i < 8; i++) {
        for (uint64_t id = engine_next_attempt(f->e, 0), next; id; id = next) {
            struct attempt_view a;
            next = engine_next_attempt(f->e, id);
            cr_assert(engine_find_attempt(f->e, id, &a));
            fx_ended(f, agent, a.ref, source, source == OUTCOME_EXIT ? 126 : 0);
        }
        fx_turn(f);
    }
}

static uint32_t queued(struct fx *f, uint64_t seed)
{
    const struct effect *reply = fx_create_as(f, make, seed, &queue);
    cr_assert_eq(reply->rc, BF_OK, "%s", reply->text);
    uint32_t id = engine_latest_backfill(f->e);
    fx_turn(f);
    return id;
}

/* The state after the journal alone. */
static void recovered(const struct fx *f)
{
    struct bf_error err = {0};
    struct engine *e = fx_fresh(f);
    for (size_t i = 0; i < f->journal.n; i++)
        fx_apply_turn(e, &f->journal.at[i]);
    cr_assert_eq(engine_rebuild(e, f->now_ms, &err), BF_OK, "%s", err.text);
    cr_assert(fx_same_state(f->e, e));
    engine_free(e);
    e = fx_fresh(f);
    struct engine_out out = {0};
    engine_snapshot_begin(f->e);
    while (engine_snapshot_next(f->e, &out)) {
        fx_apply_encoded(e, out.records, out.n_records);
        engine_out_clear(&out);
    }
    cr_assert_eq(engine_rebuild(e, f->now_ms, &err), BF_OK, "%s", err.text);
    cr_assert(fx_same_state(f->e, e), "from a snapshot");
    engine_out_free(&out);
    engine_free(e);
}

Test(engine_queue, they_begin_in_order_when_nothing_overlaps_any_more)
{
    struct fx f;
    struct fx_agent a = start(&f);
    cr_assert_eq(queued(&f, days(0, 10, 0)), 1u);
    cr_assert_eq(state(&f, 1), BACKFILL_RUNNING, "nothing is in its way");
    cr_assert_eq(queued(&f, days(5, 10, 0)), 2u);
    cr_assert_eq(queued(&f, days(12, 8, 0)), 3u);
    cr_assert_eq(queued(&f, days(0, 30, 1)), 4u);
    cr_assert_eq(state(&f, 2), BACKFILL_QUEUED);
    cr_assert_eq(state(&f, 3), BACKFILL_QUEUED, "it overlaps the one that is queued, and does not overtake it");
    cr_assert_eq(state(&f, 4), BACKFILL_RUNNING, "another dataset");
    struct queued_behind q;
    cr_assert(engine_queued_behind(f.e, 2, &q) && q.backfill == 1);
    cr_assert_str_eq(q.dataset, "x");
    cr_assert(strcmp(q.from, "2024-01-06") == 0 && strcmp(q.to, "2024-01-10") == 0, "%s to %s", q.from, q.to);
    cr_assert(engine_queued_behind(f.e, 3, &q) && q.backfill == 2);
    cr_assert_not(engine_queued_behind(f.e, 1, &q));
    recovered(&f);
    const struct effect *reply = fx_create_as(&f, make, days(14, 1, 0), &(struct op_request){0});
    cr_assert_eq(reply->rc, BF_CONFLICT);
    cr_assert_not_null(strstr(reply->text, "bf-2 (queued) writes x for 2024-01-15"), "%s", reply->text);
    cr_expect_not_null(strstr(reply->text, ": wait until it is over (--queue waits for that), or cancel it"), "%s", reply->text);
    fx_ask(&f, OP_CANCEL, 1);
    fx_turn(&f);
    reply = fx_create_as(&f, make, days(0, 1, 0), &(struct op_request){0});
    cr_expect_not_null(strstr(reply->text, "bf-1 (cancelled) writes x for 2024-01-01, and so would this one: wait until what it still runs "
                                           "has ended (--queue waits for that)"), "%s", reply->text);
    cr_assert_eq(state(&f, 2), BACKFILL_QUEUED, "what was cancelled is not dead yet");
    fx_lost(&f, &a);
    fx_turn(&f);
    cr_assert_eq(state(&f, 2), BACKFILL_RUNNING, "in the same turn");
    cr_assert_eq(state(&f, 3), BACKFILL_QUEUED);
    fx_hello(&f, &a, 0);
    fx_turn(&f);
    run_out(&f, &a, OUTCOME_OK);
    for (uint32_t id = 2; id <= 4; id++)
        cr_assert_eq(state(&f, id), BACKFILL_SUCCEEDED, "bf-%u", id);
    cr_assert_leq(fx_backfill(&f, 2).finished_us, fx_backfill(&f, 3).started_us);
    recovered(&f);
    fx_done(&f);
}

Test(engine_queue, what_can_be_done_with_one_that_has_not_begun)
{
    struct fx f;
    struct fx_agent a = start(&f);
    queued(&f, days(0, 2, 0));
    queued(&f, days(0, 2, 0));
    queued(&f, days(0, 2, 0));
    cr_assert_eq(fx_ask(&f, OP_PAUSE, 2)->rc, BF_CONFLICT);
    cr_assert_eq(fx_ask(&f, OP_RESUME, 2)->rc, BF_CONFLICT);
    struct blocker b[4];
    cr_assert_eq(engine_why(f.e, 2, 0, 0, b, 4), 1u, "only that it is queued");
    cr_assert_eq(b[0].kind, BLOCKER_QUEUED);
    cr_assert_eq(fx_ask(&f, OP_CANCEL, 2)->rc, BF_OK);
    fx_turn(&f);
    cr_assert(state(&f, 2) == BACKFILL_CANCELLED && fx_backfill(&f, 2).finished_us != 0 && fx_backfill(&f, 2).started_us == 0);
    recovered(&f);
    run_out(&f, &a, OUTCOME_EXIT);
    cr_assert_eq(state(&f, 1), BACKFILL_FAILED);
    cr_assert_eq(state(&f, 3), BACKFILL_FAILED);
    cr_assert_eq(fx_ask(&f, OP_RETRY, 1)->rc, BF_OK);
    cr_assert_eq(queued(&f, days(0, 1, 0)), 4u);
    const struct effect *reply = fx_ask(&f, OP_RETRY, 3);
    cr_assert(reply->rc == BF_CONFLICT && strstr(reply->text, "bf-1 (running)"), "%s", reply->text);
    run_out(&f, &a, OUTCOME_OK);
    cr_assert_eq(state(&f, 4), BACKFILL_SUCCEEDED);
    fx_done(&f);
}

Test(engine_queue, a_retry_does_not_overtake)
{
    struct fx f;
    struct fx_agent a = start(&f);
    queued(&f, days(0, 2, 0));
    run_out(&f, &a, OUTCOME_EXIT);
    queued(&f, days(2, 2, 0));
    queued(&f, days(1, 3, 0));
    const struct effect *reply = fx_ask(&f, OP_RETRY, 1);
    cr_assert(reply->rc == BF_CONFLICT && strstr(reply->text, "bf-3 (queued) writes x for 2024-01-02, "), "%s", reply->text);
    fx_done(&f);
}

Test(engine_queue, none_begins_at_low_water)
{
    struct fx f;
    struct fx_agent a = start(&f);
    queued(&f, days(0, 2, 0));
    queued(&f, days(0, 2, 0));
    fx_step_input(&f, &(struct input){.kind = INPUT_LOW, FX_SAYS(.low = true)});
    run_out(&f, &a, OUTCOME_OK);
    cr_assert_eq(state(&f, 1), BACKFILL_SUCCEEDED);
    cr_assert_eq(state(&f, 2), BACKFILL_QUEUED);
    cr_assert_eq(fx_create_as(&f, make, days(0, 1, 0), &queue)->rc, BF_FULL);
    fx_step_input(&f, &(struct input){.kind = INPUT_LOW, FX_SAYS(.low = false)});
    fx_turn(&f);
    cr_assert_eq(state(&f, 2), BACKFILL_RUNNING);
    fx_done(&f);
}

Test(engine_queue, a_pool_is_that_of_the_beginning)
{
    struct fx f;
    struct fx_agent a = start(&f);
    struct pool_view p;
    queued(&f, days(5, 2, 0));
    queued(&f, days(0, 9, 0));
    engine_pool(f.e, 0, &p);
    cr_assert_eq(p.slots, 25u, "one that waits lowers nothing");
    run_out(&f, &a, OUTCOME_OK);
    engine_pool(f.e, 0, &p);
    cr_assert_eq(p.slots, 20u);
    fx_done(&f);
}

Test(engine_queue, what_is_missing_outside_pauses_it_when_its_turn_comes)
{
    struct fx f;
    struct fx_agent a = start(&f);
    cr_assert_neq(fx_create(&f, make, days(0, 3, 0)), 0u);
    fx_turn(&f);
    cr_assert_eq(queued(&f, days(2, 3, 9)), 2u, "2024-01-02 is on its way");
    cr_assert_eq(queued(&f, days(2, 3, 9)), 3u);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 1), OUTCOME_EXIT, 126);
    run_out(&f, &a, OUTCOME_OK);
    struct backfill_view b = fx_backfill(&f, 2);
    cr_assert_eq(b.state, BACKFILL_PAUSED);
    cr_assert_eq(b.started_us, 0);
    cr_assert_not_null(b.halted);
    cr_assert_not_null(strstr(b.halted, "2024-01-02, failed in bf-1") ? b.halted : strstr(b.halted, "failed in bf-1"), "%s", b.halted);
    cr_assert_eq(state(&f, 3), BACKFILL_QUEUED, "it keeps its place");
    fx_halted_by(&f, 2, HALTED_BY_MISSING);
    recovered(&f);
    const struct effect *reply = fx_ask(&f, OP_RESUME, 2);
    cr_assert(reply->rc == BF_CONFLICT && strstr(reply->text, "failed in bf-1"), "%s", reply->text);
    cr_assert_neq(fx_create(&f, make, days(1, 1, 0)), 0u);
    run_out(&f, &a, OUTCOME_OK);
    cr_assert_eq(fx_ask(&f, OP_RESUME, 2)->rc, BF_OK, "now it is there");
    run_out(&f, &a, OUTCOME_OK);
    cr_assert_eq(state(&f, 2), BACKFILL_SUCCEEDED);
    cr_assert_eq(state(&f, 3), BACKFILL_SUCCEEDED);
    recovered(&f);
    fx_done(&f);
}
