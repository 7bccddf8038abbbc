/* May an attempt begin now, as far as budgets go?  Grants and `why` ask the same question here, so that they cannot differ: each rule adds
 * its blocker, in the order in which people should read them, and a demand is granted only while there is none.
 *
 * Agents are not asked for here (ready.c): which one is free is part of the grant itself. */
#include "common/plant.h"
#include "coordinator/engine/internal.h"

struct verdicts { struct blocker *at; size_t n, max; };

static void block(struct verdicts *v, struct blocker b)
{
    if (v->n < v->max)
        v->at[v->n++] = b;
}

static void ask_pool(const struct engine *e, uint32_t pool, struct verdicts *v)
{
    if (pool == PLAN_NO_INDEX)
        return;
    const struct pool *p = &e->pools.at[pool];
    if (p->used >= p->slots + (BF_PLANTED("pool_over_by_one") ? 1u : 0u))
        block(v, (struct blocker){.kind = BLOCKER_POOL, .pool = pool, .count = p->used, .clears_at_ms = -1});
    else if (p->limit > 0 && p->used >= p->limit && !BF_PLANTED("limit_not_asked"))
        block(v, (struct blocker){.kind = BLOCKER_THROTTLE, .pool = pool, .count = p->used, .clears_at_ms = -1});
}

/* At most max of them, into ret. */
size_t admit_blockers(const struct engine *e, const struct demand *d, struct blocker *ret, size_t max)
{
    struct verdicts v = {.at = ret, .max = max};
    ask_pool(e, d->needs.pool, &v);
    return v.n;
}
