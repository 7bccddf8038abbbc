/* Where steps run: by their inputs, with a bounded wait, and spread over the values of a label; and that a recovery knows who waits. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/engine/state.h"
#include "tests/support/engine_fixture.h"

/* Step 1 reads what step 0 writes and goes to its agent; seed: the wait in ms. */
static struct plan *by_inputs(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 4);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_edge(p, 1, 0, PLAN_SAME);
    fx_output(p, 0, NULL, "d");
    p->steps[1].inputs = bf_xcalloc(1, sizeof *p->steps[1].inputs);
    p->steps[1].inputs[p->steps[1].n_inputs++] = p->steps[0].outputs[0];
    p->steps[1].placement = (struct plan_placement){.prefer_inputs = true, .wait_ms = (int64_t)seed};
    return fx_plan_done(p);
}

/* One step over so many days, spread by zone. */
static struct plan *spread_out(uint64_t days)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, (uint32_t)days);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    p->steps[0].placement.spread = bf_xstrdup("zone");
    return fx_plan_done(p);
}

static void pass(struct fx *f, int64_t ms)
{
    f->now_ms += ms;
    f->wall_us += ms * 1000;
    fx_turn(f);
}

static uint32_t agent_of(const struct fx *f, uint32_t step, uint32_t index)
{
    struct attempt_view a;
    cr_assert(engine_find_attempt(f->e, fx_attempt(f, 1, step, index).attempt, &a));
    return a.agent;
}

static void ends(struct fx *f, const struct fx_agent *a, uint32_t step, uint32_t index)
{
    fx_ended(f, a, fx_attempt(f, 1, step, index), OUTCOME_OK, 0);
    fx_turn(f);
}

/* Agents one and two, a slot each: they run step 0 of days 0 and 1, and then hold its output. */
static void begin(struct fx *f, struct fx_agent a[2], uint64_t wait_ms)
{
    fx_init(f, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        a[i] = fx_agent(i + 1, 1);
        fx_hello(f, &a[i], 0);
    }
    cr_assert_eq(fx_create(f, by_inputs, wait_ms), 1u);
    fx_turn(f);
    cr_assert_eq(agent_of(f, 0, 0), 1u);
    cr_assert_eq(agent_of(f, 0, 1), 2u);
}

static bool near_blocker(const struct fx *f, uint32_t step, uint32_t index, struct blocker *ret)
{
    struct blocker b[16];
    size_t n = engine_why(f->e, 1, step, index, b, 16);
    for (size_t i = 0; i < n; i++)
        if (b[i].kind == BLOCKER_NEAR) {
            *ret = b[i];
            return true;
        }
    return false;
}

Test(engine_place, a_step_goes_to_the_agent_of_its_inputs)
{
    struct fx f;
    struct fx_agent a[2], third = fx_agent(3, 8);
    begin(&f, a, 0);
    fx_hello(&f, &third, 0);
    fx_turn(&f);                                 /* days 2 and 3 of step 0 go to the third, which has most room */
    ends(&f, &a[1], 0, 1);
    cr_assert_eq(agent_of(&f, 1, 1), 2u, "though the third is less busy");
    struct attempt_view v;
    cr_assert(engine_find_attempt(f.e, fx_attempt(&f, 1, 1, 1).attempt, &v));
    cr_assert(v.placed);
    cr_assert_eq(v.by, PLACE_INPUTS);
    cr_assert_eq(v.near, 2u);
    const struct record *r = fx_record(&f, RECORD_GRANTED, 0);
    cr_assert(r && r->n_numbers == PLACE_NUMBERS);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_place, without_a_wait_it_goes_elsewhere_at_once)
{
    struct fx f;
    struct fx_agent a[2], third = fx_agent(3, 8);
    begin(&f, a, 0);
    ends(&f, &a[0], 0, 0);                       /* the slot goes to the step whose work is longer */
    struct attempt_view v;
    uint64_t next = engine_next_attempt(f.e, 0);
    cr_assert(engine_find_attempt(f.e, next, &v));
    fx_hello(&f, &third, 0);
    fx_turn(&f);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_neq(fx_state(&f, 1, 1, i), INSTANCE_READY, "the third has room for all that is ready");
    cr_assert_eq(fx_count_records(&f, RECORD_NEAR), 0u);
    fx_done(&f);
}

/* One that waits for agent 1, which is busy with day 2; the third has room.  Gives when its time is over. */
static int64_t one_waits(struct fx *f, struct fx_agent a[2], struct fx_agent *third)
{
    struct blocker why;
    begin(f, a, 30000);
    fx_ended(f, &a[0], fx_attempt(f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(f);
    cr_assert_eq(agent_of(f, 0, 2), 1u, "the rest of step 0 has more behind it");
    *third = fx_agent(3, 8);
    fx_hello(f, third, 0);
    fx_turn(f);
    cr_assert_eq(fx_state(f, 1, 1, 0), INSTANCE_READY);
    cr_assert(near_blocker(f, 1, 0, &why));
    cr_assert_eq(why.agent, 1u);
    cr_assert_eq(why.clock, CLOCK_TIMER);
    cr_assert_eq(why.clears_at_ms, f->now_ms + 30000);
    cr_assert_eq(engine_next_timer_ms(f->e) <= why.clears_at_ms, true);
    return why.clears_at_ms;
}

Test(engine_place, it_waits_and_gets_its_agent)
{
    struct fx f;
    struct fx_agent a[2], third;
    one_waits(&f, a, &third);
    fx_recovers_both(&f);
    pass(&f, 10000);
    cr_assert_eq(fx_state(&f, 1, 1, 0), INSTANCE_READY);
    fx_ended(&f, &a[0], fx_attempt(&f, 1, 0, 2), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(agent_of(&f, 1, 0), 1u);
    struct attempt_view v;
    cr_assert(engine_find_attempt(f.e, fx_attempt(&f, 1, 1, 0).attempt, &v));
    cr_assert_eq(v.waited_ms, 10000);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_place, it_waits_no_longer_than_its_plan_says)
{
    struct fx f;
    struct fx_agent a[2], third;
    struct blocker why;
    int64_t over_ms = one_waits(&f, a, &third);
    pass(&f, over_ms - f.now_ms - 1);
    cr_assert(near_blocker(&f, 1, 0, &why), "one ms is left");
    pass(&f, 1);
    cr_assert_eq(agent_of(&f, 1, 0), 3u);
    fx_done(&f);
}

Test(engine_place, it_does_not_wait_for_one_that_is_lost)
{
    struct fx f;
    struct fx_agent a[2], third;
    one_waits(&f, a, &third);
    fx_lost(&f, &a[0]);
    fx_turn(&f);
    cr_assert_eq(agent_of(&f, 1, 0), 3u);
    fx_done(&f);
}

Test(engine_place, what_waits_is_paused_and_cancelled_like_any_other)
{
    struct fx f;
    struct fx_agent a[2], third;
    struct blocker why;
    one_waits(&f, a, &third);
    fx_ask(&f, OP_PAUSE, 1);
    fx_turn(&f);
    pass(&f, 40000);
    cr_assert_not(near_blocker(&f, 1, 0, &why), "its time runs while it is paused");
    cr_assert_eq(fx_state(&f, 1, 1, 0), INSTANCE_READY);
    fx_ask(&f, OP_RESUME, 1);
    fx_turn(&f);
    cr_assert_eq(agent_of(&f, 1, 0), 3u);
    fx_done(&f);
    one_waits(&f, a, &third);
    fx_ask(&f, OP_CANCEL, 1);
    fx_turn(&f);
    cr_assert_eq(fx_state(&f, 1, 1, 0), INSTANCE_CANCELLED);
    fx_recovers_both(&f);
    fx_done(&f);
}

static void in_zone(struct fx_agent *a, const char *zone)
{
    a->labels[a->n_labels++] = (struct agent_label){.name = "zone", .value = zone};
}

/* Eight slots in zone a, two agents of four in b, and one of two without a zone. */
Test(engine_place, a_step_is_spread_over_the_values_of_a_label)
{
    struct fx f;
    struct fx_agent a[4];
    const uint32_t slots[4] = {8, 4, 4, 2};
    uint32_t n[3] = {0};
    fx_init(&f, NULL);
    for (uint32_t i = 0; i < 4; i++) {
        a[i] = fx_agent(i + 1, slots[i]);
        if (i < 3)
            in_zone(&a[i], i ? "b" : "a");
        fx_hello(&f, &a[i], 0);
    }
    cr_assert_eq(fx_create(&f, spread_out, 6), 1u);
    fx_turn(&f);
    for (uint32_t i = 0; i < 6; i++)
        n[agent_of(&f, 0, i) == 1 ? 0 : agent_of(&f, 0, i) == 4 ? 2 : 1]++;
    cr_assert_eq(n[0], 2u);
    cr_assert_eq(n[1], 2u);
    cr_assert_eq(n[2], 2u);
    fx_recovers_both(&f);
    fx_done(&f);
}

static struct plan *spread_and_fenced(uint64_t days)
{
    struct plan *p = spread_out(days);
    p->steps[0].wait_for_fence = true;
    return p;
}

/* One that was lost keeps what waits for its fence; it comes back in another zone, and what it runs counts there. */
Test(engine_place, what_runs_counts_where_its_agent_is)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 3), b = fx_agent(2, 8), c = fx_agent(3, 8);
    fx_init(&f, NULL);
    in_zone(&a, "a");
    in_zone(&b, "b");
    in_zone(&c, "a");
    fx_hello(&f, &a, 0);
    cr_assert_eq(fx_create(&f, spread_and_fenced, 4), 1u);
    fx_turn(&f);
    struct attempt_ref held[3] = {fx_attempt(&f, 1, 0, 0), fx_attempt(&f, 1, 0, 1), fx_attempt(&f, 1, 0, 2)};
    fx_lost(&f, &a);
    a.labels[0].value = "b";
    fx_hello_holding(&f, &a, held, 3);
    fx_hello(&f, &b, 0);
    fx_hello(&f, &c, 0);
    fx_turn(&f);
    cr_assert_eq(agent_of(&f, 0, 3), 3u, "three run in b, and none in a");
    fx_recovers_both(&f);
    fx_done(&f);
}

enum { MANY_DAYS = 1500 };

/* As by_inputs(), over many days; only agents with zone a may run step 0. */
static struct plan *many_by_inputs(uint64_t wait_ms)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, MANY_DAYS);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_edge(p, 1, 0, PLAN_SAME);
    fx_output(p, 0, NULL, "d");
    fx_label(p, 0, "zone", "a");
    p->steps[1].inputs = bf_xcalloc(1, sizeof *p->steps[1].inputs);
    p->steps[1].inputs[p->steps[1].n_inputs++] = p->steps[0].outputs[0];
    p->steps[1].placement = (struct plan_placement){.prefer_inputs = true, .wait_ms = (int64_t)wait_ms};
    return fx_plan_done(p);
}

static void end_all_of(struct fx *f, const struct fx_agent *a, uint32_t id)
{
    struct attempt_view v;
    for (uint64_t attempt = 0; (attempt = engine_next_attempt(f->e, attempt)) != 0;)
        if (engine_find_attempt(f->e, attempt, &v) && v.agent == id)
            fx_ended(f, a, v.ref, OUTCOME_OK, 0);
}

/* Each turn agent 1 ends a day of step 0 and begins the next, so that what waits for it waits again, with the same end. */
Test(engine_place, who_waits_again_and_again_leaves_no_heap_of_moments)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 1), other = fx_agent(2, 8);
    struct near_view n;
    size_t waits = 0;
    a.labels[a.n_labels++] = (struct agent_label){"zone", "a"};
    fx_init(&f, NULL);
    fx_hello(&f, &a, 0);
    fx_hello(&f, &other, 0);
    cr_assert_eq(fx_create(&f, many_by_inputs, 3600000), 1u);
    fx_turn(&f);
    for (uint32_t i = 0; i + 2 < MANY_DAYS; i++) {
        fx_ended(&f, &a, fx_attempt(&f, 1, 0, i), OUTCOME_OK, 0);
        end_all_of(&f, &other, 2);
        fx_turn(&f);
        waits += fx_count_records(&f, RECORD_NEAR) > 0 && fx_record(&f, RECORD_NEAR, fx_count_records(&f, RECORD_NEAR) - 1)->n == 1;
    }
    cr_assert_gt(waits, 1400u, "one waits, turn for turn: %zu", waits);
    cr_expect_leq(f.e->nears.timers.n, 1024 + 4 * f.e->nears.at.n + 2, "%zu moments of %zu", f.e->nears.timers.n, f.e->nears.at.n);
    cr_assert(engine_near(f.e, 1, 1, 0, &n) && n.waits, "the first has waited all the time");
    pass(&f, n.until_ms - f.now_ms);
    cr_expect_neq(fx_state(&f, 1, 1, 0), INSTANCE_READY, "its moment is still there");
    fx_done(&f);
}

/* One step over six days that asks for so much memory, in MiB. */
static struct plan *heavy(uint64_t mib)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 6);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    p->steps[0].resources = (struct plan_resources){.cpu_milli = 500, .memory_bytes = mib << 20};
    return fx_plan_done(p);
}

static uint32_t running_on(const struct fx *f, uint32_t agent)
{
    struct attempt_view v;
    uint32_t n = 0;
    for (uint64_t attempt = 0; (attempt = engine_next_attempt(f->e, attempt)) != 0;)
        n += engine_find_attempt(f->e, attempt, &v) && v.agent == agent;
    return n;
}

/* Two agents, of which the first has 100 slots and so is the least busy one; how many of the six begin on each. */
static void expect_on(uint64_t mib, uint64_t first_mib, uint32_t slots, uint32_t on_first, uint32_t on_second)
{
    struct fx f;
    struct fx_agent a[2] = {fx_agent(1, 100), fx_agent(2, slots)};
    a[0].memory_bytes = first_mib << 20;
    a[0].cpu_milli = 64000;
    a[1].memory_bytes = UINT64_C(64) << 30;
    fx_init(&f, NULL);
    fx_hello(&f, &a[0], 0);
    fx_hello(&f, &a[1], 0);
    cr_assert_eq(fx_create(&f, heavy, mib), 1u);
    fx_turn(&f);
    cr_expect_eq(running_on(&f, 1), on_first, "%u MiB of %u: %u on the first", (unsigned)mib, (unsigned)first_mib, running_on(&f, 1));
    cr_expect_eq(running_on(&f, 2), on_second, "%u MiB of %u: %u on the second", (unsigned)mib, (unsigned)first_mib, running_on(&f, 2));
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_place, a_step_goes_where_there_is_left_what_it_asks_for)
{
    expect_on(1024, 2048, 10, 2, 4);             /* two of them are all that the first has */
    expect_on(1024, 0, 10, 5, 1);                /* it did not tell: the least busy one for its slots */
    expect_on(4096, 2048, 10, 0, 6);             /* it is too small for any */
    expect_on(4096, 2048, 2, 4, 2);              /* a preference: where nobody else has a slot, it runs there */
}

/* Of agents that are equally busy, so many are too small for it; the first attempt begins on the one after them, or on the first of all. */
Test(engine_place, sixteen_agents_are_looked_at)
{
    for (uint32_t small = 15; small <= 16; small++) {
        struct fx f;
        struct fx_agent agents[20];
        fx_init(&f, NULL);
        for (uint32_t i = 0; i < 20; i++) {
            agents[i] = fx_agent(i + 1, 10);
            agents[i].memory_bytes = UINT64_C(1) << (i < small ? 20 : 36);
            fx_hello(&f, &agents[i], 0);
        }
        cr_assert_eq(fx_create(&f, heavy, 1024), 1u);
        fx_turn(&f);
        struct attempt_view v;
        cr_assert(engine_find_attempt(f.e, engine_next_attempt(f.e, 0), &v));
        cr_expect_eq(v.agent, small < 16 ? small + 1 : 1u, "%u are too small: agent %u", small, v.agent);
        fx_done(&f);
    }
}

Test(engine_place, what_ended_leaves_its_capacity)
{
    struct fx f;
    struct fx_agent a = fx_agent(1, 100), other = fx_agent(2, 10);
    a.memory_bytes = UINT64_C(1) << 30;
    fx_init(&f, NULL);
    fx_hello(&f, &a, 0);
    fx_hello(&f, &other, 0);
    cr_assert_eq(fx_create(&f, heavy, 1024), 1u);
    fx_turn(&f);
    cr_assert_eq(running_on(&f, 1), 1u);
    end_all_of(&f, &a, 1);
    fx_turn(&f);
    cr_assert_eq(running_on(&f, 1), 0u, "nothing is left to begin");
    cr_assert_eq(f.e->agents.at[0].asked_memory_bytes, 0u);
    cr_assert_eq(f.e->agents.at[0].asked_cpu_milli, 0u);
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_place, a_damaged_record_is_refused)
{
    struct fx f;
    struct fx_agent a[2], third;
    struct bf_error err = {0};
    one_waits(&f, a, &third);
    struct engine *e = fx_fresh(&f);
    for (size_t i = 0; i < f.journal.n; i++)
        fx_apply_turn(e, &f.journal.at[i]);
    struct record r = {.kind = RECORD_NEAR, .backfill = 1, .step = 1, .index = 0, .agent = 9, .retry_at_ms = 1, .n = 1};
    cr_assert_eq(engine_apply(e, &r, &err), BF_CORRUPT, "there is no such agent");
    r.agent = 1;
    cr_assert_eq(engine_apply(e, &r, &err), BF_CORRUPT, "it waits already");
    r.step = 0;
    cr_assert_eq(engine_apply(e, &r, &err), BF_CORRUPT, "it is done");
    engine_free(e);
    fx_done(&f);
}
