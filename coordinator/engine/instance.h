/* One step of one partition, as the engine keeps it, and what its state and flags mean.  A plain value: instance.c moves it. */
#ifndef BF_ENGINE_INSTANCE_H
#define BF_ENGINE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/engine/view.h"

/* Bits of an instance that are no state of their own.  Stored: append only. */
enum instance_flag {
    FLAG_HELD = 1,                               /* not granted until a person lets it go; never on one that has ended */
    FLAG_STALE = 2,                              /* what it depends on was run again after it; only on one that is satisfied or open */
    FLAG_REUSED = 4,                             /* skipped, because an earlier backfill did it */
    FLAG_CANCELLING = 8,                         /* cancelled while open: this attempt is its last, unless it succeeds */
    FLAG_KEEP = 16,                              /* cancelled, and its attempt goes on to its end */
    FLAG_NEAR = 32,                              /* ready, and waits for the agent of its inputs, or for another one (place.h) */
    FLAG_RERUN = 64                              /* an attempt of this run was asked to end, to be run again elsewhere (rerun.h) */
};

/* One step of one partition.  ready is derived: base state knows only waiting. */
struct instance {
    uint8_t state;                               /* enum instance_state */
    uint8_t flags;                               /* enum instance_flag; changes by instance_set_flags() */
    uint16_t lost;                               /* requeues of this run, not charged as attempts */
    uint32_t step;
    uint32_t run, attempts;
    uint32_t unmet;                              /* derived: upstream partitions and gates not satisfied */
    uint32_t blocked;                            /* derived: upstream partitions and gates that are dead */
    uint32_t agent;
    uint64_t attempt;
    int64_t started_us, finished_us, retry_at_ms;
};
_Static_assert(sizeof(struct instance) <= 64, "one cache line for each instance");

static inline bool instance_satisfied(const struct instance *in)
{
    return in->state == INSTANCE_SUCCEEDED || in->state == INSTANCE_SKIPPED;
}

static inline bool instance_open(const struct instance *in)
{
    return in->state == INSTANCE_ASSIGNED || in->state == INSTANCE_RUNNING;
}

/* Its run is over. */
static inline bool instance_ended(const struct instance *in)
{
    return in->state >= INSTANCE_SUCCEEDED && in->state <= INSTANCE_CANCELLED;
}

/* A sensor between two looks: it backs off, and no attempt of it has failed since its last answer. */
static inline bool instance_looking(const struct instance *in)
{
    return in->state == INSTANCE_BACKING_OFF && in->attempts == 0;
}

/* Nothing downstream of it will ever run in this state of affairs. */
static inline bool instance_dead(const struct instance *in)
{
    return in->state == INSTANCE_FAILED || in->state == INSTANCE_CANCELLED || (in->state == INSTANCE_WAITING && in->blocked > 0);
}

#endif
