/* Why does an instance not run?  Walks the same rules as the counters, so that both say the same. */
#include "common/plant.h"
#include "coordinator/engine/why.h"
#include "plan/outside.h"

enum { EXAMPLES_LOOKED_AT = 1024 };

struct answer { struct blocker *at; size_t n, max; };

static void add(struct answer *a, struct blocker b)
{
    if (a->n < a->max)
        a->at[a->n++] = b;
}

/* The first upstreams that are unmet (or dead), and how many there are. */
static void note(struct blocker *b, uint32_t step, uint32_t index)
{
    if (b->count++ == 0) {
        b->step = step;
        b->index = index;
    }
    if (b->n_named < BLOCKER_NAMED_MAX)
        b->named[b->n_named++] = (struct blocker_upstream){step, index};
}

static void look_at(const struct backfill *b, uint32_t step, uint32_t index, struct blocker *unmet, struct blocker *dead)
{
    const struct instance *up = &b->instances[instance_number(b, step, index)];
    if (instance_dead(up))
        note(dead, step, index);
    else if (!instance_satisfied(up))
        note(unmet, step, index);
}

static void look_through(const struct backfill *b, const struct edge_rule *r, uint32_t index, struct blocker *unmet,
                         struct blocker *dead)
{
    const struct topology *t = b->topology;
    uint32_t gate = 0;
    if (r->direct) {
        struct index_range up = topology_upstreams(t, r, index);
        for (uint32_t i = 0; i < up.n; i++)
            look_at(b, r->up, up.first + i, unmet, dead);
        return;
    }
    if (!topology_gate_of_downstream(t, r, index, &gate))
        return;
    for (uint32_t i = 0; b->gates[gate].closed > 0 && i < t->gates[gate].n_up; i++)
        look_at(b, r->up, t->gates[gate].up_first + i, unmet, dead);
}

/* All that it needs is done, and large gates let members through some each turn: how many go first. */
static uint32_t ahead_at_gates(const struct backfill *b, uint32_t step, uint32_t index)
{
    const struct topology *t = b->topology;
    uint32_t most = 0, gate = 0;
    for (uint32_t i = t->rule_first[step]; i < t->rule_first[step + 1]; i++) {
        if (t->rules[i].direct || !topology_gate_of_downstream(t, &t->rules[i], index, &gate))
            continue;
        uint32_t place = index - t->gates[gate].down_first, upto = b->gates[gate].upto;
        most = place >= upto && place - upto > most ? place - upto : most;
    }
    return most;
}

/* Dead ones first: nothing else helps until they are retried. */
static void why_waiting(const struct backfill *b, uint32_t step, uint32_t index, struct answer *a)
{
    struct blocker unmet = {.kind = BLOCKER_DEPENDENCY, .clears_at_ms = -1},
                   dead = {.kind = BLOCKER_UPSTREAM_FAILED, .clears_at_ms = -1};
    const struct topology *t = b->topology;
    for (uint32_t i = t->rule_first[step]; i < t->rule_first[step + 1]; i++)
        look_through(b, &t->rules[i], index, &unmet, &dead);
    if (dead.count > 0)
        add(a, dead);
    if (unmet.count > 0)
        add(a, unmet);
    if (dead.count == 0 && unmet.count == 0)
        add(a, (struct blocker){.kind = BLOCKER_GATE, .count = ahead_at_gates(b, step, index), .clears_at_ms = -1});
}

/* A half-open one with the next probe that ends, which no timer knows; one that is open when its time is over; last what a person holds. */
static bool lets_sooner(const struct breaker *b, const struct breaker *than)
{
    if ((b->state == BREAKER_HALF_OPEN) != (than->state == BREAKER_HALF_OPEN))
        return b->state == BREAKER_HALF_OPEN;
    return b->until_ms != 0 && (than->until_ms == 0 || b->until_ms < than->until_ms);
}

/* Agents that would fit, if their breakers let them; the first that will. */
static bool why_agents_held(const struct engine *e, const struct fit *f, struct answer *a)
{
    const struct breaker *first = NULL;
    uint32_t number = 0;
    for (size_t i = 0; i < e->agents.n; i++) {
        const struct agent *agent = &e->agents.at[i];
        const struct breaker *b = e->breakers.at.at[agent->breaker];
        if (agent->state != AGENT_CONNECTED || agent->hello.slots == 0 || !ready_agent_fits(f, agent) || breaker_lets(b))
            continue;
        if (first && !lets_sooner(b, first))
            continue;
        first = b;
        number = agent->breaker;
    }
    if (first)
        add(a, admit_breaker(e, number));
    return first != NULL;
}

static void why_no_agent(const struct engine *e, const struct fit *f, struct answer *a)
{
    const struct agent *best = f->agents.n > 0 ? agent_find(e, f->agents.at[0]) : NULL;
    if (!best && why_agents_held(e, f, a))
        return;
    if (!best)
        add(a, (struct blocker){.kind = BLOCKER_NO_AGENT, .clears_at_ms = -1});
    else if (best->busy >= best->hello.slots)
        add(a, (struct blocker){.kind = BLOCKER_AGENTS_BUSY, .count = (uint32_t)f->agents.n, .clears_at_ms = -1});
}

static const struct fit *fit_of(const struct engine *e, const struct backfill *b, uint32_t step)
{
    return &e->fits.at[e->demands.at[e->lanes.at[b->lanes[step]].demand].needs.fit];
}

/* The same for all that is ready of a step: the answer of the decision itself, but agents. */
static void why_ready(const struct engine *e, const struct backfill *b, uint32_t step, struct answer *a)
{
    const struct demand *d = &e->demands.at[e->lanes.at[b->lanes[step]].demand];
    size_t first = a->n;
    a->n += admit_blockers(e, d, a->at + a->n, a->max - a->n);
    for (size_t i = first; i < a->n; i++)
        if (a->at[i].kind == BLOCKER_WINDOW || a->at[i].kind == BLOCKER_FREEZE_AHEAD)
            windows_tell(e, d, &a->at[i]);
}

/* Out of its lane: until the agent of its inputs has room, or its time is over. */
static bool why_near(const struct engine *e, const struct backfill *b, uint32_t number, struct answer *a)
{
    const struct near *n = near_find(e, b, number);
    if (!n || !n->waits)
        return false;
    add(a, (struct blocker){.kind = BLOCKER_NEAR, .agent = n->agent, .straggled = rerun_avoids(e, b, number), .clock = CLOCK_TIMER,
                            .clears_at_ms = n->until_ms});
    return true;
}

/* Who goes before it, of all that asks for the same. */
static void why_queue(const struct engine *e, const struct backfill *b, uint32_t number, struct answer *a)
{
    struct queue_place place = {0};
    struct blocker k = {.kind = BLOCKER_QUEUE, .clears_at_ms = -1};
    if (a->n == a->max)
        return;
    queue_place_find(e, b, number, &place);
    k.count = place.ahead;
    k.at_most = !place.exact;
    queue_place_done(&place);
    if (k.count == 0)
        return;
    shares_tell(e, b, b->instances[number].step, &k.ahead);
    add(a, k);
}

/* What keeps all that there is from starting: where the store comes from, and that it is short of room. */
static void why_of_store(const struct engine *e, struct answer *a)
{
    if (e->outdated_token)
        add(a, (struct blocker){.kind = BLOCKER_OUTDATED, .clears_at_ms = -1});
    if (e->held_until_ms > e->now_ms)
        add(a, (struct blocker){.kind = BLOCKER_RESTORED, .clock = CLOCK_TIMER, .clears_at_ms = e->held_until_ms});
    if (e->low)
        add(a, (struct blocker){.kind = BLOCKER_LOW_WATER, .clears_at_ms = -1});
}

bool engine_why_store(const struct engine *e, struct blocker *ret)
{
    struct blocker first;
    struct answer a = {.at = &first, .max = 1};
    why_of_store(e, &a);
    if (a.n == 0 || first.kind == BLOCKER_LOW_WATER)
        return false;
    *ret = first;
    return true;
}

static void why_paused(const struct backfill *b, struct answer *a)
{
    if (b->state == BACKFILL_PAUSED)
        add(a, (struct blocker){.kind = b->halted ? BLOCKER_HALTED : BLOCKER_PAUSED, .clears_at_ms = -1});
}

size_t engine_why_ready(const struct engine *e, uint32_t backfill, uint32_t step, struct blocker *ret, size_t max)
{
    struct answer a = {.at = ret, .max = max};
    const struct backfill *b = backfill_find(e, backfill);
    if (!b || step >= b->plan->n_steps || !b->lanes)
        return 0;
    why_paused(b, &a);
    why_of_store(e, &a);
    why_ready(e, b, step, &a);
    why_no_agent(e, fit_of(e, b, step), &a);
    return a.n;
}

static bool all_closed(const struct engine *e, const struct guard *g)
{
    bool closed = true;
    for (uint32_t i = 0; e->breakers.not_closed.n > 0 && i < g->n && closed; i++)
        closed = e->breakers.at.at[g->at[i]]->state == BREAKER_CLOSED;
    return closed;
}

bool engine_why_needs(const struct engine *e, uint32_t backfill, uint32_t step, struct why_needs *ret)
{
    const struct backfill *b = backfill_find(e, backfill);
    if (!b || !b->lanes || step >= b->plan->n_steps)
        return false;
    struct needs n = e->demands.at[e->lanes.at[b->lanes[step]].demand].needs;
    *ret = (struct why_needs){.draw = n.draw, .fit = n.fit, .window = n.window, .class = b->priority[step],
                              .guard = all_closed(e, &e->breakers.guards.at[n.guard]) ? UINT32_MAX : n.guard};
    return true;
}

size_t engine_why_examples(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t *ret, size_t max)
{
    const struct backfill *b = backfill_find(e, backfill);
    size_t n = 0;
    if (!b || step >= b->plan->n_steps || !b->lanes)
        return 0;
    const struct heap *ready = &e->lanes.at[b->lanes[step]].ready;
    for (size_t i = 0; i < ready->n && i < EXAMPLES_LOOKED_AT && n < max; i++) {
        uint32_t number = (uint32_t)ready->at[i].b;
        if (b->instances[number].step == step && ready_may_be_granted(b, number))
            ret[n++] = instance_index(b, number);
    }
    return n;
}

size_t engine_why(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct blocker *ret, size_t max)
{
    struct answer a = {.at = ret, .max = max};
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (!instance_find(e, backfill, step, index, &b, &number))
        return 0;
    const struct instance *in = &b->instances[number];
    bool waiting = in->state == INSTANCE_WAITING, backing_off = in->state == INSTANCE_BACKING_OFF;
    if (!waiting && !backing_off && in->state != INSTANCE_READY)
        return 0;
    if (b->state == BACKFILL_QUEUED)             /* nothing else matters until it begins */
        add(&a, (struct blocker){.kind = BLOCKER_QUEUED, .clears_at_ms = -1});
    if (in->flags & FLAG_HELD)
        add(&a, (struct blocker){.kind = BLOCKER_HELD, .clears_at_ms = -1});
    if (waiting)
        why_waiting(b, step, index, &a);
    if (backing_off)
        add(&a, (struct blocker){.kind = instance_looking(in) ? BLOCKER_SENSOR : BLOCKER_BACKOFF, .step = step,
                                 .index = index, .clock = CLOCK_TIMER,
                                 .clears_at_ms = in->retry_at_ms + (BF_PLANTED("why_backoff_late") ? 1000 : 0)});
    why_paused(b, &a);
    why_of_store(e, &a);
    if (in->state == INSTANCE_READY && b->state != BACKFILL_QUEUED) {
        bool near = why_near(e, b, number, &a);
        why_ready(e, b, step, &a);
        if (!near) {
            why_no_agent(e, fit_of(e, b, step), &a);
            why_queue(e, b, number, &a);
        }
    }
    return a.n;
}

/* ---- outside the range ---- */

static void note_outside(struct outside_need *n, const struct plan_outside_partitions *o, uint32_t i)
{
    if (n->count++ == 0)
        plan_partition_key(&o->table, i, n->first);
    plan_partition_key(&o->table, i, n->last);
}

/* The place of a row of plan_outside() for a direct rule: -1 is next before the range.  A rule that reaches further than the range is
 * long needs none of the nearest. */
static int64_t place_of(const struct edge_rule *r, uint32_t n, uint32_t n_before, uint32_t i)
{
    int64_t last_before = (int64_t)n - 1 + r->to < -1 ? (int64_t)n - 1 + r->to : -1;
    int64_t first_behind = r->from > (int64_t)n ? r->from : (int64_t)n;
    return i < n_before ? last_before - (n_before - 1 - i) : first_behind + (i - n_before);
}

static bool is_needed(const struct edge_rule *r, const struct plan_partitions *own, uint32_t index,
                      const struct plan_outside_partitions *o, uint32_t n_before, uint32_t i)
{
    if (!r->direct)
        return o->table.start_s[i] >= own->start_s[index] && o->end_s[i] <= own->start_s[index + 1];
    int64_t offset = place_of(r, own->n, n_before, i) - index;
    return offset >= r->from && offset <= r->to;
}

/* ret: what lies before the range, and what lies behind it. */
static void outside_of_rule(const struct backfill *b, const struct edge_rule *r, uint32_t index, struct outside_need ret[2])
{
    const struct plan_step *s = &b->plan->steps[r->down];
    struct plan_outside_partitions o = {0};
    uint32_t n_before = 0;
    if (!plan_outside(b->plan, r->down, &s->edges[r->edge], &o))
        return;
    while (n_before < o.table.n && o.end_s[n_before] <= s->partitions->start_s[0])
        n_before++;
    for (uint32_t i = 0; i < o.table.n; i++)
        if (is_needed(r, s->partitions, index, &o, n_before, i))
            note_outside(&ret[i < n_before ? 0 : 1], &o, i);
    plan_outside_done(&o);
}

size_t engine_outside(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct outside_need *ret, size_t max)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    size_t n = 0;
    if (!instance_find(e, backfill, step, index, &b, &number))
        return 0;
    const struct topology *t = b->topology;
    for (uint32_t i = t->rule_first[step]; i < t->rule_first[step + 1] && n < max; i++) {
        const struct edge_rule *r = &t->rules[i];
        struct outside_need need = {.step = r->up, .outside = b->plan->steps[step].edges[r->edge].outside};
        struct outside_need sides[2] = {need, need};
        outside_of_rule(b, r, index, sides);
        for (int side = 0; side < 2 && n < max; side++)
            if (sides[side].count > 0)
                ret[n++] = sides[side];
    }
    return n;
}
