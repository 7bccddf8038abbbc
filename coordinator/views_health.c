/* What is said of an agent that is quarantined: since when, why, until when, and what lets it go.  A quarantine is the agent's breaker:
 * open, it gets no work; half-open, it gets one attempt as a trial. */
#include "coordinator/views_health.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "coordinator/views_breakers.h"

enum { WHY_MAX = 420, LEFT_MAX = 64 };

/* "9 of 10 attempts failed that go well elsewhere, the last load[2024-01-03] of bf-1: …", "by alice: disk" */
static void tell_why(const struct view_source *v, const struct breaker_view *b, char ret[WHY_MAX])
{
    const char *last = view_breaker_cause(v, b);
    int by = (int)bf_utf8_cut(b->by, 64), reason = (int)bf_utf8_cut(b->reason, 160), cause = (int)bf_utf8_cut(last, 200);
    if (by)
        snprintf(ret, WHY_MAX, "by %.*s%s%.*s", by, b->by, reason ? ": " : "", reason, b->reason);
    else
        snprintf(ret, WHY_MAX, "%" PRIu32 " of %" PRIu32 " attempts failed%s%.*s", b->opened_failures, b->opened_calls,
                 cause ? ", the last " : "", cause, last);
}

/* When it is tried again. */
static void tell_until(const struct view_source *v, const struct breaker_view *b, char ret[2 * LEFT_MAX])
{
    char left[LEFT_MAX] = "a moment";
    if (b->until_ms > v->engine_ms)
        bf_format_duration(b->until_ms - v->engine_ms, left, sizeof left);
    if (b->state == BREAKER_HALF_OPEN)
        snprintf(ret, 2 * (size_t)LEFT_MAX, "on probation, %" PRIu32 " of %" PRIu32 " trial attempts under way", b->probes,
                 b->settings->probes);
    else if (b->until_ms < 0)
        snprintf(ret, 2 * (size_t)LEFT_MAX, "until it is released");
    else
        snprintf(ret, 2 * (size_t)LEFT_MAX, "tried again in %s", left);
}

static void warn(const struct view_source *v, const struct breaker_view *b, json_t *warnings)
{
    char why[WHY_MAX], until[2 * LEFT_MAX], text[WHY_MAX + 300];
    tell_why(v, b, why);
    tell_until(v, b, until);
    snprintf(text, sizeof text, "quarantined, %s: %s; bfctl agent release %.64s lets it go", until, why, b->name);
    json_array_append_new(warnings, view_string(text));
}

static json_t *document(const struct view_source *v, const struct breaker_view *b)
{
    char why[WHY_MAX];
    tell_why(v, b, why);
    json_t *j = json_object();
    json_object_set_new(j, "since", view_time(b->since_us));
    json_object_set_new(j, "until", b->until_ms < 0 ? json_null() : view_engine_time(v, b->until_ms));
    json_object_set_new(j, "probation", json_boolean(b->state == BREAKER_HALF_OPEN));
    json_object_set_new(j, "times_before", json_integer(b->level));
    json_object_set_new(j, "attempts", json_integer(b->opened_calls));
    json_object_set_new(j, "failed", json_integer(b->opened_failures));
    json_object_set_new(j, "by", *b->by ? view_string(b->by) : json_null());
    json_object_set_new(j, "why", view_string(why));
    return j;
}

const char *view_agent_health(const struct view_source *v, const struct agent_view *a, json_t *j, json_t *warnings)
{
    struct breaker_view b = {0};
    bool spared = false, held = engine_agent_breaker(v->engine, a->id, &b, &spared) && b.state != BREAKER_CLOSED;
    json_object_set_new(j, "quarantine", held ? document(v, &b) : json_null());
    if (held)
        warn(v, &b, warnings);
    if (spared) {
        char text[200];
        snprintf(text, sizeof text, "%" PRIu32 " of its last %" PRIu32 " attempts failed; it is not quarantined: there is work that "
                 "no other agent may take", b.failures, b.calls);
        json_array_append_new(warnings, view_string(text));
    }
    if (!held || a->state != AGENT_CONNECTED)
        return NULL;
    return b.state == BREAKER_OPEN ? "quarantined" : "probation";
}

void view_tell_quarantine(const struct view_source *v, const struct breaker_view *b, char *detail, size_t detail_size, char *remedy,
                          size_t remedy_size)
{
    char why[WHY_MAX], until[2 * LEFT_MAX];
    tell_why(v, b, why);
    tell_until(v, b, until);
    snprintf(detail, detail_size, "every agent that may run it is quarantined; the first is %s, %s: %s", b->name, until, why);
    snprintf(remedy, remedy_size, "bfctl agent release %s, or start another agent that may run it", b->name);
}
