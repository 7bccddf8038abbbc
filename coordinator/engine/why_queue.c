/* The place of a ready instance among what is ready: looked up in the lanes that grants are taken from, and in their order.
 *
 * Within a lane the order is known one by one.  Lanes of other backfills that ask for the same come between by shares, which move with each
 * grant: of these no more is told than that all of them may go first, unless they are of a lower class, which goes behind. */
#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/engine/why.h"

static int better_first(const void *a, const void *b)
{
    const struct heap_item *x = a, *y = b;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return (x->b > y->b) - (x->b < y->b);
}

static const struct heap_item *find_item(const struct heap *ready, uint32_t number)
{
    for (size_t i = 0; i < ready->n; i++)
        if ((uint32_t)ready->at[i].b == number)
            return &ready->at[i];
    return NULL;
}

/* Those in front of it in its own lane. */
static void look_through(const struct backfill *b, const struct heap *ready, const struct heap_item *mine, struct queue_place *ret)
{
    BF_VEC_TYPE(struct heap_item) ahead = {0};
    for (size_t i = 0; i < ready->n; i++) {
        if (better_first(&ready->at[i], mine) >= 0 || !ready_may_be_granted(b, (uint32_t)ready->at[i].b))
            continue;
        ret->ahead++;
        if (ret->wants_steps && ahead.n < QUEUE_ORDERED_MAX)
            bf_vec_push(&ahead, ready->at[i]);
    }
    ret->ordered = ret->wants_steps && ret->ahead <= QUEUE_ORDERED_MAX;
    if (ret->ordered && ahead.n > 1)
        qsort(ahead.at, ahead.n, sizeof *ahead.at, better_first);
    for (size_t i = 0; ret->ordered && i < ahead.n; i++)
        bf_vec_push(&ret->steps, b->instances[(uint32_t)ahead.at[i].b].step);
    bf_vec_free(&ahead);
}

/* What may go before it of other lanes: all that asks for the same, whichever breakers stand before it. */
static uint64_t others_ahead(const struct engine *e, uint32_t lane, uint64_t class)
{
    const struct needs *mine = &e->demands.at[e->lanes.at[lane].demand].needs;
    uint64_t n = 0;
    for (size_t k = 0; k < e->demands.n; k++) {
        const struct demand *other = &e->demands.at[k];
        if (other->needs.draw != mine->draw || other->needs.fit != mine->fit || other->needs.window != mine->window)
            continue;
        for (size_t i = 0; i < other->lanes.n; i++)
            if (other->lanes.at[i] != lane && ready_class(&e->lanes.at[other->lanes.at[i]]) <= class)
                n += e->lanes.at[other->lanes.at[i]].ready.n;
    }
    return n;
}

void queue_place_find(const struct engine *e, const struct backfill *b, uint32_t number, struct queue_place *ret)
{
    uint32_t lane = b->lanes[b->instances[number].step];
    const struct lane *l = &e->lanes.at[lane];
    const struct heap_item *mine = l->ready.n <= QUEUE_LOOKED_AT_MAX ? find_item(&l->ready, number) : NULL;
    ret->class = PLAN_LOW;
    if (mine) {
        look_through(b, &l->ready, mine, ret);
        ret->class = ready_item_class(l, *mine);
    } else if (l->ready.n > 0) {
        ret->ahead = (uint32_t)(l->ready.n - 1);
    }
    uint64_t others = others_ahead(e, lane, ret->class);
    ret->exact = mine && others == 0;
    ret->ahead = others > UINT32_MAX - ret->ahead ? UINT32_MAX : ret->ahead + (uint32_t)others;
}

void queue_place_done(struct queue_place *p)
{
    bf_vec_free(&p->steps);
}
