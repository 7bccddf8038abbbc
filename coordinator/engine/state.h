/* The engine's state.
 *
 * Base state is what records say and recovery restores: instances, open attempts, agents, pools, how far gates are open, stored
 * answers.  Derived state follows from it: unmet and blocked counters, ready lanes, timers, counts.  While `recovering`, only
 * base state is kept; engine_rebuild() derives the rest.  State changes in apply.c and what it calls, nowhere else. */
#ifndef BF_ENGINE_STATE_H
#define BF_ENGINE_STATE_H

#include "common/map.h"
#include "common/vec.h"
#include "coordinator/engine/alerts.h"
#include "coordinator/engine/attempt.h"
#include "coordinator/engine/breaker.h"
#include "coordinator/engine/edges.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/heap.h"
#include "coordinator/engine/instance.h"
#include "coordinator/engine/key_book.h"
#include "coordinator/engine/late.h"
#include "coordinator/engine/moves.h"
#include "coordinator/engine/place.h"
#include "coordinator/engine/pool.h"
#include "coordinator/engine/probes.h"
#include "coordinator/engine/profile.h"
#include "coordinator/engine/rerun.h"
#include "coordinator/engine/sensor.h"
#include "coordinator/engine/share.h"
#include "coordinator/engine/snapshot.h"
#include "coordinator/engine/steer_note.h"
#include "coordinator/engine/topology.h"
#include "coordinator/engine/view.h"
#include "coordinator/engine/windows.h"

/* budget_spent: it was not tried again, because the retries of its backfill were used up. */
struct failure { uint32_t backfill, number; struct outcome outcome; enum failure_class class; bool budget_spent; };

struct known_plan { uint8_t key[32]; struct plan *plan; struct topology *topology; struct alert_reach *reach; };

/* Derived: instances of a step that are neither succeeded nor skipped; and of them, those that something failed keeps from running. */
struct step_counts { uint32_t left, cut; };

/* Ready instances of one backfill that need the same: best first.  Item: (rank, order << 32 | number), see ready_rank.c.  share: of the
 * backfill's, its first pool's.  place: in its demand; NO_SLOT: nothing may be granted from it.  n_of: ready ones by class. */
struct lane { struct backfill *backfill; uint32_t demand, share, place; struct heap ready; uint64_t n_of[SHARE_CLASSES]; };
/* What an attempt needs: of pools, and of agents.  Two steps that need the same have the same demand.  Holds the lanes that have something
 * ready and whose backfill runs. */
struct needs { uint32_t draw, fit, window, guard; };
/* only_pool: the one that it draws on; PLAN_NO_INDEX: several, or none.  place: among those that wait; NO_SLOT: it does not. */
struct demand { struct needs needs; BF_VEC_TYPE(uint32_t) lanes; uint32_t only_pool, place; };
/* What may be granted in a turn, by share (opening.c).  best: of these by index, the best first; lifted: those out of it while a grant
 * changes what they are ordered by. */
struct opened { const struct backfill *backfill; struct share *share; };
struct opening { BF_VEC_TYPE(struct opened) shares; struct iheap best; BF_VEC_TYPE(uint32_t) lifted; };
/* Agents whose labels fit, the least busy first; the full ones are at the end. */
struct fit { struct plan_label *labels; size_t n_labels; struct iheap agents;
             struct iheap room;                  /* of these, those that may be given something ahead (prefetch.c) */
             uint64_t awaited;                   /* of this turn: best class that waits only for a slot of them; UINT64_MAX: none */
             struct spread spread; };

struct backfill {
    uint32_t id;
    enum backfill_state state;
    const struct known_plan *known;
    const struct plan *plan;
    const struct topology *topology;
    uint8_t plan_hash[32];
    uint32_t before;                             /* id of the next older one of a plan of this name; 0: none */
    bool backward;
    enum op_reprocess reprocess;                 /* what earlier ones did is reused when it begins, unless all runs */
    bool reuse_downstream;
    uint32_t first_run;                          /* number of the run that its instances began with */
    struct bf_arena arena;                       /* of the strings below */
    const char *actor, *reason, *from, *to;
    struct op_param *params; size_t n_params;
    int64_t created_us, started_us, finished_us;
    char *halted;                                /* owned; why it was paused by itself; NULL: it was not.  Only while it is paused */
    enum halted_by halted_by;                    /* NOT_HALTED exactly while halted is NULL */
    struct instance *instances;                  /* by number (topology) */
    struct instance_usage *usage;                /* by number */
    uint32_t *origin;                            /* by number: the backfill that did what is reused; NULL: nothing is */
    struct gate *gates;
    uint32_t *pools;                             /* engine's pool for each pool of the plan */
    struct breaker_refs drawn;                   /* the breakers of its things */
    struct typical *typical;                     /* by step */
    uint32_t *draws;                             /* derived: what each step draws, an index into the engine's draws */
    int64_t timebox_at_ms; bool timebox_over;    /* engine time; 0: it has not begun */
    struct share *shares; size_t n_shares;       /* of each pool that it knows, and of none (shares.c) */
    uint32_t windows;                            /* set of its plan's windows, or NO_WINDOWS */
    uint8_t *priority;                           /* enum plan_priority of each step now: the plan's, until it is changed */
    struct heap *begins;                         /* by step: what is ready from the start, until it stands in lanes; then NULL */
    uint32_t *lanes;                             /* derived: lane of each step; NULL until derived */
    struct spread_counts *spread;                /* derived, by step; NULL: no step is spread */
    uint32_t *n_ready;                           /* derived, by step: ready ones that nobody holds; NULL until derived */
    uint64_t count[INSTANCE_STATE_COUNT], upstream_failed;   /* derived */
    struct step_counts *by_step;                 /* derived */
    uint32_t open;                               /* open attempts */
    uint32_t reruns;                             /* instances of it in the book of reruns */
    uint64_t first_attempts, retries;            /* for the retry budget: instances that began, and retries that were promised */
    uint64_t held, stale;                        /* derived: instances with that flag */
    BF_VEC_TYPE(struct steer_note) notes;        /* the oldest first */
    uint32_t gates_pending;                      /* derived: gates that are due and not fully open */
    uint64_t stuck;                              /* volatile: the engine's mark, when no agent might take what it has (decide_alerts.c) */
    uint32_t behind;                             /* derived; queued: the first live one that writes what it would; 0: none */
    uint8_t *unwritten;                          /* snapshot in progress: 1 for each chunk that is still to be captured */
};

struct reply {
    uint8_t who[BF_KEY_BYTES + OP_REQUEST_ID_BYTES];
    enum bf_rc rc;
    char *text, *json;
    int64_t at_us;
};

struct engine {
    struct engine_config config;
    bool recovering;
    uint32_t epoch, next_backfill, next_agent;
    uint64_t next_attempt;
    int64_t held_until_ms;                       /* nothing is granted before: restored from a backup (decide_restore.c) */
    struct { int64_t since_ms, until_ms; } deaf; /* when nobody could be heard, the last time (outage.c); 0: never */
    uint64_t outdated_token;                     /* newer than all of ours, and seen by an agent; 0: none.  Nothing is granted */
    bool low;                                    /* the store is short of room: no creates, no grants */
    int64_t stale_next_ms;                       /* of audit records about stale reports (decide_audit.c), and… */
    uint32_t stale_left_out;                     /* …how many reports none was made about since the last */
    BF_VEC_TYPE(struct known_plan *) plans;
    struct bf_smap plans_by_key;
    BF_VEC_TYPE(struct backfill *) backfills;    /* by id - 1 */
    struct bf_smap newest_by_plan;               /* plan's name -> id of the newest backfill */
    BF_VEC_TYPE(uint32_t) live;                  /* derived: ids of those that have not finished, ascending */
    BF_VEC_TYPE(struct agent) agents;            /* by id - 1 */
    struct bf_smap agents_by_key;                /* -> id */
    struct bf_smap agents_by_name;               /* derived: connected and draining ones -> id */
    BF_VEC_TYPE(struct pool) pools;
    BF_VEC_TYPE(struct draw) draws;              /* derived, and kept as long as the engine */
    struct bf_smap draw_of;                      /* bytes of its items -> draw + 1 */
    struct window_book windows;
    int64_t timebox_due_ms;                      /* volatile: the next end of a timebox; INT64_MAX: none */
    BF_VEC_TYPE(struct attempt) attempts;        /* slots */
    BF_VEC_TYPE(uint32_t) free_slots;
    struct bf_map slot_of;                       /* attempt id -> slot */
    uint32_t first_attempt, last_attempt;        /* slots, in order of id */
    uint64_t n_open, n_closing;                  /* n_closing, derived: of them those that wait for the end of their session */
    uint64_t session_ends[SESSION_END_MAX + 1];  /* attempts that ended while this engine lived; no state */
    uint32_t first_ahead, last_ahead;            /* derived: slots of those that wait at their agents */
    struct heap late;                            /* derived: (engine time, open attempt): late.c */
    BF_VEC_TYPE(uint32_t) late_now; struct bf_map late_steps;        /* derived: slots of attempts that are late; steps of them (late.c) */
    BF_VEC_TYPE(struct failure) failures;
    struct bf_map failure_of;                    /* instance_key -> index */
    BF_VEC_TYPE(struct look) looks;
    struct bf_map look_of;                       /* instance_key -> index */
    struct near_book nears;
    struct rerun_book reruns;
    uint64_t n_spread;                           /* derived: steps that are spread */
    BF_VEC_TYPE(struct reply *) replies;         /* a ring once it is full; oldest at replies_at */
    size_t replies_at;
    struct bf_smap replies_by_who;
    struct key_book keys;
    struct alert_book alerts;
    struct profile_book profiles;
    struct breaker_book breakers;
    BF_VEC_TYPE(struct probe_last) probes;       /* the one read last at the end */
    /* derived: the ready queue */
    BF_VEC_TYPE(struct lane) lanes;
    BF_VEC_TYPE(struct demand) demands;
    BF_VEC_TYPE(uint32_t) waiting;               /* demands that have lanes and no pool of their own; the others: struct pool */
    struct bf_smap demand_of;                    /* bytes of its needs -> demand + 1 */
    BF_VEC_TYPE(struct fit) fits;
    uint64_t n_ready;
    BF_VEC_TYPE(uint32_t) waiting_pools, reserved;   /* that somebody waits for; that are kept for somebody (reserve.c) */
    BF_VEC_TYPE(uint32_t) blocked_pools, ended;  /* of this turn; backfills that are live no more, or again (decide_pools.c) */
    struct opening opening;                      /* of the grants of one turn */
    uint32_t granted_class;                      /* of this turn, without a pool: as in struct pool */
    uint32_t began_class;                        /* the same, of classes that are not raised */
    uint32_t n_passed, n_yielding;               /* derived: shares that a better class passes; classes of shares that yield */
    bool began;                                  /* in this turn something was granted */
    struct heap timers;                          /* (retry_at_ms, instance_key) */
    struct heap gates_due;                       /* (backfill, gate) */
    BF_VEC_TYPE(uint32_t) work;                  /* worklist of the blocked counters */
    /* volatile */
    int64_t now_ms, wall_us;                     /* of the turn */
    int64_t admit_due_ms;                        /* when something that waits for a time alone may begin; INT64_MAX: nothing does */
    bool work_left;                              /* this turn left some for the next one */
    uint32_t stale_records;                      /* in this turn */
    bool awaited, ahead_look;                    /* prefetch.c: something waits; something changed since it was looked at last */
    bool throttles_due;                          /* in this turn a backfill or a pool changed: limits may have other bounds */
    BF_VEC_TYPE(struct backfill *) seeds;        /* laid out for creates of this turn (seed.h) */
    uint64_t mark;
    struct engine_moves moves;                   /* counted, for coverage */
    struct snapshot snapshot;
#ifdef BF_PLANTS
    struct bf_map planted_ended;                 /* attempt -> instance_key, for "stale_token_accepted" */
#endif
};

static inline uint64_t instance_key(const struct backfill *b, uint32_t number)
{
    return (uint64_t)b->id << 32 | number;
}

#endif
