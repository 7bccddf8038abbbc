/* What the coordinator is told of attempts, and how long it takes to answer.
 *
 * All reports of one step go in one message, within the size of a message.  A start is told after a pause (started_pause_ms): what has
 * ended by then tells both at once.  An end is told at once, or, while others wait here for a slot, so that nobody is idle for want of the
 * answer, with those that end within ended_pause_ms: a message, a commit and an answer for all of them.  It is told again after each pause
 * until it is acknowledged; what was sent and not acknowledged is bounded, so that no heartbeat waits behind a heap of reports. */
#include "agent/core_state.h"

#include <string.h>

#define REPORTS_PER_MESSAGE 256u
#define REPORT_BYTES_MAX (BF_MESSAGE_MAX_BYTES - (16u << 10))     /* of the reports in one message */
#define FLYING_BYTES_MAX (2u << 20)          /* ended reports sent and not yet acknowledged: a heartbeat waits behind no more */
#define REPORT_PAUSE_MS 50                   /* until a report that found no room is looked at again */
#define TRIPS_LEAST 4u                       /* before a round trip is told… */
#define TRIPS_MOST 16u                       /* …and over which its mean goes */

static int64_t report_retry_ms(const struct agent_core *c)
{
    return c->heartbeat_ms > 1000 ? c->heartbeat_ms : 1000;
}

static struct agent_report report_of(const struct attempt *a)
{
    bool ended = a->state == ATTEMPT_ENDED;
    return (struct agent_report){
        .ref = a->ref, .kind = ended ? REPORT_ENDED : REPORT_STARTED, .closing = a->state == ATTEMPT_CLOSING,
        .started_us = a->started_us, .ended_us = ended ? a->ended_us : 0, .outcome = a->outcome};
}

/* Room for one more report in a message of this step.  Ends that come together go together, within the size of a message. */
static struct agent_report *add_report(struct agent_core *c, size_t bytes)
{
    if (!c->report || c->report->n_reports == REPORTS_PER_MESSAGE || c->report_bytes + bytes > REPORT_BYTES_MAX) {
        c->report = core_send(c, AGENT_REPORT);
        c->report_cap = c->report_bytes = 0;
    }
    struct agent_msg *m = c->report;
    c->report_bytes += bytes;
    if (m->n_reports == c->report_cap) {
        size_t cap = c->report_cap == 0 ? 1 : c->report_cap * 4;
        struct agent_report *grown = bf_arena_alloc(&c->scratch, cap * sizeof *grown);
        if (m->n_reports > 0)
            memcpy(grown, m->reports, m->n_reports * sizeof *grown);
        m->reports = grown;
        c->report_cap = cap;
    }
    return &m->reports[m->n_reports++];
}

static void set_held_back(struct agent_core *c, struct attempt *a, bool on)
{
    c->n_held_back += (size_t)on - (size_t)a->held_back;
    a->held_back = on;
}

static void set_flying(struct agent_core *c, struct attempt *a, size_t bytes)
{
    c->flying_bytes += bytes;
    c->flying_bytes -= a->flying_bytes;
    a->flying_bytes = bytes;
}

/* The end of an attempt may tell much.  So that a heartbeat never waits behind a heap of such reports, those that find no room are kept
 * back until others are acknowledged. */
void core_report_send(struct agent_core *c, struct attempt *a, int64_t now_ms)
{
    if (c->phase != PHASE_WELCOMED)
        return;
    struct agent_report report = report_of(a);
    size_t bytes = report_size_hint(&report);
    if (a->state == ATTEMPT_ENDED) {
        set_held_back(c, a, false);
        set_flying(c, a, 0);
        if (c->flying_bytes > 0 && c->flying_bytes + bytes > FLYING_BYTES_MAX) {
            a->report_at_ms = now_ms + REPORT_PAUSE_MS;
            return;
        }
        set_flying(c, a, bytes);
        /* Of what was told twice nobody knows which one is answered; what was told late waited for something else. */
        a->told_ms = a->told ? CORE_NEVER : now_ms - a->ended_ms < REPORT_PAUSE_MS ? a->ended_ms : now_ms;
        a->told = true;
    }
    a->report_at_ms = a->state == ATTEMPT_ENDED ? now_ms + report_retry_ms(c) : CORE_NEVER;
    *add_report(c, bytes) = report;
}

void core_report_end(struct agent_core *c, struct attempt *a, int64_t now_ms)
{
    a->ended_ms = a->report_at_ms = now_ms;
    if (c->n_waiting > 0 && c->settings.ended_pause_ms > 0) {
        c->tell_held_back_ms = c->n_held_back > 0 ? c->tell_held_back_ms : now_ms + c->settings.ended_pause_ms;
        a->report_at_ms = c->tell_held_back_ms;
        set_held_back(c, a, true);
        return;
    }
    core_report_send(c, a, now_ms);
}

void core_report_when_none_waits(struct agent_core *c, int64_t now_ms)
{
    for (size_t i = 0; c->n_waiting == 0 && c->n_held_back > 0 && i < c->attempts.n; i++)
        if (c->attempts.at[i]->held_back)
            core_report_send(c, c->attempts.at[i], now_ms);
}

void core_report_send_due(struct agent_core *c, bool all, int64_t now_ms)
{
    for (size_t i = 0; all && i < c->attempts.n; i++)
        set_flying(c, c->attempts.at[i], 0);             /* what was sent over an earlier connection is lost, or soon acknowledged */
    for (size_t i = 0; i < c->attempts.n; i++) {
        struct attempt *a = c->attempts.at[i];
        if (a->report_at_ms <= now_ms || (all && (a->state == ATTEMPT_ENDED || a->state == ATTEMPT_RUNNING || a->state == ATTEMPT_CLOSING)))
            core_report_send(c, a, now_ms);
    }
}

static uint32_t floor_power_us(int64_t us)
{
    int64_t ms = 1;
    while (ms * 2 <= us / 1000)
        ms *= 2;
    return ms * 1000 < AGENT_ROUND_TRIP_US_MAX ? (uint32_t)ms * 1000 : AGENT_ROUND_TRIP_US_MAX;
}

/* Told anew when it left the stretch that what was told stands for, by a good measure. */
static void take_trip(struct agent_core *c, const struct attempt *a, int64_t now_ms)
{
    if (a->told_ms == CORE_NEVER)
        return;
    c->n_trips += c->n_trips < TRIPS_MOST;
    c->trip_us += ((now_ms - a->told_ms) * 1000 - c->trip_us) / c->n_trips;
    int64_t told = c->settings.hello.round_trip_us;
    uint32_t now_us = floor_power_us(c->trip_us);
    bool left = told == 0 || c->trip_us < told - told / 4 || c->trip_us >= told * 3;
    if (c->n_trips < TRIPS_LEAST || !left || now_us == told)
        return;
    c->settings.hello.round_trip_us = now_us;
    c->trip_changed = true;
    if (told == 0)
        c->heartbeat_at_ms = now_ms;         /* nothing is given ahead before it is known */
}

void core_report_on_ack(struct agent_core *c, const struct agent_msg *m, int64_t now_ms)
{
    for (size_t i = 0; i < m->n_refs; i++) {
        struct attempt *a = core_attempt_find_ref(c, m->refs[i]);
        if (!a || a->state != ATTEMPT_ENDED)
            continue;
        take_trip(c, a, now_ms);
        core_remember_ended(c, a->ref, now_ms);
        core_attempt_remove(c, a);
    }
}
