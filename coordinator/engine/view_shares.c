/* Reading shares: who holds how much of a pool, who waits there, and who is ahead of whom. */
#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"
#include "coordinator/engine/view_pools.h"

static uint64_t ready_of(const struct engine *e, const struct share *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->lanes.n; i++)
        n += e->lanes.at[s->lanes.at[i]].ready.n;
    return n;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = ((const struct pool_share_view *)a)->backfill, y = ((const struct pool_share_view *)b)->backfill;
    return (x > y) - (x < y);
}

struct pool_share_view *engine_pool_shares(const struct engine *e, size_t pool, size_t *ret_n)
{
    struct pool_share_view *at = bf_xcalloc(e->live.n + 1, sizeof *at);
    size_t n = 0;
    for (size_t i = 0; i < e->live.n; i++) {     /* in the order in which they came to life, also again */
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        const struct share *s = share_find(b, (uint32_t)pool);
        uint64_t ready = s && b->state == BACKFILL_RUNNING ? ready_of(e, s) : 0;
        if (!s || (s->used == 0 && ready == 0))
            continue;
        at[n++] = (struct pool_share_view){.backfill = b->id, .used = s->used, .part = s->part, .ready = ready, .raised = s->raised,
                                           .passed_ms = s->since_ms && e->now_ms > s->since_ms ? e->now_ms - s->since_ms : 0};
    }
    qsort(at, n, sizeof *at, by_id);
    *ret_n = n;
    return at;
}

static bool lets(const struct engine *e, const struct guard *g)
{
    bool all = true;
    for (uint32_t i = 0; e->breakers.not_closed.n > 0 && i < g->n && all; i++)
        all = breaker_lets(e->breakers.at.at[g->at[i]]);
    return all;
}

/* The best of all that asks for the same and that no breaker holds: each step has a breaker of its own, and so a demand. */
static const struct lane *first_of(const struct engine *e, const struct needs *needs)
{
    uint32_t first = NO_SLOT;
    for (size_t i = 0; i < e->demands.n; i++) {
        const struct demand *d = &e->demands.at[i];
        if (d->lanes.n == 0 || d->needs.draw != needs->draw || d->needs.fit != needs->fit || d->needs.window != needs->window ||
            !lets(e, &e->breakers.guards.at[d->needs.guard]))
            continue;
        uint32_t head = ready_demand_head(e, d);
        first = first == NO_SLOT || ready_lane_less(e, head, first) ? head : first;
    }
    return first == NO_SLOT ? NULL : &e->lanes.at[first];
}

void shares_tell(const struct engine *e, const struct backfill *b, uint32_t step, struct blocker_ahead *ret)
{
    uint32_t lane = b->lanes[step];
    const struct lane *mine = &e->lanes.at[lane];
    const struct lane *first = first_of(e, &e->demands.at[mine->demand].needs);
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
