/* What an operator could do about a blocker: a command of bfctl that can be typed as it stands, and that changes it.
 *
 * Where nothing but time, another host or the plan's owner helps there is none; the remedy says so in words. */
#include <inttypes.h>
#include <stdio.h>

#include "coordinator/engine/view_pools.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/views_breakers.h"
#include "coordinator/views_parts.h"
#include "plan/budget.h"

static void do_why(const struct backfill_view *b, const struct blocker *k, char ret[VIEW_DO_MAX])
{
    char name[VIEW_NAME_MAX];
    view_instance_name(&b->plan->steps[k->step], k->index, name, sizeof name);
    snprintf(ret, VIEW_DO_MAX, "bfctl why bf-%" PRIu32 " '%s'", b->id, name);
}

static void do_again(const struct view_source *v, const struct backfill_view *b, const struct blocker *k, char ret[VIEW_DO_MAX])
{
    struct instance_view first = {.state = INSTANCE_WAITING};
    char name[VIEW_NAME_MAX];
    engine_instance(v->engine, b->id, k->step, k->index, &first);
    view_instance_name(&b->plan->steps[k->step], k->index, name, sizeof name);
    if (first.state == INSTANCE_CANCELLED)
        snprintf(ret, VIEW_DO_MAX, "bfctl force bf-%" PRIu32 " '%s'", b->id, name);
    else if (b->count[INSTANCE_FAILED] > 0)
        snprintf(ret, VIEW_DO_MAX, "bfctl retry bf-%" PRIu32, b->id);
    else
        do_why(b, k, ret);
}

static void do_resume(const struct backfill_view *b, uint32_t step, uint32_t index, char ret[VIEW_DO_MAX])
{
    char name[VIEW_NAME_MAX];
    view_instance_name(&b->plan->steps[step], index, name, sizeof name);
    snprintf(ret, VIEW_DO_MAX, "bfctl resume bf-%" PRIu32 " '%s'", b->id, name);
}

/* So much that one more begins now. */
static void do_room(const struct view_source *v, const struct blocker *k, char ret[VIEW_DO_MAX])
{
    struct pool_view p;
    char option[PLAN_BUDGET_OPTION_MAX];
    if (k->pool >= engine_n_pools(v->engine))
        return;
    engine_pool(v->engine, k->pool, &p);
    const char *dimension = engine_pool_dimension_name(v->engine, k->pool, k->dim);
    uint64_t enough = k->kind == BLOCKER_POOL_TOO_SMALL ? k->amount : k->used + k->amount + k->kept;
    if (plan_budget_option(dimension, enough, option))
        snprintf(ret, VIEW_DO_MAX, "bfctl pool set %s %s", p.name, option);
}

/* The limit may follow the load so far. */
static void do_ceiling(const struct view_source *v, const struct blocker *k, char ret[VIEW_DO_MAX])
{
    struct pool_view p;
    uint32_t enough = view_ceiling_enough(v, k->pool);
    engine_pool(v->engine, k->pool, &p);
    if (enough)
        snprintf(ret, VIEW_DO_MAX, "bfctl pool set %s --ceiling %" PRIu32, p.name, enough);
}

/* Twice as fast. */
static void do_rate(const struct view_source *v, const struct blocker *k, char ret[VIEW_DO_MAX])
{
    struct pool_view p;
    char rate[PLAN_BUDGET_TEXT_MAX];
    engine_pool(v->engine, k->pool, &p);
    if (p.start_milli == 0 || p.start_milli > POOL_START_MILLI_MAX / 2)
        return;
    plan_start_rate_format(2 * p.start_milli, p.start_ms, rate);
    snprintf(ret, VIEW_DO_MAX, "bfctl pool set %s --start-rate %s", p.name, rate);
}

static void do_breaker(const struct view_source *v, const struct blocker *k, char ret[VIEW_DO_MAX])
{
    struct breaker_view b;
    char name[BREAKER_NAME_MAX];
    engine_breaker(v->engine, k->breaker, &b);
    view_breaker_name(&b, name);
    if (b.kind == BREAKER_AGENT)
        snprintf(ret, VIEW_DO_MAX, "bfctl agent release %s", b.name);
    else
        snprintf(ret, VIEW_DO_MAX, "bfctl breaker close %s", name);
}

void why_do(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index, const struct blocker *k,
            char ret[VIEW_DO_MAX])
{
    ret[0] = '\0';
    switch (k->kind) {
    case BLOCKER_DEPENDENCY: do_why(b, k, ret); break;
    case BLOCKER_UPSTREAM_FAILED: do_again(v, b, k, ret); break;
    case BLOCKER_PAUSED:
    case BLOCKER_HALTED: snprintf(ret, VIEW_DO_MAX, "bfctl resume bf-%" PRIu32, b->id); break;
    case BLOCKER_HELD: do_resume(b, step, index, ret); break;
    case BLOCKER_POOL:
    case BLOCKER_POOL_TOO_SMALL:
    case BLOCKER_RESERVED: do_room(v, k, ret); break;
    case BLOCKER_START_RATE: do_rate(v, k, ret); break;
    case BLOCKER_THROTTLE: do_ceiling(v, k, ret); break;
    case BLOCKER_BREAKER: do_breaker(v, k, ret); break;
    case BLOCKER_QUEUE:                          /* where a better class is what goes first */
        if (k->ahead.by == AHEAD_CLASS)
            snprintf(ret, VIEW_DO_MAX, "bfctl priority bf-%" PRIu32 " critical '%s'", b->id, b->plan->steps[step].name);
        break;
    case BLOCKER_BACKOFF:
    case BLOCKER_NO_AGENT:
    case BLOCKER_AGENTS_BUSY:
    case BLOCKER_QUEUED:
    case BLOCKER_RESTORED:
    case BLOCKER_OUTDATED:
    case BLOCKER_LOW_WATER:
    case BLOCKER_WINDOW:
    case BLOCKER_FREEZE_AHEAD:
    case BLOCKER_GATE:
    case BLOCKER_SENSOR:
    case BLOCKER_NEAR:
    case BLOCKER_PACE: break;
    }
}
