/* Reading pools: what they have, who draws on them, and how they are shared.  As view.h. */
#ifndef BF_ENGINE_VIEW_POOLS_H
#define BF_ENGINE_VIEW_POOLS_H

#include "coordinator/engine/view.h"

/* source: of the slots.  start_milli starts in 1,000 × start_ms; 0: no start rate. */
struct pool_view { const char *name; uint32_t slots, used; enum pool_source source; uint32_t start_milli, start_ms; };
struct pool_dimension_view { const char *name; uint64_t used, limit; enum pool_source source; };    /* limit and source 0: no limit */

size_t engine_n_pools(const struct engine *e);
void engine_pool(const struct engine *e, size_t i, struct pool_view *ret);
enum ceiling_by { CEILING_BY_PLAN, CEILING_BY_HAND, CEILING_BY_SLOTS };
/* The limit of a pool that is throttled; false: it is not, and was not before. */
struct limit_view {
    const struct pool_limit *now;
    bool throttled;                          /* now */
    uint32_t limit;                          /* in force, within the slots */
    struct limit_bounds planned;             /* what plans ask for, while throttled: where it differs from what holds, a person set that */
    enum ceiling_by ceiling_by;              /* whose the ceiling is, while throttled; slots: there are no more */
    uint32_t ceiling_of;                     /* of several plans the backfill that has the lowest, the oldest of these; 0: none */
    bool at_ceiling;                         /* all of it is used, the ceiling is reached, and the governor sees room for more */
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
 * long a better class has passed it (0: none does), and by how many classes it is raised for that. */
struct pool_share_view { uint32_t backfill, used, raised; uint64_t part, ready; int64_t passed_ms; };
/* Of all that hold anything or wait, by id.  The caller frees. */
struct pool_share_view *engine_pool_shares(const struct engine *e, size_t pool, size_t *ret_n);
/* What a class of a backfill lost in a pool (NULL: in none) to better ones, the i-th of those that lost anything; false at the end.
 * lost_ms: in all, what runs now included; yields: now, for since_ms. */
struct yield_view { const char *pool; enum plan_priority class; uint64_t times, lost_ms, since_ms; bool yields; };
bool engine_yielded(const struct engine *e, uint32_t backfill, size_t i, struct yield_view *ret);
/* What the windows of a live backfill that draws on it leave of it now, of those that leave less; left: slots; until_us: by the wall clock,
 * 0: not known, INT64_MAX: for ever.  By id; the caller frees. */
struct pool_window_view { uint32_t backfill, budget, left; const char *name; int64_t until_us; };
struct pool_window_view *engine_pool_windows(const struct engine *e, size_t pool, int64_t wall_us, size_t *ret_n);
/* What a source says of it; by, reason, at_us: who said so last, where it is a person ("": not known, as in an old store).  Borrowed.
 * false: nothing. */
struct pool_said_view { uint32_t slots; const struct pool_budget *budget; const char *by, *reason; int64_t at_us; };
bool engine_pool_said(const struct engine *e, size_t i, enum pool_source source, struct pool_said_view *ret);

#endif
