/* The model of what `why` promises.  Only within the shadow. */
#ifndef BF_SIM_SHADOW_WHY_H
#define BF_SIM_SHADOW_WHY_H

#include "coordinator/engine/view_why.h"

struct record;
struct shadow;
struct turn;

/* What `why` promised by a timer (shadow_why.c), and where it asks next.  clears: ms of engine time, or us of the wall clock. */
#define SHADOW_PROMISES 128u
struct shadow_promise { enum blocker_kind kind; uint32_t backfill, step, index; size_t thing; int64_t clears, skew_us; };
struct shadow_whys { struct shadow_promise at[SHADOW_PROMISES]; size_t n; uint32_t backfill, step, index; };

/* A record, before it is taken otherwise. */
void shadow_why_take(struct shadow *s, const struct turn *t, const struct record *r);

#endif
