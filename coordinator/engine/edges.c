/* Counters over edges.  Edges are rules (topology.h); dependants are computed.
 *
 * unmet    upstream partitions of direct needs that are not satisfied, each partition of a window by itself, and gates that have
 *          not released the instance yet.  Waiting and 0: ready.
 * blocked  upstream partitions of direct needs, and gates, that are dead: failed for good, or themselves blocked.  Waiting and
 *          over 0: upstream_failed.
 * A gate counts its upstream members that are not satisfied (closed) and those that are dead; at closed = 0 it is due, and
 * RECORD_GATE_OPENED releases its downstream members in order, some each turn.  When one of its upstream members is run again, the
 * gate closes: nobody is released, whoever has run already. */
#include "coordinator/engine/edges.h"

#include <assert.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/internal.h"

static bool gates_matter(const struct backfill *b)
{
    return b->state != BACKFILL_CANCELLED;
}

/* A gate that waits for nothing is open from the start. */
uint32_t gate_released_at_start(const struct gate_rule *g)
{
    return g->n_up == 0 ? g->n_down : 0;
}

static uint32_t gate_member(const struct backfill *b, const struct gate_rule *g, uint32_t position)
{
    return b->topology->first[b->topology->rules[g->rule].down] + g->down_first + position;
}

static void gate_close_by_one(struct engine *e, struct backfill *b, uint32_t gate)
{
    struct gate *g = &b->gates[gate];
    assert(g->closed > 0);
    g->closed--;
    uint32_t due_at = BF_PLANTED("gate_opens_early") && b->topology->gates[gate].n_up > 1 ? 1 : 0;
    if (g->closed != due_at || g->upto == b->topology->gates[gate].n_down || !gates_matter(b))
        return;
    b->gates_pending++;
    heap_push(&e->gates_due, b->id, gate);
}

void edges_settle(struct engine *e, struct backfill *b, uint32_t number)
{
    struct instance *in = &b->instances[number];
    if (in->state == INSTANCE_WAITING && in->unmet == 0)
        instance_set_state(e, b, number, INSTANCE_READY);
}

static void release(struct engine *e, struct backfill *b, uint32_t number)
{
    struct instance *in = &b->instances[number];
    if (in->unmet > 0)
        in->unmet--;
    edges_settle(e, b, number);
}

/* A gate that is closed again counts as one that never opened. */
static void close_gates(struct backfill *b)
{
    const struct topology *t = b->topology;
    for (uint32_t i = 0; i < t->n_gates; i++) {
        const struct gate_rule *g = &t->gates[i];
        const struct instance *up = &b->instances[t->first[t->rules[g->rule].up] + g->up_first];
        bool done = true;
        for (uint32_t k = 0; b->gates[i].upto > 0 && done && k < g->n_up; k++)
            done = instance_satisfied(&up[k]);
        if (!done && !BF_PLANTED("force_keeps_gate"))
            b->gates[i].upto = 0;
    }
}

typedef void tell(struct engine *e, struct backfill *b, uint32_t number);

/* Tell what depends on an instance: other instances, or the gates that they share. */
static void each_dependant(struct engine *e, struct backfill *b, uint32_t number, tell *instance, tell *gate)
{
    const struct topology *t = b->topology;
    uint32_t step = b->instances[number].step, index = instance_index(b, number);
    for (uint32_t o = t->out_first[step]; o < t->out_first[step + 1]; o++) {
        const struct edge_rule *r = &t->rules[t->out[o]];
        uint32_t found = 0;
        if (r->direct) {
            struct index_range down = topology_downstreams(t, r, index);
            for (uint32_t i = 0; i < down.n; i++)
                instance(e, b, instance_number(b, r->down, down.first + i));
        } else if (topology_gate_of_upstream(t, r, index, &found)) {
            gate(e, b, found);
        }
    }
}

void edges_satisfied(struct engine *e, struct backfill *b, uint32_t number)
{
    each_dependant(e, b, number, release, gate_close_by_one);
}

void edges_gate_opened(struct engine *e, struct backfill *b, uint32_t gate, uint32_t from, uint32_t upto)
{
    const struct gate_rule *g = &b->topology->gates[gate];
    for (uint32_t i = from; i < upto; i++)
        release(e, b, gate_member(b, g, i));
    if (upto == g->n_down) {
        assert(b->gates_pending > 0);
        b->gates_pending--;
        heap_pop_if(&e->gates_due, b->id, gate);
    }
}

/* ---- blocked ---- */

static void block(struct engine *e, struct backfill *b, uint32_t number)
{
    struct instance *in = &b->instances[number];
    if (in->blocked++ > 0 || in->state != INSTANCE_WAITING)
        return;
    b->upstream_failed++;
    b->by_step[in->step].cut++;
    bf_vec_push(&e->work, number);
}

static void block_gate(struct engine *e, struct backfill *b, uint32_t gate)
{
    const struct gate_rule *g = &b->topology->gates[gate];
    if (b->gates[gate].dead++ > 0)
        return;
    for (uint32_t i = 0; i < g->n_down; i++)
        block(e, b, gate_member(b, g, i));
}

static void block_dependants(struct engine *e, struct backfill *b, uint32_t number)
{
    each_dependant(e, b, number, block, block_gate);
}

void edges_dead(struct engine *e, struct backfill *b, uint32_t number)
{
    if (b->state == BACKFILL_CANCELLED)
        return;                                  /* nothing waits there any more */
    bf_vec_clear(&e->work);
    block_dependants(e, b, number);
    while (e->work.n > 0)
        block_dependants(e, b, e->work.at[--e->work.n]);
}

void edges_wait_again(struct engine *e, struct backfill *b, uint32_t number)
{
    struct instance *in = &b->instances[number];
    instance_set_state(e, b, number, in->unmet == 0 && !e->recovering ? INSTANCE_READY : INSTANCE_WAITING);
    if (!e->recovering && in->state == INSTANCE_WAITING && in->blocked > 0)
        edges_dead(e, b, number);
}

void edges_forget_dead(struct backfill *b)
{
    for (uint32_t i = 0; i < b->topology->n; i++)
        b->instances[i].blocked = 0;
    for (uint32_t g = 0; g < b->topology->n_gates; g++)
        b->gates[g].dead = 0;
    b->upstream_failed = 0;
    for (size_t s = 0; s < b->plan->n_steps; s++)
        b->by_step[s].cut = 0;
}

/* ---- from base state ---- */

static void count_gates(struct backfill *b)
{
    const struct topology *t = b->topology;
    for (uint32_t i = 0; i < t->n_gates; i++) {
        const struct gate_rule *g = &t->gates[i];
        uint32_t closed = 0, up = t->first[t->rules[g->rule].up] + g->up_first;
        for (uint32_t k = 0; k < g->n_up; k++)
            closed += !instance_satisfied(&b->instances[up + k]);
        b->gates[i].closed = closed;
    }
}

static void list_due_gates(struct engine *e, struct backfill *b)
{
    b->gates_pending = 0;
    for (uint32_t i = 0; i < b->topology->n_gates; i++)
        if (b->gates[i].closed == 0 && b->gates[i].upto < b->topology->gates[i].n_down && gates_matter(b)) {
            b->gates_pending++;
            heap_push(&e->gates_due, b->id, i);
        }
}

/* The upstream partitions that a direct rule counts for one downstream partition.  It moves over the partitions, and what enters
 * and leaves is added and taken away: the cost does not depend on the width. */
struct slide { const struct edge_rule *rule; const struct instance *up; uint32_t n, unmet, dead; };

static void slide_count(struct slide *s, int64_t index, uint32_t by)
{
    if (index < 0 || index >= s->n)
        return;
    s->unmet += instance_satisfied(&s->up[index]) ? 0 : by;
    s->dead += instance_dead(&s->up[index]) ? by : 0;
}

/* As seen from the first partition of the walk, which goes up, or down. */
static struct slide slide_begin(const struct backfill *b, const struct edge_rule *r, uint32_t down)
{
    struct slide s = {.rule = r, .up = &b->instances[b->topology->first[r->up]], .n = b->plan->steps[r->up].partitions->n};
    struct index_range up = topology_upstreams(b->topology, r, down);
    for (uint32_t i = 0; i < up.n; i++)
        slide_count(&s, (int64_t)up.first + i, 1);
    return s;
}

static void slide_on(struct slide *s, uint32_t down, bool up)
{
    int64_t low = (int64_t)down + s->rule->from, high = (int64_t)down + s->rule->to;
    slide_count(s, up ? high + 1 : low - 1, 1);
    slide_count(s, up ? low : high, UINT32_MAX);
}

static void derive_gate_deaths(struct backfill *b, const struct edge_rule *r)
{
    const struct topology *t = b->topology;
    for (uint32_t g = r->gate_first; g < r->gate_first + r->n_gates; g++) {
        const struct instance *up = &b->instances[t->first[r->up] + t->gates[g].up_first];
        b->gates[g].dead = 0;
        for (uint32_t i = 0; i < t->gates[g].n_up; i++)
            b->gates[g].dead += instance_dead(&up[i]);
    }
}

static void derive_instance(struct backfill *b, uint32_t step, uint32_t index, const struct slide *slides)
{
    const struct topology *t = b->topology;
    struct instance *in = &b->instances[instance_number(b, step, index)];
    in->unmet = in->blocked = 0;
    for (uint32_t i = t->rule_first[step]; i < t->rule_first[step + 1]; i++) {
        const struct slide *s = &slides[i - t->rule_first[step]];
        uint32_t gate = 0;
        if (s->rule) {
            in->unmet += s->unmet;
            in->blocked += s->dead;
        } else if (topology_gate_of_downstream(t, &t->rules[i], index, &gate)) {
            in->unmet += index - t->gates[gate].down_first >= b->gates[gate].upto;
            in->blocked += b->gates[gate].dead > 0;
        }
    }
    b->upstream_failed += in->state == INSTANCE_WAITING && in->blocked > 0;
    b->by_step[step].cut += in->state == INSTANCE_WAITING && in->blocked > 0;
    if (BF_PLANTED("grant_ignores_dependency"))
        in->unmet = 0;
}

/* One walk over the step's partitions.  Upstream steps were walked before; where the step needs partitions of itself, those come
 * first in the walk, so that what enters a slide is final. */
static void derive_step(struct backfill *b, uint32_t step)
{
    const struct topology *t = b->topology;
    uint32_t n = b->plan->steps[step].partitions->n, n_rules = t->rule_first[step + 1] - t->rule_first[step];
    bool up = t->chain[step] >= 0;
    BF_AUTO_FREE struct slide *slides = bf_xcalloc(n_rules, sizeof *slides);
    for (uint32_t i = 0; i < n_rules; i++) {
        const struct edge_rule *r = &t->rules[t->rule_first[step] + i];
        if (!r->direct)
            derive_gate_deaths(b, r);
        else if (n > 0)
            slides[i] = slide_begin(b, r, up ? 0 : n - 1);
    }
    for (uint32_t k = 0; k < n; k++) {
        uint32_t index = up ? k : n - 1 - k;
        derive_instance(b, step, index, slides);
        for (uint32_t i = 0; i < n_rules; i++)
            if (slides[i].rule)
                slide_on(&slides[i], index, up);
    }
}

void edges_derive_counters(struct backfill *b)
{
    b->upstream_failed = 0;
    for (size_t i = 0; i < b->plan->n_steps; i++)
        b->by_step[i].cut = 0;
    for (size_t i = 0; i < b->plan->n_steps; i++)
        derive_step(b, b->plan->order[i]);
    if (b->state == BACKFILL_CANCELLED)
        edges_forget_dead(b);
}

static uint32_t rule_unmet(const struct backfill *b, const struct edge_rule *r, uint32_t index)
{
    const struct topology *t = b->topology;
    uint32_t gate = 0, n = 0;
    if (!r->direct)
        return topology_gate_of_downstream(t, r, index, &gate) && index - t->gates[gate].down_first >= b->gates[gate].upto;
    struct index_range up = topology_upstreams(t, r, index);
    for (uint32_t i = 0; i < up.n; i++)
        n += !instance_satisfied(&b->instances[instance_number(b, r->up, up.first + i)]);
    return n;
}

uint32_t edges_count_unmet(const struct backfill *b, uint32_t number)
{
    const struct topology *t = b->topology;
    uint32_t step = b->instances[number].step, index = instance_index(b, number), n = 0;
    for (uint32_t i = t->rule_first[step]; i < t->rule_first[step + 1]; i++)
        n += rule_unmet(b, &t->rules[i], index);
    return n;
}

static void count_instances(struct backfill *b)
{
    for (uint32_t i = 0; i < INSTANCE_STATE_COUNT; i++)
        b->count[i] = 0;
    b->held = b->stale = 0;
    for (size_t s = 0; s < b->plan->n_steps; s++)
        b->by_step[s].left = 0;
    for (uint32_t i = 0; i < b->topology->n; i++) {
        const struct instance *in = &b->instances[i];
        b->count[in->state]++;
        b->by_step[in->step].left += !instance_satisfied(in);
        b->held += (in->flags & FLAG_HELD) != 0;
        b->stale += (in->flags & FLAG_STALE) != 0;
    }
}

void edges_begin(struct backfill *b)
{
    count_gates(b);
    edges_derive_counters(b);
    for (uint32_t i = 0; i < b->topology->n; i++)
        if (b->instances[i].state == INSTANCE_WAITING && b->instances[i].unmet == 0)
            b->instances[i].state = INSTANCE_READY;
    count_instances(b);
    ready_begin(b);
}

void edges_derive(struct engine *e, struct backfill *b)
{
    edges_begin(b);
    list_due_gates(e, b);
    for (uint32_t i = 0; b->count[INSTANCE_BACKING_OFF] > 0 && i < b->topology->n; i++)
        if (b->instances[i].state == INSTANCE_BACKING_OFF)
            heap_push(&e->timers, (uint64_t)b->instances[i].retry_at_ms, instance_key(b, i));
    ready_adopt(e, b);
}

static bool other_backfill(const void *context, struct heap_item timer)
{
    return timer.b >> 32 != ((const struct backfill *)context)->id;
}

static bool other_gate(const void *context, struct heap_item gate)
{
    return gate.a != ((const struct backfill *)context)->id;
}

void edges_forget_due(struct engine *e, struct backfill *b)
{
    heap_filter(&e->timers, other_backfill, b);
    heap_filter(&e->gates_due, other_gate, b);
    b->gates_pending = 0;
}

void edges_derive_again(struct engine *e, struct backfill *b)
{
    close_gates(b);
    if (e->recovering)
        return;
    uint64_t upstream_failed = b->upstream_failed;
    edges_forget_due(e, b);
    edges_derive(e, b);
    if (BF_PLANTED("retry_keeps_blocked"))
        b->upstream_failed = upstream_failed;
}
