/* The breakers, as documents. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/authority.h"
#include "coordinator/views_breakers.h"

static const char *source_name(enum breaker_source s)
{
    static const char *const names[] = {[BREAKER_BY_PRESET] = "preset", [BREAKER_BY_PLAN] = "plan", [BREAKER_BY_CONFIG] = "config"};
    return names[s];
}

static json_t *settings(const struct breaker_settings *s)
{
    return json_pack("{s:b, s:i, s:I, s:i, s:f, s:f, s:f, s:I, s:f, s:I, s:i}", "enabled", !s->off, "window", (int)s->window, "period_ms",
                     (json_int_t)s->period_ms, "minimum", (int)s->minimum, "rate", s->rate / 1e6, "slow_rate", s->slow_rate / 1e6,
                     "slow_factor", s->slow_factor_milli / 1e3, "open_ms", (json_int_t)s->open_ms, "growth", s->growth_milli / 1e3,
                     "open_max_ms", (json_int_t)s->open_max_ms, "probes", (int)s->probes);
}

static json_t *counts(uint32_t calls, uint32_t failures, uint32_t slow)
{
    return json_pack("{s:I, s:I, s:I}", "calls", (json_int_t)calls, "failures", (json_int_t)failures, "slow", (json_int_t)slow);
}

static json_t *or_null(const char *s)
{
    return *s ? view_string(s) : json_null();
}

const char *view_breaker_cause(const struct view_source *v, const struct breaker_view *b)
{
    return b->kind != BREAKER_STEP && v->who && v->who->n_plans > 0 ? "" : b->cause;
}

static json_t *row(const struct view_source *v, uint64_t holds, const struct breaker_view *b)
{
    char name[BREAKER_NAME_MAX];
    bool held = b->state == BREAKER_OPEN && b->until_ms < 0;
    view_breaker_name(b, name);
    json_t *j = json_object();
    json_object_set_new(j, "name", view_string(name));
    json_object_set_new(j, "kind", view_string(breaker_kind_name(b->kind)));
    json_object_set_new(j, "state", view_string(breaker_state_name(b->state)));
    json_object_set_new(j, "since", view_time(b->since_us));
    json_object_set_new(j, "window", counts(b->calls, b->failures, b->slow));
    json_object_set_new(j, "opened_by", b->opened_calls ? counts(b->opened_calls, b->opened_failures, b->opened_slow) : json_null());
    json_object_set_new(j, "cause", or_null(view_breaker_cause(v, b)));
    json_object_set_new(j, "held_open", json_boolean(held));
    json_object_set_new(j, "half_opens_at", view_engine_time(v, b->until_ms));
    json_object_set_new(j, "opened_before", json_integer(b->level));
    json_object_set_new(j, "probes", json_integer(b->probes));
    json_object_set_new(j, "holds", json_integer((json_int_t)holds));
    json_object_set_new(j, "by", or_null(b->by));
    json_object_set_new(j, "reason", or_null(b->reason));
    json_object_set_new(j, "settings", settings(b->settings));
    json_object_set_new(j, "set_by", view_string(source_name(b->source)));
    return j;
}

void view_breaker_name(const struct breaker_view *b, char ret[BREAKER_NAME_MAX])
{
    snprintf(ret, BREAKER_NAME_MAX, "%s/%s", breaker_kind_name(b->kind), b->name);
}

/* ---- what is not closed, beside other things ---- */

enum { HELD_TOLD = 20 };

static json_t *brief(const struct view_source *v, size_t number, const struct breaker_view *b)
{
    char name[BREAKER_NAME_MAX];
    view_breaker_name(b, name);
    bool agent = b->kind == BREAKER_AGENT;
    json_t *j = json_object();
    json_object_set_new(j, agent ? "agent" : "name", view_string(agent ? b->name : name));
    json_object_set_new(j, "state", view_string(breaker_state_name(b->state)));
    json_object_set_new(j, "since", view_time(b->since_us));
    json_object_set_new(j, "half_opens_at", view_engine_time(v, b->until_ms));
    json_object_set_new(j, "held_open", json_boolean(b->held));
    if (!agent)
        json_object_set_new(j, "holds", json_integer((json_int_t)engine_breaker_holds(v->engine, number)));
    json_object_set_new(j, "cause", or_null(view_breaker_cause(v, b)));
    json_object_set_new(j, "by", or_null(b->by));
    json_object_set_new(j, "reason", or_null(b->reason));
    return j;
}

json_t *view_held_breakers(const struct view_source *v, uint32_t backfill, const char *pool)
{
    json_t *list = json_array();
    for (size_t i = 0; i < engine_n_held_breakers(v->engine) && json_array_size(list) < HELD_TOLD; i++) {
        size_t number = engine_held_breaker(v->engine, i);
        struct breaker_view b;
        if (!engine_breaker(v->engine, number, &b) || b.kind == BREAKER_AGENT)
            continue;
        bool its = pool ? b.kind == BREAKER_POOL && strcmp(b.name, pool) == 0 : engine_backfill_draws_on(v->engine, backfill, number);
        if (its)
            json_array_append_new(list, brief(v, number, &b));
    }
    return list;
}

json_t *view_held_agents(const struct view_source *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < engine_n_held_breakers(v->engine) && json_array_size(list) < HELD_TOLD; i++) {
        size_t number = engine_held_breaker(v->engine, i);
        struct breaker_view b;
        if (engine_breaker(v->engine, number, &b) && b.kind == BREAKER_AGENT && b.here)
            json_array_append_new(list, brief(v, number, &b));
    }
    return list;
}

/* ---- the list ---- */

struct sorted { struct breaker_view b; size_t number; };

/* What is not closed first; then by kind and name. */
static int in_order(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    if ((x->b.state == BREAKER_CLOSED) != (y->b.state == BREAKER_CLOSED))
        return x->b.state == BREAKER_CLOSED ? 1 : -1;
    if (x->b.kind != y->b.kind)
        return x->b.kind < y->b.kind ? -1 : 1;
    return strcmp(x->b.name, y->b.name);
}

/* Is the step of a plan that this key sees? */
static bool is_seen(const struct view_source *v, const struct breaker_view *b)
{
    size_t n = 0;
    const char *step;
    if (b->kind != BREAKER_STEP || !v->who || v->who->n_plans == 0)
        return true;
    if (!breaker_step_parse(b->name, &n, &step))
        return false;
    BF_AUTO_FREE char *plan = bf_xstrndup(b->name, n);
    return authority_sees(v->who, plan);
}

/* A name: that one, whatever its state.  Else all of the state that was asked for: "" what is not closed or has votes, "all" everything. */
static bool is_asked(const struct op_request *req, const struct breaker_view *b)
{
    char name[BREAKER_NAME_MAX];
    view_breaker_name(b, name);
    if (req->name && *req->name)
        return strcmp(req->name, name) == 0;
    return b->state != BREAKER_CLOSED || b->calls > 0 || (req->state && strcmp(req->state, "all") == 0);
}

/* The most that escapes can make of its texts, and all else. */
static size_t row_bytes(const struct breaker_view *b)
{
    return 1200 + 6 * (strlen(b->name) + strlen(b->cause) + strlen(b->by) + strlen(b->reason));
}

/* A page ends early where texts would make it too large: the caller goes on at offset + rows. */
enum bf_rc view_breakers(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    size_t n = 0, all = engine_n_breakers(v->engine);
    uint64_t limit = view_page_limit(req);
    BF_AUTO_FREE struct sorted *list = bf_xcalloc(all + 1, sizeof *list);
    for (size_t i = 0; i < all; i++) {
        if (!engine_breaker(v->engine, i, &list[n].b))
            continue;
        list[n].number = i;
        n += is_asked(req, &list[n].b) && is_seen(v, &list[n].b);
    }
    if (n == 0 && req->name && strncmp(req->name, "agent/", 6) == 0)
        return bf_fail(err, BF_NOT_FOUND, "there is no agent %s; bfctl agents shows those that are known", req->name + 6);
    if (n == 0 && req->name && *req->name)
        return bf_fail(err, BF_NOT_FOUND, "nothing that is known here is called %s, so it has no breaker; bfctl breakers --all lists them",
                       req->name);
    qsort(list, n, sizeof *list, in_order);
    *ret = json_array();
    BF_AUTO_FREE uint64_t *holds = bf_xcalloc(all + 1, sizeof *holds);
    engine_breakers_hold(v->engine, holds);
    for (size_t i = (size_t)req->page_offset, bytes = 0; i < n && json_array_size(*ret) < limit && bytes < VIEW_BYTES_MAX; i++) {
        bytes += row_bytes(&list[i].b);
        if (bytes < VIEW_BYTES_MAX)
            json_array_append_new(*ret, row(v, holds[list[i].number], &list[i].b));
    }
    return BF_OK;
}
