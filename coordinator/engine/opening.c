/* What may be granted in a turn, the best first.
 *
 * By share: within one the order is that of the ranks, whatever the backfill holds, so that a grant, which changes what its backfill
 * holds of some pools, moves these shares among the others and nothing within them.  What a share has stands in a heap by rank, and the shares stand
 * in a heap by their best.
 *
 * Grants only take: what may not be granted once may not be for the rest of the turn.  Scratch: nothing is left of it between turns but
 * its memory. */
#include <assert.h>

#include "coordinator/engine/internal.h"

static bool better(const void *engine, uint32_t a, uint32_t b)
{
    const struct engine *e = engine;
    const struct opened *x = &e->opening.shares.at[a], *y = &e->opening.shares.at[b];
    return ready_goes_first(x, x->share->open.at[0], y, y->share->open.at[0]);
}

static struct share *share_of(const struct engine *e, uint32_t lane)
{
    const struct lane *l = &e->lanes.at[lane];
    return &l->backfill->shares[l->share];
}

static void add_lane(struct engine *e, uint32_t lane)
{
    struct share *s = share_of(e, lane);
    if (s->opened == 0) {
        bf_vec_push(&e->opening.shares, ((struct opened){e->lanes.at[lane].backfill, s}));
        s->opened = (uint32_t)e->opening.shares.n;
    }
    bf_vec_push(&s->open, e->lanes.at[lane].ready.at[0]);
}

void opening_add(struct engine *e, uint32_t demand)
{
    const struct demand *d = &e->demands.at[demand];
    for (size_t i = 0; i < d->lanes.n; i++)
        add_lane(e, d->lanes.at[i]);
}

void opening_begin(struct engine *e)
{
    for (uint32_t i = 0; i < e->opening.shares.n; i++)
        heap_order(&e->opening.shares.at[i].share->open);
    for (uint32_t i = 0; i < e->opening.shares.n; i++)
        iheap_put(&e->opening.best, i, better, e);
}

bool opening_best(const struct engine *e, uint32_t *ret_lane)
{
    if (e->opening.best.n == 0)
        return false;
    const struct opened *o = &e->opening.shares.at[e->opening.best.at[0]];
    *ret_lane = o->backfill->lanes[o->backfill->instances[(uint32_t)o->share->open.at[0].b].step];
    return true;
}

static void put(struct engine *e, const struct share *s)
{
    if (s->open.n > 0)
        iheap_put(&e->opening.best, s->opened - 1, better, e);
}

static void take_out(struct engine *e, const struct share *s)
{
    if (s->opened)
        iheap_remove(&e->opening.best, s->opened - 1, better, e);
}

/* All of a share draws a slot of its pool, and begins when that lets the next one begin. */
void opening_close(struct engine *e, uint32_t lane)
{
    struct share *s = share_of(e, lane);
    take_out(e, s);
    if (s->pool != PLAN_NO_INDEX && admit_slot_ms(&e->pools.at[s->pool], e->now_ms) > e->now_ms)
        bf_vec_clear(&s->open);
    else
        heap_pop(&s->open);
    put(e, s);
}

void opening_lift(struct engine *e, uint32_t lane)
{
    const struct lane *l = &e->lanes.at[lane];
    const struct draw *d = &e->draws.at[e->demands.at[l->demand].needs.draw];
    struct share *own = share_of(e, lane);
    assert(own->open.n > 0 && own->open.at[0].b == l->ready.at[0].b);
    take_out(e, own);
    heap_pop(&own->open);
    bf_vec_push(&e->opening.lifted, l->share);
    for (size_t i = 0; i < d->n; i++) {
        struct share *s = share_find(l->backfill, d->items[i].pool);
        if (d->items[i].dim != DRAW_SLOT || s == own)
            continue;
        take_out(e, s);
        bf_vec_push(&e->opening.lifted, (uint32_t)(s - l->backfill->shares));
    }
}

void opening_put_back(struct engine *e, uint32_t lane)
{
    const struct lane *l = &e->lanes.at[lane];
    if (l->place != NO_SLOT)
        heap_push(&share_of(e, lane)->open, l->ready.at[0].a, l->ready.at[0].b);
    for (size_t i = 0; i < e->opening.lifted.n; i++)
        put(e, &l->backfill->shares[e->opening.lifted.at[i]]);
    bf_vec_clear(&e->opening.lifted);
}

void opening_end(struct engine *e)
{
    for (size_t i = 0; i < e->opening.shares.n; i++) {
        bf_vec_clear(&e->opening.shares.at[i].share->open);
        e->opening.shares.at[i].share->opened = 0;
    }
    iheap_clear(&e->opening.best);
    bf_vec_clear(&e->opening.shares);
}

void opening_done(struct opening *o)
{
    bf_vec_free(&o->shares);
    bf_vec_free(&o->lifted);
    iheap_done(&o->best);
}
