/* The concurrency limit of a pool that is throttled: what plans ask for, the state of its controller, and why it moved.  Plain values,
 * shared by records and the engine.  Numbers are stored: append only. */
#ifndef BF_PROTO_LIMIT_H
#define BF_PROTO_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMIT_PROBES_MAX 8u                  /* probes that govern one pool */

enum throttle_algorithm { THROTTLE_NONE = 0, THROTTLE_GRADIENT = 1, THROTTLE_AIMD = 2 };

enum limit_reason {
    LIMIT_BEGUN = 1,         /* a backfill with a throttle for the pool began: from the floor */
    LIMIT_CHANGED = 2,       /* other backfills, and with them other bounds or probes */
    LIMIT_RELEASED = 3,      /* no backfill with a throttle is left: the slots alone count */
    LIMIT_SLOW_START = 4,
    LIMIT_RAISED = 5,
    LIMIT_LOWERED = 6,       /* over the setpoint */
    LIMIT_CUT = 7,           /* the probe is at or over its limit: to the floor */
    LIMIT_UNREADABLE = 8,    /* no probe was readable for the grace: to the floor */
    LIMIT_FAILING = 9,       /* many attempts fail */
    LIMIT_IDLE = 10,         /* nothing ran for a while: from the floor again */
    LIMIT_HELD = 11,         /* it stays: near the setpoint; or what was done is waited for; or over it, and at the floor or over already */
    LIMIT_UNUSED = 12,       /* there is room, and fewer run than may: too little work, or something else holds it */
    LIMIT_DRAINING = 13,     /* over the setpoint, and what runs over the lower limit has not ended yet */
    LIMIT_SLOW_STEPS = 14,   /* there is room, and the pool's steps take much longer than they use to */
    LIMIT_SET = 15           /* a person set its bounds, or took that back */
};
const char *limit_reason_name(enum limit_reason r);          /* "slow_start", …; never NULL */
const char *throttle_algorithm_name(enum throttle_algorithm a);

/* A probe that governs a pool, and its newest reading. */
struct limit_probe {
    const char *connection;
    bool value;                              /* measures a value: millionths of it; else a time: microseconds */
    int64_t every_ms, target, limit;         /* in that unit */
    bool readable;                           /* the newest reading is one */
    bool fresh;                              /* and the governor has not moved by it yet */
    int64_t reading, read_ms;                /* the newest readable one (-1: none yet), and when, in engine time (since when one is
                                                waited for) */
    const char *why;                         /* the newest is not readable: why; else "" */
};

/* 1 <= floor <= ceiling, in attempts. */
struct limit_bounds { enum throttle_algorithm algorithm; uint32_t floor, ceiling; };

/* The controller's state.  Thousandths of attempts and of baselines (milli), millionths of targets and of attempts (ppm). */
struct limit_state {
    int64_t limit_milli, threshold_milli;    /* threshold: slow start ends there */
    int64_t centre_ppm;                      /* where readings are, smoothed; 0: no reading yet */
    int64_t tail_ppm;                        /* their 95th percentile as a part of the centre: 1,000,000 or more, once there is one */
    uint32_t readings;                       /* that taught it; stops at 255 */
    bool was_over;                           /* the newest was over it */
    int64_t pressure_ppm;                    /* centre * tail, of a value the centre; without a probe, of the steps; 0: none yet */
    int64_t margin_ppm;                      /* the setpoint is so much under the target */
    int64_t service_milli, failed_ppm;       /* smoothed */
    uint32_t wait, left;                     /* readings between trials, and until the next one */
    uint32_t served, ended;                  /* ends that told something of the one since the last step; of the other since it was
                                                lowered for it */
    int64_t used_ms, stepped_ms;             /* engine time: when at least half of it was in use; of the last step */
    bool unreadable;                         /* said, and not yet over */
    int64_t lasts_us, pace_us;               /* how long attempts hold a slot of late, smoothed; when the next may begin, in engine time.
                                                0: not known, at once */
};

/* One move, as it is kept. */
struct limit_move {
    enum limit_reason reason;
    int64_t at_us;
    uint32_t before, after, used;            /* attempts; before, after: that may run, so 0 in a pool without slots, and where there is no
                                                throttle */
    bool queued, value;                      /* value: of the reading; as in struct limit_probe */
    int64_t reading, target;                 /* of the worst probe, in its unit; target 0: there is none; reading -1: it moved nothing, for a
                                                probe was not readable */
    int64_t service_milli, failed_ppm;
};
#define LIMIT_MOVES_KEPT 64u

/* All of a pool's limit: what a record tells, and what stands in the state. */
struct pool_limit {
    struct limit_bounds bounds;              /* algorithm THROTTLE_NONE: the pool is not throttled (any more) */
    struct limit_state state;
    struct limit_probe *probes; size_t n_probes;
    struct limit_move move;                  /* the step that a record tells of */
    bool kept;                               /* the move is one to be kept */
};

#endif
