/* Degradation, worked out again the slow way: who is passed by a better class in a pool that is short yields, nobody else does, and no time
 * is lost in counting.
 *
 * That none is forgotten is looked at among what asks for just the same (pools, amounts, labels) as what was granted, so that nothing
 * but its class decides.  Plans with windows are left out there, and steps behind gates, as in shadow_shares.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/sim/shadow_model.h"

static struct shadow_yield *yield_of(struct shadow *s, uint32_t backfill, const char *pool, uint32_t class)
{
    for (size_t i = 0; i < s->yields.n; i++)
        if (s->yields.at[i].backfill == backfill && s->yields.at[i].class == class && strcmp(s->yields.at[i].pool, pool) == 0)
            return &s->yields.at[i];
    struct shadow_yield *y = bf_vec_add(&s->yields);
    *y = (struct shadow_yield){.backfill = backfill, .class = class};
    snprintf(y->pool, sizeof y->pool, "%s", pool);
    return y;
}

static const char *first_pool(const struct shadow_backfill *b, uint32_t step)
{
    uint32_t pool = b->plan->steps[step].pool;
    return pool == PLAN_NO_INDEX ? "" : b->plan->pools[pool].name;
}

static uint32_t class_of(const struct shadow_backfill *b, uint32_t step)
{
    return (uint32_t)b->classes[step] - OP_CRITICAL;
}

/* The best class that this turn granted from a pool, and whether it granted this class of this backfill, whose first pool it is. */
static uint32_t best_granted(struct shadow *s, const struct turn *t, uint32_t backfill, const char *pool, uint32_t class, bool *ret_itself)
{
    uint32_t best = UINT32_MAX;
    *ret_itself = false;
    for (size_t i = 0; i < t->n_records; i++) {
        const struct record *r = &t->records[i];
        const struct shadow_backfill *b = r->kind == RECORD_GRANTED ? shadow_backfill_find(s, r->backfill) : NULL;
        if (!b || (*pool ? !shadow_names_pool(b->plan, &b->plan->steps[r->step], pool) : *first_pool(b, r->step)))
            continue;
        best = class_of(b, r->step) < best ? class_of(b, r->step) : best;
        *ret_itself |= r->backfill == backfill && class_of(b, r->step) == class && strcmp(first_pool(b, r->step), pool) == 0;
    }
    return best;
}

/* Something that the pool may hold back; work without a pool waits for agents alone. */
static bool has_ready(const struct shadow *s, const struct shadow_backfill *b, const char *pool, uint32_t class)
{
    for (uint32_t i = 0; b->state == BACKFILL_RUNNING && i < b->plan->n_steps; i++) {
        if (class_of(b, i) != class || strcmp(first_pool(b, i), pool) != 0 ||
            (*pool && !shadow_pool_may_hold(s, b->plan, &b->plan->steps[i])))
            continue;
        for (uint32_t p = 0; p < b->plan->steps[i].partitions->n; p++) {
            const struct shadow_cell *c = &b->cells[i][p];
            if (c->end == CELL_WAITING && !c->open && !c->backing_off && !shadow_is_out(c) && shadow_needs_met(b, i, p))
                return true;
        }
    }
    return false;
}

void shadow_take_yielded(struct shadow *s, const struct turn *t, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    uint32_t class = (uint32_t)r->numbers[0];
    struct shadow_yield *y = yield_of(s, r->backfill, rare->pool_name, class);
    int64_t since_ms = (int64_t)r->numbers[1];
    uint64_t added = y->since_ms && since_ms == 0 ? (uint64_t)(t->now_ms - y->since_ms) : 0;
    bool itself = false;
    uint32_t best = best_granted(s, t, r->backfill, rare->pool_name, class, &itself);
    const struct shadow_backfill *b = shadow_backfill_find(s, r->backfill);
    if ((since_ms != 0) == (y->since_ms != 0) || r->numbers[3] != y->times + (since_ms != 0))
        world_violate(s->w, "yield: class %u of backfill %u yields in pool '%s', or no more, for the second time", class, r->backfill,
                      rare->pool_name);
    if (since_ms != 0 && (since_ms != t->now_ms || best >= class || itself || !b || !has_ready(s, b, rare->pool_name, class)))
        world_violate(s->w, "yield: class %u of backfill %u yields in pool '%s', and no better one began before it, or it has room", class, r->backfill,
                      rare->pool_name);
    if (r->numbers[2] != y->lost_ms + added)
        world_violate(s->w, "yield: class %u of backfill %u lost %" PRIu64 " ms more in pool '%s', and is said to have lost %" PRIu64
                      " instead of %" PRIu64, class, r->backfill, added, rare->pool_name, r->numbers[2], y->lost_ms + added);
    y->since_ms = since_ms;
    y->lost_ms = r->numbers[2];
    y->times = r->numbers[3];
}

void shadow_forgive_outage(struct shadow *s, int64_t away_ms)
{
    for (size_t i = 0; i < s->yields.n; i++)
        s->yields.at[i].since_ms += s->yields.at[i].since_ms ? away_ms : 0;
    for (size_t i = 0; i < s->shares.n; i++)
        s->shares.at[i].passed_since_ms += s->shares.at[i].passed_since_ms ? away_ms : 0;
}

/* A backfill that has ended yields no more. */
static void end_yields(struct shadow *s, const struct turn *t, uint32_t backfill)
{
    for (size_t i = 0; i < s->yields.n; i++) {
        struct shadow_yield *y = &s->yields.at[i];
        if (y->backfill != backfill || y->since_ms == 0)
            continue;
        y->lost_ms += (uint64_t)(t->now_ms - y->since_ms);
        y->since_ms = 0;
    }
}

static bool has_ended(const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    return r->kind == RECORD_BACKFILL_STATE && rare->backfill_state != BACKFILL_RUNNING && rare->backfill_state != BACKFILL_PAUSED &&
           rare->backfill_state != BACKFILL_QUEUED;
}

static void check_passed(struct shadow *s, const struct turn *t, const struct shadow_backfill *by, uint32_t granted,
                         const struct shadow_backfill *b)
{
    const struct plan_step *g = &by->plan->steps[granted];
    for (uint32_t i = 0; i < b->plan->n_steps; i++) {
        const struct plan_step *step = &b->plan->steps[i];
        bool itself = false;
        if (class_of(b, i) <= class_of(by, granted) || strcmp(first_pool(by, granted), first_pool(b, i)) != 0 ||
            !shadow_draws_alike(s, by->plan, g, b->plan, step) || !shadow_labels_alike(g, step) || !shadow_any_ready(b, i) ||
            shadow_breaker_holds(s, b, i) || (*first_pool(b, i) && !shadow_pool_is_short(s, b->plan, step)))
            continue;
        (void)best_granted(s, t, b->id, first_pool(b, i), class_of(b, i), &itself);
        if (!itself && yield_of(s, b->id, first_pool(b, i), class_of(b, i))->since_ms == 0)
            world_violate(s->w, "yield: %s of backfill %u is ready and passed by %s of backfill %u, and its class is not said to yield",
                          step->name, b->id, g->name, by->id);
    }
}

/* A backfill that began or went on in this turn may have done so after the grants. */
static bool moved(const struct turn *t, uint32_t backfill)
{
    for (size_t i = 0; i < t->n_records; i++)
        if (t->records[i].kind == RECORD_BACKFILL_STATE && t->records[i].backfill == backfill)
            return true;
    return false;
}

/* Where a backfill has ended after a grant other settings may hold for a breaker: it moves, or lets more probes through, and held what it
 * holds no more when it was looked who yields.  And where one is begun then, its plan may lower a pool. */
static bool things_differ_after(const struct turn *t, size_t grant)
{
    bool differ = false;
    for (size_t i = grant; i < t->n_records; i++)
        differ |= t->records[i].kind == RECORD_BREAKER || t->records[i].kind == RECORD_POOL_SET || has_ended(&t->records[i]);
    return differ;
}

void shadow_check_yields(struct shadow *s, const struct turn *t)
{
    for (size_t i = 0; i < t->n_records; i++) {
        const struct record *r = &t->records[i];
        const struct shadow_backfill *by = r->kind == RECORD_GRANTED ? shadow_backfill_find(s, r->backfill) : NULL;
        if (has_ended(r))
            end_yields(s, t, r->backfill);
        for (size_t k = 0; by && by->plan->n_windows == 0 && !things_differ_after(t, i) && k < s->backfills.n; k++)
            if (s->backfills.at[k].state == BACKFILL_RUNNING && s->backfills.at[k].plan->n_windows == 0 &&
                !moved(t, s->backfills.at[k].id))
                check_passed(s, t, by, r->step, &s->backfills.at[k]);
    }
}
