/* Where a step runs, of the agents that fit: by its inputs (place.c), by spread (spread.c), else on the least busy one that has left
 * what it asks for (capacity.c); and elsewhere, when it straggled (rerun.h).
 *
 * A grant asks place_choose() about the head of a lane.  A step that prefers its inputs' agent goes there while it has room; while it has
 * none, the instance waits for it, for no longer than its plan says: it leaves its lane, so that nothing behind it waits along, and
 * comes back when there is room or the time is over.  When it waits and no more is base state, a record each. */
#ifndef BF_ENGINE_PLACE_H
#define BF_ENGINE_PLACE_H

#include "common/map.h"
#include "common/vec.h"
#include "coordinator/engine/heap.h"
#include "coordinator/engine/view.h"
#include "plan/plan.h"
#include "proto/record.h"

struct agent;
struct attempt;
struct backfill;
struct decision;
struct engine;
struct engine_out;
struct fit;

/* An instance that waits for an agent, or has (waits false): its time is not given a second time before it is granted.  Engine time. */
struct near { uint32_t backfill, number, agent; int64_t until_ms; bool waits; };
struct near_book {
    BF_VEC_TYPE(struct near) at;
    struct bf_map of;                            /* instance_key -> index */
    struct heap timers;                          /* derived: (until_ms, instance_key); what waits no more is dropped when it comes up */
    BF_VEC_TYPE(uint32_t) due;                   /* derived: agents that may have room for who waits for them, each once */
};
/* Of an agent; derived.  waiting: (until_ms, instance_key), as timers; n: that wait for it. */
struct near_of { struct heap waiting; uint32_t n; bool due; };

/* Agents of a fit with one value of the label that its steps are spread by ("": without the label), the least busy first. */
struct spread_group { struct iheap agents; uint32_t place; };
#define SPREAD_VALUES_MAX 256u                   /* over more values that have agents nothing is spread */
struct spread {
    const char *label;                           /* borrowed from a plan; NULL: its steps are not spread */
    BF_VEC_TYPE(struct spread_group) groups;
    struct bf_smap group_of;                     /* value -> index + 1 */
    struct bf_map group_of_agent;                /* agent -> index, of those that fit */
    BF_VEC_TYPE(uint32_t) some;                  /* groups with agents that fit, in no order; their place is the index here */
};
/* Running attempts of a step by group of its fit. */
struct spread_counts { uint32_t *at; size_t n; };

/* What a grant came to, kept in its record as numbers: by, the agent that is preferred (0: none), how long it was waited for in ms, and
 * how many attempts ran at the value that was taken.  Of steps that say nothing about it there are no numbers. */
struct placing { enum place_by by; uint32_t agent, near, running; int64_t waited_ms, until_ms; bool waits; };

/* least_busy: of the agents that fit, one with room.  ret->waits: it is not granted, but waits for ret->near until until_ms. */
void place_choose(const struct engine *e, const struct backfill *b, uint32_t number, const struct fit *f, uint32_t least_busy,
                  struct placing *ret);
/* Of a grant, or an open attempt of a snapshot. */
void place_keep(struct attempt *a, const struct record *r);
void place_put(const struct attempt *a, struct engine_out *out, struct record *r);
bool place_is_said(const struct plan_step *s);                       /* does a plan say anything of it? */
/* The head of a lane leaves it and waits. */
void place_wait(struct decision *d, const struct backfill *b, uint32_t number, const struct placing *p);
void place_review(struct decision *d);                               /* who waits no more; before the grants of a turn */
int64_t place_due_ms(const struct engine *e);                        /* INT64_MAX: nobody waits */

enum bf_rc near_apply(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
const struct near *near_find(const struct engine *e, const struct backfill *b, uint32_t number);     /* NULL: none */
void near_drop(struct engine *e, struct backfill *b, uint32_t number);                               /* it was granted */
void near_forget(struct engine *e, struct backfill *b);                                              /* all of a backfill */
void near_agent_changed(struct engine *e, struct agent *a);          /* its state, slots, or what is in use of them */
void near_derive(struct engine *e);
void near_reset(struct engine *e);                                   /* what is derived */
void near_snapshot(const struct engine *e, struct engine_out *out);
void near_hash(const struct engine *e, const struct backfill *b, uint32_t number, struct bf_buf *ret);
const char *near_broken(const struct engine *e);                     /* for checks; NULL: it is as it should be */
void near_done(struct engine *e);

/* ---- spread.c ---- */
void spread_agent_fits(struct engine *e, struct fit *f, const struct agent *a, bool fits);           /* also after it became busier */
void spread_agent_busy(struct engine *e, struct fit *f, const struct agent *a);
void spread_agent_changed(struct engine *e, const struct agent *a);  /* it may have another value now: its attempts count there */
void spread_count(struct engine *e, struct attempt *a, bool more);
void spread_derive(struct engine *e);
void spread_done(struct spread *s);
void spread_attach(struct engine *e, struct backfill *b, uint32_t step);
void spread_forget(struct backfill *b);                               /* of one */
void spread_reset(struct engine *e);                                 /* what runs is counted no more */
/* The agent for the next attempt of a step; false: it is not spread now. */
bool spread_choose(const struct engine *e, const struct backfill *b, uint32_t step, const struct fit *f, uint32_t *ret_agent,
                   uint32_t *ret_running);

/* ---- capacity.c ---- */
/* An attempt that asks for this is held by the agent, or no more. */
void capacity_hold(struct agent *a, const struct plan_resources *r, bool more);
/* The agent for an attempt that asks for this: least_busy, where nobody with a free slot has it left. */
uint32_t capacity_choose(const struct engine *e, const struct fit *f, const struct plan_resources *r, uint32_t least_busy);

#endif
