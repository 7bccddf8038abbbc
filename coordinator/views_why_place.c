/* Where a step runs, in words: which agent it waits for, and why an attempt is where it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/views_parts.h"

static const char *agent_name(const struct view_source *v, uint32_t id)
{
    struct agent_view agent;
    return id && engine_agent(v->engine, id, &agent) ? agent.hello->name : NULL;
}

void view_near_words(const struct view_source *v, const struct blocker *k, char *detail, size_t detail_size, char *remedy,
                     size_t remedy_size)
{
    char until[BF_TIME_MAX];
    const char *name = agent_name(v, k->agent);
    view_engine_words(v, k->clears_at_ms, until);
    const char *straggled = agent_name(v, k->straggled);
    if (straggled)
        snprintf(detail, detail_size, "took long on agent %.100s, and waits until %s for room on another one: %.100s", straggled, until,
                 name ? name : "");
    else
        snprintf(detail, detail_size, "waits for agent %.100s, which holds its inputs, until %s", name ? name : "", until);
    snprintf(remedy, remedy_size, "wait; then any agent that fits takes it");
}

const char *view_place_word(enum place_by by)
{
    switch (by) {
    case PLACE_INPUTS: return "inputs";
    case PLACE_SPREAD: return "spread";
    case PLACE_ELSEWHERE: return "elsewhere";
    case PLACE_LEAST_BUSY: break;
    }
    return "least_busy";
}

/* "agent-2 made its inputs", "agent-2, which made its inputs, had no room; waited 30s", … */
static void tell(const struct view_source *v, const struct backfill_view *b, const struct attempt_view *a, char *ret, size_t size)
{
    const struct plan_placement *p = &b->plan->steps[a->step].placement;
    const char *near = agent_name(v, a->near);
    char waited[32];
    int n = 0;
    bf_format_duration(a->waited_ms, waited, sizeof waited);
    if (a->by == PLACE_INPUTS)
        n = snprintf(ret, size, "agent %.100s made its inputs", near ? near : "");
    else if (a->by == PLACE_ELSEWHERE)
        n = snprintf(ret, size, "its attempt before took long on agent %.100s", near ? near : "");
    else if (near)
        n = snprintf(ret, size, "agent %.100s, which made its inputs, had no room", near);
    else
        n = snprintf(ret, size, "%s", p->prefer_inputs ? "no agent that may run it made its inputs" : "");
    if (a->waited_ms > 0 && n > 0 && (size_t)n < size)
        n += snprintf(ret + n, size - (size_t)n, "; waited %s", waited);
    if (a->by == PLACE_SPREAD && n >= 0 && (size_t)n < size)
        snprintf(ret + n, size - (size_t)n, "%sthe fewest of the step ran at its value of the label %.100s", n ? "; " : "", p->spread);
}

json_t *view_placed(const struct view_source *v, const struct backfill_view *b, const struct instance_view *i)
{
    struct attempt_view a;
    char detail[512] = "";
    bool open = i->state == INSTANCE_ASSIGNED || i->state == INSTANCE_RUNNING;
    if (!open || !engine_find_attempt(v->engine, i->attempt, &a) || !a.placed)
        return json_null();
    tell(v, b, &a, detail, sizeof detail);
    return json_pack("{s:s, s:o, s:o, s:I, s:o}", "by", view_place_word(a.by), "agent", view_string(agent_name(v, a.agent)), "prefers",
                     view_string(agent_name(v, a.near)), "waited_ms", (json_int_t)a.waited_ms, "detail", view_string(detail));
}
