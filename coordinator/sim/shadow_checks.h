/* What the shadow asks of its checkers, one of which is a file: shadow.c calls them as it walks over a committed turn.  take: a record
 * changes the model; check: it is held against it, and what does not fit is a violation. */
#ifndef BF_SIM_SHADOW_CHECKS_H
#define BF_SIM_SHADOW_CHECKS_H

#include "coordinator/sim/shadow_model.h"

/* Retries against the first attempts of a backfill. */
void shadow_count_attempt(struct shadow_backfill *b, struct shadow_cell *c, const struct record *granted);
void shadow_check_retry(struct shadow *s, struct shadow_backfill *b, const struct plan_step *step, const struct record *ended,
                        bool held);
/* A record of a restore, or of an old copy that was found out; grants and HELLOs in the light of it (shadow_restore.c). */
void shadow_take_restored(struct shadow *s, const struct record *r);
void shadow_take_outdated(struct shadow *s, const struct record *r);
void shadow_check_hellos(struct shadow *s, const struct turn *t);
void shadow_check_fresh(struct shadow *s, const struct record *granted);
/* I5: every upstream partition of an instance is done, found by looking at all of them. */
void shadow_check_needs(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint32_t index);
/* No instance of a higher class that asks for the same is ready when this one is granted. */
void shadow_check_class(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint32_t index);
/* A change of classes was asked for in this turn; and when it was answered, it is in force. */
void shadow_take_classes(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);
void shadow_check_classes(struct shadow *s, const struct turn *t, const struct shadow_backfill *b, const struct record *r);
/* Steering: what a record does to the cells, what may be granted afterwards, and how an end leaves a cell. */
void shadow_take_steer(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);
void shadow_check_steered_grant(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint32_t index);
void shadow_end_flags(struct shadow_cell *c, const struct record *ended);
/* Details: those that current reports told are kept with their turn, each once, and no others. */
void shadow_check_details(struct shadow *s, const struct turn *t, const struct turn_commit *c);
/* Halts: an end that halts, a change of state, and how things stand when the turn is over. */
void shadow_take_halt(struct shadow_backfill *b, const struct record *ended);
void shadow_take_state(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);
void shadow_check_halts(struct shadow *s);
/* An end, for what profiles must have. */
void shadow_take_profiled(struct shadow *s, const struct record *r);
/* An alert that changes. */
void shadow_take_alert(struct shadow *s, const struct turn *t, const struct record *r);
/* I9: what is open of a backfill, or of its cancelled instances, has to die. */
void shadow_take_cancel(struct shadow *s, const struct shadow_backfill *b, bool all);
/* I13, I15: the sizes of a turn, and no secret in what is stored. */
void shadow_check_bounds(struct shadow *s, const struct turn *t, const struct turn_commit *c);
/* I10: the audit records of a turn are those of what happened in it, and the trail goes on unbroken. */
void shadow_check_audit(struct shadow *s, const struct turn *t, const struct turn_commit *c);
/* How many partitions that b requires outside its range have not succeeded; complain: each is a violation. */
uint32_t shadow_check_outside(struct shadow *s, const struct shadow_backfill *b, bool complain);
/* Probes: a turn whose records are taken; and an order that is released. */
/* Is a probe to be read: for a backfill that runs, or for what draws on a pool that it governs (the latter alone: shadow_governor.c)? */
bool shadow_probe_is_wanted(const struct shadow *s);
bool shadow_probe_begins_anew(const struct shadow *s, const struct turn *t);      /* all backfills that want it began in this turn */
bool shadow_probe_governs(const struct shadow *s);
void shadow_check_probes(struct shadow *s, const struct turn *t);
void shadow_check_probing(struct shadow *s, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg);
/* The queue: a change of state, before it is taken. */
void shadow_check_queue(struct shadow *s, const struct shadow_backfill *b, const struct record *r);
/* What is reused: a record of it; and when it begins, that it is all that there is. */
void shadow_take_reused(struct shadow *s, struct shadow_backfill *b, const struct record *r);
void shadow_check_reused(struct shadow *s, const struct shadow_backfill *b);
/* The end of an attempt of an sql step: a success is in the warehouse. */
void shadow_check_session(struct shadow *s, const struct shadow_attempt *a, const struct record *ended);
void shadow_check_committed(struct shadow *s, const struct shadow_attempt *a, const struct record *ended, uint32_t run);
/* Keys: made only as asked for, never back once they were revoked, tokens good for one use in their time; and what was answered
 * is in force. */
void shadow_take_key(struct shadow *s, const struct turn *t, const struct record *r);
void shadow_check_key_answer(struct shadow *s, const struct turn *t, const struct record *r);
/* Sensors: the end of an attempt, and a grant. */
void shadow_check_look(struct shadow *s, const struct turn *t, struct shadow_cell *c, const struct plan_step *step, const struct record *r);
void shadow_check_look_granted(struct shadow *s, const struct shadow_cell *c, const struct plan_step *step, const struct record *granted,
                               int64_t now_ms);
/* Engine time: it passes as it must; an outage that is recorded; up to when what comes by time alone is judged. */
void shadow_check_clock(struct shadow *s, const struct turn *t);
void shadow_take_resumed(struct shadow *s, const struct turn *t, const struct record *r);
int64_t shadow_judged_ms(const struct shadow *s, int64_t now_ms);
/* The timebox of a backfill: begun and over as its plan says; and none goes on past it unnoticed. */
void shadow_take_timebox(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);
void shadow_check_timeboxes(struct shadow *s, const struct turn *t);
/* Windows: a grant, before it is counted (pool NULL: it draws on none); and a budget that is recorded. */
void shadow_check_windows(struct shadow *s, const struct shadow_backfill *b, uint32_t step);
void shadow_take_window(struct shadow *s, const struct shadow_backfill *b, const struct record *r);
/* Prefetch: a grant, before its agent is counted as busy; an attempt that is asked back (NULL: none that is known); an end, before it is
 * taken; a start; and how things stand when a turn is over. */
void shadow_check_ahead(struct shadow *s, const struct shadow_backfill *b, struct shadow_agent *agent, const struct record *r);
void shadow_take_revoked(struct shadow *s, struct shadow_attempt *a);
void shadow_check_given_back(struct shadow *s, struct shadow_attempt *a, const struct record *ended);
void shadow_check_not_given_back(struct shadow *s, const struct shadow_attempt *a);
void shadow_check_waiting(struct shadow *s, const struct turn *t);
/* I18: no other live backfill writes a partition that b writes. */
void shadow_check_writers(struct shadow *s, const struct shadow_backfill *b);
/* The end of a backfill says what its instances say, and left nothing behind that could have run. */
void shadow_check_result(struct shadow *s, const struct shadow_backfill *b);

#endif
