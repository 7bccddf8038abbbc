/* Lineage: which step writes what another reads, and the edges that follow.
 *
 * Where a step has no `needs`, its edges are its lineage.  Where it has, they must cover the lineage: each lineage edge by the
 * same mapping or by `all`.  What is needed beyond lineage between steps that both name datasets is a warning. */
#include <stdlib.h>

#include "common/mem.h"
#include "common/vec.h"
#include "plan/compile.h"

static void find_writers(struct plan_compiler *c)
{
    for (uint32_t s = 0; s < c->plan->n_steps; s++) {
        const struct plan_step *step = &c->plan->steps[s];
        for (size_t i = 0; i < step->n_outputs; i++) {
            const struct plan_dataset *dataset = &c->plan->datasets[step->outputs[i]];
            struct plan_dataset_source *source = &c->dataset_sources[step->outputs[i]];
            struct bf_mark mark = c->step_sources[s].output_marks[i];
            if (dataset->external) {
                bf_diag_add(c->d, BF_DIAG_ERROR, mark, "dataset `%s` is external: no step of the plan may write it", dataset->name);
                bf_diag_add(c->d, BF_DIAG_NOTE, source->mark, "declared here");
            }
            if (source->writer == PLAN_NO_INDEX) {
                source->writer = s;
                source->written = mark;
                continue;
            }
            bf_diag_add(c->d, BF_DIAG_ERROR, mark, "dataset `%s` is written by `%s` and by `%s`: one dataset has one writer",
                        dataset->name, c->plan->steps[source->writer].name, step->name);
            bf_diag_add(c->d, BF_DIAG_NOTE, source->written, "first written here");
        }
    }
}

/* The edge that input i of a step stands for.  false: none (external, unwritten, or its own output without partitions). */
static bool lineage_edge(struct plan_compiler *c, uint32_t s, size_t i, struct plan_edge *ret)
{
    const struct plan_step *step = &c->plan->steps[s];
    uint32_t writer = c->dataset_sources[step->inputs[i]].writer;
    if (writer == PLAN_NO_INDEX || c->step_sources[s].grain_bad || c->step_sources[writer].grain_bad)
        return false;
    *ret = (struct plan_edge){.upstream = writer, .mark = c->step_sources[s].input_marks[i]};
    if (writer == s) {
        ret->mapping = PLAN_PREVIOUS;
        ret->from = ret->to = -1;
        return step->grain != PLAN_NONE;
    }
    ret->mapping = plan_mapping_between(step->grain, c->plan->steps[writer].grain);
    return true;
}

static void tell_no_producer(struct plan_compiler *c, uint32_t s, size_t input)
{
    uint32_t dataset = c->plan->steps[s].inputs[input];
    bf_diag_add(c->d, BF_DIAG_ERROR, c->step_sources[s].input_marks[input], "no step writes dataset `%s`", c->plan->datasets[dataset].name);
    bf_diag_fix(c->d, "declare it `external: true`, or name it in the `outputs` of the step that writes it");
    bf_diag_add(c->d, BF_DIAG_NOTE, c->dataset_sources[dataset].mark, "declared here");
}

static void check_producers(struct plan_compiler *c, uint32_t s)
{
    if (c->outputs_bad)
        return;
    const struct plan_step *step = &c->plan->steps[s];
    for (size_t i = 0; i < step->n_inputs; i++) {
        const struct plan_dataset *dataset = &c->plan->datasets[step->inputs[i]];
        if (!dataset->external && c->dataset_sources[step->inputs[i]].writer == PLAN_NO_INDEX)
            tell_no_producer(c, s, i);
    }
}

/* What the edges of one step say about each upstream; by step index, valid where stamp is the step's own. */
struct reach {
    uint32_t *stamp;
    uint8_t *covers;                       /* what of it the edges cover: bits below */
};
enum { COVERS_SAME = 1, COVERS_PREVIOUS = 2, COVERS_CONTAINING = 4, COVERS_CONTAINED = 8, COVERS_ALL = 16 };

/* What an edge covers; of a lineage edge, which never is a window: what it asks for. */
static uint8_t covers(const struct plan_edge *e)
{
    switch (e->mapping) {
    case PLAN_SAME:
    case PLAN_PREVIOUS:
    case PLAN_WINDOW:
        return (uint8_t)((e->from <= 0 && e->to >= 0 ? COVERS_SAME : 0) | (e->from <= -1 && e->to >= -1 ? COVERS_PREVIOUS : 0));
    case PLAN_CONTAINING: return COVERS_CONTAINING;
    case PLAN_CONTAINED: return COVERS_CONTAINED;
    case PLAN_ALL: return COVERS_ALL | COVERS_SAME | COVERS_PREVIOUS | COVERS_CONTAINING | COVERS_CONTAINED;
    }
    return 0;
}

static void reach_mark(struct reach *r, uint32_t s, const struct plan_edge *e)
{
    if (r->stamp[e->upstream] != s + 1) {
        r->stamp[e->upstream] = s + 1;
        r->covers[e->upstream] = 0;
    }
    r->covers[e->upstream] |= covers(e);
}

static bool reach_has(const struct reach *r, uint32_t s, const struct plan_edge *e)
{
    uint8_t wanted = e->mapping == PLAN_ALL ? COVERS_ALL : covers(e);
    return r->stamp[e->upstream] == s + 1 && (r->covers[e->upstream] & wanted) != 0;
}

/* Weeks and months do not nest, so lineage alone cannot say which partitions are meant. */
static void tell_no_mapping(struct plan_compiler *c, uint32_t s, size_t input, const struct plan_edge *e)
{
    const struct plan_step *step = &c->plan->steps[s], *writer = &c->plan->steps[e->upstream];
    bf_diag_add(c->d, BF_DIAG_ERROR, e->mark, "`%s` has grain %s and reads `%s`, which `%s` writes by %s: weeks and months do not nest",
                step->name, plan_grain_name(step->grain), c->plan->datasets[step->inputs[input]].name, writer->name,
                plan_grain_name(writer->grain));
    bf_diag_fix(c->d, "write `needs: [{%s: all}]`, or let a step of grain day stand between them", writer->name);
}

static void edges_from_lineage(struct plan_compiler *c, uint32_t s, struct reach *r)
{
    struct plan_step *step = &c->plan->steps[s];
    step->edges = bf_xcalloc(step->n_inputs, sizeof *step->edges);
    for (size_t i = 0; i < step->n_inputs; i++) {
        struct plan_edge edge;
        if (!lineage_edge(c, s, i, &edge) || reach_has(r, s, &edge))
            continue;
        if (edge.mapping == PLAN_ALL)
            tell_no_mapping(c, s, i, &edge);
        reach_mark(r, s, &edge);
        step->edges[step->n_edges++] = edge;
    }
}

static void check_covered(struct plan_compiler *c, uint32_t s, struct reach *r)
{
    const struct plan_step *step = &c->plan->steps[s];
    for (size_t i = 0; i < step->n_edges; i++)
        reach_mark(r, s, &step->edges[i]);
    for (size_t i = 0; i < step->n_inputs; i++) {
        struct plan_edge edge;
        if (!lineage_edge(c, s, i, &edge) || reach_has(r, s, &edge))
            continue;
        bf_diag_add(c->d, BF_DIAG_ERROR, edge.mark, "`%s` reads `%s`, which `%s` writes, but its `needs` does not cover that", step->name,
                    c->plan->datasets[step->inputs[i]].name, c->plan->steps[edge.upstream].name);
        bf_diag_fix(c->d, "add `- %s: %s%s` to its `needs`", c->plan->steps[edge.upstream].name, plan_mapping_name(edge.mapping),
                    edge.mapping == PLAN_PREVIOUS ? " 1" : "");
    }
}

static void warn_unexplained(struct plan_compiler *c, uint32_t s, struct reach *r)
{
    const struct plan_step *step = &c->plan->steps[s];
    if (!c->step_sources[s].has_datasets)
        return;
    for (size_t i = 0; i < step->n_inputs; i++) {
        uint32_t writer = c->dataset_sources[step->inputs[i]].writer;
        if (writer != PLAN_NO_INDEX)
            r->stamp[writer] = s + 1;
    }
    for (size_t i = 0; i < step->n_edges; i++) {
        const struct plan_edge *e = &step->edges[i];
        if (e->upstream != s && r->stamp[e->upstream] != s + 1 && c->step_sources[e->upstream].has_datasets)
            bf_diag_add(c->d, BF_DIAG_WARNING, e->mark, "`%s` needs `%s`, but reads nothing that it writes", step->name,
                        c->plan->steps[e->upstream].name);
    }
}

void plan_lineage_link(struct plan_compiler *c)
{
    size_t n = c->plan->n_steps;
    struct reach needed = {bf_xcalloc(n, sizeof(uint32_t)), bf_xcalloc(n, 1)};
    struct reach explained = {bf_xcalloc(n, sizeof(uint32_t)), NULL};
    find_writers(c);
    for (uint32_t s = 0; s < n; s++) {
        check_producers(c, s);
        if (!c->step_sources[s].needs) {
            edges_from_lineage(c, s, &needed);
            continue;
        }
        if (plan_needs_read(c, s))
            check_covered(c, s, &needed);
        warn_unexplained(c, s, &explained);
    }
    free(needed.stamp);
    free(needed.covers);
    free(explained.stamp);
}
