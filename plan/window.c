/* A window as a sequence of stretches, one for each day that it opens on; and what several of them make of a pool.
 *
 * Nothing is stored for each day: the stretches around an instant follow from the calendar, so that a question costs a few days of each
 * window, in the year 9999 as now.  The answers hold until the next edge of any window at which the budget changes. */
#include "plan/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/civil.h"
#include "plan/plan.h"

enum {
    DAYS_BACK = 3,               /* a stretch that holds now began so long ago at most: over midnight, and a clock set by a day */
    EDGES_MAX = 64,              /* that are looked at for the next change of a budget */
    FREEZES_MAX = 1000,          /* that are looked at for a stretch without */
    WEEK_DAYS = 7,
    PERCENT = 10000,             /* millionths */
    MONDAY_SHIFT = 3             /* 1970-01-01 was a Thursday */
};
#define WEEK_S (INT64_C(7) * BF_DAY_S)
#define YEAR_S (INT64_C(366) * BF_DAY_S)
#define MIN_S (-INT64_C(62135596800))        /* 0001-01-01, and below: the end of 9999.  Dates reach so far */
#define MAX_S INT64_C(253402300799)

struct stretch { int64_t from_s, until_s; };

/* The first day from this one on that the window opens on; INT32_MAX: there is none. */
static int32_t next_day(const struct plan_window *w, int32_t day)
{
    for (size_t i = 0; i < w->n_dates; i++)
        if (w->dates[i].last >= day)
            return w->dates[i].first > day ? w->dates[i].first : day;
    if (w->n_dates > 0)
        return INT32_MAX;
    for (int32_t i = 0; i < WEEK_DAYS; i++) {
        int64_t weekday = (int64_t)day + i + MONDAY_SHIFT;
        weekday -= bf_floor_div(weekday, WEEK_DAYS) * WEEK_DAYS;
        if (w->days & 1u << weekday)
            return day + i;
    }
    return INT32_MAX;
}

/* The last instant at which the clock shows local_s; in a gap its end. */
static int64_t last_at(const struct zone *z, int64_t local_s)
{
    int64_t at_s[2];
    size_t n = zone_instants(z, local_s, at_s);
    return n > 0 ? at_s[n - 1] : zone_first_at(z, local_s);
}

static struct stretch stretch_of(const struct plan_window *w, const struct zone *z, int32_t day)
{
    int64_t midnight_s = (int64_t)day * BF_DAY_S;
    int64_t to_s = midnight_s + w->to_s + (w->to_s <= w->from_s ? BF_DAY_S : 0);
    return (struct stretch){zone_first_at(z, midnight_s + w->from_s), last_at(z, to_s)};
}

/* The stretch that holds at an instant, or the next one after it; from_s INT64_MAX: there is none. */
static struct stretch stretch_around(const struct plan_window *w, const struct zone *z, int64_t at_s)
{
    int64_t local_s = at_s + zone_span_at(z, at_s).offset_s;
    for (int32_t day = (int32_t)bf_floor_div(local_s, BF_DAY_S) - DAYS_BACK; (day = next_day(w, day)) != INT32_MAX; day++) {
        struct stretch s = stretch_of(w, z, day);
        if (s.from_s < s.until_s && s.until_s > at_s)
            return s;
    }
    return (struct stretch){INT64_MAX, INT64_MAX};
}

static int64_t clamp(int64_t at_s)
{
    return at_s < MIN_S ? MIN_S : at_s > MAX_S ? MAX_S : at_s;
}

static bool holds_for(const struct plan_windows *w, const struct plan_window *window)
{
    return window->pool == PLAN_NO_INDEX || window->pool == w->pool;
}

/* The budget at one instant; until_s: the next edge of any window. */
static struct plan_budget look(const struct plan_windows *w, bool freezes_only, int64_t at_s)
{
    struct plan_budget b = {PLAN_WHOLE_BUDGET, PLAN_NO_WINDOW, INT64_MAX};
    for (uint32_t i = 0; i < w->n; i++) {
        const struct plan_window *window = &w->at[i];
        if (!holds_for(w, window) || (freezes_only && window->budget > 0))
            continue;
        struct stretch s = stretch_around(window, w->zone, at_s);
        bool inside = s.from_s <= at_s;
        int64_t edge_s = inside ? s.until_s : s.from_s;
        if (edge_s < b.until_s)
            b.until_s = edge_s;
        if (inside && (b.window == PLAN_NO_WINDOW || window->budget < b.budget)) {
            b.budget = window->budget;
            b.window = i;
        }
    }
    return b;
}

struct plan_budget plan_budget_at(const struct plan_windows *w, int64_t at_s)
{
    struct plan_budget now = look(w, false, clamp(at_s)), next = now;
    for (int i = 0; i < EDGES_MAX && next.until_s < MAX_S; i++) {
        now.until_s = next.until_s;
        next = look(w, false, now.until_s);
        if (next.budget != now.budget || next.window != now.window)
            return now;
    }
    now.until_s = next.until_s;
    return now;
}

uint32_t plan_budget_of(uint32_t n, uint32_t budget)
{
    if (budget == 0 || n == 0)
        return 0;
    uint64_t left = (uint64_t)n * budget / PLAN_WHOLE_BUDGET;
    return left > 0 ? (uint32_t)left : 1;
}

void plan_days_text(uint8_t days, char ret[PLAN_DAYS_TEXT_MAX])
{
    static const char names[WEEK_DAYS][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    size_t n = 0;
    ret[0] = '\0';
    for (int i = 0; i < WEEK_DAYS; i++)
        if (days & 1u << i)
            n += (size_t)snprintf(ret + n, PLAN_DAYS_TEXT_MAX - n, "%s%s", n > 0 ? " " : "", names[i]);
}

void plan_budget_text(uint32_t budget, char ret[PLAN_WINDOW_BUDGET_TEXT_MAX])
{
    int n = snprintf(ret, PLAN_WINDOW_BUDGET_TEXT_MAX, "%u.%04u", (unsigned)(budget / PERCENT), (unsigned)(budget % PERCENT));
    while (ret[n - 1] == '0')
        n--;
    n -= ret[n - 1] == '.';
    snprintf(ret + n, (size_t)(PLAN_WINDOW_BUDGET_TEXT_MAX - n), "%%");
}

/* The next change between frozen and not after an instant at which it is as *frozen says; INT64_MAX: none, or none that is found. */
static int64_t freeze_edge(const struct plan_windows *w, int64_t at_s, bool *frozen, uint32_t *ret_window)
{
    struct plan_budget b = look(w, true, at_s);
    bool before = *frozen;
    for (int i = 0; i < FREEZES_MAX && b.until_s < MAX_S; i++) {
        int64_t edge_s = b.until_s;
        b = look(w, true, edge_s);
        if ((b.window != PLAN_NO_WINDOW) != before) {
            *frozen = !before;
            *ret_window = b.window;
            return edge_s;
        }
    }
    return INT64_MAX;
}

struct plan_freeze plan_freeze_after(const struct plan_windows *w, int64_t at_s)
{
    at_s = clamp(at_s);
    uint32_t window = look(w, true, at_s).window;
    bool frozen = window != PLAN_NO_WINDOW;
    struct plan_freeze f = {.from_s = at_s, .window = window};
    if (!frozen)
        f.from_s = freeze_edge(w, at_s, &frozen, &f.window);
    if (f.from_s == INT64_MAX)
        return (struct plan_freeze){INT64_MAX, PLAN_NO_WINDOW, INT64_MAX};
    int64_t first_s = freeze_edge(w, f.from_s, &frozen, &window), open_s = first_s;
    while (open_s != INT64_MAX && open_s - first_s <= WEEK_S) {
        int64_t shut_s = freeze_edge(w, open_s, &frozen, &window);
        int64_t length_s = shut_s == INT64_MAX ? INT64_MAX : shut_s - open_s;
        if (length_s > f.longest_s)
            f.longest_s = length_s;
        open_s = shut_s == INT64_MAX ? INT64_MAX : freeze_edge(w, shut_s, &frozen, &window);
    }
    return f;
}

int64_t plan_freeze_free_at(const struct plan_windows *w, int64_t at_s, int64_t need_s)
{
    int64_t open_s = clamp(at_s), until_s = open_s + YEAR_S;
    uint32_t window = look(w, true, open_s).window;
    bool frozen = window != PLAN_NO_WINDOW;
    if (frozen)
        open_s = freeze_edge(w, open_s, &frozen, &window);
    while (open_s < until_s) {
        int64_t shut_s = freeze_edge(w, open_s, &frozen, &window);
        if (shut_s == INT64_MAX || shut_s - open_s >= need_s)
            return open_s;
        open_s = freeze_edge(w, shut_s, &frozen, &window);
    }
    return INT64_MAX;
}

bool plan_windows_freeze(const struct plan_windows *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->at[i].budget == 0 && holds_for(w, &w->at[i]))
            return true;
    return false;
}

bool plan_window_opens(const struct plan_window *w, const struct zone *zone, int64_t at_s)
{
    return stretch_around(w, zone, clamp(at_s)).from_s != INT64_MAX;
}

static bool window_equal(const struct plan_window *a, const struct plan_window *b)
{
    return strcmp(a->name, b->name) == 0 && a->pool == b->pool && a->days == b->days && a->from_s == b->from_s && a->to_s == b->to_s &&
           a->budget == b->budget && a->n_dates == b->n_dates &&
           (a->n_dates == 0 || memcmp(a->dates, b->dates, a->n_dates * sizeof *a->dates) == 0);
}

bool plan_windows_equal(const struct plan_windows *a, const struct plan_windows *b)
{
    if (a->n != b->n || !zone_equal(a->zone, b->zone))
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!window_equal(&a->at[i], &b->at[i]))
            return false;
    return true;
}

void plan_window_done(struct plan_window *w)
{
    free(w->dates);
    free(w->name);
}
