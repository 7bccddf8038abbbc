/* What must stay within bounds: the life of what was cancelled (I9), journal, turns and inputs (I13), and where a secret may be (I15). */
#include <string.h>

#include "coordinator/sim/shadow_checks.h"

enum {
    JOURNAL_TURNS_MOST = 6 * SIM_CHECKPOINT_TURNS_MAX,    /* crashes within a checkpoint make it begin again */
    TURN_INPUTS_MOST = 4096, TURN_STALE_MOST = 256, CANCEL_SLACK_MS = 50,
    GRACE_MS = 5000,                                     /* the turn's default */
    RECONCILE_MS = 6000                                  /* a HELLO every fifth heartbeat repeats orders */
};

/* ---- I9 ----
 *
 * Dead by D_c after the commit that says so, and after the time that a step has between SIGTERM and SIGKILL: an agent that is stopped
 * within that time has a lease of then.  The network here loses single messages, which a connection does not: an order that was lost
 * is given again with the agent's next HELLO, and D_c counts from there.  An agent that stands still hears its order when it goes on, if its
 * lease is not over by then, and may stand still again while the step has its time: D_c counts from when it heard. */

static int64_t wait_ms(const struct shadow *s)
{
    return s->w->lease.coordinator_ms * (1000000 + LEASE_DRIFT_PPM) / 1000000 + GRACE_MS + CANCEL_SLACK_MS;
}

void shadow_take_cancel(struct shadow *s, const struct shadow_backfill *b, bool all)
{
    for (size_t i = 0; i < s->open.n; i++) {
        struct shadow_attempt *a = shadow_open_at(s, i);
        const struct shadow_cell *c = a->backfill == b->id ? &b->cells[a->step][a->index] : NULL;
        if (!c || a->dies_ms || !(all || (c->cancelling && !c->kept)))
            continue;
        a->dies_ms = s->w->now_ms + wait_ms(s);
        if (a->dies_ms < s->w->next_death_ms)
            s->w->next_death_ms = a->dies_ms;
    }
}

/* Also when orders to its agent were lost since, or it heard them late. */
static int64_t death_of(const struct shadow *s, const struct shadow_attempt *a)
{
    int64_t lost_ms = a->key[0] >= 1 && a->key[0] <= s->w->n_agents ? s->w->agents[a->key[0] - 1].order_lost_ms : 0;
    int64_t given_again_ms = lost_ms + RECONCILE_MS + wait_ms(s);
    return lost_ms && given_again_ms > a->dies_ms ? given_again_ms : a->dies_ms;
}

void shadow_check_deaths(struct shadow *s)
{
    s->w->next_death_ms = INT64_MAX;
    for (size_t k = 0; k < s->alive.n; k++) {
        const struct shadow_attempt *a = shadow_attempt_find(s, s->alive.at[k].attempt);
        if (!a || a->dies_ms == 0)
            continue;
        int64_t dies_ms = death_of(s, a);
        if (dies_ms <= s->w->now_ms)
            world_violate(s->w, "I9: attempt %llu of backfill %u lives on after it was cancelled, longer than the coordinator's wait",
                          (unsigned long long)a->ref.attempt, a->backfill);
        else if (dies_ms < s->w->next_death_ms)
            s->w->next_death_ms = dies_ms;
    }
}

/* ---- I13 ---- */

static void check_sizes(struct shadow *s, const struct turn *t)
{
    size_t stale = 0;
    for (size_t i = 0; i < t->n_records; i++)
        stale += t->records[i].kind == RECORD_STALE_REPORT;
    if (t->seq > s->w->store.checkpoint_seq + JOURNAL_TURNS_MOST)
        world_violate(s->w, "I13: turn %llu is journalled, and the last whole checkpoint is of turn %llu", (unsigned long long)t->seq,
                      (unsigned long long)s->w->store.checkpoint_seq);
    if (t->n_inputs > TURN_INPUTS_MOST || stale > TURN_STALE_MOST)
        world_violate(s->w, "I13: turn %llu has %zu inputs and %zu records of stale reports", (unsigned long long)t->seq, t->n_inputs,
                      stale);
}

/* ---- I15 ---- */

static bool holds_canary(const void *p, size_t n)
{
    return n >= sizeof SIM_CANARY - 1 && memmem(p, n, SIM_CANARY, sizeof SIM_CANARY - 1) != NULL;
}

static void check_secret(struct shadow *s, const struct turn_commit *c)
{
    bool found = holds_canary(c->turn, c->turn_bytes);
    for (size_t i = 0; i < c->n_audit; i++)
        found = found || holds_canary(c->audit[i].entry.text, c->audit[i].entry.n);
    for (size_t i = 0; i < c->n_details; i++)
        found = found || holds_canary(c->details[i].bytes, c->details[i].n);
    for (size_t i = 0; i < c->n_plans; i++)
        found = found || holds_canary(c->plans[i].bytes, c->plans[i].n);
    if (found)
        world_violate(s->w, "I15: the password of the warehouse is written to the store in turn %llu", (unsigned long long)c->seq);
}

void shadow_check_bounds(struct shadow *s, const struct turn *t, const struct turn_commit *c)
{
    check_sizes(s, t);
    check_secret(s, c);
}
