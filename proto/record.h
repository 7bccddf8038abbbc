/* The facts that the engine makes, as plain values.  Recovery applies them.
 *
 * A turn may make thousands, and nearly all say that an attempt was granted, or has ended: a record is small, and holds what those say.
 * Everything else stands in one part of its own, which they do not have.  record_kind.h says which kind says what.
 *
 * All strings are NUL-terminated, never NULL after decoding; arrays, strings and parts of a decoded turn live in its arena. */
#ifndef BF_PROTO_RECORD_H
#define BF_PROTO_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "proto/agent_msg.h"
#include "proto/alert.h"
#include "proto/breaker.h"
#include "proto/key.h"
#include "proto/limit.h"
#include "proto/operator_msg.h"
#include "proto/pool.h"
#include "proto/probe.h"
#include "proto/record_kind.h"
#include "proto/states.h"

#define RECORD_STEPS_MAX 65536u
#define RECORD_RANGES_MAX 21845u             /* three numbers each, of RECORD_STEPS_MAX */
#define RECORD_REUSED_MAX 4096u              /* ranges in one record */
#define RECORD_NUMBERS_MAX 16u
#define SHARES_OF_POOL 4u
#define SHARES_OF_BACKFILL 2u
#define RECORD_AHEAD_US_MAX AGENT_ROUND_TRIP_US_MAX * UINT64_C(65536)

/* What becomes of a stretch of instances that follow one another by number (plan order, partitions ascending). */
enum reuse_kind { REUSE_RUNS = 0, REUSE_DONE = 1, REUSE_STALE = 2, REUSE_FAILED = 3 };
struct reuse_range { uint32_t n; uint32_t from_kind; };      /* from_kind: backfill that did it << 2 | enum reuse_kind */

/* track: of the plan's windows (coordinator/engine/windows.h); number: of the window that makes the budget, from 1; 0: none.  pool ""
 * stands for every pool that no window names.  until_us: CLOCK_REALTIME, 0: for ever, or a snapshot's. */
struct record_window { uint32_t track, budget, number; int64_t until_us; const char *name, *pool; };

/* What a record that is neither a grant nor an end may say. */
struct record_rare {
    uint32_t edge, gate, upto;
    enum backfill_state backfill_state;
    enum agent_state agent_state;
    uint8_t key[BF_KEY_BYTES];
    uint64_t incarnation;
    struct agent_hello hello;
    const char *actor, *reason, *from, *to;
    bool backward;
    uint8_t plan_hash[32];
    struct op_param *params; size_t n_params;
    const char *pool_name; uint32_t pool_slots; enum pool_source pool_source;
    struct pool_budget pool;                 /* beside the slots */
    struct record_window window;
    uint8_t request_id[OP_REQUEST_ID_BYTES];
    enum bf_rc rc;
    const char *text, *json;
    bool low;
    enum op_priority priority;
    const uint32_t *steps; size_t n_steps;
    uint32_t epoch, next_backfill, next_agent;
    uint64_t next_attempt;
    const uint8_t *bytes; size_t n_bytes;
    enum steer_action action; uint32_t steer_flags;
    const struct steer_range *ranges; size_t n_ranges;
    enum op_reprocess reprocess;
    bool reuse_downstream, last;             /* last: of the records that go together */
    const struct reuse_range *reused; size_t n_reused;
    enum audit_kind audit;
    const char *role, *what, *target, *before, *after;
    struct key_entry entry;                  /* name "": none */
    const struct pool_limit *limit;          /* NULL: none */
    const struct alert_fact *alert;          /* NULL: none */
    struct record_breaker breaker;           /* kind 0: none */
    struct input_probe probe;                /* connection "": none */
    enum revoke_reason revoked;              /* 0: it is not asked back */
    enum halted_by halted_by;                /* BACKFILL_STATE with a reason; NOT_HALTED there: a record from before this was kept */
};

struct record {
    enum record_kind kind;
    uint32_t backfill, step, index;          /* index: partition index within the step, from 0 */
    uint32_t agent;
    uint32_t n, run, attempt_no;             /* span, run number, attempt number within the run */
    struct attempt_ref ref;
    int64_t at_us;                           /* coordinator's CLOCK_REALTIME of the turn */
    int64_t started_us, ended_us;
    int64_t retry_at_ms;                     /* engine time */
    uint64_t ahead_us;                       /* 0: it was not given ahead */
    int64_t voted_ms;                        /* ENDED: engine time, when its breakers heard of it; of no record that has a breaker */
    const struct outcome *outcome;           /* NULL: none */
    const uint64_t *numbers; size_t n_numbers;
    enum verdict verdict;
    enum failure_class failure_class;
    bool budget_spent;                       /* ENDED, FAILURE: not tried again, because the retries of the backfill are used up */
    struct record_rare *rare;                /* NULL: it says nothing of that */
};
_Static_assert(sizeof(struct record) <= 200, "a turn holds very many records");

/* Say nothing: zeros and empty strings. */
extern const struct record_rare record_rare_none;
extern const struct outcome record_outcome_none;
static inline const struct record_rare *record_rare(const struct record *r)
{
    return r->rare ? r->rare : &record_rare_none;
}
static inline const struct outcome *record_outcome(const struct record *r)
{
    return r->outcome ? r->outcome : &record_outcome_none;
}
/* To be written to: made in the arena when there is none yet. */
struct record_rare *record_rare_need(struct record *r, struct bf_arena *arena);
/* The same record, whose part stands in *rare from now on: to be changed while the first one stays. */
static inline struct record record_apart(const struct record *r, struct record_rare *rare)
{
    struct record copy = *r;
    if (!r->rare)
        return copy;
    *rare = *r->rare;
    copy.rare = rare;
    return copy;
}

#endif
