/* Windows: stretches of the calendar in which less of a pool may be used, or nothing of it.  Pure.
 *
 * A window opens on some days of the clock of a zone: on weekdays, or on dates.  On each it lasts from a time of day to another; where the
 * second is not after the first, it ends on the next day.  It begins when the clock shows its beginning first, or is set forward over it,
 * and ends when the clock shows its end last, or is set forward over that: every instant whose clock shows a time inside is inside, the
 * night has 7, 8 or 9 hours, and a window that the clock leaves out whole does not open that day.
 *
 * Where windows overlap the smallest budget counts; of equal ones, the first of the plan.  Outside all of them the whole pool may be used.
 * Instants are seconds since 1970-01-01T00:00Z; budgets are millionths. */
#ifndef BF_PLAN_WINDOW_H
#define BF_PLAN_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "plan/zone.h"

#define PLAN_WHOLE_BUDGET 1000000u
#define PLAN_NO_WINDOW UINT32_MAX
#define PLAN_EVERY_DAY 127u

struct plan_window_dates { int32_t first, last; };       /* days since 1970-01-01 on the zone's clock, inclusive */

struct plan_window {
    char *name;
    struct bf_mark mark;
    uint32_t pool;                             /* index; PLAN_NO_INDEX: all pools */
    uint8_t days;                              /* bit 0 is Monday; without dates */
    struct plan_window_dates *dates; size_t n_dates;     /* sorted, apart from one another; owned */
    int32_t from_s, to_s;                      /* after midnight, on the clock; to_s <= from_s: of the next day */
    uint32_t budget;                           /* PLAN_WHOLE_BUDGET at most; 0 is a freeze */
};

/* What counts for one pool.  pool PLAN_NO_INDEX: for a pool that no window names, which only the windows for all pools hold for. */
struct plan_windows { const struct plan_window *at; size_t n; uint32_t pool; const struct zone *zone; };

/* The budget at an instant, which window makes it (PLAN_NO_WINDOW: none), and until when it stays at least. */
struct plan_budget { uint32_t budget, window; int64_t until_s; };        /* until_s INT64_MAX: for ever */
struct plan_budget plan_budget_at(const struct plan_windows *w, int64_t at_s);

/* When it next is more than at an instant; INT64_MAX: never. */
int64_t plan_budget_rises_at(const struct plan_windows *w, int64_t at_s);

/* What a budget leaves of n: rounded down, but 1 at least unless it is 0. */
uint32_t plan_budget_of(uint32_t n, uint32_t budget);

/* "mon tue wed thu fri" */
#define PLAN_DAYS_TEXT_MAX 29
void plan_days_text(uint8_t days, char ret[PLAN_DAYS_TEXT_MAX]);
/* "20%", "12.5%". */
#define PLAN_WINDOW_BUDGET_TEXT_MAX 16
void plan_budget_text(uint32_t budget, char ret[PLAN_WINDOW_BUDGET_TEXT_MAX]);

/* Freezes from an instant on: when the next one begins (now, when one holds; INT64_MAX: never), which window it is, and how long the
 * longest stretch without any is of those that begin after it, within the week after the first of them.  INT64_MAX: no freeze ends it. */
struct plan_freeze { int64_t from_s; uint32_t window; int64_t longest_s; };
struct plan_freeze plan_freeze_after(const struct plan_windows *w, int64_t at_s);
/* The first instant at or after at_s from which no freeze holds for need_s; INT64_MAX when there is none within a year of
 * the end of the freeze that holds then. */
int64_t plan_freeze_free_at(const struct plan_windows *w, int64_t at_s, int64_t need_s);

/* Is there a freeze among them?  Then steps must fit before it. */
bool plan_windows_freeze(const struct plan_windows *w);
/* Does a window open again at or after at_s?  And is it open then? */
bool plan_window_opens(const struct plan_window *w, const struct zone *zone, int64_t at_s);
/* Does it never end once it has begun for the last time?  One that opens again and again ends each time. */
bool plan_window_lasts_for_ever(const struct plan_window *w, const struct zone *zone);
bool plan_windows_equal(const struct plan_windows *a, const struct plan_windows *b);      /* names, times and budgets; not their marks */

void plan_window_done(struct plan_window *w);

#endif
