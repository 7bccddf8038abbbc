/* Why a pool lets nothing begin, in plain words with what to do about it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/engine/view_pools.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/views_parts.h"
#include "plan/budget.h"

struct told { char *detail, *remedy; size_t detail_size, remedy_size; };

/* helps: time does too, for what runs gives it back. */
static void tell_remedy(const struct pool_view *p, const char *dimension, uint64_t enough, bool helps, const struct told *t)
{
    char option[PLAN_BUDGET_OPTION_MAX];
    if (plan_budget_option(dimension, enough, option))
        snprintf(t->remedy, t->remedy_size, "%s: bfctl pool set %.100s %s", helps ? "wait, or raise it" : "raise it", p->name, option);
    else
        snprintf(t->remedy, t->remedy_size, "wait: no pool can have more");
}

void view_pool_set_by(const struct view_source *v, size_t pool, char ret[VIEW_SET_BY_MAX])
{
    struct pool_said_view said;
    if (!engine_pool_said(v->engine, pool, POOL_FROM_OPERATOR, &said) || !*said.by)
        snprintf(ret, VIEW_SET_BY_MAX, "bfctl pool set");
    else
        snprintf(ret, VIEW_SET_BY_MAX, "bfctl pool set, last by %.*s%s%.*s", (int)bf_utf8_cut(said.by, VIEW_REASON_CUT), said.by,
                 *said.reason ? ": " : "", (int)bf_utf8_cut(said.reason, VIEW_REASON_CUT), said.reason);
}

/* No slots at all: nothing that ends gives one back. */
static void tell_stopped(const struct view_source *v, size_t pool, const struct pool_view *p, const struct told *t)
{
    char who[VIEW_SET_BY_MAX];
    if (p->source == POOL_FROM_OPERATOR)
        view_pool_set_by(v, pool, who);
    else
        snprintf(who, sizeof who, "%s", p->source == POOL_FROM_CONFIG ? "the coordinator's configuration" : "the plan");
    snprintf(t->detail, t->detail_size, "pool %s is stopped: it has 0 slots, set by %s%s", p->name, who,
             p->used > 0 ? "; what runs there goes on to its end" : "");
    snprintf(t->remedy, t->remedy_size, "bfctl pool set %.100s --slots N%s", p->name,
             p->source == POOL_FROM_OPERATOR ? ", or --slots reset, which takes back what was set" : "");
}

static void tell_room(const struct view_source *v, const struct pool_view *p, const struct blocker *k, const char *dimension,
                      const struct told *t)
{
    char used[PLAN_BUDGET_TEXT_MAX], limit[PLAN_BUDGET_TEXT_MAX], amount[PLAN_BUDGET_TEXT_MAX], kept[PLAN_BUDGET_TEXT_MAX];
    plan_budget_format(dimension, k->used, used);
    plan_budget_format(dimension, k->limit, limit);
    plan_budget_format(dimension, k->amount, amount);
    plan_budget_format(dimension, k->kept, kept);
    tell_remedy(p, dimension, k->used + k->amount, true, t);
    if (k->kind == BLOCKER_RESERVED) {
        snprintf(t->detail, t->detail_size,
                 "pool %s keeps %s of %s for a wider step that has waited longer: it takes %s, and %s of %s are in use", p->name,
                 kept, dimension, amount, used, limit);
        snprintf(t->remedy, t->remedy_size, "wait; bfctl pool show %.100s says for which", p->name);
    } else if (k->kind == BLOCKER_POOL_TOO_SMALL) {
        snprintf(t->detail, t->detail_size, "pool %s is too small for it: it takes %s of %s, and the pool has %s", p->name, amount,
                 dimension, limit);
        tell_remedy(p, dimension, k->amount, false, t);
    } else if (strcmp(dimension, "slots") == 0 && k->limit == 0) {
        tell_stopped(v, k->pool, p, t);
    } else if (strcmp(dimension, "slots") == 0) {
        snprintf(t->detail, t->detail_size, "pool %s is full: %s of %s slots in use", p->name, used, limit);
    } else {
        snprintf(t->detail, t->detail_size, "pool %s has not enough %s: it takes %s, and %s of %s are in use", p->name, dimension,
                 amount, used, limit);
    }
}

/* What holds it although nothing of it runs on an agent. */
static void tell_closing(const struct view_source *v, const struct pool_view *p, const struct told *t)
{
    uint64_t n = engine_closing(v->engine, p->name);
    size_t used = strlen(t->detail);
    if (n > 0)
        snprintf(t->detail + used, t->detail_size - used, "; %" PRIu64 " of the attempts there %s dead, and %s what %s until %s gone", n,
                 n == 1 ? "is" : "are", n == 1 ? "holds" : "hold", n == 1 ? "it has" : "they have",
                 n == 1 ? "its session at the server is" : "their sessions at the server are");
}

const char *why_pool_tell(const struct view_source *v, const struct blocker *k, char *detail, size_t detail_size, char *remedy,
                          size_t remedy_size)
{
    static const char *const kinds[] = {[BLOCKER_POOL] = "pool", [BLOCKER_POOL_TOO_SMALL] = "pool_too_small",
                                        [BLOCKER_RESERVED] = "reserved", [BLOCKER_START_RATE] = "start_rate",
                                        [BLOCKER_PACE] = "pace"};
    struct told t = {.detail = detail, .remedy = remedy, .detail_size = detail_size, .remedy_size = remedy_size};
    struct pool_view p;
    if (k->pool >= engine_n_pools(v->engine)) {
        snprintf(detail, detail_size, "its pool is full");
        return kinds[k->kind];
    }
    engine_pool(v->engine, k->pool, &p);
    char left[64] = "a moment";
    if (k->clears_at_ms > v->engine_ms)
        bf_format_duration(k->clears_at_ms - v->engine_ms, left, sizeof left);
    if (k->kind == BLOCKER_PACE) {
        snprintf(detail, detail_size, "pool %s spreads its starts over the time that one takes: the next begins in %s", p.name, left);
        snprintf(remedy, remedy_size, "wait: what begins together comes to its heavy part together, and the users of the warehouse feel it");
    } else if (k->kind == BLOCKER_START_RATE) {
        char rate[PLAN_BUDGET_TEXT_MAX];
        plan_start_rate_format(p.start_milli, p.start_ms, rate);
        snprintf(detail, detail_size, "pool %s lets %s begin, and the next one in %s", p.name, rate, left);
        snprintf(remedy, remedy_size, "wait, or raise it: bfctl pool set %.100s --start-rate RATE", p.name);
    } else {
        tell_room(v, &p, k, engine_pool_dimension_name(v->engine, k->pool, k->dim), &t);
        tell_closing(v, &p, &t);
    }
    return kinds[k->kind];
}
