/* Prefetch: attempts that are given to an agent before it has a slot free, so that the next one starts the moment a slot ends and not a
 * round trip (report, commit, dispatch) later.
 *
 *                  granted ahead                 a slot ends                       ends
 *     READY ───────────────────────► ASSIGNED ───────────────► RUNNING ─────────────────────► …
 *       ▲                          (waits at its agent)
 *       └────────────────────────────────┘
 *         revoked: the agent says that it has given it back, and will never start it
 *
 * It is an attempt like any other: granted by a record, with its token, and all that it draws on pools is held from the grant on (I6).
 * What differs is who decides when it starts: its agent, which keeps it in a queue and gives it the first slot that ends (agent/core.h).
 * It starts only under the lease that the agent has at that moment; one that waits when the lease runs out is given back and never
 * starts.  Timeboxes begin when it starts.
 *
 * Depth.  An agent tells its round trip: what lies between the report of an end and the answer.  What waits there at a time is expected
 * to take no more than its slots do in one round trip, and is at most PREFETCH_MOST attempts:
 *     sum of expected times of what waits  <=  round trip * slots.
 * So nothing is given ahead of steps that last, where it would gain nothing and hold its reservation for long; nor where it is not known
 * yet how long a step takes.
 *
 * Never ahead: what draws on a pool with units or with a probe (its reservation is what the warehouse has too little of); steps that may
 * not run twice at any price (of a lost agent they would wait for a fence, though they had never begun), or say where they run; at an agent
 * that others wait for by name, because it has their inputs; what has a breaker that is not closed; and what is of no better class than
 * something that waits for a slot of that agent and cannot be given ahead itself, or that waits for room in a pool that it draws on: else
 * those who are given ahead would hold every slot for ever.
 *
 * Revoked is what waits, when it may not start any more (its backfill is paused, people hold or cancelled it, its agent is not to get
 * work, a breaker opened), or when something of a better class waits for what it holds, or behind it at its agent.  Exclusion (I1): an
 * order to revoke changes nothing here but that it is recorded.  The instance is ready again only by the agent's report that it is given
 * back, or as any attempt of an agent that is lost; an agent that started it meanwhile says so, and it runs on.
 *
 * All that waits is in a list in order of id, which follows from the records; agents with room are in a heap of each fit. */
#include <assert.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/prefetch.h"

/* ---- what waits ---- */

static void wait_begins(struct engine *e, struct attempt *a)
{
    struct agent *agent = agent_find(e, a->agent);
    uint32_t slot = (uint32_t)(a - e->attempts.at);
    a->waits = true;
    a->ahead_prev = e->last_ahead;
    a->ahead_next = NO_SLOT;
    *(a->ahead_prev == NO_SLOT ? &e->first_ahead : &e->attempts.at[a->ahead_prev].ahead_next) = slot;
    e->last_ahead = slot;
    agent->waiting++;
    agent->waiting_us += a->ahead_us;
}

static void wait_ends(struct engine *e, struct attempt *a)
{
    struct agent *agent = agent_find(e, a->agent);
    a->waits = false;
    *(a->ahead_prev == NO_SLOT ? &e->first_ahead : &e->attempts.at[a->ahead_prev].ahead_next) = a->ahead_next;
    *(a->ahead_next == NO_SLOT ? &e->last_ahead : &e->attempts.at[a->ahead_next].ahead_prev) = a->ahead_prev;
    assert(agent->waiting > 0 && agent->waiting_us >= a->ahead_us);
    agent->waiting--;
    agent->waiting_us -= a->ahead_us;
}

void prefetch_hold(struct engine *e, struct attempt *a)
{
    const struct backfill *b = backfill_find(e, a->backfill);
    if (a->ahead_us == 0)
        return;
    agent_find(e, a->agent)->ahead++;
    if (b->instances[instance_number(b, a->step, a->index)].state == INSTANCE_ASSIGNED)
        wait_begins(e, a);
}

void prefetch_release(struct engine *e, struct attempt *a)
{
    if (a->ahead_us == 0)
        return;
    agent_find(e, a->agent)->ahead--;
    if (a->waits)
        wait_ends(e, a);
}

void prefetch_started(struct engine *e, struct attempt *a)
{
    a->revoked = 0;                              /* too late: it runs on */
    if (!a->waits)
        return;
    wait_ends(e, a);
    ready_agent_busy(e, agent_find(e, a->agent));
}

void prefetch_forget(struct engine *e)
{
    e->first_ahead = e->last_ahead = NO_SLOT;
    e->ahead_look = true;
    for (size_t i = 0; i < e->agents.n; i++) {
        struct agent *a = &e->agents.at[i];
        a->ahead = a->waiting = 0;
        a->waiting_us = 0;
    }
    for (uint32_t s = e->first_attempt; s != NO_SLOT; s = e->attempts.at[s].next)
        e->attempts.at[s].waits = false;
}

bool prefetch_agrees(const struct engine *e, const struct agent *a)
{
    uint32_t ahead = 0, waiting = 0;
    uint64_t waiting_us = 0;
    for (uint32_t slot = a->first; slot != NO_SLOT; slot = e->attempts.at[slot].agent_next) {
        const struct attempt *t = &e->attempts.at[slot];
        const struct backfill *b = backfill_find(e, t->backfill);
        bool waits = t->ahead_us > 0 && b->instances[instance_number(b, t->step, t->index)].state == INSTANCE_ASSIGNED;
        if (waits != t->waits)
            return false;
        ahead += t->ahead_us > 0;
        waiting += waits;
        waiting_us += waits ? t->ahead_us : 0;
    }
    return ahead == a->ahead && waiting == a->waiting && waiting_us == a->waiting_us;
}

/* ---- room ---- */

/* Starts are told late, or with the end: of those that were not told, the oldest have the slots that are free.  What is over the slots,
 * the newest, waits. */
uint64_t prefetch_room_us(const struct engine *e, const struct agent *a)
{
    uint64_t most = (uint64_t)a->hello.round_trip_us * a->hello.slots, us = 0;
    uint32_t over = a->busy > a->hello.slots ? a->busy - a->hello.slots : 0;
    if (over >= PREFETCH_MOST)
        return 0;
    for (uint32_t slot = a->last; over > 0 && slot != NO_SLOT; slot = e->attempts.at[slot].agent_prev, over--)
        us += e->attempts.at[slot].waits ? e->attempts.at[slot].ahead_us : 0;
    return us >= most ? 0 : most - us;
}

bool prefetch_has_room(const struct engine *e, const struct agent *a)
{
    return a->near.n == 0 && prefetch_room_us(e, a) > 0 && e->breakers.at.at[a->breaker]->state == BREAKER_CLOSED;
}

bool prefetch_room_less(const void *engine, uint32_t a, uint32_t b)
{
    uint64_t p = prefetch_room_us(engine, agent_find(engine, a)), q = prefetch_room_us(engine, agent_find(engine, b));
    return p != q ? p > q : a < b;
}

/* ---- who may be given ahead ---- */

static bool guard_is_closed(const struct engine *e, uint32_t guard)
{
    const struct guard *g = &e->breakers.guards.at[guard];
    for (uint32_t i = 0; e->breakers.not_closed.n > 0 && i < g->n; i++)
        if (e->breakers.at.at[g->at[i]]->state != BREAKER_CLOSED)
            return false;
    return true;
}

static bool has_units(const struct pool *p)
{
    for (size_t i = POOL_FIRST_UNIT; i < p->dims.n; i++)
        if (p->dims.at[i].limit > 0 || p->dims.at[i].used > 0)
            return true;
    return false;
}

static bool pools_allow(const struct engine *e, const struct draw *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct pool *p = &e->pools.at[d->items[i].pool];
        bool unit = d->items[i].dim != DRAW_SLOT && d->items[i].dim >= POOL_FIRST_UNIT;
        if ((unit || has_units(p) || pool_is_throttled(p)) && !BF_PLANTED("prefetch_of_units"))
            return false;
    }
    return true;
}

uint64_t prefetch_takes_us(const struct engine *e, const struct backfill *b, uint32_t step)
{
    const struct typical *t = &b->typical[step];
    bool may = t->n > 0 && !b->plan->steps[step].wait_for_fence && !place_is_said(&b->plan->steps[step]) &&
               guard_is_closed(e, step_guard(b, step)) &&
               pools_allow(e, step_draw(e, b, step));
    if (!may || (uint64_t)t->mean_us > RECORD_AHEAD_US_MAX)
        return 0;
    return t->mean_us > 0 ? (uint64_t)t->mean_us : 1;
}

/* ---- who waits, as the grants of this turn found it ---- */

void prefetch_begin_turn(struct engine *e)
{
    e->awaited = false;
    for (size_t i = 0; i < e->fits.n; i++)
        e->fits.at[i].awaited = UINT64_MAX;
    for (size_t i = 0; i < e->pools.n; i++)
        e->pools.at[i].awaited = UINT64_MAX;
}

static void note(struct engine *e, uint64_t class, uint64_t *best)
{
    *best = class < *best ? class : *best;
    e->awaited = true;
}

void prefetch_note_waiting(struct engine *e, uint32_t demand, uint32_t lane, const struct blocker *first)
{
    const struct demand *d = &e->demands.at[demand];
    struct fit *f = &e->fits.at[d->needs.fit];
    if (d->lanes.n == 0 || f->agents.n == 0)
        return;                                  /* whatever is given back, it would not run */
    uint64_t class = ready_class(&e->lanes.at[lane == PLAN_NO_INDEX ? ready_demand_head(e, d) : lane]);
    if (first->kind == (enum blocker_kind)-1)
        note(e, class, &f->awaited);
    else if (first->kind == BLOCKER_POOL)
        note(e, class, &e->pools.at[first->pool].awaited);
}

/* The best class that waits for a slot of that agent, or for room in a pool that is drawn on; UINT64_MAX: nothing waits. */
static uint64_t awaited_class(const struct engine *e, const struct draw *draw, uint32_t agent)
{
    uint64_t best = UINT64_MAX;
    for (size_t i = 0; i < e->fits.n; i++)
        if (e->fits.at[i].awaited < best && iheap_contains(&e->fits.at[i].agents, agent))
            best = e->fits.at[i].awaited;
    for (size_t i = 0; i < draw->n; i++)
        if (e->pools.at[draw->items[i].pool].awaited < best)
            best = e->pools.at[draw->items[i].pool].awaited;
    return best;
}

/* Of the head of a lane. */
static uint64_t lane_takes_us(const struct engine *e, uint32_t lane)
{
    const struct lane *l = &e->lanes.at[lane];
    return prefetch_takes_us(e, l->backfill, l->backfill->instances[(uint32_t)l->ready.at[0].b].step);
}

static bool has_room_for(const struct engine *e, uint32_t agent, uint64_t takes_us)
{
    return takes_us > 0 && takes_us <= prefetch_room_us(e, agent_find(e, agent));
}

/* Does the agent with most room have enough for one of them? */
static bool any_fits(const struct engine *e, const struct demand *d, uint32_t agent)
{
    bool may = false;
    for (size_t i = 0; i < d->lanes.n && !may; i++)
        may = has_room_for(e, agent, lane_takes_us(e, d->lanes.at[i]));
    return may;
}

/* The first by room that nothing of a better class waits for: nearly always the first of all.  Where there are many agents the others are
 * not worth a look.  The order is that of the heap's rule, not of its places. */
bool prefetch_agent(const struct engine *e, const struct demand *d, uint32_t lane, uint32_t *ret_agent)
{
    const struct iheap *room = &e->fits.at[d->needs.fit].room;
    const struct draw *draw = &e->draws.at[d->needs.draw];
    uint32_t best = 0;
    if (room->n == 0)
        return false;
    if (lane == PLAN_NO_INDEX) {
        *ret_agent = room->at[0];
        return any_fits(e, d, room->at[0]);
    }
    uint64_t takes_us = lane_takes_us(e, lane), class = ready_class(&e->lanes.at[lane]);
    if (!has_room_for(e, room->at[0], takes_us))
        return false;
    for (size_t i = 0; i < (room->n <= PREFETCH_LOOKED_AT_MAX ? room->n : 1); i++) {
        uint32_t a = room->at[i];
        if ((best && prefetch_room_less(e, best, a)) || !has_room_for(e, a, takes_us) || awaited_class(e, draw, a) <= class)
            continue;
        best = a;
        if (i == 0)
            break;
    }
    *ret_agent = best;
    return best != 0;
}

/* ---- revoking ---- */

/* What changes who may start. */
void prefetch_note_record(struct engine *e, const struct record *r)
{
    switch (r->kind) {
    case RECORD_BACKFILL_STATE:
    case RECORD_CANCELLED:
    case RECORD_STEERED:
    case RECORD_PRIORITY_SET:
    case RECORD_SHARE:
    case RECORD_AGENT_JOINED:
    case RECORD_AGENT_STATE:
    case RECORD_GRANTED:                         /* a backfill that was served is not raised any more */
    case RECORD_BREAKER: e->ahead_look = true; return;
    default: return;
    }
}

/* Of the step of an attempt, as it counts: raised by what its backfill waited. */
static uint64_t class_of(const struct engine *e, const struct attempt *a)
{
    const struct backfill *b = backfill_find(e, a->backfill);
    uint64_t class = b->priority[a->step], raised = b->shares[e->lanes.at[b->lanes[a->step]].share].raised;
    return class > raised ? class - raised : 0;
}

/* Something of a better class waits for what it holds, or behind it. */
static bool is_outranked(const struct engine *e, const struct attempt *a)
{
    uint64_t class = class_of(e, a);
    return agent_find(e, a->agent)->behind_class < class ||
           awaited_class(e, step_draw(e, backfill_find(e, a->backfill), a->step), a->agent) < class;
}

/* 0: it may start. */
static enum revoke_reason reason_of(const struct engine *e, const struct attempt *a)
{
    const struct backfill *b = backfill_find(e, a->backfill);
    const struct agent *agent = agent_find(e, a->agent);
    if (b->state != BACKFILL_RUNNING)
        return BF_PLANTED("prefetch_through_pause") ? 0 : REVOKE_PAUSED;
    if (b->instances[instance_number(b, a->step, a->index)].flags & (FLAG_HELD | FLAG_CANCELLING))
        return REVOKE_HELD;
    if (agent->state != AGENT_CONNECTED || e->breakers.at.at[agent->breaker]->state != BREAKER_CLOSED)
        return REVOKE_AGENT;
    if (!guard_is_closed(e, step_guard(b, a->step)))
        return REVOKE_BREAKER;
    return is_outranked(e, a) && !BF_PLANTED("prefetch_before_better") ? REVOKE_PRIORITY : 0;
}

static void revoke(struct decision *d, const struct attempt *a, enum revoke_reason reason)
{
    struct record *r = record_begin(d, RECORD_REVOKED);
    r->ref = a->ref;
    r->backfill = a->backfill;
    r->step = a->step;
    r->index = a->index;
    r->agent = a->agent;
    record_rare_need(r, &d->out->arena)->revoked = reason;
    record_emit(d, r);
    effect_kill(d, a->agent, a->ref, KILL_REVOKED);
}

/* After the grants of a turn: the newest first, so that each knows the best class that waits behind it. */
void decide_revokes(struct decision *d)
{
    struct engine *e = d->live;                  /* behind_class is scratch */
    if (e->first_ahead == NO_SLOT || (!e->awaited && !e->ahead_look))
        return;
    for (uint32_t slot = e->last_ahead; slot != NO_SLOT; slot = e->attempts.at[slot].ahead_prev)
        agent_find(e, e->attempts.at[slot].agent)->behind_class = UINT64_MAX;
    for (uint32_t slot = e->last_ahead; slot != NO_SLOT; slot = e->attempts.at[slot].ahead_prev) {
        const struct attempt *a = &e->attempts.at[slot];
        struct agent *agent = agent_find(e, a->agent);
        enum revoke_reason reason = a->revoked ? 0 : reason_of(e, a);
        if (reason)
            revoke(d, a, reason);
        else if (!a->revoked && class_of(e, a) < agent->behind_class)
            agent->behind_class = class_of(e, a);
    }
    e->ahead_look = false;
}

enum bf_rc apply_revoked(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    struct attempt *a = attempt_find(e, r->ref.attempt);
    const struct backfill *b = a ? backfill_find(e, a->backfill) : NULL;
    if (!a || a->ahead_us == 0 || rare->revoked < REVOKE_PAUSED || rare->revoked > REVOKE_PRIORITY ||
        b->instances[instance_number(b, a->step, a->index)].state != INSTANCE_ASSIGNED)
        return bf_fail(err, BF_CORRUPT, "record of an attempt that is asked back: attempt %llu does not wait at its agent",
                       (unsigned long long)r->ref.attempt);
    a->revoked = rare->revoked;
    return BF_OK;
}

/* ---- round trips ---- */

void decide_round_trip(struct decision *d, uint32_t agent, uint32_t round_trip_us)
{
    uint64_t us = round_trip_us;
    if (agent_find(d->e, agent)->hello.round_trip_us == round_trip_us)
        return;
    struct record *r = record_begin(d, RECORD_ROUND_TRIP);
    r->agent = agent;
    r->numbers = &us;
    r->n_numbers = 1;
    record_emit(d, r);
}

enum bf_rc apply_round_trip(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct agent *a = agent_find(e, r->agent);
    if (!a || r->n_numbers != 1 || r->numbers[0] > AGENT_ROUND_TRIP_US_MAX)
        return bf_fail(err, BF_CORRUPT, "record of a round trip: agent %u is unknown, or the time is too long", r->agent);
    a->hello.round_trip_us = (uint32_t)r->numbers[0];
    if (!e->recovering)
        ready_agent_changed(e, a);
    return BF_OK;
}
