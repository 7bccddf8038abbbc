/* The coordinator's thread that prepares creates: it is slower or faster than what else happens, and dies with its process. */
#ifndef BF_SIM_CREATE_H
#define BF_SIM_CREATE_H

#include "common/prng.h"
#include "common/vec.h"
#include "coordinator/create.h"

struct sim_creates { struct bf_prng prng; BF_VEC_TYPE(struct turn_create *) at; size_t first; };

struct world;
void sim_creates_init(struct world *w);
enum bf_rc sim_create_put(void *world, struct turn_create *create, struct bf_error *err);    /* turn_ports.prepare */
void sim_create_due(struct world *w, uint64_t generation);           /* the oldest one is prepared */
void sim_creates_forget(struct world *w);                            /* the process has died */

#endif
