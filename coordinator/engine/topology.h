/* What the engine derives from a plan once, for all its backfills: where instances lie, how edges are walked, gates, weights,
 * and what is written.  Immutable. */
#ifndef BF_ENGINE_TOPOLOGY_H
#define BF_ENGINE_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "plan/plan.h"

/* One edge of the plan as arithmetic.  Direct (same, previous): downstream index = upstream index + shift.  Else through gates. */
struct edge_rule {
    uint32_t up, down;                       /* steps */
    uint32_t edge;                           /* index in the edges of the downstream step */
    enum plan_mapping mapping;
    int64_t shift;
    uint32_t gate_first, n_gates;            /* 0 gates: direct */
    bool self;
};

/* A gate stands between a range of upstream partitions and a range of downstream ones; each of the latter needs all of the former. */
struct gate_rule {
    uint32_t rule;                           /* index of the edge rule */
    uint32_t up_first, n_up, down_first, n_down;   /* partition indices */
};

/* Days [from, until) of one dataset that a plan writes. */
struct dataset_write { const char *connection, *dataset; int32_t from, until; };

struct topology {
    const struct plan *plan;
    uint32_t n;                              /* instances */
    uint32_t *first;                         /* by step: number of its partition 0.  Numbers run in the plan's order, so that
                                                they are themselves a topological order (and break ties) */
    struct edge_rule *rules; uint32_t n_rules;
    uint32_t *rule_first;                    /* by step (n_steps + 1): its own edges are rules [first, next) */
    uint32_t *out, *out_first;               /* by step (n_steps + 1): rules in which it is the upstream */
    struct gate_rule *gates; uint32_t n_gates;
    int64_t *critical_ms;                    /* by step: longest way to the end, itself included */
    uint32_t *chain;                         /* by step: n of its own `previous n`, 0 when it has none */
    struct dataset_write *writes; uint32_t n_writes;   /* sorted by (connection, dataset, from) */
};

struct topology *topology_new(const struct plan *plan);
void topology_free(struct topology *t);

/* Upstream index of a direct rule for a downstream one; false when it lies outside the upstream's range (and counts as met). */
bool topology_upstream(const struct topology *t, const struct edge_rule *r, uint32_t down, uint32_t *ret_up);
bool topology_downstream(const struct topology *t, const struct edge_rule *r, uint32_t up, uint32_t *ret_down);
/* Gate (of the topology) that an upstream, or a downstream, partition of a rule with gates stands at; false when there is none. */
bool topology_gate_of_upstream(const struct topology *t, const struct edge_rule *r, uint32_t up, uint32_t *ret_gate);
bool topology_gate_of_downstream(const struct topology *t, const struct edge_rule *r, uint32_t down, uint32_t *ret_gate);
/* Weight of an instance in the ready queue: work that hangs on it. */
int64_t topology_critical_ms(const struct topology *t, uint32_t step, uint32_t index);

#endif
