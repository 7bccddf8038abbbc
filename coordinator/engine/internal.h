/* Functions that the files of the engine share, by file.  Not for users of the engine. */
#ifndef BF_ENGINE_INTERNAL_H
#define BF_ENGINE_INTERNAL_H

#include "coordinator/engine/limits.h"
#include "coordinator/engine/outage.h"
#include "coordinator/engine/state.h"
#include "coordinator/engine/view_why.h"

/* ---- state.c: finding things ---- */
struct backfill *backfill_find(const struct engine *e, uint32_t id);              /* NULL when there is none */
uint32_t backfill_newest_of(const struct engine *e, const char *plan);            /* by the plan's name; 0 when there is none */
struct agent *agent_find(const struct engine *e, uint32_t id);
struct agent *agent_find_key(const struct engine *e, const uint8_t key[BF_KEY_BYTES]);
struct agent *agent_find_name(const struct engine *e, const char *name);          /* connected or draining */
struct attempt *attempt_find(const struct engine *e, uint64_t id);                /* open ones */
struct known_plan *plan_find(const struct engine *e, const uint8_t key[32]);
void plan_add(struct engine *e, struct known_plan *k);                            /* engine.c; not known yet */
uint32_t pool_find(const struct engine *e, const char *name);                     /* PLAN_NO_INDEX when absent */
struct reply *reply_find(const struct engine *e, const uint8_t key[BF_KEY_BYTES], const uint8_t id[OP_REQUEST_ID_BYTES]);
uint32_t instance_number(const struct backfill *b, uint32_t step, uint32_t index);
uint32_t instance_index(const struct backfill *b, uint32_t number);
bool instance_find(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct backfill **ret,
                   uint32_t *ret_number);
static inline bool agent_present(const struct agent *a) { return a->state == AGENT_CONNECTED || a->state == AGENT_DRAINING; }
/* Its slots, or what runs there, when that is more: they were lowered.  What was given ahead is over them by design. */
static inline uint32_t agent_use_most(const struct agent *a)
{
    uint32_t use = a->busy - a->ahead;
    return use > a->hello.slots ? use : a->hello.slots;
}
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
/* halted: why, when it is paused by itself; else NULL or "", and by is NOT_HALTED. */
void backfill_set_state(struct engine *e, struct backfill *b, enum backfill_state next, enum halted_by by, const char *halted,
                        int64_t at_us);
bool backfill_finished(const struct backfill *b);
/* "halted by a check" or "paused", of a paused one. */
const char *backfill_stands(const struct backfill *b);
void live_add(struct engine *e, uint32_t id);

/* ---- ready.c: lanes ---- */
/* What is ready, without an engine: in the order of grants, by step.  And that into its lanes, which have nothing of it. */
void ready_begin(struct backfill *b);
void ready_adopt(struct engine *e, struct backfill *b);
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
/* Head of a lane: false when it is empty. */
bool ready_head(const struct engine *e, uint32_t lane, uint32_t *ret_number);
bool ready_may_be_granted(const struct backfill *b, uint32_t number);
void ready_lane_out(struct engine *e, uint32_t lane);                             /* out of its demand */

/* ---- ready_rank.c: their order ---- */
struct heap_item ready_item(const struct backfill *b, uint32_t number);
/* The order of grants, of two items that are ready in shares. */
bool ready_goes_first(const struct opened *x, struct heap_item p, const struct opened *y, struct heap_item q);
uint32_t ready_demand_head(const struct engine *e, const struct demand *d);       /* its best lane; it has one.  O(its lanes) */
bool ready_lane_less(const struct engine *e, uint32_t a, uint32_t b);             /* of two that have something */
bool ready_demand_less(const struct engine *e, uint32_t a, uint32_t b);           /* the one with the better head first */
uint64_t ready_class(const struct lane *lane);                                    /* of its head; it has one */
uint64_t ready_item_class(const struct lane *lane, struct heap_item item);        /* as it counts */

/* ---- ready_demands.c: what they need ---- */
void ready_attach(struct engine *e, struct backfill *b);                          /* lanes of its steps */
void ready_guarded(struct engine *e, struct backfill *b);                         /* other guards for its steps; nothing of it is granted */
/* Something ready, nothing that blocks it, an agent that has a slot free or takes it ahead.  Else *ret_first is what blocks it first
 * (kind -1: nothing does).  lane: the one whose head is meant; PLAN_NO_INDEX: perhaps one of them may be given ahead. */
bool ready_demand_open(const struct engine *e, const struct demand *d, uint32_t lane, uint32_t *ret_agent, struct blocker *ret_first);
void ready_reset(struct engine *e);                                               /* lanes, demands and fits */

/* ---- ready_agents.c: who may do it ---- */
uint32_t ready_fit_for(struct engine *e, const struct plan_step *s);              /* index of its fit, made where there is none */
void ready_agent_changed(struct engine *e, const struct agent *a);                /* state, labels or slots */
void ready_agent_busy(struct engine *e, const struct agent *a);                   /* busy alone: its labels are not looked at */
/* Of the agents of a fit, but this one: the least busy that has a slot free; 0: none has.  And whether so many slots are free there. */
uint32_t ready_agent_beside(const struct engine *e, const struct fit *f, uint32_t agent);
bool ready_room_beside(const struct engine *e, const struct fit *f, uint32_t agent, uint64_t slots);
bool ready_agent_less(const void *engine, uint32_t a, uint32_t b);               /* less busy, by its slots; then the lower number */
/* Has the agent what a fit asks for, whatever its state? */
bool ready_agent_fits(const struct fit *f, const struct agent *a);
/* An agent has a slot free, or takes something ahead, or has some that may have to be asked back. */
bool ready_any_agent_free(const struct engine *e);

/* ---- opening.c: what may be granted in a turn, the best first ---- */
void opening_add(struct engine *e, uint32_t demand);                              /* any number; then… */
void opening_begin(struct engine *e);
bool opening_best(const struct engine *e, uint32_t *ret_lane);                    /* false: nothing is left */
void opening_close(struct engine *e, uint32_t lane);                              /* its head, the best, may not be granted now */
/* Around the grant of the head of the best lane. */
void opening_lift(struct engine *e, uint32_t lane);
void opening_put_back(struct engine *e, uint32_t lane);
void opening_end(struct engine *e);
void opening_done(struct opening *o);

/* ---- admit.c ---- */
/* When a slot of it may be taken, as far as its slots, its start rate and its pace go: now, or later; INT64_MAX: it has none left. */
int64_t admit_slot_ms(const struct pool *p, int64_t now_ms);
/* What a pool has of a dimension, and what of it is in use.  false: it has no limit. */
bool admit_room(const struct pool *p, uint32_t dim, uint64_t *ret_limit, uint64_t *ret_used);
struct blocker admit_breaker(const struct engine *e, uint32_t breaker);
size_t admit_blockers(const struct engine *e, const struct demand *d, struct blocker *ret, size_t max);

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
/* Nothing but its agent's word ends it, and that agent is lost, or is back in a life that does not know of it. */
bool attempt_fenced(const struct engine *e, const struct attempt *a);
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
enum bf_rc timebox_apply(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;         /* decide_timebox.c */
bool timebox_warns(const struct backfill *b);                                     /* the same: it goes on past one that only warns */
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

#endif
