/* When blockers clear: estimates from baselines against what then happens, null where nothing is known, the place in the queue, gates. */
#include <criterion/criterion.h>

#include "coordinator/engine/view_profile.h"
#include "tests/support/engine_fixture.h"

#define SECOND_US INT64_C(1000000)

/* seed: seconds that an attempt is expected to take (0: the plan says nothing), times 100, and the slots of the pool. */
static struct plan *pooled(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 12);
    uint32_t pool = seed % 100 ? fx_pool(p, "wh", (uint32_t)(seed % 100)) : PLAN_NO_INDEX;
    fx_step(p, PLAN_DAY, pool);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_edge(p, 1, 0, PLAN_SAME);
    for (size_t i = 0; i < 2; i++) {
        p->steps[i].expected = seed >= 100;
        p->steps[i].expect_ms = seed >= 100 ? (int64_t)(seed / 100) * 1000 : 1000;
    }
    return fx_plan_done(p);
}

static struct plan *all_of_some(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, (uint32_t)seed);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_edge(p, 1, 0, PLAN_ALL);
    return fx_plan_done(p);
}

static void pass(struct fx *f, int64_t ms)
{
    f->now_ms += ms;
    f->wall_us += ms * 1000;
    fx_turn(f);
}

static void ends(struct fx *f, const struct fx_agent *a, uint32_t index)
{
    fx_ended(f, a, fx_attempt(f, 1, 0, index), OUTCOME_OK, 0);
    fx_turn(f);
}

/* The blocker of a kind, with what is expected; fails when there is none. */
static struct blocker when(const struct fx *f, uint32_t step, uint32_t index, enum blocker_kind kind)
{
    struct blocker b[16];
    size_t n = engine_why(f->e, 1, step, index, b, 16);
    engine_why_when(f->e, &(struct why_of){.backfill = 1, .step = step, .index = index, .one = true}, f->now_ms, f->wall_us, b, n);
    for (size_t i = 0; i < n; i++)
        if (b[i].kind == kind)
            return b[i];
    cr_assert_fail("no blocker of kind %d among %zu", (int)kind, n);
    return b[0];
}

/* Within the few ms that turns take here. */
static void is_expected(struct blocker b, int64_t at_ms)
{
    cr_assert_eq(b.clock, CLOCK_BASELINE);
    int64_t off_ms = b.clears_at_ms - at_ms;
    cr_assert(off_ms >= -20 && off_ms <= 20, "%lld, not %lld", (long long)b.clears_at_ms, (long long)at_ms);
}

static void is_unknown(struct blocker b)
{
    cr_assert(b.clock == CLOCK_UNKNOWN && b.clears_at_ms == -1);
}

Test(engine_why, a_pool_clears_when_the_first_of_it_ends)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 32);
    fx_begin(&f, &a, pooled, 1002);
    int64_t began_ms = f.now_ms;
    is_expected(when(&f, 0, 5, BLOCKER_POOL), began_ms + 10000);
    pass(&f, 4000);
    is_expected(when(&f, 0, 5, BLOCKER_POOL), began_ms + 10000);
    ends(&f, &a, 0);
    cr_assert_eq(fx_state(&f, 1, 0, 2), INSTANCE_ASSIGNED);
    is_expected(when(&f, 0, 5, BLOCKER_POOL), began_ms + 10000);
    pass(&f, 7000);
    is_expected(when(&f, 0, 5, BLOCKER_POOL), began_ms + 14000);       /* the one of the two that is not over its time */
    pass(&f, 7000);
    is_unknown(when(&f, 0, 5, BLOCKER_POOL));
    fx_done(&f);
}

Test(engine_why, a_plan_that_says_nothing_promises_nothing)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 32);
    fx_begin(&f, &a, pooled, 2);
    is_unknown(when(&f, 0, 5, BLOCKER_POOL));
    is_unknown(when(&f, 0, 5, BLOCKER_QUEUE));
    is_unknown(when(&f, 1, 0, BLOCKER_DEPENDENCY));
    fx_done(&f);
}

/* Let all of it run, each attempt for 10 s, and hold the moment that was promised to each at the beginning against its grant. */
Test(engine_why, the_place_in_the_queue_is_the_order_of_grants)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 32);
    int64_t promised[12];
    fx_begin(&f, &a, pooled, 1003);
    for (uint32_t i = 3; i < 12; i++) {
        struct blocker b = i > 3 ? when(&f, 0, i, BLOCKER_QUEUE) : when(&f, 0, i, BLOCKER_POOL);
        cr_assert(i == 3 || (b.count == i - 3 && !b.at_most));
        cr_assert_eq(b.clock, CLOCK_BASELINE);
        promised[i] = b.clears_at_ms;
    }
    for (uint32_t i = 0; i < 12; i += 3) {
        pass(&f, 10000);
        for (uint32_t k = i; k < i + 3; k++)
            fx_ended(&f, &a, fx_attempt(&f, 1, 0, k), OUTCOME_OK, 0);
        fx_turn(&f);
        for (uint32_t k = i + 3; k < i + 6 && k < 12; k++) {
            cr_assert_eq(fx_state(&f, 1, 0, k), INSTANCE_ASSIGNED);
            cr_assert(promised[k] <= f.now_ms && promised[k] > f.now_ms - 100, "%u: %lld, and it is %lld", k, (long long)promised[k],
                      (long long)f.now_ms);
        }
    }
    fx_done(&f);
}

Test(engine_why, a_profile_is_better_than_the_plan)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 32);
    fx_begin(&f, &a, pooled, 90001);
    for (uint32_t i = 0; i < PROFILE_TRUSTED; i++) {
        struct attempt_ref ref = fx_attempt(&f, 1, 0, i);
        fx_started(&f, &a, ref);
        pass(&f, 8000);
        struct agent_report report = {.kind = REPORT_ENDED, .ref = ref, .started_us = f.wall_us - 8 * SECOND_US, .ended_us = f.wall_us,
                                      .outcome = {.source = OUTCOME_OK, .text = "", .rows = -1}};
        struct input in = {.kind = INPUT_REPORT, .incarnation = a.incarnation, .report = report};
        memcpy(in.key, a.key, sizeof in.key);
        fx_step_input(&f, &in);
        fx_turn(&f);
    }
    struct blocker b = when(&f, 0, 8, BLOCKER_POOL);
    cr_assert_eq(b.clock, CLOCK_BASELINE);
    cr_assert(b.clears_at_ms - f.now_ms > 7800 && b.clears_at_ms - f.now_ms < 8200, "%lld", (long long)(b.clears_at_ms - f.now_ms));
    fx_done(&f);
}

Test(engine_why, a_dependency_clears_when_its_upstream_is_done)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 32);
    fx_begin(&f, &a, pooled, 1001);
    int64_t began_ms = f.now_ms;
    is_expected(when(&f, 1, 0, BLOCKER_DEPENDENCY), began_ms + 10000);
    is_expected(when(&f, 1, 2, BLOCKER_DEPENDENCY), began_ms + 30000);     /* that is behind two others in its pool */
    fx_ask(&f, OP_PAUSE, 1);
    is_expected(when(&f, 1, 0, BLOCKER_DEPENDENCY), began_ms + 10000);
    is_unknown(when(&f, 1, 2, BLOCKER_DEPENDENCY));
    is_unknown(when(&f, 1, 2, BLOCKER_PAUSED));
    fx_done(&f);
}

Test(engine_why, a_gate_lets_some_through_each_turn)
{
    struct engine_config config = {.gate_openings_per_turn_max = 4, .grants_per_turn_max = 1};
    struct fx f;
    struct fx_agent a = fx_agent(1, 32);
    struct blocker b[4];
    fx_init(&f, &config);
    fx_hello(&f, &a, 0);
    cr_assert_neq(fx_create(&f, all_of_some, 10), 0u);
    for (uint32_t i = 0; i < 10; i++) {
        fx_turn(&f);
        cr_assert_eq(engine_why(f.e, 1, 1, 9, b, 4), 1u);
        cr_assert_eq(b[0].kind, BLOCKER_DEPENDENCY);
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, i), OUTCOME_OK, 0);
    }
    fx_turn(&f);
    cr_assert_eq(when(&f, 1, 9, BLOCKER_GATE).count, 5u, "four of ten are through, and five go before the last");
    is_unknown(when(&f, 1, 9, BLOCKER_GATE));
    is_expected(when(&f, 1, 6, BLOCKER_GATE), f.now_ms);
    fx_done(&f);
}

Test(engine_why, the_store_is_asked_in_one_place)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 1);
    struct blocker b[8], store;
    fx_begin(&f, &a, pooled, 2);
    cr_assert_not(engine_why_store(f.e, &store));
    fx_step_input(&f, &(struct input){.kind = INPUT_LOW, FX_SAYS(.low = true)});
    cr_assert_not(engine_why_store(f.e, &store), "short of room is told by itself");
    size_t n = engine_why_ready(f.e, 1, 0, b, 8);
    cr_assert(n >= 1 && b[0].kind == BLOCKER_LOW_WATER);
    fx_done(&f);
}
