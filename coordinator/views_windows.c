/* What windows leave of pools in the coming week, stretch by stretch, on the clock of the plan's zone. */
#include "coordinator/views_windows.h"

#include <stdio.h>
#include <string.h>

#include "common/civil.h"
#include "common/mem.h"
#include "coordinator/engine/view_pools.h"
#include "coordinator/views_parts.h"

enum { ROWS_MAX = 1000, LOCAL_MAX = 32, WEEK_DAYS = 7, MONDAY = 4 };
#define US_PER_S INT64_C(1000000)

/* "mon 2024-01-01 08:00" */
static json_t *local_text(const struct zone *z, int64_t at_s)
{
    static const char *const days[WEEK_DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    char text[LOCAL_MAX];
    int64_t local_s = at_s + zone_span_at(z, at_s).offset_s, day = bf_floor_div(local_s, BF_DAY_S), second = local_s - day * BF_DAY_S;
    struct bf_date date = bf_date_from_days((int32_t)day);
    int64_t weekday = day - MONDAY - bf_floor_div(day - MONDAY, WEEK_DAYS) * WEEK_DAYS;
    snprintf(text, sizeof text, "%s %04d-%02u-%02u %02d:%02d", days[weekday], (int)date.year, (unsigned)date.month, (unsigned)date.day,
             (int)(second / BF_HOUR_S), (int)(second / 60 % 60));
    return json_string(text);
}

/* Percent, as a number; and what is left of the pool's slots, or null without a pool. */
static json_t *stretch(const struct plan_windows *w, const struct plan *p, int64_t from_s, int64_t until_s, struct plan_budget b,
                       int64_t slots)
{
    json_t *j = json_object();
    json_object_set_new(j, "pool", view_string(w->pool == PLAN_NO_INDEX ? NULL : p->pools[w->pool].name));
    json_object_set_new(j, "from", view_time(from_s * US_PER_S));
    json_object_set_new(j, "until", view_time(until_s * US_PER_S));
    json_object_set_new(j, "local_from", local_text(w->zone, from_s));
    json_object_set_new(j, "local_until", local_text(w->zone, until_s));
    json_object_set_new(j, "window", view_string(b.window == PLAN_NO_WINDOW ? NULL : w->at[b.window].name));
    json_object_set_new(j, "budget_percent", json_real((double)b.budget / 10000));
    json_object_set_new(j, "slots", slots < 0 ? json_null() : json_integer(plan_budget_of((uint32_t)slots, b.budget)));
    return j;
}

static void add_pool(const struct plan *p, uint32_t pool, int64_t slots, int64_t from_s, int64_t until_s, json_t *rows)
{
    struct plan_windows w = {.at = p->windows, .n = p->n_windows, .pool = pool, .zone = p->zone};
    for (int64_t at_s = from_s; at_s < until_s && json_array_size(rows) < ROWS_MAX;) {
        struct plan_budget b = plan_budget_at(&w, at_s);
        int64_t end_s = b.until_s < until_s ? b.until_s : until_s;
        json_array_append_new(rows, stretch(&w, p, at_s, end_s, b, slots));
        at_s = end_s;
    }
}

static bool some_step_draws_on_none(const struct plan *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].pool == PLAN_NO_INDEX)
            return true;
    return false;
}

/* Those of the plan, with whether they are open and whether they open again. */
static json_t *list_windows(const struct plan *p, int64_t now_s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->n_windows; i++) {
        const struct plan_window *w = &p->windows[i];
        json_array_append_new(list, json_pack("{s:s, s:o, s:f, s:b}", "name", w->name, "pool",
                                              view_string(w->pool == PLAN_NO_INDEX ? NULL : p->pools[w->pool].name), "budget_percent",
                                              (double)w->budget / 10000, "over", !plan_window_opens(w, p->zone, now_s)));
    }
    return list;
}

json_t *view_week(const struct plan *p, int64_t now_us, uint32_t (*slots)(const void *arg, uint32_t pool), const void *arg)
{
    int64_t from_s = now_us / US_PER_S, until_s = from_s + INT64_C(7) * BF_DAY_S;
    json_t *j = json_object(), *rows = json_array();
    for (uint32_t i = 0; i < p->n_pools; i++)
        add_pool(p, i, slots(arg, i), from_s, until_s, rows);
    struct plan_windows none = {.at = p->windows, .n = p->n_windows, .pool = PLAN_NO_INDEX, .zone = p->zone};
    if (some_step_draws_on_none(p) && plan_windows_freeze(&none))
        add_pool(p, PLAN_NO_INDEX, -1, from_s, until_s, rows);
    json_object_set_new(j, "plan", view_string(p->name));
    json_object_set_new(j, "timezone", view_string(zone_name(p->zone)));
    json_object_set_new(j, "from", view_time(from_s * US_PER_S));
    json_object_set_new(j, "until", view_time(until_s * US_PER_S));
    json_object_set_new(j, "truncated", json_boolean(json_array_size(rows) >= ROWS_MAX));
    json_object_set_new(j, "week", rows);
    json_object_set_new(j, "windows", list_windows(p, from_s));
    return j;
}

json_t *view_pool_windows(const struct view_source *v, size_t pool)
{
    size_t n = 0;
    BF_AUTO_FREE struct pool_window_view *at = engine_pool_windows(v->engine, pool, v->wall_us, &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n && json_array_size(list) < VIEW_SHARES_MAX; i++) {
        const bool for_ever = at[i].until_us == INT64_MAX;
        struct view_id backfill;
        if (!view_other_backfill(v, at[i].backfill, &backfill))
            continue;
        json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:I, s:o, s:b}", "window", at[i].name, "backfill", backfill.text,
                                              "budget_percent", (double)at[i].budget / 10000, "slots", (json_int_t)at[i].left,
                                              "until", for_ever ? json_null() : view_time(at[i].until_us), "for_ever", for_ever));
    }
    return list;
}

struct engine_slots { const struct engine *engine; const struct plan *plan; };

static uint32_t slots_now(const void *arg, uint32_t pool)
{
    const struct engine_slots *s = arg;
    struct pool_view p;
    for (size_t i = 0; i < engine_n_pools(s->engine); i++) {
        engine_pool(s->engine, i, &p);
        if (strcmp(p.name, s->plan->pools[pool].name) == 0)
            return p.slots;
    }
    return s->plan->pools[pool].slots;
}

enum bf_rc view_windows(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc != BF_OK)
        return rc;
    struct engine_slots s = {v->engine, b.plan};
    *ret = view_week(b.plan, v->wall_us, slots_now, &s);
    json_object_set_new(*ret, "backfill", view_string(view_backfill_id(b.id).text));
    return BF_OK;
}
