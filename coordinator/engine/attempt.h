/* Open attempts, and the agents that have them (attempts.c).  Owned by struct engine (state.h): attempts stand in slots, agents in order
 * of their numbers.  What is not marked as derived is base state: records say it, and recovery restores it. */
#ifndef BF_ENGINE_ATTEMPT_H
#define BF_ENGINE_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/engine/place.h"
#include "coordinator/engine/view.h"
#include "proto/record.h"

#define NO_SLOT UINT32_MAX

/* An open attempt; linked in order of id, and in order of grant within its agent. */
struct attempt {
    struct attempt_ref ref;
    uint32_t backfill, step, index, n, run, attempt_no, agent;
    uint64_t incarnation;                        /* of the agent when it was granted */
    int64_t granted_us, started_us;
    int64_t closing_us;                          /* since when only its session at the server is left; 0: it works */
    uint64_t placed[PLACE_NUMBERS];              /* the numbers of its grant, the first one more than there; 0: its plan says nothing */
    int64_t granted_ms, late_ms;                 /* engine time; when it straggles (late.c).  0: not known, never */
    bool listed_late;                            /* derived */
    uint32_t prev, next, agent_prev, agent_next;
    uint64_t mark;                               /* reconcile pass that saw it held */
    uint64_t ahead_us;                           /* what it was expected to take, when it was given ahead; 0: it was not (prefetch.c) */
    enum revoke_reason revoked;                  /* it is asked back; 0: it is not */
    bool waits;                                  /* derived: given ahead, and not started; then in a list in order of id */
    uint32_t ahead_prev, ahead_next;
    uint32_t group;                              /* derived: of its step's fit, where that is spread */
};

struct agent {
    uint32_t id;
    enum agent_state state;
    uint8_t key[BF_KEY_BYTES];
    uint64_t incarnation;
    struct agent_hello hello;                    /* owned copy, without held */
    uint32_t breaker;
    uint64_t asked_cpu_milli, asked_memory_bytes;/* derived: what its open attempts ask for (capacity.c) */
    uint32_t busy, busy_max;                     /* busy_max: slots, or what was in use when they were lowered */
    int64_t since_us;
    uint32_t first, last;                        /* its open attempts */
    /* derived: of its open attempts those that were given ahead, started or not; those of them that wait, and what these take */
    uint32_t ahead, waiting; uint64_t waiting_us;
    uint64_t behind_class;                       /* scratch of decide_revokes() */
    struct near_of near;
};

#endif
