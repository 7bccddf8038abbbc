/* Attempts that are given to an agent before it has a slot free; see prefetch.c for the rules.  Within the engine. */
#ifndef BF_ENGINE_PREFETCH_H
#define BF_ENGINE_PREFETCH_H

#include "coordinator/engine/internal.h"

struct decision;

#define PREFETCH_MOST 64u                        /* attempts that wait at one agent */
#define PREFETCH_LOOKED_AT_MAX 64u               /* agents with room, where the one with most has none for a lane */

/* ---- what waits: kept by attempts.c and apply.c, not while recovering ---- */
void prefetch_hold(struct engine *e, struct attempt *a);                          /* it is open */
void prefetch_release(struct engine *e, struct attempt *a);                       /* it is over */
void prefetch_started(struct engine *e, struct attempt *a);
void prefetch_forget(struct engine *e);                                           /* before all that is open is held again */
bool prefetch_agrees(const struct engine *e, const struct agent *a);              /* from first principles, for checks */

/* ---- room: expected times that may still be given ahead of an agent, in us; and the order of the agents that have some ---- */
uint64_t prefetch_room_us(const struct engine *e, const struct agent *a);
bool prefetch_has_room(const struct engine *e, const struct agent *a);
bool prefetch_room_less(const void *engine, uint32_t a, uint32_t b);

/* ---- who may be given ahead ---- */
/* What an attempt of the step is expected to take, in us; 0: it may not be given ahead. */
uint64_t prefetch_takes_us(const struct engine *e, const struct backfill *b, uint32_t step);
/* The agent that takes the head of a lane of a demand ahead, where no agent has a slot free.  PLAN_NO_INDEX: whether one has room for any
 * of its lanes, whatever waits. */
bool prefetch_agent(const struct engine *e, const struct demand *d, uint32_t lane, uint32_t *ret_agent);

/* ---- within a turn: who waits, for what an attempt that was given ahead may hold ---- */
void prefetch_begin_turn(struct engine *e);
/* A lane of a demand, or with PLAN_NO_INDEX all of them, that cannot be granted in this turn; first: what blocks it (kind -1: only that no
 * agent has a slot free). */
void prefetch_note_waiting(struct engine *e, uint32_t demand, uint32_t lane, const struct blocker *first);
void prefetch_note_record(struct engine *e, const struct record *r);
void decide_revokes(struct decision *d);

enum bf_rc apply_revoked(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
/* What an agent says of its round trip in its HELLO. */
void decide_round_trip(struct decision *d, uint32_t agent, uint32_t round_trip_us);
enum bf_rc apply_round_trip(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;

#endif
