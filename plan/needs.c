/* `needs`: items `step` or `step: mapping`, and which mapping fits which grains. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/read.h"

#define PREVIOUS_MAX 10000000      /* under 2^24: part of a key below */

/* Does a partition of grain a hold several of grain b?  None holds everything. */
static bool coarser(enum plan_grain a, enum plan_grain b)
{
    static const int size[] = {[PLAN_DAY] = 1, [PLAN_MONTH] = 2, [PLAN_NONE] = 3};
    return size[a] > size[b];
}

enum plan_mapping plan_mapping_between(enum plan_grain step, enum plan_grain upstream)
{
    return step == upstream ? PLAN_SAME : coarser(upstream, step) ? PLAN_CONTAINING : PLAN_CONTAINED;
}

struct need {
    uint32_t step;                         /* whose need it is */
    struct plan_edge edge;
    bool recovered;                        /* from a mapping that does not fit, which has been told */
};

static bool read_mapping(struct plan_compiler *c, const struct bf_yaml_node *n, struct plan_edge *edge)
{
    static const char *const words[] = {"same", "previous 1", "containing", "contained", "all"};
    static const enum plan_mapping mappings[] = {PLAN_SAME, PLAN_PREVIOUS, PLAN_CONTAINING, PLAN_CONTAINED, PLAN_ALL};
    const char *text;
    int64_t previous;
    if (!plan_read_text(c->d, n, "the mapping of a need", PLAN_TEXT_MAX, &text))
        return false;
    if (strncmp(text, "previous", 8) == 0 && (text[8] == ' ' || text[8] == '\0')) {
        while (text[8] == ' ')
            text++;
        if (!bf_parse_int(text + 8, 1, PREVIOUS_MAX, &previous)) {
            bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`previous` takes the number of partitions back, from 1: `previous 1`");
            return false;
        }
        edge->mapping = PLAN_PREVIOUS;
        edge->previous = (uint32_t)previous;
        return true;
    }
    if (strncmp(text, "window", 6) == 0 && (text[6] == ' ' || text[6] == '\0')) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "the mapping `window` is not supported yet");
        return false;
    }
    for (size_t i = 0; i < 5; i++) {
        if (strcmp(text, words[i]) == 0 && mappings[i] != PLAN_PREVIOUS) {
            edge->mapping = mappings[i];
            return true;
        }
    }
    plan_unknown(c->d, n->mark, "mapping", text, words, 5, ": use `same`, `previous 1`, `containing`, `contained` or `all`");
    return false;
}

/* The step and the mapping's node of an item; *ret_mapping NULL when only the step stands there. */
static bool split_item(struct plan_compiler *c, const struct bf_yaml_node *item, const struct bf_yaml_node **ret_step,
                       const struct bf_yaml_node **ret_mapping)
{
    if (item->kind == BF_YAML_SCALAR) {
        *ret_step = item;
        *ret_mapping = NULL;
        return true;
    }
    bool good = item->kind == BF_YAML_MAP && item->n > 0;
    for (size_t i = 1; good && i < item->n; i++) {
        if (strcmp(item->keys[i]->text, "outside") == 0)
            bf_diag_add(c->d, BF_DIAG_ERROR, item->keys[i]->mark, "`outside` of a need is not supported yet");
        else
            good = false;
    }
    if (!good) {
        bf_diag_add(c->d, BF_DIAG_ERROR, item->mark, "an item of `needs` is a step, or `step: mapping`, one step an item");
        return false;
    }
    *ret_step = item->keys[0];
    *ret_mapping = item->items[0];
    return true;
}

/* Why a mapping does not fit two grains; NULL when it does. */
static const char *misfit(const struct plan_edge *e, enum plan_grain step, enum plan_grain upstream, bool self)
{
    switch (e->mapping) {
    case PLAN_SAME:
        return self ? "a step cannot need its own partition: use `previous 1`"
                    : step != upstream ? "`same` needs two steps of one grain" : NULL;
    case PLAN_PREVIOUS:
        return step != upstream ? "`previous` needs two steps of one grain"
                                : step == PLAN_NONE ? "`previous` means nothing without partitions (grain none)" : NULL;
    case PLAN_CONTAINING:
        return !coarser(upstream, step) ? "`containing` needs an upstream of a coarser grain" : NULL;
    case PLAN_CONTAINED:
        return !coarser(step, upstream) ? "`contained` needs an upstream of a finer grain" : NULL;
    case PLAN_ALL:
        return self ? "a step cannot need all of its own partitions: use `previous 1`" : NULL;
    }
    return NULL;
}

static bool check_mapping(struct plan_compiler *c, const struct need *need)
{
    const struct plan_step *step = &c->plan->steps[need->step], *upstream = &c->plan->steps[need->edge.upstream];
    const char *why = misfit(&need->edge, step->range.grain, upstream->range.grain, need->step == need->edge.upstream);
    if (!why)
        return true;
    if (need->step == need->edge.upstream)
        bf_diag_add(c->d, BF_DIAG_ERROR, need->edge.mark, "%s", why);
    else
        bf_diag_add(c->d, BF_DIAG_ERROR, need->edge.mark, "%s: `%s` has grain %s, `%s` has grain %s; use `%s`", why, step->name,
                    plan_grain_name(step->range.grain), upstream->name, plan_grain_name(upstream->range.grain),
                    plan_mapping_name(plan_mapping_between(step->range.grain, upstream->range.grain)));
    return false;
}

enum item { ITEM_GOOD, ITEM_SKIP, ITEM_NO_STEP };

/* A mapping that does not fit is told and then taken as `all`: the step is known, so that the errors that follow are its own. */
static enum item read_item(struct plan_compiler *c, uint32_t step, const struct bf_yaml_node *item, struct need *ret)
{
    const struct bf_yaml_node *name_node, *mapping;
    const char *name;
    if (!split_item(c, item, &name_node, &mapping) || !plan_read_name(c->d, name_node, "step", &name))
        return ITEM_NO_STEP;
    struct need need = {.step = step, .edge = {.upstream = plan_names_find(&c->steps, name), .mark = name_node->mark}};
    if (need.edge.upstream == PLAN_NO_INDEX) {
        plan_unknown(c->d, name_node->mark, "step", name, c->steps.at, c->steps.n, ": `needs` names steps of this plan");
        return ITEM_NO_STEP;
    }
    bool good = !mapping || read_mapping(c, mapping, &need.edge);
    if (c->step_sources[step].grain_bad || c->step_sources[need.edge.upstream].grain_bad)
        return ITEM_SKIP;
    if (!mapping)
        need.edge.mapping = plan_mapping_between(c->plan->steps[step].range.grain,
                                                 c->plan->steps[need.edge.upstream].range.grain);
    if (!good || !check_mapping(c, &need)) {
        need.edge.mapping = PLAN_ALL;
        need.edge.previous = 0;
        need.recovered = true;
    }
    *ret = need;
    return ITEM_GOOD;
}

bool plan_needs_read(struct plan_compiler *c, uint32_t index)
{
    struct plan_step *step = &c->plan->steps[index];
    const struct bf_yaml_node *list = c->step_sources[index].needs;
    struct bf_map seen = {0};
    bool clear = true;
    step->edges = bf_xcalloc(list->n, sizeof *step->edges);
    for (size_t i = 0; i < list->n; i++) {
        struct need need;
        enum item item = read_item(c, index, list->items[i], &need);
        clear &= item != ITEM_NO_STEP;
        if (item != ITEM_GOOD)
            continue;
        const struct plan_edge *e = &need.edge;
        if (need.recovered) {
            step->edges[step->n_edges++] = *e;
            continue;
        }
        uint64_t key = ((uint64_t)e->upstream * 8 + e->mapping) << 24 | e->previous;
        if (bf_map_get(&seen, key, NULL)) {
            bf_diag_add(c->d, BF_DIAG_ERROR, e->mark, "`%s` stands twice in `needs` with the same mapping",
                        c->plan->steps[e->upstream].name);
            continue;
        }
        bf_map_put(&seen, key, 1);
        step->edges[step->n_edges++] = *e;
    }
    bf_map_free(&seen);
    return clear;
}
