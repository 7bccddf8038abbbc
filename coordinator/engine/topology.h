/* What the engine derives from a plan once, for all its backfills: where instances lie, how edges are walked, gates, weights,
 * and what is written.  Immutable. */
#ifndef BF_ENGINE_TOPOLOGY_H
#define BF_ENGINE_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "plan/plan.h"

/* One edge of the plan as arithmetic.  Direct (same, previous, window): p needs p + from .. p + to, which is a range of indices
 * because both steps have one table of partitions.  Else through gates. */
struct edge_rule {
    uint32_t up, down;                       /* steps */
    uint32_t edge;                           /* index in the edges of the downstream step */
    enum plan_mapping mapping;
    bool direct, self;
    bool carries;                            /* what a step that prefers its inputs reads */
    int32_t from, to;                        /* direct: offsets, from <= to */
    uint32_t gate_first, n_gates;            /* 0 gates when direct */
};

/* Consecutive partition indices of one step. */
struct index_range { uint32_t first, n; };

/* A gate stands between a range of upstream partitions and a range of downstream ones; each of the latter needs all of the former. */
struct gate_rule {
    uint32_t rule;                           /* index of the edge rule */
    uint32_t up_first, n_up, down_first, n_down;   /* partition indices */
};

/* The time [from, until) of one dataset that a plan writes.  Without partitions: all of it, INT64_MIN to INT64_MAX. */
struct dataset_write {
    const char *connection, *dataset;
    int64_t from_s, until_s;
    const struct plan_partitions *partitions;    /* of the step that writes it: for keys */
};

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
    int64_t *chain;                          /* by step: how far it is to the nearest partition that needs this one; 0: none does */
    int64_t from_s, until_s;                 /* that all tables with partitions span; equal when there are none */
    uint32_t order_shift;                    /* of topology_order() */
    struct dataset_write *writes; uint32_t n_writes;   /* sorted by (connection, dataset, from) */
};

struct topology *topology_new(const struct plan *plan);
void topology_free(struct topology *t);

/* Of a direct rule, clipped to what the plan has: the upstream partitions that one needs (those outside the range count as met),
 * and the downstream ones that need one. */
struct index_range topology_upstreams(const struct topology *t, const struct edge_rule *r, uint32_t down);
struct index_range topology_downstreams(const struct topology *t, const struct edge_rule *r, uint32_t up);
/* Gate (of the topology) that an upstream, or a downstream, partition of a rule with gates stands at; false when there is none. */
bool topology_gate_of_upstream(const struct topology *t, const struct edge_rule *r, uint32_t up, uint32_t *ret_gate);
bool topology_gate_of_downstream(const struct topology *t, const struct edge_rule *r, uint32_t down, uint32_t *ret_gate);
/* What an instance of the rule's downstream step waits for by it: partitions of the upstream step, without a gate or through one. */
struct index_range topology_waits_for(const struct topology *t, const struct edge_rule *r, uint32_t down);
/* The work that hangs on an instance, itself included, at most INT64_MAX / 4. */
int64_t topology_critical_ms(const struct topology *t, uint32_t step, uint32_t index);
/* Place of a partition in time, the same for all grains: oldest first, or newest first. */
uint32_t topology_order(const struct topology *t, uint32_t step, uint32_t index, bool backward);

#endif
