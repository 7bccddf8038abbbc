/* bfctl plan graph: the steps of a plan as a graph, for reading, Graphviz, Mermaid, or a program.
 *
 * Each format is one function over the nodes and edges of plan_graph.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/plan_document.h"
#include "bfctl/plan_graph.h"
#include "bfctl/render.h"
#include "common/mem.h"

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

static const char *const node_kinds[] = {"step", "dataset", "exposure"};
static const char node_letters[] = "sde";        /* ids: s0, d3, e1 */
static const char *const edge_kinds[] = {"needs", "writes", "reads"};

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

static void print_level(const struct plan_graph *g, uint32_t level, int width)
{
    bool first = true;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const struct graph_node *node = &g->nodes.at[i];
        if (node->kind != GRAPH_STEP || node->level != level)
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
static enum bf_rc print_text(const struct plan_graph *g, struct bf_error *err)
{
    (void)err;
    size_t n_steps = 0, n_needs = 0;
    int width = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const struct graph_node *node = &g->nodes.at[i];
        if (node->kind != GRAPH_STEP)
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
        const struct graph_node *node = &g->nodes.at[i];
        if (node->kind != GRAPH_EXPOSURE)
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

static void put_id(const struct graph_node *n)
{
    printf("%c%" PRIu32, node_letters[n->kind], n->index);
}

static enum bf_rc print_dot(const struct plan_graph *g, struct bf_error *err)
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
        const struct graph_edge *e = &g->edges.at[i];
        printf("  ");
        put_id(&g->nodes.at[e->from]);
        printf(" -> ");
        put_id(&g->nodes.at[e->to]);
        printf(" [label=");
        put_quoted(e->label, "\\\"", "\\\\");
        printf(", style=%s];\n", g->datasets && e->kind == GRAPH_NEEDS ? "dashed" : "solid");
    }
    printf("}\n");
    return BF_OK;
}

static enum bf_rc print_mermaid(const struct plan_graph *g, struct bf_error *err)
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
        const struct graph_edge *e = &g->edges.at[i];
        bool dashed = g->datasets && e->kind == GRAPH_NEEDS;
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

static json_t *node_id(const struct graph_node *n)
{
    return json_sprintf("%s:%s", node_kinds[n->kind], n->name);
}

static enum bf_rc print_json(const struct plan_graph *g, struct bf_error *err)
{
    json_t *nodes = json_array(), *edges = json_array();
    for (size_t i = 0; i < g->nodes.n; i++) {
        const struct graph_node *n = &g->nodes.at[i];
        json_t *j = json_pack("{s:o, s:s, s:s}", "id", node_id(n), "kind", node_kinds[n->kind], "name", n->name);
        if (n->kind == GRAPH_STEP)
            json_object_set_new(j, "level", json_integer((json_int_t)n->level));
        json_array_append_new(nodes, j);
    }
    for (size_t i = 0; i < g->edges.n; i++) {
        const struct graph_edge *e = &g->edges.at[i];
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
    struct plan_graph g;
    plan_facts_of(p, &facts);
    plan_graph_init(&g, p, &facts, picked, datasets);
    enum bf_rc rc = output == CTL_JSON      ? print_json(&g, err)
                    : output == CTL_DOT     ? print_dot(&g, err)
                    : output == CTL_MERMAID ? print_mermaid(&g, err)
                                            : print_text(&g, err);
    plan_graph_done(&g);
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
    .about = "The text lists steps by level, each below all that it needs; the other formats are for Graphviz, for Mermaid (as in "
             "Markdown),\nand for programs.  Edges carry their mapping.  With --datasets the edges go over the datasets that explain them, "
             "and those\nthat no dataset explains are dashed.  A selector picks steps: load, 'stg_*', tag:finance, +load, load+.",
    .examples = "  bfctl plan graph orders.yaml\n  bfctl plan graph orders.yaml -o dot | dot -Tsvg > orders.svg\n"
                "  bfctl plan graph @latest +revenue --datasets -o mermaid",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
