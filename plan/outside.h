/* The upstream partitions that an edge needs and that lie outside the plan's range.  Pure. */
#ifndef BF_PLAN_OUTSIDE_H
#define BF_PLAN_OUTSIDE_H

#include "plan/plan.h"

/* The upstream partitions of edge e of a step that lie outside, as a table of the upstream's grain.  They may lie on both sides of the
 * range: the table has all of them in order, and where the range was left out the boundaries jump: partition i begins at start_s[i] and
 * ends at end_s[i].  false, and nothing written, when there are none.  Release with plan_outside_done(). */
struct plan_outside_partitions {
    struct plan_partitions table;              /* boundaries as usual, but for the jump; keys through plan_partition_key() */
    int64_t *end_s;                            /* table.n, owned */
};

/* Make what plan_outside() reads: once, when the steps and edges of a plan are known. */
void plan_outside_prepare(struct plan *p);
bool plan_outside(const struct plan *p, uint32_t step, const struct plan_edge *e, struct plan_outside_partitions *ret);
void plan_outside_done(struct plan_outside_partitions *o);

#endif
