/* What a plan implies and does not say: who writes and reads a dataset, which days the clock makes longer or shorter. */
#ifndef BFCTL_PLAN_FACTS_H
#define BFCTL_PLAN_FACTS_H

#include "plan/canonical.h"

/* A day within the plan's range whose clock is set forwards or back. */
struct clock_change {
    char day[PLAN_KEY_MAX];
    int64_t at_s;                              /* the instant */
    int32_t by_s;                              /* what the clock is set forwards by */
    int64_t day_s;                             /* how long the day is; 0: the clock leaves it out */
};

/* Owned; released by plan_facts_done(). */
struct plan_facts {
    uint32_t *writer;                          /* step index by dataset, or PLAN_NO_INDEX */
    uint32_t *readers;                         /* step indices; those of dataset d are [readers_begin[d], readers_begin[d + 1]) */
    size_t *readers_begin;                     /* n_datasets + 1 */
    struct clock_change *changes; size_t n_changes;
};

void plan_facts_of(const struct plan *p, struct plan_facts *ret);
void plan_facts_done(struct plan_facts *f);
/* Does the step read what the upstream writes? */
bool plan_facts_explain(const struct plan *p, const struct plan_facts *f, uint32_t step, uint32_t upstream);

#endif
