/* Windows of plans (plan/window.h) in the engine: what they leave of pools now, and what must not begin because of them.
 *
 * A set is the windows of a plan; backfills whose plans have the same ones share it.  A track is what they make of one pool that they name,
 * or, the first of each set, of every other pool and of steps that draw on none.  Sets follow from the backfills that were created, in
 * their order; the budget of a track is base state: RECORD_WINDOW changes it, and nothing else.  So the journal shows each change, a replay
 * takes the decisions of then, and what is known of the time of day is only looked at (windows_decide) and never kept.
 *
 * Windows are the one thing that the wall clock decides (I14): a clock that is set is seen in the next turn. */
#ifndef BF_ENGINE_WINDOWS_H
#define BF_ENGINE_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/vec.h"
#include "plan/window.h"

#define NO_WINDOWS UINT32_MAX
/* How often they are looked at, at least: nobody tells when the wall clock is set. */
#define WINDOWS_LOOK_MS 5000

struct engine;
struct engine_out;
struct backfill;
struct blocker;
struct decision;
struct demand;
struct record;

struct window_track {
    uint32_t plan_pool;                          /* of the set's plan; PLAN_NO_INDEX: the first track */
    uint32_t pool;                               /* of the engine; the same */
    uint32_t budget, window;                     /* base; window: index in the plan, PLAN_NO_WINDOW: none */
    /* derived when it is looked at: good for wall times in [from_us, until_us) */
    int64_t from_us, until_us;
    struct plan_budget now;
    struct plan_freeze freeze;
};

struct window_set { const struct plan *plan; struct window_track *tracks; uint32_t n_tracks; bool has_freeze; };

/* What of a set concerns a step.  Two steps with the same need are alike; expect_ms is 0 where no freeze could end them too early. */
struct window_need { uint32_t set; int64_t expect_ms; };

struct window_book {
    BF_VEC_TYPE(struct window_set) sets;
    BF_VEC_TYPE(struct window_need) needs;       /* derived */
    int64_t due_ms;                              /* engine time; volatile: when they are to be looked at again; INT64_MAX: never */
};

/* A backfill was created: it finds its set, or makes one. */
void windows_attach(struct engine *e, struct backfill *b);
/* The number of a step's need; 0: no window concerns it. */
uint32_t windows_need_of(struct engine *e, const struct backfill *b, uint32_t step);
/* What keeps a demand from being granted: that the windows leave no more of its pool, and that it would not end before a freeze begins.
 * At most two, into ret.  clears_at is not told (windows_tell). */
size_t windows_blockers(const struct engine *e, const struct demand *d, struct blocker *ret, size_t max);
/* The rest of such a blocker, which only people want to know: the window and when it is over. */
void windows_tell(const struct engine *e, const struct demand *d, struct blocker *b);
/* Look at the windows of live backfills: a record for each budget that has changed.  Before the grants of a turn. */
void windows_decide(struct decision *d);
enum bf_rc windows_apply(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void windows_snapshot(const struct engine *e, struct engine_out *out);
/* What is derived for lanes; and all of it. */
void windows_reset(struct engine *e);
void windows_free(struct engine *e);

#endif
