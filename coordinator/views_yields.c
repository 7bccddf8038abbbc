/* What classes lost to better ones, in the status of a backfill and among the shares of a pool. */
#include "coordinator/views_yields.h"

#include <string.h>

#include "coordinator/engine/view_pools.h"

static json_t *document(const struct yield_view *y)
{
    return json_pack("{s:s, s:o, s:I, s:I, s:o}", "class", plan_priority_name(y->class), "pool", view_string(y->pool), "times",
                     (json_int_t)y->times, "lost_ms", (json_int_t)y->lost_ms, "yields_ms",
                     y->yields ? json_integer((json_int_t)y->since_ms) : json_null());
}

static bool is_of(const struct yield_view *y, const char *pool)
{
    return pool && y->pool ? strcmp(pool, y->pool) == 0 : pool == y->pool;
}

json_t *view_yields(const struct view_source *v, uint32_t backfill, const char *pool)
{
    json_t *list = json_array();
    struct yield_view y;
    for (size_t i = 0; engine_yielded(v->engine, backfill, i, &y); i++)
        if (!pool || is_of(&y, pool))
            json_array_append_new(list, document(&y));
    return list;
}

json_t *view_yielded_by(const struct view_source *v, const struct backfill_view *b, uint32_t step)
{
    struct yield_view y;
    uint32_t of = b->plan->steps[step].pool;
    const char *pool = of == PLAN_NO_INDEX ? NULL : b->plan->pools[of].name;
    for (size_t i = 0; engine_yielded(v->engine, b->id, i, &y); i++)
        if (y.class == engine_priority(v->engine, b->id, step) && is_of(&y, pool))
            return document(&y);
    return json_null();
}
