/* Lists of instances, and the counts by step that a person watches. */
#include <string.h>

#include "coordinator/views_breakers.h"
#include "coordinator/views_health.h"
#include "coordinator/views_parts.h"
#include "coordinator/views_progress.h"
#include "coordinator/views_tally.h"
#include "coordinator/views_waits.h"
#include "coordinator/views_yields.h"

#define STEP_ROW_BYTES 390                       /* of the by_step list, without the name */

/* ---- steps ---- */

static json_t *step_row(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index,
                        const struct instance_view *i, size_t *text_left_bytes)
{
    char partition[PLAN_KEY_MAX];
    view_partition(&b->plan->steps[step], index, partition);
    struct agent_view agent;
    bool has_agent = i->agent && engine_agent(v->engine, i->agent, &agent);
    json_t *j = json_object();
    json_object_set_new(j, "step", view_string(b->plan->steps[step].name));
    json_object_set_new(j, "partition", view_string(partition));
    json_object_set_new(j, "state", view_string(view_state_name(i)));
    json_object_set_new(j, "held", json_boolean(i->held));
    json_object_set_new(j, "unheard", json_boolean(i->unheard));
    json_object_set_new(j, "prefetched", json_boolean(i->prefetched));
    json_object_set_new(j, "stale", json_boolean(i->stale));
    json_object_set_new(j, "run", json_integer(i->run));
    json_object_set_new(j, "attempts", json_integer(i->attempts));
    json_object_set_new(j, "agent", view_string(has_agent ? agent.hello->name : NULL));
    json_object_set_new(j, "attempt", view_string(i->attempt ? view_attempt_id(i->attempt).text : NULL));
    json_object_set_new(j, "started_at", view_time(i->started_us));
    json_object_set_new(j, "finished_at", view_time(i->finished_us));
    json_object_set_new(j, "closing_since", view_time(i->closing_us));
    json_object_set_new(j, "duration_ms", i->started_us && i->finished_us >= i->started_us
                                              ? json_integer((i->finished_us - i->started_us) / 1000) : json_null());
    json_object_set_new(j, "past_timebox", view_past_timebox(v, b, step, i));
    json_object_set_new(j, "rerun", view_rerun(v, b, step, index));
    json_object_set_new(j, "usage", view_usage_of(&i->usage));
    view_not_enforced(v, &b->plan->steps[step].resources, i->agent, j);
    json_object_set_new(j, "reused_from", view_string(i->reused_from ? view_backfill_id(i->reused_from).text : NULL));
    /* What went well in the end has no failure to show. */
    bool done = i->state == INSTANCE_SUCCEEDED || i->state == INSTANCE_SKIPPED;
    json_object_set_new(j, "failure", done ? json_null() : view_failure(v, b->id, step, index, text_left_bytes));
    return j;
}

static const char *const state_words[] = {"waiting", "ready", "assigned", "running", "backing_off", "succeeded", "skipped", "failed",
                                          "cancelled", "upstream_failed", "held", "stale"};

static bool state_known(const char *state)
{
    for (size_t i = 0; i < sizeof state_words / sizeof *state_words; i++)
        if (strcmp(state_words[i], state) == 0)
            return true;
    return state[0] == '\0';
}

/* How many rows a state filter can find at most: no walk over millions for a state that nothing is in. */
static uint64_t state_count(const struct backfill_view *b, const char *state)
{
    if (!state[0])
        return UINT64_MAX;
    if (strcmp(state, "upstream_failed") == 0)
        return b->upstream_failed;
    if (strcmp(state, "held") == 0 || strcmp(state, "stale") == 0)
        return *state == 'h' ? b->held : b->stale;
    for (int s = INSTANCE_WAITING; s < INSTANCE_STATE_COUNT; s++)
        if (strcmp(instance_state_name((enum instance_state)s), state) == 0)
            return b->count[s];
    return 0;
}

/* Held and stale are words beside the state. */
static bool in_state(const struct instance_view *i, const char *state)
{
    return strcmp(state, "held") == 0 ? i->held : strcmp(state, "stale") == 0 ? i->stale : strcmp(view_state_name(i), state) == 0;
}

struct steps_walk {
    const struct view_source *v;
    const struct backfill_view *b;
    const char *state;
    uint64_t skip, limit, left;                  /* left: matches that there can still be */
    size_t text_left_bytes;
    json_t *rows;
};

/* The rows of one step in [first, first + n). */
static void steps_of(struct steps_walk *w, uint32_t step, uint32_t first, uint32_t n)
{
    uint32_t index = first;
    if (!w->state[0]) {
        if (w->skip >= n) {
            w->skip -= n;
            return;
        }
        index += (uint32_t)w->skip;
        w->skip = 0;
    }
    for (; index < first + n && w->left && json_array_size(w->rows) < w->limit; index++) {
        struct instance_view i;
        if (!engine_instance(w->v->engine, w->b->id, step, index, &i))
            continue;
        if (w->state[0] && !in_state(&i, w->state))
            continue;
        w->left--;
        if (w->skip) {
            w->skip--;
            continue;
        }
        json_array_append_new(w->rows, step_row(w->v, w->b, step, index, &i, &w->text_left_bytes));
    }
}

enum bf_rc view_steps(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc != BF_OK)
        return rc;
    if (!state_known(req->state))
        return bf_fail(err, BF_INVALID, "unknown state \"%s\"; states are waiting, ready, assigned, running, backing_off, succeeded, "
                       "skipped, failed, cancelled and upstream_failed; held and stale are beside them", req->state);
    struct plan_selection picked;
    rc = view_select(&b, req, &picked, err);
    if (rc != BF_OK)
        return rc;
    struct steps_walk w = {.v = v, .b = &b, .state = req->state, .skip = req->page_offset, .limit = view_page_limit(req),
                           .left = state_count(&b, req->state), .text_left_bytes = VIEW_TEXT_BYTES_MAX, .rows = json_array()};
    struct plan_selection_walk at = {0};
    while (w.left && json_array_size(w.rows) < w.limit && plan_selection_next(&picked, &at))
        steps_of(&w, at.step, at.range.first, at.range.n);
    plan_selection_done(&picked);
    *ret = w.rows;
    return BF_OK;
}

/* ---- status ---- */

static json_t *by_step(const struct backfill_view *b, const struct step_tally *counts, size_t *ret_left_out)
{
    json_t *rows = json_array();
    size_t bytes = 0;
    *ret_left_out = 0;
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        const struct plan_step *step = &b->plan->steps[b->plan->order[i]];
        const struct step_tally *c = &counts[b->plan->order[i]];
        bytes += STEP_ROW_BYTES + strlen(step->name);
        if (bytes > VIEW_BYTES_MAX) {
            *ret_left_out = b->plan->n_steps - i;
            break;
        }
        json_t *j = json_object();
        json_object_set_new(j, "step", view_string(step->name));
        json_object_set_new(j, "kind", view_string(plan_kind_name(step->kind)));
        json_object_set_new(j, "grain", view_string(plan_grain_name(step->grain)));
        json_object_set_new(j, "total", json_integer(step->partitions->n));
        for (int s = INSTANCE_WAITING; s < INSTANCE_STATE_COUNT; s++)
            json_object_set_new(j, instance_state_name((enum instance_state)s), json_integer((json_int_t)c->t.n[s]));
        json_object_set_new(j, "upstream_failed", json_integer((json_int_t)c->t.upstream_failed));
        json_object_set_new(j, "held", json_integer((json_int_t)c->t.held));
        json_object_set_new(j, "stale", json_integer((json_int_t)c->t.stale));
        json_object_set_new(j, "strip", view_string(c->strip));
        json_array_append_new(rows, j);
    }
    return rows;
}

static json_t *agents_summary(const struct view_source *v)
{
    json_int_t connected = 0, slots = 0, busy = 0, prefetched = 0;
    for (uint32_t id = 0; (id = engine_next_agent(v->engine, id)) != 0;) {
        struct agent_view a;
        if (!engine_agent(v->engine, id, &a) || (a.state != AGENT_CONNECTED && a.state != AGENT_DRAINING) || view_refusal(v, &a))
            continue;
        connected++;
        slots += a.hello->slots;
        busy += a.busy;
        prefetched += a.prefetched;
    }
    return json_pack("{s:I, s:I, s:I, s:I}", "connected", connected, "slots", slots, "busy", busy, "prefetched", prefetched);
}

/* The first failures in the order of the plan, of the steps that had some when they were counted. */
static json_t *failures(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps)
{
    json_t *rows = json_array();
    uint64_t left = b->count[INSTANCE_FAILED];
    for (size_t k = 0; k < b->plan->n_steps && left && json_array_size(rows) < VIEW_FAILURES_MAX; k++) {
        uint32_t s = b->plan->order[k], n = steps[s].t.n[INSTANCE_FAILED] ? b->plan->steps[s].partitions->n : 0;
        for (uint32_t index = 0; index < n && left && json_array_size(rows) < VIEW_FAILURES_MAX; index++) {
            struct instance_view i;
            struct outcome o;
            enum failure_class class;
            if (!engine_instance(v->engine, b->id, s, index, &i) || i.state != INSTANCE_FAILED)
                continue;
            left--;
            char partition[PLAN_KEY_MAX];
            view_partition(&b->plan->steps[s], index, partition);
            bool told = engine_failure(v->engine, b->id, s, index, &o, &class);
            json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:o, s:I}", "step", b->plan->steps[s].name, "partition", partition,
                                                  "class", told ? failure_class_name(class) : "unknown", "text",
                                                  view_string(told ? o.text : ""), "attempts", (json_int_t)i.attempts));
        }
    }
    return rows;
}

/* What is ready and waits for a window or for a freeze that it would run into. */
static json_t *held_by_windows(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps)
{
    json_t *list = json_array(), *row;
    if (b->plan->n_windows == 0)
        return list;
    json_t *waits = view_waits(v, b, steps, SIZE_MAX);
    size_t i;
    json_array_foreach(waits, i, row) {
        const char *kind = json_string_value(json_object_get(row, "kind"));
        if (strcmp(kind, "window") == 0 || strcmp(kind, "freeze_ahead") == 0)
            json_array_append(list, row);
    }
    json_decref(waits);
    return list;
}

enum bf_rc view_status(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc != BF_OK)
        return rc;
    size_t left_out;
    bool complete;
    int64_t until_us = b.finished_us ? b.finished_us : v->wall_us;
    json_t *j = json_object();
    json_object_set_new(j, "id", view_string(view_backfill_id(b.id).text));
    json_object_set_new(j, "name", view_string(b.plan->name));
    json_object_set_new(j, "state", view_string(backfill_state_name(b.state)));
    view_halt(&b, j);
    view_store_hold(v, j);
    json_object_set_new(j, "started_at", view_time(b.started_us));
    view_queue(v, &b, j);
    json_object_set_new(j, "steps", view_counts(&b));
    struct view_tallies counts = view_tallies(v, &b, INT64_MAX);
    json_object_set_new(j, "by_step", by_step(&b, counts.steps, &left_out));
    if (left_out)
        json_object_set_new(j, "by_step_left_out", json_integer((json_int_t)left_out));
    json_object_set_new(j, "agents", agents_summary(v));
    json_object_set_new(j, "breakers", view_held_breakers(v, b.id, NULL));
    json_object_set_new(j, "quarantined", view_held_agents(v));
    json_object_set_new(j, "failures", failures(v, &b, counts.steps));
    json_object_set_new(j, "windows", held_by_windows(v, &b, counts.steps));
    json_object_set_new(j, "yielded", view_yields(v, b.id, NULL));
    json_object_set_new(j, "stragglers", view_stragglers(v, &b, &complete));
    json_object_set_new(j, "stragglers_complete", json_boolean(complete));
    json_object_set_new(j, "elapsed_ms", json_integer(until_us > b.created_us ? (until_us - b.created_us) / 1000 : 0));
    view_put_progress(v, &b, &counts, j);
    view_tallies_done(&counts);
    *ret = j;
    return BF_OK;
}
