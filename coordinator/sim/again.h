/* Checkers that decide again on what is stored. */
#ifndef BF_SIM_AGAIN_H
#define BF_SIM_AGAIN_H

#include "coordinator/sim/world.h"

/* The plan of a stored create is known to e; false when it does not compile. */
bool sim_prepare(struct world *w, struct engine *e, const struct op_request *create);
/* Decide again on every stored input at another time of day: the same is decided (I14). */
void sim_wall_check(struct world *w);
/* Decide again on every stored input, from nothing: the records must be those that were stored (I17). */
void sim_replay_check(struct world *w);

#endif
