/* Edges as arithmetic: see topology.h.  Nothing here is stored for each instance. */
#include "coordinator/engine/topology.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define CRITICAL_MAX_MS (INT64_MAX / 4)

static bool is_direct(enum plan_mapping m)
{
    return m == PLAN_SAME || m == PLAN_PREVIOUS;
}

static uint32_t gates_needed(const struct plan *p, const struct edge_rule *r)
{
    switch (r->mapping) {
    case PLAN_CONTAINING: return p->steps[r->up].range.n;
    case PLAN_CONTAINED: return p->steps[r->down].range.n;
    case PLAN_ALL: return 1;
    case PLAN_SAME:
    case PLAN_PREVIOUS: return 0;
    }
    return 0;
}

/* Indices of the partitions of `fine` that lie in one coarse partition. */
static void contained_indices(enum plan_grain coarse, int32_t ordinal, const struct plan_range *fine, uint32_t *ret_first,
                              uint32_t *ret_n)
{
    int32_t first = 0;
    uint32_t n = 0;
    plan_partition_contained(coarse, ordinal, fine, &first, &n);
    int64_t from = (int64_t)first - fine->first, until = from + n;
    if (from < 0)
        from = 0;
    if (until > fine->n)
        until = fine->n;
    *ret_first = until > from ? (uint32_t)from : 0;
    *ret_n = until > from ? (uint32_t)(until - from) : 0;
}

static struct gate_rule gate_make(const struct plan *p, const struct edge_rule *r, uint32_t rule, uint32_t gate)
{
    const struct plan_range *up = &p->steps[r->up].range, *down = &p->steps[r->down].range;
    struct gate_rule g = {.rule = rule, .n_up = up->n, .n_down = down->n};
    if (r->mapping == PLAN_CONTAINING) {
        g.up_first = gate;
        g.n_up = 1;
        contained_indices(up->grain, up->first + (int32_t)gate, down, &g.down_first, &g.n_down);
    } else if (r->mapping == PLAN_CONTAINED) {
        g.down_first = gate;
        g.n_down = 1;
        contained_indices(down->grain, down->first + (int32_t)gate, up, &g.up_first, &g.n_up);
    }
    return g;
}

static void lay_out(struct topology *t)
{
    const struct plan *p = t->plan;
    for (size_t i = 0; i < p->n_steps; i++) {
        uint32_t step = p->order[i];
        t->first[step] = t->n;
        t->n += p->steps[step].range.n;
    }
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
            *r = (struct edge_rule){
                .up = pe->upstream, .down = down, .edge = edge, .mapping = pe->mapping, .self = pe->upstream == down};
            if (is_direct(r->mapping))
                r->shift = (int64_t)p->steps[r->up].range.first + pe->previous - s->range.first;
            r->gate_first = t->n_gates;
            r->n_gates = gates_needed(p, r);
            t->n_gates += r->n_gates;
            if (r->self && r->mapping == PLAN_PREVIOUS && (t->chain[down] == 0 || pe->previous < t->chain[down]))
                t->chain[down] = pe->previous;
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
    return c != 0 ? c : (x->from > y->from) - (x->from < y->from);
}

static struct dataset_write write_make(const struct plan *p, const struct plan_step *s, uint32_t dataset)
{
    const struct plan_dataset *d = &p->datasets[dataset];
    struct dataset_write w = {.connection = d->connection == PLAN_NO_INDEX ? "" : p->connections[d->connection].name,
                              .dataset = d->name, .from = INT32_MIN, .until = INT32_MAX};
    int32_t ignored = 0;
    if (s->range.grain != PLAN_NONE && s->range.n > 0) {
        plan_partition_days(s->range.grain, s->range.first, &w.from, &ignored);
        plan_partition_days(s->range.grain, s->range.first + (int32_t)(s->range.n - 1), &ignored, &w.until);
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

bool topology_upstream(const struct topology *t, const struct edge_rule *r, uint32_t down, uint32_t *ret_up)
{
    int64_t up = (int64_t)down - r->shift;
    if (up < 0 || up >= t->plan->steps[r->up].range.n)
        return false;
    *ret_up = (uint32_t)up;
    return true;
}

bool topology_downstream(const struct topology *t, const struct edge_rule *r, uint32_t up, uint32_t *ret_down)
{
    int64_t down = (int64_t)up + r->shift;
    if (down < 0 || down >= t->plan->steps[r->down].range.n)
        return false;
    *ret_down = (uint32_t)down;
    return true;
}

/* Gate of a fine partition on an edge whose gates are numbered by the coarse side. */
static bool gate_of_fine(const struct edge_rule *r, const struct plan_range *fine, uint32_t index,
                         const struct plan_range *coarse, uint32_t *ret_gate)
{
    int32_t ordinal = plan_partition_containing(fine->grain, fine->first + (int32_t)index, coarse->grain);
    int64_t gate = (int64_t)ordinal - coarse->first;
    if (gate < 0 || gate >= r->n_gates)
        return false;
    *ret_gate = r->gate_first + (uint32_t)gate;
    return true;
}

bool topology_gate_of_upstream(const struct topology *t, const struct edge_rule *r, uint32_t up, uint32_t *ret_gate)
{
    const struct plan_step *steps = t->plan->steps;
    if (r->mapping == PLAN_CONTAINED)
        return gate_of_fine(r, &steps[r->up].range, up, &steps[r->down].range, ret_gate);
    *ret_gate = r->gate_first + (r->mapping == PLAN_CONTAINING ? up : 0);
    return true;
}

bool topology_gate_of_downstream(const struct topology *t, const struct edge_rule *r, uint32_t down, uint32_t *ret_gate)
{
    const struct plan_step *steps = t->plan->steps;
    if (r->mapping == PLAN_CONTAINING)
        return gate_of_fine(r, &steps[r->down].range, down, &steps[r->up].range, ret_gate);
    *ret_gate = r->gate_first + (r->mapping == PLAN_CONTAINED ? down : 0);
    return true;
}

int64_t topology_critical_ms(const struct topology *t, uint32_t step, uint32_t index)
{
    int64_t ms = t->critical_ms[step];
    if (t->chain[step] > 0) {
        const struct plan_step *s = &t->plan->steps[step];
        int64_t links = (s->range.n - 1 - index) / t->chain[step];
        if (links > 0 && s->expect_ms > (CRITICAL_MAX_MS - ms) / links)
            return CRITICAL_MAX_MS;
        ms += links * s->expect_ms;
    }
    return ms;
}
