/* `needs`: items `step`, `step: mapping` or `{step: mapping, outside: …}`, which mapping fits which grains, and what `outside: refuse`
 * refuses. */
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/outside.h"
#include "plan/read.h"
#include "plan/words.h"


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
    if (!bf_parse_int(number, 1, PLAN_DISTANCE_MAX, &n)) {
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "`previous` takes the number of partitions back, from 1 to %d", PLAN_DISTANCE_MAX);
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
    if (!dots || !bf_parse_int(first, -PLAN_DISTANCE_MAX, PLAN_DISTANCE_MAX, &from) ||
        !bf_parse_int(dots + 2, -PLAN_DISTANCE_MAX, PLAN_DISTANCE_MAX, &to)) {
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "`window` takes the first and the last partition, counted from this one");
        bf_diag_fix(c->d, "write `window -6..0` for the last seven");
        return false;
    }
    if (from > to) {
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "the window is empty: it begins at %lld, after its end at %lld", (long long)from,
                    (long long)to);
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

/* The advice shows each mapping by an example, "previous 1", "window -6..0"; a slip of the pen keeps the numbers that were written. */
static void unknown_mapping(struct plan_compiler *c, struct bf_mark mark, const char *text)
{
    char shown[PLAN_CLIP];
    const char *names[PLAN_ALL + 1], *numbers = strchr(plan_clip(text, shown), ' ');
    struct bf_buf near[PLAN_ALL + 1] = {0}, advice = {0};
    size_t n = 0;
    for (const struct plan_word *w = plan_mapping_words; w->word; w++, n++) {
        bool counts = w->value == PLAN_PREVIOUS || w->value == PLAN_WINDOW;
        struct plan_edge example = {.mapping = (enum plan_mapping)w->value, .from = w->value == PLAN_PREVIOUS ? -1 : -6};
        bf_buf_put_str(&advice, n == 0 ? ": use `" : w[1].word ? "`, `" : "` or `");
        plan_edge_words(&example, &advice);
        if (counts && numbers)
            bf_buf_printf(&near[n], "%s%s", w->word, numbers);
        else
            plan_edge_words(&example, &near[n]);
        names[n] = bf_buf_cstr(&near[n]);
    }
    bf_buf_put_str(&advice, "`");
    plan_unknown(c->d, mark, "mapping", text, names, n, bf_buf_cstr(&advice));
    for (size_t i = 0; i < n; i++)
        bf_buf_free(&near[i]);
    bf_buf_free(&advice);
}

static bool read_mapping(struct plan_compiler *c, const struct bf_yaml_node *n, struct plan_edge *edge)
{
    const char *text;
    if (!plan_read_text(c->d, n, "the mapping of a need", PLAN_TEXT_MAX, &text))
        return false;
    for (const struct plan_word *w = plan_mapping_words; w->word; w++) {
        const char *rest = after(text, w->word);
        if (rest && w->value == PLAN_PREVIOUS)
            return read_previous(c, n->mark, rest, edge);
        if (rest && w->value == PLAN_WINDOW)
            return read_window(c, n->mark, rest, edge);
        if (strcmp(text, w->word) == 0) {
            edge->mapping = (enum plan_mapping)w->value;
            return true;
        }
    }
    unknown_mapping(c, n->mark, text);
    return false;
}

static bool read_outside(struct plan_compiler *c, const struct bf_yaml_node *n, enum plan_outside *ret)
{
    int value;
    if (!plan_read_word(c->d, n, "outside", plan_outside_words, &value))
        return false;
    *ret = (enum plan_outside)value;
    return true;
}

/* ---- one item ---- */

struct item_nodes { const struct bf_yaml_node *step, *mapping, *outside; };      /* mapping, outside: NULL when absent */

/* The place of the key `outside` among the two of an item; 2 when there is none.  A step may be called `outside`: the word is the key
 * only beside another one.  A misspelt one is told, and taken for what is meant. */
static size_t find_outside(struct plan_compiler *c, const struct bf_yaml_node *item)
{
    static const char *const names[] = {"outside"};
    for (size_t i = 2; i-- > 0;)
        if (strcmp(item->keys[i]->text, names[0]) == 0)
            return i;
    for (size_t i = 2; i-- > 0;) {
        const struct bf_yaml_node *key = item->keys[i];
        if (plan_names_find(&c->steps, key->text) != PLAN_NO_INDEX || !bf_nearest(key->text, names, 1))
            continue;
        plan_unknown(c->d, key->mark, "key of a need:", key->text, names, 1, "");
        return i;
    }
    return 2;
}

static bool split_item(struct plan_compiler *c, const struct bf_yaml_node *item, struct item_nodes *ret)
{
    size_t outside = item->kind == BF_YAML_MAP && item->n == 2 ? find_outside(c, item) : 2;
    *ret = (struct item_nodes){.step = item};
    if (item->kind == BF_YAML_SCALAR)
        return true;
    if (item->kind == BF_YAML_MAP && (item->n == 1 || outside < 2)) {
        size_t step = outside < 2 ? 1 - outside : 0;
        ret->step = item->keys[step];
        ret->mapping = item->items[step];
        ret->outside = outside < 2 ? item->items[outside] : NULL;
        return true;
    }
    bf_diag_add(c->d, BF_DIAG_ERROR, item->mark, "an item of `needs` is a step, `step: mapping` or `{step: mapping, outside: …}`, one step "
                "an item");
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
    bf_diag_add(c->d, BF_DIAG_ERROR, need->edge.mark, "%s: `%s` has grain %s, `%s` has grain %s", why, step->name,
                plan_grain_name(step->grain), upstream->name, plan_grain_name(upstream->grain));
    bf_diag_fix(c->d, "write `%s: %s`", upstream->name, plan_mapping_name(plan_mapping_between(step->grain, upstream->grain)));
    return false;
}

/* A window over more partitions than there are is a slip of the pen, unless the plan says what lies outside, or the command line
 * narrowed the range. */
static void check_width(struct plan_compiler *c, const struct need *need)
{
    const struct plan_edge *e = &need->edge;
    int64_t width = (int64_t)e->to - e->from + 1, n = c->plan->steps[need->step].partitions->n;
    if (e->mapping != PLAN_WINDOW || need->outside_said || c->range_bad || width <= n || !c->from.mark.line || !c->to.mark.line)
        return;
    bf_diag_add(c->d, BF_DIAG_ERROR, e->mark, "the window is wider than the range: it spans %lld partitions, "
                                              "and the plan has %lld of grain %s",
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

/* A window of one partition says what `same` or `previous` says: one meaning has one form, and one hash. */
static void name_plainly(struct plan_edge *e)
{
    if (e->mapping == PLAN_WINDOW && e->from == e->to && e->to <= 0)
        e->mapping = e->to == 0 ? PLAN_SAME : PLAN_PREVIOUS;
}

enum item { ITEM_GOOD, ITEM_SKIP, ITEM_NO_STEP };

/* A mapping that does not fit is told and then taken as `all`: the step is known, so that the errors that follow are its own. */
static enum item read_item(struct plan_compiler *c, uint32_t step, const struct bf_yaml_node *item, struct need *ret)
{
    struct item_nodes nodes;
    struct need need = {.step = step};
    if (!split_item(c, item, &nodes) || !plan_ref_read(c, nodes.step, PLAN_REF_STEP, &need.edge.upstream))
        return ITEM_NO_STEP;
    need.edge.mark = nodes.step->mark;
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
    name_plainly(&need.edge);
    *ret = need;
    return ITEM_GOOD;
}

/* ---- the list ---- */

/* What makes two needs the same; compared as bytes. */
struct edge_key { uint32_t upstream, mapping; int32_t from, to; };

/* Adds the edge, or tells that it is given twice. */
static void add_edge(struct plan_compiler *c, struct plan_step *step, const struct plan_edge *e, struct bf_smap *seen)
{
    const struct edge_key key = {e->upstream, e->mapping, e->from, e->to};
    const struct plan_edge *first = bf_smap_get(seen, &key, sizeof key);
    if (first) {
        bf_diag_add(c->d, BF_DIAG_ERROR, e->mark, "`%s` is given twice in `needs` with the same mapping", c->plan->steps[e->upstream].name);
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

/* ---- outside: refuse ---- */

static void refuse_outside(struct plan_compiler *c, const struct plan_edge *e, const struct plan_partitions *table)
{
    const struct plan_step *up = &c->plan->steps[e->upstream];
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
    plan_partition_key(table, 0, first);
    plan_partition_key(table, table->n - 1, last);
    if (table->n == 1)
        bf_diag_add(c->d, BF_DIAG_ERROR, e->mark, "a partition of `%s` that is needed lies outside the range: %s", up->name, first);
    else
        bf_diag_add(c->d, BF_DIAG_ERROR, e->mark, "%u partitions of `%s` that are needed lie outside the "
                                                  "range: the first is %s, the last %s",
                    table->n, up->name, first, last);
    bf_diag_fix(c->d, "widen the range, or say `outside: assume` or `outside: require_success`");
}

void plan_outside_check(struct plan_compiler *c)
{
    if (c->range_bad)
        return;
    plan_outside_prepare(c->plan);
    for (uint32_t s = 0; s < c->plan->n_steps && c->d->n < BF_DIAG_MAX; s++) {
        const struct plan_step *step = &c->plan->steps[s];
        for (size_t i = 0; i < step->n_edges; i++) {
            struct plan_outside_partitions o;
            if (step->edges[i].outside != PLAN_REFUSE || !plan_outside(c->plan, s, &step->edges[i], &o))
                continue;
            refuse_outside(c, &step->edges[i], &o.table);
            plan_outside_done(&o);
        }
    }
}
