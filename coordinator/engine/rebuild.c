/* After the last record of a recovery: derive what records do not say, and check that what they said fits together. */
#include <string.h>

#include "coordinator/engine/internal.h"

static void forget_derived(struct engine *e)
{
    ready_reset(e);
    heap_done(&e->timers);
    heap_done(&e->gates_due);
    bf_vec_clear(&e->live);
    bf_smap_free(&e->agents_by_name);
}

/* Each open attempt and its instance name each other, and no instance runs without one. */
static enum bf_rc check_attempts(const struct engine *e, struct bf_error *err)
{
    uint64_t last = 0;
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next) {
        const struct attempt *a = &e->attempts.at[slot];
        const struct backfill *b = backfill_find(e, a->backfill);
        const struct instance *in = &b->instances[instance_number(b, a->step, a->index)];
        if (in->attempt != a->ref.attempt || (in->state != INSTANCE_ASSIGNED && in->state != INSTANCE_RUNNING) ||
            a->ref.attempt <= last)
            return bf_fail(err, BF_CORRUPT,
                           "open attempt %llu of bf-%u does not fit its instance: the journal or the checkpoint is damaged",
                           (unsigned long long)a->ref.attempt, b->id);
        last = a->ref.attempt;
    }
    return BF_OK;
}

static enum bf_rc check_backfill(const struct backfill *b, struct bf_error *err)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < b->topology->n; i++)
        open += b->instances[i].state == INSTANCE_ASSIGNED || b->instances[i].state == INSTANCE_RUNNING;
    if (open != b->open)
        return bf_fail(err, BF_CORRUPT,
                       "bf-%u has %u instances with an attempt but %u open attempts: the journal or the checkpoint is damaged",
                       b->id, open, b->open);
    return BF_OK;
}

static void derive_agents(struct engine *e)
{
    for (size_t i = 0; i < e->agents.n; i++) {
        struct agent *a = &e->agents.at[i];
        if (agent_present(a))
            bf_smap_put(&e->agents_by_name, a->hello.name, strlen(a->hello.name), (void *)(uintptr_t)a->id);
    }
}

enum bf_rc engine_rebuild(struct engine *e, int64_t now_ms, struct bf_error *err)
{
    enum bf_rc rc = check_attempts(e, err);
    for (size_t i = 0; i < e->backfills.n && rc == BF_OK; i++)
        rc = check_backfill(e->backfills.at[i], err);
    if (rc != BF_OK)
        return rc;
    forget_derived(e);
    e->recovering = false;
    e->now_ms = now_ms;
    e->work_left = true;
    derive_agents(e);
    reserve_derive(e);
    attempts_derive(e);                          /* before agents and lanes are put in order of what is in use */
    for (size_t i = 0; i < e->backfills.n; i++) {
        struct backfill *b = e->backfills.at[i];
        for (uint32_t k = 0; k < b->topology->n; k++)
            if (b->instances[k].state == INSTANCE_READY)
                b->instances[k].state = INSTANCE_WAITING;
        if (!backfill_finished(b))
            live_add(e, b->id);
        ready_attach(e, b);
        edges_derive(e, b);
    }
    alerts_derive(e);
    breakers_derive(e);
    for (size_t i = 0; i < e->live.n; i++)
        writers_queued(e, backfill_find(e, e->live.at[i]));
    return BF_OK;
}
