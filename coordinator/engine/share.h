/* What a backfill draws on a pool, for sharing it fairly (shares.c): a plain value of the engine's state. */
#ifndef BF_ENGINE_SHARE_H
#define BF_ENGINE_SHARE_H

#include "common/vec.h"
#include "coordinator/engine/heap.h"

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

#endif
