/* From a seed that fails to the least of it that still fails in the same way. */
#ifndef BF_SIM_SHRINK_H
#define BF_SIM_SHRINK_H

#include "coordinator/sim/world.h"

struct shrink_result {
    struct schedule schedule;                    /* only: what is left; the caller calls schedule_done() */
    uint64_t injections, runs;                   /* injections: of the whole run */
    char violation[512];                         /* of the least one */
};

/* o: seed, calm, and a schedule to begin with (may be NULL).  Deterministic.  BF_NOT_FOUND: the seed does not fail. */
enum bf_rc shrink(const struct sim_options *o, struct shrink_result *ret, struct bf_error *err) BF_MUST_CHECK;

/* "I5", "keys", …: violations with the same one are the same.  Gives the length. */
size_t violation_kind(const char *violation);

#endif
