/* Counting what runs reach.  See coverage.h. */
#include "coordinator/sim/coverage.h"

#include <assert.h>
#include <string.h>

#include "coordinator/sim/shadow_model.h"
#include "coordinator/sim/world.h"

_Static_assert(sizeof(struct coverage) % sizeof(uint64_t) == 0, "numbers and nothing else");

void coverage_add(struct coverage *sum, const struct coverage *c)
{
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)c;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

/* ---- turns and checkpoints ---- */

static bool has_started(const struct world *w, const struct turn *t, const struct record *ended)
{
    const struct shadow_attempt *a = shadow_attempt_find(w->shadow, ended->ref.attempt);
    if (a && a->started)
        return true;
    for (const struct record *r = t->records; r < ended; r++)
        if (r->kind == RECORD_STARTED && r->ref.attempt == ended->ref.attempt)
            return true;
    return false;
}

static void count_record(struct coverage *c, const struct record *r)
{
    assert(r->kind < COVER_RECORDS);
    c->records[r->kind]++;
}

void coverage_turn(struct world *w, const struct turn *t)
{
    struct coverage *c = w->options.coverage;
    if (!c)
        return;
    for (size_t i = 0; i < t->n_inputs; i++) {
        assert(t->inputs[i].kind < COVER_INPUTS);
        c->inputs[t->inputs[i].kind]++;
    }
    for (size_t i = 0; i < t->n_records; i++) {
        const struct record *r = &t->records[i];
        count_record(c, r);
        if (r->kind == RECORD_GRANTED)
            c->attempts[COVER_GRANTED]++;
        else if (r->kind == RECORD_STARTED)
            c->attempts[COVER_STARTED]++;
        else if (r->kind == RECORD_ENDED)
            c->attempts[COVER_ENDS + (has_started(w, t, r) ? VERDICT_LOOK_AGAIN + 1u : 0u) + (size_t)r->verdict]++;
    }
}

void coverage_chunks(struct world *w, const struct turn_commit *c)
{
    for (size_t i = 0; w->options.coverage && i < c->n_chunks; i++) {
        struct turn t = {0};
        struct bf_error err = {0};
        if (turn_decode(c->chunks[i].bytes, c->chunks[i].n, &t, &err) != BF_OK)
            world_violate(w, "codec: a chunk of a checkpoint does not decode: %s", err.text);
        for (size_t k = 0; k < t.n_records; k++)
            count_record(w->options.coverage, &t.records[k]);
        turn_done(&t);
    }
}

void coverage_life(struct world *w)
{
    if (!w->options.coverage || !w->turns)
        return;
    struct coverage made = {.moves = *engine_moves(turn_engine(w->turns))};
    coverage_add(w->options.coverage, &made);
}

/* ---- faults ---- */

static enum cover_coordinator coordinator_state(const struct world *w)
{
    if (!w->coordinator_up)
        return w->turns ? COVER_RECOVERING : COVER_DOWN;
    if (w->now_ms < w->stopped_until_ms)
        return COVER_STOPPED;
    return w->shadow->low ? COVER_LOW : COVER_SERVING;
}

static enum cover_agent agent_state(const struct world *w, const struct sim_agent *a)
{
    if (!a->up || a->paused || w->now_ms < a->frozen_until_ms)
        return a->up ? COVER_AGENT_STOPPED : COVER_AGENT_DOWN;
    for (size_t i = 0; i < w->shadow->agents.n; i++) {
        const struct shadow_agent *s = &w->shadow->agents.at[i];
        if (memcmp(s->key, a->key, sizeof s->key) != 0)
            continue;
        if (s->state == AGENT_LOST)
            return COVER_SILENT;
        if (s->state == AGENT_DRAINING)
            return COVER_DRAINING;
        if (s->state == AGENT_CONNECTED && s->incarnation == a->generation)
            return s->busy > 0 ? COVER_BUSY : COVER_IDLE;
    }
    return COVER_JOINING;
}

static enum cover_backfill backfill_state(const struct shadow *s, const struct shadow_backfill *b)
{
    switch (b->state) {
    case BACKFILL_QUEUED: return COVER_QUEUED;
    case BACKFILL_RUNNING: return COVER_RUNNING;
    case BACKFILL_PAUSED: return b->halted ? COVER_HALTED : COVER_PAUSED;
    case BACKFILL_CANCELLED:
        return shadow_any_open(s, b->id) ? COVER_CANCELLING : COVER_ENDED;
    default: return COVER_ENDED;
    }
}

bool coverage_hits_agent(enum sim_fault kind)
{
    switch (kind) {
    case SIM_FAULT_COORDINATOR_KILL:
    case SIM_FAULT_COORDINATOR_STOP:
    case SIM_FAULT_COORDINATOR_REBOOT:
    case SIM_FAULT_CRASH_BEFORE_COMMIT:
    case SIM_FAULT_CRASH_AFTER_COMMIT:
    case SIM_FAULT_COMMIT_FAILED_LOST:
    case SIM_FAULT_COMMIT_FAILED_KEPT:
    case SIM_FAULT_STORE_FULL:
    case SIM_FAULT_STORE_LOW:
    case SIM_FAULT_STORE_TORN:
    case SIM_FAULT_STORE_FLIPPED:
    case SIM_FAULT_STORE_RESTORED:
    case SIM_FAULT_STORE_PUT_BACK:
    case SIM_FAULT_CLOCK_FORWARD:
    case SIM_FAULT_CLOCK_BACK:
    case SIM_FAULT_POOL_CHANGED: return false;
    default: return true;
    }
}

void coverage_fault(struct world *w, enum sim_fault kind)
{
    struct coverage *c = w->options.coverage;
    if (!c)
        return;
    if (!coverage_hits_agent(kind))
        c->at_coordinator[kind][coordinator_state(w)]++;
    else if (w->target >= 1 && w->target <= w->n_agents)
        c->at_agent[kind][agent_state(w, &w->agents[w->target - 1])]++;
    bool seen[COVER_BACKFILL_N] = {false};
    for (size_t i = 0; i < w->shadow->backfills.n; i++)
        seen[backfill_state(w->shadow, &w->shadow->backfills.at[i])] = true;
    for (size_t i = 0; i < COVER_BACKFILL_N; i++)
        c->beside[kind][i] += seen[i];
}
