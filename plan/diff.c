/* Both plans are walked section by section in order of names, and items of the same name pair by pair, like a merge of two sorted
 * lists.  Then a removed and an added step that differ in nothing but the name are told as one that was renamed, where no other is
 * like them: upstream first, so that a step whose upstream was renamed too is still found. */
#include "plan/diff.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"
#include "plan/hash.h"

struct walk {
    const struct plan *old_plan, *new_plan;
    struct plan_diff *d;
    struct plan_pairs a, b;                      /* of the item at hand */
};

const char *plan_change_name(enum plan_change c)
{
    static const char *const names[] = {
        [PLAN_ADDED] = "added", [PLAN_REMOVED] = "removed", [PLAN_CHANGED] = "changed", [PLAN_RENAMED] = "renamed"};
    return names[c];
}

/* ---- pairs of one item ---- */

static void put_pair(struct walk *w, const struct plan_pair *a, const struct plan_pair *b)
{
    struct plan_diff *d = w->d;
    struct plan_diff_pair pair = {.key = bf_arena_strdup(&d->arena, a ? a->key : b->key), .fact = a ? a->fact : b->fact};
    if (a) {
        pair.old_value = bf_arena_strndup(&d->arena, a->value, a->value_len);
        pair.old_len = a->value_len;
    }
    if (b) {
        pair.new_value = bf_arena_strndup(&d->arena, b->value, b->value_len);
        pair.new_len = b->value_len;
    }
    if (d->n_pairs == d->cap_pairs) {
        d->cap_pairs = bf_vec_grow(d->cap_pairs, d->n_pairs + 1);
        d->pairs = bf_xreallocarray(d->pairs, d->cap_pairs, sizeof *d->pairs);
    }
    d->pairs[d->n_pairs++] = pair;
}

/* skip_needs: of a renamed step, whose needs differ by names only. */
static void merge_pairs(struct walk *w, bool skip_needs)
{
    size_t i = 0, j = 0;
    while (i < w->a.n || j < w->b.n) {
        const struct plan_pair *a = i < w->a.n ? &w->a.at[i] : NULL, *b = j < w->b.n ? &w->b.at[j] : NULL;
        int order = !a ? 1 : !b ? -1 : strcmp(a->key, b->key);
        i += order <= 0;
        j += order >= 0;
        if (skip_needs && strncmp((order <= 0 ? a : b)->key, "needs.", strlen("needs.")) == 0)
            continue;
        if (order != 0)
            put_pair(w, order < 0 ? a : NULL, order > 0 ? b : NULL);
        else if (a->value_len != b->value_len || memcmp(a->value, b->value, a->value_len) != 0)
            put_pair(w, a, b);
    }
}

/* ---- items ---- */

static void put_item(struct walk *w, struct plan_diff_item item)
{
    struct plan_diff *d = w->d;
    if (d->n_items == d->cap_items) {
        d->cap_items = bf_vec_grow(d->cap_items, d->n_items + 1);
        d->items = bf_xreallocarray(d->items, d->cap_items, sizeof *d->items);
    }
    item.n = d->n_pairs - item.first;
    item.words_only = item.change == PLAN_CHANGED;
    for (size_t i = item.first; i < d->n_pairs; i++) {
        item.does |= d->pairs[i].fact == PLAN_DOES;
        item.words_only &= d->pairs[i].fact == PLAN_WORDS;
    }
    d->items[d->n_items++] = item;
}

/* PLAN_NO_INDEX: the item is not in that plan. */
static void compare_item(struct walk *w, enum plan_section s, uint32_t old_index, uint32_t new_index)
{
    struct plan_diff_item item = {.section = s, .old_index = old_index, .new_index = new_index, .first = w->d->n_pairs};
    item.change = old_index == PLAN_NO_INDEX ? PLAN_ADDED : new_index == PLAN_NO_INDEX ? PLAN_REMOVED : PLAN_CHANGED;
    item.name = item.change == PLAN_REMOVED ? plan_item_name(w->old_plan, s, old_index) : plan_item_name(w->new_plan, s, new_index);
    w->a.n = w->b.n = 0;
    if (old_index != PLAN_NO_INDEX)
        plan_pairs_of(w->old_plan, s, old_index, &w->a);
    if (new_index != PLAN_NO_INDEX)
        plan_pairs_of(w->new_plan, s, new_index, &w->b);
    merge_pairs(w, false);
    if (w->d->n_pairs > item.first)
        put_item(w, item);
}

static void compare_section(struct walk *w, enum plan_section s)
{
    BF_AUTO_FREE uint32_t *a = plan_section_sorted(w->old_plan, s), *b = plan_section_sorted(w->new_plan, s);
    size_t n = plan_section_items(w->old_plan, s), m = plan_section_items(w->new_plan, s), i = 0, j = 0;
    while (i < n || j < m) {
        int order = i == n ? 1 : j == m ? -1 : strcmp(plan_item_name(w->old_plan, s, a[i]), plan_item_name(w->new_plan, s, b[j]));
        compare_item(w, s, order <= 0 ? a[i] : PLAN_NO_INDEX, order >= 0 ? b[j] : PLAN_NO_INDEX);
        i += order <= 0;
        j += order >= 0;
    }
}

/* ---- renamed steps ---- */

struct renames {
    size_t *added;                               /* by new step index: its item + 1; 0: not new, or one of several alike */
    struct bf_smap alike;                        /* nameless hash -> added item */
    struct bf_smap removed;                      /* nameless hash -> removed item */
    struct bf_smap old_names;                    /* new name -> old name */
};

static char ambiguous;                           /* several have this hash: nobody knows which became which */

static const char *old_name(const void *arg, const char *step)
{
    return bf_smap_get(&((const struct renames *)arg)->old_names, step, strlen(step));
}

static void find_candidates(struct walk *w, struct renames *r)
{
    const struct plan_step_hashing nameless = {.nameless = true, .no_params = true};
    for (size_t i = 0; i < w->d->n_items; i++) {
        const struct plan_diff_item *item = &w->d->items[i];
        uint8_t hash[PLAN_HASH_BYTES];
        if (item->section != PLAN_SECTION_STEPS)
            continue;
        if (item->change == PLAN_ADDED) {
            plan_step_hash_as(w->new_plan, &w->new_plan->steps[item->new_index], &nameless, hash);
            const struct plan_diff_item *other = bf_smap_get(&r->alike, hash, sizeof hash);
            bf_smap_put(&r->alike, hash, sizeof hash, (void *)item);
            r->added[item->new_index] = other ? 0 : i + 1;
            if (other)
                r->added[other->new_index] = 0;
        } else if (item->change == PLAN_REMOVED) {
            plan_step_hash_as(w->old_plan, &w->old_plan->steps[item->old_index], &nameless, hash);
            bool taken = bf_smap_get(&r->removed, hash, sizeof hash) != NULL;
            bf_smap_put(&r->removed, hash, sizeof hash, taken ? (void *)&ambiguous : (void *)item);
        }
    }
}

/* The added step becomes the renamed one; the removed one is struck out (n_items counts it until strike()). */
static void make_renamed(struct walk *w, struct renames *r, struct plan_diff_item *added, struct plan_diff_item *removed)
{
    const char *from = removed->name;
    bf_smap_put(&r->old_names, added->name, strlen(added->name), (void *)(uintptr_t)from);
    *added = (struct plan_diff_item){.section = PLAN_SECTION_STEPS, .change = PLAN_RENAMED, .name = added->name, .old_name = from,
                                     .old_index = removed->old_index, .new_index = added->new_index, .does = true, .first = w->d->n_pairs};
    plan_pairs_of(w->old_plan, PLAN_SECTION_STEPS, added->old_index, &w->a);
    plan_pairs_of(w->new_plan, PLAN_SECTION_STEPS, added->new_index, &w->b);
    merge_pairs(w, true);
    added->n = w->d->n_pairs - added->first;
    removed->name = NULL;
}

static void strike(struct plan_diff *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->n_items; i++)
        if (d->items[i].name)
            d->items[kept++] = d->items[i];
    d->n_items = kept;
}

static void find_renamed(struct walk *w)
{
    struct renames r = {.added = bf_xcalloc(w->new_plan->n_steps + 1, sizeof *r.added)};
    const struct plan_step_hashing how = {.nameless = true, .no_params = true, .rename = old_name, .rename_arg = &r};
    find_candidates(w, &r);
    for (size_t i = 0; r.removed.n > 0 && i < w->new_plan->n_steps; i++) {
        uint32_t step = w->new_plan->order[i];
        uint8_t hash[PLAN_HASH_BYTES];
        if (!r.added[step])
            continue;
        plan_step_hash_as(w->new_plan, &w->new_plan->steps[step], &how, hash);
        void *found = bf_smap_get(&r.removed, hash, sizeof hash);
        if (!found || found == &ambiguous)
            continue;
        make_renamed(w, &r, &w->d->items[r.added[step] - 1], found);
        bf_smap_del(&r.removed, hash, sizeof hash);
    }
    strike(w->d);
    free(r.added);
    bf_smap_free(&r.alike);
    bf_smap_free(&r.removed);
    bf_smap_free(&r.old_names);
}

/* ---- totals ---- */

static void count_steps(struct walk *w)
{
    struct plan_diff *d = w->d;
    const struct plan *p = w->new_plan;
    enum { UNTOUCHED, DOWNSTREAM, SOURCE };
    BF_AUTO_FREE uint8_t *mark = bf_xcalloc(p->n_steps + 1, 1);
    for (size_t i = 0; i < d->n_items; i++) {
        const struct plan_diff_item *item = &d->items[i];
        if (item->section != PLAN_SECTION_STEPS)
            continue;
        d->n_steps[item->change]++;
        d->n_does += item->does && (item->change == PLAN_CHANGED || item->change == PLAN_RENAMED);
        if (item->does && item->new_index != PLAN_NO_INDEX)
            mark[item->new_index] = SOURCE;
    }
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct plan_step *s = &p->steps[p->order[i]];
        for (size_t e = 0; mark[p->order[i]] == UNTOUCHED && e < s->n_edges; e++)
            if (mark[s->edges[e].upstream] != UNTOUCHED)
                mark[p->order[i]] = DOWNSTREAM;
        d->n_downstream += mark[p->order[i]] == DOWNSTREAM;
    }
}

void plan_diff(const struct plan *old_plan, const struct plan *new_plan, struct plan_diff *ret)
{
    struct walk w = {.old_plan = old_plan, .new_plan = new_plan, .d = ret};
    for (enum plan_section s = 0; s < PLAN_SECTION_COUNT; s++)
        compare_section(&w, s);
    find_renamed(&w);
    count_steps(&w);
    plan_pairs_done(&w.a);
    plan_pairs_done(&w.b);
}

void plan_diff_done(struct plan_diff *d)
{
    free(d->items);
    free(d->pairs);
    bf_arena_free(&d->arena);
    *d = (struct plan_diff){0};
}
