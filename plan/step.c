/* Each step by itself: its keys, grain, policy, place to run, and the names of its datasets. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/compile.h"
#include "plan/deadline.h"
#include "plan/keys.h"
#include "plan/read.h"

#define EXPECT_MS_PRESET 1000

static const struct bf_yaml_node *value_of(const struct bf_yaml_node *body, const char *key)
{
    return plan_keys_get(body, &plan_keys_step, key);
}

static void read_grain(struct plan_compiler *c, struct plan_step *step, struct plan_step_source *source)
{
    const struct bf_yaml_node *map = value_of(source->body, "partitions");
    const struct plan_keys *keys = &plan_keys_step_partitions;
    int grain = (int)c->plan->grain, partial = c->plan->partial;
    bool inherited = true;
    if (map) {
        (void)plan_keys_check(c->d, map, keys);
        inherited = !plan_keys_word(c->d, map, keys, "grain", &grain);
        source->grain_bad = inherited && bf_yaml_get(map, "grain");
        (void)plan_keys_word(c->d, map, keys, "partial", &partial);
    } else if (bf_yaml_get(source->body, "partitions")) {
        source->grain_bad = true;
    }
    step->partial = partial;
    source->grain_bad |= inherited && c->grain_bad;
    if (source->grain_bad)
        return;
    step->grain = (enum plan_grain)grain;
    const struct plan_partitions *table = plan_partitions_of(c, step->grain);
    if (table)
        step->partitions = table;
    if (table || c->range_bad)
        return;                                /* without a range, the grain alone still says which mappings fit */
    c->range_bad = true;
    bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "step `%s` has grain %s, but the plan has no range: give it `partitions` with "
                "`grain`, `from` and `to`", step->name, plan_grain_name(step->grain));
}

static void read_policy(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    struct plan_policy policy = c->defaults;
    plan_policy_read(c, body, &plan_keys_step, &policy);
    step->retry = policy.retry;
    step->timebox_ms = policy.timebox_ms;
    step->timebox_then = policy.timebox_then;
    step->pool = policy.n_pools > 0 ? policy.pools[0] : PLAN_NO_INDEX;
    for (uint32_t i = 1; i < policy.n_pools; i++)
        step->also[step->n_also++] = policy.pools[i];
    step->priority = policy.priority;
}

static void read_expect(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    const struct bf_yaml_node *map = value_of(body, "expect"), *n;
    step->expect_ms = step->kind == PLAN_NOOP ? 0 : EXPECT_MS_PRESET;
    if (!map || !plan_keys_check(c->d, map, &plan_keys_expect))
        return;
    if ((n = plan_keys_get(map, &plan_keys_expect, "duration")) != NULL)
        step->expected = plan_read_duration(c->d, n, "duration", 0, &step->expect_ms);
}

static void read_resources(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    const struct bf_yaml_node *map = value_of(body, "resources");
    if (map && plan_keys_check(c->d, map, &plan_keys_resources))
        plan_budget_read(c, map, &plan_keys_resources, true, &step->resources);
}

/* Of the words for what is lost, or takes long. */
static void read_on_loss(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    int value;
    if (plan_keys_word(c->d, body, &plan_keys_step, "on_lost", &value))
        step->wait_for_fence = value;
    if (plan_keys_word(c->d, body, &plan_keys_step, "on_straggler", &value))
        step->rerun = value;
}

/* Sorted, each once. */
static void read_tags(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    const struct bf_yaml_node *list = value_of(body, "tags");
    const char *name;
    if (!list || !plan_value_count(c->d, list, "tags", plan_keys_find(&plan_keys_step, "tags")->type))
        return;
    step->tags = bf_xcalloc(list->n, sizeof *step->tags);
    for (size_t i = 0; i < list->n; i++) {
        if (!plan_read_name(c->d, list->items[i], "tag", &name))
            continue;
        size_t at = 0;
        while (at < step->n_tags && strcmp(step->tags[at], name) < 0)
            at++;
        size_t tail = step->n_tags - at;
        if (tail > 0 && strcmp(step->tags[at], name) == 0) {
            bf_diag_add(c->d, BF_DIAG_WARNING, list->items[i]->mark, "the tag `%s` is given twice", name);
            bf_diag_fix(c->d, "leave one out");
            continue;
        }
        memmove(&step->tags[at + 1], &step->tags[at], tail * sizeof *step->tags);
        step->tags[at] = bf_xstrdup(name);
        step->n_tags++;
    }
}

/* What a step says about its urgency, besides its class. */
static void read_urgency(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    const struct bf_yaml_node *deadline = value_of(body, "deadline");
    int64_t weight;
    if (plan_keys_int(c->d, body, &plan_keys_step, "weight", &weight))
        step->weight = (uint32_t)weight;
    (void)plan_keys_duration(c->d, body, &plan_keys_step, "tolerance", &step->tolerance_ms);
    if (deadline)
        plan_deadline_read(c, deadline, &step->deadline);
}

static int by_label(const void *a, const void *b)
{
    return strcmp(((const struct plan_label *)a)->name, ((const struct plan_label *)b)->name);
}

static void read_labels(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map)
{
    const struct plan_type *type = plan_keys_find(&plan_keys_agents, "labels")->type->of;
    const char *name;
    step->labels = bf_xcalloc(map->n, sizeof *step->labels);
    for (size_t i = 0; i < map->n; i++) {
        if (plan_read_name(c->d, map->keys[i], "label", &name) && plan_value_check(c->d, map->items[i], name, type))
            step->labels[step->n_labels++] = (struct plan_label){.name = bf_xstrdup(name), .value = bf_xstrdup(map->items[i]->text)};
    }
    if (step->n_labels > 1)
        qsort(step->labels, step->n_labels, sizeof *step->labels, by_label);
}

/* After its lineage: what is preferred is said of inputs. */
static void read_placement(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *agents)
{
    const struct bf_yaml_node *spread = plan_keys_get(agents, &plan_keys_agents, "spread");
    struct plan_placement *p = &step->placement;
    const char *name;
    int value;
    if (plan_keys_word(c->d, agents, &plan_keys_agents, "prefer", &value)) {
        p->prefer_inputs = true;
        if (step->n_inputs == 0)
            bf_diag_add(c->d, BF_DIAG_ERROR, plan_keys_get(agents, &plan_keys_agents, "prefer")->mark,
                        "`prefer: inputs` needs `inputs`: the step names none");
    }
    (void)plan_keys_duration(c->d, agents, &plan_keys_agents, "wait", &p->wait_ms);
    if (spread && plan_read_name(c->d, spread, "label", &name))
        p->spread = bf_xstrdup(name);
}

static void read_agents(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *body)
{
    const struct bf_yaml_node *agents = value_of(body, "agents"), *map;
    if (!agents || !plan_keys_check(c->d, agents, &plan_keys_agents))
        return;
    if ((map = plan_keys_get(agents, &plan_keys_agents, "labels")) != NULL)
        read_labels(c, step, map);
    read_placement(c, step, agents);
}

static void read_lineage(struct plan_compiler *c, struct plan_step *step, struct plan_step_source *source)
{
    const struct bf_yaml_node *inputs = value_of(source->body, "inputs"), *outputs = value_of(source->body, "outputs");
    source->has_outputs = outputs && outputs->n > 0;
    source->has_datasets = (inputs && inputs->n > 0) || source->has_outputs;
    source->needs = value_of(source->body, "needs");
    c->outputs_bad |= !outputs && !plan_keys_missing(source->body, &plan_keys_step, "outputs");
    if (inputs)
        plan_datasets_read(c, inputs, "inputs", &step->inputs, &step->n_inputs, &source->input_marks);
    if (outputs)
        plan_datasets_read(c, outputs, "outputs", &step->outputs, &step->n_outputs, &source->output_marks);
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
    plan_words_read(body, &plan_keys_step, &step->words);
    read_grain(c, step, source);
    read_policy(c, step, body);
    read_lineage(c, step, source);
    plan_script_read(c, step, body);
    plan_checks_read(c, step, body);
    read_expect(c, step, body);
    read_resources(c, step, body);
    read_on_loss(c, step, body);
    read_tags(c, step, body);
    read_urgency(c, step, body);
    read_agents(c, step, body);
    step->breaker = plan_breaker_of(c, body, &plan_keys_step, BREAKER_STEP);
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
                                   .connection = PLAN_NO_INDEX, .partitions = plan_partitions_of(c, PLAN_NONE)};
        c->step_sources[c->plan->n_steps++].body = map->items[i];
        plan_names_add(&c->steps, step->name);
    }
}

void plan_steps_read(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = plan_keys_get(c->root, &plan_keys_top, "steps");
    if (!map)
        return;
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
