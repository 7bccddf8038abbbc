/* Reserve and drain: a wide step is not starved by narrow ones.
 *
 *   nobody waits ─► a step waits, and is passed over ─► room is kept for it ─► it begins: nobody waits
 *
 * A step that is held back by its pools alone, while others are granted from them, is remembered by the first pool that it draws on (the
 * best of those that wait so).  When so many attempts have been granted past it (config.reserve_after), all that it takes is kept for it,
 * in each of its pools: what frees is given to nobody else of its class or a lower one, unless it fits beside.  It needs what runs to end,
 * and nothing else, so it begins in the end.  It is forgotten when it begins, when something else holds it back too, or when a pool has
 * become too small for it: room is never kept for what cannot use it.
 *
 * A pool is kept for one step at a time, so that two that wait for the same two pools never wait for each other. */
#include <stdlib.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"

enum { BLOCKERS_MAX = 64 };

static struct demand *demand_of_head(const struct engine *e, const struct pool *p)
{
    const struct backfill *b = backfill_find(e, p->head_backfill);
    return b && b->lanes ? &e->demands.at[e->lanes.at[b->lanes[p->head_step]].demand] : NULL;
}

const struct draw *reserve_draw(const struct engine *e, const struct pool *p)
{
    return step_draw(e, backfill_find(e, p->head_backfill), p->head_step);
}

/* Grants from any of its pools so far: what passes it is counted by their difference. */
static uint64_t draws_of(const struct engine *e, const struct draw *d)
{
    uint64_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        n += d->items[i].dim == DRAW_SLOT ? e->pools.at[d->items[i].pool].draws : 0;
    return n;
}

static bool shares_a_pool(const struct draw *a, const struct draw *b)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if (a->items[i].pool == b->items[k].pool)
                return true;
    return false;
}

static bool is_kept_for_another(const struct engine *e, uint32_t pool)
{
    const struct draw *mine = reserve_draw(e, &e->pools.at[pool]);
    for (size_t i = 0; i < e->reserved.n; i++)
        if (e->reserved.at[i] != pool && shares_a_pool(mine, reserve_draw(e, &e->pools.at[e->reserved.at[i]])))
            return true;
    return false;
}

/* Still ready, some agent fits, and nothing but its pools holds it back. */
static bool still_waits(const struct engine *e, const struct pool *p)
{
    struct blocker at[BLOCKERS_MAX];
    const struct backfill *b = backfill_find(e, p->head_backfill);
    const struct demand *d = demand_of_head(e, p);
    if (!d || e->lanes.at[b->lanes[p->head_step]].place == NO_SLOT || e->fits.at[d->needs.fit].agents.n == 0)
        return false;
    size_t n = admit_blockers(e, d, at, BLOCKERS_MAX);
    for (size_t i = 0; i < n; i++)
        if (!blocker_is_of_pool(at[i].kind) && at[i].kind != BLOCKER_RESERVED)
            return false;
    return true;
}

static void head_emit(struct decision *d, uint32_t pool, uint32_t backfill, uint32_t step, uint64_t since, bool reserved)
{
    uint64_t *numbers = bf_arena_alloc(&d->out->arena, sizeof *numbers);
    *numbers = since;
    struct record *r = record_begin(d, RECORD_POOL_HEAD);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    rare->pool_name = d->e->pools.at[pool].name;
    r->backfill = backfill;
    r->step = step;
    r->numbers = numbers;
    r->n_numbers = 1;
    rare->last = reserved;
    record_emit(d, r);
}

void reserve_review(struct decision *d)
{
    const struct engine *e = d->e;
    for (size_t i = e->waiting_pools.n; i-- > 0;) {      /* backwards: what is forgotten is taken out */
        uint32_t pool = e->waiting_pools.at[i];
        const struct pool *p = &e->pools.at[pool];
        if (!still_waits(e, p))
            head_emit(d, pool, 0, 0, 0, false);
        else if (!p->reserved && draws_of(e, reserve_draw(e, p)) - p->head_since >= e->config.reserve_after &&
                 !is_kept_for_another(e, pool))
            head_emit(d, pool, p->head_backfill, p->head_step, p->head_since, true);
    }
}

/* ---- who waits ---- */

void reserve_note_blocked(struct engine *e, uint32_t demand)
{
    const struct draw *d = &e->draws.at[e->demands.at[demand].needs.draw];
    if (d->pool == PLAN_NO_INDEX || e->pools.at[d->pool].head_backfill)
        return;
    struct pool *p = &e->pools.at[d->pool];
    if (p->blocked && !ready_demand_less(e, demand, p->blocked - 1))
        return;
    if (!p->blocked)
        bf_vec_push(&e->blocked_pools, d->pool);
    p->blocked = demand + 1;
    p->blocked_since = draws_of(e, d);
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void reserve_note_passed(struct decision *d)
{
    struct engine *e = d->live;
    if (e->blocked_pools.n > 1)                  /* demands were met in no order; records have one */
        qsort(e->blocked_pools.at, e->blocked_pools.n, sizeof *e->blocked_pools.at, ascending);
    for (size_t i = 0; i < e->blocked_pools.n; i++) {
        uint32_t pool = e->blocked_pools.at[i];
        struct pool *p = &e->pools.at[pool];
        const struct demand *who = &e->demands.at[p->blocked - 1];
        uint64_t since = p->blocked_since;
        p->blocked = 0;
        if (who->lanes.n == 0 || draws_of(e, &e->draws.at[who->needs.draw]) == since)
            continue;
        const struct lane *lane = &e->lanes.at[ready_demand_head(e, who)];
        head_emit(d, pool, lane->backfill->id, lane->backfill->instances[(uint32_t)lane->ready.at[0].b].step, since, false);
    }
    bf_vec_clear(&e->blocked_pools);
}

/* ---- applying ---- */

void reserve_set(struct engine *e, uint32_t pool, uint32_t backfill, uint32_t step, uint64_t since, bool reserved)
{
    struct pool *p = &e->pools.at[pool];
    p->head_backfill = backfill;
    p->head_step = backfill ? step : 0;
    p->head_since = backfill ? since : 0;
    p->reserved = backfill && reserved;
    if (!e->recovering)
        reserve_derive(e);
}

/* Pools that somebody waits for, and those that are kept: ascending.  Few: this is for changes of who it is, not for each turn. */
void reserve_derive(struct engine *e)
{
    bf_vec_clear(&e->waiting_pools);
    bf_vec_clear(&e->reserved);
    for (uint32_t i = 0; i < e->pools.n; i++) {
        if (e->pools.at[i].head_backfill)
            bf_vec_push(&e->waiting_pools, i);
        if (e->pools.at[i].reserved)
            bf_vec_push(&e->reserved, i);
    }
}

/* What draws the same as the one that waited has begun. */
void reserve_granted(struct engine *e, const struct draw *d)
{
    if (d->pool == PLAN_NO_INDEX || !e->pools.at[d->pool].head_backfill || reserve_draw(e, &e->pools.at[d->pool]) != d)
        return;
    reserve_set(e, d->pool, 0, 0, 0, false);
}

/* ---- asking ---- */

static bool class_of(const struct engine *e, const struct demand *d, uint64_t *ret)
{
    if (d->lanes.n == 0)
        return false;
    *ret = ready_class(&e->lanes.at[ready_demand_head(e, d)]);
    return true;
}

/* What of a dimension is kept from a demand, for those that waited longer. */
uint64_t reserve_kept_from(const struct engine *e, const struct demand *d, uint32_t pool, uint32_t dim)
{
    uint64_t kept = 0, mine = 0, theirs = 0;
    for (size_t i = 0; i < e->reserved.n && !BF_PLANTED("reservation_ignored"); i++) {
        const struct pool *p = &e->pools.at[e->reserved.at[i]];
        const struct draw *head = reserve_draw(e, p);
        const struct demand *who = demand_of_head(e, p);
        const struct backfill *b = backfill_find(e, p->head_backfill);
        bool there = who && e->lanes.at[b->lanes[p->head_step]].place != NO_SLOT;
        if (!there || &e->draws.at[d->needs.draw] == head)
            continue;
        theirs = ready_class(&e->lanes.at[b->lanes[p->head_step]]);
        if (class_of(e, d, &mine) && mine < theirs)
            continue;
        for (size_t k = 0; k < head->n; k++)
            kept += head->items[k].pool == pool && head->items[k].dim == dim ? head->items[k].amount : 0;
    }
    return kept;
}
