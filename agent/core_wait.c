/* Attempts that come, wait for a slot, start, or are given back.
 *
 * Without a lease a dispatch is dropped, because the next HELLO tells what is held and the coordinator dispatches what is missing; one
 * that echoes an expired nonce is answered as fenced, never run.  What finds no slot waits; core_wait_start is called after each event,
 * so what waits starts under the lease that is left then.  What is given back is ended, and so never started. */
#include "agent/core_state.h"

#include <stdio.h>
#include <string.h>

#include "common/plant.h"

void core_wait_refuse(struct agent_core *c, struct attempt_ref ref, enum outcome_source source, const char *text, int64_t now_ms)
{
    struct attempt *a = core_attempt_add(c, ref);
    core_end_set_outcome(a, source, text);
    core_end_attempt(c, a, 0, now_ms);
}

/* Beside what is alive, within the capacity that was told; 0: none was. */
static bool fits(const struct agent_core *c, const struct attempt *waiting)
{
    const struct agent_hello *h = &c->settings.hello;
    uint64_t cpu = waiting->assignment.limits.cpu_milli, memory = waiting->assignment.limits.memory_bytes;
    for (size_t i = 0; i < c->attempts.n; i++) {
        const struct attempt *a = c->attempts.at[i];
        cpu += core_attempt_is_alive(a->state) ? a->assignment.limits.cpu_milli : 0;
        memory += core_attempt_is_alive(a->state) ? a->assignment.limits.memory_bytes : 0;
    }
    return (h->cpu_milli == 0 || cpu <= h->cpu_milli) && (h->memory_bytes == 0 || memory <= h->memory_bytes);
}

static struct attempt *first_waiting(const struct agent_core *c)
{
    struct attempt *first = NULL;
    for (size_t i = 0; c->n_waiting > 0 && i < c->attempts.n; i++)
        if (c->attempts.at[i]->state == ATTEMPT_WAITING && (!first || c->attempts.at[i]->place < first->place))
            first = c->attempts.at[i];
    return first;
}

/* Its timebox counts from here, so that a start that hangs is ended too; once it runs, from then. */
static void spawn(struct agent_core *c, struct attempt *a, int64_t now_ms)
{
    core_attempt_set_state(c, a, ATTEMPT_SPAWNING);
    if (a->assignment.timebox_ms > 0)
        a->limit_at_ms = now_ms + a->assignment.timebox_ms;
    core_act_on(c, ACTION_SPAWN, a);
}

/* What waits takes the slots that have ended, the first that came first.  Under the lease: without one nothing waits. */
void core_wait_start(struct agent_core *c, int64_t now_ms)
{
    struct attempt *a;
    while ((c->n_alive < c->settings.hello.slots || BF_PLANTED("prefetch_over_slots")) && (a = first_waiting(c)) &&
           (c->n_alive == 0 || fits(c, a)))
        spawn(c, a, now_ms);
}

static void start_attempt(struct agent_core *c, const struct assignment *from, int64_t at_us, int64_t now_ms)
{
    struct attempt *a = core_attempt_add(c, from->ref);
    if (from->kind == STEP_NOOP) {
        a->started_us = at_us;
        a->outcome.source = OUTCOME_OK;
        core_end_attempt(c, a, at_us, now_ms);
        return;
    }
    core_attempt_assign(a, from);
    bool waits = c->n_waiting > 0 || c->n_alive >= c->settings.hello.slots;
    if (waits)
        core_attempt_set_state(c, a, ATTEMPT_WAITING);
    else
        spawn(c, a, now_ms);
}

/* So that a coordinator whose store is an old copy learns of it. */
static void note_token(struct agent_core *c, const struct assignment *from)
{
    const char *cluster = from->cluster ? from->cluster : "";
    if (strcmp(c->seen_cluster, cluster) != 0) {
        snprintf(c->seen_cluster, sizeof c->seen_cluster, "%s", cluster);
        c->dispatched = c->seen = 0;
    }
    c->dispatched = from->ref.token > c->dispatched ? from->ref.token : c->dispatched;
    c->seen = c->dispatched > c->seen ? c->dispatched : c->seen;
}

void core_wait_on_dispatch(struct agent_core *c, const struct agent_msg *m, int64_t at_us, int64_t now_ms)
{
    bool reckless = BF_PLANTED("agent_ignores_lease");
    if (!reckless && (c->phase != PHASE_WELCOMED || c->deadline_ms == INT64_MIN))
        return;
    bool expired = !reckless && core_nonce_deadline_ms(c, m->nonce) <= now_ms;
    for (size_t i = 0; i < m->n_assignments; i++) {
        const struct assignment *from = &m->assignments[i];
        note_token(c, from);
        struct attempt *held = core_attempt_find(c, from->ref.attempt);
        if (held && held->state == ATTEMPT_ENDED && held->ref.token == from->ref.token)
            core_report_send(c, held, now_ms);    /* it seems that the coordinator did not hear */
        if (held || core_ended_recently(c, from->ref))
            continue;
        if (expired)
            core_wait_refuse(c, from->ref, OUTCOME_FENCED, "not started: the dispatch arrived after its lease had run out", now_ms);
        else if (c->draining)
            core_wait_refuse(c, from->ref, OUTCOME_FENCED, "not started: the agent takes no more work (it drains)", now_ms);
        else
            start_attempt(c, from, at_us, now_ms);
    }
}

void core_wait_give_back(struct agent_core *c, struct attempt *a, enum outcome_source source, const char *text, int64_t now_ms)
{
    core_end_set_outcome(a, source, text);
    core_end_attempt(c, a, 0, now_ms);
    if (BF_PLANTED("prefetch_starts_revoked")) {
        core_attempt_set_state(c, a, ATTEMPT_SPAWNING);
        core_act_on(c, ACTION_SPAWN, a);
        core_attempt_set_state(c, a, ATTEMPT_ENDED);
    }
}

void core_wait_give_back_all(struct agent_core *c, const char *text, int64_t now_ms)
{
    for (size_t i = 0; i < c->attempts.n; i++)
        if (c->attempts.at[i]->state == ATTEMPT_WAITING)
            core_wait_give_back(c, c->attempts.at[i], OUTCOME_REVOKED, text, now_ms);
}
