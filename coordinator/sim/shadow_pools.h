/* The model of pools: I6, start rates, what is kept for wide steps, and limits of throttled pools.  Only within the shadow. */
#ifndef BF_SIM_SHADOW_POOLS_H
#define BF_SIM_SHADOW_POOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/map.h"
#include "common/vec.h"
#include "proto/states.h"

struct plan;
struct plan_step;
struct record;
struct shadow;
struct shadow_backfill;
struct turn;

#define SHADOW_UNITS 8u
/* cpu, memory, io and units, worked out again from what each source said (shadow_pools.c); 0 has no limit. */
struct shadow_budget { bool no_slots; uint32_t slots; uint64_t at[3 + SHADOW_UNITS]; uint32_t start_milli, start_ms, floor, ceiling; };
#define SHADOW_STARTS 64u
struct shadow_pool {
    char name[64];
    uint32_t slots, used, start_milli, start_ms;
    bool throttled;
    uint32_t limit; int64_t since_ms;                        /* since_ms: engine time from which readings of its probe are missed */
    bool rebound;                                            /* a person said other bounds in this turn */
    int64_t lasts_us, next_us;                               /* how long its attempts held their slot of late; when the next may begin */
    uint64_t limits[3 + SHADOW_UNITS], in_use[3 + SHADOW_UNITS];
    char units[SHADOW_UNITS][16];
    struct shadow_budget said[POOL_SOURCES];
    uint32_t kept_backfill, kept_step;                       /* all that this step takes is kept for it; 0: for none */
    bool told_kept;                                          /* the last record said so: grants may have ended it since */
    int64_t starts_ms[SHADOW_STARTS]; uint64_t n_starts;     /* the last ones since the rate changed */
};

/* Which steps draw the same: the class of each that was asked about, and a step of each class, while pools and units stay the same. */
struct shadow_drawn { const struct plan *plan; const struct plan_step *step; };
struct shadow_draws { struct bf_map of; BF_VEC_TYPE(struct shadow_drawn) classes; };
void shadow_draws_done(struct shadow_draws *d);

struct shadow_pool *shadow_pool_by_name(struct shadow *s, const char *name);
void shadow_pool_set(struct shadow *s, const struct record *r);
void shadow_draw(struct shadow *s, const struct shadow_backfill *b, uint32_t step, const struct record *granted);
bool shadow_names_pool(const struct plan *plan, const struct plan_step *step, const char *name);
/* Do two steps of two plans draw the same?  And how much a step takes of a dimension of a pool. */
bool shadow_draws_alike(struct shadow *s, const struct plan *a, const struct plan_step *x, const struct plan *b, const struct plan_step *y);
/* Asks a step for more of a pool than is left?  And may a pool hold it: for that, a limit, a start rate, room that is kept, a window. */
bool shadow_pool_is_short(const struct shadow *s, const struct plan *plan, const struct plan_step *step);
bool shadow_pool_may_hold(const struct shadow *s, const struct plan *plan, const struct plan_step *step);
/* A step of a backfill that runs takes more of this pool than it has, whatever ends. */
bool shadow_pool_lacks(struct shadow *s, const char *pool);
uint64_t shadow_takes_of(struct shadow *s, const struct plan *plan, const struct plan_step *step, const char *pool, size_t at);
bool shadow_asks_for_the_same(const struct plan_step *a, const struct plan_step *b);
bool shadow_labels_alike(const struct plan_step *a, const struct plan_step *b);
void shadow_pool_head(struct shadow *s, const struct record *r);
/* Of an attempt that was granted then, both in engine time. */
void shadow_give_back(struct shadow *s, const struct plan *plan, const struct plan_step *step, int64_t granted_ms, int64_t now_ms);
/* Throttles: a move of a limit, a grant under it, and how things stand when the turn is over. */
void shadow_take_bounds(struct shadow *s, struct shadow_pool *p, const struct shadow_budget *now);    /* instead of what was said before */
void shadow_take_limit(struct shadow *s, const struct turn *t, struct shadow_pool *p, const struct record *r);
void shadow_check_limit(struct shadow *s, const struct shadow_pool *p);
void shadow_check_limits(struct shadow *s, const struct turn *t);
void shadow_pace_granted(struct shadow *s, struct shadow_pool *p, int64_t now_ms);
void shadow_pace_ended(const struct shadow *s, struct shadow_pool *p, int64_t granted_ms, int64_t now_ms);

#endif
