/* Reading shares: who holds how much of a pool, who waits there, and who is ahead of whom. */
#include "coordinator/engine/internal.h"
#include "coordinator/engine/view_pools.h"

static uint64_t ready_of(const struct engine *e, const struct share *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->lanes.n; i++)
        n += e->lanes.at[s->lanes.at[i]].ready.n;
    return n;
}

bool engine_pool_share(const struct engine *e, size_t pool, uint32_t after, struct pool_share_view *ret)
{
    uint32_t next = UINT32_MAX;
    for (size_t i = 0; i < e->live.n; i++) {     /* in the order in which they came to life, also again */
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        const struct share *s = b->id > after && b->id < next ? share_find(b, (uint32_t)pool) : NULL;
        uint64_t ready = s && b->state == BACKFILL_RUNNING ? ready_of(e, s) : 0;
        if (!s || (s->used == 0 && ready == 0))
            continue;
        next = b->id;
        *ret = (struct pool_share_view){.backfill = b->id, .used = s->used, .part = s->part, .ready = ready, .raised = s->raised,
                                        .passed_ms = s->since_ms && e->now_ms > s->since_ms ? e->now_ms - s->since_ms : 0};
    }
    return next != UINT32_MAX;
}

void shares_tell(const struct engine *e, const struct backfill *b, uint32_t step, struct blocker_ahead *ret)
{
    uint32_t lane = b->lanes[step];
    const struct lane *mine = &e->lanes.at[lane];
    const struct iheap *lanes = &e->demands.at[mine->demand].lanes;
    const struct lane *first = lanes->n > 0 ? &e->lanes.at[lanes->at[0]] : NULL;
    if (!first || first->backfill == b || mine->ready.n == 0)
        return;
    const struct share *s = &b->shares[mine->share], *t = &first->backfill->shares[first->share];
    *ret = (struct blocker_ahead){.backfill = first->backfill->id, .mine = s->part, .theirs = t->part, .raised = t->raised,
                                  .passed_ms = s->since_ms && e->now_ms > s->since_ms ? e->now_ms - s->since_ms : 0,
                                  .age_after_ms = e->config.age_after_ms, .by = AHEAD_ORDER};
    if (ready_class(first) != ready_class(mine))
        ret->by = t->raised ? AHEAD_WAITED : AHEAD_CLASS;
    else if (s->part != t->part)
        ret->by = AHEAD_SHARE;
    else if (s->last != t->last)
        ret->by = AHEAD_TURN;
}
