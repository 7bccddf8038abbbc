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
}

/* An open breaker holds all that draws on it; a half-open one what is more than its probes. */
static void ask_guard(const struct engine *e, uint32_t guard, struct verdicts *v)
{
    const struct guard *g = &e->breakers.guards.at[guard];
    for (uint32_t i = 0; e->breakers.not_closed.n > 0 && i < g->n; i++) {
        const struct breaker *b = e->breakers.at.at[g->at[i]];
        if (!breaker_lets(b))
            block(v, (struct blocker){.kind = BLOCKER_BREAKER, .breaker = g->at[i], .count = (uint32_t)b->probes.n,
                                      .clears_at_ms = b->state == BREAKER_OPEN && b->until_ms ? b->until_ms : -1});
    }
}

/* At most max of them, into ret. */
size_t admit_blockers(const struct engine *e, const struct demand *d, struct blocker *ret, size_t max)
{
    struct verdicts v = {.at = ret, .max = max};
    ask_guard(e, d->needs.guard, &v);
    ask_pool(e, d->needs.pool, &v);
    return v.n;
}
