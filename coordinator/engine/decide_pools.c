/* Deciding what pools have: plans, the configuration, and people (decide_pool_set.c).
 *
 * Each says its own figures, in a layer of its own (pool.h).  One plan must not raise the budget of another whose backfill is live: of the
 * plans of live backfills the smaller one of each figure holds, and when one of them ends what the others say.  Where none is left the
 * last figures stay, until another begins. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/engine/decide.h"
#include "coordinator/engine/view_pools.h"
#include "plan/budget.h"

/* ---- words ---- */

#define WORDS_MAX 400                            /* before and after go into one document of out_printf() */

/* people: ", cpu 2.5, memory 4 GiB"; else a piece of an object. */
struct words { char text[WORDS_MAX]; size_t n; bool people, more; };

static void put(struct words *w, const char *name, const char *figure)
{
    const char *form = w->people ? ", %s %s" : ",\"%s\":\"%s\"";
    w->n += (size_t)snprintf(w->text + w->n, WORDS_MAX - w->n, form, name, figure);
}

static void say(struct words *w, const char *dimension, uint64_t n)
{
    char figure[PLAN_BUDGET_TEXT_MAX];
    if (n == 0 || w->more)
        return;
    if (w->n > WORDS_MAX - 2 * PLAN_BUDGET_TEXT_MAX - 150) {     /* a name of 128, and the rest of the object */
        w->more = true;
        w->n += (size_t)snprintf(w->text + w->n, WORDS_MAX - w->n, "%s", w->people ? ", and more" : ",\"more\":true");
        return;
    }
    plan_budget_format(dimension, n, figure);
    put(w, dimension, figure);
}

static void say_rate(struct words *w, uint32_t milli, uint32_t ms)
{
    char rate[PLAN_BUDGET_TEXT_MAX];
    if (milli == 0 || w->n > WORDS_MAX - 2 * PLAN_BUDGET_TEXT_MAX)
        return;
    plan_start_rate_format(milli, ms, rate);
    put(w, w->people ? "start rate" : "start_rate", rate);
}

static const char *source_word(enum pool_source s)
{
    return s == POOL_FROM_CONFIG ? "config" : s == POOL_FROM_OPERATOR ? "operator" : "plan";
}

static void say_bound(struct words *w, const char *name, uint32_t n)
{
    char figure[16];
    if (n == 0 || w->n > WORDS_MAX - 32)
        return;
    snprintf(figure, sizeof figure, "%u", n);
    put(w, name, figure);
}

static void say_pool(const struct engine *e, uint32_t i, struct words *w)
{
    const struct pool *p = &e->pools.at[i];
    const struct pool_layer *by_hand = &p->layers[POOL_FROM_OPERATOR - 1];
    size_t n = 0;
    struct pool_dimension_view *dims = engine_pool_dimensions(e, i, &n);
    w->text[0] = '\0';
    for (size_t k = 0; k < n; k++)
        say(w, dims[k].name, dims[k].limit);
    free(dims);
    say_rate(w, p->start_milli, p->start_ms);
    say_bound(w, "floor", pool_is_throttled(p) ? p->governor->now.bounds.floor : by_hand->budget.floor);
    say_bound(w, "ceiling", pool_is_throttled(p) ? p->governor->now.bounds.ceiling : by_hand->budget.ceiling);
    if (!w->people && by_hand->said && key_name_valid(by_hand->by) && w->n < WORDS_MAX - KEY_NAME_MAX - 16)
        put(w, "by", by_hand->by);
}

const char *pool_sentence(struct decision *d, uint32_t i)
{
    struct words w = {.people = true};
    uint32_t slots = d->e->pools.at[i].slots;
    say_pool(d->e, i, &w);
    return out_printf(d->out, "%u slot%s%s", slots, slots == 1 ? "" : "s", w.text);
}

const char *pool_words(struct decision *d, uint32_t i)
{
    const struct pool *p = &d->e->pools.at[i];
    struct words w = {.n = 0};
    say_pool(d->e, i, &w);
    return out_printf(d->out, "{\"slots\":%u,\"source\":\"%s\"%s}", p->slots, source_word(p->source), w.text);
}

const char *plan_pool_words(struct decision *d, const struct plan_pool *pool)
{
    struct words w = {.n = 0};
    w.text[0] = '\0';
    say(&w, "cpu", pool->has.cpu_milli);
    say(&w, "memory", pool->has.memory_bytes);
    say(&w, "io", pool->has.io_bytes_s);
    for (size_t i = 0; i < pool->has.n_units; i++)
        say(&w, pool->has.units[i].name, pool->has.units[i].n);
    say_rate(&w, pool->start_milli, pool->start_ms);
    return out_printf(d->out, "{\"slots\":%u,\"source\":\"plan\"%s}", pool->slots, w.text);
}

bool pool_is_as_planned(const struct engine *e, uint32_t pool, const struct plan_pool *planned)
{
    const struct pool *p = &e->pools.at[pool];
    bool same = p->slots == planned->slots && p->start_milli == planned->start_milli && p->start_ms == planned->start_ms;
    for (size_t i = 0; same && i < p->dims.n; i++)
        same = p->dims.at[i].limit == plan_resources_get(&planned->has, p->dims.at[i].name);
    return same;
}

/* ---- layers ---- */

static bool says(const struct engine *e, uint32_t pool, enum pool_source source, uint32_t slots, const struct pool_budget *budget)
{
    const struct pool_layer *layer = pool == PLAN_NO_INDEX ? NULL : &e->pools.at[pool].layers[source - 1];
    return layer && layer->said && pool_budget_same(&layer->budget, budget) && (budget->no_slots || layer->slots == slots);
}

bool pool_set(struct decision *d, const char *name, enum pool_source source, uint32_t slots, const struct pool_budget *budget,
              const struct input *by)
{
    if (says(d->e, pool_find(d->e, name), source, slots, budget))
        return false;
    struct record *r = record_begin(d, RECORD_POOL_SET);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    rare->pool_name = name;
    rare->pool_source = source;
    rare->pool_slots = budget->no_slots ? 0 : slots;
    rare->pool = *budget;
    if (by) {
        rare->actor = input_rare(by)->actor;
        rare->reason = input_rare(by)->command.reason;
    }
    record_emit(d, r);
    return true;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

/* Is the rate a the slower of two?  0 is none. */
static bool is_slower(uint32_t a_milli, uint32_t a_ms, uint32_t b_milli, uint32_t b_ms)
{
    return b_milli == 0 || (a_milli != 0 && (uint64_t)a_milli * b_ms < (uint64_t)b_milli * a_ms);
}

/* Units of both, by name: of one that both say the smaller.  In the output's arena. */
static void meet_units(struct decision *d, const struct pool_budget *a, struct pool_budget *b)
{
    struct pool_unit *units = bf_arena_alloc(&d->out->arena, (a->n_units + b->n_units + 1) * sizeof *units);
    size_t n = 0;
    for (size_t i = 0, k = 0; i < a->n_units || k < b->n_units; n++) {
        int order = i == a->n_units ? 1 : k == b->n_units ? -1 : strcmp(a->units[i].name, b->units[k].name);
        units[n] = order <= 0 ? a->units[i] : b->units[k];
        if (order == 0)
            units[n].n = smaller(a->units[i].n, b->units[k].n);
        i += order <= 0;
        k += order >= 0;
    }
    b->units = units;
    b->n_units = n > POOL_UNITS_MAX ? POOL_UNITS_MAX : n;
}

static struct pool_budget budget_of_plan(struct decision *d, const struct plan_pool *pool)
{
    struct pool_unit *units = bf_arena_alloc(&d->out->arena, (pool->has.n_units + 1) * sizeof *units);
    for (size_t i = 0; i < pool->has.n_units; i++)
        units[i] = (struct pool_unit){.name = pool->has.units[i].name, .n = pool->has.units[i].n};
    return (struct pool_budget){.cpu_milli = pool->has.cpu_milli, .memory_bytes = pool->has.memory_bytes,
                                .io_bytes_s = pool->has.io_bytes_s, .units = units, .n_units = pool->has.n_units,
                                .start_milli = pool->start_milli, .start_ms = pool->start_ms};
}

/* The smaller of each figure that some plans say. */
struct planned { bool any; uint32_t slots; struct pool_budget budget; };

static void take_smaller(struct decision *d, struct planned *least, const struct plan_pool *pool)
{
    struct pool_budget budget = budget_of_plan(d, pool);
    uint32_t slots = pool->slots;
    if (least->any) {
        const struct pool_budget *now = &least->budget;
        slots = least->slots < slots ? least->slots : slots;
        budget.cpu_milli = smaller(now->cpu_milli, budget.cpu_milli);
        budget.memory_bytes = smaller(now->memory_bytes, budget.memory_bytes);
        budget.io_bytes_s = smaller(now->io_bytes_s, budget.io_bytes_s);
        meet_units(d, now, &budget);
        if (is_slower(now->start_milli, now->start_ms, budget.start_milli, budget.start_ms)) {
            budget.start_milli = now->start_milli;
            budget.start_ms = now->start_ms;
        }
    }
    *least = (struct planned){.any = true, .slots = slots, .budget = budget};
}

/* What the plans of live backfills give, by pool.  A queued one draws on nothing yet, and says nothing.  Output's arena. */
static struct planned *plan_all(struct decision *d)
{
    const struct engine *e = d->e;
    struct planned *planned = bf_arena_alloc(&d->out->arena, e->pools.n * sizeof *planned);
    for (size_t i = 0; i < e->live.n; i++) {
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        for (size_t k = 0; b->started_us != 0 && k < b->plan->n_pools; k++)
            take_smaller(d, &planned[b->pools[k]], &b->plan->pools[k]);
    }
    return planned;
}

static void set_by_plan(struct decision *d, const struct plan_pool *pool, struct planned least)
{
    take_smaller(d, &least, pool);
    pool_set(d, pool->name, POOL_FROM_PLAN, least.slots, &least.budget, NULL);
}

void decide_pool_new(struct decision *d, const struct plan_pool *pool)
{
    set_by_plan(d, pool, (struct planned){0});
}

void decide_pools_begin(struct decision *d, const struct backfill *b)
{
    decide_pools_again(d);                       /* what has ended is told as such */
    struct planned *planned = plan_all(d);
    for (size_t k = 0; k < b->plan->n_pools; k++)
        set_by_plan(d, &b->plan->pools[k], planned[b->pools[k]]);
}

static void set_again(struct decision *d, const struct backfill *b, uint32_t pool, const struct planned *least)
{
    const char *name = d->e->pools.at[pool].name;
    if (!least->any || says(d->e, pool, POOL_FROM_PLAN, least->slots, &least->budget))
        return;
    const char *before = pool_words(d, pool);
    pool_set(d, name, POOL_FROM_PLAN, least->slots, &least->budget, NULL);
    d->live->work_left = true;                   /* the grants of this turn did not know */
    audit_note(d, &(struct audit_note){.what = "pool set", .target = name, .backfill = b->id, .before = before, .after = pool_words(d, pool),
                                       .text = out_printf(d->out, "bf-%u %s: the smaller figure of each plan that is left holds", b->id,
                                                          backfill_finished(b) ? "has ended" : "runs again")});
}

void decide_pools_again(struct decision *d)
{
    struct engine *e = d->live;
    if (e->ended.n == 0)
        return;
    struct planned *planned = plan_all(d);
    for (size_t i = 0; i < e->ended.n; i++) {
        const struct backfill *b = backfill_find(e, e->ended.at[i]);
        for (size_t k = 0; k < b->plan->n_pools; k++)
            set_again(d, b, b->pools[k], &planned[b->pools[k]]);
    }
    bf_vec_clear(&e->ended);
}

/* What the configuration says where there was something else. */
void decide_pool_config(struct decision *d, const struct input *in)
{
    const struct input_rare *said = input_rare(in);
    uint32_t i = pool_find(d->e, said->pool_name);
    const char *before = i == PLAN_NO_INDEX ? "" : pool_words(d, i);
    bool changed = pool_set(d, said->pool_name, POOL_FROM_CONFIG, said->pool_slots, &said->pool, NULL);
    if (changed && i != PLAN_NO_INDEX)
        audit_note(d, &(struct audit_note){.what = "pool set", .target = said->pool_name, .before = before, .after = pool_words(d, i),
                                           .text = "the configuration says so"});
}
