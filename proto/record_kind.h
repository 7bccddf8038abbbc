/* The kinds of records, and what a record of each says (record.h has the fields).  Their numbers are stored: append only. */
#ifndef BF_PROTO_RECORD_KIND_H
#define BF_PROTO_RECORD_KIND_H

#include <stdbool.h>
#include <stdint.h>

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
    RECORD_ENDED = 6,             /* attempt.ref, started_us, ended_us, outcome, verdict, class, retry_at_ms, voted_ms; numbers as of LOOKED,
                                     where a sensor was answered that it is not there yet */
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
    RECORD_RESUMED = 60,          /* numbers, engine time: of the last turn before the coordinator was away; when it was back; by when it has
                                     heard whoever is there again.  In snapshots too, where the first two are the same */
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
    RECORD_CLOSING = 61,          /* attempt.ref, at_us: its processes are dead, and its agent waits until its session at the server is gone;
                                     it holds what it holds.  In snapshots too */
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

const char *record_kind_name(enum record_kind k);        /* "granted", …; else "unknown" */
bool record_kind_is_known(uint32_t k);

#endif
