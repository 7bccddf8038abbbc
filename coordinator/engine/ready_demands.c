/* What the ready need: a demand for each set of needs, a lane for each demand of a backfill, and whether one is open. */
#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"
#include "coordinator/engine/prefetch.h"

/* The needs of a step as they are compared: every byte counts, so there is no padding. */
static struct needs needs_of(struct engine *e, const struct backfill *b, uint32_t step)
{
    _Static_assert(sizeof(struct needs) == 4 * sizeof(uint32_t), "no padding between needs");
    return (struct needs){.draw = b->draws[step], .fit = ready_fit_for(e, &b->plan->steps[step]), .window = windows_need_of(e, b, step),
                          .guard = step_guard(b, step)};
}

static uint32_t only_pool(const struct draw *d)
{
    for (size_t i = 1; i < d->n; i++)
        if (d->items[i].pool != d->pool)
            return PLAN_NO_INDEX;
    return d->pool;
}

static uint32_t demand_for(struct engine *e, struct needs needs)
{
    const void *known = bf_smap_get(&e->demand_of, &needs, sizeof needs);
    if (known)
        return (uint32_t)((uintptr_t)known - 1);
    bf_vec_push(&e->demands, (struct demand){.needs = needs, .only_pool = only_pool(&e->draws.at[needs.draw]), .place = NO_SLOT});
    bf_smap_put(&e->demand_of, &needs, sizeof needs, (void *)(uintptr_t)e->demands.n);
    return (uint32_t)(e->demands.n - 1);
}

void ready_attach(struct engine *e, struct backfill *b)
{
    struct bf_map mine = {0};                    /* demand -> lane of this backfill */
    free(b->lanes);
    free(b->n_ready);
    b->n_ready = bf_xcalloc(b->plan->n_steps, sizeof *b->n_ready);
    for (size_t i = 0; i < b->n_shares; i++)
        bf_vec_clear(&b->shares[i].lanes);
    b->lanes = bf_xcalloc(b->plan->n_steps, sizeof *b->lanes);
    for (uint32_t s = 0; s < b->plan->n_steps; s++) {
        uint64_t lane = 0;
        spread_attach(e, b, s);
        uint32_t demand = demand_for(e, needs_of(e, b, s));
        if (!bf_map_get(&mine, demand, &lane)) {
            lane = e->lanes.n;
            struct share *share = share_find(b, step_draw(e, b, s)->pool);
            bf_vec_push(&e->lanes,
                        (struct lane){.backfill = b, .demand = demand, .share = (uint32_t)(share - b->shares), .place = NO_SLOT});
            bf_vec_push(&share->lanes, (uint32_t)lane);
            bf_map_put(&mine, demand, lane);
        }
        b->lanes[s] = (uint32_t)lane;
    }
    bf_map_free(&mine);
}

/* Each step has a breaker of its own, and so a lane. */
void ready_guarded(struct engine *e, struct backfill *b)
{
    for (uint32_t s = 0; s < b->plan->n_steps; s++) {
        uint32_t demand = demand_for(e, needs_of(e, b, s));      /* may move the lists */
        ready_lane_out(e, b->lanes[s]);
        e->lanes.at[b->lanes[s]].demand = demand;
    }
}

bool ready_demand_open(const struct engine *e, const struct demand *d, uint32_t lane, uint32_t *ret_agent, struct blocker *ret_first)
{
    const struct iheap *agents = &e->fits.at[d->needs.fit].agents;
    *ret_first = (struct blocker){.kind = (enum blocker_kind)-1, .clears_at_ms = -1};
    if (d->lanes.n == 0 || agents->n == 0 || admit_blockers(e, d, ret_first, 1) > 0)
        return false;
    const struct agent *a = agent_find(e, agents->at[0]);
    if (a->busy >= a->hello.slots)
        return prefetch_agent(e, d, lane, ret_agent);
    *ret_agent = a->id;
    return true;
}

void ready_reset(struct engine *e)
{
    for (size_t i = 0; i < e->lanes.n; i++)
        heap_done(&e->lanes.at[i].ready);
    for (size_t i = 0; i < e->demands.n; i++)
        bf_vec_free(&e->demands.at[i].lanes);
    for (size_t i = 0; i < e->fits.n; i++) {
        iheap_done(&e->fits.at[i].agents);
        iheap_done(&e->fits.at[i].room);
        spread_done(&e->fits.at[i].spread);
    }
    spread_reset(e);
    near_reset(e);
    for (size_t i = 0; i < e->backfills.n; i++)
        for (size_t k = 0; k < e->backfills.at[i]->n_shares; k++)
            bf_vec_clear(&e->backfills.at[i]->shares[k].lanes);
    for (size_t i = 0; i < e->pools.n; i++)
        bf_vec_clear(&e->pools.at[i].waiting);
    bf_vec_free(&e->waiting);
    bf_vec_free(&e->lanes);
    bf_vec_free(&e->demands);
    bf_vec_free(&e->fits);
    bf_smap_free(&e->demand_of);
    windows_reset(e);
    opening_done(&e->opening);
    e->n_ready = 0;
}
