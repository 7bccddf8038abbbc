/* plan_compile: the passes in order, what they share, and the limits on the whole. */
#include "plan/compile.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/vec.h"
#include "plan/hash.h"

/* ---- names ---- */

void plan_names_add(struct plan_names *names, const char *name)
{
    if (names->n == names->cap) {
        names->cap = bf_vec_grow(names->cap, names->n + 1);
        names->at = bf_xreallocarray(names->at, names->cap, sizeof *names->at);
    }
    names->at[names->n++] = name;
    bf_smap_put(&names->index, name, strlen(name), (void *)(uintptr_t)names->n);
}

uint32_t plan_names_find(const struct plan_names *names, const char *name)
{
    uintptr_t found = (uintptr_t)bf_smap_get(&names->index, name, strlen(name));
    return found ? (uint32_t)(found - 1) : PLAN_NO_INDEX;
}

void plan_names_done(struct plan_names *names)
{
    bf_smap_free(&names->index);
    free(names->at);
    *names = (struct plan_names){0};
}

/* ---- what is only needed while compiling ---- */

static void compiler_init(struct plan_compiler *c)
{
    place_lines_init(&c->lines, c->d->source, c->d->source_len);
    for (size_t i = 0; i < c->source->n_files; i++)
        plan_names_add(&c->files, c->source->files[i].path);
}

static void compiler_done(struct plan_compiler *c)
{
    for (size_t i = 0; c->step_sources && i < c->plan->n_steps; i++) {
        free(c->step_sources[i].input_marks);
        free(c->step_sources[i].output_marks);
        free(c->step_sources[i].staged);
    }
    free(c->step_sources);
    free(c->dataset_sources);
    place_lines_done(&c->lines);
    plan_names_done(&c->steps);
    plan_names_done(&c->pools);
    plan_names_done(&c->connections);
    plan_names_done(&c->datasets);
    plan_names_done(&c->params);
    plan_names_done(&c->files);
}

/* ---- the whole ---- */

static void count_instances(struct plan_compiler *c)
{
    struct plan *p = c->plan;
    for (size_t i = 0; i < p->n_steps && !c->range_bad; i++)
        p->n_instances += p->steps[i].partitions->n;
    if (p->n_instances > PLAN_INSTANCES_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, c->from.mark, "the plan has %llu step instances: the limit of instances in a backfill is %u",
                    (unsigned long long)p->n_instances, PLAN_INSTANCES_MAX);
}

static int by_step_name(const void *a, const void *b)
{
    return strcmp((*(const struct plan_step *const *)a)->name, (*(const struct plan_step *const *)b)->name);
}

/* Fills p->by_name. */
static void index_steps(struct plan *p)
{
    const struct plan_step **sorted = bf_xcalloc(p->n_steps + 1, sizeof *sorted);
    for (size_t i = 0; i < p->n_steps; i++)
        sorted[i] = &p->steps[i];
    qsort(sorted, p->n_steps, sizeof *sorted, by_step_name);
    p->by_name = bf_xcalloc(p->n_steps + 1, sizeof *p->by_name);
    for (size_t i = 0; i < p->n_steps; i++)
        p->by_name[i] = (uint32_t)(sorted[i] - p->steps);
    free(sorted);
}

static void run_passes(struct plan_compiler *c)
{
    if (!plan_document_read(c))
        return;
    plan_steps_read(c);
    plan_range_check_whole(c);
    plan_lineage_link(c);
    plan_outside_check(c);
    plan_graph_order(c);
    count_instances(c);
    plan_windows_check(c);
    plan_uses_check(c);
    plan_specs_check(c);
}

static bool too_big(const struct plan_source *source, struct bf_diags *d)
{
    size_t bytes = source->text_len;
    for (size_t i = 0; i < source->n_files; i++)
        bytes += source->files[i].text_len;
    if (bytes <= BF_YAML_MAX_BYTES)
        return false;
    bf_diag_add(d, BF_DIAG_ERROR, (struct bf_mark){0}, "the plan and its files have %zu bytes: the limit of a plan is %u", bytes,
                BF_YAML_MAX_BYTES);
    return true;
}

struct plan *plan_compile(const struct plan_source *source, const struct plan_options *options, struct bf_diags *d)
{
    size_t errors = d->n_errors;
    d->file = source->name ? source->name : "plan";
    d->source = source->text;
    d->source_len = source->text_len;
    if (too_big(source, d))
        return NULL;
    struct bf_yaml *y = bf_yaml_parse(d);
    if (!y)
        return NULL;
    struct plan_compiler c = {.source = source, .options = options, .d = d, .root = bf_yaml_root(y)};
    c.plan = bf_xcalloc(1, sizeof *c.plan);
    c.plan->zone = zone_utc();
    compiler_init(&c);
    run_passes(&c);
    struct plan *plan = c.plan;
    bool good = d->n_errors == errors;
    compiler_done(&c);
    bf_yaml_free(y);
    if (!good) {
        plan_free(plan);
        return NULL;
    }
    index_steps(plan);
    for (size_t i = 0; i < plan->n_steps; i++)
        plan_step_hash(plan, &plan->steps[i], plan->steps[i].hash);
    plan_hash(plan, plan->hash);
    plan_source_hash(source, plan->source_hash);
    return plan;
}
