/* Windows in the engine: what they keep from being granted and let go again by the clock, also one that is set; what `why` says of it; that
 * nothing running is touched; and that a recovery knows it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/civil.h"
#include "common/mem.h"
#include "tests/support/engine_fixture.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US (86400 * SECOND_US)
/* 2024-01-01T00:00Z, a Monday. */
#define NEW_YEAR_US ((int64_t)FX_JAN_1 * DAY_US)
enum { HOUR_S = 3600 };

static void add_window(struct plan *p, const char *name, uint32_t pool, int32_t from_s, int32_t to_s, uint32_t percent)
{
    p->windows = bf_xreallocarray(p->windows, p->n_windows + 1, sizeof *p->windows);
    p->windows[p->n_windows++] = (struct plan_window){.name = bf_xstrdup(name), .pool = pool, .days = PLAN_EVERY_DAY, .from_s = from_s,
                                                      .to_s = to_s, .budget = percent * 10000};
}

/* A pool of four slots; 50 % of it from 8 to 19, nothing from 22 to 23.  One step of many days in it, and one without a pool. */
static struct plan *peaks(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "wh", 4);
    fx_days(p, FX_JAN_1, 20);
    fx_step(p, PLAN_DAY, pool);
    fx_step(p, PLAN_NONE, PLAN_NO_INDEX);
    add_window(p, "peak", pool, 8 * HOUR_S, 19 * HOUR_S, 50);
    add_window(p, "freeze", PLAN_NO_INDEX, 22 * HOUR_S, 23 * HOUR_S, 0);
    p->steps[0].expect_ms = 600000;              /* ten minutes */
    p->steps[1].expect_ms = 0;
    return fx_plan_done(p);
}

/* The same, and between two freezes no step would fit. */
static struct plan *cramped(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "wh", 4);
    fx_days(p, FX_JAN_1, 20);
    fx_step(p, PLAN_DAY, pool);
    add_window(p, "freeze", pool, 1 * HOUR_S, 23 * HOUR_S, 0);
    p->steps[0].expect_ms = 3 * HOUR_S * 1000;   /* two hours are open */
    return fx_plan_done(p);
}

static struct fx_agent start(struct fx *f, fx_make *make, int64_t wall_us)
{
    struct fx_agent a = fx_agent(1, 40);
    fx_init(f, NULL);
    f->wall_us = wall_us;
    fx_hello(f, &a, 0);
    cr_assert_eq(fx_create(f, make, 1), 1u);
    fx_turn(f);
    return a;
}

static void at(struct fx *f, int64_t wall_us)
{
    f->now_ms += 1;
    f->wall_us = wall_us;
    fx_turn(f);
}

static int64_t new_year(int hour, int minute)
{
    return NEW_YEAR_US + (hour * HOUR_S + minute * 60) * SECOND_US;
}

static uint32_t granted(const struct fx *f)
{
    return (uint32_t)fx_count_records(f, RECORD_GRANTED);
}

static struct blocker why(const struct fx *f, uint32_t step, uint32_t index, enum blocker_kind kind)
{
    struct blocker b[16];
    size_t n = engine_why(f->e, 1, step, index, b, 16);
    for (size_t i = 0; i < n; i++)
        if (b[i].kind == kind)
            return b[i];
    cr_assert_fail("no blocker of kind %d among %zu", (int)kind, n);
    return b[0];
}

Test(engine_windows, a_peak_leaves_a_part_of_the_pool)
{
    struct fx f;
    struct fx_agent a = start(&f, peaks, new_year(9, 0));
    const struct record *r = fx_record(&f, RECORD_WINDOW, 0);
    cr_assert_not_null(r);
    const struct record_rare *rare = record_rare(r);
    cr_assert(rare->window.budget == 500000 && strcmp(rare->window.name, "peak") == 0 && strcmp(rare->window.pool, "wh") == 0);
    cr_assert_eq(rare->window.until_us, new_year(19, 0));
    cr_assert_eq(granted(&f), 3u, "two of the pool, and the step without one");
    struct blocker b = why(&f, 0, 5, BLOCKER_WINDOW);
    cr_assert_str_eq(b.window.name, "peak");
    cr_assert(b.window.budget == 500000 && b.window.left == 2 && b.count == 2);
    cr_assert_eq(b.window.clears_at_us, new_year(19, 0));
    cr_assert_eq(b.clears_at_ms, f.now_ms + 10 * HOUR_S * 1000);
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(granted(&f), 1u, "as one ends another begins");
    at(&f, new_year(19, 0));
    cr_assert_eq(granted(&f), 2u, "and the whole pool when it is over");
    cr_assert_str_eq(record_rare(fx_record(&f, RECORD_WINDOW, 0))->window.name, "");
    fx_done(&f);
}

Test(engine_windows, nothing_is_killed_and_nothing_begins_in_a_freeze)
{
    struct fx f;
    struct fx_agent a = start(&f, peaks, new_year(21, 0));
    cr_assert_eq(granted(&f), 5u);
    at(&f, new_year(22, 0));
    cr_assert_eq(fx_count_effects(&f, EFFECT_KILL), 0u);
    cr_assert_eq(fx_count_records(&f, RECORD_WINDOW), 2u, "of the pool, and of steps without one");
    fx_ended(&f, &a, fx_attempt(&f, 1, 0, 0), OUTCOME_OK, 0);
    fx_turn(&f);
    cr_assert_eq(granted(&f), 0u);
    struct blocker b = why(&f, 0, 5, BLOCKER_WINDOW);
    cr_assert(b.window.budget == 0 && b.window.clears_at_us == new_year(23, 0));
    at(&f, new_year(23, 0));
    cr_assert_eq(granted(&f), 1u);
    fx_done(&f);
}

Test(engine_windows, a_step_that_would_not_fit_before_a_freeze_waits)
{
    struct fx f;
    start(&f, peaks, new_year(21, 51));
    cr_assert_eq(granted(&f), 1u, "the step that takes no time");
    struct blocker b = why(&f, 0, 0, BLOCKER_FREEZE_AHEAD);
    cr_assert_str_eq(b.window.name, "freeze");
    cr_assert(b.window.expect_ms == 600000 && b.window.opens_at_us == new_year(22, 0) && b.window.clears_at_us == new_year(23, 0));
    at(&f, new_year(21, 50));
    cr_assert_eq(granted(&f), 4u, "with all of its ten minutes it does");
    fx_done(&f);
}

Test(engine_windows, a_step_that_never_fits_begins_when_it_may)
{
    struct fx f;
    start(&f, cramped, new_year(12, 0));
    cr_assert_eq(granted(&f), 0u);
    at(&f, new_year(23, 0));
    cr_assert_eq(granted(&f), 4u);
    fx_done(&f);
}

/* A peak from 8 that leaves two of four, a smaller one from 10, freezes from 12 to 13 and from 13 to 14 and again from 14:05 to 15. */
static struct plan *one_after_another(uint64_t seed)
{
    (void)seed;
    struct plan *p = fx_plan();
    uint32_t pool = fx_pool(p, "wh", 4);
    fx_days(p, FX_JAN_1, 20);
    fx_step(p, PLAN_DAY, pool);
    add_window(p, "peak", pool, 8 * HOUR_S, 10 * HOUR_S, 50);
    add_window(p, "smaller", pool, 10 * HOUR_S, 12 * HOUR_S, 25);
    add_window(p, "noon", PLAN_NO_INDEX, 12 * HOUR_S, 13 * HOUR_S, 0);
    add_window(p, "lunch", pool, 13 * HOUR_S, 14 * HOUR_S, 0);
    add_window(p, "late", pool, 14 * HOUR_S + 300, 15 * HOUR_S, 0);
    p->steps[0].expect_ms = 600000;              /* ten minutes */
    return fx_plan_done(p);
}

Test(engine_windows, why_says_when_more_is_left_and_not_when_the_next_window_takes_over)
{
    struct fx f;
    start(&f, one_after_another, new_year(8, 0));
    cr_assert_eq(granted(&f), 2u);
    struct blocker b = why(&f, 0, 5, BLOCKER_WINDOW);
    cr_assert_str_eq(b.window.name, "peak");
    cr_expect(b.window.until_us == new_year(10, 0) && b.window.clears_at_us == new_year(14, 0), "three windows follow");
    at(&f, new_year(12, 0));
    b = why(&f, 0, 5, BLOCKER_WINDOW);
    cr_assert_str_eq(b.window.name, "noon");
    cr_expect(b.window.until_us == new_year(13, 0) && b.window.clears_at_us == new_year(15, 0), "in five minutes it would not fit");
    for (int hour = 13; hour <= 14; hour++) {
        at(&f, new_year(hour, 0));
        cr_assert_eq(granted(&f), 0u);
    }
    at(&f, new_year(15, 0));
    cr_assert_eq(granted(&f), 2u);
    fx_done(&f);
}

Test(engine_windows, a_pool_that_is_stopped_waits_for_no_window)
{
    struct fx f;
    start(&f, one_after_another, new_year(8, 0));
    struct op_request stop = fx_request(&f, OP_POOL_SET, 0);
    stop.name = "wh";
    cr_assert_eq(fx_command(&f, &stop)->rc, BF_OK);
    struct blocker b[16];
    size_t n = engine_why(f.e, 1, 0, 5, b, 16);
    cr_assert(n > 0 && b[0].kind == BLOCKER_POOL);
    for (size_t i = 0; i < n; i++)
        cr_expect_neq((int)b[i].kind, (int)BLOCKER_WINDOW, "of nothing a window leaves no less");
    fx_done(&f);
}

Test(engine_windows, a_clock_that_is_set_is_seen_both_ways)
{
    struct fx f;
    start(&f, peaks, new_year(22, 30));
    cr_assert_eq(granted(&f), 0u);
    cr_assert_eq(engine_next_timer_ms(f.e), f.now_ms + 5000, "nobody tells when it is set");
    at(&f, new_year(9, 0) - 30 * DAY_US);
    cr_assert_eq(granted(&f), 3u, "back");
    at(&f, new_year(20, 0) + 300 * DAY_US);
    cr_assert_eq(granted(&f), 2u, "and ahead");
    at(&f, new_year(22, 0) - INT64_C(3) * 1000000);
    cr_assert_eq(engine_next_timer_ms(f.e), f.now_ms + 3000, "the next edge");
    fx_done(&f);
}

Test(engine_windows, recovery_and_a_snapshot_know_the_budget)
{
    struct fx f;
    start(&f, peaks, new_year(9, 0));
    at(&f, new_year(9, 1));
    struct engine *again = fx_fresh(&f), *from_snapshot = fx_fresh(&f);
    struct bf_error err = {0};
    struct engine_out out = {0};
    for (size_t i = 0; i < f.journal.n; i++)
        fx_apply_turn(again, &f.journal.at[i]);
    cr_assert_eq(engine_rebuild(again, f.now_ms, &err), BF_OK, "%s", err.text);
    cr_assert(fx_same_state(again, f.e));
    engine_snapshot_begin(f.e);
    while (engine_snapshot_next(f.e, &out)) {
        fx_apply_encoded(from_snapshot, out.records, out.n_records);
        engine_out_clear(&out);
    }
    cr_assert_eq(engine_rebuild(from_snapshot, f.now_ms, &err), BF_OK, "%s", err.text);
    cr_assert(fx_same_state(from_snapshot, f.e));
    engine_finish_turn(again, f.now_ms, f.wall_us, &out);
    cr_assert_eq(out.n_records, 0u, "nothing has changed for it");
    engine_out_free(&out);
    engine_free(again);
    engine_free(from_snapshot);
    fx_done(&f);
}

Test(engine_windows, records_that_do_not_fit_are_refused)
{
    struct fx f;
    struct bf_error err = {0};
    start(&f, peaks, new_year(9, 0));
    const struct record bad[] = {
        {.kind = RECORD_WINDOW, .backfill = 2, FX_RARE(.window = {.track = 0, .budget = 0, .number = 1})},
        {.kind = RECORD_WINDOW, .backfill = 1, FX_RARE(.window = {.track = 2, .budget = 0, .number = 1})},
        {.kind = RECORD_WINDOW, .backfill = 1, FX_RARE(.window = {.track = 0, .budget = 0, .number = 3})},
        {.kind = RECORD_WINDOW, .backfill = 1, FX_RARE(.window = {.track = 0, .budget = 1000001, .number = 1})},
        {.kind = RECORD_WINDOW, .backfill = 1, FX_RARE(.window = {.track = 0, .budget = 1, .number = 0})}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct engine *e = fx_fresh(&f);
        for (size_t k = 0; k < f.journal.n; k++)
            fx_apply_turn(e, &f.journal.at[k]);
        cr_expect_eq(engine_apply(e, &bad[i], &err), BF_CORRUPT, "record %zu", i);
        engine_free(e);
    }
    fx_done(&f);
}
