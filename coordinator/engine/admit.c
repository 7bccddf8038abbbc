/* May an attempt begin now, as far as budgets go?  Grants and `why` ask the same question here, so that they cannot differ: each rule adds
 * its blocker, in the order in which people should read them, and a demand is granted only while there is none.
 *
 * Agents are not asked for here (ready_agents.c): which one is free is part of the grant itself. */
#include "common/plant.h"
#include "coordinator/engine/internal.h"

struct verdicts { struct blocker *at; size_t n, max; };

static void block(struct verdicts *v, struct blocker b)
{
    if (v->n < v->max)
        v->at[v->n++] = b;
}

bool admit_room(const struct pool *p, uint32_t dim, uint64_t *ret_limit, uint64_t *ret_used)
{
    if (dim == DRAW_SLOT) {
        uint32_t slots = p->slots + (BF_PLANTED("pool_over_by_one") ? 1u : 0u);
        *ret_limit = p->limit > 0 && p->limit < slots && !BF_PLANTED("limit_not_asked") ? p->limit : slots;
        *ret_used = p->used;
        return true;
    }
    *ret_limit = p->dims.at[dim].limit;
    *ret_used = p->dims.at[dim].used;
    return *ret_limit > 0 && !BF_PLANTED("units_not_counted");
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t admit_slot_ms(const struct pool *p, int64_t now_ms)
{
    uint64_t limit = 0, used = 0;
    bool has_slot = admit_room(p, DRAW_SLOT, &limit, &used) && used < limit;
    return has_slot ? later(pool_may_start_ms(p, now_ms), pace_ms(p, now_ms)) : INT64_MAX;
}

/* All or nothing: each pool and dimension has room, or the attempt takes none of them. */
static void ask_pools(const struct engine *e, const struct draw *d, struct verdicts *v)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct draw_item *item = &d->items[i];
        uint64_t limit = 0, used = 0;
        if (!admit_room(&e->pools.at[item->pool], item->dim, &limit, &used) || (used <= limit && item->amount <= limit - used))
            continue;
        enum blocker_kind kind = item->amount > limit && item->dim != DRAW_SLOT ? BLOCKER_POOL_TOO_SMALL : BLOCKER_POOL;
        if (item->dim == DRAW_SLOT && limit < e->pools.at[item->pool].slots)
            kind = BLOCKER_THROTTLE;
        block(v, (struct blocker){.kind = kind, .pool = item->pool, .dim = item->dim, .amount = item->amount, .used = used, .limit = limit,
                                  .count = used > UINT32_MAX ? UINT32_MAX : (uint32_t)used, .clears_at_ms = -1});
    }
}

/* What there is room for is kept for others that waited longer. */
static void ask_reserved(const struct engine *e, const struct demand *demand, const struct draw *d, struct verdicts *v)
{
    for (size_t i = 0; i < d->n && e->reserved.n > 0; i++) {
        const struct draw_item *item = &d->items[i];
        uint64_t limit = 0, used = 0, kept = reserve_kept_from(e, demand, item->pool, item->dim);
        if (kept == 0 || !admit_room(&e->pools.at[item->pool], item->dim, &limit, &used) || used + item->amount + kept <= limit)
            continue;
        block(v, (struct blocker){.kind = BLOCKER_RESERVED, .pool = item->pool, .dim = item->dim, .amount = item->amount, .used = used,
                                  .limit = limit, .kept = kept, .clears_at_ms = -1});
    }
}

/* When the pool lets the next one begin, by its start rate or its pace. */
static void ask_starts(const struct engine *e, const struct draw *d, enum blocker_kind kind,
                       int64_t may_ms(const struct pool *p, int64_t now_ms), struct verdicts *v)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct draw_item *item = &d->items[i];
        int64_t at_ms = item->dim == DRAW_SLOT ? may_ms(&e->pools.at[item->pool], e->now_ms) : e->now_ms;
        if (at_ms > e->now_ms)
            block(v, (struct blocker){.kind = kind, .pool = item->pool, .dim = item->dim, .clears_at_ms = at_ms, .clock = CLOCK_TIMER});
    }
}

/* Open until its time is over, or until a person closes it; half-open: until a probe ends, whose end no timer knows. */
struct blocker admit_breaker(const struct engine *e, uint32_t breaker)
{
    const struct breaker *b = e->breakers.at.at[breaker];
    bool timed = b->state == BREAKER_OPEN && b->until_ms != 0;
    return (struct blocker){.kind = BLOCKER_BREAKER, .breaker = breaker, .count = (uint32_t)b->probes.n,
                            .clock = timed ? CLOCK_TIMER : CLOCK_UNKNOWN,
                            .clears_at_ms = timed ? b->until_ms - (BF_PLANTED("why_breaker_early") ? 1000 : 0) : -1};
}

/* An open breaker holds all that draws on it; a half-open one what is more than its probes. */
static void ask_guard(const struct engine *e, uint32_t guard, struct verdicts *v)
{
    if (guard & NO_GUARD || e->breakers.not_closed.n == 0)
        return;
    const struct guard *g = &e->breakers.guards.at[guard];
    for (uint32_t i = 0; i < g->n; i++) {
        const struct breaker *b = e->breakers.at.at[g->at[i]];
        if (!breaker_lets(b))
            block(v, admit_breaker(e, g->at[i]));
    }
}

/* At most max of them, into ret. */
size_t admit_blockers(const struct engine *e, const struct demand *d, struct blocker *ret, size_t max)
{
    struct verdicts v = {.at = ret, .max = max};
    const struct draw *draw = &e->draws.at[d->needs.draw];
    ask_guard(e, d->needs.guard, &v);
    ask_pools(e, draw, &v);
    ask_reserved(e, d, draw, &v);
    ask_starts(e, draw, BLOCKER_START_RATE, pool_may_start_ms, &v);
    ask_starts(e, draw, BLOCKER_PACE, pace_ms, &v);
    v.n += windows_blockers(e, d, v.at + v.n, v.max - v.n);
    return v.n;
}
