/* The canonical pairs of a window: what is not said means every day, or the whole day, and gives no pair. */
#include <inttypes.h>

#include "common/civil.h"
#include "plan/canonical_walk.h"

enum { WEEK_DAYS = 7, MINUTE_S = 60 };

static void add_days(struct walk *w, uint8_t days)
{
    static const char *const names[WEEK_DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (unsigned i = 0; i < WEEK_DAYS && days != PLAN_EVERY_DAY; i++)
        if (days & 1u << i)
            walk_add_named(w, "days", names[i], PLAN_DOES);
}

static void put_date(struct walk *w, int32_t day)
{
    struct bf_date d = bf_date_from_days(day);
    bf_buf_printf(&w->value, "%04d-%02u-%02u", (int)d.year, (unsigned)d.month, (unsigned)d.day);
}

static void add_dates(struct walk *w, const struct plan_window *window)
{
    for (size_t i = 0; i < window->n_dates; i++) {
        if (i > 0)
            bf_buf_put_str(&w->value, ", ");
        put_date(w, window->dates[i].first);
        bf_buf_put_str(&w->value, "..");
        put_date(w, window->dates[i].last);
    }
    if (window->n_dates > 0)
        walk_add(w, "dates", PLAN_DOES);
}

static void add_clock(struct walk *w, const char *key, int32_t at_s)
{
    bf_buf_printf(&w->value, "%02" PRId32 ":%02" PRId32, at_s / BF_HOUR_S, at_s / MINUTE_S % 60);
    walk_add(w, key, PLAN_DOES);
}

void walk_add_window(struct walk *w, uint32_t item)
{
    const struct plan_window *window = &w->plan->windows[item];
    walk_add_text(w, "pool", window->pool == PLAN_NO_INDEX ? NULL : w->plan->pools[window->pool].name, PLAN_DOES);
    add_days(w, window->days);
    add_dates(w, window);
    if (window->from_s != 0 || window->to_s != BF_DAY_S) {
        add_clock(w, "from", window->from_s);
        add_clock(w, "to", window->to_s);
    }
    char budget[PLAN_WINDOW_BUDGET_TEXT_MAX];
    plan_budget_text(window->budget, budget);
    walk_add_text(w, "budget", budget, PLAN_DOES);
    walk_add_text(w, "timezone", zone_name(w->plan->zone), PLAN_DOES);
}
