/* What a backfill draws on a pool, for sharing it fairly, as a plain value of the engine's state; and what is done with it. */
#ifndef BF_ENGINE_SHARE_H
#define BF_ENGINE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/vec.h"
#include "coordinator/engine/heap.h"

struct engine;
struct backfill;
struct blocker_ahead;
struct draw;
struct record;

#define SHARE_MILLIONTHS UINT64_C(1000000)
#define SHARE_NUMBERS 3u                         /* of a RECORD_SHARE: last, since_ms, raised */
#define SHARE_WITHOUT_POOL_OF 32u                /* attempts without a pool count as if they shared one of so many slots */
#define SHARE_CLASSES 4u
#define YIELD_NUMBERS 4u                         /* of a RECORD_YIELDED: class, since_ms, lost_ms, times */

/* What a class of a backfill lost in a pool to better ones (yields.c).  Times are engine time. */
struct yielded { int64_t since_ms; uint64_t lost_ms, times; };       /* since_ms 0: it does not yield now */

struct share {
    uint32_t pool;                               /* the engine's; PLAN_NO_INDEX: attempts that draw on none */
    uint64_t last;                               /* its newest attempt; 0: none yet */
    int64_t since_ms;                            /* engine time since when a better class passes it; 0: nothing does */
    uint8_t raised;                              /* classes that it is raised by, because it waited */
    struct yielded yielded[SHARE_CLASSES];       /* by class */
    uint8_t began;                               /* volatile, of a turn: bits of the classes of which something was granted */
    struct heap open; uint32_t opened;           /* the same: heads of its lanes that may be granted, its place among such shares + 1 */
    /* derived */
    uint32_t used;                               /* slots, by its open attempts */
    uint64_t part;                               /* of the pool, in millionths: the largest of its dimensions */
    BF_VEC_TYPE(uint64_t) dims;                  /* of it, as the pool numbers them */
    BF_VEC_TYPE(uint32_t) lanes;                 /* whose first pool it is */
};

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
void shares_note_granted(struct engine *e, uint32_t lane);                        /* its head is about to be granted */

/* ---- yields.c: classes that yield, and what they lose ---- */
void yields_note_granted(struct engine *e, uint32_t lane);                        /* its head is about to be granted */
void shares_over(struct engine *e, struct backfill *b);                           /* it has ended: it waits for nothing */
void yields_over(struct engine *e, struct backfill *b);                           /* it has ended */
enum bf_rc apply_yielded(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;

#endif
