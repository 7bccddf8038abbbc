/* bfctl plan graph: the steps of a plan as a graph, for reading, Graphviz, Mermaid, or a program.
 *
 * Nodes and edges are gathered once; each format is one function over them.  Nodes of one kind keep the plan's order, upstream first,
 * so that the same plan gives the same bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/plan_document.h"
#include "bfctl/render.h"
#include "common/mem.h"
#include "common/vec.h"

#define NEEDS_SHOWN 8u                           /* of one step in the text */

struct values {
    struct ctl_common common;
    bool datasets;
};

static const struct bf_option options[] = {
    {"datasets", 0, BF_OPT_FLAG, offsetof(struct values, datasets), NULL, "draw datasets and exposures: who writes and reads what"},
    CTL_OPTION_OUTPUT(struct values, "text (default), dot, mermaid or json"),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

enum node_kind { NODE_STEP, NODE_DATASET, NODE_EXPOSURE };
static const char *const node_kinds[] = {"step", "dataset", "exposure"};
static const char node_letters[] = "sde";        /* ids: s0, d3, e1 */

enum edge_kind { EDGE_NEEDS, EDGE_WRITES, EDGE_READS };
static const char *const edge_kinds[] = {"needs", "writes", "reads"};

struct node { enum node_kind kind; uint32_t index, level; const char *name; };
struct edge { size_t from, to; enum edge_kind kind; const char *label; };

struct graph {
    const struct plan *p;
    const struct plan_facts *facts;
    const struct plan_selection *picked;
    bool datasets;
    BF_VEC_TYPE(struct node) nodes;
    BF_VEC_TYPE(struct edge) edges;
    size_t *node_of[3];                          /* by kind and index: node + 1, 0: not drawn */
    uint32_t n_levels;
    struct bf_arena arena;                       /* of labels */
};

/* ---- gathering ---- */

static void add_node(struct graph *g, enum node_kind kind, uint32_t index, const char *name, uint32_t level)
{
    bf_vec_push(&g->nodes, (struct node){kind, index, level, name});
    g->node_of[kind][index] = g->nodes.n;
}

/* Edges to or from what is not drawn are left out. */
static void add_edge(struct graph *g, size_t from, size_t to, enum edge_kind kind, const char *label)
{
    if (from && to)
        bf_vec_push(&g->edges, (struct edge){from - 1, to - 1, kind, label});
}

static void add_steps(struct graph *g)
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
        add_node(g, NODE_STEP, step, p->steps[step].name, level[step]);
    }
}

static void add_datasets(struct graph *g)
{
    const struct plan *p = g->p;
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct plan_step *s = &p->steps[p->order[i]];
        if (!g->node_of[NODE_STEP][p->order[i]])
            continue;
        for (size_t k = 0; k < s->n_inputs; k++)
            if (!g->node_of[NODE_DATASET][s->inputs[k]])
                add_node(g, NODE_DATASET, s->inputs[k], p->datasets[s->inputs[k]].name, 0);
        for (size_t k = 0; k < s->n_outputs; k++)
            if (!g->node_of[NODE_DATASET][s->outputs[k]])
                add_node(g, NODE_DATASET, s->outputs[k], p->datasets[s->outputs[k]].name, 0);
    }
    for (uint32_t i = 0; i < p->n_exposures; i++) {
        bool drawn = false;
        for (size_t k = 0; k < p->exposures[i].n_reads; k++)
            drawn |= g->node_of[NODE_DATASET][p->exposures[i].reads[k]] != 0;
        if (drawn)
            add_node(g, NODE_EXPOSURE, i, p->exposures[i].name, 0);
    }
}

/* "same", or several mappings of one upstream as "same; previous 1"; "" when the step does not need it. */
static const char *mappings(struct graph *g, const struct plan_step *s, uint32_t upstream)
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
static void add_needs(struct graph *g, uint32_t step)
{
    const struct plan_step *s = &g->p->steps[step];
    for (size_t i = 0; i < s->n_edges; i++) {
        uint32_t upstream = s->edges[i].upstream;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = s->edges[k].upstream == upstream;
        if (!seen && !(g->datasets && plan_facts_explain(g->p, g->facts, step, upstream)))
            add_edge(g, g->node_of[NODE_STEP][upstream], g->node_of[NODE_STEP][step], EDGE_NEEDS, mappings(g, s, upstream));
    }
}

static void add_lineage(struct graph *g, uint32_t step)
{
    const struct plan_step *s = &g->p->steps[step];
    size_t to = g->node_of[NODE_STEP][step];
    for (size_t i = 0; i < s->n_inputs; i++) {
        uint32_t writer = g->facts->writer[s->inputs[i]];
        add_edge(g, g->node_of[NODE_DATASET][s->inputs[i]], to, EDGE_READS, writer == PLAN_NO_INDEX ? "" : mappings(g, s, writer));
    }
    for (size_t i = 0; i < s->n_outputs; i++)
        add_edge(g, to, g->node_of[NODE_DATASET][s->outputs[i]], EDGE_WRITES, "");
}

static void graph_init(struct graph *g)
{
    const size_t room[3] = {g->p->n_steps, g->p->n_datasets, g->p->n_exposures};
    for (size_t k = 0; k < 3; k++)
        g->node_of[k] = bf_xcalloc(room[k] + 1, sizeof *g->node_of[k]);
    add_steps(g);
    if (g->datasets)
        add_datasets(g);
    size_t n = g->nodes.n;
    for (size_t i = 0; i < n; i++) {
        const struct node node = g->nodes.at[i];
        if (node.kind == NODE_STEP) {
            add_needs(g, node.index);
            if (g->datasets)
                add_lineage(g, node.index);
        }
        for (size_t k = 0; node.kind == NODE_EXPOSURE && k < g->p->exposures[node.index].n_reads; k++)
            add_edge(g, g->node_of[NODE_DATASET][g->p->exposures[node.index].reads[k]], i + 1, EDGE_READS, "");
    }
}

static void graph_done(struct graph *g)
{
    for (size_t k = 0; k < 3; k++)
        free(g->node_of[k]);
    bf_vec_free(&g->nodes);
    bf_vec_free(&g->edges);
    bf_arena_free(&g->arena);
}

/* ---- text ---- */

static void print_needs(const struct plan *p, const struct plan_step *s)
{
    for (size_t i = 0; i < s->n_edges && i < NEEDS_SHOWN; i++) {
        BF_AUTO_FREE char *mapping = plan_document_mapping(&s->edges[i]);
        const char *name = p->steps[s->edges[i].upstream].name;
        printf("%s%s %s", i ? ", " : "  <- ", strcmp(name, s->name) == 0 ? "itself" : name, mapping);
    }
    if (s->n_edges > NEEDS_SHOWN)
        printf(", and %zu more", s->n_edges - NEEDS_SHOWN);
}

static void print_datasets(const struct plan *p, const char *verb, const uint32_t *at, size_t n)
{
    if (n > 0)
        printf("          %s ", verb);
    for (size_t i = 0; i < n && i < NEEDS_SHOWN; i++)
        printf("%s%s", i ? ", " : "", p->datasets[at[i]].name);
    if (n > NEEDS_SHOWN)
        printf(", and %zu more", n - NEEDS_SHOWN);
    if (n > 0)
        putchar('\n');
}

static void print_level(const struct graph *g, uint32_t level, int width)
{
    bool first = true;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const struct node *node = &g->nodes.at[i];
        if (node->kind != NODE_STEP || node->level != level)
            continue;
        const struct plan_step *s = &g->p->steps[node->index];
        if (first)
            printf("%5" PRIu32 "  ", level);
        else
            printf("       ");
        printf("%-*s", s->n_edges ? width : 0, s->name);
        print_needs(g->p, s);
        putchar('\n');
        if (g->datasets) {
            print_datasets(g->p, "reads", s->inputs, s->n_inputs);
            print_datasets(g->p, "writes", s->outputs, s->n_outputs);
        }
        first = false;
    }
}

/* Steps by level: each stands below all that it needs. */
static enum bf_rc print_text(const struct graph *g, struct bf_error *err)
{
    (void)err;
    size_t n_steps = 0, n_needs = 0;
    int width = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const struct node *node = &g->nodes.at[i];
        if (node->kind != NODE_STEP)
            continue;
        int len = (int)strlen(node->name);
        width = len > width && len <= 32 ? len : width;
        n_needs += g->p->steps[node->index].n_edges;
        n_steps++;
    }
    printf("%s: %zu step%s, %zu edge%s, %" PRIu32 " level%s\n\nlevel  step\n", g->p->name, n_steps, n_steps == 1 ? "" : "s", n_needs,
           n_needs == 1 ? "" : "s", g->n_levels, g->n_levels == 1 ? "" : "s");
    for (uint32_t level = 1; level <= g->n_levels; level++)
        print_level(g, level, width);
    for (size_t i = 0; i < g->nodes.n; i++) {
        const struct node *node = &g->nodes.at[i];
        if (node->kind != NODE_EXPOSURE)
            continue;
        printf("       (%s)\n", node->name);
        print_datasets(g->p, "reads", g->p->exposures[node->index].reads, g->p->exposures[node->index].n_reads);
    }
    return BF_OK;
}

/* ---- dot and mermaid ---- */

/* Within double quotes; quote is how the format writes one. */
static void put_quoted(const char *s, const char *quote, const char *backslash)
{
    putchar('"');
    for (; *s; s++) {
        if (*s == '"')
            fputs(quote, stdout);
        else if (*s == '\\')
            fputs(backslash, stdout);
        else
            putchar((unsigned char)*s < 0x20 ? ' ' : *s);
    }
    putchar('"');
}

static void put_id(const struct node *n)
{
    printf("%c%" PRIu32, node_letters[n->kind], n->index);
}

static enum bf_rc print_dot(const struct graph *g, struct bf_error *err)
{
    static const char *const shapes[] = {"box", "cylinder", "note"};
    (void)err;
    printf("digraph ");
    put_quoted(g->p->name, "\\\"", "\\\\");
    printf(" {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n");
    for (size_t i = 0; i < g->nodes.n; i++) {
        printf("  ");
        put_id(&g->nodes.at[i]);
        printf(" [shape=%s, label=", shapes[g->nodes.at[i].kind]);
        put_quoted(g->nodes.at[i].name, "\\\"", "\\\\");
        printf("];\n");
    }
    for (size_t i = 0; i < g->edges.n; i++) {
        const struct edge *e = &g->edges.at[i];
        printf("  ");
        put_id(&g->nodes.at[e->from]);
        printf(" -> ");
        put_id(&g->nodes.at[e->to]);
        printf(" [label=");
        put_quoted(e->label, "\\\"", "\\\\");
        printf(", style=%s];\n", g->datasets && e->kind == EDGE_NEEDS ? "dashed" : "solid");
    }
    printf("}\n");
    return BF_OK;
}

static enum bf_rc print_mermaid(const struct graph *g, struct bf_error *err)
{
    static const char *const open[] = {"[", "[(", "{{"}, *const shut[] = {"]", ")]", "}}"};
    (void)err;
    printf("flowchart LR\n");
    for (size_t i = 0; i < g->nodes.n; i++) {
        printf("  ");
        put_id(&g->nodes.at[i]);
        fputs(open[g->nodes.at[i].kind], stdout);
        put_quoted(g->nodes.at[i].name, "#quot;", "\\");
        printf("%s\n", shut[g->nodes.at[i].kind]);
    }
    for (size_t i = 0; i < g->edges.n; i++) {
        const struct edge *e = &g->edges.at[i];
        bool dashed = g->datasets && e->kind == EDGE_NEEDS;
        printf("  ");
        put_id(&g->nodes.at[e->from]);
        fputs(dashed ? " -.->" : " -->", stdout);
        if (e->label[0]) {
            putchar('|');
            put_quoted(e->label, "#quot;", "\\");
            putchar('|');
        }
        putchar(' ');
        put_id(&g->nodes.at[e->to]);
        putchar('\n');
    }
    return BF_OK;
}

/* ---- json ---- */

static json_t *node_id(const struct node *n)
{
    return json_sprintf("%s:%s", node_kinds[n->kind], n->name);
}

static enum bf_rc print_json(const struct graph *g, struct bf_error *err)
{
    json_t *nodes = json_array(), *edges = json_array();
    for (size_t i = 0; i < g->nodes.n; i++) {
        const struct node *n = &g->nodes.at[i];
        json_t *j = json_pack("{s:o, s:s, s:s}", "id", node_id(n), "kind", node_kinds[n->kind], "name", n->name);
        if (n->kind == NODE_STEP)
            json_object_set_new(j, "level", json_integer((json_int_t)n->level));
        json_array_append_new(nodes, j);
    }
    for (size_t i = 0; i < g->edges.n; i++) {
        const struct edge *e = &g->edges.at[i];
        json_array_append_new(edges, json_pack("{s:o, s:o, s:s, s:s?}", "from", node_id(&g->nodes.at[e->from]), "to",
                                               node_id(&g->nodes.at[e->to]), "kind", edge_kinds[e->kind], "mapping",
                                               e->label[0] ? e->label : NULL));
    }
    json_t *j = json_pack("{s:s, s:o, s:o, s:o}", "name", g->p->name, "hash", render_hash_json(g->p->hash), "nodes", nodes, "edges", edges);
    enum bf_rc rc = render_json(j, err);
    json_decref(j);
    return rc;
}

/* ---- the command ---- */

static enum bf_rc print(const struct plan *p, const struct plan_selection *picked, bool datasets, enum ctl_output output,
                        struct bf_error *err)
{
    struct plan_facts facts;
    struct graph g = {.p = p, .facts = &facts, .picked = picked, .datasets = datasets};
    plan_facts_of(p, &facts);
    graph_init(&g);
    enum bf_rc rc = output == CTL_JSON      ? print_json(&g, err)
                    : output == CTL_DOT     ? print_dot(&g, err)
                    : output == CTL_MERMAID ? print_mermaid(&g, err)
                                            : print_text(&g, err);
    graph_done(&g);
    plan_facts_done(&facts);
    return rc;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    SESSION_AUTO struct session s = {0};
    PLAN_LOAD_AUTO struct plan_load l = {0};
    struct plan_selection picked = {0};
    enum ctl_output output;
    enum bf_rc rc = ctl_output(&v->common, CTL_TEXT, CTL_TEXT | CTL_DOT | CTL_MERMAID | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = plan_load(&v->common, &s, call->words[0], true, &l, &call->err);
    if (rc == BF_OK)
        rc = plan_select(l.plan, call->words + 1, call->n_words - 1, &picked, &call->err);
    if (rc == BF_OK)
        rc = print(l.plan, &picked, v->datasets, output, &call->err);
    plan_selection_done(&picked);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_plan_graph = {
    .usage = "plan graph FILE|ID|@latest [SELECTOR…] [-o text|dot|mermaid|json] [--datasets] [options]",
    .about = "The text lists steps by level, each below all that it needs; the other formats are for Graphviz, for Mermaid (as in Markdown),\n"
             "and for programs.  Edges carry their mapping.  With --datasets the edges go over the datasets that explain them, and those\n"
             "that no dataset explains are dashed.  A selector picks steps: load, 'stg_*', tag:finance, +load, load+.",
    .examples = "  bfctl plan graph orders.yaml\n  bfctl plan graph orders.yaml -o dot | dot -Tsvg > orders.svg\n"
                "  bfctl plan graph @latest +revenue --datasets -o mermaid",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
