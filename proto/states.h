/* States and kinds that records hold, and what people do to step instances.  Their numbers are stored: append only. */
#ifndef BF_PROTO_STATES_H
#define BF_PROTO_STATES_H

#include <stdint.h>

enum backfill_state { BACKFILL_QUEUED = 1, BACKFILL_RUNNING = 2, BACKFILL_PAUSED = 3, BACKFILL_SUCCEEDED = 4,
                      BACKFILL_PARTLY = 5, BACKFILL_FAILED = 6, BACKFILL_CANCELLED = 7 };
enum agent_state { AGENT_CONNECTED = 1, AGENT_DRAINING = 2, AGENT_LOST = 3, AGENT_LEFT = 4 };
/* Who says what a pool has; the higher wins, figure by figure. */
enum pool_source { POOL_FROM_PLAN = 1, POOL_FROM_CONFIG = 2, POOL_FROM_OPERATOR = 3 };
#define POOL_SOURCES 3
enum verdict {              /* what the end of an attempt means for its instance */
    VERDICT_SUCCEEDED = 1, VERDICT_SKIPPED = 2,
    VERDICT_FAILED = 3,     /* for good, in this run */
    VERDICT_RETRY = 4,      /* backing off until retry_at_ms */
    VERDICT_REQUEUE = 5,    /* lost, fenced or revoked: ready again at once, the step's attempts are not charged */
    VERDICT_CANCELLED = 6,
    VERDICT_LOOK_AGAIN = 7  /* a sensor: not there yet; backing off until retry_at_ms, and nothing is charged */
};
/* Of a straggler that is run again elsewhere (coordinator/engine/rerun.h). */
enum rerun_phase { RERUN_ASKED = 1, RERUN_DUE = 2, RERUN_RUNS = 3 };
/* What paused a backfill by itself; NOT_HALTED: nothing, or a person did.  MISSING: what it requires was not there when its turn came. */
enum halted_by { NOT_HALTED = 0, HALTED_BY_CHECK = 1, HALTED_BY_TIMEBOX = 2, HALTED_BY_MISSING = 3 };
/* Why an attempt that was given ahead, and has not started, is asked back (coordinator/engine/prefetch.c). */
enum revoke_reason { REVOKE_PAUSED = 1, REVOKE_HELD = 2, REVOKE_AGENT = 3, REVOKE_BREAKER = 4, REVOKE_PRIORITY = 5 };
enum audit_kind {
    AUDIT_REQUEST = 1,      /* a change that was asked for and decided on, carried out or refused */
    AUDIT_DENIED = 2,       /* one that was refused before that */
    AUDIT_DECISION = 3,     /* a decision that overrides another */
    AUDIT_SERVICE = 4       /* the coordinator's own process */
};
enum failure_class { FAILURE_NONE = 0, FAILURE_TRANSIENT = 1, FAILURE_PERMANENT = 2, FAILURE_UNKNOWN = 3, FAILURE_LOST = 4 };

/* What people do to step instances. */
enum steer_action {
    STEER_HOLD = 1,               /* nothing held is granted */
    STEER_RELEASE = 2,
    STEER_CANCEL = 3,
    STEER_RETRY = 4,              /* failed ones begin a new run */
    STEER_FORCE = 5,              /* so do all that have finished */
    STEER_SKIP = 6,
    STEER_MARK_SUCCEEDED = 7,
    STEER_MARK_FAILED = 8
};
#define STEER_DOWNSTREAM 1u       /* and what depends on them */
#define STEER_KEEP_RUNNING 2u     /* CANCEL: what runs goes on to its end */
struct steer_range { uint32_t step, first, n; };             /* partitions [first, first + n) of a step */

#endif
