/* Fair shares and ageing, worked out again the slow way: who holds the smaller part goes first, and nothing is passed for ever.
 *
 * Compared are backfills that have something ready which asks for just the same (pools, amounts, labels), so that nothing but their turn
 * decides.  Plans with windows are left out: those may hold back one of the two.  Steps behind gates are left out as those that wait. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/sim/shadow_model.h"

enum { MILLION = 1000000, WITHOUT_POOL = 32, RAISES = 3 };

static struct shadow_share *share_of(struct shadow *s, uint32_t backfill, const char *pool)
{
    for (size_t i = 0; i < s->shares.n; i++)
        if (s->shares.at[i].backfill == backfill && strcmp(s->shares.at[i].pool, pool) == 0)
            return &s->shares.at[i];
    struct shadow_share *x = bf_vec_add(&s->shares);
    x->backfill = backfill;
    snprintf(x->pool, sizeof x->pool, "%s", pool);
    return x;
}

static const char *first_pool(const struct plan *plan, const struct plan_step *step)
{
    return step->pool == PLAN_NO_INDEX ? "" : plan->pools[step->pool].name;
}

enum op_priority shadow_class(struct shadow *s, const struct shadow_backfill *b, uint32_t step)
{
    uint32_t raised = share_of(s, b->id, first_pool(b->plan, &b->plan->steps[step]))->raised, class = b->classes[step];
    return (enum op_priority)(class > OP_CRITICAL + raised ? class - raised : OP_CRITICAL);
}

static uint64_t part_of(struct shadow *s, const struct shadow_share *x)
{
    const struct shadow_pool *p = *x->pool ? shadow_pool_by_name(s, x->pool) : NULL;
    uint64_t slots = p ? p->slots : WITHOUT_POOL, part = slots ? (uint64_t)x->used * MILLION / slots : 0;
    for (size_t i = 0; p && i < 3 + SHADOW_UNITS; i++) {
        unsigned scale = x->in_use[i] >> 40 ? 20 : 0;        /* bytes of large pools: the last million of them is no matter here */
        uint64_t n = p->limits[i] >> scale ? (x->in_use[i] >> scale) * MILLION / (p->limits[i] >> scale) : 0;
        part = n > part ? n : part;
    }
    return part;
}

static void hold(struct shadow *s, const struct shadow_backfill *b, const struct plan_step *step, const char *pool, bool give)
{
    struct shadow_share *x = share_of(s, b->id, pool);
    x->used += give ? UINT32_MAX : 1;
    for (size_t i = 0; *pool && i < 3 + SHADOW_UNITS; i++) {
        uint64_t n = shadow_takes_of(s, b->plan, step, pool, i);
        x->in_use[i] += give ? -n : n;
    }
}

void shadow_share_hold(struct shadow *s, const struct shadow_backfill *b, const struct plan_step *step, bool give)
{
    hold(s, b, step, first_pool(b->plan, step), give);
    for (uint32_t i = 0; step->pool != PLAN_NO_INDEX && i < step->n_also; i++)
        hold(s, b, step, b->plan->pools[step->also[i]].name, give);
}

/* The best class of what it has ready that asks for the same; false: nothing. */
static bool competes(struct shadow *s, const struct shadow_backfill *b, const struct plan_step *granted, const struct shadow_backfill *o,
                     enum op_priority *ret)
{
    bool any = false;
    for (uint32_t i = 0; i < o->plan->n_steps; i++) {
        const struct plan_step *t = &o->plan->steps[i];
        if (strcmp(first_pool(b->plan, granted), first_pool(o->plan, t)) != 0 || !shadow_draws_alike(s, b->plan, granted, o->plan, t) ||
            !shadow_labels_alike(granted, t) || !shadow_any_ready(o, i) || shadow_breaker_holds(s, o, i))
            continue;
        *ret = any && *ret < o->classes[i] ? *ret : o->classes[i];
        any = true;
    }
    return any;
}

static void check_pass(struct shadow *s, const struct shadow_share *mine, enum op_priority my_class, struct shadow_share *theirs,
                       enum op_priority class)
{
    uint64_t p = part_of(s, mine), q = part_of(s, theirs);
    bool due = theirs->passed_since_ms && s->turn_ms - theirs->passed_since_ms >= RAISES * s->w->engine.age_after_ms;
    if (class == my_class && !mine->raised && !theirs->raised && (q < p || (q == p && theirs->last < mine->last)))
        world_violate(s->w, "share: backfill %u is granted from pool '%s', of which it holds %" PRIu64 " millionths, before backfill %u, "
                      "which holds %" PRIu64, mine->backfill, mine->pool, p, theirs->backfill, q);
    /* What got something in this turn does not wait. */
    if (class > my_class && theirs->passed_since_ms == 0 && theirs->got_ms != s->turn_ms)
        theirs->passed_since_ms = s->turn_ms;
    if (theirs->used > 0 || (class > my_class && !due))
        return;
    if (++theirs->passes > s->backfills.n + RAISES)
        world_violate(s->w, "share: backfill %u holds nothing of pool '%s', waits, and is passed the %uth time", theirs->backfill,
                      theirs->pool, theirs->passes);
}

void shadow_check_share(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint64_t attempt)
{
    const struct plan_step *granted = &b->plan->steps[step];
    const char *pool = first_pool(b->plan, granted);
    for (size_t i = 0; i < s->backfills.n; i++)
        (void)share_of(s, s->backfills.at[i].id, pool);      /* none is added from here on: they move */
    struct shadow_share *mine = share_of(s, b->id, pool);
    for (size_t i = 0; i < s->backfills.n && b->plan->n_windows == 0; i++) {
        const struct shadow_backfill *o = &s->backfills.at[i];
        enum op_priority class = OP_LOW;
        if (o->id == b->id || o->state != BACKFILL_RUNNING || o->plan->n_windows)
            continue;
        struct shadow_share *theirs = share_of(s, o->id, pool);
        if (competes(s, b, granted, o, &class)) {
            check_pass(s, mine, b->classes[step], theirs, class);
        } else {
            theirs->passes = 0;
            theirs->passed_since_ms = 0;
        }
    }
    shadow_share_hold(s, b, granted, false);
    for (uint32_t i = 0; i <= (*pool ? granted->n_also : 0); i++) {
        struct shadow_share *x = share_of(s, b->id, i == 0 ? pool : b->plan->pools[granted->also[i - 1]].name);
        x->last = attempt;
        x->got_ms = s->turn_ms;
        x->passes = 0;
        x->passed_since_ms = 0;
        x->raised = 0;
    }
}

/* It waits no more, or counts higher: both only as it should. */
void shadow_take_share(struct shadow *s, const struct shadow_backfill *b, const struct record *r)
{
    struct shadow_share *x = share_of(s, b->id, record_rare(r)->pool_name);
    int64_t since_ms = (int64_t)r->numbers[1];
    if (r->numbers[0] != x->last)
        world_violate(s->w, "share: attempt %" PRIu64 " is the newest of backfill %u in pool '%s', not %" PRIu64, x->last, b->id, x->pool,
                      r->numbers[0]);
    if (since_ms && (uint64_t)(s->turn_ms - since_ms) < r->numbers[2] * (uint64_t)s->w->engine.age_after_ms)
        world_violate(s->w, "share: backfill %u is raised by %u in pool '%s' too early", b->id, (unsigned)r->numbers[2], x->pool);
    for (uint32_t i = 0; since_ms == 0 && i < b->plan->n_steps; i++)
        if (strcmp(first_pool(b->plan, &b->plan->steps[i]), x->pool) == 0 && shadow_any_ready(b, i))
            world_violate(s->w, "share: backfill %u waits in pool '%s' with %s, and is forgotten", b->id, x->pool, b->plan->steps[i].name);
    x->raised = (uint32_t)r->numbers[2];
    if (since_ms == 0) {
        x->passes = 0;
        x->passed_since_ms = 0;
    }
}

void shadow_shares_over(struct shadow *s, const struct shadow_backfill *b)
{
    for (size_t i = 0; i < s->shares.n; i++) {
        struct shadow_share *x = &s->shares.at[i];
        if (x->backfill != b->id)
            continue;
        x->passes = x->raised = 0;
        x->passed_since_ms = 0;
    }
}
