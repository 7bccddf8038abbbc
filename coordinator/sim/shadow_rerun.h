/* Stragglers that are run again elsewhere, in the simulator's model (shadow_rerun.c).  Only within the shadow. */
#ifndef BF_SIM_SHADOW_RERUN_H
#define BF_SIM_SHADOW_RERUN_H

#include "coordinator/sim/shadow_model.h"

/* Where it straggled in this run, while its next attempt is to avoid that; 0: nowhere. */
static inline uint32_t shadow_straggled(const struct shadow_cell *c) { return c->rerun_run == c->run ? c->straggled : 0; }
/* One is asked to end (a NULL: none that is known); the end of an attempt, before it is taken; a grant, before it is counted. */
void shadow_take_rerun(struct shadow *s, const struct turn *t, struct shadow_attempt *a, const struct record *r);
void shadow_rerun_ended(struct shadow *s, const struct shadow_attempt *a, const struct record *ended);
void shadow_rerun_over(struct shadow_backfill *b);           /* it has finished: nothing is due any more */
void shadow_rerun_granted(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);

#endif
