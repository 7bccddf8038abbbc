/* Limits of throttled pools, from the committed turns alone.  Which pools are throttled, and between what, is worked out again from the
 * plans of the backfills that have begun and not ended, and from what people set; when a probe was read, from the records of readings. */
#include <string.h>

#include "coordinator/sim/shadow_checks.h"
#include "coordinator/sim/shadow_model.h"

enum { GRACE_MS = 10000 };                               /* for readings every two seconds (governor.h) */

struct throttle { uint32_t floor, ceiling; bool probed; };

static bool goes_on(const struct shadow *s, const struct shadow_backfill *b)
{
    if (b->state != BACKFILL_CANCELLED)
        return b->begun && (b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED);
    return b->begun && shadow_any_open(s, b->id);
}

static void narrow(const struct plan *plan, const char *pool, struct throttle *t)
{
    for (size_t i = 0; i < plan->n_pools; i++) {
        const struct plan_throttle *asked = &plan->pools[i].throttle;
        if (asked->algorithm == THROTTLE_NONE || strcmp(plan->pools[i].name, pool) != 0)
            continue;
        t->floor = t->ceiling == 0 || asked->min < t->floor ? asked->min : t->floor;
        t->ceiling = t->ceiling == 0 || asked->max < t->ceiling ? asked->max : t->ceiling;
    }
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct plan_step *step = &plan->steps[i];
        bool draws = step->pool != PLAN_NO_INDEX && strcmp(plan->pools[step->pool].name, pool) == 0;
        for (uint32_t k = 0; k < step->n_also; k++)
            draws = draws || strcmp(plan->pools[step->also[k]].name, pool) == 0;
        t->probed |= (step->kind == PLAN_SQL || step->kind == PLAN_SENSOR) && draws;
    }
}

/* As plans have it; ceiling 0: none. */
static struct throttle planned_of(const struct shadow *s, const struct shadow_pool *p)
{
    struct throttle t = {0};
    for (size_t i = 0; i < s->backfills.n; i++)
        if (goes_on(s, &s->backfills.at[i]))
            narrow(s->backfills.at[i].plan, p->name, &t);
    return t;
}

/* The same with what people set, which holds whatever the other bound is. */
static struct throttle throttle_of(const struct shadow *s, const struct shadow_pool *p)
{
    const struct shadow_budget *set = &p->said[POOL_FROM_OPERATOR - 1];
    struct throttle t = planned_of(s, p);
    if (t.ceiling == 0)
        return t;
    t.floor = set->floor ? set->floor : set->ceiling && set->ceiling < t.floor ? set->ceiling : t.floor;
    t.ceiling = set->ceiling ? set->ceiling : set->floor > t.ceiling ? set->floor : t.ceiling;
    return t;
}

bool shadow_probe_governs(const struct shadow *s)
{
    for (size_t i = 0; i < s->pools.n; i++)
        if (s->pools.at[i].throttled && s->pools.at[i].used > 0 && throttle_of(s, &s->pools.at[i]).probed)
            return true;
    return false;
}

const char *shadow_some_throttled(const struct shadow *s)
{
    for (size_t i = 0; i < s->pools.n; i++)
        if (s->pools.at[i].throttled)
            return s->pools.at[i].name;
    return NULL;
}

/* ---- moves and grants ---- */

void shadow_take_bounds(struct shadow *s, struct shadow_pool *p, const struct shadow_budget *now)
{
    const struct shadow_budget *was = &p->said[POOL_FROM_OPERATOR - 1];
    bool floor = now->floor != was->floor, ceiling = now->ceiling != was->ceiling;
    p->rebound |= floor || ceiling;
    if (((floor && now->floor) || (ceiling && now->ceiling)) && planned_of(s, p).ceiling == 0)
        world_violate(s->w, "governor: bounds are set of pool %s, which no plan throttles", p->name);
    if (now->floor && now->ceiling && now->floor > now->ceiling)
        world_violate(s->w, "governor: the floor of pool %s is set to %u, over its ceiling of %u", p->name, now->floor, now->ceiling);
}

static int64_t latest(int64_t a, int64_t b) { return a > b ? a : b; }

/* Silence counts from then. */
static int64_t heard_ms(const struct shadow *s, const struct shadow_pool *p)
{
    return latest(latest(s->read_ms, p->since_ms), s->deaf.until_ms);
}

void shadow_take_limit(struct shadow *s, const struct turn *t, struct shadow_pool *p, const struct record *r)
{
    const struct limit_move *m = &record_rare(r)->limit->move;
    bool anew = m->reason == LIMIT_BEGUN || m->reason == LIMIT_CHANGED || m->reason == LIMIT_RELEASED || m->reason == LIMIT_SET;
    if (m->reason == LIMIT_SET && !p->rebound)
        world_violate(s->w, "governor: the bounds of pool %s are said to be set by hand, and were not", p->name);
    if (m->before != p->limit)
        world_violate(s->w, "governor: pool %s is said to have had the limit %u, and had %u", p->name, m->before, p->limit);
    if (!anew && m->after > m->before && p->used < m->before)
        world_violate(s->w, "governor: the limit of pool %s is raised to %u while %u of %u are in use", p->name, m->after, p->used,
                      m->before);
    if (m->reason == LIMIT_UNREADABLE && t->now_ms - latest(s->read_ms, s->deaf.until_ms) < GRACE_MS)
        world_violate(s->w, "governor: pool %s goes to its floor %lld ms after its probe was read, or could be heard again", p->name,
                      (long long)(t->now_ms - latest(s->read_ms, s->deaf.until_ms)));
    p->limit = m->after;
    p->throttled = m->reason != LIMIT_RELEASED;
    if (anew)
        p->since_ms = t->now_ms;
    if (m->reason == LIMIT_BEGUN)
        p->lasts_us = p->next_us = 0;
}

void shadow_check_limit(struct shadow *s, const struct shadow_pool *p)
{
    if (p->throttled && p->used >= p->limit)
        world_violate(s->w, "governor: a grant draws on pool %s, which has %u in use under a limit of %u", p->name, p->used, p->limit);
}

/* ---- the end of a turn ---- */

/* The newest reading of this turn; NULL: none. */
static const struct input_probe *reading_of(const struct turn *t)
{
    const struct input_probe *last = NULL;
    for (size_t i = 0; i < t->n_records; i++)
        if (t->records[i].kind == RECORD_PROBED)
            last = &record_rare(&t->records[i])->probe;
    return last;
}

static uint32_t ceiling_of(const struct shadow_pool *p, const struct throttle *t)
{
    return p->slots < t->ceiling ? p->slots : t->ceiling;
}

static uint32_t floor_of(const struct shadow_pool *p, const struct throttle *t)
{
    return t->floor < ceiling_of(p, t) ? t->floor : ceiling_of(p, t);
}

static void check_pool(struct shadow *s, const struct turn *t, const struct shadow_pool *p, const struct input_probe *reading)
{
    struct throttle asked = throttle_of(s, p);
    int64_t silent_ms = t->now_ms - heard_ms(s, p);
    bool settled = p->since_ms < t->now_ms;      /* not begun, and no other bounds, in this turn */
    if (p->throttled != (asked.ceiling > 0))
        world_violate(s->w, "governor: pool %s %s, and the plans say otherwise", p->name, p->throttled ? "is throttled" : "is not throttled");
    else if (p->throttled && (p->limit > ceiling_of(p, &asked) || p->limit < floor_of(p, &asked)))
        world_violate(s->w, "governor: the limit of pool %s is %u, and has to be from %u to %u within %u slots", p->name, p->limit,
                      asked.floor, asked.ceiling, p->slots);
    if (!p->throttled || !asked.probed || !settled)
        return;
    if (reading && reading->readable && reading->value_us >= 2000000 && p->limit > floor_of(p, &asked))
        world_violate(s->w, "governor: the probe is at its limit, and that of pool %s stays at %u", p->name, p->limit);
    if (silent_ms > GRACE_MS && p->limit > asked.floor && s->probe_wanted && s->probe_was_wanted)
        world_violate(s->w, "governor: nothing was read for %lld ms, and the limit of pool %s is %u", (long long)silent_ms, p->name,
                      p->limit);
}

void shadow_check_limits(struct shadow *s, const struct turn *t)
{
    const struct input_probe *reading = reading_of(t);
    /* What began after the limits were looked at counts in the next turn. */
    s->probe_was_wanted = s->probe_wanted && !shadow_probe_begins_anew(s, t);
    s->probe_wanted = shadow_probe_is_wanted(s);
    if (reading && reading->readable)
        s->read_ms = t->now_ms;
    for (size_t i = 0; i < s->pools.n && !s->w->stats.violations; i++) {
        check_pool(s, t, &s->pools.at[i], reading);
        s->pools.at[i].rebound = false;
    }
}
