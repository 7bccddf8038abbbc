/* Selectors: words that pick step instances of a plan, as users of dbt and Airflow write them.  Pure.
 *
 *     load                        every partition of the step
 *     load[2024-01-31]            one partition; a coarser date picks all partitions in it: load[2024-01]
 *     load[2024-01-01..2024-01-31]   from the first to the last, both included; either end may be left open
 *     stg_*    *                  every step whose name fits; every step
 *     tag:finance                 every step with that tag
 *     +load    load+    +load+    with everything upstream, downstream, both
 *
 * + and [ ] go with any of them: +tag:finance+[2024-01].  Several selectors pick what any of them picks.
 *
 * A range is a stretch of time in the plan's zone.  For the step that a selector names, its ends must be boundaries of that step's
 * partitions; of the other steps it picks, each in its own grain, it takes the partitions that meet it. */
#ifndef BF_PLAN_SELECTOR_H
#define BF_PLAN_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "plan/plan.h"

#define PLAN_SELECTORS_MAX 64u                 /* one bit each of a uint64_t */
#define PLAN_SELECTOR_MAX_BYTES 512u

struct plan_picked { uint32_t first, n; };     /* partitions [first, first + n) of a step */

struct plan_selection {
    const struct plan *plan;                   /* borrowed */
    struct plan_picked *ranges;                /* owned: by step index, then by first; those of one step never touch */
    size_t *begin;                             /* owned: n_steps + 1; the ranges of step s are [begin[s], begin[s + 1]) */
};

/* What the words pick; n 0 picks everything.  Time O(steps + edges), and O(steps) more for each glob or tag.
 * BF_INVALID: a word is no selector, or its range is empty or not of this plan; BF_NOT_FOUND: no such step or tag;
 * BF_LIMIT: too many words.  plan must outlive *ret; the caller calls plan_selection_done. */
enum bf_rc plan_select(const struct plan *p, const char *const *words, size_t n, struct plan_selection *ret,
                       struct bf_error *err) BF_MUST_CHECK;
void plan_selection_done(struct plan_selection *s);

/* The form of one word alone, for whoever has no plan: BF_INVALID when no plan could take it. */
enum bf_rc plan_selector_check(const char *word, struct bf_error *err) BF_MUST_CHECK;

/* The same for a change of whole steps: BF_INVALID also for a word with a range, with what to write instead.  what names the
 * change: "a priority class". */
enum bf_rc plan_selector_check_whole(const char *word, const char *what, struct bf_error *err) BF_MUST_CHECK;

bool plan_selection_has_step(const struct plan_selection *s, uint32_t step);
uint64_t plan_selection_count(const struct plan_selection *s);           /* of instances */
uint64_t plan_selection_count_step(const struct plan_selection *s, uint32_t step);

/* Every range in the plan's order (upstream first), begun with an all-zero walk; false at the end. */
struct plan_selection_walk {
    uint32_t step;                             /* the step and the range that the last call found */
    struct plan_picked range;
    size_t place, in_step;                     /* the walk's own */
};
bool plan_selection_next(const struct plan_selection *s, struct plan_selection_walk *w);

#endif
