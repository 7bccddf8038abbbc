/* Pools as documents: what each has, what is in use, who says so, and what waits for it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/view_pools.h"
#include "coordinator/views_breakers.h"
#include "coordinator/views_parts.h"
#include "coordinator/views_windows.h"
#include "coordinator/views_yields.h"
#include "plan/budget.h"

const char *view_pool_source(enum pool_source s)
{
    return s == POOL_FROM_CONFIG ? "config" : s == POOL_FROM_OPERATOR ? "operator" : "plan";
}

/* Processors as people count them; bytes and units as they are. */
static json_t *figure(const char *dimension, uint64_t n)
{
    return strcmp(dimension, "cpu") == 0 ? json_real((double)n / 1000) : json_integer((json_int_t)n);
}

static json_t *dimensions(const struct engine *e, size_t pool)
{
    size_t n = 0;
    struct pool_dimension_view *at = engine_pool_dimensions(e, pool, &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}", "name", at[i].name, "used", figure(at[i].name, at[i].used), "limit",
                                              at[i].limit ? figure(at[i].name, at[i].limit) : json_null(), "source",
                                              at[i].limit ? json_string(view_pool_source(at[i].source)) : json_null()));
    free(at);
    return list;
}

static json_t *start_rate(const struct pool_view *p)
{
    char text[PLAN_BUDGET_TEXT_MAX];
    if (p->start_milli == 0)
        return json_null();
    plan_start_rate_format(p->start_milli, p->start_ms, text);
    return json_string(text);
}

/* The step that room is kept for: the first of those that need the same; null where the key may not see it. */
static json_t *reserved_for(const struct view_source *v, const struct pool_waiting_view *w)
{
    struct backfill_view b;
    struct view_id name;
    if (!w->reserved || !engine_backfill(v->engine, w->backfill, &b) || !view_other_backfill(v, w->backfill, &name))
        return json_null();
    return json_pack("{s:s, s:s}", "backfill", name.text, "step", b.plan->steps[w->step].name);
}

/* What is held of a pool without slots is no part of it. */
static json_t *percent(const struct pool_share_view *s, const struct pool_view *p)
{
    return p->slots == 0 && s->used > 0 ? json_null() : json_real((double)(s->part / 100) / 100);
}

/* Who draws on it or waits for it, with what each holds in per cent: of many the first by id. */
static json_t *shares(const struct view_source *v, size_t pool)
{
    size_t n = 0;
    BF_AUTO_FREE struct pool_share_view *at = engine_pool_shares(v->engine, pool, &n);
    json_t *list = json_array();
    struct pool_view p;
    engine_pool(v->engine, pool, &p);
    for (size_t i = 0; i < n && json_array_size(list) < VIEW_SHARES_MAX; i++) {
        const struct pool_share_view *s = &at[i];
        struct view_id name;
        if (!view_other_backfill(v, s->backfill, &name))
            continue;
        json_array_append_new(list, json_pack("{s:s, s:I, s:o, s:I, s:o, s:I, s:o}", "backfill", name.text, "used", (json_int_t)s->used,
                                              "percent", percent(s, &p), "waiting", (json_int_t)s->ready, "passed_ms",
                                              s->passed_ms ? json_integer(s->passed_ms) : json_null(), "raised", (json_int_t)s->raised,
                                              "yielded", view_yields(v, s->backfill, p.name)));
    }
    return list;
}

static void add_name(json_t *list, bool said, const char *name)
{
    if (said)
        json_array_append_new(list, view_string(name));
}

/* What people set and did not take back: which figures, and who said so last; null: nothing. */
static json_t *by_hand(const struct view_source *v, size_t pool)
{
    struct pool_said_view said;
    if (!engine_pool_said(v->engine, pool, POOL_FROM_OPERATOR, &said))
        return json_null();
    const struct pool_budget *b = said.budget;
    json_t *list = json_array();
    add_name(list, !b->no_slots, "slots");
    add_name(list, b->cpu_milli, "cpu");
    add_name(list, b->memory_bytes, "memory");
    add_name(list, b->io_bytes_s, "io");
    for (size_t i = 0; i < b->n_units; i++)
        add_name(list, true, b->units[i].name);
    add_name(list, b->start_milli, "start_rate");
    add_name(list, b->floor, "floor");
    add_name(list, b->ceiling, "ceiling");
    return json_pack("{s:o, s:o, s:o, s:o}", "figures", list, "by", *said.by ? view_string(said.by) : json_null(), "at",
                     said.at_us ? view_time(said.at_us) : json_null(), "reason", *said.reason ? view_string(said.reason) : json_null());
}

/* named: it was asked for alone, and comes with its shares and the last moves of its limit. */
static json_t *pool(const struct view_source *v, size_t i, bool named)
{
    struct pool_view p;
    struct pool_waiting_view w;
    engine_pool(v->engine, i, &p);
    engine_pool_waiting(v->engine, i, &w);
    json_t *j = json_pack("{s:s, s:I, s:I, s:s, s:o, s:o, s:o, s:I, s:o, s:o}", "name", p.name, "slots", (json_int_t)p.slots, "used",
                          (json_int_t)p.used, "source", view_pool_source(p.source), "by_hand", by_hand(v, i),
                          "dimensions", dimensions(v->engine, i), "start_rate", start_rate(&p), "waiting", (json_int_t)w.ready,
                          "reserved_for", reserved_for(v, &w), "throttle", view_throttle(v, i, named));
    if (named)
        json_object_set_new(j, "shares", shares(v, i));
    if (named)
        json_object_set_new(j, "windows", view_pool_windows(v, i));
    return j;
}

/* With a name: that pool alone, as an object.  A page ends early where names would make it too large: the caller goes on at
 * offset + rows. */
enum bf_rc view_pools(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    uint64_t limit = view_page_limit(req);
    if (*req->name) {
        size_t i = engine_pool_named(v->engine, req->name);
        if (i == engine_n_pools(v->engine))
            return bf_fail(err, BF_NOT_FOUND, "there is no pool %s; bfctl pools lists them", req->name);
        *ret = pool(v, i, true);
        json_object_set_new(*ret, "breakers", view_held_breakers(v, 0, req->name));
        json_object_set_new(*ret, "quarantined", view_held_agents(v));
        return BF_OK;
    }
    *ret = json_array();
    for (size_t i = (size_t)req->page_offset, bytes = 0; i < engine_n_pools(v->engine) && json_array_size(*ret) < limit; i++) {
        json_t *row = pool(v, i, false);
        bytes += 1 + json_dumpb(row, NULL, 0, JSON_COMPACT);
        if (bytes < VIEW_BYTES_MAX || json_array_size(*ret) == 0) {
            json_array_append_new(*ret, row);
            continue;
        }
        json_decref(row);
        break;
    }
    return BF_OK;
}
