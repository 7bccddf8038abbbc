/* Degradation: which classes yield, when, and what they are said to have lost; and that a recovery and a checkpoint know it. */
#include <criterion/criterion.h>

#include "tests/support/engine_fixture.h"

enum { BEST, MIDDLE, LEAST };

/* Three steps of the classes critical, normal and low over three days; they want the one slot of a pool. */
static struct plan *three_classes(uint64_t slots)
{
    static const enum plan_priority classes[] = {[BEST] = PLAN_CRITICAL, [MIDDLE] = PLAN_NORMAL, [LEAST] = PLAN_LOW};
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "a", (uint32_t)slots);
    fx_days(p, FX_JAN_1, 3);
    for (size_t i = 0; i < 3; i++) {
        uint32_t step = fx_step(p, PLAN_DAY, pool);
        p->steps[step].priority = classes[i];
    }
    return fx_plan_done(p);
}

static struct fx_agent start_on(struct fx *f, uint32_t agent_slots, uint64_t slots)
{
    struct fx_agent agent = fx_agent(1, agent_slots);
    fx_init(f, NULL);
    fx_hello(f, &agent, 0);
    cr_assert_eq(fx_create(f, three_classes, slots), 1u);
    fx_turn(f);
    return agent;
}

static struct fx_agent start(struct fx *f, uint64_t slots)
{
    return start_on(f, 64, slots);
}

/* Ten seconds, and what is open ends well. */
static void next(struct fx *f, const struct fx_agent *agent)
{
    struct attempt_view a;
    f->now_ms += 10000;
    cr_assert(engine_find_attempt(f->e, engine_next_attempt(f->e, 0), &a));
    fx_ended(f, agent, a.ref, OUTCOME_OK, 0);
    fx_turn(f);
}

static struct yield_view yielded(const struct fx *f, enum plan_priority class)
{
    struct yield_view y;
    for (size_t i = 0; engine_yielded(f->e, 1, i, &y); i++)
        if (y.class == class)
            return y;
    return (struct yield_view){.class = class};
}

Test(engine_yields, classes_yield_in_order_and_the_time_of_each_is_counted)
{
    struct fx f;
    struct fx_agent agent = start(&f, 1);
    cr_assert(yielded(&f, PLAN_NORMAL).yields && yielded(&f, PLAN_LOW).yields);
    cr_assert_eq(yielded(&f, PLAN_CRITICAL).times, 0u);
    for (int i = 0; i < 3; i++)
        next(&f, &agent);
    cr_assert(!yielded(&f, PLAN_NORMAL).yields, "the critical ones are done, and a normal one began");
    cr_assert_eq(yielded(&f, PLAN_NORMAL).lost_ms, 30000u);
    cr_assert_eq(yielded(&f, PLAN_NORMAL).times, 1u);
    cr_assert_str_eq(yielded(&f, PLAN_NORMAL).pool, "a");
    cr_assert(yielded(&f, PLAN_LOW).yields);
    cr_assert_eq(yielded(&f, PLAN_LOW).since_ms, 30000u);
    fx_recovers(&f);
    for (int i = 0; i < 3; i++)
        next(&f, &agent);
    cr_assert_eq(yielded(&f, PLAN_LOW).lost_ms, 60000u);
    for (int i = 0; i < 3; i++)
        next(&f, &agent);
    cr_assert_eq(fx_backfill(&f, 1).state, BACKFILL_SUCCEEDED);
    cr_assert_eq(yielded(&f, PLAN_LOW).lost_ms, 60000u, "nothing better began");
    cr_assert_eq(yielded(&f, PLAN_LOW).times, 1u);
    fx_recovers(&f);
    fx_done(&f);
}

Test(engine_yields, with_room_for_all_nothing_yields)
{
    struct fx f;
    start(&f, 9);
    struct yield_view y;
    cr_assert(!engine_yielded(f.e, 1, 0, &y));
    fx_done(&f);
}

Test(engine_yields, what_only_agents_hold_back_does_not_yield_in_the_pool)
{
    struct fx f;
    struct fx_agent agent = start_on(&f, 2, 9);
    cr_assert_eq(fx_count_records(&f, RECORD_GRANTED), 2u);
    cr_assert_not(engine_yielded(f.e, 1, 0, &(struct yield_view){0}), "the pool has room for all: they wait for the agent");
    next(&f, &agent);
    cr_assert_not(engine_yielded(f.e, 1, 0, &(struct yield_view){0}));
    fx_recovers(&f);
    fx_done(&f);
}

Test(engine_yields, what_yields_does_so_no_more_when_the_pool_has_room_and_agents_have_none)
{
    struct fx f;
    start_on(&f, 1, 1);
    cr_assert(yielded(&f, PLAN_LOW).yields, "the one slot of the pool is taken");
    f.now_ms += 4000;
    struct op_request r = fx_request(&f, OP_POOL_SET, 0);
    r.name = "a";
    r.pool_slots = 9;
    fx_command(&f, &r);
    fx_turn(&f);
    cr_assert(!yielded(&f, PLAN_LOW).yields, "what is missing is an agent");
    cr_assert_eq(yielded(&f, PLAN_LOW).lost_ms, 4000u);
    f.now_ms += 4000;
    fx_turn(&f);
    cr_assert_eq(yielded(&f, PLAN_LOW).lost_ms, 4000u);
    fx_recovers(&f);
    fx_done(&f);
}

/* One step over three days in a pool of nine slots; seed 1: of class low, which takes the one slot of a second pool too. */
static struct plan *beside(uint64_t seed)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "a", 9), narrow = seed == 1 ? fx_pool(p, "narrow", 1) : PLAN_NO_INDEX;
    fx_days(p, FX_JAN_1, 3);
    uint32_t step = fx_step(p, PLAN_DAY, pool);
    p->steps[step].priority = seed == 1 ? PLAN_LOW : PLAN_CRITICAL;
    if (seed == 1)
        p->steps[step].also[p->steps[step].n_also++] = narrow;
    return fx_plan_done(p);
}

Test(engine_yields, what_another_pool_holds_back_that_no_better_work_is_in_does_not_yield)
{
    struct fx f;
    struct fx_agent agent = fx_agent(1, 64);
    fx_init(&f, NULL);
    fx_hello(&f, &agent, 0);
    cr_assert_eq(fx_create(&f, beside, 1), 1u);
    fx_turn(&f);
    cr_assert_eq(fx_create(&f, beside, 2), 2u);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 2, 0, 2), INSTANCE_ASSIGNED);
    cr_assert_eq(fx_state(&f, 1, 0, 1), INSTANCE_READY, "its own first day has the narrow pool");
    cr_assert_not(engine_yielded(f.e, 1, 0, &(struct yield_view){0}), "the pool that better work began in has room");
    fx_recovers(&f);
    fx_done(&f);
}

Test(engine_yields, what_is_paused_or_has_another_class_yields_no_more)
{
    struct fx f;
    struct fx_agent agent = start(&f, 1);
    f.now_ms += 5000;
    fx_ask(&f, OP_PAUSE, 1);
    fx_turn(&f);
    cr_assert(!yielded(&f, PLAN_LOW).yields);
    cr_assert_eq(yielded(&f, PLAN_LOW).lost_ms, 5000u);
    f.now_ms += 5000;
    fx_ask(&f, OP_RESUME, 1);
    next(&f, &agent);
    cr_assert_eq(yielded(&f, PLAN_LOW).times, 2u, "it is passed again");
    struct op_request r = fx_request(&f, OP_PRIORITY, 1);
    r.priority = OP_CRITICAL;
    fx_command(&f, &r);
    f.now_ms += 5000;
    fx_turn(&f);
    cr_assert(!yielded(&f, PLAN_LOW).yields && !yielded(&f, PLAN_NORMAL).yields, "one class yields to none");
    fx_recovers(&f);
    fx_done(&f);
}

Test(engine_yields, a_cancelled_backfill_yields_no_more)
{
    struct fx f;
    struct fx_agent agent = start(&f, 1);
    f.now_ms += 7000;
    fx_ask(&f, OP_CANCEL, 1);
    fx_turn(&f);
    cr_assert(!yielded(&f, PLAN_LOW).yields);
    cr_assert_eq(yielded(&f, PLAN_LOW).lost_ms, 7000u);
    (void)agent;
    fx_recovers(&f);
    fx_done(&f);
}

Test(engine_yields, a_damaged_record_is_refused)
{
    struct fx f;
    start(&f, 1);
    struct engine *e = fx_fresh(&f);
    struct bf_error err = {0};
    for (size_t i = 0; i < f.journal.n; i++)
        fx_apply_turn(e, &f.journal.at[i]);
    const uint64_t numbers[] = {4, 0, 0, 1};
    struct record r = {.kind = RECORD_YIELDED, .backfill = 1, .numbers = numbers, .n_numbers = 4, FX_RARE(.pool_name = "a")};
    cr_assert_eq(engine_apply(e, &r, &err), BF_CORRUPT, "there is no fifth class");
    r.backfill = 2;
    cr_assert_eq(engine_apply(e, &r, &err), BF_CORRUPT);
    engine_free(e);
    fx_done(&f);
}
