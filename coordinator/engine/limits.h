/* Limits of pools that are throttled: their state, what is read and what ends, and that it is all recovered.  Decisions: decide_limit.c. */
#ifndef BF_ENGINE_LIMITS_H
#define BF_ENGINE_LIMITS_H

#include "coordinator/engine/state.h"

enum bf_rc apply_pool_limit(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
/* A reading of a probe, PROBED: the throttled pools that it governs take it. */
void limits_read(struct engine *e, const struct record *r);
/* An attempt of a step ended: what it says about the load.  Before it is closed. */
void limits_ended(struct engine *e, struct backfill *b, const struct attempt *a, const struct record *r);
#define SERVICE_US_MAX (INT64_C(30) * 24 * 3600 * 1000000)    /* an attempt that takes longer counts as this */
void limits_snapshot(const struct engine *e, struct engine_out *out);             /* after the pools */
void limits_snapshot_typical(const struct backfill *b, struct engine_out *out);
void limits_hash(const struct pool *p, struct bf_buf *out);
void limits_hash_typical(const struct backfill *b, struct bf_buf *out);
bool limits_agree(const struct pool *p);                                          /* with its bounds, for checks */
void governor_free(struct pool_governor *g);
static inline bool pool_is_throttled(const struct pool *p) { return p->governor && p->governor->now.bounds.algorithm != THROTTLE_NONE; }
/* Attempts that may run under a limit, which is never under 1: none in a pool without slots. */
static inline uint32_t limit_in_force(uint32_t limit, const struct pool *p) { return limit < p->slots ? limit : p->slots; }
/* The bounds, and within the slots of the pool. */
struct limit_bounds limit_bounds_within(struct limit_bounds b, uint32_t slots);
/* Of several throttles on one pool: the lowest floor and ceiling, and the algorithm of the first. */
void limit_bounds_meet(struct limit_bounds *b, const struct plan_throttle *t);
/* What the plans of the backfills that have begun and are live ask of it together; THROTTLE_NONE: none of them throttles it.
 * ret_of (or NULL): the first that has the lowest ceiling, untouched where there is none. */
struct limit_bounds limit_bounds_planned(const struct engine *e, uint32_t pool, uint32_t *ret_of);
/* With what is set by hand over it, which moves the other bound along. */
struct limit_bounds limit_bounds_set(struct limit_bounds b, const struct pool *p);
/* Something is ready that draws on the pool. */
bool pool_is_wanted(const struct engine *e, uint32_t pool);
/* Engine time at which a probe will have been unreadable for too long, if nothing is heard; INT64_MAX: never. */
int64_t limits_timer_ms(const struct engine *e);
int64_t probe_grace_ms(const struct limit_probe *p);
bool probe_lapsed(const struct engine *e, const struct limit_probe *p);      /* it is wanted, and was not read for longer than its grace */

#endif
