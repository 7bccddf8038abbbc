/* Functions that the files of the engine share, by file.  Not for users of the engine. */
#ifndef BF_ENGINE_INTERNAL_H
#define BF_ENGINE_INTERNAL_H

#include "coordinator/engine/limits.h"
#include "coordinator/engine/state.h"

/* ---- state.c: finding things ---- */
struct backfill *backfill_find(const struct engine *e, uint32_t id);              /* NULL when there is none */
uint32_t backfill_newest_of(const struct engine *e, const char *plan);            /* by the plan's name; 0 when there is none */
struct agent *agent_find(const struct engine *e, uint32_t id);
struct agent *agent_find_key(const struct engine *e, const uint8_t key[BF_KEY_BYTES]);
struct agent *agent_find_name(const struct engine *e, const char *name);          /* connected or draining */
struct attempt *attempt_find(const struct engine *e, uint64_t id);                /* open ones */
struct known_plan *plan_find(const struct engine *e, const uint8_t key[32]);
uint32_t pool_find(const struct engine *e, const char *name);                     /* PLAN_NO_INDEX when absent */
struct reply *reply_find(const struct engine *e, const uint8_t key[BF_KEY_BYTES], const uint8_t id[OP_REQUEST_ID_BYTES]);
uint32_t instance_number(const struct backfill *b, uint32_t step, uint32_t index);
uint32_t instance_index(const struct backfill *b, uint32_t number);
bool instance_find(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct backfill **ret,
                   uint32_t *ret_number);
static inline bool agent_present(const struct agent *a) { return a->state == AGENT_CONNECTED || a->state == AGENT_DRAINING; }
/* What an attempt of a step takes. */
static inline const struct draw *step_draw(const struct engine *e, const struct backfill *b, uint32_t step)
{
    return &e->draws.at[b->draws[step]];
}
/* decide_restore.c: the number of a run that begins now, when it is higher than the next; and whether no attempt may be granted, because
 * of what another coordinator of this cluster may have granted. */
uint32_t first_run(const struct engine *e);
uint32_t epoch_of(uint64_t token);
bool grants_are_held(const struct engine *e);
void agent_hello_copy(struct agent_hello *to, const struct agent_hello *from);    /* without held */
void agent_hello_done(struct agent_hello *h);
void outcome_done(struct outcome *o);                                             /* of a failure that is kept */
void reply_free(struct reply *p);
void backfill_free(struct backfill *b);

/* A class as it is asked for and stored, and as plans have it. */
_Static_assert(PLAN_CRITICAL + 1 == OP_CRITICAL && PLAN_LOW + 1 == OP_LOW, "classes have one order");
_Static_assert(PLAN_STEPS_MAX <= RECORD_STEPS_MAX, "a record has room for all steps of a plan");
static inline enum plan_priority priority_of(enum op_priority p) { return (enum plan_priority)(p - 1); }
static inline enum op_priority priority_number(enum plan_priority p) { return (enum op_priority)(p + 1); }

/* ---- instance.c: the states of an instance and of a backfill ---- */
void instance_set_state(struct engine *e, struct backfill *b, uint32_t number, enum instance_state next);
bool instance_may_become(const struct instance *in, enum instance_state next);
/* Whatever moves it, its end is not that of an earlier backfill any more. */
void instance_forget_reuse(struct backfill *b, uint32_t number);
/* Keeps the counts of a backfill, and the ready queue: what is held is not in it. */
void instance_set_flags(struct engine *e, struct backfill *b, uint32_t number, uint8_t flags);
bool backfill_may_become(const struct backfill *b, enum backfill_state next);
/* halted: why, when a check pauses it; else NULL or "". */
void backfill_set_state(struct engine *e, struct backfill *b, enum backfill_state next, const char *halted, int64_t at_us);
bool backfill_finished(const struct backfill *b);
void live_add(struct engine *e, uint32_t id);

/* ---- edges.c: counters ---- */
void edges_derive(struct engine *e, struct backfill *b);                          /* unmet, blocked, gates from base state */
void edges_satisfied(struct engine *e, struct backfill *b, uint32_t number);      /* it succeeded or was skipped */
void edges_dead(struct engine *e, struct backfill *b, uint32_t number);           /* it failed */
void edges_forget_dead(struct backfill *b);                                       /* blocked counters to 0: nothing waits any more */
void edges_derive_counters(struct backfill *b);                                   /* unmet, blocked, dead of gates: one walk for each
                                                                                     rule */
void edges_settle(struct engine *e, struct backfill *b, uint32_t number);         /* waiting and nothing unmet: ready */
void edges_forget_due(struct engine *e, struct backfill *b);                      /* its backoffs and gates: nothing of it is due */
/* After base state of many instances was changed: close the gates whose upstream is not done any more (base state itself), and derive
 * the rest again.  Where that is live, after ready_withdraw(). */
void edges_derive_again(struct engine *e, struct backfill *b);
/* An attempt is over, or a backoff: ready if nothing is unmet, else waiting again (its upstream was run again meanwhile). */
void edges_wait_again(struct engine *e, struct backfill *b, uint32_t number);
void edges_gate_opened(struct engine *e, struct backfill *b, uint32_t gate, uint32_t from, uint32_t upto);
uint32_t gate_released_at_start(const struct gate_rule *g);
/* From first principles, for checks. */
uint32_t edges_count_unmet(const struct backfill *b, uint32_t number);

/* ---- ready.c: lanes, demands, fits ---- */
void ready_attach(struct engine *e, struct backfill *b);                          /* lanes of its steps */
void ready_guarded(struct engine *e, struct backfill *b);                         /* other guards for its steps; nothing of it is granted */
void ready_push(struct engine *e, struct backfill *b, uint32_t number);
void ready_remove(struct engine *e, struct backfill *b, uint32_t number);         /* it left READY */
void ready_clear(struct engine *e, struct backfill *b);
void ready_set_class(struct engine *e, struct backfill *b, uint32_t step, enum plan_priority class);   /* then ready_rank_again() */
bool ready_counts_agree(const struct engine *e, const struct backfill *b);        /* from first principles, for checks */
void ready_refresh(struct engine *e, struct backfill *b);                         /* after a change of the backfill's state */
/* All that is ready waits again, for edges_derive_again(): counts of states are not kept. */
void ready_withdraw(struct engine *e, struct backfill *b);
void ready_forget(struct engine *e, struct backfill *b);                          /* drop what is not to be granted from its lanes */
void ready_rank_again(struct engine *e, struct backfill *b, const uint32_t *steps, size_t n);   /* after their class changed */
/* Whether a lane's order is that of the ranks as they are now; O(what is in it). */
bool ready_in_order(const struct engine *e, uint32_t lane);
void ready_agent_changed(struct engine *e, const struct agent *a);                /* state, labels or slots */
void ready_agent_busy(struct engine *e, const struct agent *a);                   /* busy alone: its labels are not looked at */
void ready_reset(struct engine *e);
void ready_lane_settle(struct engine *e, uint32_t lane);                          /* into its place, by what is ready */
void ready_lane_moved(struct engine *e, uint32_t lane);                           /* its key changed */
void ready_lane_out(struct engine *e, uint32_t lane);                             /* until it is settled again */
/* Head of a lane: false when it is empty. */
bool ready_head(const struct engine *e, uint32_t lane, uint32_t *ret_number);
bool ready_demand_less(const void *engine, uint32_t a, uint32_t b);
/* Something ready, nothing that blocks it, a free agent.  Else *ret_first is what blocks it first (kind -1: nothing does). */
bool ready_demand_open(const struct engine *e, const struct demand *d, uint32_t *ret_agent, struct blocker *ret_first);
uint64_t ready_class(const struct lane *lane);                                    /* of its head; it has one */

/* As grants order the ready: what is in front of an instance in its lane, and its class as it counts. */
bool ready_may_be_granted(const struct backfill *b, uint32_t number);
uint64_t ready_item_class(const struct lane *lane, struct heap_item item);
/* Has the agent what a fit asks for, whatever its state? */
bool ready_agent_fits(const struct fit *f, const struct agent *a);

/* ---- admit.c ---- */
bool admit_has_slot(const struct pool *p);
/* What a pool has of a dimension, and what of it is in use.  false: it has no limit. */
bool admit_room(const struct pool *p, uint32_t dim, uint64_t *ret_limit, uint64_t *ret_used);
struct blocker admit_breaker(const struct engine *e, uint32_t breaker);
size_t admit_blockers(const struct engine *e, const struct demand *d, struct blocker *ret, size_t max);

/* ---- pools.c: what pools have, and what attempts draw on them ---- */
/* What a source says of a pool, from now on; a budget that says nothing takes it back.  The figures that hold follow. */
void pool_lay(struct pool *p, enum pool_source source, uint32_t slots, const struct pool_budget *budget);
uint64_t pool_budget_get(const struct pool_budget *b, const char *dimension);    /* "cpu", …, or a unit; 0: not said */
void pool_use_most(struct pool *p);                                               /* used_max, from the limits and the use as they are */
void pools_attach(struct engine *e, struct backfill *b);                          /* what its steps draw; its pools are known */
void pools_hold(struct engine *e, const struct draw *d);
void pools_release(struct engine *e, const struct draw *d);
void pools_forget_use(struct engine *e);
void pools_done(struct engine *e);
/* pools_rate.c: now, or when the start rate lets the next attempt begin. */
int64_t pool_may_start_ms(const struct pool *p, int64_t now_ms);
/* The same of the n-th from 0 of attempts that begin one after the other, as soon as they may. */
int64_t pool_may_start_nth_ms(const struct pool *p, int64_t now_ms, uint64_t n);
/* An attempt is granted; now_ms: engine time, where a pool of it has a start rate. */
void pools_start(struct engine *e, const struct draw *d, int64_t now_ms);

#define RETRIES_LEAST 10u                        /* that a retry budget always allows */

/* ---- reserve.c ---- */
const struct draw *reserve_draw(const struct engine *e, const struct pool *p);     /* of who waits for it */
uint64_t reserve_kept_from(const struct engine *e, const struct demand *d, uint32_t pool, uint32_t dim);
void reserve_set(struct engine *e, uint32_t pool, uint32_t backfill, uint32_t step, uint64_t since, bool reserved);
void reserve_derive(struct engine *e);
void reserve_granted(struct engine *e, const struct draw *d);
void reserve_note_blocked(struct engine *e, uint32_t demand);                      /* by its pools alone */

/* ---- shares.c: fair shares, and ageing ---- */
struct share *share_find(const struct backfill *b, uint32_t pool);                /* PLAN_NO_INDEX: of what draws on none */
void shares_attach(struct backfill *b);                                           /* its pools are known */
void shares_done(struct backfill *b);
void shares_hold(struct engine *e, struct backfill *b, const struct draw *d, bool give);       /* give: back */
void shares_forget_use(struct engine *e);
void shares_limits_changed(struct engine *e, uint32_t pool);
bool shares_agree(const struct engine *e);                                        /* with what is in use of the pools, for checks */
void shares_granted(struct engine *e, struct backfill *b, const struct draw *d, uint64_t attempt);
enum bf_rc apply_share(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void shares_tell(const struct engine *e, const struct backfill *b, uint32_t step, struct blocker_ahead *ret);   /* view_shares.c */
/* Around a grant from a demand to a backfill. */
void shares_lift(struct engine *e, uint32_t demand, const struct backfill *b);
void shares_put_back(struct engine *e);
void shares_note_granted(struct engine *e, uint32_t lane);                        /* its head is about to be granted */

/* ---- yields.c: classes that yield, and what they lose ---- */
void yields_note_granted(struct engine *e, uint32_t lane);                        /* its head is about to be granted */
void yields_over(struct engine *e, struct backfill *b);                           /* it has ended */
enum bf_rc apply_yielded(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;

/* ---- writers.c: what a queued backfill waits for (backfill.behind) ---- */
void writers_queued(struct engine *e, struct backfill *b);                        /* it was queued, or what it waited for is over */
void writers_over(struct engine *e, uint32_t over);                               /* this one is not live any more */
bool writers_agree(const struct engine *e, const struct backfill *b);             /* from first principles, for checks */

/* ---- apply_breaker.c ---- */
enum bf_rc apply_breaker(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_breaker_settings(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_breaker_forgotten(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void snapshot_breakers(const struct engine *e, struct engine_out *out);           /* before what else is written */
int64_t breakers_next_ms(const struct engine *e);                                 /* decide_breaker.c: when the next half-opens */

/* ---- attempts.c: open attempts and what they hold ---- */
struct attempt *attempt_open(struct engine *e, const struct attempt *a);
void attempt_close(struct engine *e, struct attempt *a);
void attempts_derive(struct engine *e);                                           /* pools' and agents' use */

/* ---- apply.c, apply_load.c ---- */
enum bf_rc apply_record(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_backfill_created(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_agent_joined(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_agent_state(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_pool_set(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_replied(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_instances(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_attempt(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_failure(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_gate(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_retried(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_steered(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_steer_note(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void steer_note_done(struct steer_note *n);
enum bf_rc apply_backoff(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
/* ---- sensor.c ---- */
/* Was an answer "not there yet" heard in this run? */
bool sensor_has_looked(const struct engine *e, const struct backfill *b, uint32_t number);
void sensor_ended(struct engine *e, struct backfill *b, uint32_t number, const struct record *r);    /* the end of an attempt */
enum bf_rc sensor_apply(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void sensor_snapshot(const struct engine *e, struct engine_out *out);
void sensor_hash(const struct engine *e, const struct backfill *b, uint32_t number, struct bf_buf *ret);
void sensors_done(struct engine *e);

enum bf_rc timebox_apply(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;         /* decide_timebox.c */
enum bf_rc apply_reused(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;         /* apply_reuse.c */
uint32_t *backfill_origins(struct backfill *b);                                   /* apply_reuse.c: made when they are needed first */
enum bf_rc gate_lookup(struct engine *e, const struct record *r, struct backfill **ret, uint32_t *ret_gate,
                       struct bf_error *err) BF_MUST_CHECK;
void failure_store(struct engine *e, const struct backfill *b, uint32_t number, const struct outcome *o, enum failure_class class,
                   bool budget_spent);
enum bf_rc apply_pool_head(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_shares(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;

/* ---- apply_keys.c ---- */
enum bf_rc apply_key_set(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_key_revoked(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_token_used(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_key_forgotten(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_key(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
struct key_entry *key_find(const struct engine *e, const uint8_t key[BF_KEY_BYTES]);
struct key_entry *key_find_name(const struct engine *e, const char *name);        /* live, no token */
struct key_entry *token_find_name(const struct engine *e, const char *name);      /* live */
void key_free(struct key_entry *k);

/* ---- probes.c ---- */
enum bf_rc apply_probed(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void probe_last_done(struct probe_last *p);

/* ---- snapshot.c ---- */
/* Call before base state of an instance changes: its chunk is captured if a snapshot still needs it. */
void snapshot_touch(struct engine *e, struct backfill *b, uint32_t number);
void snapshot_drop(struct engine *e);
enum bf_rc instances_unpack(struct backfill *b, uint32_t number, const uint8_t *bytes, size_t n,
                            struct bf_error *err) BF_MUST_CHECK;

#endif
