/* Reading the engine: borrowed, valid until the next step or apply.  For queries, dispatch and the simulator's checkers. */
#ifndef BF_ENGINE_VIEW_H
#define BF_ENGINE_VIEW_H

#include "coordinator/engine/engine.h"
#include "plan/selector.h"

/* How an agent was chosen for an attempt: as one with room that was the least busy; by its inputs, or by spread, where the plan says so. */
enum place_by { PLACE_LEAST_BUSY, PLACE_INPUTS, PLACE_SPREAD, PLACE_ELSEWHERE };
#define PLACE_NUMBERS 4u                         /* of a grant: by, the agent of its inputs (or where it straggled), waited_ms, running */
enum instance_state { INSTANCE_WAITING = 1, INSTANCE_READY, INSTANCE_ASSIGNED, INSTANCE_RUNNING, INSTANCE_BACKING_OFF,
                      INSTANCE_SUCCEEDED, INSTANCE_SKIPPED, INSTANCE_FAILED, INSTANCE_CANCELLED };
#define INSTANCE_STATE_COUNT 10
/* Bits.  STALE: older than what it read.  REUSED: its end is that of an earlier backfill. */
const char *instance_state_name(enum instance_state s);       /* "waiting", "ready", … */
const char *backfill_state_name(enum backfill_state s);
const char *agent_state_name(enum agent_state s);
const char *failure_class_name(enum failure_class c);

/* What the last attempt used; all zero when it never ran.  measured_by as in struct attempt_usage. */
struct instance_usage {
    uint32_t cpu_ms, peak_memory_kib, read_kib, written_kib, throttled_ms;
    uint16_t peak_pids;
    uint8_t limits_hit, measured_by;
};

struct instance_view {
    enum instance_state state;
    bool upstream_failed;                    /* waiting on something that failed for good: derived */
    uint32_t run, attempts;                  /* run number; attempts of this run */
    uint32_t unmet;                          /* unsatisfied needs */
    uint32_t agent;                          /* of the open or last attempt; 0: none */
    uint64_t attempt;                        /* open or last attempt; 0: none */
    int64_t started_us, finished_us;         /* of the last attempt; 0: not yet */
    int64_t closing_us;                      /* RUNNING: since when only its session at the server is left; 0: it works */
    int64_t retry_at_ms;                     /* BACKING_OFF: engine time */
    struct instance_usage usage;
    bool held;                               /* by a person, whatever its state */
    bool stale;                              /* what it depends on was run again after it */
    bool cancelling, goes_on;                /* cancelled while open: this is its last attempt; and that goes on to its end */
    uint32_t reused_from;                    /* the backfill that did it, where it was reused; 0: it was not */
    bool looking;                            /* BACKING_OFF: a sensor, and what it waits for is not there yet; nothing failed */
    bool unheard;                            /* open, of a step with `on_lost: wait_for_fence`, at an agent that is lost, or that is back
                                                and does not know how it ended: nothing but its agent's word ends it */
    bool prefetched;                         /* ASSIGNED: it waits at its agent for a slot… */
    enum revoke_reason revoked;              /* …and is asked back; 0: it is not */
};

struct backfill_view {
    uint32_t id;
    const struct plan *plan;
    enum backfill_state state;
    bool backward;
    const char *actor, *reason, *from, *to;
    const struct op_param *params; size_t n_params;
    int64_t created_us, started_us, finished_us;
    const char *halted;                      /* why it was paused by itself; NULL: it was not */
    enum halted_by halted_by;
    int64_t timebox_at_ms;                   /* engine time at which its timebox is over; 0: it has none, or has not begun */
    bool timebox_over;
    enum op_reprocess reprocess;
    bool reuse_downstream;
    uint64_t count[INSTANCE_STATE_COUNT];    /* by instance state */
    uint64_t upstream_failed, held, stale;
    uint32_t open_attempts;
};

/* Attempts that are unheard, as in instance_view, at this agent.  backfill 0: of all.  Gives how many there are; partition indices of the
 * first of them in ret.  O(attempts of the agent). */
uint64_t engine_fenced(const struct engine *e, uint32_t agent, uint32_t backfill, uint32_t step, uint32_t *ret, size_t max);

/* Attempts that are dead and wait for the end of their session at a server, of one pool (by name) or all (NULL).  O(1) when there are none. */
uint64_t engine_closing(const struct engine *e, const char *pool);
/* Attempts that ended, by what became of their session, since this engine was made. */
uint64_t engine_session_ends(const struct engine *e, enum session_end how);

struct attempt_view {
    struct attempt_ref ref;
    uint32_t backfill, step, index, n, run, attempt_no, agent;
    int64_t granted_us, started_us;
    bool placed; enum place_by by; uint32_t near; int64_t waited_ms;     /* its plan says where; near: the agent of its inputs (0: none) */
};

struct agent_view {
    uint32_t id;
    enum agent_state state;
    const uint8_t *key;
    uint64_t incarnation;
    const struct agent_hello *hello;
    uint32_t busy;                           /* slots in use */
    uint32_t prefetched;                     /* attempts that wait there for one */
    uint64_t asked_cpu_milli, asked_memory_bytes;        /* what all of these ask for */
    int64_t since_us;                        /* of the state */
};

/* The newest reading of the probe of a connection: in us, or millionths of a value. */
struct probe_view { bool readable; int64_t value_us, at_us; const char *why; uint32_t agent; };

uint32_t engine_latest_backfill(const struct engine *e);                     /* 0: none */
/* @latest: the newest of those that do more than ask (plan_only_asks()); 0: there is none. */
uint32_t engine_latest_of_work(const struct engine *e);
bool engine_backfill(const struct engine *e, uint32_t id, struct backfill_view *ret);
uint32_t engine_next_live(const struct engine *e, uint32_t after);           /* those that are not over, by id; 0 at the end */
/* Is the probe of this connection to be run: for a backfill that runs, or for what draws on a pool that it governs? */
bool engine_probe_is_wanted(const struct engine *e, const char *connection);
/* What is asked of the probe of a connection, which is one warehouse whosever plan names it.  The oldest backfill that runs says what is
 * measured, else the oldest that has begun and not ended; of all of these that measure the same the shortest `every` and the least `target`
 * and `limit` hold.  probe: that backfill's, with these figures; its strings are borrowed.  false: nobody asks. */
struct probe_asked { uint32_t backfill, index; struct plan_probe probe; };   /* index: of the connection in its plan */
bool engine_probe_asked(const struct engine *e, const char *connection, struct probe_asked *ret);
uint32_t engine_next_backfill(const struct engine *e, uint32_t after);       /* ids ascending; 0 at the end */
bool engine_instance(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct instance_view *ret);
/* Last failure of an instance; false when it has none.  Strings borrowed. */
bool engine_failure(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index,
                    struct outcome *ret, enum failure_class *ret_class);
/* Whether it was not tried again because the retries of its backfill were used up. */
bool engine_failure_unretried(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index);
/* Whether a ready instance waits for the agent that made its inputs, or has waited for it, and until when it does at most (engine time). */
struct near_view { uint32_t agent; int64_t until_ms; bool waits; };
bool engine_near(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct near_view *ret);
/* A straggler that was asked to end, to be run again elsewhere, until its next attempt has ended.  agent: where it straggled; what it had
 * taken when it was asked, and what is usual.  false: the instance is none. */
struct rerun_view { enum rerun_phase phase; uint32_t agent; uint64_t elapsed_ms, usual_ms; };
bool engine_rerun(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct rerun_view *ret);
size_t engine_reruns(const struct engine *e, enum rerun_phase phase);        /* how many */
/* What keeps an open attempt that straggles from being run again elsewhere now. */
enum rerun_bar { RERUN_BAR_NONE, RERUN_BAR_UNDECLARED, RERUN_BAR_ASKED, RERUN_BAR_ONCE, RERUN_BAR_NOT_LATE, RERUN_BAR_STOPPED,
                 RERUN_BAR_OTHERS, RERUN_BAR_NO_AGENT, RERUN_BAR_BUSY };
enum rerun_bar engine_rerun_bar(const struct engine *e, uint64_t attempt);
bool engine_find_attempt(const struct engine *e, uint64_t attempt, struct attempt_view *ret);
uint64_t engine_next_attempt(const struct engine *e, uint64_t after);        /* open attempts, ids ascending; 0 at the end */
bool engine_agent(const struct engine *e, uint32_t id, struct agent_view *ret);
uint32_t engine_next_agent(const struct engine *e, uint32_t after);
uint32_t engine_agent_by_key(const struct engine *e, const uint8_t key[BF_KEY_BYTES]);   /* 0: none */
bool engine_probe(const struct engine *e, const char *connection, struct probe_view *ret);   /* false: none was ever taken */
/* Keys and tokens that commands made or ended, in order. */
size_t engine_n_keys(const struct engine *e);
const struct key_entry *engine_key(const struct engine *e, size_t i);
const struct key_entry *engine_key_find(const struct engine *e, const uint8_t key[BF_KEY_BYTES]);    /* NULL: none */
const struct key_entry *engine_key_named(const struct engine *e, const char *name);                  /* live, no token; NULL: none */
/* A plan that engine_add_plan() gave; NULL: none. */
const struct plan *engine_plan(const struct engine *e, const uint8_t key[32]);
/* Whether this request of this key was answered, and the answer is still kept: it is the answer again (I4). */
bool engine_replied(const struct engine *e, const uint8_t key[BF_KEY_BYTES], const uint8_t request_id[OP_REQUEST_ID_BYTES]);
uint32_t engine_epoch(const struct engine *e);
bool engine_low(const struct engine *e);                                     /* as INPUT_LOW said last */

/* The class of a step now: the plan's, or what OP_PRIORITY made it. */
enum plan_priority engine_priority(const struct engine *e, uint32_t backfill, uint32_t step);
/* The steps that an OP_PRIORITY is about, whole; or why it is refused.  For the decision and for a dry run alike.  The caller
 * calls plan_selection_done(). */
enum bf_rc engine_priority_pick(const struct engine *e, uint32_t backfill, const struct op_request *req, struct plan_selection *ret,
                                struct bf_error *err) BF_MUST_CHECK;

#endif
