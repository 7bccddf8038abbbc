/* Each step by itself: its keys, grain, policy, place to run, and the names of its datasets. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/keys.h"
#include "plan/read.h"

#define LABEL_MAX 128u
#define EXPECT_MS_PRESET 1000

static const struct bf_yaml_node *value_of(const struct bf_yaml_node *body, const char *key)
{
    return plan_keys_get(body, &plan_keys_step, key);
}

static char *shown_text(const struct bf_yaml_node *body, const char *key)
{
    const struct bf_yaml_node *n = value_of(body, key);
    return n ? bf_xstrdup(n->text) : NULL;
}

static void read_grain(struct plan_compiler *c, struct plan_step *step, struct plan_step_source *source)
{
    const struct bf_yaml_node *map = value_of(source->body, "partitions"), *n = NULL;
    enum plan_grain grain = c->plan->range.grain;
    bool inherited = true;
    if (map) {
        (void)plan_keys_check(c->d, map, &plan_keys_step_partitions);
        n = plan_keys_get(map, &plan_keys_step_partitions, "grain");
        if (n && !plan_grain_read(c, n, &grain))
            source->grain_bad = true;
        else if (!n && plan_keys_missing(map, &plan_keys_step_partitions, "grain"))
            bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "`grain` is missing: a step may only change its grain");
        inherited = !n;
    } else if (bf_yaml_get(source->body, "partitions")) {
        source->grain_bad = true;
    }
    if (source->grain_bad || (inherited && c->range_bad)) {
        source->grain_bad = true;
        step->range.grain = PLAN_DAY;       /* where every partition.… has a meaning: no error follows from this one */
        return;
    }
    step->range.grain = grain;
    if (plan_range_of(c, grain, &step->range) || c->range_bad)
        return;
    bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "step `%s` has grain %s, but the plan has no range: give it `partitions` with "
                "`grain`, `from` and `to`", step->name, plan_grain_name(grain));
    source->grain_bad = true;
}

static void read_policy(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    struct plan_policy policy = c->defaults;
    plan_policy_read(c, value_of(body, "retry"), value_of(body, "timebox"), value_of(body, "pool"), value_of(body, "priority"),
                     &policy);
    step->retry = policy.retry;
    step->timebox_ms = policy.timebox_ms;
    step->timebox_then = policy.timebox_then;
    step->pool = policy.pool;
    step->priority = policy.priority;
}

static void read_expect(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    const struct bf_yaml_node *map = value_of(body, "expect"), *n;
    step->expect_ms = step->kind == PLAN_NOOP ? 0 : EXPECT_MS_PRESET;
    if (!map || !plan_keys_check(c->d, map, &plan_keys_expect))
        return;
    if ((n = plan_keys_get(map, &plan_keys_expect, "duration")) != NULL)
        (void)plan_read_duration(c->d, n, "duration", 0, &step->expect_ms);
}

static void read_on_lost(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    static const struct plan_word words[] = {{"reroute_after_lease", 0, false}, {"wait_for_fence", 1, false}};
    const struct bf_yaml_node *n = value_of(body, "on_lost");
    int value;
    if (n && plan_read_word(c->d, n, "on_lost", words, 2, &value))
        step->wait_for_fence = value == 1;
}

static int by_label(const void *a, const void *b)
{
    return strcmp(((const struct plan_label *)a)->name, ((const struct plan_label *)b)->name);
}

static void read_labels(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    const struct bf_yaml_node *agents = value_of(body, "agents"), *map;
    const char *name, *value;
    if (!agents || !plan_keys_check(c->d, agents, &plan_keys_agents))
        return;
    if ((map = plan_keys_get(agents, &plan_keys_agents, "labels")) == NULL)
        return;
    step->labels = bf_xcalloc(map->n, sizeof *step->labels);
    for (size_t i = 0; i < map->n; i++) {
        if (plan_read_name(c->d, map->keys[i], "label", &name) && plan_read_text(c->d, map->items[i], name, LABEL_MAX, &value))
            step->labels[step->n_labels++] = (struct plan_label){.name = bf_xstrdup(name), .value = bf_xstrdup(value)};
    }
    if (step->n_labels > 1)
        qsort(step->labels, step->n_labels, sizeof *step->labels, by_label);
}

static bool contains(const uint32_t *at, size_t n, uint32_t value)
{
    for (size_t i = 0; i < n; i++)
        if (at[i] == value)
            return true;
    return false;
}

/* `inputs` or `outputs`: dataset indices and where each stands. */
static void read_datasets(struct plan_compiler *c, const struct bf_yaml_node *list, const char *key, uint32_t **ret, size_t *ret_n,
                          struct bf_mark **ret_marks)
{
    BF_AUTO_FREE uint8_t *seen = list->n > 16 ? bf_xcalloc(c->plan->n_datasets + 1, 1) : NULL;
    const char *name;
    *ret = bf_xcalloc(list->n, sizeof **ret);
    *ret_marks = bf_xcalloc(list->n, sizeof **ret_marks);
    for (size_t i = 0; i < list->n; i++) {
        struct bf_mark mark = list->items[i]->mark;
        if (!plan_read_name(c->d, list->items[i], "dataset", &name))
            continue;
        uint32_t at = plan_names_find(&c->datasets, name);
        if (at == PLAN_NO_INDEX) {
            plan_unknown(c->d, mark, "dataset", name, c->datasets.at, c->datasets.n, ": declare it under `datasets`");
        } else if (seen ? seen[at] : contains(*ret, *ret_n, at)) {
            bf_diag_add(c->d, BF_DIAG_ERROR, mark, "dataset `%s` stands twice in `%s`", name, key);
        } else {
            if (seen)
                seen[at] = 1;
            (*ret_marks)[*ret_n] = mark;
            (*ret)[(*ret_n)++] = at;
        }
    }
}

static void read_lineage(struct plan_compiler *c, struct plan_step *step, struct plan_step_source *source)
{
    const struct bf_yaml_node *inputs = value_of(source->body, "inputs"), *outputs = value_of(source->body, "outputs");
    source->has_datasets = (inputs && inputs->n > 0) || (outputs && outputs->n > 0);
    source->needs = value_of(source->body, "needs");
    if (inputs)
        read_datasets(c, inputs, "inputs", &step->inputs, &step->n_inputs, &source->input_marks);
    if (outputs)
        read_datasets(c, outputs, "outputs", &step->outputs, &step->n_outputs, &source->output_marks);
}

static void read_step(struct plan_compiler *c, size_t index)
{
    struct plan_step *step = &c->plan->steps[index];
    struct plan_step_source *source = &c->step_sources[index];
    const struct bf_yaml_node *body = source->body;
    if (!plan_keys_check(c->d, body, &plan_keys_step)) {
        source->body = NULL;
        return;
    }
    step->description = shown_text(body, "description");
    step->owner = shown_text(body, "owner");
    step->why = shown_text(body, "why");
    read_grain(c, step, source);
    read_policy(c, step, body);
    plan_script_read(c, step, body);
    read_expect(c, step, body);
    read_on_lost(c, step, body);
    read_labels(c, step, body);
    read_lineage(c, step, source);
}

/* Every name first: a step may need one that stands further down. */
static void read_names(struct plan_compiler *c, const struct bf_yaml_node *map)
{
    const char *name;
    c->plan->steps = bf_xcalloc(map->n, sizeof *c->plan->steps);
    c->step_sources = bf_xcalloc(map->n, sizeof *c->step_sources);
    for (size_t i = 0; i < map->n; i++) {
        if (!plan_read_name(c->d, map->keys[i], "step", &name))
            continue;
        struct plan_step *step = &c->plan->steps[c->plan->n_steps];
        *step = (struct plan_step){.name = bf_xstrdup(name), .mark = map->keys[i]->mark, .pool = PLAN_NO_INDEX,
                                   .connection = PLAN_NO_INDEX, .range = {.grain = PLAN_NONE, .first = 0, .n = 1}};
        c->step_sources[c->plan->n_steps++].body = map->items[i];
        plan_names_add(&c->steps, step->name);
    }
}

void plan_steps_read(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = plan_keys_get(c->root, &plan_keys_top, "steps");
    if (!map) {
        if (plan_keys_missing(c->root, &plan_keys_top, "steps"))
            bf_diag_add(c->d, BF_DIAG_ERROR, c->root->mark, "`steps` is missing: a plan needs at least one step");
        return;
    }
    if (map->n == 0) {
        bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "`steps` is empty: a plan needs at least one step");
        return;
    }
    if (map->n > PLAN_STEPS_MAX) {
        bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "the plan has %zu steps: the limit of steps in a plan is %u", map->n,
                    PLAN_STEPS_MAX);
        return;
    }
    read_names(c, map);
    for (size_t i = 0; i < c->plan->n_steps; i++)
        read_step(c, i);
}
