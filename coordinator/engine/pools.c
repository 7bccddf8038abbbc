/* What pools have and what attempts draw on them.
 *
 * A step's draw follows from its plan alone (plan_step_draws_from()), and is interned: steps that draw the same have one draw.  So what an
 * open attempt holds is known exactly after any change of its pools, and after a recovery. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"

/* ---- what a pool has ---- */

static uint32_t dim_of(struct pool *p, const char *name)
{
    static const char *const fixed[] = {"cpu", "memory", "io"};
    for (size_t i = p->dims.n; i < POOL_FIRST_UNIT; i++)
        bf_vec_push(&p->dims, (struct pool_dim){.name = bf_xstrdup(fixed[i]), .used_max = UINT64_MAX});
    for (uint32_t i = 0; i < p->dims.n; i++)
        if (strcmp(p->dims.at[i].name, name) == 0)
            return i;
    bf_vec_push(&p->dims, (struct pool_dim){.name = bf_xstrdup(name), .used_max = UINT64_MAX});
    return (uint32_t)(p->dims.n - 1);
}

uint64_t pool_budget_get(const struct pool_budget *b, const char *dimension)
{
    if (strcmp(dimension, "cpu") == 0)
        return b->cpu_milli;
    if (strcmp(dimension, "memory") == 0)
        return b->memory_bytes;
    return strcmp(dimension, "io") == 0 ? b->io_bytes_s : pool_budget_unit(b, dimension);
}

static void most_of(struct pool_dim *dim)
{
    dim->used_max = dim->limit == 0 ? UINT64_MAX : dim->used > dim->limit ? dim->used : dim->limit;
}

void pool_use_most(struct pool *p)
{
    p->used_max = p->used > p->slots ? p->used : p->slots;
    for (size_t i = 0; i < p->dims.n; i++)
        most_of(&p->dims.at[i]);
}

/* Figure by figure, the highest layer that says it. */
static void resolve(struct pool *p)
{
    for (size_t i = 0; i < p->dims.n; i++) {
        struct pool_dim *dim = &p->dims.at[i];
        dim->limit = 0;
        dim->source = 0;
        for (int k = 0; k < POOL_SOURCES; k++) {
            uint64_t n = p->layers[k].said ? pool_budget_get(&p->layers[k].budget, dim->name) : 0;
            if (n == 0)
                continue;
            dim->limit = n;
            dim->source = (enum pool_source)(k + 1);
        }
    }
    for (int k = 0; k < POOL_SOURCES; k++) {
        if (!p->layers[k].said || p->layers[k].budget.no_slots)
            continue;
        p->slots = p->layers[k].slots;
        p->source = (enum pool_source)(k + 1);
    }
    p->start_milli = p->start_ms = 0;
    for (int k = 0; k < POOL_SOURCES; k++)
        if (p->layers[k].said && p->layers[k].budget.start_milli) {
            p->start_milli = p->layers[k].budget.start_milli;
            p->start_ms = p->layers[k].budget.start_ms;
        }
    pool_use_most(p);
}

static void layer_done(struct pool_layer *layer)
{
    pool_budget_done(&layer->budget);
    free(layer->by);
    free(layer->reason);
    *layer = (struct pool_layer){0};
}

void pool_lay(struct pool *p, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    const struct pool_budget *budget = &rare->pool;
    struct pool_layer *layer = &p->layers[rare->pool_source - 1], now = {0};
    now.said = !budget->no_slots || !pool_budget_is_empty(budget);
    if (now.said) {
        pool_budget_copy(&now.budget, budget);
        now.slots = budget->no_slots ? 0 : rare->pool_slots;
        now.by = bf_xstrdup(rare->actor ? rare->actor : "");
        now.reason = bf_xstrdup(rare->reason ? rare->reason : "");
        now.at_us = r->at_us;
    }
    layer_done(layer);
    *layer = now;
    for (size_t i = 0; i < now.budget.n_units; i++)
        (void)dim_of(p, now.budget.units[i].name);
    (void)dim_of(p, "cpu");
    resolve(p);
}

void pool_done(struct pool *p)
{
    for (int k = 0; k < POOL_SOURCES; k++)
        layer_done(&p->layers[k]);
    for (size_t i = 0; i < p->dims.n; i++)
        free(p->dims.at[i].name);
    bf_vec_free(&p->dims);
    governor_free(p->governor);
    bf_vec_free(&p->waiting);
    free(p->name);
}

/* ---- what a step draws ---- */

struct drawing { BF_VEC_TYPE(struct draw_item) items; };

static void draw_resource(struct engine *e, const struct backfill *b, const struct plan_step *s, uint32_t of_pool, const char *dimension,
                          uint64_t amount, struct drawing *ret)
{
    if (amount == 0 || plan_step_draws_from(b->plan, s, dimension) != of_pool)
        return;
    uint32_t pool = b->pools[of_pool];
    bf_vec_push(&ret->items, (struct draw_item){.pool = pool, .dim = dim_of(&e->pools.at[pool], dimension), .amount = amount});
}

static void draw_pool(struct engine *e, const struct backfill *b, const struct plan_step *s, uint32_t of_pool, struct drawing *ret)
{
    const struct plan_resources *r = &s->resources;
    bf_vec_push(&ret->items, (struct draw_item){.pool = b->pools[of_pool], .dim = DRAW_SLOT, .amount = 1});
    draw_resource(e, b, s, of_pool, "cpu", r->cpu_milli, ret);
    draw_resource(e, b, s, of_pool, "memory", r->memory_bytes, ret);
    draw_resource(e, b, s, of_pool, "io", r->io_bytes_s, ret);
    for (size_t i = 0; i < r->n_units; i++)
        draw_resource(e, b, s, of_pool, r->units[i].name, r->units[i].n, ret);
}

static uint32_t intern(struct engine *e, const struct drawing *w)
{
    _Static_assert(sizeof(struct draw_item) == 2 * sizeof(uint32_t) + sizeof(uint64_t), "no padding in what is compared");
    size_t bytes = w->items.n * sizeof *w->items.at;
    const void *known = bf_smap_get(&e->draw_of, bytes ? (const void *)w->items.at : "", bytes);
    if (known)
        return (uint32_t)((uintptr_t)known - 1);
    struct draw_item *items = NULL;
    if (bytes) {
        items = bf_xmalloc(bytes);
        memcpy(items, w->items.at, bytes);
    }
    bf_vec_push(&e->draws, (struct draw){.pool = items ? items[0].pool : PLAN_NO_INDEX, .items = items, .n = w->items.n});
    bf_smap_put(&e->draw_of, bytes ? (const void *)items : "", bytes, (void *)(uintptr_t)e->draws.n);
    return (uint32_t)(e->draws.n - 1);
}

void pools_attach(struct engine *e, struct backfill *b)
{
    struct drawing w = {0};
    b->draws = bf_xcalloc(b->plan->n_steps, sizeof *b->draws);
    for (uint32_t i = 0; i < b->plan->n_steps; i++) {
        const struct plan_step *s = &b->plan->steps[i];
        bf_vec_clear(&w.items);
        if (s->pool != PLAN_NO_INDEX)
            draw_pool(e, b, s, s->pool, &w);
        for (uint32_t k = 0; k < s->n_also; k++)
            draw_pool(e, b, s, s->also[k], &w);
        b->draws[i] = intern(e, &w);
    }
    bf_vec_free(&w.items);
    shares_attach(b);
}

void pools_done(struct engine *e)
{
    for (size_t i = 0; i < e->pools.n; i++)
        pool_done(&e->pools.at[i]);
    for (size_t i = 0; i < e->draws.n; i++)
        free((void *)(uintptr_t)e->draws.at[i].items);
    bf_vec_free(&e->pools);
    bf_vec_free(&e->draws);
    bf_smap_free(&e->draw_of);
}

/* ---- holding ---- */

void pools_hold(struct engine *e, const struct draw *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct draw_item *item = &d->items[i];
        struct pool *p = &e->pools.at[item->pool];
        if (item->dim == DRAW_SLOT)
            p->used++;
        else
            p->dims.at[item->dim].used += item->amount;
    }
}

void pools_release(struct engine *e, const struct draw *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct draw_item *item = &d->items[i];
        struct pool *p = &e->pools.at[item->pool];
        if (item->dim == DRAW_SLOT) {
            assert(p->used > 0);
            p->used--;
            p->used_max = p->used > p->slots ? p->used : p->slots;
            continue;
        }
        struct pool_dim *dim = &p->dims.at[item->dim];
        assert(dim->used >= item->amount);
        dim->used -= item->amount;
        most_of(dim);
    }
}

void pools_forget_use(struct engine *e)
{
    for (size_t i = 0; i < e->pools.n; i++) {
        e->pools.at[i].used = 0;
        for (size_t k = 0; k < e->pools.at[i].dims.n; k++)
            e->pools.at[i].dims.at[k].used = 0;
    }
}
