/* Pools, worked out again the slow way: what each source says, what holds of it, what attempts take (I6).
 *
 * From the words of the plan: a slot of each pool that the step names, and each resource from the first of them that the plan gives it to,
 * or else from the first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/sim/shadow_checks.h"

struct shadow_pool *shadow_pool_by_name(struct shadow *s, const char *name)
{
    for (size_t i = 0; i < s->pools.n; i++)
        if (strcmp(s->pools.at[i].name, name) == 0)
            return &s->pools.at[i];
    shadow_draws_done(&s->draws);
    struct shadow_pool *p = bf_vec_add(&s->pools);
    snprintf(p->name, sizeof p->name, "%s", name);
    for (int i = 0; i < POOL_SOURCES; i++)
        p->said[i].no_slots = true;
    return p;
}

static size_t unit_at(struct shadow *s, struct shadow_pool *p, const char *name)
{
    size_t i = 0;
    while (i < SHADOW_UNITS - 1 && *p->units[i] && strcmp(p->units[i], name) != 0)
        i++;
    if (strcmp(p->units[i], name) != 0) {
        shadow_draws_done(&s->draws);
        snprintf(p->units[i], sizeof p->units[i], "%s", name);
    }
    return 3 + i;
}

void shadow_pool_set(struct shadow *s, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    struct shadow_pool *p = shadow_pool_by_name(s, rare->pool_name);
    struct shadow_budget *b = &p->said[rare->pool_source - 1];
    uint32_t milli = p->start_milli, ms = p->start_ms;
    struct shadow_budget now = {.no_slots = rare->pool.no_slots, .slots = rare->pool_slots,
                                .at = {rare->pool.cpu_milli, rare->pool.memory_bytes, rare->pool.io_bytes_s},
                                .start_milli = rare->pool.start_milli, .start_ms = rare->pool.start_ms, .floor = rare->pool.floor,
                                .ceiling = rare->pool.ceiling};
    if (rare->pool_source == POOL_FROM_OPERATOR)
        shadow_take_bounds(s, p, &now);
    *b = now;
    for (size_t i = 0; i < rare->pool.n_units; i++)
        b->at[unit_at(s, p, rare->pool.units[i].name)] = rare->pool.units[i].n;
    memset(p->limits, 0, sizeof p->limits);
    p->start_milli = p->start_ms = 0;
    for (int k = 0; k < POOL_SOURCES; k++) {
        const struct shadow_budget *said = &p->said[k];
        p->slots = said->no_slots ? p->slots : said->slots;
        for (size_t i = 0; i < 3 + SHADOW_UNITS; i++)
            p->limits[i] = said->at[i] ? said->at[i] : p->limits[i];
        p->start_ms = said->start_milli ? said->start_ms : p->start_ms;
        p->start_milli = said->start_milli ? said->start_milli : p->start_milli;
    }
    if (milli != p->start_milli || ms != p->start_ms)
        p->n_starts = 0;
}

static uint64_t planned(const struct plan_resources *r, size_t resource, const char *unit)
{
    const uint64_t at[] = {r->cpu_milli, r->memory_bytes, r->io_bytes_s};
    if (!unit)
        return at[resource];
    for (size_t i = 0; i < r->n_units; i++)
        if (strcmp(r->units[i].name, unit) == 0)
            return r->units[i].n;
    return 0;
}

/* The pool that a step draws a resource from. */
static const char *drawn_from(const struct plan *plan, const struct plan_step *step, size_t resource, const char *unit)
{
    uint32_t from = step->pool;
    bool there = planned(&plan->pools[from].has, resource, unit) > 0;
    for (uint32_t i = 0; i < step->n_also && !there; i++) {
        there = planned(&plan->pools[step->also[i]].has, resource, unit) > 0;
        from = there ? step->also[i] : from;
    }
    return plan->pools[from].name;
}

static void take(struct shadow *s, const struct plan *plan, const struct plan_step *step, size_t resource, const char *unit, bool give)
{
    uint64_t amount = planned(&step->resources, resource, unit);
    struct shadow_pool *p = shadow_pool_by_name(s, drawn_from(plan, step, resource, unit));
    size_t at = unit ? unit_at(s, p, unit) : resource;
    p->in_use[at] += give ? -amount : amount;
    if (!give && amount > 0 && p->limits[at] > 0 && p->in_use[at] > p->limits[at])
        world_violate(s->w, "I6: pool %s has %" PRIu64 " of %" PRIu64 " in use of %s", p->name, p->in_use[at], p->limits[at],
                      unit ? unit : resource == 0 ? "cpu" : resource == 1 ? "memory" : "io");
}

static void take_all(struct shadow *s, const struct plan *plan, const struct plan_step *step, bool give)
{
    for (size_t i = 0; i < 3; i++)
        take(s, plan, step, i, NULL, give);
    for (size_t i = 0; i < step->resources.n_units; i++)
        take(s, plan, step, 0, step->resources.units[i].name, give);
}

/* How much a step takes of a dimension of a pool. */
static uint64_t takes_of(const struct plan *plan, const struct plan_step *step, const struct shadow_pool *of, size_t at)
{
    const char *unit = at < 3 ? NULL : of->units[at - 3];
    if (step->pool == PLAN_NO_INDEX || strcmp(drawn_from(plan, step, at, unit), of->name) != 0)
        return 0;
    return planned(&step->resources, at, unit);
}

uint64_t shadow_takes_of(struct shadow *s, const struct plan *plan, const struct plan_step *step, const char *pool, size_t at)
{
    return takes_of(plan, step, shadow_pool_by_name(s, pool), at);
}

bool shadow_names_pool(const struct plan *plan, const struct plan_step *step, const char *name)
{
    for (uint32_t i = 0; step->pool != PLAN_NO_INDEX && i <= step->n_also; i++)
        if (strcmp(plan->pools[i == 0 ? step->pool : step->also[i - 1]].name, name) == 0)
            return true;
    return false;
}

static bool is_too_small(const struct shadow_pool *p, const struct plan *plan, const struct plan_step *step)
{
    bool small = p->slots == 0;
    for (size_t at = 0; at < 3 + SHADOW_UNITS && !small; at++)
        small = p->limits[at] > 0 && takes_of(plan, step, p, at) > p->limits[at];
    return small && shadow_names_pool(plan, step, p->name);
}

bool shadow_pool_lacks(struct shadow *s, const char *pool)
{
    const struct shadow_pool *p = shadow_pool_by_name(s, pool);
    for (size_t i = 0; i < s->backfills.n; i++) {
        const struct shadow_backfill *b = &s->backfills.at[i];
        for (size_t k = 0; b->state == BACKFILL_RUNNING && k < b->plan->n_steps; k++)
            if (is_too_small(p, b->plan, &b->plan->steps[k]))
                return true;
    }
    return false;
}

static bool draw_alike(const struct shadow *s, const struct plan *a, const struct plan_step *x, const struct plan *b,
                       const struct plan_step *y)
{
    for (size_t i = 0; i < s->pools.n; i++) {
        if (shadow_names_pool(a, x, s->pools.at[i].name) != shadow_names_pool(b, y, s->pools.at[i].name))
            return false;
        for (size_t at = 0; at < 3 + SHADOW_UNITS; at++)
            if (takes_of(a, x, &s->pools.at[i], at) != takes_of(b, y, &s->pools.at[i], at))
                return false;
    }
    return true;
}

void shadow_draws_done(struct shadow_draws *d)
{
    bf_map_free(&d->of);
    bf_vec_free(&d->classes);
}

/* A plan lives as long as the model. */
static uint64_t draw_class(struct shadow *s, const struct plan *plan, const struct plan_step *step)
{
    struct shadow_draws *d = &s->draws;
    uint64_t class = 0;
    if (bf_map_get(&d->of, (uintptr_t)step, &class))
        return class;
    while (class < d->classes.n && !draw_alike(s, plan, step, d->classes.at[class].plan, d->classes.at[class].step))
        class++;
    if (class == d->classes.n)
        bf_vec_push(&d->classes, (struct shadow_drawn){plan, step});
    bf_map_put(&d->of, (uintptr_t)step, class);
    return class;
}

bool shadow_draws_alike(struct shadow *s, const struct plan *a, const struct plan_step *x, const struct plan *b, const struct plan_step *y)
{
    return draw_class(s, a, x) == draw_class(s, b, y);
}

bool shadow_pool_is_short(const struct shadow *s, const struct plan *plan, const struct plan_step *step)
{
    for (size_t i = 0; i < s->pools.n; i++) {
        const struct shadow_pool *p = &s->pools.at[i];
        bool drawn = shadow_names_pool(plan, step, p->name), is_short = drawn && p->used >= p->slots;
        for (size_t at = 0; drawn && at < 3 + SHADOW_UNITS; at++)
            is_short |= p->limits[at] > 0 && takes_of(plan, step, p, at) > 0 &&
                        p->in_use[at] + takes_of(plan, step, p, at) > p->limits[at];
        if (is_short)
            return true;
    }
    return false;
}

bool shadow_pool_may_hold(const struct shadow *s, const struct plan *plan, const struct plan_step *step)
{
    bool may = shadow_pool_is_short(s, plan, step);
    for (size_t i = 0; i < s->backfills.n; i++)
        may |= s->backfills.at[i].plan->n_windows > 0;
    for (size_t i = 0; i < s->pools.n; i++) {
        const struct shadow_pool *p = &s->pools.at[i];
        may |= p->told_kept;                                 /* of the other pools of who it is kept for, too */
        may |= shadow_names_pool(plan, step, p->name) && (p->throttled || p->start_milli > 0);
    }
    return may;
}

/* What draws the same as who it is kept for. */
static bool kept_is_like(struct shadow *s, const struct shadow_pool *keeper, const struct plan *plan, const struct plan_step *step)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        if (s->backfills.at[i].id == keeper->kept_backfill)
            return shadow_draws_alike(s, plan, step, s->backfills.at[i].plan, &s->backfills.at[i].plan->steps[keeper->kept_step]);
    return false;
}

/* What is kept is not given to another of its class or a lower one, unless it fits beside (after the grant). */
static void check_kept(struct shadow *s, const struct shadow_backfill *b, uint32_t step, const struct shadow_pool *keeper)
{
    const struct shadow_backfill *who = NULL;
    for (size_t i = 0; i < s->backfills.n; i++)
        who = s->backfills.at[i].id == keeper->kept_backfill ? &s->backfills.at[i] : who;
    const struct plan_step *mine = &b->plan->steps[step], *kept = who ? &who->plan->steps[keeper->kept_step] : NULL;
    if (!kept || shadow_class(s, b, step) < shadow_class(s, who, keeper->kept_step) || !shadow_any_ready(who, keeper->kept_step) ||
        shadow_draws_alike(s, b->plan, mine, who->plan, kept))
        return;
    for (size_t i = 0; i < s->pools.n; i++) {
        const struct shadow_pool *p = &s->pools.at[i];
        if (!shadow_names_pool(who->plan, kept, p->name) || !shadow_names_pool(b->plan, mine, p->name))
            continue;
        bool full = p->used + 1 > p->slots;
        for (size_t at = 0; at < 3 + SHADOW_UNITS; at++)
            full = full || (p->limits[at] && takes_of(b->plan, mine, p, at) > 0 && takes_of(who->plan, kept, p, at) > 0 &&
                            p->in_use[at] + takes_of(who->plan, kept, p, at) > p->limits[at]);
        if (full)
            world_violate(s->w, "reserve: %s of backfill %u is granted from pool %s, which is kept for %s of backfill %u", mine->name,
                          b->id, p->name, kept->name, who->id);
    }
}

/* I6: starts in any window that ends now are at most what the rate brings in it, and what a second allows. */
static void check_rate(struct shadow *s, struct shadow_pool *p, int64_t now_ms)
{
    if (p->start_milli == 0)
        return;
    p->starts_ms[p->n_starts++ % SHADOW_STARTS] = now_ms;
    uint64_t burst = p->start_milli / p->start_ms, kept = p->n_starts < SHADOW_STARTS ? p->n_starts : SHADOW_STARTS;
    for (uint64_t k = 1; k <= kept; k++) {
        uint64_t since_ms = (uint64_t)(now_ms - p->starts_ms[(p->n_starts - k) % SHADOW_STARTS]);
        if (k * 1000 * p->start_ms > (burst ? burst : 1) * 1000 * p->start_ms + since_ms * p->start_milli)
            world_violate(s->w, "I6: %" PRIu64 " attempts begin from pool %s in %" PRIu64 " ms", k, p->name, since_ms);
    }
}

void shadow_pool_head(struct shadow *s, const struct record *r)
{
    struct shadow_pool *p = shadow_pool_by_name(s, record_rare(r)->pool_name);
    p->kept_backfill = record_rare(r)->last ? r->backfill : 0;
    p->kept_step = r->step;
    p->told_kept = record_rare(r)->last;
}

void shadow_draw(struct shadow *s, const struct shadow_backfill *b, uint32_t index, const struct record *granted)
{
    const struct plan *plan = b->plan;
    const struct plan_step *step = &plan->steps[index];
    if (step->pool == PLAN_NO_INDEX)
        return;
    for (uint32_t i = 0; i <= step->n_also; i++) {
        struct shadow_pool *pool = shadow_pool_by_name(s, plan->pools[i == 0 ? step->pool : step->also[i - 1]].name);
        shadow_check_limit(s, pool);
        shadow_pace_granted(s, pool, granted->retry_at_ms);
        if (++pool->used > pool->slots)
            world_violate(s->w, "I6: pool %s has %u of %u slots in use", pool->name, pool->used, pool->slots);
        check_rate(s, pool, granted->retry_at_ms);
    }
    take_all(s, plan, step, false);
    for (size_t i = 0; i < s->pools.n; i++) {
        struct shadow_pool *p = &s->pools.at[i];
        if (!p->kept_backfill)
            continue;
        check_kept(s, b, index, p);
        if (kept_is_like(s, p, plan, step))
            p->kept_backfill = 0;
    }
}

void shadow_give_back(struct shadow *s, const struct plan *plan, const struct plan_step *step, int64_t granted_ms, int64_t now_ms)
{
    if (step->pool == PLAN_NO_INDEX)
        return;
    for (uint32_t i = 0; i <= step->n_also; i++) {
        struct shadow_pool *pool = shadow_pool_by_name(s, plan->pools[i == 0 ? step->pool : step->also[i - 1]].name);
        pool->used--;
        shadow_pace_ended(s, pool, granted_ms, now_ms);
    }
    take_all(s, plan, step, true);
}

/* ---- retries ---- */

void shadow_count_attempt(struct shadow_backfill *b, struct shadow_cell *c, const struct record *granted)
{
    b->firsts += c->counted_run != granted->run;
    c->counted_run = granted->run;
}

void shadow_check_retry(struct shadow *s, struct shadow_backfill *b, const struct plan_step *step, const struct record *ended,
                        bool held)
{
    uint64_t most = b->firsts * step->retry.budget_millionths / 1000000;
    if (ended->verdict != VERDICT_RETRY || held)             /* what a breaker holds back is no load, and not counted */
        return;
    if (step->retry.budget_millionths && b->retries >= (most > 10 ? most : 10))
        world_violate(s->w, "retries: %s of backfill %u is tried again after %" PRIu64 " retries, of %" PRIu64 " first attempts",
                      step->name, b->id, b->retries, b->firsts);
    b->retries++;
}
