/* The agent's pure core; see core.h for the protocol.
 *
 * Rules kept here, in this order at every step:
 *   1. The deadline is looked at first (core_lease.c).  An agent that slept past it is fenced before it hears what waited for it.
 *   2. The event: a message, a process that runs or has ended (core_end.c, core_report.c), the time.
 *   3. What waits for a slot is looked at last (core_wait.c): under the lease that is left then, it takes the slots that ended.
 * An action of a step is carried out by the caller when the step is over; nothing of a step but the state outlives the next one. */
#include "agent/core_state.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/plant.h"

struct core_action *core_act(struct agent_core *c, enum core_action_kind kind)
{
    struct core_action *a = bf_vec_add(&c->actions);
    a->kind = kind;
    return a;
}

void core_act_on(struct agent_core *c, enum core_action_kind kind, const struct attempt *a)
{
    struct core_action *action = core_act(c, kind);
    action->ref = a->ref;
    action->assignment = &a->assignment;
}

struct agent_msg *core_send(struct agent_core *c, enum agent_msg_kind kind)
{
    struct agent_msg *m = bf_arena_alloc(&c->scratch, sizeof *m);
    m->kind = kind;
    m->incarnation = c->settings.incarnation;
    m->text = "";
    m->draining = c->draining;
    core_act(c, ACTION_SEND)->msg = m;
    return m;
}

static void on_message(struct agent_core *c, const struct agent_msg *m, int64_t at_us, int64_t now_ms)
{
    if (m->incarnation != c->settings.incarnation)
        return;                              /* for an earlier life of this agent */
    switch (m->kind) {
    case AGENT_WELCOME: core_lease_on_welcome(c, m, now_ms); return;
    case AGENT_HEARTBEAT_ACK: core_lease_on_heartbeat_ack(c, m, now_ms); return;
    case AGENT_DISPATCH: core_wait_on_dispatch(c, m, at_us, now_ms); return;
    case AGENT_KILL: core_end_on_kill(c, m, now_ms); return;
    case AGENT_REPORT_ACK: core_report_on_ack(c, m, now_ms); return;
    case AGENT_DRAIN: core_drain(c, now_ms); return;
    case AGENT_REFUSE: core_lease_on_refuse(c, now_ms); return;       /* the shell tells people */
    case AGENT_PROBE:                        /* of no attempt: prober.h */
    case AGENT_HELLO: case AGENT_HEARTBEAT: case AGENT_REPORT: case AGENT_BYE: case AGENT_PROBED:
        return;
    }
}

static void on_spawned(struct agent_core *c, const struct core_event *ev, int64_t now_ms)
{
    struct attempt *a = core_attempt_find_ref(c, ev->ref);
    if (!a || a->state == ATTEMPT_ENDED)
        return;
    a->started_us = ev->at_us;
    if (a->state == ATTEMPT_SPAWNING) {
        core_attempt_set_state(c, a, ATTEMPT_RUNNING);
        if (a->assignment.timebox_ms > 0)
            a->limit_at_ms = now_ms + a->assignment.timebox_ms;
    }
    a->report_at_ms = now_ms + c->settings.started_pause_ms;
    if (a->report_at_ms <= now_ms)
        core_report_send(c, a, now_ms);
}

static void on_timer(struct agent_core *c, int64_t now_ms)
{
    core_end_on_timer(c, now_ms);
    core_lease_on_timer(c, now_ms);
    core_report_send_due(c, false, now_ms);
}

static void begin_step(struct agent_core *c)
{
    bf_vec_clear(&c->actions);
    bf_arena_clear(&c->scratch);
    c->report = NULL;
    if (BF_PLANTED("agent_drops_report"))
        for (size_t i = c->attempts.n; i-- > 0;)
            if (c->attempts.at[i]->state == ATTEMPT_ENDED)
                core_attempt_remove(c, c->attempts.at[i]);
}

void core_step(struct agent_core *c, const struct core_event *ev, int64_t now_ms, struct core_actions **ret)
{
    begin_step(c);
    if (!c->left) {
        core_lease_expire(c, now_ms);
        core_forget_ended(c, now_ms);
        switch (ev->kind) {
        case CORE_CONNECTED: core_lease_begin_hello(c, now_ms); break;
        case CORE_MESSAGE: on_message(c, ev->msg, ev->at_us, now_ms); break;
        case CORE_SPAWNED: on_spawned(c, ev, now_ms); break;
        case CORE_CLOSING: core_end_on_closing(c, ev, now_ms); break;
        case CORE_ENDED: core_end_on_ended(c, ev, now_ms); break;
        case CORE_TIMER: on_timer(c, now_ms); break;
        case CORE_DRAIN: core_drain(c, now_ms); break;
        }
        core_wait_start(c, now_ms);
        core_report_when_none_waits(c, now_ms);
        core_leave_if_drained(c);
    }
    *ret = &c->actions;
}

struct agent_core *core_new(const struct core_settings *s)
{
    struct agent_core *c = bf_xcalloc(1, sizeof *c);
    c->settings = *s;
    if (c->settings.hello_retry_ms <= 0)
        c->settings.hello_retry_ms = 1000;
    bf_prng_seed(&c->prng, s->incarnation);
    c->next_nonce = 1;
    c->deadline_ms = INT64_MIN;
    c->hello_at_ms = c->heartbeat_at_ms = CORE_NEVER;
    return c;
}

void core_free(struct agent_core *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->attempts.n; i++)
        core_attempt_free(c->attempts.at[i]);
    bf_vec_free(&c->attempts);
    bf_map_free(&c->by_id);
    bf_vec_free(&c->recent);
    bf_map_free(&c->recent_ids);
    bf_vec_free(&c->actions);
    bf_arena_free(&c->scratch);
    free(c);
}

int64_t core_next_timer_ms(const struct agent_core *c)
{
    if (c->left)
        return CORE_NEVER;
    int64_t at = core_lease_next_ms(c);
    for (size_t i = 0; i < c->attempts.n; i++) {
        const struct attempt *a = c->attempts.at[i];
        at = core_earlier_ms(at, core_earlier_ms(a->limit_at_ms, a->kill_at_ms));
        if (c->phase == PHASE_WELCOMED)
            at = core_earlier_ms(at, a->report_at_ms);
    }
    return at;
}

int64_t core_deadline_ms(const struct agent_core *c)
{
    return c->deadline_ms;
}

bool core_silent(const struct agent_core *c)
{
    return c->unanswered > CORE_SILENT_HEARTBEATS;        /* the last may still be on its way */
}

size_t core_n_attempts(const struct agent_core *c)
{
    return c->attempts.n;
}

size_t core_waiting(const struct agent_core *c, struct attempt_ref *ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < c->attempts.n && n < max; i++)
        if (c->attempts.at[i]->state == ATTEMPT_WAITING)
            ret[n++] = c->attempts.at[i]->ref;
    return n;
}
