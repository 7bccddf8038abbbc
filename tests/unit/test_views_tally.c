/* Counting a large backfill for those who ask again and again: the first one waits for all of it, the others for a little each. */
#include <criterion/criterion.h>
#include <time.h>

#include "common/clock.h"
#include "coordinator/engine/view.h"
#include "coordinator/views_tally.h"
#include "tests/unit/views_fixture.h"

/* Processor time of this thread: that others run meanwhile does not count. */
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
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
    int64_t began_us = cpu_us();
    cr_expect_eq(assigned(view_tallies(&v, &b, INT64_MAX), b.plan->n_steps), 0u);
    int64_t whole_us = cpu_us() - began_us, last_us = bf_boottime_us(), seen_us = last_us;
    hello(w, 60);
    v.seq = turn_seq(w->turns);
    for (uint64_t seen = 0; seen < 60;) {
        int64_t gap_us = bf_boottime_us() - last_us;         /* what one answer may take is a part of it */
        began_us = cpu_us();
        seen = assigned(view_tallies(&v, &b, INT64_MAX), b.plan->n_steps);
        int64_t used_us = cpu_us() - began_us;
        last_us = bf_boottime_us();
        cr_expect_leq(used_us, gap_us / 10 + whole_us / 3, "%ld us of %ld us in one answer, %ld us after the one before", (long)used_us,
                      (long)whole_us, (long)gap_us);
        cr_assert(seen == 60 || last_us - seen_us < 60 * whole_us + 60000000, "it is never counted again");
    }
    views_cache_free((struct views_cache *)(uintptr_t)v.cache);
    world_free(w);
}
