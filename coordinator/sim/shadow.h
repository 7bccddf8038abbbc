/* The checkers' own model of what is true, built only from committed records and from processes that were seen to start.
 *
 * It shares no code with the engine: dependencies, budgets, writers and tokens are worked out again, by brute force.  Each check
 * names its invariant (safety.md). */
#ifndef BF_SIM_SHADOW_H
#define BF_SIM_SHADOW_H

#include "coordinator/sim/world.h"

struct shadow *shadow_new(struct world *w);
void shadow_free(struct shadow *s);

/* One committed turn, as it was stored, with the details that went beside it. */
void shadow_committed(struct shadow *s, const struct turn_commit *c);
/* A message that the coordinator lets go (I3). */
void shadow_released(struct shadow *s, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg);
/* I1, I11: a process starts; gives a number for the instance. */
uint64_t shadow_process_started(struct shadow *s, const struct assignment *as, const struct sim_agent *on);
/* The warehouse: what an attempt writes, as a number that is the same for the same tables and partition; a claim that is complete; and
 * work that is committed (I1, I2). */
uint64_t shadow_place_of(struct shadow *s, const struct assignment *as, const uint8_t key[BF_KEY_BYTES]);
void shadow_session_claimed(struct shadow *s, const struct sim_fence_key *key, uint64_t token);
void shadow_session_committed(struct shadow *s, const struct sim_fence_key *key, const struct attempt_ref *ref);
void shadow_process_ended(struct shadow *s, uint64_t instance, uint64_t attempt);
/* An open attempt that was granted to another key; false when there is none. */
bool shadow_attempt_of_another(const struct shadow *s, const uint8_t key[BF_KEY_BYTES], struct attempt_ref *ret);
/* What the records say now, as a model that a restore can go back to; freed by shadow_free(). */
struct shadow *shadow_copy(const struct shadow *s);
/* The store is that of the copy now: restored, or put back by hand.  What was acknowledged since is lost, and only that. */
void shadow_rewind(struct shadow *s, const struct shadow *copy, bool restored);
bool shadow_is_outdated(const struct shadow *s);
/* An old copy of the store has given tokens out twice: the fence in the warehouse promises nothing any more. */
bool shadow_fence_void(const struct shadow *s);
/* Something that was cancelled should be dead by now (I9). */
void shadow_check_deaths(struct shadow *s);
/* Whether the answer of a request is durable (I3, I4). */
bool shadow_replied(const struct shadow *s, const uint8_t id[OP_REQUEST_ID_BYTES]);
uint32_t shadow_backfills(const struct shadow *s);
bool shadow_all_terminal(const struct shadow *s);
bool shadow_is_paused(const struct shadow *s, uint32_t backfill);
/* Paused before it began: what it requires is missing. */
bool shadow_is_held(const struct shadow *s, uint32_t backfill);
/* A backfill that a check halted; 0: none. */
uint32_t shadow_some_halted(const struct shadow *s);
const char *shadow_some_throttled(const struct shadow *s);   /* the first pool that is; NULL: none */
/* After a turn: every instance is in the state, and has the flags, that the records say.  always: also when nothing was steered. */
void shadow_check_steered(struct shadow *s, const struct engine *e, bool always);
/* After a turn: the timers of `why` lie ahead, and are remembered. */
void shadow_check_why(struct shadow *s, const struct engine *e, int64_t now_ms, int64_t wall_us);
/* After a turn: profiles have each successful attempt once, and no other. */
void shadow_check_profiles(struct shadow *s, const struct engine *e);
/* After a turn: an alert for each step that failed for good, and none about steps that are well. */
void shadow_check_alerts(struct shadow *s, const struct engine *e);
/* A backfill that has not ended, the one behind `from` in a circle, and how many steps it has; 0: none. */
uint32_t shadow_some_live(const struct shadow *s, uint64_t from, uint32_t *ret_steps);
/* An instance in a state that is rare: it backs off, is stale, is held or cancelled while it runs, or was cancelled.  Looks from the
 * one behind `from` on; false: there is none. */
bool shadow_some_rare(const struct shadow *s, uint64_t from, uint32_t *ret_backfill, uint32_t *ret_step);
/* An instance that backs off, or whose attempt has not started, to be held or let go; or that was skipped and is stale, to be skipped
 * again. */
bool shadow_some_pair(const struct shadow *s, uint64_t from, enum op_verb *ret_verb, uint32_t *ret_backfill, uint32_t *ret_step);
/* An attempt that was granted to this key, be it over; false: there was none. */
bool shadow_attempt_of(const struct shadow *s, const uint8_t key[BF_KEY_BYTES], uint64_t from, struct attempt_ref *ret);
bool shadow_any_held(const struct shadow *s, uint32_t backfill);
void shadow_check_end(struct shadow *s);
/* What is not at its end, into the trace. */
void shadow_trace_left(const struct shadow *s);

#endif
