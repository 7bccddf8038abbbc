/* `bfctl pool set`: what a person says of a pool, figure by figure over what the configuration and plans say, until it is taken back.
 *
 * The floor and the ceiling of a throttled pool are figures like the others, and hold over those of all plans; the limit follows at once
 * (decide_limit.c).  They are set only while a plan throttles the pool; said once, they hold for the plans that come, too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/engine/decide.h"
#include "plan/budget.h"

static uint64_t said_last(uint64_t now, uint64_t before, bool back)
{
    return now ? now : back ? 0 : before;
}

/* What a person said before, with what is said or taken back now over it. */
static struct pool_budget over(struct decision *d, const struct pool_budget *before, const struct op_request *c)
{
    const struct pool_budget *now = &c->pool;
    struct pool_budget b = {.no_slots = now->no_slots && (before->no_slots || c->pool_back & POOL_BACK_SLOTS)};
    struct pool_unit *units = bf_arena_alloc(&d->out->arena, (before->n_units + now->n_units + 1) * sizeof *units);
    b.cpu_milli = said_last(now->cpu_milli, before->cpu_milli, c->pool_back & POOL_BACK_CPU);
    b.memory_bytes = said_last(now->memory_bytes, before->memory_bytes, c->pool_back & POOL_BACK_MEMORY);
    b.io_bytes_s = said_last(now->io_bytes_s, before->io_bytes_s, c->pool_back & POOL_BACK_IO);
    b.start_milli = (uint32_t)said_last(now->start_milli, before->start_milli, c->pool_back & POOL_BACK_START_RATE);
    b.start_ms = (uint32_t)said_last(now->start_ms, before->start_ms, c->pool_back & POOL_BACK_START_RATE);
    b.floor = (uint32_t)said_last(now->floor, before->floor, c->pool_back & POOL_BACK_FLOOR);
    b.ceiling = (uint32_t)said_last(now->ceiling, before->ceiling, c->pool_back & POOL_BACK_CEILING);
    for (size_t i = 0, k = 0; i < before->n_units || k < now->n_units;) {
        int order = i == before->n_units ? 1 : k == now->n_units ? -1 : strcmp(before->units[i].name, now->units[k].name);
        const struct pool_unit *u = order < 0 ? &before->units[i] : &now->units[k];
        if (u->n > 0)                            /* else it is taken back */
            units[b.n_units++] = *u;
        i += order <= 0;
        k += order >= 0;
    }
    b.units = units;
    return b;
}

/* ---- what is in use ---- */

enum { FULL_MOST = 6 };

/* What of it is in use beyond what there is: "3 slots", "2.5 of cpu"; of many the first.  many: it is said in the plural. */
struct full { const char *at[FULL_MOST]; size_t n; bool many; };

static void add_full(struct full *f, const char *words, bool many)
{
    if (f->n < FULL_MOST)
        f->at[f->n] = words;
    f->n++;
    f->many = f->n > 1 || many;
}

static void find_full(struct decision *d, const struct pool *p, struct full *f)
{
    char used[PLAN_BUDGET_TEXT_MAX];
    if (p->used > p->slots)
        add_full(f, out_printf(d->out, "%u slot%s", p->used, p->used == 1 ? "" : "s"), p->used > 1);
    for (size_t i = 0; i < p->dims.n; i++) {
        const struct pool_dim *dim = &p->dims.at[i];
        if (dim->limit == 0 || dim->used <= dim->limit)
            continue;
        plan_budget_format(dim->name, dim->used, used);
        add_full(f, out_printf(d->out, "%s of %.64s", used, dim->name), i >= POOL_FIRST_UNIT && dim->used > 1);
    }
}

/* "; 3 slots and 12 of connections are in use: …"; "" while all that is in use fits. */
static const char *over_full(struct decision *d, const struct pool *p)
{
    struct full f = {.n = 0};
    find_full(d, p, &f);
    const char *list = f.n ? f.at[0] : "";
    size_t named = f.n < FULL_MOST ? f.n : FULL_MOST;
    for (size_t i = 1; i < named; i++)
        list = out_printf(d->out, "%s%s%s", list, i + 1 == f.n ? " and " : ", ", f.at[i]);
    if (f.n > named)
        list = out_printf(d->out, "%s and %zu more", list, f.n - named);
    if (f.n)
        return out_printf(d->out, "; %s %s in use: nothing is killed, and nothing starts until it fits", list, f.many ? "are" : "is");
    if (pool_is_throttled(p) && p->used > p->limit)
        return out_printf(d->out, "; %u run%s under a limit of %u: nothing is killed, and nothing starts until fewer do", p->used,
                          p->used == 1 ? "s" : "", p->limit);
    return "";
}

/* ---- what cannot be ---- */

/* A unit that somebody gives the pool, or that steps of a live backfill draw on it: the same after a recovery. */
static bool has_unit(const struct engine *e, uint32_t pool, const char *name)
{
    const struct pool *p = &e->pools.at[pool];
    for (int k = 0; k < POOL_SOURCES; k++)
        if (pool_budget_unit(&p->layers[k].budget, name) > 0)
            return true;
    for (size_t i = 0; i < e->live.n; i++) {
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        for (uint32_t s = 0; s < b->plan->n_steps; s++) {
            const struct draw *draw = step_draw(e, b, s);
            for (size_t k = 0; k < draw->n; k++)
                if (draw->items[k].pool == pool && draw->items[k].dim != DRAW_SLOT && strcmp(p->dims.at[draw->items[k].dim].name, name) == 0)
                    return true;
        }
    }
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* NULL: the pool has it. */
static const char *unit_objection(struct decision *d, uint32_t pool, const char *name)
{
    enum { NAMED_BYTES = 600 };
    const struct pool *p = &d->e->pools.at[pool];
    if (has_unit(d->e, pool, name))
        return NULL;
    const char **names = bf_arena_alloc(&d->out->arena, (p->dims.n + 1) * sizeof *names), *list = "";
    size_t n = 0;
    for (size_t i = POOL_FIRST_UNIT; i < p->dims.n; i++)
        if (has_unit(d->e, pool, p->dims.at[i].name))
            names[n++] = p->dims.at[i].name;
    qsort(names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n && strlen(list) < NAMED_BYTES; i++)
        list = out_printf(d->out, "%s%s%s", list, i ? ", " : "", names[i]);
    if (n == 0)
        return out_printf(d->out, "pool %.128s has no unit '%.128s', and no other: plans and the configuration give it units", p->name, name);
    return out_printf(d->out, "pool %.128s has no unit '%.128s'; it has %s", p->name, name, list);
}

/* The slots as they would be. */
static uint32_t slots_with(const struct pool *p, const struct pool_budget *budget, uint32_t slots)
{
    const struct pool_layer *config = &p->layers[POOL_FROM_CONFIG - 1], *plan = &p->layers[POOL_FROM_PLAN - 1];
    if (!budget->no_slots)
        return slots;
    return config->said && !config->budget.no_slots ? config->slots : plan->said && !plan->budget.no_slots ? plan->slots : p->slots;
}

static const char *slots_objection(struct decision *d, const char *pool, const char *name, uint32_t n, uint32_t slots)
{
    return out_printf(d->out, "pool %s: a %s of %u is over its %u slot%s; say %s--slots %u with it", pool, name, n, slots,
                      slots == 1 ? "" : "s", slots == 0 ? "" : out_printf(d->out, "--%s %u, or ", name, slots), n);
}

/* Only of what is said now: one that was set before, and does not fit any more, keeps within the slots and moves along. */
static const char *bounds_objection(struct decision *d, const struct op_request *c, uint32_t pool, const struct pool_budget *budget,
                                    uint32_t slots)
{
    const struct pool_budget *now = &c->pool;
    struct limit_bounds planned = limit_bounds_planned(d->e, pool, NULL);
    uint32_t floor = budget->floor ? budget->floor : planned.floor, ceiling = budget->ceiling ? budget->ceiling : planned.ceiling;
    if (now->floor == 0 && now->ceiling == 0)
        return NULL;
    if (planned.algorithm == THROTTLE_NONE)
        return out_printf(d->out, "pool %s has no throttle now, and so no limit between a floor and a ceiling: --slots N bounds it; a plan "
                                  "with a throttle for it has to run first", c->name);
    if (now->ceiling > slots)
        return slots_objection(d, c->name, "ceiling", now->ceiling, slots);
    if (now->floor > slots)
        return slots_objection(d, c->name, "floor", now->floor, slots);
    if (floor <= ceiling)
        return NULL;
    return out_printf(d->out, "pool %s: the floor would be %u (%s) and the ceiling %u (%s); say both: --floor %u --ceiling %u", c->name,
                      floor, budget->floor ? "set by hand" : "the plan's", ceiling, budget->ceiling ? "set by hand" : "the plan's",
                      now->ceiling ? ceiling : floor, now->ceiling ? ceiling : floor);
}

/* NULL: it may be set. */
static const char *pool_objection(struct decision *d, const struct op_request *c, enum bf_rc *ret_rc)
{
    const char *name = c->name ? c->name : "", *why_not = NULL;
    uint32_t pool = pool_find(d->e, name);
    *ret_rc = BF_INVALID;
    if (pool == PLAN_NO_INDEX) {
        *ret_rc = BF_NOT_FOUND;
        return out_printf(d->out, "there is no pool '%.128s'; see bfctl pools", name);
    }
    if (c->pool.no_slots && pool_budget_is_empty(&c->pool) && !c->reset && !c->pool_back)
        return out_printf(d->out, "pool %s: nothing is to be set; say slots, cpu, memory, io, a unit, a start rate, a floor or a ceiling, or "
                                  "reset", name);
    if (!c->pool.no_slots && c->pool_slots > POOL_SLOTS_LIMIT)
        return out_printf(d->out, "pool %s: slots must be 0 to %u, not %u", name, POOL_SLOTS_LIMIT, c->pool_slots);
    for (size_t i = 0; i < c->pool.n_units && !why_not; i++)
        why_not = unit_objection(d, pool, c->pool.units[i].name);
    return why_not;
}

/* ---- the command ---- */

struct answer command_pool_set(struct decision *d, const struct input *in)
{
    static const struct pool_layer nothing = {.budget = {.no_slots = true}};
    const struct op_request *c = &input_rare(in)->command;
    enum bf_rc rc = BF_OK;
    const char *why_not = pool_objection(d, c, &rc);
    if (why_not)
        return command_refuse(rc, why_not);
    uint32_t i = pool_find(d->e, c->name);
    const struct pool *p = &d->e->pools.at[i];
    const struct pool_layer *layer = &p->layers[POOL_FROM_OPERATOR - 1], *before_layer = layer->said && !c->reset ? layer : &nothing;
    struct pool_budget budget = over(d, &before_layer->budget, c);
    uint32_t slots = c->pool.no_slots ? before_layer->slots : c->pool_slots;
    if (budget.n_units > POOL_UNITS_MAX)
        return command_refuse(BF_LIMIT, out_printf(d->out, "pool %s would have %zu kinds of unit; at most %u are possible", c->name,
                                                   budget.n_units, POOL_UNITS_MAX));
    why_not = bounds_objection(d, c, i, &budget, slots_with(p, &budget, slots));
    if (why_not)
        return command_refuse(BF_INVALID, why_not);
    const char *before = pool_words(d, i), *was = pool_sentence(d, i);
    bool says_nothing = budget.no_slots && pool_budget_is_empty(&budget);
    bool rebound = budget.floor != layer->budget.floor || budget.ceiling != layer->budget.ceiling;
    bool changed = (layer->said || !says_nothing) && pool_set(d, p->name, POOL_FROM_OPERATOR, slots, &budget, in);
    if (changed && rebound)
        decide_bounds_set(d, i);
    const char *after = pool_words(d, i), *is = pool_sentence(d, i), *text;
    if (!changed)
        text = out_printf(d->out, "pool %s is so already: %s", c->name, is);
    else
        text = out_printf(d->out, "pool %s: %s -> %s%s", c->name, was, is, over_full(d, p));
    return (struct answer){.rc = BF_OK, .text = text, .json = out_printf(d->out, "{\"pool\":\"%s\",\"before\":%s,\"after\":%s}", c->name,
                                                                          before, after),
                           .before = before, .after = after};
}
