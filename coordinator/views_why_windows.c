/* Blockers that windows make, in words. */
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "coordinator/engine/view_pools.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/views_parts.h"

enum { WHERE_MAX = 160 };

/* "pool warehouse", or what stands for it. */
static void where_words(const struct view_source *v, const struct blocker *k, char ret[WHERE_MAX])
{
    struct pool_view p;
    if (k->pool >= engine_n_pools(v->engine)) {
        snprintf(ret, WHERE_MAX, "all pools");
        return;
    }
    engine_pool(v->engine, k->pool, &p);
    snprintf(ret, WHERE_MAX, "pool %s", p.name);
}

static void tell_budget(const struct view_source *v, const struct blocker *k, const char *where, struct view_blocker *ret)
{
    char budget[PLAN_WINDOW_BUDGET_TEXT_MAX], moment[BF_TIME_MAX], until[BF_TIME_MAX + 8] = "";
    struct pool_view p = {.slots = 0};
    if (k->pool < engine_n_pools(v->engine))
        engine_pool(v->engine, k->pool, &p);
    plan_budget_text(k->window.budget, budget);
    if (k->window.until_us == INT64_MAX) {
        snprintf(until, sizeof until, " for ever");
    } else if (k->window.until_us) {
        view_moment(k->window.until_us, moment);
        snprintf(until, sizeof until, " until %s", moment);
    }
    bool later = k->window.clears_at_us > k->window.until_us;
    ret->kind = "window";
    if (k->window.budget == 0)
        snprintf(ret->detail, sizeof ret->detail, "window %s freezes %s%s%s", k->window.name, where, until,
                 later ? "; what follows leaves it no time either" : "");
    else
        snprintf(ret->detail, sizeof ret->detail, "window %s leaves %s of %s%s, %" PRIu32 " of %" PRIu32 " slots: %" PRIu32 " %s in use%s",
                 k->window.name, budget, where, until, k->window.left, p.slots, k->count, k->count == 1 ? "is" : "are",
                 later ? "; what follows leaves no more" : "");
    if (k->window.budget == 0 && k->window.clears_at_us == INT64_MAX)
        snprintf(ret->remedy, sizeof ret->remedy, "waiting does not help: mend the windows of the plan and create a new backfill");
    else
        snprintf(ret->remedy, sizeof ret->remedy, "wait; bfctl windows shows the coming week");
}

static void tell_freeze_ahead(const struct blocker *k, const char *where, struct view_blocker *ret)
{
    char opens[BF_TIME_MAX], expected[64];
    view_moment(k->window.opens_at_us, opens);
    bf_format_duration(k->window.expect_ms, expected, sizeof expected);
    ret->kind = "freeze_ahead";
    snprintf(ret->detail, sizeof ret->detail, "would not fit before window %s freezes %s at %s: it is expected to take %s", k->window.name,
             where, opens, expected);
    snprintf(ret->remedy, sizeof ret->remedy, "wait until the freeze is over; bfctl windows shows the coming week");
}

void view_blocker_of_window(const struct view_source *v, const struct blocker *k, struct view_blocker *ret)
{
    char where[WHERE_MAX];
    where_words(v, k, where);
    if (k->kind == BLOCKER_WINDOW)
        tell_budget(v, k, where, ret);
    else
        tell_freeze_ahead(k, where, ret);
}
