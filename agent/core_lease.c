/* The lease: nonces, HELLO and heartbeats, the deadline, and leaving.
 *
 * Only WELCOME begins a lease; HEARTBEAT_ACK prolongs one.  Both count from the send time of the nonce that they echo, never from their
 * coming.  Silence (three heartbeats without an answer) brings HELLO again, so that a coordinator which dropped the lease is found out.
 * When the deadline passes, all that runs counts as fenced, what waits is given back, and a new lease is asked for. */
#include "agent/core_state.h"

#include "common/plant.h"

#define RECONCILE_HEARTBEATS 5               /* every so often a HELLO goes in place of a heartbeat */
#define PLANTED_LEASE_MS (365ll * 24 * 3600 * 1000)

static uint64_t take_nonce(struct agent_core *c, int64_t now_ms)
{
    uint64_t nonce = c->next_nonce++;
    c->unanswered++;
    c->nonces[nonce % CORE_NONCES_MAX] = (struct sent_nonce){nonce, now_ms};
    return nonce;
}

int64_t core_nonce_deadline_ms(const struct agent_core *c, uint64_t nonce)
{
    const struct sent_nonce *s = &c->nonces[nonce % CORE_NONCES_MAX];
    return nonce != 0 && s->nonce == nonce && c->lease_ms > 0 ? s->sent_ms + c->lease_ms : INT64_MIN;
}

static void send_hello(struct agent_core *c, int64_t now_ms)
{
    struct agent_msg *m = core_send(c, AGENT_HELLO);
    m->nonce = take_nonce(c, now_ms);
    m->hello = c->settings.hello;
    m->hello.held = bf_arena_alloc(&c->scratch, (c->attempts.n + 1) * sizeof *m->hello.held);
    m->hello.n_held = c->attempts.n;
    m->hello.seen = c->seen;
    m->hello.seen_cluster = c->seen_cluster;
    for (size_t i = 0; i < c->attempts.n; i++)
        m->hello.held[i] = c->attempts.at[i]->ref;
    int64_t most = (c->lease_ms > 0 ? c->lease_ms : CORE_LEASE_UNKNOWN_MS) / 6;
    int64_t wait = c->hello_wait_ms < most ? c->hello_wait_ms : most;
    wait = wait > 1 ? wait : 1;
    /* Up to a quarter less, so that a fleet does not knock in step. */
    c->hello_at_ms = now_ms + wait - (int64_t)bf_prng_below(&c->prng, (uint64_t)wait / 4 + 1);
    c->hello_wait_ms = wait * 2;
    c->trip_changed = false;
}

void core_lease_begin_hello(struct agent_core *c, int64_t now_ms)
{
    c->phase = PHASE_HELLO;
    c->hello_wait_ms = c->settings.hello_retry_ms;
    send_hello(c, now_ms);
}

static void send_heartbeat(struct agent_core *c, int64_t now_ms)
{
    c->heartbeat_at_ms = now_ms + c->heartbeat_ms;
    struct agent_msg *m = core_send(c, AGENT_HEARTBEAT);
    m->nonce = take_nonce(c, now_ms);
}

/* Now and then HELLO takes the place of a heartbeat, so that a dispatch or an order to kill that was lost on the way is given again. */
static void send_beat(struct agent_core *c, int64_t now_ms)
{
    if (++c->heartbeats % RECONCILE_HEARTBEATS != 0 && !c->trip_changed) {
        send_heartbeat(c, now_ms);
        return;
    }
    c->heartbeat_at_ms = now_ms + c->heartbeat_ms;
    send_hello(c, now_ms);
}

static void renew(struct agent_core *c, uint64_t nonce, int64_t now_ms)
{
    int64_t deadline = core_nonce_deadline_ms(c, nonce);
    if (deadline <= now_ms || deadline <= c->deadline_ms)
        return;
    c->deadline_ms = BF_PLANTED("agent_ignores_lease") ? now_ms + PLANTED_LEASE_MS : deadline;
    core_act(c, ACTION_DEADLINE)->deadline_ms = c->deadline_ms;
}

static void hear(struct agent_core *c, int64_t now_ms)
{
    c->heard_ms = now_ms;
    c->unanswered = 0;
}

void core_lease_on_welcome(struct agent_core *c, const struct agent_msg *m, int64_t now_ms)
{
    const struct sent_nonce *s = &c->nonces[m->nonce % CORE_NONCES_MAX];
    if (c->phase == PHASE_OFF || m->lease_ms <= 0 || m->heartbeat_ms <= 0 || s->nonce != m->nonce || m->nonce == 0)
        return;
    if (s->sent_ms + m->lease_ms <= now_ms)
        return;                              /* came too late to be worth anything; HELLO is repeated */
    c->lease_ms = m->lease_ms;
    c->heartbeat_ms = m->heartbeat_ms;
    hear(c, now_ms);
    renew(c, m->nonce, now_ms);
    if (c->phase == PHASE_WELCOMED)
        return;
    c->phase = PHASE_WELCOMED;
    c->hello_at_ms = CORE_NEVER;
    c->heartbeat_at_ms = now_ms + c->heartbeat_ms;
    if (c->draining)
        send_heartbeat(c, now_ms);
    core_report_send_due(c, true, now_ms);
}

void core_lease_on_heartbeat_ack(struct agent_core *c, const struct agent_msg *m, int64_t now_ms)
{
    if (c->phase != PHASE_WELCOMED)
        return;
    hear(c, now_ms);
    renew(c, m->nonce, now_ms);
}

void core_lease_on_refuse(struct agent_core *c, int64_t now_ms)
{
    c->unanswered = 0;                       /* an answer, if no good one */
    if (c->phase == PHASE_WELCOMED)          /* the coordinator does not know the lease; else HELLO is repeated at its own pace */
        core_lease_begin_hello(c, now_ms);
}

void core_lease_on_timer(struct agent_core *c, int64_t now_ms)
{
    if (c->phase == PHASE_WELCOMED && now_ms - c->heard_ms >= CORE_SILENT_HEARTBEATS * c->heartbeat_ms)
        core_lease_begin_hello(c, now_ms);
    else if (c->phase == PHASE_WELCOMED && c->heartbeat_at_ms <= now_ms)
        send_beat(c, now_ms);
    else if (c->phase == PHASE_HELLO && c->hello_at_ms <= now_ms)
        send_hello(c, now_ms);
}

int64_t core_lease_next_ms(const struct agent_core *c)
{
    int64_t at = c->deadline_ms == INT64_MIN ? CORE_NEVER : c->deadline_ms;
    if (c->phase == PHASE_HELLO)
        at = core_earlier_ms(at, c->hello_at_ms);
    if (c->phase == PHASE_WELCOMED)
        at = core_earlier_ms(at, core_earlier_ms(c->heartbeat_at_ms, c->heard_ms + CORE_SILENT_HEARTBEATS * c->heartbeat_ms));
    return at;
}

/* The lease ran out: everything is fenced, and a new lease is asked for. */
void core_lease_expire(struct agent_core *c, int64_t now_ms)
{
    if (c->deadline_ms == INT64_MIN || now_ms < c->deadline_ms || BF_PLANTED("agent_ignores_lease"))
        return;
    c->deadline_ms = INT64_MIN;
    core_wait_give_back_all(c, "given back: the lease of the agent ran out before it was started", now_ms);
    for (size_t i = 0; i < c->attempts.n; i++)
        core_end_kill(c, c->attempts.at[i], CAUSE_FENCED);
    if (c->phase == PHASE_WELCOMED)
        core_lease_begin_hello(c, now_ms);
}

void core_drain(struct agent_core *c, int64_t now_ms)
{
    if (c->draining)
        return;
    c->draining = true;
    /* Told first, and by the one message that says it: until then all that is given back or refused comes here again, and each time is
     * one of those that an instance may be lost. */
    if (c->phase == PHASE_WELCOMED)
        send_heartbeat(c, now_ms);
    core_wait_give_back_all(c, "given back: the agent drains, and had not started it", now_ms);
}

/* Drained: nothing held.  When there is no lease, ended attempts wait for nobody: the next HELLO of the host tells that they
 * are dead. */
void core_leave_if_drained(struct agent_core *c)
{
    if (!c->draining || c->left)
        return;
    bool reachable = c->deadline_ms != INT64_MIN;
    for (size_t i = 0; i < c->attempts.n; i++)
        if (reachable || c->attempts.at[i]->state != ATTEMPT_ENDED)
            return;
    c->left = true;
    if (c->phase != PHASE_OFF)
        core_send(c, AGENT_BYE);
    core_act(c, ACTION_LEAVE);
}
