/* Reading pools: what they have, what is in use, who says so. */
#include "coordinator/engine/view_pools.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"

size_t engine_n_pools(const struct engine *e)
{
    return e->pools.n;
}

size_t engine_pool_named(const struct engine *e, const char *name)
{
    uint32_t i = pool_find(e, name);
    return i == PLAN_NO_INDEX ? e->pools.n : i;
}

void engine_pool(const struct engine *e, size_t i, struct pool_view *ret)
{
    const struct pool *p = &e->pools.at[i];
    *ret = (struct pool_view){.name = p->name, .slots = p->slots, .used = p->used, .source = p->source,
                              .start_milli = p->start_milli, .start_ms = p->start_ms};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pool_dimension_view *)a)->name, ((const struct pool_dimension_view *)b)->name);
}

struct pool_dimension_view *engine_pool_dimensions(const struct engine *e, size_t i, size_t *ret_n)
{
    const struct pool *p = &e->pools.at[i];
    struct pool_dimension_view *at = bf_xcalloc(p->dims.n + 1, sizeof *at);
    size_t n = 0, fixed = 0;
    for (size_t k = 0; k < p->dims.n; k++) {
        const struct pool_dim *dim = &p->dims.at[k];
        if (dim->limit == 0 && dim->used == 0)
            continue;
        fixed += k < POOL_FIRST_UNIT;
        at[n++] = (struct pool_dimension_view){.name = dim->name, .used = dim->used, .limit = dim->limit, .source = dim->source};
    }
    qsort(at + fixed, n - fixed, sizeof *at, by_name);
    *ret_n = n;
    return at;
}

const char *engine_pool_dimension_name(const struct engine *e, size_t i, uint32_t dim)
{
    if (i >= e->pools.n || dim == DRAW_SLOT || dim >= e->pools.at[i].dims.n)
        return "slots";
    return e->pools.at[i].dims.at[dim].name;
}

bool engine_pool_said(const struct engine *e, size_t i, enum pool_source source, struct pool_said_view *ret)
{
    const struct pool_layer *layer = &e->pools.at[i].layers[source - 1];
    *ret = (struct pool_said_view){.slots = layer->slots, .budget = &layer->budget, .by = layer->said ? layer->by : "",
                                   .reason = layer->said ? layer->reason : "", .at_us = layer->at_us};
    return layer->said;
}

static bool draws_on(const struct draw *d, size_t pool)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->items[i].pool == pool)
            return true;
    return false;
}

static uint64_t ready_of(const struct engine *e, const struct demand *d)
{
    uint64_t n = 0;
    for (size_t l = 0; l < d->lanes.n; l++)
        n += e->lanes.at[d->lanes.at[l]].ready.n;
    return n;
}

void engine_pool_waiting(const struct engine *e, size_t i, struct pool_waiting_view *ret)
{
    const struct pool *p = &e->pools.at[i];
    *ret = (struct pool_waiting_view){.reserved = p->reserved, .backfill = p->head_backfill, .step = p->head_step};
    for (size_t k = 0; k < p->waiting.n; k++)
        ret->ready += ready_of(e, &e->demands.at[p->waiting.at[k]]);
    for (size_t k = 0; k < e->waiting.n; k++) {
        const struct demand *d = &e->demands.at[e->waiting.at[k]];
        ret->ready += draws_on(&e->draws.at[d->needs.draw], i) ? ready_of(e, d) : 0;
    }
}
