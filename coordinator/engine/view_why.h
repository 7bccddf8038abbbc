/* Reading what keeps instances from running, and when that clears: as view.h. */
#ifndef BF_ENGINE_VIEW_WHY_H
#define BF_ENGINE_VIEW_WHY_H

#include "coordinator/engine/view.h"

/* Why does an instance not run?  In order of what must clear first.  At most max. */
enum blocker_kind { BLOCKER_DEPENDENCY, BLOCKER_PAUSED, BLOCKER_BACKOFF, BLOCKER_POOL, BLOCKER_NO_AGENT, BLOCKER_AGENTS_BUSY,
                    BLOCKER_UPSTREAM_FAILED, BLOCKER_QUEUE, BLOCKER_LOW_WATER, BLOCKER_HALTED, BLOCKER_HELD, BLOCKER_QUEUED,
                    BLOCKER_RESTORED, BLOCKER_OUTDATED,
                    BLOCKER_POOL_TOO_SMALL, BLOCKER_RESERVED, BLOCKER_START_RATE,
                    BLOCKER_WINDOW, BLOCKER_FREEZE_AHEAD, BLOCKER_BREAKER, BLOCKER_THROTTLE, BLOCKER_GATE,
                    BLOCKER_SENSOR, BLOCKER_NEAR, BLOCKER_PACE };
/* Room of its pools, or when they let one begin: what others take, and time, and nothing else. */
static inline bool blocker_is_of_pool(enum blocker_kind k)
{
    return k == BLOCKER_POOL || k == BLOCKER_THROTTLE || k == BLOCKER_START_RATE || k == BLOCKER_PACE;
}
/* How it is known when one clears: not at all; by a timer, that nothing but a person or a change of the plan's world moves; or by what
 * attempts of these steps usually take (engine_baseline). */
enum blocker_clock { CLOCK_UNKNOWN, CLOCK_TIMER, CLOCK_BASELINE };
#define BLOCKER_NAMED_MAX 4
struct blocker_upstream { uint32_t step, index; };
/* WINDOW: the budget, what it leaves of the pool's slots, and until when; FREEZE_AHEAD: when it begins, and how long the step is expected
 * to take.  What comes behind a window may leave no more: then it clears later than at its end.
 * Times are CLOCK_REALTIME; 0: not known, INT64_MAX: never.  name: of the window; borrowed. */
struct blocker_window { const char *name; uint32_t budget, left; int64_t expect_ms, opens_at_us, until_us, clears_at_us; };
/* QUEUE: the backfill that is next, and why; AHEAD_NONE: this one is next itself.  mine, theirs: parts of the pool, in millionths. */
enum blocker_ahead_by { AHEAD_NONE, AHEAD_CLASS, AHEAD_WAITED, AHEAD_SHARE, AHEAD_TURN, AHEAD_ORDER };
struct blocker_ahead { enum blocker_ahead_by by; uint32_t backfill, raised; uint64_t mine, theirs; int64_t passed_ms, age_after_ms; };
struct blocker {
    enum blocker_kind kind;
    uint32_t step, index;                    /* DEPENDENCY, UPSTREAM_FAILED: the first upstream; BACKOFF, SENSOR: itself */
    uint32_t count;                          /* how many such upstreams; QUEUE, GATE: how many are ahead */
    bool at_most;                            /* QUEUE: or fewer */
    struct blocker_upstream named[BLOCKER_NAMED_MAX]; uint32_t n_named;      /* the first of those upstreams, step and index again */
    size_t pool;                             /* POOL…, RESERVED, START_RATE, PACE, WINDOW, FREEZE_AHEAD, THROTTLE; PLAN_NO_INDEX: none */
    uint32_t agent;                          /* NEAR: that it waits for */
    uint32_t straggled;                      /* NEAR: the agent that it is to avoid; 0: it waits for the agent of its inputs */
    size_t breaker;                          /* BREAKER: of what it draws on, or of an agent that would fit; count: probes that run */
    uint32_t dim;                            /* the first three: engine_pool_dimension_name() */
    uint64_t amount, used, limit;            /* the same: what it takes, what is in use, what there is; RESERVED: and what is kept */
    uint64_t kept;
    struct blocker_window window;
    struct blocker_ahead ahead;
    enum blocker_clock clock;
    int64_t clears_at_ms;                    /* engine time; -1: not known */
};
/* With what timers say, and nothing that is only expected: clock is TIMER or UNKNOWN. */
size_t engine_why(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct blocker *ret, size_t max);
/* Add what is expected, where no timer says it and baselines do: of an instance's blockers (of->one), or of those of all ready
 * instances of a step.  now_ms, wall_us: of now.  See why_when.c for what each kind goes by. */
struct why_of { uint32_t backfill, step, index; bool one; };
void engine_why_when(const struct engine *e, const struct why_of *of, int64_t now_ms, int64_t wall_us, struct blocker *b, size_t n);
/* What keeps every backfill from starting anything because of where the store comes from: OUTDATED, or RESTORED; false: nothing. */
bool engine_why_store(const struct engine *e, struct blocker *ret);
/* What holds back the ready instances of a step, which all need the same, in order; 0: nothing, they are next.  At most max. */
size_t engine_why_ready(const struct engine *e, uint32_t backfill, uint32_t step, struct blocker *ret, size_t max);
/* Steps that need the same, byte by byte: one answer of engine_why_ready() is that of all of them.  guard: of a step that a breaker may
 * hold; UINT32_MAX: all that it draws on are closed. */
struct why_needs { uint32_t draw, fit, window, guard, class; };
bool engine_why_needs(const struct engine *e, uint32_t backfill, uint32_t step, struct why_needs *ret);      /* false: it is not known */
/* Ready instances of a step by index: some, looked for among the best of its lane. */
size_t engine_why_examples(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t *ret, size_t max);

/* What a sensor was answered in this run, when it was not there yet: how often, and at last (strings borrowed); false: it never was. */
struct look_view {
    uint32_t looks;
    int64_t since_ms, gives_up_ms;           /* engine time of the first answer, and of its time-out; -1: it has none */
    int64_t at_us;                           /* of the last answer, CLOCK_REALTIME */
    const char *text;
};
bool engine_looks(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct look_view *ret);

/* What a queued backfill waits for: one that is live, or queued before it, and writes what it would write. */
struct queued_behind {
    uint32_t backfill;
    const char *dataset;
    char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];   /* "" where it is written whole */
};
/* false: it is not queued, or begins with the next turn that may begin any. */
bool engine_queued_behind(const struct engine *e, uint32_t backfill, struct queued_behind *ret);

/* What an instance needs that lies outside the backfill's range, by edge, before the range and behind it: nothing there is waited
 * for.  At most max. */
struct outside_need {
    uint32_t step;                           /* the upstream */
    enum plan_outside outside;               /* why: assumed, or required when the backfill was created */
    uint32_t count;
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
};
size_t engine_outside(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct outside_need *ret, size_t max);

#endif
