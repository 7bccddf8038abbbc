/* The order of the ready: the best first, in a lane and among lanes.
 *
 * In a lane the rank decides, then the place in time, then the number.  Among lanes of several backfills fair shares come between the
 * class and the rest. */
#include "common/least.h"
#include "common/plant.h"
#include "coordinator/engine/internal.h"

/* A rank is class, weight and way in one number, the least first.  48 bits hold a way of 8,900 years in milliseconds: longer ones
 * are alike, and no work that long comes to an end. */
#define WEIGHT_BITS 14
#define WAY_BITS 48
#define WEIGHT_MAX ((UINT64_C(1) << WEIGHT_BITS) - 1)
#define WAY_MAX ((UINT64_C(1) << WAY_BITS) - 1)
_Static_assert(PLAN_WEIGHT_MAX <= WEIGHT_MAX && PLAN_LOW <= 3, "a rank has room for every class and weight");

struct heap_item ready_item(const struct backfill *b, uint32_t number)
{
    uint32_t step = b->instances[number].step, index = instance_index(b, number);
    const struct plan_step *s = &b->plan->steps[step];
    uint64_t class = BF_PLANTED("priority_ignored") ? (uint64_t)s->priority : b->priority[step];
    uint64_t way = (uint64_t)bf_least(topology_critical_ms(b->topology, step, index), WAY_MAX);
    uint64_t weight = (uint64_t)bf_least(s->weight, WEIGHT_MAX);
    return (struct heap_item){
        .a = class << (WEIGHT_BITS + WAY_BITS) | (WEIGHT_MAX - weight) << WAY_BITS | (WAY_MAX - way),
        .b = (uint64_t)topology_order(b->topology, step, index, b->backward) << 32 | number};
}

/* As it counts: raised by what its backfill waited (shares.c). */
static uint64_t class_of(const struct share *s, struct heap_item item)
{
    uint64_t class = item.a >> (WEIGHT_BITS + WAY_BITS);
    return BF_PLANTED("ageing_not_applied") ? class : class > s->raised ? class - s->raised : 0;
}

uint64_t ready_item_class(const struct lane *lane, struct heap_item item)
{
    return class_of(&lane->backfill->shares[lane->share], item);
}

uint64_t ready_class(const struct lane *lane)
{
    return ready_item_class(lane, lane->ready.at[0]);
}

/* Class, then fair shares among backfills, then the rank. */
bool ready_goes_first(const struct opened *x, struct heap_item p, const struct opened *y, struct heap_item q)
{
    const struct share *s = x->share, *t = y->share;
    uint64_t c = class_of(s, p), d = class_of(t, q);
    if (c != d)
        return c < d;
    if (s->part != t->part && !BF_PLANTED("share_ignored"))
        return s->part < t->part;
    if (s->last != t->last && !BF_PLANTED("share_ignored"))
        return s->last < t->last;
    if (p.a != q.a)
        return p.a < q.a;
    if (p.b >> 32 != q.b >> 32)
        return p.b >> 32 < q.b >> 32;
    if (x->backfill != y->backfill)
        return x->backfill->id < y->backfill->id;
    return p.b < q.b;
}

bool ready_lane_less(const struct engine *e, uint32_t a, uint32_t b)
{
    const struct lane *x = &e->lanes.at[a], *y = &e->lanes.at[b];
    struct opened of_x = {x->backfill, &x->backfill->shares[x->share]}, of_y = {y->backfill, &y->backfill->shares[y->share]};
    return ready_goes_first(&of_x, x->ready.at[0], &of_y, y->ready.at[0]);
}

uint32_t ready_demand_head(const struct engine *e, const struct demand *d)
{
    uint32_t best = d->lanes.at[0];
    for (size_t i = 1; i < d->lanes.n; i++)
        best = ready_lane_less(e, d->lanes.at[i], best) ? d->lanes.at[i] : best;
    return best;
}

bool ready_demand_less(const struct engine *e, uint32_t a, uint32_t b)
{
    return ready_lane_less(e, ready_demand_head(e, &e->demands.at[a]), ready_demand_head(e, &e->demands.at[b]));
}
