/* Edges as arithmetic: see topology.h.  Nothing here is stored for each instance. */
#include "coordinator/engine/topology.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"

#define CRITICAL_MAX_MS (INT64_MAX / 4)

static bool is_direct(enum plan_mapping m)
{
    return m == PLAN_SAME || m == PLAN_PREVIOUS || m == PLAN_WINDOW;
}

static uint32_t n_partitions(const struct plan *p, uint32_t step)
{
    return p->steps[step].partitions->n;
}

static uint32_t gates_needed(const struct plan *p, const struct edge_rule *r)
{
    switch (r->mapping) {
    case PLAN_CONTAINING: return n_partitions(p, r->up);
    case PLAN_CONTAINED: return n_partitions(p, r->down);
    case PLAN_ALL: return 1;
    case PLAN_SAME:
    case PLAN_PREVIOUS:
    case PLAN_WINDOW: return 0;
    }
    return 0;
}

static struct gate_rule gate_make(const struct plan *p, const struct edge_rule *r, uint32_t rule, uint32_t gate)
{
    const struct plan_partitions *up = p->steps[r->up].partitions, *down = p->steps[r->down].partitions;
    struct gate_rule g = {.rule = rule, .n_up = up->n, .n_down = down->n};
    if (r->mapping == PLAN_CONTAINING) {
        g.up_first = gate;
        g.n_up = 1;
        plan_partition_contained(up, gate, down, &g.down_first, &g.n_down);
    } else if (r->mapping == PLAN_CONTAINED) {
        g.down_first = gate;
        g.n_down = 1;
        plan_partition_contained(down, gate, up, &g.up_first, &g.n_up);
    }
    return g;
}

static void lay_out(struct topology *t)
{
    const struct plan *p = t->plan;
    for (size_t i = 0; i < p->n_steps; i++) {
        uint32_t step = p->order[i];
        t->first[step] = t->n;
        t->n += n_partitions(p, step);
    }
}

/* A step that needs earlier partitions of itself is a chain forward in time, one that needs later ones a chain backward. */
static void note_chain(struct topology *t, const struct edge_rule *r)
{
    int64_t *chain = &t->chain[r->down], hop = r->to < 0 ? -(int64_t)r->to : -(int64_t)r->from;
    if (r->self && r->direct && (*chain == 0 || llabs(hop) < llabs(*chain)))
        *chain = hop;
}

static bool carries(const struct plan_step *up, const struct plan_step *down)
{
    for (size_t i = 0; i < up->n_outputs; i++)
        for (size_t k = 0; k < down->n_inputs; k++)
            if (up->outputs[i] == down->inputs[k])
                return true;
    return false;
}

static void make_rules(struct topology *t)
{
    const struct plan *p = t->plan;
    uint32_t at = 0;
    for (uint32_t down = 0; down < p->n_steps; down++) {
        const struct plan_step *s = &p->steps[down];
        t->rule_first[down] = at;
        for (uint32_t edge = 0; edge < s->n_edges; edge++, at++) {
            const struct plan_edge *pe = &s->edges[edge];
            struct edge_rule *r = &t->rules[at];
            *r = (struct edge_rule){.up = pe->upstream, .down = down, .edge = edge, .mapping = pe->mapping,
                                    .direct = is_direct(pe->mapping), .self = pe->upstream == down, .from = pe->from, .to = pe->to,
                                    .carries = s->placement.prefer_inputs && carries(&p->steps[pe->upstream], s)};
            if (BF_PLANTED("window_short_by_one") && r->mapping == PLAN_WINDOW && r->from < r->to)
                r->from++;
            assert(!r->direct || p->steps[r->up].partitions == s->partitions);
            r->gate_first = t->n_gates;
            r->n_gates = gates_needed(p, r);
            t->n_gates += r->n_gates;
            note_chain(t, r);
        }
    }
    t->rule_first[p->n_steps] = at;
}

static void make_gates(struct topology *t)
{
    t->gates = bf_xcalloc(t->n_gates, sizeof *t->gates);
    for (uint32_t i = 0; i < t->n_rules; i++)
        for (uint32_t g = 0; g < t->rules[i].n_gates; g++)
            t->gates[t->rules[i].gate_first + g] = gate_make(t->plan, &t->rules[i], i, g);
}

/* Rules by upstream, in compressed rows. */
static void make_out(struct topology *t)
{
    for (uint32_t i = 0; i < t->n_rules; i++)
        t->out_first[t->rules[i].up + 1]++;
    for (size_t s = 0; s < t->plan->n_steps; s++)
        t->out_first[s + 1] += t->out_first[s];
    BF_AUTO_FREE uint32_t *next = bf_xmemdup(t->out_first, (t->plan->n_steps + 1) * sizeof *next);
    for (uint32_t i = 0; i < t->n_rules; i++)
        t->out[next[t->rules[i].up]++] = i;
}

static void weigh(struct topology *t)
{
    const struct plan *p = t->plan;
    for (size_t i = p->n_steps; i-- > 0;) {
        uint32_t step = p->order[i];
        int64_t longest = 0;
        for (uint32_t o = t->out_first[step]; o < t->out_first[step + 1]; o++) {
            const struct edge_rule *r = &t->rules[t->out[o]];
            if (!r->self && t->critical_ms[r->down] > longest)
                longest = t->critical_ms[r->down];
        }
        int64_t sum = p->steps[step].expect_ms + longest;
        t->critical_ms[step] = sum < CRITICAL_MAX_MS ? sum : CRITICAL_MAX_MS;
    }
}

static int write_compare(const void *a, const void *b)
{
    const struct dataset_write *x = a, *y = b;
    int c = strcmp(x->connection, y->connection);
    if (c == 0)
        c = strcmp(x->dataset, y->dataset);
    return c != 0 ? c : (x->from_s > y->from_s) - (x->from_s < y->from_s);
}

static struct dataset_write write_make(const struct plan *p, const struct plan_step *s, uint32_t dataset)
{
    const struct plan_dataset *d = &p->datasets[dataset];
    const struct plan_partitions *t = s->partitions;
    struct dataset_write w = {.connection = d->connection == PLAN_NO_INDEX ? "" : p->connections[d->connection].name,
                              .dataset = d->name, .from_s = INT64_MIN, .until_s = INT64_MAX, .partitions = t};
    if (t->grain != PLAN_NONE) {                 /* one without partitions writes nothing: an empty time overlaps with none */
        w.from_s = t->n > 0 ? t->start_s[0] : 0;
        w.until_s = t->n > 0 ? t->start_s[t->n] : 0;
    }
    return w;
}

static void list_writes(struct topology *t)
{
    const struct plan *p = t->plan;
    size_t n = 0;
    for (size_t i = 0; i < p->n_steps; i++)
        n += p->steps[i].n_outputs;
    t->writes = bf_xcalloc(n, sizeof *t->writes);
    for (size_t i = 0; i < p->n_steps; i++)
        for (size_t o = 0; o < p->steps[i].n_outputs; o++)
            t->writes[t->n_writes++] = write_make(p, &p->steps[i], p->steps[i].outputs[o]);
    if (t->n_writes > 1)
        qsort(t->writes, t->n_writes, sizeof *t->writes, write_compare);
}

/* What the tables span, and how much an order of 32 bits has to leave out of a second's precision: nothing up to 136 years. */
static void span_time(struct topology *t)
{
    bool any = false;
    for (size_t i = 0; i < t->plan->n_steps; i++) {
        const struct plan_partitions *p = t->plan->steps[i].partitions;
        if (p->grain == PLAN_NONE || p->n == 0)
            continue;
        t->from_s = !any || p->start_s[0] < t->from_s ? p->start_s[0] : t->from_s;
        t->until_s = !any || p->start_s[p->n] > t->until_s ? p->start_s[p->n] : t->until_s;
        any = true;
    }
    while ((t->until_s - t->from_s) >> t->order_shift > UINT32_MAX)
        t->order_shift++;
}

struct topology *topology_new(const struct plan *plan)
{
    assert(plan->n_instances <= PLAN_INSTANCES_MAX);
    struct topology *t = bf_xcalloc(1, sizeof *t);
    size_t n_steps = plan->n_steps;
    t->plan = plan;
    for (size_t i = 0; i < n_steps; i++)
        t->n_rules += (uint32_t)plan->steps[i].n_edges;
    t->first = bf_xcalloc(n_steps, sizeof *t->first);
    t->rules = bf_xcalloc(t->n_rules, sizeof *t->rules);
    t->rule_first = bf_xcalloc(n_steps + 1, sizeof *t->rule_first);
    t->out = bf_xcalloc(t->n_rules, sizeof *t->out);
    t->out_first = bf_xcalloc(n_steps + 1, sizeof *t->out_first);
    t->critical_ms = bf_xcalloc(n_steps, sizeof *t->critical_ms);
    t->chain = bf_xcalloc(n_steps, sizeof *t->chain);
    lay_out(t);
    assert(t->n == plan->n_instances);
    make_rules(t);
    make_gates(t);
    make_out(t);
    weigh(t);
    list_writes(t);
    span_time(t);
    return t;
}

void topology_free(struct topology *t)
{
    if (!t)
        return;
    free(t->first);
    free(t->rules);
    free(t->rule_first);
    free(t->out);
    free(t->out_first);
    free(t->gates);
    free(t->critical_ms);
    free(t->chain);
    free(t->writes);
    free(t);
}

/* [low, high] of the n that there are. */
static struct index_range clip(int64_t low, int64_t high, uint32_t n)
{
    low = low < 0 ? 0 : low;
    high = high >= n ? (int64_t)n - 1 : high;
    return low > high ? (struct index_range){0} : (struct index_range){(uint32_t)low, (uint32_t)(high - low + 1)};
}

struct index_range topology_upstreams(const struct topology *t, const struct edge_rule *r, uint32_t down)
{
    return clip((int64_t)down + r->from, (int64_t)down + r->to, n_partitions(t->plan, r->up));
}

struct index_range topology_downstreams(const struct topology *t, const struct edge_rule *r, uint32_t up)
{
    return clip((int64_t)up - r->to, (int64_t)up - r->from, n_partitions(t->plan, r->down));
}

/* Gate of a fine partition on an edge whose gates are numbered by the coarse side. */
static bool gate_of_fine(const struct edge_rule *r, const struct plan_partitions *fine, uint32_t index,
                         const struct plan_partitions *coarse, uint32_t *ret_gate)
{
    uint32_t gate = 0;
    if (!plan_partition_containing(fine, index, coarse, &gate))
        return false;
    *ret_gate = r->gate_first + gate;
    return true;
}

bool topology_gate_of_upstream(const struct topology *t, const struct edge_rule *r, uint32_t up, uint32_t *ret_gate)
{
    const struct plan_step *steps = t->plan->steps;
    if (r->mapping == PLAN_CONTAINED)
        return gate_of_fine(r, steps[r->up].partitions, up, steps[r->down].partitions, ret_gate);
    *ret_gate = r->gate_first + (r->mapping == PLAN_CONTAINING ? up : 0);
    return true;
}

bool topology_gate_of_downstream(const struct topology *t, const struct edge_rule *r, uint32_t down, uint32_t *ret_gate)
{
    const struct plan_step *steps = t->plan->steps;
    if (r->mapping == PLAN_CONTAINING)
        return gate_of_fine(r, steps[r->down].partitions, down, steps[r->up].partitions, ret_gate);
    *ret_gate = r->gate_first + (r->mapping == PLAN_CONTAINED ? down : 0);
    return true;
}

struct index_range topology_waits_for(const struct topology *t, const struct edge_rule *r, uint32_t down)
{
    uint32_t gate = 0;
    if (r->direct)
        return topology_upstreams(t, r, down);
    if (!topology_gate_of_downstream(t, r, down, &gate))
        return (struct index_range){0};
    return (struct index_range){t->gates[gate].up_first, t->gates[gate].n_up};
}

int64_t topology_critical_ms(const struct topology *t, uint32_t step, uint32_t index)
{
    int64_t ms = t->critical_ms[step], hop = t->chain[step], expect_ms = t->plan->steps[step].expect_ms;
    if (hop == 0)
        return ms;
    int64_t links = hop > 0 ? (n_partitions(t->plan, step) - 1 - index) / hop : index / -hop;
    if (links > 0 && expect_ms > (CRITICAL_MAX_MS - ms) / links)
        return CRITICAL_MAX_MS;
    return ms + links * expect_ms;
}

uint32_t topology_order(const struct topology *t, uint32_t step, uint32_t index, bool backward)
{
    const struct plan_partitions *p = t->plan->steps[step].partitions;
    if (p->grain == PLAN_NONE)
        return 0;
    int64_t s = backward ? t->until_s - p->start_s[index + 1] : p->start_s[index] - t->from_s;
    return (uint32_t)(s >> t->order_shift);
}
