/* See view_breaker.h. */
#include "coordinator/engine/view_breaker.h"

#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"

size_t engine_n_breakers(const struct engine *e)
{
    return e->breakers.at.n;
}

/* What of its window is not too old now, though no vote has come since to put it out. */
static void count_window(const struct engine *e, const struct breaker *b, struct breaker_view *ret)
{
    for (size_t i = 0; i < b->window.n; i++) {
        const struct ballot *v = &b->window.at[i];
        if (v->at_ms < e->now_ms - b->settings.period_ms)
            continue;
        ret->calls++;
        ret->failures += (v->bits & BALLOT_BAD) != 0;
        ret->slow += (v->bits & BALLOT_SLOW) != 0;
    }
}

bool engine_breaker(const struct engine *e, size_t i, struct breaker_view *ret)
{
    const struct breaker *b = e->breakers.at.at[i];
    if (!b)
        return false;
    *ret = (struct breaker_view){
        .kind = b->kind, .name = b->name, .source = b->source, .settings = &b->settings, .state = b->state, .since_ms = b->since_ms,
        .since_us = b->since_us, .until_ms = b->state == BREAKER_OPEN && b->until_ms ? b->until_ms : -1,
        .held = b->state == BREAKER_OPEN && b->until_ms == 0, .level = b->level, .opened_calls = b->calls,
        .opened_failures = b->failures, .opened_slow = b->slow, .cause = b->cause, .by = b->by, .reason = b->reason,
        .probes = (uint32_t)b->probes.n, .good = b->good, .here = b->here > 0};
    count_window(e, b, ret);
    return true;
}

size_t engine_n_held_breakers(const struct engine *e)
{
    return e->breakers.not_closed.n;
}

size_t engine_held_breaker(const struct engine *e, size_t i)
{
    return e->breakers.not_closed.at[i];
}

static bool is_among(const uint32_t *at, size_t n, size_t number)
{
    for (size_t i = 0; i < n; i++)
        if (at[i] == number)
            return true;
    return false;
}

bool engine_backfill_draws_on(const struct engine *e, uint32_t backfill, size_t number)
{
    const struct backfill *b = backfill_find(e, backfill);
    if (!b || !b->drawn.steps)
        return false;
    const struct plan *p = b->plan;
    return is_among(b->drawn.pools, p->n_pools, number) || is_among(b->drawn.connections, p->n_connections, number) ||
           is_among(b->drawn.datasets, p->n_datasets, number) || is_among(b->drawn.steps, p->n_steps, number);
}

static uint64_t ready_of(const struct engine *e, const struct demand *d)
{
    uint64_t n = 0;
    for (size_t k = 0; k < d->lanes.n; k++)
        for (size_t c = 0; c < SHARE_CLASSES; c++)
            n += e->lanes.at[d->lanes.at[k]].n_of[c];
    return n;
}

/* Does a demand wait for it; only: for that one alone, NO_BREAKER: for any. */
static bool waits(const struct engine *e, const struct guard *g, size_t only)
{
    for (uint32_t i = 0; i < g->n; i++)
        if ((only == NO_BREAKER || g->at[i] == only) && !breaker_lets(e->breakers.at.at[g->at[i]]))
            return true;
    return false;
}

static void count_held(const struct engine *e, size_t only, uint64_t *ret)
{
    for (size_t i = 0; e->breakers.not_closed.n > 0 && i < e->demands.n; i++) {
        const struct demand *d = &e->demands.at[i];
        if (d->lanes.n == 0)
            continue;
        const struct guard *g = &e->breakers.guards.at[d->needs.guard];
        if (!waits(e, g, only))
            continue;
        uint64_t n = ready_of(e, d);
        for (uint32_t k = 0; k < g->n; k++)
            if (!breaker_lets(e->breakers.at.at[g->at[k]]))
                ret[g->at[k]] += n;
    }
}

/* What any agent may take waits for no other agent's breaker.  Each set of labels is looked for among agents once, however many demands
 * have it. */
static void count_held_by_agents(const struct engine *e, size_t only, uint64_t *ret)
{
    if (e->breakers.not_closed.n == 0)
        return;
    BF_AUTO_FREE uint64_t *ready = bf_xcalloc(e->fits.n, sizeof *ready);
    for (size_t i = 0; i < e->demands.n; i++)
        ready[e->demands.at[i].needs.fit] += ready_of(e, &e->demands.at[i]);
    for (size_t f = 0; f < e->fits.n; f++)
        for (size_t k = 0; ready[f] > 0 && e->fits.at[f].agents.n == 0 && k < e->agents.n; k++) {
            const struct agent *a = &e->agents.at[k];
            if ((only == NO_BREAKER || a->breaker == only) && breaker_keeps_agent(e, &e->fits.at[f], a))
                ret[a->breaker] += ready[f];
        }
}

void engine_breakers_hold(const struct engine *e, uint64_t *ret)
{
    memset(ret, 0, e->breakers.at.n * sizeof *ret);
    count_held(e, NO_BREAKER, ret);
    count_held_by_agents(e, NO_BREAKER, ret);
}

uint64_t engine_breaker_holds(const struct engine *e, size_t number)
{
    BF_AUTO_FREE uint64_t *held = bf_xcalloc(e->breakers.at.n, sizeof *held);
    const struct breaker *b = e->breakers.at.at[number];
    if (!breaker_lets(b))
        (b->kind == BREAKER_AGENT ? count_held_by_agents : count_held)(e, number, held);
    return held[number];
}

bool engine_agent_breaker(const struct engine *e, uint32_t agent, struct breaker_view *ret, bool *ret_spared)
{
    const struct agent *a = agent_find(e, agent);
    if (!a || !engine_breaker(e, a->breaker, ret))
        return false;
    *ret_spared = a->state == AGENT_CONNECTED && breaker_judge(e, e->breakers.at.at[a->breaker]) != BREAKER_STAYS;
    return true;
}
