/* What differs between two plans, by their canonical pairs: empty exactly when plan_hash() gives the same for both.  Pure. */
#ifndef BF_PLAN_DIFF_H
#define BF_PLAN_DIFF_H

#include "plan/canonical.h"

enum plan_change { PLAN_ADDED, PLAN_REMOVED, PLAN_CHANGED, PLAN_RENAMED };
#define PLAN_CHANGE_COUNT 4u

struct plan_diff_pair {
    const char *key;                           /* within the item */
    const char *old_value, *new_value;         /* NULL: not there */
    size_t old_len, new_len;
    enum plan_fact fact;
};

struct plan_diff_item {
    enum plan_section section;
    enum plan_change change;
    const char *name;                          /* in the new plan; of a removed item, in the old */
    const char *old_name;                      /* PLAN_RENAMED, else NULL */
    uint32_t old_index, new_index;             /* of the item; PLAN_NO_INDEX where it is not there */
    bool does;                                 /* something else is done; of a step: its hash is another */
    bool words_only;                           /* only words for people differ */
    size_t first, n;                           /* its pairs; of a renamed step, all but its needs, which differ by names only */
};

/* In order of section and name.  Owned; released by plan_diff_done(). */
struct plan_diff {
    struct plan_diff_item *items; size_t n_items, cap_items;
    struct plan_diff_pair *pairs; size_t n_pairs, cap_pairs;
    size_t n_steps[PLAN_CHANGE_COUNT];         /* steps added, removed, changed, renamed */
    size_t n_does;                             /* steps of both plans whose hash is another */
    size_t n_downstream;                       /* other steps of the new plan that lie downstream of one that is new or has another hash */
    struct bf_arena arena;                     /* of the pairs' texts; names are borrowed from the plans */
};

/* *ret is all-zero before; the plans must outlive it. */
void plan_diff(const struct plan *old_plan, const struct plan *new_plan, struct plan_diff *ret);
void plan_diff_done(struct plan_diff *d);
const char *plan_change_name(enum plan_change c);        /* "added", … */

#endif
