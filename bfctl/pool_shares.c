/* See pool_shares.h. */
#include "bfctl/pool_shares.h"

#include <inttypes.h>

#include "bfctl/page.h"
#include "bfctl/render.h"
#include "common/mem.h"
#include "plan/window.h"

static void put_share(const json_t *share, struct bf_buf *ret)
{
    const json_t *percent = json_object_get(share, "percent");
    int64_t raised = render_number(share, "raised"), used = render_number(share, "used");
    bf_buf_printf(ret, "%-14s %s holds %" PRId64 " slot%s, ", "share", render_safe(render_text(share, "backfill")), used, used == 1 ? "" : "s");
    if (json_is_number(percent))
        bf_buf_printf(ret, "%.1f%%, and has ", json_number_value(percent));
    else
        bf_buf_put_str(ret, "of a pool that has 0 now, and has ");
    bf_buf_printf(ret, "%" PRId64 " ready", render_number(share, "waiting"));
    if (json_is_integer(json_object_get(share, "passed_ms")))
        bf_buf_printf(ret, "; a better class has passed it for %" PRId64 " s", render_number(share, "passed_ms") / 1000);
    if (raised)
        bf_buf_printf(ret, "; it is raised by %" PRId64 " class%s", raised, raised == 1 ? "" : "es");
    bf_buf_put_str(ret, "\n");
    size_t i;
    json_t *y;
    json_array_foreach(json_object_get(share, "yielded"), i, y) {
        BF_AUTO_FREE char *words = page_yielded(y);
        bf_buf_printf(ret, "%-14s %s: %s\n", "degraded", render_safe(render_text(share, "backfill")), words);
    }
}

static void put_window(const json_t *w, struct bf_buf *ret)
{
    char budget[PLAN_WINDOW_BUDGET_TEXT_MAX];
    double percent = json_number_value(json_object_get(w, "budget_percent"));
    const char *until = render_text(w, "until");
    plan_budget_text((uint32_t)(percent * 10000 + 0.5), budget);
    bf_buf_printf(ret, "%-14s %s ", percent > 0 ? "window" : "freeze", render_safe(render_text(w, "window")));
    if (percent > 0)
        bf_buf_printf(ret, "leaves %s of it, %" PRId64 " slot%s", budget, render_number(w, "slots"), render_number(w, "slots") == 1 ? "" : "s");
    else
        bf_buf_put_str(ret, "lets nothing begin");
    bf_buf_printf(ret, "%s%s; ", *until ? ", until " : json_is_true(json_object_get(w, "for_ever")) ? ", for ever" : "", render_safe(until));
    bf_buf_printf(ret, "for %s\n", render_safe(render_text(w, "backfill")));
}

static void put_first(const json_t *list, const char *word, void (*put)(const json_t *of, struct bf_buf *ret), struct bf_buf *ret)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n && i < POOL_SHARES_SHOWN; i++)
        put(json_array_get(list, i), ret);
    if (n > POOL_SHARES_SHOWN)
        bf_buf_printf(ret, "%-14s and %zu more; -o json has them\n", word, n - POOL_SHARES_SHOWN);
}

void pool_shares_put(const json_t *pool, struct bf_buf *ret)
{
    put_first(json_object_get(pool, "windows"), "windows", put_window, ret);
    put_first(json_object_get(pool, "shares"), "shares", put_share, ret);
}
