/* What the engine takes in (inputs) and the facts that it makes (records), as plain values; and a turn, which carries both.
 *
 * Recovery applies records.  Replay decides again on the inputs and compares.  Kinds and numbers are stored: append only.
 * All strings are NUL-terminated, never NULL after decoding; arrays and strings of a decoded turn live in its arena. */
#ifndef BF_PROTO_RECORD_H
#define BF_PROTO_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "proto/agent_msg.h"
#include "proto/alert.h"
#include "proto/breaker.h"
#include "proto/key.h"
#include "proto/limit.h"
#include "proto/operator_msg.h"
#include "proto/states.h"

#define BF_TURN_VERSION 1u
#define TURN_MAX_BYTES (64u << 20)
#define TURN_INPUTS_MAX 65536u
#define INPUT_KEYS_MAX 64u
#define RECORD_STEPS_MAX 65536u
#define RECORD_RANGES_MAX 21845u             /* three numbers each, of RECORD_STEPS_MAX */
#define RECORD_REUSED_MAX 4096u              /* ranges in one record */
#define RECORD_NUMBERS_MAX 16u
#define SHARES_OF_POOL 4u
#define SHARES_OF_BACKFILL 2u
#define RECORD_AHEAD_US_MAX AGENT_ROUND_TRIP_US_MAX * UINT64_C(65536)
#define TURN_RECORDS_MAX (1u << 20)          /* a decoded record takes less than a kilobyte */

/* ---- inputs ---- */
enum input_kind {
    INPUT_HELLO = 1,       /* key, msg.hello, incarnation */
    INPUT_REPORT = 2,      /* key, incarnation, report */
    INPUT_BYE = 3,         /* key, incarnation */
    INPUT_LOST = 4,        /* agent (id), incarnation: its lease ran out */
    INPUT_COMMAND = 5,     /* key, actor, command */
    INPUT_TIMER = 6,       /* nothing but the turn's time */
    INPUT_EPOCH = 8,       /* epoch: of the store, when it is not the engine's (new store, or restored) */
    INPUT_LOW = 9,         /* low: the store is short of room: no creates, no grants */
    INPUT_POOL = 7,        /* pool_name, pool_slots, pool: the coordinator's configuration at start */
    INPUT_DENIED = 10,     /* key, actor, told: a change that was refused before it was decided on (role, revoked key) */
    INPUT_SERVICE = 11,    /* told: what the coordinator's process did: started, read its configuration again, ended */
    INPUT_PROBE = 12,      /* probe, agent (id; 0: nobody answered): a reading of the load of a warehouse */
    INPUT_BREAKER = 19,    /* breaker: kind, name ("": all of the kind), settings, source: the coordinator's configuration */
    INPUT_RESTORED = 30    /* epoch, hold_ms, actor, told: the store was restored from a backup, and this is its first start */
};

/* What goes into the audit as it stands.  before, after: small JSON objects, or "". */
struct input_told { const char *what, *target, *reason, *text, *before, *after; uint32_t left_out; enum bf_rc rc; };

/* A reading of the probe of a connection. */
struct input_probe {
    const char *connection;
    bool readable;
    int64_t value_us;                        /* readable: elapsed in us, or the value in millionths; >= 0 */
    const char *why;                         /* unreadable: one sentence; else "" */
};

struct input {
    enum input_kind kind;
    uint8_t key[BF_KEY_BYTES];               /* public key of the sender */
    const char *actor;                       /* COMMAND, DENIED: name of the key */
    const char *role;                        /* COMMAND, DENIED: its role, in words */
    uint64_t incarnation;
    uint32_t agent;
    struct agent_hello hello;
    struct agent_report report;
    struct op_request command;               /* id, verb 1..30, backfill, reason, plan_hash, from, to, backward, params, name,
                                                selectors, priority, state, downstream, keep_running, pool */
    const char *pool_name; uint32_t pool_slots; struct pool_budget pool;
    uint32_t epoch;
    int64_t hold_ms;                         /* RESTORED: the longest D_c that ever was */
    bool low;
    struct input_told told;                  /* DENIED, SERVICE, RESTORED */
    struct input_probe probe;                /* PROBE */
    /* COMMAND about keys: those of the configuration that the decision may need (turn.h) */
    struct key_entry *configured; size_t n_configured;
    struct record_breaker breaker;           /* BREAKER */
};

/* ---- records ---- */
enum record_kind {
    RECORD_COUNTERS = 1,          /* epoch, next_attempt, next_backfill, next_agent (snapshots, and a new epoch) */
    RECORD_BACKFILL_CREATED = 2,  /* backfill, plan_hash, from, to, backward, params, actor, reason, reprocess, reuse_downstream,
                                     at_us; all instances waiting, in this run (0: 1); queued until a state says that it runs.  In
                                     snapshots with the state that one will say; n 1: it has finished */
    RECORD_BACKFILL_STATE = 3,    /* backfill, state, at_us */
    RECORD_GRANTED = 4,           /* attempt…: assigned to an agent, what it draws is taken; retry_at_ms: engine time (0: not told);
                                     ahead_us: it waits there for a slot, and is expected to take this; numbers: how its agent was
                                     chosen, where the plan says anything of it (coordinator/engine/place.h) */
    RECORD_STARTED = 5,           /* attempt.ref, started_us; retry_at_ms: engine time, of one that was given ahead (0: not told) */
    RECORD_ENDED = 6,             /* attempt.ref, started_us, ended_us, outcome, verdict, class, retry_at_ms; numbers as of LOOKED, where
                                     a sensor was answered that it is not there yet */
    RECORD_RETRIED = 7,           /* backfill: every failed instance begins a new run, waiting */
    RECORD_AGENT_JOINED = 8,      /* agent, key, incarnation, hello, at_us; state connected */
    RECORD_AGENT_STATE = 9,       /* agent, agent_state, at_us */
    RECORD_POOL_SET = 10,         /* pool_name, pool_source, pool_slots, pool: all that this source says of it now */
    RECORD_GATE_OPENED = 11,      /* backfill, step, edge, gate, upto: downstream partitions [.., upto) of the gate are released */
    RECORD_REPLIED = 12,          /* key, request_id, rc, text, json, at_us: the stored answer to a change */
    RECORD_READY_AGAIN = 13,      /* backfill, step, index: backing off is over */
    RECORD_STALE_REPORT = 14,     /* attempt.ref, key: a report that was not current.  n: 1 where an audit record follows, and then
                                     retry_at_ms is when the next of them may be made (decide_audit.c) */
    RECORD_CANCELLED = 15,        /* backfill, steer_flags: every instance that is not terminal and has no open attempt is cancelled */
    RECORD_LOW = 16,              /* low: grants and creates stop, or go on */
    RECORD_PRIORITY_SET = 17,     /* backfill, priority, steps: they have this class from now on */
    RECORD_DETAILS = 18,          /* attempt…, at_us: the attempt told something beside its outcome, and the store keeps it.  The bytes are
                                     outcome.details of the input that made this record: most of a turn, so they stand there alone */
    RECORD_STEERED = 19,          /* backfill, action, steer_flags, ranges (none: everything), actor, reason, at_us: a person steers these
                                     instances; which of them change, and what that does to others, follows from the state */
    RECORD_REUSED = 23,           /* backfill, step, index, reused, last: before it runs, what earlier backfills did; from an instance on */
    RECORD_AUDIT = 29,            /* audit, actor, role, key, what, target, reason, rc, text, before, after, at_us, n: how many like it were
                                     left out before it; backfill, attempt.ref, agent, request_id where they are known.  Changes nothing */
    RECORD_ALERT = 44,            /* alert, as it stands from now on; in snapshots too */
    RECORD_ALERT_ACKED = 45,      /* alert (id, acked_…): a person has taken it on */
    RECORD_KEY_SET = 25,          /* entry: a key, or an enrolment token, may speak from now on */
    RECORD_KEY_REVOKED = 26,      /* entry, as it was; actor: it may not any more, whatever the configuration says */
    RECORD_TOKEN_USED = 27,       /* key: of the token; entry: the agent's, which may speak from now on */
    RECORD_KEY_FORGOTTEN = 28,    /* key: a token that has expired */
    RECORD_RESTORED = 30,         /* epoch, next_attempt: go on from here; retry_at_ms: nothing is granted before; ends what
                                     OUTDATED said */
    RECORD_OUTDATED = 31,         /* ref.token, key: an agent has seen a token that is newer than all of ours: nothing is granted */
    RECORD_POOL_LIMIT = 40,       /* pool_name, limit, at_us: a step of the pool's governor, all of its state after it.  Without a name:
                                     backfill, bytes: what its steps take on the average (snapshots only) */
    RECORD_TIMEBOX = 21,          /* backfill, retry_at_ms: its time is over then (engine time); n 1: it is over */
    RECORD_WINDOW = 43,           /* backfill, window: what the windows of its plan, and of every one with the same, leave of a pool */
    RECORD_NEAR = 55,             /* backfill, step, index, agent, retry_at_ms, n.  1: it is ready and waits for this agent, which made its
                                     inputs or is another one than where it straggled, until then (engine time) at most; 0: no more.
                                     In snapshots too */
    RECORD_RERUN = 56,            /* attempt.ref, backfill, step, index, run, agent, numbers: enum rerun_phase, what it took in ms so far,
                                     and what is usual.  ASKED: it straggles, and is asked to end, to be run again elsewhere; the others
                                     in snapshots only */
    RECORD_PROBED = 48,           /* probe, agent (0: nobody answered), at_us, retry_at_ms: engine time: the newest reading */
    /* snapshots only */
    RECORD_STEER_NOTE = 20,       /* the same, as what is remembered of it: changes no instance */
    RECORD_INSTANCES = 32,        /* backfill, step, index, bytes: packed instances from index on */
    RECORD_ATTEMPT = 33,          /* attempt…, started_us, ahead_us, revoked: an open attempt, nothing else changes.  retry_at_ms: engine
                                     time of its grant; numbers: when it takes longer than its like (0: never), then those of its grant */
    RECORD_FAILURE = 34,          /* backfill, step, index, outcome, class: last failure of an instance */
    RECORD_GATE = 35,             /* backfill, step, edge, gate, upto: how far a gate is open */
    RECORD_BACKOFF = 36,          /* backfill, step, index, retry_at_ms */
    RECORD_KEY = 37,              /* entry, as it stands */
    RECORD_LOOKED = 52,           /* backfill, step, index, run, at_us, outcome, numbers: what a sensor was answered last, how often it
                                     was, and when first (engine time) */
    RECORD_PROFILE = 24,          /* bytes: what attempts of one version of a step took (coordinator/engine/profile.c) */
    RECORD_SHARE = 50,            /* backfill, pool_name ("": without one), numbers: its newest attempt there, since when a better class
                                     passes it (engine time; 0: none does), by how many classes it is raised; in snapshots too */
    RECORD_REVOKED = 58,          /* attempt.ref, revoked: it was given ahead, and its agent is asked to give it back unstarted */
    RECORD_ROUND_TRIP = 59,       /* agent, numbers: its round trip in us */
    RECORD_YIELDED = 57,          /* backfill, pool_name ("": without one), numbers: a class, since when it yields to a better one
                                     (engine time; 0: it does not), what it has lost by that before, in ms, and how often it began to */
    RECORD_SHARES = 39,           /* numbers.  pool_name: level, its time and its scale, draws; backfill: first attempts, retries */
    /* a step waits for its pools and is passed over */
    RECORD_POOL_HEAD = 38,        /* pool_name: the first that it draws on; backfill (0: nobody any more), step, numbers: draws of its pools
                                     when it began to wait; last: from now on all that it takes is kept for it */
    /* breakers (proto/breaker.h) */
    RECORD_BREAKER = 41,          /* breaker, text (what opened it), actor, reason: it moves to this state.  In snapshots with bytes:
                                     what it has heard; then its settings and source too are what the record says, and index its
                                     number + 1 (0: the next) */
    RECORD_BREAKER_SETTINGS = 42, /* breaker: kind, name ("": all of the kind), settings, source; BY_PRESET: what the kind's are, and what
                                     live plans say */
    RECORD_BREAKER_FORGOTTEN = 54 /* breaker: kind, name: nothing draws on it, and it says nothing that a new one would not */
};

/* What becomes of a stretch of instances that follow one another by number (plan order, partitions ascending). */
enum reuse_kind { REUSE_RUNS = 0, REUSE_DONE = 1, REUSE_STALE = 2, REUSE_FAILED = 3 };
struct reuse_range { uint32_t n; uint32_t from_kind; };      /* from_kind: backfill that did it << 2 | enum reuse_kind */

/* track: of the plan's windows (coordinator/engine/windows.h); number: of the window that makes the budget, from 1; 0: none.  pool ""
 * stands for every pool that no window names.  until_us: CLOCK_REALTIME, 0: for ever, or a snapshot's. */
struct record_window { uint32_t track, budget, number; int64_t until_us; const char *name, *pool; };

struct record {
    enum record_kind kind;
    uint32_t backfill, step, index;          /* index: partition index within the step, from 0 */
    uint32_t agent, edge, gate, upto;
    int64_t at_us;                           /* coordinator's CLOCK_REALTIME of the turn */
    struct attempt_ref ref;
    uint32_t n, run, attempt_no;             /* span, run number, attempt number within the run */
    int64_t started_us, ended_us;
    struct outcome outcome;
    enum verdict verdict;
    enum failure_class failure_class;
    int64_t retry_at_ms;                     /* engine time */
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
    const uint64_t *numbers; size_t n_numbers;
    bool budget_spent;                       /* ENDED, FAILURE: not tried again, because the retries of the backfill are used up */
    const struct alert_fact *alert;          /* NULL: none */
    struct record_breaker breaker;           /* kind 0: none; of ENDED: at_ms */
    struct input_probe probe;                /* connection "": none */
    uint64_t ahead_us;                       /* 0: it was not given ahead */
    enum revoke_reason revoked;              /* 0: it is not asked back */
};

/* One turn: a journal value. */
struct turn {
    uint64_t seq;
    int64_t now_ms;                          /* engine time: monotonic over restarts */
    int64_t wall_us;                         /* CLOCK_REALTIME, for displays */
    struct input *inputs; size_t n_inputs;
    struct record *records; size_t n_records;
    struct bf_arena arena;
};

/* Append {version, header, inputs, records} to *ret; the store adds the checksum.  Asserts the three limits above, and kinds:
 * what could not be read again is never written.  The texts of outcomes and replies are cut and cleaned to valid UTF-8. */
void turn_encode(const struct turn *t, struct bf_buf *ret);
enum bf_rc turn_decode(const void *p, size_t n, struct turn *ret, struct bf_error *err) BF_MUST_CHECK;
/* The same without its records, for who decides again; and whether those that are stored are these, byte for byte.  n bytes at p: a turn
 * that turn_decode_inputs() has read.  scratch is overwritten. */
enum bf_rc turn_decode_inputs(const void *p, size_t n, struct turn *ret, struct bf_error *err) BF_MUST_CHECK;
bool turn_records_are(const void *p, size_t n, const struct record *records, size_t n_records, struct bf_buf *scratch) BF_MUST_CHECK;
void turn_done(struct turn *t);

/* A list of records alone, for checkpoint chunks; same encoding, decoded into arena. */
void records_encode(const struct record *records, size_t n, struct bf_buf *ret);
enum bf_rc records_decode(const void *p, size_t n, struct bf_arena *arena, struct record **ret, size_t *ret_n,
                          struct bf_error *err) BF_MUST_CHECK;

const char *record_kind_name(enum record_kind k);
const char *input_kind_name(enum input_kind k);

#endif
