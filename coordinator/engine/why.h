/* What `why` asks beside the blockers themselves: who goes before an instance.  why.c, why_queue.c and why_when.c include this. */
#ifndef BF_ENGINE_WHY_H
#define BF_ENGINE_WHY_H

#include "coordinator/engine/internal.h"

/* An instance's place among what is ready and asks for the same.
 *
 * exact: `ahead` of them go before it, in this order, as far as what is ready now goes; else no more than these do.  steps: those of its
 * own lane in front of it, in order, where they are known one by one (ordered) and the caller wants them (set before).  class: its own,
 * as it counts. */
struct queue_place { bool wants_steps, exact, ordered; uint32_t ahead; uint64_t class; BF_VEC_TYPE(uint32_t) steps; };

#define QUEUE_LOOKED_AT_MAX 65536u               /* of a larger lane its length is told alone */
#define QUEUE_ORDERED_MAX 4096u                  /* of more in front of it no step is told */

/* *ret is all-zero before, but for wants_steps.  Of one that is ready and not held; release with queue_place_done().  O(what is ready in
 * its lane), within the limits above. */
void queue_place_find(const struct engine *e, const struct backfill *b, uint32_t number, struct queue_place *ret);
void queue_place_done(struct queue_place *p);

#endif
