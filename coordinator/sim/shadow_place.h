/* Where steps run, in the simulator's model (shadow_place.c).  Only within the shadow. */
#ifndef BF_SIM_SHADOW_PLACE_H
#define BF_SIM_SHADOW_PLACE_H

#include "coordinator/sim/shadow_model.h"

struct shadow_agent *shadow_agent_find(struct shadow *s, uint32_t id);        /* NULL: there is none */
bool shadow_agent_fits(const struct shadow *s, const struct shadow_agent *a); /* it is here, and may be given work */
bool shadow_agent_has_room(const struct shadow_agent *a);
uint32_t shadow_waiting_for(const struct shadow *s, uint32_t agent);          /* how many wait for its room */
/* A grant, before it is counted; who waits for an agent; and that nobody does for too long. */
void shadow_place_granted(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);
void shadow_take_near(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);
void shadow_place_forget(struct shadow_backfill *b);         /* a person steers it: who waited asks anew */
void shadow_check_places(struct shadow *s, const struct turn *t);

#endif
