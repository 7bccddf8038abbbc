/* Plans that were compiled once in this run.  One and the same source is compiled again by every recovery, by the checkers' model and
 * by replay: a third of a run's time, and always the same plan.  Every eighth life of the coordinator begins with none, and compiles all of its own. */
#ifndef BF_SIM_PLANS_H
#define BF_SIM_PLANS_H

#include "common/vec.h"
#include "plan/plan.h"

struct world;

struct sim_known_plan { uint8_t key[32]; struct plan *plan; };
struct sim_plans { struct sim_known_plan *at; size_t n, cap; };      /* a BF_VEC_TYPE with a name */
void sim_plans_done(struct sim_plans *p);
/* A life of the coordinator begins. */
void sim_plans_life(struct world *w);

/* turn_ports.plan_known and plan_made. */
struct plan *sim_plan_known(void *world, const uint8_t key[32]);
void sim_plan_made(void *world, const uint8_t key[32], const struct plan *plan);
/* The plan of a stored source, without overrides of parameters; the caller frees it.  NULL: it is not stored, or does not compile. */
struct plan *sim_plan_of(struct world *w, const uint8_t source_hash[32], const char *from, const char *to);

#endif
