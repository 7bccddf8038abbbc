/* What the instances of a step are at and what they took, counted in one pass: for the views.  Read only. */
#ifndef BF_ENGINE_TALLY_H
#define BF_ENGINE_TALLY_H

#include "coordinator/engine/view.h"

#define TALLY_WINDOWS 3u
#define TALLY_FAILED_MAX 4u

struct tally_failed { uint32_t index; int64_t at_us; };

/* All-zero is the tally of nothing. */
struct tally {
    uint64_t n[INSTANCE_STATE_COUNT];            /* by state; what upstream_failed counts is not in WAITING */
    uint64_t upstream_failed;
    uint64_t looking;                            /* of those that back off: sensors between two looks */
    uint64_t held, held_ready, stale;            /* beside the state; held_ready: of held, those that are ready */
    uint64_t timed; int64_t timed_us;            /* succeeded or skipped after an attempt, and how long these ran, in all */
    int64_t running_us;                          /* how long those that run have run, in all */
    int64_t retry_at_ms;                         /* engine time at which the last of those that back off may go on; 0: none does */
    struct { uint64_t n; int64_t took_us; } recent[TALLY_WINDOWS];   /* of `timed`, those that ended within each window */
    struct tally_failed failed[TALLY_FAILED_MAX]; size_t n_failed;   /* the last that failed or wait for another attempt, newest first */
};

/* How far back a window reaches: 30 s, 5 min, 1 h. */
int64_t tally_window_us(size_t i);
/* Add the partitions [first, first + n) of a step, as far as there are such.  now_us: wall time, that windows end at.  O(n). */
void engine_tally(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t first, uint32_t n, int64_t now_us, struct tally *ret);
uint64_t tally_total(const struct tally *t);
uint64_t tally_done(const struct tally *t);      /* succeeded or skipped */
uint64_t tally_left(const struct tally *t);      /* may still run: not those that need what failed */

#endif
