/* Why a breaker holds something, in words. */
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/views_breakers.h"
#include "coordinator/views_health.h"

enum { CAUSE_MAX = 200, PERSON_MAX = 96 };

/* ": 12 of 20 attempts failed, the last load[2024-01-03] of bf-1: …" */
static void tell_cause(const struct view_source *v, const struct breaker_view *b, char *ret, size_t size)
{
    char cause[CAUSE_MAX];
    ret[0] = '\0';
    if (b->opened_calls == 0)
        return;
    bool failing = (uint64_t)b->opened_failures * 1000000 >= (uint64_t)b->settings->rate * b->opened_calls;
    view_cut(view_breaker_cause(v, b), cause, sizeof cause);
    snprintf(ret, size, ": %" PRIu32 " of %" PRIu32 " attempts %s%s%s", failing ? b->opened_failures : b->opened_slow, b->opened_calls,
             failing ? "failed" : "were slow", *cause ? ", the last " : "", cause);
}

/* ", by admin: the warehouse is moved" */
static void tell_person(const struct breaker_view *b, char *ret, size_t size)
{
    char by[PERSON_MAX], reason[CAUSE_MAX];
    view_cut(b->by, by, sizeof by);
    view_cut(b->reason, reason, sizeof reason);
    snprintf(ret, size, ", by %s%s%s", by, *reason ? ": " : "", reason);
}

void view_tell_breaker(const struct view_source *v, const struct blocker *k, char *detail, size_t detail_size, char *remedy,
                       size_t remedy_size)
{
    struct breaker_view b;
    char name[BREAKER_NAME_MAX], since[BF_TIME_MAX], left[64] = "a moment", why[340], moment[96] = "";
    engine_breaker(v->engine, k->breaker, &b);
    if (b.kind == BREAKER_AGENT) {
        view_tell_quarantine(v, &b, detail, detail_size, remedy, remedy_size);
        return;
    }
    view_breaker_name(&b, name);
    view_moment(b.since_us, since);
    if (*b.by)
        tell_person(&b, why, sizeof why);
    else
        tell_cause(v, &b, why, sizeof why);
    if (b.until_ms > v->engine_ms)
        bf_format_duration(b.until_ms - v->engine_ms, left, sizeof left);
    if (b.state == BREAKER_HALF_OPEN)
        snprintf(moment, sizeof moment, "; %" PRIu32 " of %" PRIu32 " attempts that it lets through are under way", b.probes,
                 b.settings->probes);
    else if (b.until_ms >= 0)
        snprintf(moment, sizeof moment, "; in %s it lets %" PRIu32 " through", left, b.settings->probes);
    snprintf(detail, detail_size, "breaker %s is %s since %s%s%s", name, b.state == BREAKER_HALF_OPEN ? "half-open" : "open", since, moment,
             why);
    if (b.until_ms < 0 && b.state == BREAKER_OPEN)
        snprintf(remedy, remedy_size, "bfctl breaker close %s", name);
    else
        snprintf(remedy, remedy_size, "see to what failed and wait, or bfctl breaker close %s", name);
}
