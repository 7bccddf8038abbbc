/* A pool, and what a step draws: plain values of the engine's state; and what is done with them.
 *
 * What a pool has is said by up to three sources (enum pool_source), each a layer of its own; figure by figure the highest that says it
 * holds.  A figure that none says has no limit, and is counted all the same. */
#ifndef BF_ENGINE_POOL_H
#define BF_ENGINE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/vec.h"
#include "proto/limit.h"
#include "proto/pool.h"
#include "proto/states.h"

struct engine;
struct backfill;
struct demand;
struct record;

struct pool_layer {
    bool said;
    uint32_t slots;                              /* unless budget.no_slots */
    struct pool_budget budget;                   /* owned */
    char *by, *reason; int64_t at_us;            /* owned; who said so last, and why, where it was a person; while said */
};

enum { POOL_CPU, POOL_MEMORY, POOL_IO, POOL_FIRST_UNIT };
/* A dimension beside the slots, by index: POOL_CPU, …, and from POOL_FIRST_UNIT on units, as they were met first. */
struct pool_dim {
    char *name;
    uint64_t limit, used, used_max;              /* limit 0: none.  used_max: the limit, or what was in use when that was lowered */
    enum pool_source source;                     /* of the limit */
};

/* Of a pool that is or was throttled: its limit as the last record told it, with what ended since; and the last moves, a ring. */
struct pool_governor {
    struct pool_limit now;                       /* owns its probes and their texts */
    struct limit_move moves[LIMIT_MOVES_KEPT]; uint64_t n_moves;
};

/* What attempts of a step take on the average; n 0: none has ended well. */
struct typical { int64_t mean_us; uint32_t n; };

struct pool {
    char *name;
    uint32_t slots, used, used_max;
    enum pool_source source;                     /* of the slots */
    uint32_t start_milli, start_ms;              /* start rate: so many thousandths of a start in start_ms; 0: none */
    struct pool_governor *governor;              /* owned; NULL: never throttled */
    uint32_t limit;                              /* of attempts, beside the slots; 0: it is not throttled */
    struct pool_layer layers[POOL_SOURCES];      /* by source - 1 */
    BF_VEC_TYPE(struct pool_dim) dims;
    /* pools_rate.c: what the bucket of the start rate held then, in units of a rate in level_ms; 0: nothing has begun yet */
    uint64_t level; int64_t level_at_ms; uint32_t level_ms;
    /* reserve.c */
    uint64_t draws;                              /* attempts that were ever granted from it */
    uint32_t head_backfill, head_step;           /* who waits and is passed over; backfill 0: nobody */
    uint64_t head_since;                         /* draws of its pools when it began to wait */
    bool reserved;                               /* all that it takes is kept for it */
    BF_VEC_TYPE(uint32_t) waiting;               /* derived: demands that have lanes and draw on this pool alone, in no order */
    uint32_t granted_class;                      /* of this turn: best class that was granted from it, plus 1; 0: none was */
    uint32_t began_class;                        /* the same, not raised, of all that began and draws on it (yields.c) */
    uint64_t stuck;                              /* the engine's mark, when it was too small for what waits (decide_alerts.c) */
    uint64_t awaited;                            /* of this turn: best class that waits for room in it; UINT64_MAX: none (prefetch.c) */
    uint32_t blocked; uint64_t blocked_since;    /* of this turn: demand + 1 of the best that its pools alone hold back */
};

#define DRAW_SLOT UINT32_MAX
/* What one attempt takes, in the order in which the step names its pools; of each pool first a slot.  Every byte counts. */
struct draw_item { uint32_t pool, dim; uint64_t amount; };       /* dim: DRAW_SLOT, or an index into the pool's dims */
struct draw { uint32_t pool; const struct draw_item *items; size_t n; };     /* pool: the first, or PLAN_NO_INDEX */

/* It takes a slot of that pool. */
static inline bool draw_has_slot(const struct draw *d, uint32_t pool)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->items[i].pool == pool && d->items[i].dim == DRAW_SLOT)
            return true;
    return false;
}

/* ---- pools.c: what pools have, and what attempts draw on them ---- */
/* What a source says of a pool, from now on, as a RECORD_POOL_SET tells it; one that says nothing takes it back.  The figures that hold
 * follow. */
void pool_lay(struct pool *p, const struct record *r);
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

/* ---- pace.c: now, or when the next may begin, so that starts of a throttled pool are spread ---- */
int64_t pace_ms(const struct pool *p, int64_t now_ms);
/* The same of the n-th from 0, as pool_may_start_nth_ms(), while the limit and what attempts take stay as they are. */
int64_t pace_nth_ms(const struct pool *p, int64_t now_ms, uint64_t n);
void pace_granted(struct engine *e, const struct draw *d, int64_t now_ms);
/* An attempt that was granted then has ended; both in engine time, granted_ms 0: not known. */
void pace_ended(struct engine *e, const struct draw *d, int64_t granted_ms, int64_t now_ms);

/* ---- reserve.c ---- */
const struct draw *reserve_draw(const struct engine *e, const struct pool *p);     /* of who waits for it */
uint64_t reserve_kept_from(const struct engine *e, const struct demand *d, uint32_t pool, uint32_t dim);
void reserve_set(struct engine *e, uint32_t pool, uint32_t backfill, uint32_t step, uint64_t since, bool reserved);
void reserve_derive(struct engine *e);
void reserve_granted(struct engine *e, const struct draw *d);
void reserve_note_blocked(struct engine *e, uint32_t demand);                      /* by its pools alone */

#endif
