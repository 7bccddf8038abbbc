/* Starts of throttled pools: spread over what attempts take, never while nothing runs, never for long, and known after a recovery. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "coordinator/engine/view_pools.h"
#include "coordinator/engine/view_why.h"
#include "tests/support/engine_fixture.h"

/* Many days of one step in a pool of eight slots, all of which its throttle allows from the first on; seed 1: it has none. */
static struct plan *wide(uint64_t seed)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 60);
    uint32_t pool = fx_pool(p, "warehouse", 8);
    if (seed != 1)
        p->pools[pool].throttle = (struct plan_throttle){.algorithm = THROTTLE_AIMD, .min = 8, .max = 8};
    fx_step(p, PLAN_DAY, pool);
    return fx_plan_done(p);
}

static struct fx_agent start(struct fx *f, uint64_t seed)
{
    struct fx_agent a = fx_agent(1, 100);
    fx_begin(f, &a, wide, seed);
    return a;
}

static uint32_t used(const struct fx *f)
{
    struct pool_view p;
    engine_pool(f->e, 0, &p);
    return p.used;
}

/* All that runs ends at once, so many milliseconds later; one turn. */
static void end_all(struct fx *f, const struct fx_agent *a, int64_t later_ms)
{
    struct attempt_view v;
    f->now_ms += later_ms;
    for (uint64_t id = 0; (id = engine_next_attempt(f->e, id)) != 0;) {
        cr_assert(engine_find_attempt(f->e, id, &v));
        fx_ended(f, a, v.ref, OUTCOME_OK, 0);
    }
    fx_turn(f);
}

/* When the n-th from 0 of those that wait is expected to begin, which is the day after so many that began before. */
static int64_t expected_ms(const struct fx *f, uint32_t index, enum blocker_kind kind)
{
    struct blocker why[8];
    size_t n = engine_why(f->e, 1, 0, index, why, 8);
    engine_why_when(f->e, &(struct why_of){.backfill = 1, .index = index, .one = true}, f->now_ms, f->wall_us, why, n);
    for (size_t i = 0; i < n; i++)
        if (why[i].kind == kind)
            return why[i].clears_at_ms;
    return -1;
}

/* What waits for the pool, until when; -1: it does not wait for its pace. */
static int64_t paced_until(const struct fx *f)
{
    struct blocker why[8];
    size_t n = engine_why(f->e, 1, 0, 59, why, 8);
    for (size_t i = 0; i < n; i++)
        if (why[i].kind == BLOCKER_PACE)
            return why[i].clears_at_ms;
    return -1;
}

Test(engine_pace, the_first_begin_as_they_come_and_then_each_in_its_turn)
{
    struct fx f;
    struct fx_agent a = start(&f, 2);
    cr_assert_eq(used(&f), 8u, "what they take is not known yet");
    end_all(&f, &a, 8000);
    cr_assert_eq(used(&f), 1u, "the next one begins a while after it");
    for (uint32_t n = 2; n <= 8; n++) {
        int64_t until_ms = paced_until(&f);
        cr_assert_leq(engine_next_timer_ms(f.e), until_ms, "a turn comes by itself");
        cr_assert_eq(until_ms - f.now_ms, n == 2 ? 700 : 750, "three quarters of 8 s / 8, and 50 ms to catch up: %lld",
                     (long long)(until_ms - f.now_ms));
        f.now_ms = until_ms - 1;
        fx_turn(&f);
        cr_assert_eq(used(&f), n - 1);
        f.now_ms = until_ms;
        fx_turn(&f);
        cr_assert_eq(used(&f), n);
    }
    fx_recovers_both(&f);
    fx_done(&f);
}

/* Nobody saw when what ran over it ended. */
Test(engine_pace, an_outage_says_nothing_of_how_long_a_slot_is_held)
{
    struct fx f;
    struct fx_agent a = start(&f, 2);
    struct limit_view l;
    end_all(&f, &a, 8000);
    cr_assert_eq(used(&f), 1u);
    cr_assert(engine_limit(f.e, 0, &l));
    int64_t since_ms = f.now_ms, used_ms = l.now->state.used_ms;
    f.now_ms += 3600000;
    fx_step_input(&f, &(struct input){.kind = INPUT_RESUMED, FX_SAYS(.since_ms = since_ms, .hold_ms = 3000)});
    fx_turn(&f);
    cr_assert(engine_limit(f.e, 0, &l));
    cr_expect_geq(l.now->state.used_ms, used_ms + 3600000, "nor was the pool idle");
    end_all(&f, &a, 8000);
    cr_assert(engine_limit(f.e, 0, &l));
    cr_expect_eq(l.now->state.lasts_us, 8000000, "%lld", (long long)l.now->state.lasts_us);
    fx_recovers_both(&f);
    fx_done(&f);
}

/* What stands in the queue is promised no moment before its pool lets it begin. */
Test(engine_pace, the_place_in_the_queue_counts_those_that_begin_before)
{
    struct fx f;
    struct fx_agent a = start(&f, 2);
    int64_t promised_ms[16];
    a.takes_us = 8000000;
    end_all(&f, &a, 8000);
    cr_assert_eq(used(&f), 1u);
    for (uint32_t day = 9; day < 16; day++) {
        promised_ms[day] = expected_ms(&f, day, day == 9 ? BLOCKER_PACE : BLOCKER_QUEUE);
        cr_expect_eq(promised_ms[day] - f.now_ms, 700 + 750 * (day - 9), "day %u: %lld", day, (long long)(promised_ms[day] - f.now_ms));
    }
    for (uint32_t day = 9; day < 16; day++) {
        f.now_ms = promised_ms[day] - 1;
        fx_turn(&f);
        cr_assert_eq(fx_state(&f, 1, 0, day), INSTANCE_READY);
        f.now_ms = promised_ms[day];
        fx_turn(&f);
        cr_assert_eq(fx_state(&f, 1, 0, day), INSTANCE_ASSIGNED);
    }
    fx_done(&f);
}

Test(engine_pace, a_pool_without_a_throttle_is_not_paced)
{
    struct fx f;
    struct fx_agent a = start(&f, 1);
    end_all(&f, &a, 8000);
    cr_expect_eq(used(&f), 8u);
    cr_expect_eq(paced_until(&f), -1);
    fx_done(&f);
}

Test(engine_pace, short_ones_need_no_turn_each)
{
    struct fx f;
    struct fx_agent a = start(&f, 2);
    end_all(&f, &a, 40);
    cr_expect_eq(used(&f), 8u, "of 40 ms all begin within the 50 that may be caught up");
    fx_done(&f);
}

Test(engine_pace, nothing_waits_longer_than_five_seconds)
{
    struct fx f;
    struct fx_agent a = start(&f, 2);
    end_all(&f, &a, 10 * 3600 * 1000);
    cr_assert_eq(used(&f), 1u);
    cr_expect_eq(paced_until(&f) - f.now_ms, 4950);
    fx_done(&f);
}

/* They took hours, and now each ends before the next may begin: what begins because nothing runs does not add to the wait. */
Test(engine_pace, starts_while_nothing_runs_add_up_to_no_longer_wait)
{
    struct fx f;
    struct fx_agent a = start(&f, 2);
    end_all(&f, &a, 10 * 3600 * 1000);
    for (int n = 0; n < 20; n++) {
        end_all(&f, &a, 1);
        cr_assert_eq(used(&f), 1u);
        cr_assert_eq(paced_until(&f) - f.now_ms, 5000, "after %d: %lld ms", n + 1, (long long)(paced_until(&f) - f.now_ms));
    }
    fx_recovers_both(&f);
    fx_done(&f);
}

Test(engine_pace, while_nothing_runs_the_next_begins_at_once)
{
    struct fx f;
    struct fx_agent a = start(&f, 2);
    end_all(&f, &a, 8000);
    cr_assert_eq(used(&f), 1u);
    end_all(&f, &a, 1);
    cr_expect_eq(used(&f), 1u, "the pace would let it begin later, but what ran has ended");
    cr_expect_gt(paced_until(&f), f.now_ms, "and the one after it waits");
    fx_recovers_both(&f);
    fx_done(&f);
}
