/* `needs`: items `step`, `step: mapping` or `{step: mapping, outside: …}`, and which mapping fits which grains. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/read.h"

#define DISTANCE_MAX 10000000      /* partitions back or ahead */
#define ADVICE ": use `same`, `previous 1`, `window -6..0`, `containing`, `contained` or `all`"

enum plan_mapping plan_mapping_between(enum plan_grain step, enum plan_grain upstream)
{
    if (step == upstream)
        return PLAN_SAME;
    return plan_grain_nests(step, upstream) ? PLAN_CONTAINING : plan_grain_nests(upstream, step) ? PLAN_CONTAINED : PLAN_ALL;
}

struct need {
    uint32_t step;                         /* whose need it is */
    struct plan_edge edge;
    bool outside_said;                     /* `outside` is written out */
    bool recovered;                        /* from a mapping that does not fit, which has been told */
};

/* ---- the mapping ---- */

/* What follows `word` in text, behind blanks; NULL when text begins with another word. */
static const char *after(const char *text, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(text, word, len) != 0 || (text[len] != ' ' && text[len] != '\0'))
        return NULL;
    return text + len + strspn(text + len, " ");
}

static bool read_previous(struct plan_compiler *c, struct bf_mark mark, const char *number, struct plan_edge *edge)
{
    int64_t n;
    if (!bf_parse_int(number, 1, DISTANCE_MAX, &n)) {
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "`previous` takes the number of partitions back, from 1 to %d", DISTANCE_MAX);
        bf_diag_fix(c->d, "write `previous 1`");
        return false;
    }
    edge->mapping = PLAN_PREVIOUS;
    edge->from = edge->to = -(int32_t)n;
    return true;
}

static bool read_window(struct plan_compiler *c, struct bf_mark mark, const char *ends, struct plan_edge *edge)
{
    const char *dots = strstr(ends, "..");
    BF_AUTO_FREE char *first = dots ? bf_xstrndup(ends, (size_t)(dots - ends)) : NULL;
    int64_t from, to;
    if (!dots || !bf_parse_int(first, -DISTANCE_MAX, DISTANCE_MAX, &from) ||
        !bf_parse_int(dots + 2, -DISTANCE_MAX, DISTANCE_MAX, &to)) {
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "`window` takes the first and the last partition, counted from this one");
        bf_diag_fix(c->d, "write `window -6..0` for the last seven");
        return false;
    }
    if (from > to) {
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "the window is empty: it begins at %lld, after its end at %lld", (long long)from, (long long)to);
        bf_diag_fix(c->d, "write `window %lld..%lld`", (long long)to, (long long)from);
        return false;
    }
    if (to - from >= PLAN_WINDOW_MAX) {
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "the window spans %lld partitions: the limit of a window is %u", (long long)(to - from + 1),
                    PLAN_WINDOW_MAX);
        bf_diag_fix(c->d, "use `all`, or a step of a coarser grain");
        return false;
    }
    edge->mapping = PLAN_WINDOW;
    edge->from = (int32_t)from;
    edge->to = (int32_t)to;
    return true;
}

static bool read_mapping(struct plan_compiler *c, const struct bf_yaml_node *n, struct plan_edge *edge)
{
    static const char *const words[] = {"same", "containing", "contained", "all", "previous 1", "window"};
    static const enum plan_mapping mappings[] = {PLAN_SAME, PLAN_CONTAINING, PLAN_CONTAINED, PLAN_ALL};
    const char *text, *rest;
    if (!plan_read_text(c->d, n, "the mapping of a need", PLAN_TEXT_MAX, &text))
        return false;
    if ((rest = after(text, "previous")) != NULL)
        return read_previous(c, n->mark, rest, edge);
    if ((rest = after(text, "window")) != NULL)
        return read_window(c, n->mark, rest, edge);
    for (size_t i = 0; i < sizeof mappings / sizeof *mappings; i++) {
        if (strcmp(text, words[i]) == 0) {
            edge->mapping = mappings[i];
            return true;
        }
    }
    plan_unknown(c->d, n->mark, "mapping", text, words, sizeof words / sizeof *words, ADVICE);
    return false;
}

static bool read_outside(struct plan_compiler *c, const struct bf_yaml_node *n, enum plan_outside *ret)
{
    static const struct plan_word words[] = {
        {"assume", PLAN_ASSUME, NULL}, {"require_success", PLAN_REQUIRE_SUCCESS, NULL}, {"refuse", PLAN_REFUSE, NULL}};
    int value;
    if (!plan_read_word(c->d, n, "outside", words, 3, &value))
        return false;
    *ret = (enum plan_outside)value;
    return true;
}

/* ---- one item ---- */

struct item_nodes { const struct bf_yaml_node *step, *mapping, *outside; };      /* mapping, outside: NULL when absent */

static bool split_item(struct plan_compiler *c, const struct bf_yaml_node *item, struct item_nodes *ret)
{
    *ret = (struct item_nodes){.step = item};
    if (item->kind == BF_YAML_SCALAR)
        return true;
    if (item->kind == BF_YAML_MAP && (item->n == 1 || item->n == 2)) {
        /* A step may be called `outside`: the word is the key only beside another one. */
        size_t outside = item->n == 1 ? 1 : strcmp(item->keys[1]->text, "outside") == 0 ? 1 : strcmp(item->keys[0]->text, "outside") == 0 ? 0 : 2;
        if (outside < 2) {
            size_t step = item->n == 1 ? 0 : 1 - outside;
            ret->step = item->keys[step];
            ret->mapping = item->items[step];
            ret->outside = item->n == 1 ? NULL : item->items[outside];
            return true;
        }
    }
    bf_diag_add(c->d, BF_DIAG_ERROR, item->mark, "an item of `needs` is a step, `step: mapping` or `{step: mapping, outside: …}`, one step an item");
    return false;
}

/* Why a mapping does not fit two grains; NULL when it does. */
static const char *misfit(const struct plan_edge *e, enum plan_grain step, enum plan_grain upstream, bool self)
{
    switch (e->mapping) {
    case PLAN_SAME:
        return self ? "a step cannot need its own partition" : step != upstream ? "`same` needs two steps of one grain" : NULL;
    case PLAN_PREVIOUS:
        return step != upstream ? "`previous` needs two steps of one grain"
                                : step == PLAN_NONE ? "`previous` means nothing without partitions (grain none)" : NULL;
    case PLAN_WINDOW:
        return step != upstream ? "`window` needs two steps of one grain"
               : step == PLAN_NONE ? "`window` means nothing without partitions (grain none)"
               : self && e->to >= 0 ? "a window on the step itself must end before the partition it is for" : NULL;
    case PLAN_CONTAINING:
        return step == upstream || !plan_grain_nests(step, upstream) ? "`containing` needs an upstream of a coarser grain" : NULL;
    case PLAN_CONTAINED:
        return step == upstream || !plan_grain_nests(upstream, step) ? "`contained` needs an upstream of a finer grain" : NULL;
    case PLAN_ALL:
        return self ? "a step cannot need all of its own partitions" : NULL;
    }
    return NULL;
}

static bool is_between(enum plan_grain a, enum plan_grain b)
{
    return (a == PLAN_WEEK && b == PLAN_MONTH) || (a == PLAN_MONTH && b == PLAN_WEEK);
}

static bool check_mapping(struct plan_compiler *c, const struct need *need)
{
    const struct plan_step *step = &c->plan->steps[need->step], *upstream = &c->plan->steps[need->edge.upstream];
    bool self = need->step == need->edge.upstream;
    const char *why = misfit(&need->edge, step->grain, upstream->grain, self);
    if (!why)
        return true;
    if (is_between(step->grain, upstream->grain) && need->edge.mapping >= PLAN_CONTAINING)
        why = "weeks and months do not nest";
    if (self) {
        bf_diag_add(c->d, BF_DIAG_ERROR, need->edge.mark, "%s", why);
        if (need->edge.mapping == PLAN_WINDOW && need->edge.from < 0)
            bf_diag_fix(c->d, "write `%s: window %d..-1`", step->name, need->edge.from);
        else if (step->grain != PLAN_NONE)
            bf_diag_fix(c->d, "write `%s: previous 1`", step->name);
        return false;
    }
    bf_diag_add(c->d, BF_DIAG_ERROR, need->edge.mark, "%s: `%s` has grain %s, `%s` has grain %s", why, step->name, plan_grain_name(step->grain),
                upstream->name, plan_grain_name(upstream->grain));
    bf_diag_fix(c->d, "write `%s: %s`", upstream->name, plan_mapping_name(plan_mapping_between(step->grain, upstream->grain)));
    return false;
}

/* A window over more partitions than there are is a slip of the pen, unless the plan says what lies outside, or the command line
 * narrowed the range. */
static void check_width(struct plan_compiler *c, const struct need *need)
{
    const struct plan_edge *e = &need->edge;
    int64_t width = (int64_t)e->to - e->from + 1, n = c->plan->steps[need->step].partitions->n;
    if (e->mapping != PLAN_WINDOW || need->outside_said || width <= n || !c->from.mark.line || !c->to.mark.line)
        return;
    bf_diag_add(c->d, BF_DIAG_ERROR, e->mark, "the window is wider than the range: it spans %lld partitions, and the plan has %lld of grain %s",
                (long long)width, (long long)n, plan_grain_name(c->plan->steps[need->step].grain));
    bf_diag_fix(c->d, "narrow it, widen the range, or say `outside: assume`");
}

static void check_outside(struct plan_compiler *c, const struct need *need)
{
    enum plan_mapping m = need->edge.mapping;
    if (need->outside_said && !need->recovered && (m == PLAN_SAME || m == PLAN_CONTAINING || m == PLAN_ALL))
        bf_diag_add(c->d, BF_DIAG_WARNING, need->edge.mark, "`outside` has no effect with `%s`: all that it needs lies in the range",
                    plan_mapping_name(m));
}

enum item { ITEM_GOOD, ITEM_SKIP, ITEM_NO_STEP };

/* A mapping that does not fit is told and then taken as `all`: the step is known, so that the errors that follow are its own. */
static enum item read_item(struct plan_compiler *c, uint32_t step, const struct bf_yaml_node *item, struct need *ret)
{
    struct item_nodes nodes;
    const char *name;
    if (!split_item(c, item, &nodes) || !plan_read_name(c->d, nodes.step, "step", &name))
        return ITEM_NO_STEP;
    struct need need = {.step = step, .edge = {.upstream = plan_names_find(&c->steps, name), .mark = nodes.step->mark}};
    if (need.edge.upstream == PLAN_NO_INDEX) {
        plan_unknown(c->d, nodes.step->mark, "step", name, c->steps.at, c->steps.n, ": `needs` names steps of this plan");
        return ITEM_NO_STEP;
    }
    bool good = !nodes.mapping || read_mapping(c, nodes.mapping, &need.edge);
    if (nodes.outside)
        need.outside_said = read_outside(c, nodes.outside, &need.edge.outside);
    if (c->step_sources[step].grain_bad || c->step_sources[need.edge.upstream].grain_bad)
        return ITEM_SKIP;
    if (!nodes.mapping)
        need.edge.mapping = plan_mapping_between(c->plan->steps[step].grain, c->plan->steps[need.edge.upstream].grain);
    if (!good || !check_mapping(c, &need)) {
        need.edge = (struct plan_edge){.upstream = need.edge.upstream, .mapping = PLAN_ALL, .mark = need.edge.mark};
        need.recovered = true;
    }
    check_outside(c, &need);
    check_width(c, &need);
    *ret = need;
    return ITEM_GOOD;
}

/* ---- the list ---- */

/* What makes two needs the same; compared as bytes. */
struct edge_key { uint32_t upstream, mapping; int32_t from, to; };

/* Adds the edge, or tells that it stands there twice. */
static void add_edge(struct plan_compiler *c, struct plan_step *step, const struct plan_edge *e, struct bf_smap *seen)
{
    const struct edge_key key = {e->upstream, e->mapping, e->from, e->to};
    const struct plan_edge *first = bf_smap_get(seen, &key, sizeof key);
    if (first) {
        bf_diag_add(c->d, BF_DIAG_ERROR, e->mark, "`%s` stands twice in `needs` with the same mapping", c->plan->steps[e->upstream].name);
        bf_diag_add(c->d, BF_DIAG_NOTE, first->mark, "first written here");
        return;
    }
    struct plan_edge *kept = &step->edges[step->n_edges++];
    *kept = *e;
    bf_smap_put(seen, &key, sizeof key, kept);
}

bool plan_needs_read(struct plan_compiler *c, uint32_t index)
{
    struct plan_step *step = &c->plan->steps[index];
    const struct bf_yaml_node *list = c->step_sources[index].needs;
    struct bf_smap seen = {0};
    bool clear = true;
    step->edges = bf_xcalloc(list->n, sizeof *step->edges);
    for (size_t i = 0; i < list->n; i++) {
        struct need need;
        enum item item = read_item(c, index, list->items[i], &need);
        clear &= item != ITEM_NO_STEP;
        if (item == ITEM_GOOD && need.recovered)
            step->edges[step->n_edges++] = need.edge;
        else if (item == ITEM_GOOD)
            add_edge(c, step, &need.edge, &seen);
    }
    bf_smap_free(&seen);
    return clear;
}
