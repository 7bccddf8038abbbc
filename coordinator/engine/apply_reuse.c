/* apply, continued: before a backfill begins, what earlier ones did is taken over.
 *
 * A record says which instances by ranges of numbers, and of which earlier backfill, so that recovery compares nothing again; it
 * looks there only for why something failed (take_failure).  A record changes base state alone; after the last record of those that
 * go together all that is derived is derived anew, which costs what a create does.  Nothing of the backfill runs yet, so nothing is
 * lost by that. */
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"

static enum bf_rc corrupt(const struct record *r, const char *what, struct bf_error *err)
{
    return bf_fail(err, BF_CORRUPT, "record of kind %d (backfill %u): %s", (int)r->kind, r->backfill, what);
}

uint32_t *backfill_origins(struct backfill *b)
{
    if (!b->origin)
        b->origin = bf_xcalloc(b->topology->n, sizeof *b->origin);
    return b->origin;
}

/* What failed there failed here: the same sentence, which is kept from now on with this instance. */
static void take_failure(struct engine *e, const struct backfill *b, uint32_t number, const struct backfill *from)
{
    uint32_t step = plan_find_step(from->plan, b->plan->steps[b->instances[number].step].name), index = 0;
    const struct plan_partitions *mine = b->plan->steps[b->instances[number].step].partitions;
    uint64_t i = 0;
    if (step == PLAN_NO_INDEX ||
        !plan_partition_at(from->plan->steps[step].partitions, mine->start_s[instance_index(b, number)], &index) ||
        !bf_map_get(&e->failure_of, instance_key(from, instance_number(from, step, index)), &i))
        return;
    struct failure there = e->failures.at[i];        /* the list may move */
    failure_store(e, b, number, &there.outcome, there.class, there.budget_spent);
}

static void take(struct engine *e, struct backfill *b, uint32_t number, const struct backfill *from, enum reuse_kind kind)
{
    struct instance *in = &b->instances[number];
    snapshot_touch(e, b, number);
    if (in->state == INSTANCE_READY)
        e->n_ready--;
    in->state = kind == REUSE_FAILED ? INSTANCE_FAILED : INSTANCE_SKIPPED;
    in->flags |= FLAG_REUSED;
    if (kind == REUSE_STALE)
        in->flags |= FLAG_STALE;
    backfill_origins(b)[number] = from->id;
    if (kind == REUSE_FAILED)
        take_failure(e, b, number, from);
}

enum bf_rc apply_reused(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    struct backfill *b = NULL;
    uint32_t number = 0;
    bool found = instance_find(e, r->backfill, r->step, r->index, &b, &number);
    if (!found || b->started_us != 0 || (b->state != BACKFILL_QUEUED && b->state != BACKFILL_PAUSED))
        return corrupt(r, "the backfill is unknown, or has begun", err);
    for (size_t i = 0; i < rare->n_reused; i++) {
        enum reuse_kind kind = rare->reused[i].from_kind & 3;
        uint32_t id = rare->reused[i].from_kind >> 2, n = rare->reused[i].n;
        const struct backfill *from = backfill_find(e, id);
        if (n > b->topology->n - number || (kind != REUSE_RUNS && (!from || id >= b->id)))
            return corrupt(r, "a range that is reused lies outside the backfill, or is of none before it", err);
        for (uint32_t k = 0; kind != REUSE_RUNS && k < n; k++)
            take(e, b, number + k, from, kind);
        number += n;
    }
    if (rare->last && !e->recovering) {
        ready_withdraw(e, b);
        edges_derive_again(e, b);
        alerts_again(e, b);
    }
    return BF_OK;
}
