/* The model of fair shares, and of classes that yield.  Only within the shadow. */
#ifndef BF_SIM_SHADOW_SHARES_H
#define BF_SIM_SHADOW_SHARES_H

#include "coordinator/sim/shadow_pools.h"

/* What a backfill holds of a pool ("": without one), when it was served last, and how often it was passed since (shadow_shares.c). */
struct shadow_share {
    uint32_t backfill, used, passes, raised;
    char pool[64];
    uint64_t in_use[3 + SHADOW_UNITS], last;
    int64_t passed_since_ms;                                 /* by a better class; 0: by none */
    int64_t got_ms;                                          /* when its newest attempt was granted */
};
/* A class of a backfill that yields in a pool ("": without one), and what it has lost (shadow_yields.c). */
struct shadow_yield { uint32_t backfill, class; char pool[64]; int64_t since_ms; uint64_t lost_ms, times; };

/* Shares: a grant; an attempt that gives back; a record of who waits. */
void shadow_check_share(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint64_t attempt);
void shadow_share_hold(struct shadow *s, const struct shadow_backfill *b, const struct plan_step *step, bool give);
void shadow_take_share(struct shadow *s, const struct shadow_backfill *b, const struct record *r);
void shadow_shares_over(struct shadow *s, const struct shadow_backfill *b);               /* it has ended */
/* Nothing passed them while no coordinator was there. */
void shadow_forgive_outage(struct shadow *s, int64_t away_ms);
/* Classes that yield: a record of one; and at the end of a turn, that none was forgotten. */
void shadow_take_yielded(struct shadow *s, const struct turn *t, const struct record *r);
void shadow_check_yields(struct shadow *s, const struct turn *t);

#endif
