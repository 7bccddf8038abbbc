/* What `why` promises by a timer, and what then happens.
 *
 * After a turn some instances are asked about.  A moment that a timer gives lies ahead: what is over must be gone.  It is remembered, and
 * the instance is not granted before it, unless a person or something new has moved the timer since: then the promise is void.  So a moment
 * that is too early is found when it has passed, and one that is too late when the instance is granted. */
#include "coordinator/sim/shadow_why.h"

#include <inttypes.h>

#include "coordinator/engine/view_why.h"
#include "coordinator/sim/shadow_model.h"

enum { ASKED_PER_TURN = 24, BLOCKERS_MAX = 16, SKEW_US = 2000 };

static bool goes_by_the_wall(enum blocker_kind k)
{
    return k == BLOCKER_WINDOW || k == BLOCKER_FREEZE_AHEAD;
}

static const char *kind_name(enum blocker_kind k)
{
    switch (k) {
    case BLOCKER_BACKOFF: return "backoff";
    case BLOCKER_RESTORED: return "restored";
    case BLOCKER_START_RATE: return "start rate";
    case BLOCKER_WINDOW: return "window";
    case BLOCKER_FREEZE_AHEAD: return "freeze ahead";
    case BLOCKER_BREAKER: return "breaker";
    case BLOCKER_PACE: return "pace";
    case BLOCKER_NEAR: return "agent of its inputs";
    default: return "other";
    }
}

static bool is_of(const struct shadow_promise *p, uint32_t backfill, uint32_t step, uint32_t index)
{
    return p->backfill == backfill && p->step == step && p->index == index;
}

static void drop(struct shadow_whys *w, size_t i)
{
    w->at[i] = w->at[--w->n];
}

static void remember(struct shadow_whys *w, const struct shadow_promise *p)
{
    for (size_t i = w->n; i-- > 0;)
        if (is_of(&w->at[i], p->backfill, p->step, p->index) && w->at[i].kind == p->kind && w->at[i].thing == p->thing)
            drop(w, i);
    if (w->n == SHADOW_PROMISES)
        drop(w, 0);
    w->at[w->n++] = *p;
}

/* Of the turn, also of one that wrote nothing. */
struct shadow_now { int64_t ms, wall_us; };

/* clears: on the clock that it goes by. */
static void hear(struct shadow *s, const struct shadow_now *at, const struct shadow_backfill *b, uint32_t step, uint32_t index,
                 const struct blocker *k)
{
    bool wall = goes_by_the_wall(k->kind);
    int64_t clears = wall ? k->window.clears_at_us : k->clears_at_ms, now = wall ? at->wall_us : at->ms;
    struct shadow_promise p = {.kind = k->kind, .backfill = b->id, .step = step, .index = index,
                               .thing = k->kind == BLOCKER_BREAKER ? k->breaker : k->pool, .clears = clears,
                               .skew_us = at->wall_us - at->ms * 1000};
    if (clears <= now)
        world_violate(s->w, "why: %s[%u] of backfill %u waits for a %s that clears at %" PRId64 ", and it is %" PRId64,
                      b->plan->steps[step].name, index, b->id, kind_name(k->kind), clears, now);
    bool sooner = k->kind == BLOCKER_NEAR || k->kind == BLOCKER_PACE || (k->kind == BLOCKER_WINDOW && k->window.budget > 0);    /* where attempts end */
    if (!sooner)
        remember(&s->whys, &p);
}

static void ask(struct shadow *s, const struct shadow_now *at, const struct engine *e, const struct shadow_backfill *b, uint32_t step,
                uint32_t index)
{
    struct blocker k[BLOCKERS_MAX];
    size_t n = engine_why(e, b->id, step, index, k, BLOCKERS_MAX);
    for (size_t i = 0; i < n; i++)
        if (k[i].clock == CLOCK_TIMER)
            hear(s, at, b, step, index, &k[i]);
}

/* The next instance in a circle over all; false: there is none. */
static bool next_cell(struct shadow *s, struct shadow_backfill **b, uint32_t *step, uint32_t *index)
{
    struct shadow_whys *w = &s->whys;
    for (size_t tried = 0; tried < 64 && s->backfills.n > 0; tried++) {
        *b = &s->backfills.at[w->backfill % s->backfills.n];
        if (w->step < (*b)->plan->n_steps && w->index < (*b)->plan->steps[w->step].partitions->n) {
            *step = w->step;
            *index = w->index++;
            return true;
        }
        w->index = 0;
        if (++w->step >= (*b)->plan->n_steps) {
            w->step = 0;
            w->backfill++;
        }
    }
    return false;
}

void shadow_check_why(struct shadow *s, const struct engine *e, int64_t now_ms, int64_t wall_us)
{
    const struct shadow_now at = {.ms = now_ms, .wall_us = wall_us};
    struct shadow_backfill *b = NULL;
    uint32_t step = 0, index = 0;
    for (size_t i = 0; i < ASKED_PER_TURN && next_cell(s, &b, &step, &index); i++) {
        const struct shadow_cell *c = &b->cells[step][index];
        if (c->end == CELL_WAITING && !c->open)
            ask(s, &at, e, b, step, index);
    }
}

static void check_grant(struct shadow *s, const struct turn *t, const struct record *r)
{
    struct shadow_whys *w = &s->whys;
    for (size_t i = w->n; i-- > 0;) {
        const struct shadow_promise p = w->at[i];
        bool wall = goes_by_the_wall(p.kind);
        int64_t skew_us = t->wall_us - t->now_ms * 1000 - p.skew_us, now = wall ? t->wall_us : t->now_ms;
        if (!is_of(&p, r->backfill, r->step, r->index))
            continue;
        drop(w, i);
        if (p.clears > now && (!wall || (skew_us < SKEW_US && skew_us > -SKEW_US)))
            world_violate(s->w, "why: step %u[%u] of backfill %u is granted at %" PRId64 ", and its %s was to clear at %" PRId64, r->step,
                          r->index, r->backfill, now, kind_name(p.kind), p.clears);
    }
}

/* Does a record move the timers of a kind, or let the instance go past them? */
static bool moves(const struct record *r, const struct shadow_promise *p)
{
    switch (r->kind) {
    case RECORD_POOL_SET: return p->kind == BLOCKER_START_RATE || goes_by_the_wall(p->kind);
    case RECORD_BREAKER:
    case RECORD_BREAKER_SETTINGS:
    case RECORD_BREAKER_FORGOTTEN:
    case RECORD_AGENT_JOINED:
    case RECORD_AGENT_STATE: return p->kind == BLOCKER_BREAKER;
    case RECORD_STEERED:
    case RECORD_RETRIED:
    case RECORD_CANCELLED:
    case RECORD_BACKFILL_STATE: return r->backfill == p->backfill;
    case RECORD_RESTORED:
    case RECORD_OUTDATED: return true;
    default: return false;
    }
}

void shadow_why_take(struct shadow *s, const struct turn *t, const struct record *r)
{
    struct shadow_whys *w = &s->whys;
    if (r->kind == RECORD_GRANTED)
        check_grant(s, t, r);
    for (size_t i = w->n; i-- > 0;)
        if (moves(r, &w->at[i]))
            drop(w, i);
}
