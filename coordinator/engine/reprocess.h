/* What of a backfill's work earlier backfills have done already: see reprocess.c.  Pure; changes nothing. */
#ifndef BF_ENGINE_REPROCESS_H
#define BF_ENGINE_REPROCESS_H

#include "coordinator/engine/state.h"
#include "coordinator/engine/view_create.h"

/* By number. */
struct reuse {
    uint32_t n;
    uint8_t *verdict;                            /* enum reuse_verdict */
    uint32_t *from;                              /* the backfill that did it, or tried; 0: none */
    struct reuse_counts counts;
};

/* Of the backfills of a plan's name so many are asked, the newest: that bounds the work of a turn. */
#define REUSE_LOOK_BACK_MAX 1000u

/* newest: the newest earlier backfill of a plan of this name, 0: none.  O(instances * earlier backfills that have them).  The caller
 * calls reuse_done(). */
void reuse_find(const struct engine *e, const struct plan *plan, const struct topology *t, uint32_t newest, enum op_reprocess how,
                bool downstream, struct reuse *ret);
void reuse_done(struct reuse *r);
static inline bool reuse_runs(uint8_t verdict) { return verdict < REUSE_TAKEN; }
/* The next ranges from *at on, which is moved to where they begin; 0: nothing more is reused. */
size_t reuse_ranges(const struct reuse *r, uint32_t *at, struct reuse_range ret[RECORD_REUSED_MAX]);

#endif
