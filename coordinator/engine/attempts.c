/* Open attempts, and what they hold: one slot of their agent and what their step draws on its pools, from the grant until the attempt is
 * known to have ended.  Lists run in order of id. */
#include <assert.h>

#include "coordinator/engine/prefetch.h"

static uint32_t take_slot(struct engine *e)
{
    if (e->free_slots.n > 0)
        return e->free_slots.at[--e->free_slots.n];
    bf_vec_add(&e->attempts);
    return (uint32_t)(e->attempts.n - 1);
}

static void link_last(struct engine *e, uint32_t slot)
{
    struct attempt *a = &e->attempts.at[slot];
    struct agent *agent = agent_find(e, a->agent);
    a->prev = e->last_attempt;
    a->agent_prev = agent->last;
    a->next = a->agent_next = NO_SLOT;
    *(a->prev == NO_SLOT ? &e->first_attempt : &e->attempts.at[a->prev].next) = slot;
    *(a->agent_prev == NO_SLOT ? &agent->first : &e->attempts.at[a->agent_prev].agent_next) = slot;
    e->last_attempt = agent->last = slot;
}

static void unlink_slot(struct engine *e, const struct attempt *a)
{
    struct agent *agent = agent_find(e, a->agent);
    *(a->prev == NO_SLOT ? &e->first_attempt : &e->attempts.at[a->prev].next) = a->next;
    *(a->next == NO_SLOT ? &e->last_attempt : &e->attempts.at[a->next].prev) = a->prev;
    *(a->agent_prev == NO_SLOT ? &agent->first : &e->attempts.at[a->agent_prev].agent_next) = a->agent_next;
    *(a->agent_next == NO_SLOT ? &agent->last : &e->attempts.at[a->agent_next].agent_prev) = a->agent_prev;
}

static void hold(struct engine *e, struct attempt *a)
{
    struct backfill *b = backfill_find(e, a->backfill);
    struct agent *agent = agent_find(e, a->agent);
    pools_hold(e, step_draw(e, b, a->step));
    shares_hold(e, b, step_draw(e, b, a->step), false);
    agent->busy++;
    capacity_hold(agent, &b->plan->steps[a->step].resources, true);
    prefetch_hold(e, a);
    ready_agent_busy(e, agent);
}

static void release(struct engine *e, struct attempt *a)
{
    struct backfill *b = backfill_find(e, a->backfill);
    struct agent *agent = agent_find(e, a->agent);
    pools_release(e, step_draw(e, b, a->step));
    shares_hold(e, b, step_draw(e, b, a->step), true);
    assert(agent->busy > 0);
    agent->busy--;
    capacity_hold(agent, &b->plan->steps[a->step].resources, false);
    prefetch_release(e, a);
    agent->busy_max = agent_use_most(agent);
    ready_agent_busy(e, agent);
    near_agent_changed(e, agent);
}

struct attempt *attempt_open(struct engine *e, const struct attempt *a)
{
    uint32_t slot = take_slot(e);
    e->attempts.at[slot] = *a;
    link_last(e, slot);
    bf_map_put(&e->slot_of, a->ref.attempt, slot);
    backfill_find(e, a->backfill)->open++;
    e->n_open++;
    late_opened(e, &e->attempts.at[slot]);
    if (!e->recovering) {
        hold(e, &e->attempts.at[slot]);
        spread_count(e, &e->attempts.at[slot], true);
    }
    return &e->attempts.at[slot];
}

bool attempt_fenced(const struct engine *e, const struct attempt *a)
{
    const struct agent *agent = agent_find(e, a->agent);
    bool unheard = agent->state == AGENT_LOST || agent->incarnation != a->incarnation;
    return unheard && backfill_find(e, a->backfill)->plan->steps[a->step].wait_for_fence;
}

void attempt_close(struct engine *e, struct attempt *a)
{
    e->alerts.look |= attempt_fenced(e, a);      /* nobody may be waited for any more */
    unlink_slot(e, a);
    late_closed(e, a);
    bf_map_del(&e->slot_of, a->ref.attempt);
    backfill_find(e, a->backfill)->open--;
    e->n_open--;
    e->n_closing -= a->closing_us != 0;
    if (!e->recovering) {
        spread_count(e, a, false);
        release(e, a);
    }
    bf_vec_push(&e->free_slots, (uint32_t)(a - e->attempts.at));
    a->ref = (struct attempt_ref){0};
}

void attempts_derive(struct engine *e)
{
    pools_forget_use(e);
    shares_forget_use(e);
    prefetch_forget(e);
    for (size_t i = 0; i < e->agents.n; i++) {
        struct agent *a = &e->agents.at[i];
        a->busy = 0;
        a->asked_cpu_milli = a->asked_memory_bytes = 0;
    }
    for (uint32_t s = e->first_attempt; s != NO_SLOT; s = e->attempts.at[s].next)
        hold(e, &e->attempts.at[s]);
    for (size_t i = 0; i < e->pools.n; i++)
        pool_use_most(&e->pools.at[i]);
    for (size_t i = 0; i < e->agents.n; i++) {
        struct agent *a = &e->agents.at[i];
        a->busy_max = agent_use_most(a);
    }
}
