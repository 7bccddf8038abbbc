/* Nodes and edges are gathered once, in the order in which they are shown. */
#include "bfctl/plan_graph.h"

#include <stdlib.h>

#include "common/mem.h"

static void add_node(struct plan_graph *g, enum graph_node_kind kind, uint32_t index, const char *name, uint32_t level)
{
    bf_vec_push(&g->nodes, (struct graph_node){kind, index, level, name});
    g->node_of[kind][index] = g->nodes.n;
}

/* Edges to or from what is not drawn are left out. */
static void add_edge(struct plan_graph *g, size_t from, size_t to, enum graph_edge_kind kind, const char *label)
{
    if (from && to)
        bf_vec_push(&g->edges, (struct graph_edge){from - 1, to - 1, kind, label});
}

static void add_steps(struct plan_graph *g)
{
    const struct plan *p = g->p;
    BF_AUTO_FREE uint32_t *level = bf_xcalloc(p->n_steps + 1, sizeof *level);
    for (size_t i = 0; i < p->n_steps; i++) {
        uint32_t step = p->order[i];
        if (!plan_selection_has_step(g->picked, step))
            continue;
        level[step] = 1;
        for (size_t e = 0; e < p->steps[step].n_edges; e++) {
            uint32_t upstream = p->steps[step].edges[e].upstream;
            if (upstream != step && level[upstream] >= level[step])
                level[step] = level[upstream] + 1;
        }
        if (level[step] > g->n_levels)
            g->n_levels = level[step];
        add_node(g, GRAPH_STEP, step, p->steps[step].name, level[step]);
    }
}

static void add_datasets(struct plan_graph *g)
{
    const struct plan *p = g->p;
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct plan_step *s = &p->steps[p->order[i]];
        if (!g->node_of[GRAPH_STEP][p->order[i]])
            continue;
        for (size_t k = 0; k < s->n_inputs; k++)
            if (!g->node_of[GRAPH_DATASET][s->inputs[k]])
                add_node(g, GRAPH_DATASET, s->inputs[k], p->datasets[s->inputs[k]].name, 0);
        for (size_t k = 0; k < s->n_outputs; k++)
            if (!g->node_of[GRAPH_DATASET][s->outputs[k]])
                add_node(g, GRAPH_DATASET, s->outputs[k], p->datasets[s->outputs[k]].name, 0);
    }
    for (uint32_t i = 0; i < p->n_exposures; i++) {
        bool drawn = false;
        for (size_t k = 0; k < p->exposures[i].n_reads; k++)
            drawn |= g->node_of[GRAPH_DATASET][p->exposures[i].reads[k]] != 0;
        if (drawn)
            add_node(g, GRAPH_EXPOSURE, i, p->exposures[i].name, 0);
    }
}

/* "same", or several mappings of one upstream as "same; previous 1"; "" when the step does not need it. */
static const char *mappings(struct plan_graph *g, const struct plan_step *s, uint32_t upstream)
{
    struct bf_buf text = {0};
    for (size_t i = 0; i < s->n_edges; i++) {
        if (s->edges[i].upstream != upstream)
            continue;
        bf_buf_put_str(&text, text.len ? "; " : "");
        plan_edge_words(&s->edges[i], &text);
    }
    const char *label = bf_arena_strdup(&g->arena, bf_buf_cstr(&text));
    bf_buf_free(&text);
    return label;
}

/* Where lineage is drawn, the edges that it explains are the way over the dataset. */
static void add_needs(struct plan_graph *g, uint32_t step)
{
    const struct plan_step *s = &g->p->steps[step];
    for (size_t i = 0; i < s->n_edges; i++) {
        uint32_t upstream = s->edges[i].upstream;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = s->edges[k].upstream == upstream;
        if (!seen && !(g->datasets && plan_facts_explain(g->p, g->facts, step, upstream)))
            add_edge(g, g->node_of[GRAPH_STEP][upstream], g->node_of[GRAPH_STEP][step], GRAPH_NEEDS, mappings(g, s, upstream));
    }
}

static void add_lineage(struct plan_graph *g, uint32_t step)
{
    const struct plan_step *s = &g->p->steps[step];
    size_t to = g->node_of[GRAPH_STEP][step];
    for (size_t i = 0; i < s->n_inputs; i++) {
        uint32_t writer = g->facts->writer[s->inputs[i]];
        add_edge(g, g->node_of[GRAPH_DATASET][s->inputs[i]], to, GRAPH_READS, writer == PLAN_NO_INDEX ? "" : mappings(g, s, writer));
    }
    for (size_t i = 0; i < s->n_outputs; i++)
        add_edge(g, to, g->node_of[GRAPH_DATASET][s->outputs[i]], GRAPH_WRITES, "");
}

void plan_graph_init(struct plan_graph *g, const struct plan *p, const struct plan_facts *facts, const struct plan_selection *picked,
                     bool datasets)
{
    const size_t room[GRAPH_NODE_KINDS] = {p->n_steps, p->n_datasets, p->n_exposures};
    *g = (struct plan_graph){.p = p, .facts = facts, .picked = picked, .datasets = datasets};
    for (size_t k = 0; k < GRAPH_NODE_KINDS; k++)
        g->node_of[k] = bf_xcalloc(room[k] + 1, sizeof *g->node_of[k]);
    add_steps(g);
    if (g->datasets)
        add_datasets(g);
    size_t n = g->nodes.n;
    for (size_t i = 0; i < n; i++) {
        const struct graph_node node = g->nodes.at[i];
        if (node.kind == GRAPH_STEP) {
            add_needs(g, node.index);
            if (g->datasets)
                add_lineage(g, node.index);
        }
        for (size_t k = 0; node.kind == GRAPH_EXPOSURE && k < g->p->exposures[node.index].n_reads; k++)
            add_edge(g, g->node_of[GRAPH_DATASET][g->p->exposures[node.index].reads[k]], i + 1, GRAPH_READS, "");
    }
}

void plan_graph_done(struct plan_graph *g)
{
    for (size_t k = 0; k < GRAPH_NODE_KINDS; k++)
        free(g->node_of[k]);
    bf_vec_free(&g->nodes);
    bf_vec_free(&g->edges);
    bf_arena_free(&g->arena);
}
