/* Reading the engine: borrowed, valid until the next step or apply.  For queries, dispatch and the simulator's checkers. */
#ifndef BF_ENGINE_VIEW_H
#define BF_ENGINE_VIEW_H

#include "coordinator/engine/engine.h"
#include "plan/selector.h"

/* How an agent was chosen for an attempt: as one with room that was the least busy; by its inputs, or by spread, where the plan says so. */
enum place_by { PLACE_LEAST_BUSY, PLACE_INPUTS, PLACE_SPREAD };
#define PLACE_NUMBERS 4u                         /* of a grant: by, the agent of its inputs, waited_ms, running (place.h) */
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
    int64_t retry_at_ms;                     /* BACKING_OFF: engine time */
    struct instance_usage usage;
    bool held;                               /* by a person, whatever its state */
    bool stale;                              /* what it depends on was run again after it */
    bool cancelling, goes_on;                /* cancelled while open: this is its last attempt; and that goes on to its end */
    uint32_t reused_from;                    /* the backfill that did it, where it was reused; 0: it was not */
    bool looking;                            /* BACKING_OFF: a sensor, and what it waits for is not there yet; nothing failed */
};

struct backfill_view {
    uint32_t id;
    const struct plan *plan;
    enum backfill_state state;
    bool backward;
    const char *actor, *reason, *from, *to;
    const struct op_param *params; size_t n_params;
    int64_t created_us, started_us, finished_us;
    const char *halted;                      /* paused by a check, or its timebox is over; and why; NULL: not so */
    int64_t timebox_at_ms;                   /* engine time at which its timebox is over; 0: it has none, or has not begun */
    bool timebox_over;
    enum op_reprocess reprocess;
    bool reuse_downstream;
    uint64_t count[INSTANCE_STATE_COUNT];    /* by instance state */
    uint64_t upstream_failed, held, stale;
    uint32_t open_attempts;
};

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
    int64_t since_us;                        /* of the state */
};

/* source: of the slots.  start_milli starts in 1,000 × start_ms; 0: no start rate. */
struct pool_view { const char *name; uint32_t slots, used; enum pool_source source; uint32_t start_milli, start_ms; };
struct pool_dimension_view { const char *name; uint64_t used, limit; enum pool_source source; };    /* limit and source 0: no limit */
/* The newest reading of the probe of a connection: in us, or millionths of a value. */
struct probe_view { bool readable; int64_t value_us, at_us; const char *why; uint32_t agent; };


uint32_t engine_latest_backfill(const struct engine *e);                     /* 0: none */
/* @latest: the newest of those that do more than ask (plan_only_asks()); 0: there is none. */
uint32_t engine_latest_of_work(const struct engine *e);
bool engine_backfill(const struct engine *e, uint32_t id, struct backfill_view *ret);
uint32_t engine_next_running(const struct engine *e, uint32_t after);        /* the same, of those that run */
uint32_t engine_next_backfill(const struct engine *e, uint32_t after);       /* ids ascending; 0 at the end */
bool engine_instance(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct instance_view *ret);
/* Last failure of an instance; false when it has none.  Strings borrowed. */
bool engine_failure(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index,
                    struct outcome *ret, enum failure_class *ret_class);
/* Whether it was not tried again because the retries of its backfill were used up. */
bool engine_failure_unretried(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index);
/* What a sensor was answered in this run, when it was not there yet: how often, and at last (strings borrowed); false: it never was. */
struct look_view {
    uint32_t looks;
    int64_t since_ms, gives_up_ms;           /* engine time of the first answer, and of its time-out; -1: it has none */
    int64_t at_us;                           /* of the last answer, CLOCK_REALTIME */
    const char *text;
};
bool engine_looks(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct look_view *ret);
/* Whether a ready instance waits for the agent that made its inputs, or has waited for it, and until when it does at most (engine time). */
struct near_view { uint32_t agent; int64_t until_ms; bool waits; };
bool engine_near(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct near_view *ret);
bool engine_find_attempt(const struct engine *e, uint64_t attempt, struct attempt_view *ret);
uint64_t engine_next_attempt(const struct engine *e, uint64_t after);        /* open attempts, ids ascending; 0 at the end */
bool engine_agent(const struct engine *e, uint32_t id, struct agent_view *ret);
uint32_t engine_next_agent(const struct engine *e, uint32_t after);
uint32_t engine_agent_by_key(const struct engine *e, const uint8_t key[BF_KEY_BYTES]);   /* 0: none */
size_t engine_n_pools(const struct engine *e);
void engine_pool(const struct engine *e, size_t i, struct pool_view *ret);
/* The limit of a pool that is throttled; false: it is not, and was not before. */
struct limit_view {
    const struct pool_limit *now;
    uint32_t limit;                          /* in force, within the slots; 0: it is not throttled any more */
    size_t n_moves;                          /* that are kept */
    uint64_t moved;                          /* how often it moved, of this state: a restart may forget those that are not kept */
};
bool engine_limit(const struct engine *e, size_t pool, struct limit_view *ret);
const struct limit_move *engine_limit_move(const struct engine *e, size_t pool, size_t i);   /* the oldest first */
size_t engine_pool_named(const struct engine *e, const char *name);          /* engine_n_pools(): none */
/* Its dimensions beside the slots that have a limit or are in use: cpu, memory, io, then units by name.  The caller frees. */
struct pool_dimension_view *engine_pool_dimensions(const struct engine *e, size_t i, size_t *ret_n);
const char *engine_pool_dimension_name(const struct engine *e, size_t i, uint32_t dim);       /* "slots", "cpu", … */
/* Ready instances that draw on it; and the step that room is kept for. */
struct pool_waiting_view { uint64_t ready; bool reserved; uint32_t backfill, step; };
void engine_pool_waiting(const struct engine *e, size_t i, struct pool_waiting_view *ret);
/* What a live backfill holds of a pool, in slots and in millionths of the dimension of which it holds most; what it has ready there; how
 * long a better class has passed it (0: none does), and by how many classes it is raised for that.  The next one with an id over `after`
 * that holds anything or waits; false at the end. */
struct pool_share_view { uint32_t backfill, used, raised; uint64_t part, ready; int64_t passed_ms; };
bool engine_pool_share(const struct engine *e, size_t pool, uint32_t after, struct pool_share_view *ret);
/* What a class of a backfill lost in a pool (NULL: in none) to better ones, the i-th of those that lost anything; false at the end.
 * lost_ms: in all, what runs now included; yields: now, for since_ms. */
struct yield_view { const char *pool; enum plan_priority class; uint64_t times, lost_ms, since_ms; bool yields; };
bool engine_yielded(const struct engine *e, uint32_t backfill, size_t i, struct yield_view *ret);
/* What a source says of it; false: nothing.  Borrowed. */
bool engine_pool_said(const struct engine *e, size_t i, enum pool_source source, uint32_t *ret_slots, const struct pool_budget **ret);
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

/* Why does an instance not run?  In order of what must clear first.  At most max. */
enum blocker_kind { BLOCKER_DEPENDENCY, BLOCKER_PAUSED, BLOCKER_BACKOFF, BLOCKER_POOL, BLOCKER_NO_AGENT, BLOCKER_AGENTS_BUSY,
                    BLOCKER_UPSTREAM_FAILED, BLOCKER_QUEUE, BLOCKER_LOW_WATER, BLOCKER_HALTED, BLOCKER_HELD, BLOCKER_QUEUED,
                    BLOCKER_RESTORED, BLOCKER_OUTDATED,
                    BLOCKER_POOL_TOO_SMALL, BLOCKER_RESERVED, BLOCKER_START_RATE,
                    BLOCKER_WINDOW, BLOCKER_FREEZE_AHEAD, BLOCKER_BREAKER, BLOCKER_THROTTLE, BLOCKER_GATE,
                    BLOCKER_SENSOR, BLOCKER_NEAR };
/* How it is known when one clears: not at all; by a timer, that nothing but a person or a change of the plan's world moves; or by what
 * attempts of these steps usually take (engine_baseline). */
enum blocker_clock { CLOCK_UNKNOWN, CLOCK_TIMER, CLOCK_BASELINE };
#define BLOCKER_NAMED_MAX 4
struct blocker_upstream { uint32_t step, index; };
/* WINDOW: the budget, and what it leaves of the pool's slots; FREEZE_AHEAD: when it begins, and how long the step is expected to take.
 * Times are CLOCK_REALTIME; 0: not known.  name: of the window; borrowed. */
struct blocker_window { const char *name; uint32_t budget, left; int64_t expect_ms, opens_at_us, clears_at_us; };
/* QUEUE: the backfill that is next, and why; AHEAD_NONE: this one is next itself.  mine, theirs: parts of the pool, in millionths. */
enum blocker_ahead_by { AHEAD_NONE, AHEAD_CLASS, AHEAD_WAITED, AHEAD_SHARE, AHEAD_TURN, AHEAD_ORDER };
struct blocker_ahead { enum blocker_ahead_by by; uint32_t backfill, raised; uint64_t mine, theirs; int64_t passed_ms, age_after_ms; };
struct blocker {
    enum blocker_kind kind;
    uint32_t step, index;                    /* DEPENDENCY, UPSTREAM_FAILED: the first upstream; BACKOFF, SENSOR: itself */
    uint32_t count;                          /* how many such upstreams; QUEUE, GATE: how many are ahead */
    bool at_most;                            /* QUEUE: or fewer */
    struct blocker_upstream named[BLOCKER_NAMED_MAX]; uint32_t n_named;      /* the first of those upstreams, step and index again */
    size_t pool;                             /* POOL…, RESERVED, START_RATE, WINDOW, FREEZE_AHEAD, THROTTLE; PLAN_NO_INDEX: none */
    uint32_t agent;                          /* NEAR: that it waits for */
    size_t breaker;                          /* BREAKER: of what it draws on, or of an agent that would fit; count: probes that run */
    uint32_t dim;                            /* the first three: engine_pool_dimension_name() */
    uint64_t amount, used, limit;            /* the same: what it takes, what is in use, what there is; RESERVED: and what is kept */
    uint64_t kept;
    struct blocker_window window;
    struct blocker_ahead ahead;
    enum blocker_clock clock;
    int64_t clears_at_ms;                    /* engine time; -1: not known */
};
/* With what timers say, and nothing that is only expected: clock is TIMER or UNKNOWN. */
size_t engine_why(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct blocker *ret, size_t max);
/* Add what is expected, where no timer says it and baselines do: of an instance's blockers (of->one), or of those of all ready
 * instances of a step.  now_ms, wall_us: of now.  See why_when.c for what each kind goes by. */
struct why_of { uint32_t backfill, step, index; bool one; };
void engine_why_when(const struct engine *e, const struct why_of *of, int64_t now_ms, int64_t wall_us, struct blocker *b, size_t n);
/* What keeps every backfill from starting anything because of where the store comes from: OUTDATED, or RESTORED; false: nothing. */
bool engine_why_store(const struct engine *e, struct blocker *ret);
/* What holds back the ready instances of a step, which all need the same, in order; 0: nothing, they are next.  At most max. */
size_t engine_why_ready(const struct engine *e, uint32_t backfill, uint32_t step, struct blocker *ret, size_t max);
/* Steps with the same number need the same: one answer of engine_why_ready() is that of all of them. */
uint32_t engine_why_lane(const struct engine *e, uint32_t backfill, uint32_t step);
/* Ready instances of a step by index: some, looked for among the best of its lane. */
size_t engine_why_examples(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t *ret, size_t max);

/* What a queued backfill waits for: one that is live, or queued before it, and writes what it would write. */
struct queued_behind {
    uint32_t backfill;
    const char *dataset;
    char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];   /* "" where it is written whole */
};
/* false: it is not queued, or begins with the next turn that may begin any. */
bool engine_queued_behind(const struct engine *e, uint32_t backfill, struct queued_behind *ret);

/* What a create of this plan would come to. */
enum reuse_verdict { REUSE_NEW,              /* no earlier backfill has brought it to an end: runs */
                     REUSE_AFTER_FAILURE,    /* failed, or was cancelled while it ran: runs */
                     REUSE_CHANGED,          /* another version of the step did it: runs */
                     REUSE_FOR_UPSTREAM,     /* done, and something upstream of it runs: runs, by --downstream */
                     REUSE_TAKEN, REUSE_TAKEN_STALE,   /* done: not run; STALE: although something upstream of it runs */
                     REUSE_TAKEN_FAILURE,    /* failed: not run, and what is downstream cannot run */
                     REUSE_VERDICTS };
struct reuse_counts { uint64_t n[REUSE_VERDICTS]; };
#define REUSE_SOURCES_MAX 8u
/* from: newest first; the rest is left out. */
struct reuse_step { struct reuse_counts counts; uint32_t from[REUSE_SOURCES_MAX]; uint32_t n_from; };
struct create_preview {
    struct reuse_step *by_step;              /* the caller's: one for each step of the plan, all-zero */
    const char *conflict;                    /* who writes what it would write; NULL: nobody */
    const char *missing;                     /* what it requires outside its range; NULL: nothing */
};
/* The sentences are in out's arena. */
void engine_create_preview(const struct engine *e, const struct plan *plan, enum op_reprocess how, bool downstream, struct engine_out *out,
                           struct create_preview *ret);

/* What an instance needs that lies outside the backfill's range, by edge, before the range and behind it: nothing there is waited
 * for.  At most max. */
struct outside_need {
    uint32_t step;                           /* the upstream */
    enum plan_outside outside;               /* why: assumed, or required when the backfill was created */
    uint32_t count;
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
};
size_t engine_outside(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct outside_need *ret, size_t max);

/* ---- what people do to step instances ---- */
struct steer_view { enum steer_action action; const char *actor, *reason; int64_t at_us; };
/* Who holds an instance, or skipped, marked or cancelled it; false: nobody did, or it is forgotten (the last 64 of a backfill are
 * remembered). */
bool engine_steered(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct steer_view *ret);
/* The nearest upstream of a stale one that was run again after it; false when there is none (any more). */
bool engine_stale_cause(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, uint32_t *ret_step, uint32_t *ret_index);

/* The dry run of PAUSE, RESUME, CANCEL, RETRY, FORCE, SKIP, MARK: every instance that would change, in the plan's order; or why the
 * command would be refused.  Of a whole backfill that is paused or resumed no instance changes. */
struct steer_preview;
struct steer_row {
    uint32_t step, index;
    enum instance_state before, after;
    bool held_before, held_after, upstream_failed;           /* upstream_failed: before */
    bool new_run, along, stale;              /* along: downstream of what was picked; stale: that, and no more */
    bool killed, goes_on;                    /* its attempt, of one that is cancelled while open */
};
enum bf_rc engine_steer_begin(const struct engine *e, uint32_t backfill, const struct op_request *req, struct steer_preview **ret,
                              struct bf_error *err) BF_MUST_CHECK;
bool engine_steer_next(struct steer_preview *p, struct steer_row *ret);
void engine_steer_end(struct steer_preview *p);

#endif
