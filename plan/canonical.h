/* The canonical form of a plan: what it says, as pairs of path and value.  Hash, diff and show are made of it.  Pure.
 *
 * Two documents that say the same have the same pairs: comments, the order of keys, the style of the YAML, values that are written
 * out or inherited or built in, blanks inside {{ }}, and the order of lists whose order means nothing leave no trace.  A list whose
 * order means nothing is one pair for each member, `inputs.raw.orders`.
 *
 *     steps.revenue.needs.stg_orders    window -6..0, outside assume
 *     steps.revenue.sql                 insert into … {{ partition.date }} …
 *     pools.warehouse.slots             12
 *
 * Times are instants of the plan's zone; durations and numbers have one spelling each. */
#ifndef BF_PLAN_CANONICAL_H
#define BF_PLAN_CANONICAL_H

#include "common/arena.h"
#include "plan/plan.h"

enum plan_section {
    PLAN_SECTION_PLAN, PLAN_SECTION_PARTITIONS, PLAN_SECTION_POOLS, PLAN_SECTION_CONNECTIONS, PLAN_SECTION_DATASETS,
    PLAN_SECTION_EXPOSURES, PLAN_SECTION_PARAMS, PLAN_SECTION_OWNERS, PLAN_SECTION_WINDOWS, PLAN_SECTION_STEPS
};
#define PLAN_SECTION_COUNT 10u

enum plan_fact {
    PLAN_DOES,                   /* what is done, and how it is scheduled: in the hash of a step */
    PLAN_NOTES,                  /* read by the system and shown, but changes nothing that a step does: tags, tolerance, deadline */
    PLAN_WORDS                   /* for people only */
};

/* What one item (a step, a pool, …) says.  The first has key "" and says that the item is there. */
struct plan_pair {
    const char *key;             /* "sql", "needs.stg_orders"; in the list's arena */
    const char *value;           /* may hold newlines; "" for a member of a list */
    size_t value_len;
    enum plan_fact fact;
};

/* Sorted by key.  All-zero is empty. */
struct plan_pairs {
    struct plan_pair *at;
    size_t n, cap;
    struct bf_arena arena;
};

const char *plan_section_name(enum plan_section s);      /* "plan", "pools", … */
/* Items of a section; "plan" and "partitions" have one, whose name is "". */
size_t plan_section_items(const struct plan *p, enum plan_section s);
const char *plan_item_name(const struct plan *p, enum plan_section s, uint32_t item);
/* Item indices of a section, sorted by name.  The caller frees. */
uint32_t *plan_section_sorted(const struct plan *p, enum plan_section s);
/* Fill *ret, emptied first, with what an item says. */
void plan_pairs_of(const struct plan *p, enum plan_section s, uint32_t item, struct plan_pairs *ret);
void plan_pairs_done(struct plan_pairs *pairs);
/* Append "steps.revenue.sql"; item and key may be "". */
void plan_path(enum plan_section s, const char *item, const char *key, struct bf_buf *ret);

/* Append a template as people write it, with one space inside the braces. */
void plan_template_text(const struct template *t, struct bf_buf *ret);
/* Append the arguments of a step, `[python3, load.py, "a b"]`. */
void plan_argv_text(const struct plan_step *s, struct bf_buf *ret);
/* Append what a check says, in one line without its queries: `not_null of stg.orders: order_id; severity error`. */
void plan_check_text(const struct plan *p, const struct plan_check *c, struct bf_buf *ret);
/* Append "1h30m": exact, unlike bf_format_duration(). */
void plan_duration_text(int64_t ms, struct bf_buf *ret);
/* Both ends of the plan's range, included, as they could be written: the keys of its first and last partition; where the range cuts through
 * one, the key of the day or hour.  "" without a range. */
void plan_range_text(const struct plan *p, char ret_from[PLAN_KEY_MAX], char ret_to[PLAN_KEY_MAX]);

#endif
