/* Deciding: one input, or the end of a turn, at one moment.  Only these functions make records and effects. */
#ifndef BF_ENGINE_DECIDE_H
#define BF_ENGINE_DECIDE_H

#include "coordinator/engine/internal.h"
#include "coordinator/engine/view_create.h"

/* e is only read: what is decided becomes state by record_emit(), which applies it.  live is the same engine, for that and for the
 * scratch of a turn (state.h, "volatile"); NULL in a dry run, which emits nothing. */
struct decision { const struct engine *e; struct engine *live; int64_t now_ms, wall_us; struct engine_out *out; };

/* A blank record at the moment of the decision, for record_emit(), which keeps its strings in the output and applies it.
 * Nothing may be emitted in between. */
struct record *record_begin(struct decision *d, enum record_kind kind);
void record_emit(struct decision *d, struct record *r);
/* As a record of a list alone (snapshots): not applied. */
struct record *record_add(struct engine_out *out, enum record_kind kind);
/* All that it points to, its outcome too, is in the arena from now on; its rare part was made there. */
void record_keep_strings(struct bf_arena *arena, struct record *r);
void entry_keep_strings(struct bf_arena *arena, struct key_entry *k);
struct effect *effect_add(struct engine_out *out, enum effect_kind kind);
void effect_attempt(struct decision *d, enum effect_kind kind, const struct attempt *a);
void effect_kill(struct decision *d, uint32_t agent, struct attempt_ref ref, enum kill_reason reason);
char *out_printf(struct engine_out *out, const char *fmt, ...) BF_PRINTF(2, 3);

void decide_hello(struct decision *d, const struct input *in);
void decide_report(struct decision *d, const struct input *in);
void decide_bye(struct decision *d, const struct input *in);
void decide_lost(struct decision *d, const struct input *in);
void decide_command(struct decision *d, const struct input *in);
void decide_epoch(struct decision *d, uint32_t epoch);
/* decide_restore.c */
void decide_restored(struct decision *d, const struct input *in);
/* NULL, or why this agent shows that the store is an old copy. */
const char *decide_seen(struct decision *d, const struct input *in);
void decide_low(struct decision *d, bool low);
/* decide_pools.c: a pool of a plan that is not there yet; and what its plan says, as a backfill begins. */
void decide_pool_new(struct decision *d, const struct plan_pool *pool);
void decide_pools_begin(struct decision *d, const struct backfill *b);
/* Pools of the backfills that are live no more, or are again, since it was decided last: they have what the plans of live ones say.
 * O(live backfills and their pools), and nothing where none is. */
void decide_pools_again(struct decision *d);
void decide_pool_config(struct decision *d, const struct input *in);
void decide_told(struct decision *d, const struct input *in);
void decide_resumed(struct decision *d, const struct input *in);                 /* outage.c */
void decide_probe(struct decision *d, const struct input *in);                   /* probes.c */
void decide_ready_again(struct decision *d);
void decide_gates(struct decision *d);
void decide_grants(struct decision *d);
void decide_backfill_ends(struct decision *d);
/* Whatever changes the state of a backfill.  by, reason: what halts it by itself, and why; else NOT_HALTED and "".  Where it ends or runs
 * again decide_pools_again() looks at its pools. */
void decide_backfill_state(struct decision *d, const struct backfill *b, enum backfill_state state, enum halted_by by,
                           const char *reason);
/* decide_timebox.c */
void timebox_decide(struct decision *d);
void decide_reruns(struct decision *d);          /* rerun.c: stragglers; after decide_alerts(), which knows who straggles */
/* What becomes of its record when the attempt was asked to end and did (output's arena); NULL: it was not, or it ended by itself. */
const char *rerun_text(struct decision *d, const struct attempt *a, const struct outcome *o);
/* decide_alerts.c */
void decide_alerts(struct decision *d);
void decide_agent_alert(struct decision *d, uint32_t agent);      /* it had work when it was lost */

/* ---- decide_command.c: what commands share ---- */
struct steer_outcome;
/* What a command comes to.  before, after: what it changed, each a small JSON object, or "" (NULL alike); for the audit. */
struct answer { enum bf_rc rc; const char *text, *json, *before, *after; };
struct answer command_refuse(enum bf_rc rc, const char *text);
struct answer command_accept(struct decision *d, const struct backfill *b, const char *text);   /* json: the backfill and its state */

/* Why PAUSE, RESUME, CANCEL or RETRY of a whole backfill is refused (output's arena), for the command and its dry run alike; NULL: it is
 * not, though it may find that nothing is to be done.  *ret_rc: with which code. */
const char *command_objection(struct decision *d, const struct backfill *b, enum op_verb verb, enum bf_rc *ret_rc);
/* Orders to kill whatever of it is open. */
void kill_open(struct decision *d, const struct backfill *b);
/* Open attempts that no order reaches now, because their agent is lost and only its word ends them; of those that a steering changes, NULL:
 * of all.  O(attempts). */
uint32_t attempts_out_of_reach(const struct engine *e, const struct backfill *b, const struct steer_outcome *o);
/* What is said of them in an answer; "" where there are none (output's arena). */
const char *out_of_reach_words(struct decision *d, uint64_t n, bool keep_running);
/* Whether CANCEL, where it is not refused, does anything. */
bool command_cancels(const struct backfill *b, bool keep_running);

/* State of a backfill and its instances by state, those with any: before and after of what changes them. */
const char *command_counts(struct decision *d, const struct backfill *b);

/* ---- decide_pools.c ---- */
/* A record of what a source says, unless it says just that already; by: the command of a person, NULL: it is none.  false: it says so
 * already. */
bool pool_set(struct decision *d, const char *name, enum pool_source source, uint32_t slots, const struct pool_budget *budget,
              const struct input *by);
/* A small JSON object: {"slots":N,"source":"…","cpu":"2.5",…}.  Of the engine's pool; of what a plan says. */
const char *pool_words(struct decision *d, uint32_t pool);
/* The first for people: "4 slots, cpu 2.5, connections 10". */
const char *pool_sentence(struct decision *d, uint32_t pool);
const char *plan_pool_words(struct decision *d, const struct plan_pool *pool);
/* Does an engine's pool have what the plan says of it? */
bool pool_is_as_planned(const struct engine *e, uint32_t pool, const struct plan_pool *planned);

struct answer command_pool_set(struct decision *d, const struct input *in);       /* decide_pool_set.c */

/* ---- reserve.c: at the beginning and at the end of the grants of a turn ---- */
void reserve_review(struct decision *d);
void reserve_note_passed(struct decision *d);

/* ---- shares.c: at the same two moments; first: the first attempt that this turn granted, or would have ---- */
void shares_review(struct decision *d);
void shares_note_passed(struct decision *d, uint64_t first);

void decide_yields(struct decision *d);          /* yields.c: after the grants */

struct answer decide_alert_ack(struct decision *d, const struct input *in);        /* decide_alerts.c */

/* ---- decide_limit.c ---- */
void decide_throttles(struct decision *d);       /* which pools are throttled, and how, after backfills began or ended */
void decide_bounds_set(struct decision *d, uint32_t pool);      /* a person set its floor or ceiling: the limit is within them at once */
/* A step of each governor that has something new, after the grants; before them only of those whose probes lapsed. */
void decide_limits(struct decision *d, bool only_lapsed);
/* A pool of the plan that more probes would govern than can be, with those of backfills that are live: a sentence (output's arena), or
 * NULL. */
const char *limits_objection(struct decision *d, const struct plan *plan);

/* ---- sensor.c ---- */
bool sensor_answered(const struct plan_step *s, const struct outcome *o);      /* with "not there yet" */
/* What that answer means: verdict, when it looks next, and how often it has, into the record of the end. */
void sensor_rule(struct decision *d, const struct attempt *a, const struct outcome *o, struct record *r);

/* ---- decide_steer.c ---- */
struct answer command_steer(struct decision *d, const struct input *in, const struct backfill *b);
/* Of a backfill that is over and is to run again: who writes what it writes, or which pool would have too many probes (output's arena);
 * NULL: it may.  *ret_rc: with which code it is refused.  And the same of a steering command, if anything runs again by it. */
const char *again_objection(struct decision *d, const struct backfill *b, enum bf_rc *ret_rc);
const char *steer_objection(struct decision *d, const struct backfill *b, const struct steer_outcome *o, enum bf_rc *ret_rc);

/* ---- decide_create.c ---- */
struct answer decide_create(struct decision *d, const struct input *in);

/* ---- decide_queue.c ---- */
/* Pools, what is reused, and the state that says so.  ret_reuse (may be NULL): counts, when it has a reprocess. */
void decide_begin(struct decision *d, const struct backfill *b, struct reuse_counts *ret_reuse);
/* Its turn came, and something was missing: OP_RESUME, where begin_objection() has none. */
struct answer decide_begin_held(struct decision *d, const struct backfill *b);
const char *begin_objection(struct decision *d, const struct backfill *b, enum bf_rc *ret_rc);
/* ", 12 reused, …", or "" (output's arena). */
const char *reuse_words(struct decision *d, const struct backfill *b, const struct reuse_counts *counts);
void decide_queue(struct decision *d);

/* ---- decide_audit.c: what goes into the trail (docs/audit.md has the list) ---- */
/* The one record of a command that was answered anew.  before: the newest backfill before it was. */
void audit_command(struct decision *d, const struct input *in, const struct answer *a, uint32_t latest_before);
/* A decision that overrides another.  actor NULL: the coordinator. */
struct audit_note {
    const char *what, *target, *reason, *text, *before, *after, *actor, *role;
    const uint8_t *key;                          /* NULL: none */
    uint32_t backfill, agent, left_out;
    struct attempt_ref ref;
    enum bf_rc rc;
};
void audit_note(struct decision *d, const struct audit_note *n);
/* About a stale report that was just told: whether one is made now, and then when the next may be (record.h). */
bool audit_stale_due(const struct decision *d, int64_t *ret_next_ms);

/* ---- decide_breaker.c ---- */
/* After the end of an attempt was recorded, and with it the votes of its breakers. */
void decide_breakers_voted(struct decision *d, const struct attempt *a, const struct outcome *o);
void decide_breakers(struct decision *d);                      /* those whose time is over */
void decide_breakers_forgotten(struct decision *d);            /* breaker_forget.c */
struct answer decide_breaker_command(struct decision *d, const struct input *in);
void decide_breaker_config(struct decision *d, const struct input *in);

/* ---- decide_keys.c ---- */
struct answer decide_keys(struct decision *d, const struct input *in);

/* ---- failure.c ---- */
enum failure_class failure_classify(const struct outcome *o, const struct plan_step *s);
struct ruling { enum verdict verdict; enum failure_class class; int64_t retry_at_ms; };
/* What the outcome of attempt_no means for the instance.  lost: requeues so far; seed_token: seed of the jitter. */
struct ruling failure_rule(const struct engine_config *config, const struct plan_step *s, const struct outcome *o, bool cancelled,
                           uint32_t attempt_no, uint32_t lost, uint64_t token, int64_t now_ms);
/* Longest wait before attempt_no + 1. */
int64_t failure_backoff_ms(const struct plan_retry *retry, uint32_t attempt_no);

/* ---- writers.c ---- */
/* I18: a live backfill, queued ones too, other than `self`, that writes what this plan writes.  NULL, or in *ret_text
 * "bf-1 (running) writes mart.x for …" (output's arena). */
const struct backfill *writers_conflict(const struct decision *d, const struct topology *t, uint32_t self,
                                        const char **ret_text);
/* The whole sentence, with what to do; may_queue: it is a create, which could wait. */
const char *writers_objection(const struct decision *d, const struct backfill *b, const char *conflict, bool may_queue);

/* ---- outside.c ---- */
/* What `outside: require_success` finds missing: a sentence (output's arena), or NULL. */
const char *outside_missing(struct decision *d, const struct plan *p);

#endif
