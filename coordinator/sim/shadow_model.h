/* The shadow's inside, shared by shadow.c and shadow_*.c. */
#ifndef BF_SIM_SHADOW_MODEL_H
#define BF_SIM_SHADOW_MODEL_H

#include "common/vec.h"
#include "coordinator/engine/view.h"
#include "coordinator/sim/shadow.h"
#include "coordinator/sim/shadow_breakers.h"
#include "coordinator/sim/shadow_pools.h"
#include "coordinator/sim/shadow_shares.h"
#include "coordinator/sim/shadow_why.h"
#include "plan/plan.h"

enum cell_end { CELL_WAITING, CELL_DONE, CELL_FAILED, CELL_CANCELLED };

struct shadow_cell {
    enum cell_end end;
    uint64_t open;
    uint32_t counted_run;                                    /* the last that a first attempt was counted of */
    uint32_t run, charged;                                   /* charged: attempts of this run that count */
    bool backing_off;
    bool held, stale, skipped;                               /* skipped: how it is done; stale: it is older than what it read */
    bool cancelling, kept;                                   /* a person cancelled it while it was open; and lets it go to its end */
    bool granted;                                            /* ever */
    bool failing;                                            /* its last attempt failed, of itself */
    bool looked; uint32_t look_run;                          /* a sensor was told "not there yet", in this run */
    int64_t look_since_ms, look_at_ms;                       /* engine time: when first; when it looks next (0: not) */
    uint32_t made_by; uint64_t made;                         /* agent and number of its last attempt that succeeded; 0: none */
    bool near_waits; int64_t near_until_ms;                  /* it waits for an agent; until when it may, once it has (0: it has not) */
    uint32_t near;                                           /* that agent */
    uint32_t rerun_run, straggled;                           /* its run in which it was asked to end, to run elsewhere; where it straggled,
                                                                while its next attempt is to avoid that (0: nowhere) */
    uint32_t origin;                                         /* its end is that of an earlier backfill; 0: its own */
    bool met; uint32_t met_at;                               /* all that it needs is done: as of this number of changes of ends */
};
/* It is ready, and stands in no lane: held by a person, or it waits for an agent. */
static inline bool shadow_is_out(const struct shadow_cell *c) { return c->held || c->near_waits; }
struct shadow_backfill {
    uint32_t id;
    enum backfill_state state;
    struct plan *plan;
    bool begun;
    enum op_reprocess reprocess;
    bool reuse_downstream;
    bool halted;                                             /* a check said so, or its time is over, and nobody has resumed it */
    int64_t timebox_ms; bool timebox_over;                   /* engine time of its end; 0: not begun */
    uint64_t firsts, retries;
    bool superseded;                                         /* a newer one of its plan has succeeded */
    enum op_priority *classes;                               /* of each step, as committed */
    struct shadow_things *things;                            /* of each step, once they are asked for */
    struct shadow_cell **cells;
    uint32_t ends;                                           /* how often the end of a cell may have changed; from 1 */
    uint32_t first_run;                                      /* number of the run that each cell began with */
    bool over;                                               /* it has finished: a cancelled one when nothing of it runs */
};
struct shadow_attempt {
    struct attempt_ref ref;
    uint32_t backfill, step, index, agent, run, ran;
    uint8_t key[BF_KEY_BYTES];
    uint64_t place;                                          /* that it writes in the warehouse */
    int64_t granted_ms;                                      /* engine time */
    bool open, started;
    uint64_t ahead_us; uint32_t passed;                      /* given ahead; turns since something of a better class waits for it */
    bool revoked, given_back, rerun;                         /* rerun: it was asked to end, to run elsewhere */
    bool loose;                                              /* granted or dispatched by an old copy that was put back */
    bool run_void;                                           /* of one that a restore lost: nothing that is left began its run */
    int64_t dies_ms;                                         /* it was cancelled, and must be dead by then; 0: not */
};
struct shadow_agent {
    uint32_t id, slots, busy, round_trip_us;
    uint8_t key[BF_KEY_BYTES];
    enum agent_state state;
    uint64_t incarnation;
    uint64_t cpu_milli, memory_bytes;                        /* that it told */
    char zone[8];                                            /* "": it has no such label */
    bool probes;                                             /* it is asked to */
    uint32_t idle_turns;                                     /* it had room, and something waited for it */
};
struct shadow_alive { uint64_t instance, attempt; bool loose; };
struct shadow_key { uint8_t key[BF_KEY_BYTES]; char name[16]; bool token, used, revoked; int64_t expires_ms; };
/* Of a place in the warehouse: the highest token that claimed it.  Of a run: it is committed. */
struct shadow_claim { uint64_t place, token; };
struct shadow_commit { uint64_t instance; uint32_t run; };
struct shadow_reply { uint8_t id[OP_REQUEST_ID_BYTES]; };

struct shadow {
    struct world *w;
    uint64_t last_token;                                     /* that was ever granted, whatever was restored since */
    uint64_t known_token; uint32_t epoch;                    /* newest by the records that are there, and the epoch of what comes */
    uint64_t outdated_token;                                 /* an agent told of it: the store is an old copy.  0: not so */
    bool loose;                                              /* it is an old copy, and no restore has come since */
    bool fence_void;                                         /* such a one granted something: tokens in the warehouse mean nothing */
    int64_t held_until_ms;                                   /* nothing may be granted before: what a restore lost may live */
    BF_VEC_TYPE(struct shadow_attempt) lost;                 /* granted after the backup that was restored, or put back */
    int64_t wall_us;                                         /* of the turn that is looked at */
    int64_t turn_ms;                                         /* engine time of the same */
    struct shadow_whys whys;
    uint64_t profiled, profiled_max_us;                      /* successful attempts whose times are known, and the longest */
    struct { int64_t since_ms, back_ms, until_ms; } deaf;    /* engine time: the newest outage that was recorded */
    struct { uint64_t boot; int64_t boot_ms, engine_ms; } tick; /* the newest turn, by both clocks; boot 0: of another life of the store */
    bool low;                                                /* as committed: no creates, no grants */
    bool steered;                                            /* since instances were compared last */
    BF_VEC_TYPE(struct shadow_backfill) backfills;
    BF_VEC_TYPE(struct shadow_attempt) attempts;
    BF_VEC_TYPE(uint32_t) open;                              /* of these: places, ascending */
    bool attempts_mixed;                                     /* their numbers do not ascend */
    BF_VEC_TYPE(struct shadow_pool) pools;
    struct shadow_draws draws;
    BF_VEC_TYPE(struct shadow_share) shares;
    BF_VEC_TYPE(struct shadow_yield) yields;
    BF_VEC_TYPE(struct shadow_agent) agents;
    BF_VEC_TYPE(struct shadow_alive) alive;
    BF_VEC_TYPE(struct shadow_reply) replied;
    BF_VEC_TYPE(struct shadow_claim) claims;
    BF_VEC_TYPE(struct shadow_commit) commits;
    uint64_t audit_index;                                    /* the head of the trail, as committed */
    uint8_t audit_hash[32];
    int64_t read_ms;                                         /* engine time of the newest reading of the probe */
    BF_VEC_TYPE(struct shadow_key) keys;                     /* that records told of */
    struct shadow_breakers breakers;
    bool probe_wanted, probe_was_wanted;                     /* after this turn, and after the one before */
    bool probed; int64_t probed_ms;                          /* something runs with a probe; since when its load is not known */
};

/* Attempts: one by its number (NULL: none), a grant, an end; is anything open of a backfill?  And one of s->open. */
struct shadow_attempt *shadow_attempt_find(struct shadow *s, uint64_t attempt);
void shadow_attempt_add(struct shadow *s, const struct shadow_attempt *granted);
void shadow_attempt_close(struct shadow *s, struct shadow_attempt *a);
bool shadow_any_open(const struct shadow *s, uint32_t backfill);
static inline struct shadow_attempt *shadow_open_at(const struct shadow *s, size_t i) { return &s->attempts.at[s->open.at[i]]; }
const struct shadow_backfill *shadow_backfill_find(const struct shadow *s, uint32_t id);     /* NULL when there is none */
/* The class of a step as it counts: raised, where its backfill waited. */
enum op_priority shadow_class(struct shadow *s, const struct shadow_backfill *b, uint32_t step);
/* shadow_classes.c: is any partition of a step ready, as far as that does not depend on gates? */
bool shadow_any_ready(const struct shadow_backfill *b, uint32_t step);
/* What an agent starts: an attempt of its own that is known, or one that was lost; NULL: neither. */
struct shadow_attempt *shadow_dispatched(struct shadow *s, const struct attempt_ref *ref, const uint8_t key[BF_KEY_BYTES]);
/* Does partition p of a step need partition u of another, or of its own? */
bool shadow_needs(const struct shadow_backfill *b, uint32_t step, uint32_t p, uint32_t up, uint32_t u);
/* Found as for I5, and once for as long as no end changes. */
bool shadow_needs_met(const struct shadow_backfill *b, uint32_t step, uint32_t index);
bool shadow_edge_needs(const struct plan_edge *edge, const struct plan_partitions *up, uint32_t u, const struct plan_partitions *own,
                       uint32_t p);
bool shadow_collide(const struct shadow_backfill *a, const struct shadow_backfill *b);
/* The number that a run has at least which begins now. */
uint32_t shadow_first_run(const struct shadow *s);
/* What a partition of a step writes, as a number that is the same for the same tables and partition. */
uint64_t shadow_place(const struct shadow_backfill *b, uint32_t step, uint32_t index);
/* The number of an instance. */
uint64_t shadow_instance(uint32_t backfill, uint32_t step, uint32_t index);

#endif
