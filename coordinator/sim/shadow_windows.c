/* Windows, the slow way: which of them the clock is in, minute by minute, from the words of the plan alone.
 *
 * A grant is within what the smallest of them leaves of its pool, and does not run into a freeze that it was expected to end before, unless
 * none of the stretches that follow would be long enough either.  Days on which the clock of the zone changes are left out here: the tests
 * of the calendar have them. */
#include <string.h>

#include "common/civil.h"
#include "coordinator/sim/shadow_checks.h"

enum { MINUTE_S = 60, WEEK_DAYS = 7, MONDAY_SHIFT = 3 };
#define WEEK_S (INT64_C(7) * BF_DAY_S)

static bool opens_on(const struct plan_window *w, int64_t day)
{
    for (size_t i = 0; i < w->n_dates; i++)
        if (day >= w->dates[i].first && day <= w->dates[i].last)
            return true;
    return w->n_dates == 0 && (w->days >> ((day + MONDAY_SHIFT) % WEEK_DAYS) & 1u);
}

static bool is_inside(const struct plan *p, const struct plan_window *w, int64_t at_s)
{
    int64_t local_s = at_s + zone_span_at(p->zone, at_s).offset_s, day = local_s / BF_DAY_S, second = local_s % BF_DAY_S;
    int64_t end_s = w->to_s + (w->to_s <= w->from_s ? BF_DAY_S : 0);
    return (opens_on(w, day) && second >= w->from_s && second < end_s) || (opens_on(w, day - 1) && second + BF_DAY_S < end_s);
}

static uint32_t budget_at(const struct plan *p, uint32_t pool, int64_t at_s)
{
    uint32_t least = PLAN_WHOLE_BUDGET;
    for (size_t i = 0; i < p->n_windows; i++)
        if ((p->windows[i].pool == PLAN_NO_INDEX || p->windows[i].pool == pool) && is_inside(p, &p->windows[i], at_s) &&
            p->windows[i].budget < least)
            least = p->windows[i].budget;
    return least;
}

static bool clock_changes(const struct plan *p, int64_t at_s)
{
    return zone_span_at(p->zone, at_s - 2 * BF_DAY_S).offset_s != zone_span_at(p->zone, at_s + WEEK_S + 2 * BF_DAY_S).offset_s;
}

/* Is there a stretch of so long without a freeze among those that begin within a week after the first that follows frozen_s? */
static bool fits_later(const struct plan *p, uint32_t pool, int64_t frozen_s, int64_t expect_ms)
{
    int64_t first_s = 0, open_s = 0;
    for (int64_t at_s = frozen_s; first_s == 0 || open_s == 0 || open_s - first_s <= WEEK_S; at_s += MINUTE_S) {
        bool frozen = budget_at(p, pool, at_s) == 0;
        if (frozen)
            open_s = 0;
        else if (open_s == 0)
            open_s = at_s;
        if (first_s == 0)
            first_s = open_s;
        if (open_s != 0 && open_s - first_s <= WEEK_S && (at_s + MINUTE_S - open_s) * 1000 >= expect_ms)
            return true;
        if (at_s > frozen_s + 2 * WEEK_S)
            return false;
    }
    return false;
}

static void check_freezes(struct shadow *s, const struct shadow_backfill *b, const struct plan_step *step)
{
    int64_t now_ms = s->wall_us / 1000, end_ms = now_ms + step->expect_ms;
    for (int64_t at_s = (now_ms / 1000 / MINUTE_S + 1) * MINUTE_S; at_s * 1000 < end_ms; at_s += MINUTE_S) {
        if (budget_at(b->plan, step->pool, at_s) > 0)
            continue;
        if (fits_later(b->plan, step->pool, at_s, step->expect_ms))
            world_violate(s->w, "windows: %s is granted %lld ms before a freeze, and is expected to take %lld ms", step->name,
                          (long long)(at_s * 1000 - now_ms), (long long)step->expect_ms);
        return;
    }
}

static void check_pool(struct shadow *s, const struct shadow_backfill *b, const struct plan_step *granted, uint32_t of_plan, int64_t at_s)
{
    const struct shadow_pool *pool = of_plan == PLAN_NO_INDEX ? NULL : shadow_pool_by_name(s, b->plan->pools[of_plan].name);
    uint32_t budget = budget_at(b->plan, of_plan, at_s);
    uint64_t left = pool ? (uint64_t)pool->slots * budget / PLAN_WHOLE_BUDGET : 1;
    if (budget > 0 && left == 0)
        left = 1;
    if (budget == 0)
        world_violate(s->w, "windows: %s is granted in a freeze", granted->name);
    else if (pool && budget < PLAN_WHOLE_BUDGET && pool->used >= left)
        world_violate(s->w, "windows: %s is granted with %u slots of pool %s in use, and a window leaves %llu", granted->name, pool->used,
                      pool->name, (unsigned long long)left);
}

/* Before its slots are counted. */
void shadow_check_windows(struct shadow *s, const struct shadow_backfill *b, uint32_t step)
{
    const struct plan_step *granted = &b->plan->steps[step];
    int64_t at_s = s->wall_us / 1000000;
    if (b->plan->n_windows == 0 || clock_changes(b->plan, at_s))
        return;
    check_pool(s, b, granted, granted->pool, at_s);
    for (uint32_t i = 0; i < granted->n_also; i++)
        check_pool(s, b, granted, granted->also[i], at_s);
    check_freezes(s, b, granted);
}

void shadow_take_window(struct shadow *s, const struct shadow_backfill *b, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    int64_t at_s = s->wall_us / 1000000;
    uint32_t pool = PLAN_NO_INDEX;
    for (uint32_t i = 0; i < b->plan->n_pools; i++)
        if (strcmp(b->plan->pools[i].name, rare->window.pool) == 0)
            pool = i;
    if (!clock_changes(b->plan, at_s) && budget_at(b->plan, pool, at_s) != rare->window.budget)
        world_violate(s->w, "windows: %u millionths of a pool are recorded, and the clock says %u", rare->window.budget,
                      budget_at(b->plan, pool, at_s));
}
