/* Fair shares of a pool among backfills, and ageing of what a better class passes; and that a recovery knows both. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "tests/support/engine_fixture.h"

static void has_unit(struct plan_resources *r, uint64_t n)
{
    r->units = bf_xreallocarray(r->units, r->n_units + 1, sizeof *r->units);
    r->units[r->n_units++] = (struct plan_unit){.name = bf_xstrdup("conn"), .n = n};
}

/* One step over many days in a pool. */
static struct plan *one_step(uint32_t slots, uint64_t conn, enum plan_priority class, uint32_t weight)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "a", slots);
    fx_days(p, FX_JAN_1, 300);
    uint32_t s = fx_step(p, PLAN_DAY, pool);
    p->steps[s].priority = class;
    p->steps[s].weight = weight;
    if (conn) {
        has_unit(&p->pools[pool].has, 12);
        has_unit(&p->steps[s].resources, conn);
    }
    return fx_plan_done(p);
}

static struct plan *heavy(uint64_t slots) { return one_step((uint32_t)slots, 0, PLAN_NORMAL, 100); }
static struct plan *light(uint64_t slots) { return one_step((uint32_t)slots, 0, PLAN_NORMAL, 1); }
static struct plan *wide(uint64_t slots) { return one_step((uint32_t)slots, 3, PLAN_NORMAL, 100); }
static struct plan *narrow(uint64_t slots) { return one_step((uint32_t)slots, 1, PLAN_NORMAL, 1); }
static struct plan *better(uint64_t slots) { return one_step((uint32_t)slots, 0, PLAN_HIGH, 100); }
static struct plan *lower(uint64_t slots) { return one_step((uint32_t)slots, 0, PLAN_LOW, 1); }

/* Its better class has no agent to go to. */
static struct plan *half_stuck(uint64_t slots)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "a", (uint32_t)slots), stuck, low;
    fx_days(p, FX_JAN_1, 300);
    stuck = fx_step(p, PLAN_DAY, pool);
    p->steps[stuck].priority = PLAN_HIGH;
    fx_label(p, stuck, "zone", "nowhere");
    low = fx_step(p, PLAN_DAY, pool);
    p->steps[low].priority = PLAN_LOW;
    return fx_plan_done(p);
}

/* Of another name, so that other breakers stand before it. */
static struct plan *another(uint64_t slots)
{
    struct plan *p = light(slots);
    free(p->name);
    p->name = bf_xstrdup("another");
    return p;
}

static struct fx_agent start(struct fx *f, fx_make *first, fx_make *second, uint64_t slots)
{
    static const struct engine_config config = {.age_after_ms = 1000};
    struct fx_agent agent = fx_agent(1, 64);
    fx_init(f, &config);
    fx_hello(f, &agent, 0);
    cr_assert_eq(fx_create(f, first, slots), 1u);
    fx_turn(f);
    cr_assert_eq(fx_create(f, second, slots), 2u);
    fx_turn(f);
    return agent;
}

/* The oldest attempt ends, and a turn with it: which backfill it was of. */
static void oldest_ends(struct fx *f, const struct fx_agent *agent)
{
    struct attempt_view a;
    cr_assert(engine_find_attempt(f->e, engine_next_attempt(f->e, 0), &a));
    fx_ended(f, agent, a.ref, OUTCOME_OK, 0);
    f->now_ms += 100;
    fx_turn(f);
}

static struct pool_share_view share(const struct fx *f, uint32_t backfill)
{
    size_t n = 0, i = 0;
    BF_AUTO_FREE struct pool_share_view *at = engine_pool_shares(f->e, 0, &n);
    while (i < n && at[i].backfill < backfill)
        i++;
    cr_assert(i < n && at[i].backfill == backfill);
    return at[i];
}

static void recovers(struct fx *f)
{
    struct engine *e = fx_fresh(f);
    struct bf_error err = {0};
    for (size_t i = 0; i < f->journal.n; i++)
        fx_apply_turn(e, &f->journal.at[i]);
    cr_assert_eq(engine_rebuild(e, f->now_ms, &err), BF_OK, "%s", err.text);
    cr_assert(fx_same_state(f->e, e));
    cr_assert(engine_check(e, true, &err), "%s", err.text);
    engine_free(e);
}

Test(engine_shares, two_backfills_hold_the_same_whatever_weighs_more)
{
    struct fx f;
    struct fx_agent agent = start(&f, heavy, light, 6);
    struct blocker why[8] = {0};
    cr_assert_eq(share(&f, 1).used, 6u, "it was there first");
    size_t n = engine_why(f.e, 1, 0, 200, why, 8);
    cr_assert_eq(why[n - 1].kind, BLOCKER_QUEUE);
    cr_assert_eq(why[n - 1].ahead.backfill, 2u);
    cr_assert_eq(why[n - 1].ahead.by, AHEAD_SHARE);
    cr_assert_eq(why[n - 1].ahead.mine, 1000000u);
    for (int i = 0; i < 3; i++)
        oldest_ends(&f, &agent);
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(share(&f, 1).used, 3u, "after %d more", i);
        cr_assert_eq(share(&f, 2).used, 3u);
        oldest_ends(&f, &agent);
    }
    recovers(&f);
    fx_done(&f);
}

Test(engine_shares, one_slot_goes_from_one_to_the_other)
{
    struct fx f;
    struct fx_agent agent = start(&f, heavy, light, 1);
    for (uint32_t i = 0; i < 20; i++) {
        struct attempt_view a;
        cr_assert(engine_find_attempt(f.e, engine_next_attempt(f.e, 0), &a));
        cr_assert_eq(a.backfill, 1 + i % 2);
        if (i == 7)
            recovers(&f);
        oldest_ends(&f, &agent);
    }
    fx_done(&f);
}

Test(engine_shares, what_is_wide_counts_as_what_it_takes)
{
    struct fx f;
    struct fx_agent agent = start(&f, wide, narrow, 50);
    for (int i = 0; i < 40; i++)
        oldest_ends(&f, &agent);
    cr_assert_eq(share(&f, 1).used, 2u, "%u", share(&f, 1).used);
    cr_assert_eq(share(&f, 2).used, 6u, "%u", share(&f, 2).used);
    cr_assert_eq(share(&f, 1).part, 500000u);
    fx_done(&f);
}

Test(engine_shares, who_is_next_may_be_of_another_plan_unless_a_breaker_holds_it)
{
    struct fx f;
    (void)start(&f, heavy, another, 6);
    struct blocker why[8] = {0};
    size_t n = engine_why(f.e, 1, 0, 200, why, 8);
    cr_assert_eq(why[n - 1].kind, BLOCKER_QUEUE);
    cr_assert_eq(why[n - 1].ahead.by, AHEAD_SHARE);
    cr_assert_eq(why[n - 1].ahead.backfill, 2u);
    n = engine_why(f.e, 2, 0, 200, why, 8);
    cr_assert_eq(why[n - 1].ahead.by, AHEAD_NONE, "it is next itself");
    struct op_request r = fx_request(&f, OP_BREAKER_OPEN, 0);
    r.name = "step/another.s0";
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_turn(&f);
    n = engine_why(f.e, 1, 0, 200, why, 8);
    cr_assert_eq(why[n - 1].ahead.by, AHEAD_NONE, "the other is held");
    fx_done(&f);
}

Test(engine_shares, shares_follow_a_pool_that_changes)
{
    struct fx f;
    struct fx_agent agent = start(&f, heavy, light, 6);
    struct op_request r = fx_request(&f, OP_POOL_SET, 0);
    r.name = "a";
    r.pool_slots = 2;
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_turn(&f);
    cr_assert_eq(share(&f, 1).part, 3000000u);
    for (int i = 0; i < 30; i++)
        oldest_ends(&f, &agent);
    cr_assert_eq(share(&f, 1).used, 1u);
    cr_assert_eq(share(&f, 2).used, 1u);
    recovers(&f);
    fx_done(&f);
}

Test(engine_shares, a_lower_class_that_is_passed_long_enough_counts_higher)
{
    struct fx f;
    struct fx_agent agent = start(&f, better, lower, 1);
    struct blocker why[8] = {0};
    uint32_t turns = 0;
    size_t n = 0;
    for (; fx_state(&f, 2, 0, 0) == INSTANCE_READY && turns < 100; turns++) {
        oldest_ends(&f, &agent);
        if (turns == 14) {
            cr_assert_eq(share(&f, 2).raised, 1u, "by one class after a second");
            n = engine_why(f.e, 2, 0, 0, why, 8);
            cr_assert_eq(why[n - 1].ahead.by, AHEAD_CLASS);
            cr_assert_eq(why[n - 1].ahead.backfill, 1u);
            cr_assert_gt(why[n - 1].ahead.passed_ms, 1000);
            recovers(&f);
        }
    }
    cr_assert_geq(turns, 20u, "classes yield in order: not before it counts as much (%u)", turns);
    cr_assert_leq(turns, 23u, "%u", turns);
    cr_assert_eq(share(&f, 2).raised, 0u, "one attempt, and it counts as before");
    oldest_ends(&f, &agent);
    cr_assert_eq(share(&f, 2).used, 0u);
    cr_assert_eq(share(&f, 1).used, 1u);
    fx_done(&f);
}

Test(engine_shares, a_lower_class_is_passed_although_a_better_one_beside_it_waits_for_something_else)
{
    struct fx f;
    struct fx_agent agent = start(&f, better, half_stuck, 1);
    uint32_t turns = 0;
    for (; fx_state(&f, 2, 1, 0) == INSTANCE_READY && turns < 100; turns++)
        oldest_ends(&f, &agent);
    cr_assert_geq(turns, 20u, "%u", turns);
    cr_assert_leq(turns, 23u, "%u", turns);
    recovers(&f);
    fx_done(&f);
}

/* Six attempts of 8 TiB each. */
static struct plan *terabytes(uint64_t slots)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "a", (uint32_t)slots), s;
    fx_days(p, FX_JAN_1, 20);
    s = fx_step(p, PLAN_DAY, pool);
    p->pools[pool].has.memory_bytes = UINT64_C(1) << 46;
    p->steps[s].resources.memory_bytes = POOL_DRAW_BYTES_MAX;
    return fx_plan_done(p);
}

Test(engine_shares, who_holds_more_than_a_pool_that_has_shrunk_to_almost_nothing_holds_most)
{
    struct fx f;
    struct fx_agent agent = start(&f, terabytes, lower, 6);
    (void)agent;
    struct op_request r = fx_request(&f, OP_POOL_SET, 0);
    r.name = "a";
    r.pool = (struct pool_budget){.memory_bytes = 1, .no_slots = true};
    cr_assert_eq(fx_command(&f, &r)->rc, BF_OK);
    fx_turn(&f);
    cr_assert_gt(share(&f, 1).part, 1000000u);
    fx_done(&f);
}

/* Every step has a breaker of its own, so each stands in a lane of its own. */
static struct plan *many_steps(uint64_t n)
{
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "a", 1000);
    for (uint64_t i = 0; i < n; i++)
        fx_step(p, PLAN_NONE, pool);
    return fx_plan_done(p);
}

/* Without the checks after each turn, which look at everything. */
static void turn_alone(struct fx *f)
{
    engine_finish_turn(f->e, f->now_ms++, f->wall_us, &f->out);
    bf_vec_clear(&f->inputs);
}

/* Memory by the step, not by steps times steps; and a grant moves a share, not everything that stands in it. */
Test(engine_shares, thousands_of_steps_of_several_backfills_take_what_they_are)
{
    enum { STEPS = 3000, BACKFILLS = 3, TURNS = 20, ENDS = 64 };
    struct fx f;
    struct fx_agent agent = fx_agent(1, ENDS);
    fx_init(&f, NULL);
    fx_hello(&f, &agent, 0);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < BACKFILLS; i++) {
        cr_assert_neq(fx_create(&f, many_steps, STEPS), 0u);
        turn_alone(&f);
    }
    size_t took = mallinfo2().uordblks + mallinfo2().hblkhd - before;
    cr_expect_lt(took, (size_t)STEPS * BACKFILLS * 4096, "%zu bytes", took);
    clock_t began = clock();
    for (int i = 0; i < TURNS; i++) {
        struct attempt_view a[ENDS];
        size_t n = 0;
        for (uint64_t id = 0; n < ENDS && (id = engine_next_attempt(f.e, id)) != 0;)
            engine_find_attempt(f.e, id, &a[n++]);
        cr_assert_eq(n, (size_t)ENDS);
        for (size_t k = 0; k < n; k++)
            fx_ended(&f, &agent, a[k].ref, OUTCOME_OK, 0);
        turn_alone(&f);
    }
    double each_us = (double)(clock() - began) * 1e6 / CLOCKS_PER_SEC / (TURNS * ENDS);
    cr_expect_lt(each_us, 1000, "%.0f us for each end", each_us);
    fx_done(&f);
}
