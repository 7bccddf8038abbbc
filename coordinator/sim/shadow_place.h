/* Where steps run, in the simulator's model (shadow_place.c).  Only within the shadow. */
#ifndef BF_SIM_SHADOW_PLACE_H
#define BF_SIM_SHADOW_PLACE_H

#include "coordinator/sim/shadow_model.h"

/* A grant, before it is counted; who waits for an agent; and that nobody does for too long. */
void shadow_place_granted(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);
void shadow_take_near(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);
void shadow_place_forget(struct shadow_backfill *b);         /* a person steers it: who waited asks anew */
void shadow_check_places(struct shadow *s, const struct turn *t);

#endif
