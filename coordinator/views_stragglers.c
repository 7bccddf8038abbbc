/* Attempts that take longer than their like, in the status of a backfill and in `why`. */
#include <stdio.h>

#include "common/clock.h"
#include "coordinator/views_health.h"

enum { STRAGGLERS_MAX = 20, BUDGET_US = 5000, LOOK_EVERY = 64 };

/* NULL: its step does not say that it may be run again. */
static const char *rerun_words(enum rerun_bar bar)
{
    switch (bar) {
    case RERUN_BAR_UNDECLARED: return NULL;
    case RERUN_BAR_NONE: return "it is about to be ended, and run again on another agent";
    case RERUN_BAR_ASKED: return "it is asked to end, and runs again on another agent when it has";
    case RERUN_BAR_ONCE: return "it was run again once already, and goes on";
    case RERUN_BAR_NOT_LATE: return "it goes on: by what was known when it began, or is known now, it does not take long enough";
    case RERUN_BAR_STOPPED: return "it goes on: another attempt of it could not start now";
    case RERUN_BAR_OTHERS: return "it goes on: others of its backfill are run again, and only one in ten is at a time";
    case RERUN_BAR_NO_AGENT: return "it goes on: no other agent may run it";
    case RERUN_BAR_BUSY: return "it goes on: no other agent has room for it";
    }
    return NULL;
}

static json_t *document(const struct view_source *v, const struct backfill_view *b, const struct straggler_view *s)
{
    char partition[PLAN_KEY_MAX];
    struct agent_view agent;
    bool has_agent = engine_agent(v->engine, s->agent, &agent);
    view_partition(&b->plan->steps[s->step], s->index, partition);
    json_t *j = json_object();
    json_object_set_new(j, "step", view_string(b->plan->steps[s->step].name));
    json_object_set_new(j, "partition", view_string(partition));
    json_object_set_new(j, "attempt", view_string(view_attempt_id(s->attempt).text));
    json_object_set_new(j, "agent", view_string(has_agent ? agent.hello->name : NULL));
    json_object_set_new(j, "elapsed_ms", json_integer((json_int_t)(s->elapsed_us / 1000)));
    json_object_set_new(j, "usual_ms", json_integer((json_int_t)(s->usual_us / 1000)));
    json_object_set_new(j, "baseline", view_string(s->source == BASELINE_PROFILE ? "profile" : "expected"));
    json_object_set_new(j, "rerun", view_string(rerun_words(engine_rerun_bar(v->engine, s->attempt))));
    return j;
}

/* The oldest first, so many.  A fleet may have a hundred thousand attempts open: the loop does not wait for a look at all of them. */
json_t *view_stragglers(const struct view_source *v, const struct backfill_view *b, bool *ret_complete)
{
    json_t *list = json_array();
    const int64_t began_us = bf_boottime_us();
    uint32_t looked_at = 0;
    *ret_complete = true;
    for (uint64_t a = 0; (a = engine_next_attempt(v->engine, a)) != 0;) {
        struct straggler_view s;
        bool in_time = ++looked_at % LOOK_EVERY != 0 || bf_boottime_us() - began_us < BUDGET_US;
        *ret_complete = in_time && json_array_size(list) < STRAGGLERS_MAX;
        if (!*ret_complete)
            break;
        struct attempt_view open;
        if (engine_find_attempt(v->engine, a, &open) && open.backfill == b->id && engine_straggler(v->engine, a, v->wall_us, &s))
            json_array_append_new(list, document(v, b, &s));
    }
    return list;
}

json_t *view_straggler(const struct view_source *v, const struct backfill_view *b, const struct instance_view *i)
{
    struct straggler_view s;
    bool open = i->state == INSTANCE_ASSIGNED || i->state == INSTANCE_RUNNING;
    return open && engine_straggler(v->engine, i->attempt, v->wall_us, &s) ? document(v, b, &s) : json_null();
}

static const char *phase_name(enum rerun_phase p)
{
    switch (p) {
    case RERUN_ASKED: return "asked";
    case RERUN_DUE: return "due";
    case RERUN_RUNS: return "runs";
    }
    return "unknown";
}

json_t *view_rerun(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index)
{
    struct rerun_view r;
    struct agent_view agent;
    if (!engine_rerun(v->engine, b->id, step, index, &r))
        return json_null();
    return json_pack("{s:s, s:o, s:I, s:I}", "phase", phase_name(r.phase), "from",
                     view_string(engine_agent(v->engine, r.agent, &agent) ? agent.hello->name : NULL), "took_ms", (json_int_t)r.elapsed_ms,
                     "usual_ms", (json_int_t)r.usual_ms);
}

json_t *view_past_timebox(const struct view_source *v, const struct backfill_view *b, uint32_t step, const struct instance_view *i)
{
    int64_t past_ms = i->attempt ? engine_past_timebox_ms(v->engine, i->attempt, v->engine_ms) : -1;
    if (past_ms < 0)
        return json_null();
    return json_pack("{s:I, s:I}", "limit_ms", (json_int_t)b->plan->steps[step].timebox_ms, "past_ms", (json_int_t)past_ms);
}
