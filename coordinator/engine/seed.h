/* A backfill as it begins, laid out without an engine: all that follows from its plan alone.
 *
 * That is nearly all that creating one costs, so it may be done beforehand, by another thread; the record that creates the backfill then
 * takes it over.  Where there is none that fits (recovery, deciding again), apply lays one out by the same functions: whether it was done
 * beforehand is not to be seen in any state or record. */
#ifndef BF_ENGINE_SEED_H
#define BF_ENGINE_SEED_H

#include "coordinator/engine/state.h"

struct known_plan *known_plan_new(const uint8_t key[32], struct plan *plan);      /* owns the plan */
void known_plan_free(struct known_plan *k);

/* Base state of a backfill of this plan, as the first record says it. */
struct backfill *seed_lay_out(const struct known_plan *known, bool backward, uint32_t run);
const struct topology *engine_seed_topology(const struct engine_seed *s);
/* The seed that was added for such a backfill, the caller's from now on; else it is laid out and derived here. */
struct backfill *seed_take(struct engine *e, const struct known_plan *known, bool backward, uint32_t run);
/* Those that nothing took in this turn. */
void seeds_drop(struct engine *e);

#endif
