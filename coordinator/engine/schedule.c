/* The end of a turn: backoffs that are over, gates, grants, ends of backfills.  Cost follows what changed, not what there is:
 * timers and due gates are heaps, grants look at demands that have something ready and something free. */
#include <assert.h>

#include "common/plant.h"
#include "common/token.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/prefetch.h"

void decide_ready_again(struct decision *d)
{
    const struct engine *e = d->e;
    while (e->timers.n > 0 && (int64_t)e->timers.at[0].a <= d->now_ms) {
        uint64_t key = e->timers.at[0].b;
        const struct backfill *b = backfill_find(e, (uint32_t)(key >> 32));
        uint32_t number = (uint32_t)key;
        struct record *r = record_begin(d, RECORD_READY_AGAIN);
        r->backfill = b->id;
        r->step = b->instances[number].step;
        r->index = instance_index(b, number);
        record_emit(d, r);
    }
}

static uint32_t open_gate(struct decision *d, const struct backfill *b, uint32_t gate, uint32_t budget)
{
    const struct gate_rule *g = &b->topology->gates[gate];
    const struct edge_rule *rule = &b->topology->rules[g->rule];
    uint32_t from = b->gates[gate].upto, n = g->n_down - from;
    if (n > budget)
        n = budget;
    struct record *r = record_begin(d, RECORD_GATE_OPENED);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    r->backfill = b->id;
    r->step = rule->down;
    rare->edge = rule->edge;
    rare->gate = gate - rule->gate_first;
    rare->upto = from + n;
    record_emit(d, r);
    return n;
}

void decide_gates(struct decision *d)
{
    const struct engine *e = d->e;
    uint32_t budget = e->config.gate_openings_per_turn_max;
    while (e->gates_due.n > 0 && budget > 0) {
        struct heap_item head = e->gates_due.at[0];
        budget -= open_gate(d, backfill_find(e, (uint32_t)head.a), (uint32_t)head.b, budget);
    }
    if (e->gates_due.n > 0)
        d->live->work_left = true;
}

static uint64_t next_token(const struct engine *e)
{
    uint64_t attempt = e->next_attempt;
    if (BF_PLANTED("token_reused"))
        attempt &= ~UINT64_C(1);
    return (uint64_t)e->epoch << TOKEN_EPOCH_SHIFT | attempt;
}

static void note_placing(struct decision *d, struct record *r, const struct placing *p)
{
    uint64_t *numbers = bf_arena_alloc(&d->out->arena, PLACE_NUMBERS * sizeof *numbers);
    numbers[0] = p->by;
    numbers[1] = p->near;
    numbers[2] = (uint64_t)p->waited_ms;
    numbers[3] = p->running;
    r->numbers = numbers;
    r->n_numbers = PLACE_NUMBERS;
}

static void grant(struct decision *d, const struct backfill *b, uint32_t number, const struct placing *placing)
{
    const struct engine *e = d->e;
    const struct instance *in = &b->instances[number];
    struct record *r = record_begin(d, RECORD_GRANTED);
    r->ref = (struct attempt_ref){.attempt = e->next_attempt, .token = next_token(e)};
    r->backfill = b->id;
    r->step = in->step;
    r->index = instance_index(b, number);
    r->n = 1;
    r->run = in->run;
    r->attempt_no = in->attempts + 1;
    r->agent = placing->agent;
    r->retry_at_ms = d->now_ms;
    const struct agent *taker = agent_find(e, placing->agent);
    r->ahead_us = taker->busy >= taker->hello.slots ? prefetch_takes_us(e, b, in->step) : 0;
    if (place_is_said(&b->plan->steps[in->step]) || placing->by == PLACE_ELSEWHERE)
        note_placing(d, r, placing);
    uint64_t attempt = r->ref.attempt;
    record_emit(d, r);
    effect_attempt(d, EFFECT_DISPATCH, attempt_find(e, attempt));
}

/* What waits for a time alone: a turn comes then.  -1: it does not. */
static void note_due(struct engine *e, int64_t clears_at_ms)
{
    if (clears_at_ms >= 0 && clears_at_ms < e->admit_due_ms)
        e->admit_due_ms = clears_at_ms;
}

static void list_if_open(struct engine *e, uint32_t demand)
{
    uint32_t agent = 0;
    struct blocker first;
    if (ready_demand_open(e, &e->demands.at[demand], PLAN_NO_INDEX, &agent, &first)) {
        opening_add(e, demand);
        return;
    }
    if (first.kind == BLOCKER_POOL || first.kind == BLOCKER_THROTTLE)
        reserve_note_blocked(e, demand);
    else
        note_due(e, first.clears_at_ms);
    prefetch_note_waiting(e, demand, PLAN_NO_INDEX, &first);
}

/* Demands that can be granted from now: something ready, room in the pool, a free agent.  Those that draw on one pool alone are not looked
 * at while it has no slot, or lets the next one begin later: nothing is granted from it in this turn, so nothing passes them either. */
static void list_open_demands(struct engine *e)
{
    for (size_t p = 0; p < e->pools.n; p++) {
        const struct pool *pool = &e->pools.at[p];
        int64_t slot_ms = admit_slot_ms(pool, e->now_ms);
        bool full = slot_ms == INT64_MAX;
        for (size_t i = 0; slot_ms <= e->now_ms && i < pool->waiting.n; i++)
            list_if_open(e, pool->waiting.at[i]);
        for (size_t i = 0; full && e->first_ahead != NO_SLOT && i < pool->waiting.n; i++)
            prefetch_note_waiting(e, pool->waiting.at[i], PLAN_NO_INDEX, &(struct blocker){.kind = BLOCKER_POOL, .pool = p});
        if (pool->waiting.n > 0 && !full && slot_ms > e->now_ms)
            note_due(e, slot_ms);
    }
    for (size_t i = 0; i < e->waiting.n; i++)
        list_if_open(e, e->waiting.at[i]);
    opening_begin(e);
}

/* The best that may be granted now; false: nothing may for the rest of the turn. */
static bool next_open(struct engine *e, uint32_t *ret_lane, uint32_t *ret_agent)
{
    struct blocker first;
    while (opening_best(e, ret_lane)) {
        uint32_t demand = e->lanes.at[*ret_lane].demand;
        if (ready_demand_open(e, &e->demands.at[demand], *ret_lane, ret_agent, &first))
            return true;
        note_due(e, first.clears_at_ms);
        prefetch_note_waiting(e, demand, *ret_lane, &first);
        if (!ready_any_agent_free(e))
            return false;
        opening_close(e, *ret_lane);
    }
    return false;
}

/* It is granted, or waits for an agent: that of its inputs, or another one than where it straggled. */
static void take_head(struct decision *d, uint32_t lane, uint32_t number, uint32_t agent)
{
    struct engine *e = d->live;
    const struct backfill *b = e->lanes.at[lane].backfill;
    struct placing placing;
    place_choose(e, b, number, &e->fits.at[e->demands.at[e->lanes.at[lane].demand].needs.fit], agent, &placing);
    if (!placing.waits) {
        shares_note_granted(e, lane);
        yields_note_granted(e, lane);
    }
    opening_lift(e, lane);
    if (placing.waits)
        place_wait(d, b, number, &placing);
    else
        grant(d, b, number, &placing);
    opening_put_back(e, lane);
}

void decide_grants(struct decision *d)
{
    struct engine *e = d->live;                  /* what is open is scratch */
    e->admit_due_ms = INT64_MAX;
    prefetch_begin_turn(e);
    if ((e->low && !BF_PLANTED("grants_at_low_water")) || grants_are_held(e))
        return;
    shares_review(d);
    if (e->n_ready == 0)
        return;
    reserve_review(d);
    if (!ready_any_agent_free(e))
        return;
    uint64_t first_attempt = e->next_attempt;
    list_open_demands(e);
    uint32_t left = e->config.grants_per_turn_max, agent = 0, lane = 0, number = 0;
    while (left > 0 && next_open(e, &lane, &agent)) {
        bool there = ready_head(e, lane, &number);
        assert(there);
        take_head(d, lane, number, agent);
        left--;
    }
    e->work_left |= left == 0 && opening_best(e, &lane);
    opening_end(e);
    reserve_note_passed(d);
    shares_note_passed(d, first_attempt);
}

static bool is_over(const struct backfill *b)
{
    return b->state == BACKFILL_RUNNING && b->open == 0 && b->gates_pending == 0 && b->count[INSTANCE_READY] == 0 &&
           b->count[INSTANCE_BACKING_OFF] == 0 && b->count[INSTANCE_WAITING] == b->upstream_failed;
}

static enum backfill_state end_state(const struct backfill *b)
{
    uint64_t done = b->count[INSTANCE_SUCCEEDED] + b->count[INSTANCE_SKIPPED];
    if (done == b->topology->n)
        return BACKFILL_SUCCEEDED;
    return done > 0 ? BACKFILL_PARTLY : BACKFILL_FAILED;
}

void decide_backfill_state(struct decision *d, const struct backfill *b, enum backfill_state state, enum halted_by by,
                           const char *reason)
{
    bool was_over = backfill_finished(b);
    struct record *r = record_begin(d, RECORD_BACKFILL_STATE);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    r->backfill = b->id;
    rare->backfill_state = state;
    rare->halted_by = by;
    rare->reason = reason;
    record_emit(d, r);
    if (backfill_finished(b) != was_over && b->started_us != 0)
        bf_vec_push(&d->live->ended, b->id);
}

void decide_backfill_ends(struct decision *d)
{
    const struct engine *e = d->e;
    for (size_t i = e->live.n; i-- > 0;) {       /* backwards: an end takes its entry out */
        const struct backfill *b = e->backfills.at[e->live.at[i] - 1];
        if (is_over(b))
            decide_backfill_state(d, b, end_state(b), NOT_HALTED, "");
        else if (b->state == BACKFILL_CANCELLED && b->open == 0)
            decide_backfill_state(d, b, BACKFILL_CANCELLED, NOT_HALTED, "");
    }
}
