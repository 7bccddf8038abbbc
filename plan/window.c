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
    EDGES_MAX = 1000,            /* that are looked at for a stretch without a freeze, or without what holds now */
    LAST_DAY = 2932896,          /* 9999-12-31: what lasts so long never ends */
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

/* What the clock shows where the stretch of a day begins and ends. */
static struct stretch local_of(const struct plan_window *w, int32_t day)
{
    int64_t midnight_s = (int64_t)day * BF_DAY_S;
    return (struct stretch){midnight_s + w->from_s, midnight_s + w->to_s + (w->to_s <= w->from_s ? BF_DAY_S : 0)};
}

/* The last of the days from this one on of which each begins where the one before ended; INT32_MAX: that goes on for ever. */
static int32_t last_joined(const struct plan_window *w, int32_t day)
{
    if (w->from_s != 0 || w->to_s != BF_DAY_S)
        return day;
    for (size_t i = 0; i < w->n_dates; i++)
        if (w->dates[i].last >= day)
            return w->dates[i].last >= LAST_DAY ? INT32_MAX : w->dates[i].last;
    for (int32_t i = 1; i < WEEK_DAYS; i++)
        if (next_day(w, day + i) != day + i)
            return day + i - 1;
    return INT32_MAX;
}

/* Until when a stretch that begins on a day goes on.  Whole days are passed by the range and the week, not one by one; others follow on
 * one another only where the clock is set over what lies between them. */
static int64_t end_of(const struct plan_window *w, const struct zone *z, int32_t day)
{
    int64_t until_s = INT64_MIN;
    for (;;) {
        day = last_joined(w, day);
        if (day == INT32_MAX)
            return INT64_MAX;
        int64_t end_s = last_at(z, local_of(w, day).until_s);
        until_s = end_s > until_s ? end_s : until_s;
        day = next_day(w, day + 1);
        if (day == INT32_MAX)
            return until_s;
        int64_t from_s = local_of(w, day).from_s;
        if (zone_never_before(z, from_s) > until_s || zone_first_at(z, from_s) > until_s)
            return until_s;
    }
}

/* The stretch that holds at an instant, or the next one after it, to where it ends for good; from_s INT64_MAX: there is none.  Of one that
 * holds, from_s may be later than when it began. */
static struct stretch stretch_around(const struct plan_window *w, const struct zone *z, int64_t at_s)
{
    int64_t local_s = at_s + zone_span_at(z, at_s).offset_s;
    for (int32_t day = (int32_t)bf_floor_div(local_s, BF_DAY_S) - DAYS_BACK; (day = next_day(w, day)) != INT32_MAX; day++) {
        struct stretch local = local_of(w, day);
        if (zone_always_from(z, local.until_s) <= at_s)
            continue;
        struct stretch s = {zone_first_at(z, local.from_s), last_at(z, local.until_s)};
        if (s.from_s < s.until_s && s.until_s > at_s)
            return (struct stretch){s.from_s, end_of(w, z, day)};
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

/* Does a window count before another that is open too? */
static bool beats(const struct plan_windows *w, uint32_t a, uint32_t b)
{
    return b == PLAN_NO_WINDOW || w->at[a].budget < w->at[b].budget || (w->at[a].budget == w->at[b].budget && a < b);
}

struct plan_budget plan_budget_at(const struct plan_windows *w, int64_t at_s)
{
    struct plan_budget b = {PLAN_WHOLE_BUDGET, PLAN_NO_WINDOW, INT64_MAX};
    at_s = clamp(at_s);
    for (uint32_t i = 0; i < w->n; i++) {
        if (!holds_for(w, &w->at[i]) || !beats(w, i, b.window))
            continue;
        struct stretch s = stretch_around(&w->at[i], w->zone, at_s);
        if (s.from_s <= at_s)
            b = (struct plan_budget){w->at[i].budget, i, s.until_s};
    }
    /* To its end, or until one that counts before it opens: what opens and closes behind it changes nothing. */
    for (uint32_t i = 0; i < w->n; i++) {
        if (!holds_for(w, &w->at[i]) || i == b.window || !beats(w, i, b.window))
            continue;
        int64_t from_s = stretch_around(&w->at[i], w->zone, at_s).from_s;
        b.until_s = from_s < b.until_s ? from_s : b.until_s;
    }
    return b;
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

/* The first window that leaves no more than `most` at an instant, and the latest end of those that do; without one, when the next begins.
 * Where that is 0 they are the freezes. */
struct frost { uint32_t window; int64_t until_s; };

static struct frost frost_at(const struct plan_windows *w, uint32_t most, int64_t at_s)
{
    struct frost f = {PLAN_NO_WINDOW, INT64_MAX};
    for (uint32_t i = 0; i < w->n; i++) {
        if (!holds_for(w, &w->at[i]) || w->at[i].budget > most)
            continue;
        struct stretch s = stretch_around(&w->at[i], w->zone, at_s);
        bool inside = s.from_s <= at_s, first = inside && f.window == PLAN_NO_WINDOW;
        if (first)
            f = (struct frost){i, s.until_s};
        else if (inside ? s.until_s > f.until_s : f.window == PLAN_NO_WINDOW && s.from_s < f.until_s)
            f.until_s = inside ? s.until_s : s.from_s;
    }
    return f;
}

/* The next change between frozen and not after an instant at which it is as *frozen says; INT64_MAX: none, or none that is found. */
static int64_t frost_edge(const struct plan_windows *w, uint32_t most, int64_t at_s, bool *frozen, uint32_t *ret_window)
{
    struct frost f = frost_at(w, most, at_s);
    bool before = *frozen;
    for (int i = 0; i < EDGES_MAX && f.until_s < MAX_S; i++) {
        int64_t edge_s = f.until_s;
        f = frost_at(w, most, edge_s);
        if ((f.window != PLAN_NO_WINDOW) != before) {
            *frozen = !before;
            *ret_window = f.window;
            return edge_s;
        }
    }
    return INT64_MAX;
}

static int64_t freeze_edge(const struct plan_windows *w, int64_t at_s, bool *frozen, uint32_t *ret_window)
{
    return frost_edge(w, 0, at_s, frozen, ret_window);
}

int64_t plan_budget_rises_at(const struct plan_windows *w, int64_t at_s)
{
    struct plan_budget b = plan_budget_at(w, at_s);
    bool held = true;
    uint32_t window;
    return b.window == PLAN_NO_WINDOW ? INT64_MAX : frost_edge(w, b.budget, clamp(at_s), &held, &window);
}

struct plan_freeze plan_freeze_after(const struct plan_windows *w, int64_t at_s)
{
    at_s = clamp(at_s);
    uint32_t window = frost_at(w, 0, at_s).window;
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
    int64_t open_s = clamp(at_s);
    uint32_t window = frost_at(w, 0, open_s).window;
    bool frozen = window != PLAN_NO_WINDOW;
    if (frozen)
        open_s = freeze_edge(w, open_s, &frozen, &window);
    int64_t until_s = open_s == INT64_MAX ? open_s : open_s + YEAR_S;
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

bool plan_window_lasts_for_ever(const struct plan_window *w, const struct zone *zone)
{
    int64_t at_s = w->n_dates > 0 ? zone_first_at(zone, w->dates[w->n_dates - 1].first * (int64_t)BF_DAY_S) : 0;
    return stretch_around(w, zone, at_s).until_s == INT64_MAX && plan_window_opens(w, zone, at_s);
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
