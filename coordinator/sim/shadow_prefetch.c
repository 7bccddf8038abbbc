/* Prefetch: what is given to an agent before it has a slot free waits there within bounds, is not left to start when it may not, and never
 * starts once it was given back. */
#include <inttypes.h>

#include "coordinator/sim/shadow_checks.h"

enum { WAITING_MOST = 64, TURNS_PASSED_MOST = 6 };

static bool waits(const struct shadow_attempt *a)
{
    return a->open && a->ahead_us > 0 && !a->started;
}

/* Units of a warehouse, or a limit that follows a probe. */
static bool draws_on_what_is_scarce(struct shadow *s, const struct plan *plan, const struct plan_step *step)
{
    bool scarce = step->resources.n_units > 0;
    for (uint32_t i = 0; step->pool != PLAN_NO_INDEX && i <= step->n_also; i++) {
        const struct shadow_pool *p = shadow_pool_by_name(s, plan->pools[i == 0 ? step->pool : step->also[i - 1]].name);
        scarce = scarce || p->throttled;
    }
    return scarce;
}

void shadow_check_ahead(struct shadow *s, const struct shadow_backfill *b, struct shadow_agent *agent, const struct record *r)
{
    uint64_t us = r->ahead_us;
    uint32_t n = 0, over = agent->busy > agent->slots ? agent->busy - agent->slots : 0;
    if (r->ahead_us == 0) {
        if (agent->busy >= agent->slots)
            world_violate(s->w, "I6: agent %u has %u of %u slots in use, and is given one more", agent->id, agent->busy, agent->slots);
        return;
    }
    for (size_t i = s->open.n; i-- > 0 && n < over;) {           /* the newest: older ones may have started, and not told it yet */
        const struct shadow_attempt *a = shadow_open_at(s, i);
        n += a->agent == agent->id;
        us += a->agent == agent->id && waits(a) ? a->ahead_us : 0;
    }
    if (agent->busy < agent->slots)
        world_violate(s->w, "prefetch: attempt %" PRIu64 " waits at agent %u, which has a slot free", r->ref.attempt, agent->id);
    if (n >= WAITING_MOST || us > (uint64_t)agent->round_trip_us * agent->slots)
        world_violate(s->w, "prefetch: %u attempts of %" PRIu64 " us wait at agent %u of %u slots, whose round trip is %u us", n + 1, us,
                      agent->id, agent->slots, agent->round_trip_us);
    if (draws_on_what_is_scarce(s, b->plan, &b->plan->steps[r->step]))
        world_violate(s->w, "prefetch: %s is given ahead, and draws on units or on a pool with a probe", b->plan->steps[r->step].name);
    if (b->plan->steps[r->step].wait_for_fence)
        world_violate(s->w, "prefetch: %s is given ahead, and may not run twice at any price", b->plan->steps[r->step].name);
}

/* Asked back: it waits, as far as is recorded. */
void shadow_take_revoked(struct shadow *s, struct shadow_attempt *a)
{
    if (!a || !waits(a))
        world_violate(s->w, "prefetch: an attempt is asked back that does not wait at its agent");
    else
        a->revoked = true;
}

/* Before its end is taken. */
void shadow_check_given_back(struct shadow *s, struct shadow_attempt *a, const struct record *ended)
{
    if (record_outcome(ended)->source != OUTCOME_REVOKED || ended->failure_class != FAILURE_NONE)
        return;
    if (!waits(a))
        world_violate(s->w, "prefetch: attempt %" PRIu64 " is taken as given back, and did not wait", a->ref.attempt);
    if (a->ran && !a->loose)
        world_violate(s->w, "I1: attempt %" PRIu64 " is given back, and has run", a->ref.attempt);
    a->given_back = true;
}

void shadow_check_not_given_back(struct shadow *s, const struct shadow_attempt *a)
{
    if (a->given_back && !a->loose)
        world_violate(s->w, "I1: attempt %" PRIu64 " starts after it was given back", a->ref.attempt);
}

/* Is a step of the same backfill ready that asks for the same, is of a better class, and could be granted but for want of room? */
static bool is_passed(struct shadow *s, const struct shadow_backfill *b, const struct shadow_attempt *a)
{
    const struct plan_step *step = &b->plan->steps[a->step];
    const struct shadow_pool *p = step->pool == PLAN_NO_INDEX ? NULL : shadow_pool_by_name(s, b->plan->pools[step->pool].name);
    bool other_reasons = s->low || s->held_until_ms > s->turn_ms || s->outdated_token || s->w->windows || step->n_also > 0 ||
                         (p && (p->throttled || p->start_milli > 0));
    for (size_t i = 0; p && i < s->pools.n; i++)                 /* who waits for one pool has room kept in all that it draws on */
        other_reasons = other_reasons || s->pools.at[i].kept_backfill;
    for (uint32_t i = 0; !other_reasons && i < b->plan->n_steps; i++)
        if (b->classes[i] < b->classes[a->step] && shadow_asks_for_the_same(step, &b->plan->steps[i]) && !shadow_breaker_holds(s, b, i) &&
            shadow_any_ready(b, i))
            return true;
    return false;
}

/* It has granted all that it may at once: the next one goes on, and what is ready now is not passed. */
static bool is_cut_short(const struct shadow *s, const struct turn *t)
{
    uint32_t n = 0;
    for (size_t i = 0; i < t->n_records; i++)
        n += t->records[i].kind == RECORD_GRANTED || (t->records[i].kind == RECORD_NEAR && t->records[i].n > 0);
    return n >= s->w->engine.grants_per_turn_max;
}

void shadow_check_waiting(struct shadow *s, const struct turn *t)
{
    bool whole = !is_cut_short(s, t);
    for (size_t i = 0; i < s->open.n; i++) {
        struct shadow_attempt *a = shadow_open_at(s, i);
        if (!waits(a) || a->revoked)
            continue;
        const struct shadow_backfill *b = shadow_backfill_find(s, a->backfill);
        const struct shadow_cell *cell = &b->cells[a->step][a->index];
        if (b->state != BACKFILL_RUNNING || cell->held || cell->cancelling)
            world_violate(s->w, "prefetch: attempt %" PRIu64 " waits to be started, and its backfill %u is not running, or it is held",
                          a->ref.attempt, b->id);
        if (whole)
            a->passed = is_passed(s, b, a) ? a->passed + 1 : 0;
        if (a->passed > TURNS_PASSED_MOST)
            world_violate(s->w, "prefetch: attempt %" PRIu64 " of backfill %u waits to be started before what is ready of a better class",
                          a->ref.attempt, b->id);
    }
}
