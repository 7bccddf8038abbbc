/* Counting a large backfill for those who ask again and again: the first one waits for all of it, the others for a little each. */
#include <criterion/criterion.h>

#include "common/clock.h"
#include "coordinator/engine/view.h"
#include "coordinator/views_tally.h"
#include "tests/unit/views_fixture.h"

/* The clock of whoever counts: each look at it costs LOOK_US, for the instances between two looks, and nothing else takes time. */
enum { LOOK_US = 100, GAP_US = 2000 };
static int64_t now_us = 1000000;
int64_t __wrap_bf_boottime_us(void);
int64_t __wrap_bf_boottime_us(void)
{
    return now_us += LOOK_US;
}

static uint64_t assigned(struct view_tallies t, size_t n_steps)
{
    uint64_t n = 0;
    for (size_t s = 0; s < n_steps; s++)
        n += t.steps[s].t.n[INSTANCE_ASSIGNED];
    view_tallies_done(&t);
    return n;
}

Test(views_tally, nobody_waits_for_all_of_the_next_count)
{
    struct world *w = world_new();
    struct backfill_view b;
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: hour, from: 1970-01-01T00, to: 1999-01-01T00}\nsteps:\n"
              "  a: {noop: true}\n  b: {noop: true}\n  c: {noop: true}\n  d: {noop: true}\n  e: {noop: true}\n  f: {noop: true}\n");
    struct view_source v = {.engine = turn_engine(w->turns), .wall_us = w->wall_us, .cache = views_cache_new(), .seq = turn_seq(w->turns)};
    cr_assert(engine_backfill(v.engine, 1, &b));
    int64_t began_us = now_us;
    cr_expect_eq(assigned(view_tallies(&v, &b, INT64_MAX), b.plan->n_steps), 0u);
    int64_t whole_us = now_us - began_us;
    cr_expect_gt(whole_us, 500 * LOOK_US);
    hello(w, 60);
    v.seq = turn_seq(w->turns);
    uint64_t seen = 0;
    for (int64_t asked = 0; seen < 60; asked++) {
        cr_assert_lt(asked, 2 * 30 * whole_us / GAP_US, "it is never counted again");       /* good for 30 times what it took */
        now_us += GAP_US;
        began_us = now_us;
        seen = assigned(view_tallies(&v, &b, INT64_MAX), b.plan->n_steps);
        /* A part of the gap, and looks at whether the last count is good, how long ago that was, and when the next one begins. */
        cr_expect_leq(now_us - began_us, GAP_US / 10 + 5 * LOOK_US, "%ld us of %ld in one answer", (long)(now_us - began_us), (long)whole_us);
    }
    views_cache_free((struct views_cache *)(uintptr_t)v.cache);
    world_free(w);
}
