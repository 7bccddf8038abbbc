/* The probes that are wanted now (OP_PROBES): what each measures, who runs it, its newest reading against its target, and how the last
 * minutes were.
 *
 * The newest reading is the engine's, so that it is there after a restart; who probes, the percentiles, and whether that reading is of what
 * is asked for now are of this process.  Times are in milliseconds, values as they are: "unit" says which. */
#include <string.h>

#include "coordinator/authority.h"
#include "coordinator/turn.h"
#include "coordinator/views_parts.h"
#include "plan/probe.h"

/* us to ms, or millionths to a number. */
static json_t *amount(const struct plan_probe *probe, int64_t got)
{
    return json_real((double)got / (probe->value ? 1e6 : 1e3));
}

static const char *state_of(const struct plan_probe *probe, const struct probe_view *last)
{
    if (!last)
        return "waiting";
    if (!last->readable)
        return "unreadable";
    return last->value_us >= probe->limit ? "over_limit" : last->value_us > probe->target ? "over_target" : "ok";
}

static void put_last(const struct view_source *v, json_t *j, const struct plan_probe *probe, const struct probe_view *last)
{
    bool readable = last && last->readable;
    json_object_set_new(j, "state", view_string(state_of(probe, last)));
    json_object_set_new(j, "value", readable ? amount(probe, last->value_us) : json_null());
    json_object_set_new(j, "at", view_time(last ? last->at_us : 0));
    json_object_set_new(j, "age_ms", last ? json_integer((v->wall_us - last->at_us) / 1000) : json_null());
    json_object_set_new(j, "why", view_string(last && !last->readable ? last->why : NULL));
}

static void put_process(const struct view_source *v, json_t *j, const struct turn_probe *now, const struct plan_probe *probe)
{
    struct agent_view agent;
    bool asked = now->agent && engine_agent(v->engine, now->agent, &agent);
    json_object_set_new(j, "agent", view_string(asked ? agent.hello->name : NULL));
    json_object_set_new(j, "p50", now->p50_us < 0 ? json_null() : amount(probe, now->p50_us));
    json_object_set_new(j, "p95", now->p95_us < 0 ? json_null() : amount(probe, now->p95_us));
    json_object_set_new(j, "readable", json_integer(now->readable));
    json_object_set_new(j, "unreadable", json_integer(now->unreadable));
}

static json_t *row(const struct view_source *v, const char *connection, const struct probe_asked *asked)
{
    json_t *j = json_object();
    struct probe_view last;
    struct turn_probe now = {.p50_us = -1, .p95_us = -1};
    const struct plan_probe *p = &asked->probe;
    struct view_id of;
    bool seen = view_other_backfill(v, asked->backfill, &of);
    if (v->turns)
        (void)turn_probe(v->turns, connection, v->engine_ms, &now);
    bool known = v->turns ? turn_probe_read(v->turns, connection, &last) : engine_probe(v->engine, connection, &last);
    json_object_set_new(j, "name", view_string(connection));
    json_object_set_new(j, "backfill", view_string(seen ? of.text : NULL));
    json_object_set_new(j, "kind", view_string(plan_probe_kind_name(p->kind)));
    json_object_set_new(j, "measure", view_string(p->value ? "value" : "elapsed"));
    json_object_set_new(j, "unit", view_string(p->value ? "" : "ms"));
    json_object_set_new(j, "every_ms", json_integer(p->every_ms));
    json_object_set_new(j, "target", amount(p, p->target));
    json_object_set_new(j, "limit", amount(p, p->limit));
    put_last(v, j, p, known ? &last : NULL);
    put_process(v, j, &now, p);
    return j;
}

static bool is_listed(const json_t *list, const char *name)
{
    size_t i;
    json_t *j;
    json_array_foreach(list, i, j)
        if (strcmp(json_string_value(json_object_get(j, "name")), name) == 0)
            return true;
    return false;
}

static void add_rows(const struct view_source *v, const struct backfill_view *b, json_t *all)
{
    for (size_t k = 0; k < b->plan->n_connections; k++) {
        const struct plan_connection *c = &b->plan->connections[k];
        struct probe_asked asked;
        if (c->probe && engine_probe_is_wanted(v->engine, c->name) && authority_sees(v->who, b->plan->name) && !is_listed(all, c->name) &&
            engine_probe_asked(v->engine, c->name, &asked))
            json_array_append_new(all, row(v, c->name, &asked));
    }
}

enum bf_rc view_probes(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    uint64_t limit = view_page_limit(req), seen = 0;
    json_t *all = json_array();
    (void)err;
    *ret = json_array();
    for (uint32_t id = 0; (id = engine_next_live(v->engine, id)) != 0;)
        if (engine_backfill(v->engine, id, &b))
            add_rows(v, &b, all);
    for (size_t i = (size_t)req->page_offset; i < json_array_size(all) && seen < limit; i++, seen++)
        json_array_append(*ret, json_array_get(all, i));
    json_decref(all);
    return BF_OK;
}
