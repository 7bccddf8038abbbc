/* Start rates: a token bucket for each pool that has one (the generic cell rate algorithm of ITU-T I.371, as a bucket), in whole numbers.
 *
 * A start costs 1,000 x start_ms, and each millisecond brings start_milli, so nothing is ever rounded.  The bucket holds what a second
 * allows, at least one start.  It is taken from when a grant is applied, at the moment that its record says; so a replay ends at the same
 * level.  A change of the rate keeps what is in the bucket: changing it often lets nothing more begin. */
#include "common/plant.h"
#include "coordinator/engine/internal.h"

static uint64_t cost_of(const struct pool *p)
{
    return UINT64_C(1000) * p->start_ms;
}

static uint64_t most_of(const struct pool *p)
{
    uint64_t starts = p->start_milli / p->start_ms;
    return (starts > 0 ? starts : 1) * cost_of(p);
}

static uint64_t level_at(const struct pool *p, int64_t now_ms)
{
    uint64_t most = most_of(p), elapsed_ms = now_ms > p->level_at_ms ? (uint64_t)(now_ms - p->level_at_ms) : 0;
    if (p->level_ms == 0)                        /* nothing has begun yet */
        return most;
    uint64_t level = p->level * p->start_ms / p->level_ms;
    if (elapsed_ms > most / p->start_milli)
        return most;
    level += elapsed_ms * p->start_milli;
    return level < most ? level : most;
}

int64_t pool_may_start_ms(const struct pool *p, int64_t now_ms)
{
    if (p->start_milli == 0 || BF_PLANTED("start_rate_ignored"))
        return now_ms;
    uint64_t level = level_at(p, now_ms), cost = cost_of(p);
    return level >= cost ? now_ms : now_ms + (int64_t)((cost - level + p->start_milli - 1) / p->start_milli);
}

int64_t pool_may_start_nth_ms(const struct pool *p, int64_t now_ms, uint64_t n)
{
    if (p->start_milli == 0 || n > (uint64_t)UINT32_MAX)
        return now_ms;
    uint64_t level = level_at(p, now_ms), cost = cost_of(p) * (n + 1);
    return level >= cost ? now_ms : now_ms + (int64_t)((cost - level + p->start_milli - 1) / p->start_milli);
}

void pools_start(struct engine *e, const struct draw *d, int64_t now_ms)
{
    for (size_t i = 0; i < d->n; i++) {
        struct pool *p = &e->pools.at[d->items[i].pool];
        if (d->items[i].dim != DRAW_SLOT)
            continue;
        p->draws++;
        if (p->start_milli == 0 || now_ms == 0)
            continue;
        uint64_t level = level_at(p, now_ms), cost = cost_of(p);
        p->level = level > cost ? level - cost : 0;
        p->level_ms = p->start_ms;
        p->level_at_ms = now_ms;
    }
}
