/* See ending.h. */
#include "agent/ending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

struct ending *ending_new(int status, struct step_result *result, const char *tail, size_t n, const struct verdict_limits *limits)
{
    struct ending *e = bf_xcalloc(1, sizeof *e);
    e->details = details_render(&result->details);
    e->session_open = result->session == RESULT_SESSION_OPEN;
    verdict_of_end(status, result, e->details, tail, n, limits, &e->verdict);
    return e;
}

void ending_free(struct ending *e)
{
    if (!e)
        return;
    free(e->details);
    bf_buf_free(&e->remarks);
    free(e);
}

void ending_session_assumed_gone(struct ending *e, const char *why)
{
    char waited[48];
    e->session_open = false;
    e->verdict.outcome.usage.session = SESSION_ASSUMED_GONE;
    if (e->began_ms == 0) {
        snprintf(e->note, sizeof e->note, "its session at the server is assumed gone: %s", why);
        return;
    }
    int64_t ms = bf_boottime_ms() - e->began_ms;
    bf_format_duration(ms < 1000 ? ms : ms / 1000 * 1000, waited, sizeof waited);
    snprintf(e->note, sizeof e->note, "its session at the server is assumed gone after %s: %s", waited, why);
}

void ending_session_told(struct ending *e, const struct step_result *said)
{
    if (said->session != RESULT_SESSION_CLOSED) {
        ending_session_assumed_gone(e, e->cut ? e->cut : *said->session_text ? said->session_text : "what was to end it died");
        return;
    }
    e->session_open = false;
    if (*said->session_text) {
        e->verdict.outcome.usage.session = SESSION_ENDED;
        snprintf(e->note, sizeof e->note, "its %s", said->session_text);
    }
}
