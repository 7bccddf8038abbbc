/* `windows` of a plan: read, and looked at for what is hardly meant: windows that overlap, that never open, that change nothing, that close
 * a pool for ever, or between which a step does not fit.
 *
 * The same document always compiles to the same, with the same words.  What is true on some days only, plan_windows_warn_past() says. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/civil.h"
#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/form.h"
#include "plan/keys.h"
#include "plan/read.h"
#include "plan/window.h"

enum { WEEK_DAYS = 7, MINUTE_S = 60, MONDAY = 4 };           /* 1970-01-05 was a Monday */

static const char day_names[WEEK_DAYS][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* ---- values, which are known to be of their form ---- */

static unsigned take_weekday(const char **s)
{
    unsigned day = 0;
    while (strncmp(day_names[day], *s, 3) != 0)
        day++;
    *s += 3;
    return day;
}

/* "mon-fri,sun"; "fri-mon" goes over the end of the week. */
static uint8_t weekdays_of(const char *s)
{
    uint8_t days = 0;
    for (;; s++) {
        unsigned first = take_weekday(&s), last = first;
        if (*s == '-') {
            s++;
            last = take_weekday(&s);
        }
        for (unsigned day = first;; day = (day + 1) % WEEK_DAYS) {
            days = (uint8_t)(days | 1u << day);
            if (day == last)
                break;
        }
        if (*s != ',')
            return days;
    }
}

static int32_t clock_of(const char *s)
{
    return ((s[0] - '0') * 10 + s[1] - '0') * BF_HOUR_S + ((s[3] - '0') * 10 + s[4] - '0') * MINUTE_S;
}

static struct plan_window_dates dates_of(const char *s)
{
    struct bf_date first, last;
    const char *dots = strstr(s, "..");
    BF_AUTO_FREE char *from = bf_xstrndup(s, dots ? (size_t)(dots - s) : strlen(s));
    (void)bf_parse_date(from, &first);
    last = first;
    if (dots)
        (void)bf_parse_date(dots + 2, &last);
    return (struct plan_window_dates){bf_days_from_date(first), bf_days_from_date(last)};
}

static int by_first(const void *a, const void *b)
{
    const struct plan_window_dates *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Sorted; what overlaps or follows on one another becomes one. */
static void read_dates(const struct bf_yaml_node *list, struct plan_window *w)
{
    w->dates = bf_xcalloc(list->n, sizeof *w->dates);
    for (size_t i = 0; i < list->n; i++)
        w->dates[i] = dates_of(list->items[i]->text);
    qsort(w->dates, list->n, sizeof *w->dates, by_first);
    for (size_t i = 0; i < list->n; i++) {
        struct plan_window_dates *last = w->n_dates > 0 ? &w->dates[w->n_dates - 1] : NULL;
        if (!last || w->dates[i].first > last->last + 1)
            w->dates[w->n_dates++] = w->dates[i];
        else if (w->dates[i].last > last->last)
            last->last = w->dates[i].last;
    }
}

static void read_window(const struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_window *w)
{
    const struct plan_keys *keys = &plan_keys_window;
    const struct bf_yaml_node *n, *from = plan_keys_get(map, keys, "from"), *to = plan_keys_get(map, keys, "to");
    int64_t budget = 0;
    n = plan_keys_get(map, keys, "name");
    *w = (struct plan_window){.name = bf_xstrdup(n->text), .mark = n->mark, .pool = PLAN_NO_INDEX, .days = PLAN_EVERY_DAY,
                              .from_s = from ? clock_of(from->text) : 0, .to_s = to ? clock_of(to->text) : BF_DAY_S};
    if ((n = plan_keys_get(map, keys, "pool")) != NULL)
        w->pool = plan_names_find(&c->pools, n->text);
    if ((n = plan_keys_get(map, keys, "days")) != NULL) {
        w->days = n->kind == BF_YAML_SCALAR ? weekdays_of(n->text) : 0;
        for (size_t i = 0; n->kind != BF_YAML_SCALAR && i < n->n; i++)
            w->days |= weekdays_of(n->items[i]->text);
    }
    if ((n = plan_keys_get(map, keys, "dates")) != NULL)
        read_dates(n, w);
    (void)plan_parse_percent(plan_keys_get(map, keys, "budget")->text, &budget);
    w->budget = (uint32_t)budget;
}

static void check_pools(struct plan_compiler *c, const struct bf_yaml_node *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct bf_yaml_node *pool = list->items[i]->kind == BF_YAML_MAP ? plan_keys_get(list->items[i], &plan_keys_window, "pool")
                                                                              : NULL;
        if (pool && plan_name_valid(pool->text) && plan_names_find(&c->pools, pool->text) == PLAN_NO_INDEX)
            plan_ref_unknown(c->d, pool, PLAN_REF_POOL, &c->pools);
    }
}

void plan_windows_read(struct plan_compiler *c)
{
    const struct bf_yaml_node *list = plan_keys_get(c->root, &plan_keys_top, "windows");
    size_t errors = c->d->n_errors;
    if (!list)
        return;
    (void)plan_value_check(c->d, list, "windows", plan_keys_find(&plan_keys_top, "windows")->type);
    check_pools(c, list);
    if (c->d->n_errors != errors)
        return;
    c->plan->windows = bf_xcalloc(list->n, sizeof *c->plan->windows);
    for (size_t i = 0; i < list->n; i++)
        read_window(c, list->items[i], &c->plan->windows[c->plan->n_windows++]);
}

/* ---- what is hardly meant ---- */

static bool opens_on(const struct plan_window *w, int32_t day)
{
    for (size_t i = 0; i < w->n_dates; i++)
        if (day >= w->dates[i].first && day <= w->dates[i].last)
            return true;
    return w->n_dates == 0 && w->days & 1u << (day - MONDAY + 7000 * WEEK_DAYS) % WEEK_DAYS;
}

static int32_t length_of(const struct plan_window *w)
{
    return w->to_s - w->from_s + (w->to_s <= w->from_s ? BF_DAY_S : 0);
}

/* Do they overlap where a opens on this day?  *ret_s: from when on, after its midnight. */
static bool overlap_on(const struct plan_window *a, const struct plan_window *b, int32_t day, int32_t *ret_s)
{
    if (!opens_on(a, day))
        return false;
    for (int32_t other = -1; other <= 1; other++) {
        int32_t from_s = b->from_s + other * BF_DAY_S;
        if (!opens_on(b, day + other) || from_s >= a->from_s + length_of(a) || from_s + length_of(b) <= a->from_s)
            continue;
        *ret_s = from_s > a->from_s ? from_s : a->from_s;
        return true;
    }
    return false;
}

/* By weekdays: some week is as good as any.  By dates: the days around where each range of them begins. */
static bool overlap(const struct plan_window *a, const struct plan_window *b, int32_t *ret_day, int32_t *ret_s)
{
    if (a->n_dates == 0) {
        for (*ret_day = MONDAY; *ret_day < MONDAY + WEEK_DAYS; ++*ret_day)
            if (overlap_on(a, b, *ret_day, ret_s))
                return true;
        return false;
    }
    for (size_t i = 0; i < a->n_dates; i++)
        for (size_t k = 0; k < b->n_dates; k++)
            for (int32_t near = -1; near <= 1; near++) {
                int32_t first = a->dates[i].first > b->dates[k].first + near ? a->dates[i].first : b->dates[k].first + near;
                if (overlap_on(a, b, *ret_day = first, ret_s))
                    return true;
            }
    return false;
}

enum { DATE_MAX = 16 };

static void put_date(int32_t day, char ret[static DATE_MAX])
{
    struct bf_date date = bf_date_from_days(day);
    snprintf(ret, DATE_MAX, "%04d-%02u-%02u", (int)date.year, (unsigned)date.month, (unsigned)date.day);
}

static void put_day(const struct plan_window *w, int32_t day, int32_t at_s, struct bf_buf *ret)
{
    int32_t later = (int32_t)bf_floor_div(at_s, BF_DAY_S);
    char date[DATE_MAX];
    put_date(day + later, date);
    at_s -= later * BF_DAY_S;
    if (w->n_dates > 0)
        bf_buf_put_str(ret, date);
    else
        bf_buf_put_str(ret, day_names[(day + later - MONDAY) % WEEK_DAYS]);
    bf_buf_printf(ret, " from %02d:%02d", (int)(at_s / BF_HOUR_S), (int)(at_s / MINUTE_S % 60));
}

/* A freeze by dates over a peak by weekdays is what overlapping is for; two of one sort are said. */
static void warn_overlap(struct plan_compiler *c, const struct plan_window *a, const struct plan_window *b)
{
    int32_t day, at_s;
    if ((a->n_dates > 0) != (b->n_dates > 0) || (a->pool != b->pool && a->pool != PLAN_NO_INDEX && b->pool != PLAN_NO_INDEX) ||
        !overlap(a, b, &day, &at_s))
        return;
    struct bf_buf when = {0};
    put_day(a, day, at_s, &when);
    bf_diag_add(c->d, BF_DIAG_WARNING, b->mark, "windows `%s` and `%s` overlap, as on %s: there the smaller budget counts, that of `%s`",
                a->name, b->name, bf_buf_cstr(&when), b->budget < a->budget ? b->name : a->name);
    bf_diag_add(c->d, BF_DIAG_NOTE, a->mark, "`%s` stands here", a->name);
    bf_buf_free(&when);
}

/* Only the windows by weekdays: they come again for ever. */
struct weekly { struct plan_windows windows; struct plan_window *owned; };

static struct weekly weekly_of(const struct plan *p, uint32_t pool)
{
    struct weekly w = {.owned = bf_xcalloc(p->n_windows + 1, sizeof *w.owned)};
    size_t n = 0;
    for (size_t i = 0; i < p->n_windows; i++)
        if (p->windows[i].n_dates == 0)
            w.owned[n++] = p->windows[i];
    w.windows = (struct plan_windows){.at = w.owned, .n = n, .pool = pool, .zone = p->zone};
    return w;
}

/* In UTC, so that no change of the clock makes one week another than the rest. */
static bool closed_for_ever(struct plan_compiler *c, uint32_t pool)
{
    struct weekly w = weekly_of(c->plan, pool);
    struct zone *utc = zone_utc();
    w.windows.zone = utc;
    bool closed = plan_freeze_free_at(&w.windows, 0, 1) == INT64_MAX;
    for (size_t i = 0; closed && i < w.windows.n; i++) {
        if (w.owned[i].budget > 0 || (w.owned[i].pool != PLAN_NO_INDEX && w.owned[i].pool != pool))
            continue;
        bf_diag_add(c->d, BF_DIAG_ERROR, w.owned[i].mark, "%s%s%s closed for ever: at every hour of the week a window leaves 0%% of it",
                    pool == PLAN_NO_INDEX ? "every pool" : "pool `", pool == PLAN_NO_INDEX ? "" : c->plan->pools[pool].name,
                    pool == PLAN_NO_INDEX ? " is" : "` is");
        bf_diag_fix(c->d, "leave some hours open, or give `dates`");
        break;
    }
    zone_free(utc);
    free(w.owned);
    return closed;
}

static void check_closed(struct plan_compiler *c)
{
    if (closed_for_ever(c, PLAN_NO_INDEX))
        return;
    for (uint32_t i = 0; i < c->plan->n_pools && c->d->n < BF_DIAG_MAX; i++)
        (void)closed_for_ever(c, i);
}

/* It is started as soon as a freeze ends, and runs into the next: nothing would ever start it otherwise. */
static void warn_steps(struct plan_compiler *c)
{
    for (size_t i = 0; i < c->plan->n_steps && c->d->n < BF_DIAG_MAX; i++) {
        const struct plan_step *s = &c->plan->steps[i];
        struct weekly w = weekly_of(c->plan, s->pool);
        int64_t longest_s = plan_windows_freeze(&w.windows) ? plan_freeze_after(&w.windows, 0).longest_s : INT64_MAX;
        if (longest_s != INT64_MAX && s->expect_ms / 1000 > longest_s) {
            char expected[32], longest[32];
            bf_format_duration(s->expect_ms, expected, sizeof expected);
            bf_format_duration(longest_s * 1000, longest, sizeof longest);
            bf_diag_add(c->d, BF_DIAG_WARNING, s->mark, "step `%s` is expected to take %s, and no more than %s lie between two freezes: it "
                        "will run into one", s->name, expected, longest);
        }
        free(w.owned);
    }
}

/* By weekdays it is an error (closed_for_ever); by dates somebody may mean it, to close a pool for good. */
static void warn_endless(struct plan_compiler *c, const struct plan_window *w)
{
    const struct plan *p = c->plan;
    char from[DATE_MAX];
    if (w->budget > 0 || w->n_dates == 0 || !plan_window_lasts_for_ever(w, p->zone))
        return;
    put_date(w->dates[w->n_dates - 1].first, from);
    bool all = w->pool == PLAN_NO_INDEX;
    bf_diag_add(c->d, BF_DIAG_WARNING, w->mark, "window `%s` never ends: from %s on it leaves 0%% of %s%s%s, for ever", w->name, from,
                all ? "every pool" : "pool `", all ? "" : p->pools[w->pool].name, all ? "" : "`");
    bf_diag_fix(c->d, "give it a last day");
}

void plan_windows_warn_past(const struct plan *p, int64_t now_s, struct bf_diags *d)
{
    for (size_t i = 0; i < p->n_windows && d->n < BF_DIAG_MAX; i++) {
        const struct plan_window *w = &p->windows[i];
        char last[DATE_MAX];
        if (w->n_dates == 0 || plan_window_opens(w, p->zone, now_s) || !plan_window_opens(w, p->zone, INT64_MIN))
            continue;
        put_date(w->dates[w->n_dates - 1].last, last);
        bf_diag_add(d, BF_DIAG_WARNING, w->mark, "window `%s` never opens again: its last day was %s", w->name, last);
    }
}

void plan_windows_check(struct plan_compiler *c)
{
    const struct plan *p = c->plan;
    for (size_t i = 0; i < p->n_windows && c->d->n < BF_DIAG_MAX; i++) {
        const struct plan_window *w = &p->windows[i];
        if (!plan_window_opens(w, p->zone, INT64_MIN))
            bf_diag_add(c->d, BF_DIAG_WARNING, w->mark, "window `%s` never opens: the clock of %s is set forward over it", w->name,
                        zone_name(p->zone));
        warn_endless(c, w);
        if (w->budget == PLAN_WHOLE_BUDGET)
            bf_diag_add(c->d, BF_DIAG_WARNING, w->mark, "window `%s` changes nothing: it leaves 100%%, and where windows overlap the "
                        "smaller budget counts", w->name);
        for (size_t k = 0; k < i && c->d->n < BF_DIAG_MAX; k++)
            warn_overlap(c, &p->windows[k], w);
    }
    if (p->n_windows == 0)
        return;
    check_closed(c);
    if (c->d->n_errors == 0)
        warn_steps(c);
}
