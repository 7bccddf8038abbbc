/* Invariants that can be seen from inside.  Cheap: budgets, tokens, counts of what is open (I2, I6).  Deep: every counter against
 * brute force over the rules (I5), states against attempts. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/check_derived.h"
#include "coordinator/engine/internal.h"
#include "coordinator/engine/prefetch.h"

static bool broken(struct bf_error *err, const char *what, uint32_t id)
{
    bf_fail(err, BF_INTERNAL, "%s (%u)", what, id);
    return false;
}

/* Use counted again: of each pool its slots, then its dimensions. */
struct pool_use { size_t *first; uint64_t *at; };

static void count_pools(const struct engine *e, struct pool_use *use)
{
    size_t n = 0;
    use->first = bf_xcalloc(e->pools.n + 1, sizeof *use->first);
    for (size_t i = 0; i < e->pools.n; i++) {
        use->first[i] = n;
        n += 1 + e->pools.at[i].dims.n;
    }
    use->at = bf_xcalloc(n + 1, sizeof *use->at);
}

static void pool_use_done(struct pool_use *use)
{
    free(use->first);
    free(use->at);
}

static void count_draw(const struct draw *d, struct pool_use *use)
{
    for (size_t i = 0; i < d->n; i++)
        use->at[use->first[d->items[i].pool] + (d->items[i].dim == DRAW_SLOT ? 0 : 1 + d->items[i].dim)] += d->items[i].amount;
}

static bool check_attempts(const struct engine *e, struct pool_use *pools, uint32_t *agents, struct bf_error *err)
{
    uint64_t token = 0, n = 0;
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next, n++) {
        const struct attempt *a = &e->attempts.at[slot];
        const struct backfill *b = backfill_find(e, a->backfill);
        const struct instance *in = &b->instances[instance_number(b, a->step, a->index)];
        if (a->ref.token <= token || a->ref.attempt >= e->next_attempt)
            return broken(err, "I2: tokens of open attempts do not grow", (uint32_t)a->ref.attempt);
        if (in->attempt != a->ref.attempt || (in->state != INSTANCE_ASSIGNED && in->state != INSTANCE_RUNNING))
            return broken(err, "I2: an open attempt is not its instance's current one", (uint32_t)a->ref.attempt);
        if (a->attempt_no > b->plan->steps[a->step].retry.max_attempts)
            return broken(err, "I5: more attempts than the step's policy allows", (uint32_t)a->ref.attempt);
        token = a->ref.token;
        agents[a->agent - 1]++;
        count_draw(step_draw(e, b, a->step), pools);
    }
    return n == e->n_open || broken(err, "open attempts are miscounted", (uint32_t)n);
}

static bool check_pool(const struct pool *p, uint32_t id, const uint64_t *use, struct bf_error *err)
{
    if (p->used != use[0])
        return broken(err, "I6: the use of a pool is miscounted", id);
    if (p->used > p->used_max)
        return broken(err, "I6: a pool is over its slots", id);
    if (!limits_agree(p))
        return broken(err, "R5: the limit of a pool is outside of its bounds", id);
    for (size_t i = 0; i < p->dims.n; i++) {
        if (p->dims.at[i].used != use[1 + i])
            return broken(err, "I6: the use of a dimension of a pool is miscounted", id);
        if (p->dims.at[i].used > p->dims.at[i].used_max)
            return broken(err, "I6: a pool is over its budget in a dimension", id);
    }
    return true;
}

static bool check_budgets(const struct engine *e, const struct pool_use *pools, const uint32_t *agents, struct bf_error *err)
{
    for (uint32_t i = 0; i < e->pools.n; i++)
        if (!check_pool(&e->pools.at[i], i, pools->at + pools->first[i], err))
            return false;
    for (uint32_t i = 0; i < e->agents.n; i++) {
        const struct agent *a = &e->agents.at[i];
        if (a->busy != agents[i])
            return broken(err, "I6: the use of an agent is miscounted", a->id);
        if (!prefetch_agrees(e, a))
            return broken(err, "what was given ahead of an agent is miscounted", a->id);
        if (a->busy - a->ahead > a->busy_max)
            return broken(err, "I6: an agent is over its slots", a->id);
    }
    return true;
}

/* Upstream partitions and gates that are dead, from the rules. */
static uint32_t count_blocked(const struct backfill *b, const bool *dead, const bool *gate_dead, uint32_t number)
{
    const struct topology *t = b->topology;
    uint32_t step = b->instances[number].step, index = instance_index(b, number), n = 0;
    for (uint32_t i = t->rule_first[step]; i < t->rule_first[step + 1]; i++) {
        const struct edge_rule *r = &t->rules[i];
        uint32_t gate = 0;
        if (!r->direct) {
            n += topology_gate_of_downstream(t, r, index, &gate) && gate_dead[gate];
            continue;
        }
        struct index_range up = topology_upstreams(t, r, index);
        for (uint32_t k = 0; k < up.n; k++)
            n += dead[instance_number(b, r->up, up.first + k)];
    }
    return n;
}

/* What a person ended (it has no attempt) and what was run before its upstream ran again (it is stale) may have unmet needs; so may
 * what is to wait again after its backoff. */
static bool is_past_needs(const struct instance *in)
{
    bool by_hand = instance_satisfied(in) && in->attempt == 0, stale = in->flags & FLAG_STALE;
    return in->state == INSTANCE_READY || ((instance_open(in) || instance_satisfied(in)) && !stale && !by_hand);
}

static bool flags_fit(const struct instance *in)
{
    return !((in->flags & FLAG_HELD) && instance_ended(in)) && !((in->flags & FLAG_CANCELLING) && !instance_open(in)) &&
           !((in->flags & FLAG_KEEP) && !instance_open(in)) && !((in->flags & FLAG_NEAR) && in->state != INSTANCE_READY) &&
           !((in->flags & FLAG_RERUN) && instance_ended(in)) &&
           !((in->flags & FLAG_STALE) && !instance_open(in) && !instance_satisfied(in));
}

static bool check_instance(const struct backfill *b, const bool *dead, const bool *gate_dead, uint32_t number,
                           struct bf_error *err)
{
    const struct instance *in = &b->instances[number];
    if (in->unmet != edges_count_unmet(b, number))
        return broken(err, "I5: unmet needs are miscounted", number);
    if (b->state != BACKFILL_CANCELLED && in->blocked != count_blocked(b, dead, gate_dead, number))
        return broken(err, "needs that failed are miscounted", number);
    if (in->unmet > 0 && is_past_needs(in))
        return broken(err, "I5: an instance is past waiting with unmet needs", number);
    if (!flags_fit(in))
        return broken(err, "an instance is held, stale or being cancelled in a state that cannot be", number);
    if (in->state == INSTANCE_WAITING && in->unmet == 0)
        return broken(err, "an instance waits for nothing", number);
    if (in->flags & FLAG_REUSED && in->state != INSTANCE_SKIPPED && in->state != INSTANCE_FAILED)
        return broken(err, "an instance has an end of an earlier backfill and goes on", number);
    if ((in->flags & FLAG_REUSED) != 0 && !(b->origin && b->origin[number] != 0 && b->origin[number] < b->id))
        return broken(err, "an instance is reused from nowhere", number);
    if (in->attempts > b->plan->steps[in->step].retry.max_attempts)
        return broken(err, "I5: more attempts than the step's policy allows", number);
    return true;
}

static bool check_gates(const struct backfill *b, const bool *dead, bool *gate_dead, struct bf_error *err)
{
    const struct topology *t = b->topology;
    uint32_t pending = 0;
    for (uint32_t i = 0; i < t->n_gates; i++) {
        const struct gate_rule *g = &t->gates[i];
        uint32_t up = t->first[t->rules[g->rule].up] + g->up_first, closed = 0;
        for (uint32_t k = 0; k < g->n_up; k++) {
            closed += !instance_satisfied(&b->instances[up + k]);
            gate_dead[i] |= dead[up + k];
        }
        if (closed != b->gates[i].closed)
            return broken(err, "a gate is miscounted", i);
        if (closed > 0 && b->gates[i].upto > 0)
            return broken(err, "I5: a gate is open before its upstream is done", i);
        pending += closed == 0 && b->gates[i].upto < g->n_down && b->state != BACKFILL_CANCELLED;
    }
    return pending == b->gates_pending || broken(err, "due gates are miscounted", b->id);
}

static bool check_backfill(const struct backfill *b, struct bf_error *err)
{
    uint64_t count[INSTANCE_STATE_COUNT] = {0}, upstream_failed = 0, held = 0, stale = 0;
    for (uint32_t s = 0; s < b->plan->n_steps; s++)
        if (b->priority[s] > PLAN_LOW)
            return broken(err, "a step has no class", s);
    if ((b->halted && b->state != BACKFILL_PAUSED) || !b->halted != !b->halted_by)
        return broken(err, "a backfill that halted by itself is not paused, or not by what it says", b->id);
    BF_AUTO_FREE struct step_counts *by_step = bf_xcalloc(b->plan->n_steps, sizeof *by_step);
    BF_AUTO_FREE bool *dead = bf_xcalloc(b->topology->n, sizeof *dead);
    BF_AUTO_FREE bool *gate_dead = bf_xcalloc(b->topology->n_gates, sizeof *gate_dead);
    for (uint32_t i = 0; i < b->topology->n; i++) {
        count[b->instances[i].state]++;
        dead[i] = instance_dead(&b->instances[i]);
        held += (b->instances[i].flags & FLAG_HELD) != 0;
        stale += (b->instances[i].flags & FLAG_STALE) != 0;
        upstream_failed += b->instances[i].state == INSTANCE_WAITING && b->instances[i].blocked > 0;
        by_step[b->instances[i].step].cut += b->instances[i].state == INSTANCE_WAITING && b->instances[i].blocked > 0;
        by_step[b->instances[i].step].left += !instance_satisfied(&b->instances[i]);
    }
    for (int s = 0; s < INSTANCE_STATE_COUNT; s++)
        if (count[s] != b->count[s])
            return broken(err, "instances by state are miscounted", b->id);
    if (upstream_failed != b->upstream_failed)
        return broken(err, "instances with a failed upstream are miscounted", b->id);
    if (memcmp(by_step, b->by_step, b->plan->n_steps * sizeof *by_step) != 0)
        return broken(err, "instances of a step that are left, or cut off, are miscounted", b->id);
    if (held != b->held || stale != b->stale)
        return broken(err, "instances that are held or stale are miscounted", b->id);
    if (count[INSTANCE_ASSIGNED] + count[INSTANCE_RUNNING] != b->open)
        return broken(err, "instances that run are not the open attempts", b->id);
    if (!check_gates(b, dead, gate_dead, err))
        return false;
    for (uint32_t i = 0; i < b->topology->n; i++)
        if (!check_instance(b, dead, gate_dead, i, err))
            return false;
    return true;
}

static uint64_t count_held_ready(const struct engine *e, const struct backfill *b)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < b->topology->n && (b->held > 0 || e->nears.at.n > 0); i++)
        n += b->instances[i].state == INSTANCE_READY && (b->instances[i].flags & (FLAG_HELD | FLAG_NEAR));
    return n;
}

/* Each backfill's ready instances that nobody holds stand in its lanes, best first, and each lane in its demand exactly when it may be
 * granted from. */
static bool check_lanes(const struct engine *e, struct bf_error *err)
{
    uint64_t ready = 0;
    for (size_t i = 0; i < e->backfills.n; i++)
        ready += e->backfills.at[i]->count[INSTANCE_READY] - count_held_ready(e, e->backfills.at[i]);
    for (size_t i = 0; i < e->live.n; i++)
        if (!ready_counts_agree(e, backfill_find(e, e->live.at[i])))
            return broken(err, "ready instances are miscounted by class", e->live.at[i]);
    if (ready != e->n_ready)
        return broken(err, "ready instances are miscounted", (uint32_t)ready);
    for (uint32_t i = 0; i < e->lanes.n; i++) {
        const struct lane *l = &e->lanes.at[i];
        uint32_t number = 0;
        const struct demand *d = &e->demands.at[l->demand];
        bool listed = l->place != NO_SLOT, there = ready_head(e, i, &number);
        if (listed != (there && l->backfill->state == BACKFILL_RUNNING) ||
            (listed && (l->place >= d->lanes.n || d->lanes.at[l->place] != i)))
            return broken(err, "a lane is not where it should be", i);
        const struct instance *head = there ? &l->backfill->instances[number] : NULL;
        if (head && (head->state != INSTANCE_READY || (head->flags & (FLAG_HELD | FLAG_NEAR))))
            return broken(err, "the head of a lane is not ready, or is held", i);
        if (!ready_in_order(e, i))
            return broken(err, "a lane is not in the order of classes, weights and ways", i);
    }
    return true;
}

/* Each live key is found by its name, and no name that is found is that of a key that has ended. */
static bool check_keys(const struct engine *e, struct bf_error *err)
{
    size_t keys = 0, tokens = 0;
    for (uint32_t i = 0; i < e->keys.n; i++) {
        const struct key_entry *k = e->keys.at[i];
        if (key_find(e, k->key) != k)
            return broken(err, "a key is not found", i);
        if (k->state != KEY_LIVE)
            continue;
        if ((k->role == KEY_ENROL ? token_find_name(e, k->name) : key_find_name(e, k->name)) != k)
            return broken(err, "the name of a live key is another's", i);
        keys += k->role != KEY_ENROL;
        tokens += k->role == KEY_ENROL;
    }
    return (keys == e->keys.by_name.n && tokens == e->keys.tokens_by_name.n) || broken(err, "live keys are miscounted", (uint32_t)keys);
}

bool engine_check(const struct engine *e, bool deep, struct bf_error *err)
{
    BF_CLEANUP(pool_use_done) struct pool_use pools = {0};
    BF_AUTO_FREE uint32_t *agents = bf_xcalloc(e->agents.n, sizeof *agents);
    count_pools(e, &pools);
    if (!check_attempts(e, &pools, agents, err) || !check_budgets(e, &pools, agents, err))
        return false;
    if (!deep)
        return true;
    if (!shares_agree(e))
        return broken(err, "the shares of backfills are not what is in use of the pools", 0);
    if (!check_derived(e, err) || !check_lanes(e, err) || !check_keys(e, err) || !breakers_agree(e, err) || !breakers_uses_agree(e, err))
        return false;
    for (size_t i = 0; i < e->backfills.n; i++)
        if (!check_backfill(e->backfills.at[i], err))
            return false;
    const char *near = near_broken(e), *rerun = reruns_broken(e);
    if (near || rerun)
        return broken(err, near ? near : rerun, (uint32_t)e->nears.at.n);
    const char *alerts = alerts_broken(e), *late = late_broken(e);
    if (alerts || late)
        return broken(err, alerts ? alerts : late, e->alerts.next);
    for (uint32_t i = 0; i < e->live.n; i++)
        if (!writers_agree(e, backfill_find(e, e->live.at[i])))
            return broken(err, "a queued backfill waits for another than the one before it", e->live.at[i]);
    return true;
}
