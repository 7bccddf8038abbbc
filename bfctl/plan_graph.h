/* The steps of a plan, and its datasets and exposures where they are wanted, as nodes and edges to draw.  Nodes of one kind keep the
 * plan's order, upstream first, so that the same plan gives the same bytes. */
#ifndef BFCTL_PLAN_GRAPH_H
#define BFCTL_PLAN_GRAPH_H

#include "bfctl/plan_facts.h"
#include "common/arena.h"
#include "common/vec.h"
#include "plan/selector.h"

enum graph_node_kind { GRAPH_STEP, GRAPH_DATASET, GRAPH_EXPOSURE };
#define GRAPH_NODE_KINDS 3u
enum graph_edge_kind { GRAPH_NEEDS, GRAPH_WRITES, GRAPH_READS };

/* index: of the plan's array.  level of a step: 1 more than that of all that it needs. */
struct graph_node { enum graph_node_kind kind; uint32_t index, level; const char *name; };
/* from, to: nodes.  label: the mapping, or "". */
struct graph_edge { size_t from, to; enum graph_edge_kind kind; const char *label; };

struct plan_graph {
    const struct plan *p;                        /* these three borrowed */
    const struct plan_facts *facts;
    const struct plan_selection *picked;
    bool datasets;                               /* drawn, and the edges that they explain left out */
    BF_VEC_TYPE(struct graph_node) nodes;
    BF_VEC_TYPE(struct graph_edge) edges;
    size_t *node_of[GRAPH_NODE_KINDS];           /* by kind and index: node + 1, 0: not drawn */
    uint32_t n_levels;
    struct bf_arena arena;                       /* of labels */
};

void plan_graph_init(struct plan_graph *g, const struct plan *p, const struct plan_facts *facts, const struct plan_selection *picked,
                     bool datasets);
void plan_graph_done(struct plan_graph *g);

#endif
