/* What is shown of alerts, and which of them follow from others: an operator hears of a cause, not of all that comes of it. */
#include "coordinator/engine/view_alerts.h"

#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"
#include "coordinator/engine/view_breaker.h"

size_t engine_n_alerts(const struct engine *e)
{
    return e->alerts.at.n;
}

const struct alert_fact *engine_alert(const struct engine *e, size_t i)
{
    return &e->alerts.at.at[i];
}

const struct alert_fact *engine_find_alert(const struct engine *e, uint32_t id)
{
    return alert_find(e, id);
}

uint32_t engine_alerts_left_out(const struct engine *e)
{
    return e->alerts.left_out + e->alerts.looked_out + e->alerts.stuck_out;
}

bool engine_step_left(const struct engine *e, uint32_t backfill, uint32_t step, struct step_left *ret)
{
    const struct backfill *b = backfill_find(e, backfill);
    if (!b || step >= b->plan->n_steps)
        return false;
    *ret = (struct step_left){b->by_step[step].left, b->by_step[step].cut};
    return true;
}

/* ---- downstream ---- */

/* true for the step and all that needs it, near or far.  The plan's order is upstream first. */
static void mark_downstream(const struct backfill *b, uint32_t step, bool *ret)
{
    const struct topology *t = b->topology;
    ret[step] = true;
    for (size_t i = 0; i < b->plan->n_steps; i++) {
        uint32_t s = b->plan->order[i];
        for (uint32_t k = t->out_first[s]; ret[s] && k < t->out_first[s + 1]; k++)
            ret[t->rules[t->out[k]].down] = true;
    }
}

static bool exposure_reads(const struct plan *p, const struct plan_exposure *x, const bool *steps)
{
    for (size_t s = 0; s < p->n_steps; s++)
        for (size_t o = 0; steps[s] && o < p->steps[s].n_outputs; o++)
            for (size_t i = 0; i < x->n_reads; i++)
                if (x->reads[i] == p->steps[s].outputs[o])
                    return true;
    return false;
}

static void count_downstream(const struct backfill *b, uint32_t step, struct alert_more *ret)
{
    BF_AUTO_FREE bool *marked = bf_xcalloc(b->plan->n_steps, sizeof *marked);
    mark_downstream(b, step, marked);
    for (uint32_t s = 0; s < b->plan->n_steps; s++) {
        ret->steps += marked[s] && s != step;
        ret->held += marked[s] ? b->by_step[s].cut : 0;
    }
    for (size_t x = 0; x < b->plan->n_exposures; x++) {
        if (!exposure_reads(b->plan, &b->plan->exposures[x], marked))
            continue;
        ret->exposures++;
        ret->exposure = ret->exposure ? ret->exposure : b->plan->exposures[x].name;
    }
}

/* ---- inhibition ---- */

static bool is_halt(const struct alert_fact *a)
{
    return a->kind == ALERT_STEP && a->source == OUTCOME_CHECK && a->code == CHECK_HALT;
}

/* Whether what is late hangs on the step that the other is about. */
static bool hangs_on(const struct engine *e, const struct alert_fact *late, uint32_t step)
{
    const struct backfill *b = backfill_find(e, late->backfill);
    BF_AUTO_FREE bool *marked = bf_xcalloc(b->plan->n_steps, sizeof *marked);
    mark_downstream(b, step, marked);
    if (!*late->subject)
        return marked[late->step];
    for (size_t x = 0; x < b->plan->n_exposures; x++)
        if (strcmp(b->plan->exposures[x].name, late->subject) == 0)
            return exposure_reads(b->plan, &b->plan->exposures[x], marked);
    return false;
}

/* Whether the step that an alert is about draws on what the breaker is for; agents are the engine's to choose. */
static bool draws_on(const struct engine *e, const struct alert_fact *of_step, const char *breaker)
{
    const struct backfill *b = backfill_find(e, of_step->backfill);
    const struct breaker *of = breaker_named(e, breaker);
    struct breaker_draw draw;
    for (uint32_t i = 0; of && breaker_drawn(b, of_step->step, i, &draw); i++)
        if (e->breakers.at.at[draw.breaker] == of)
            return true;
    return false;
}

static bool for_good(const struct engine *e, const struct alert_fact *of_step)
{
    const struct alert_group *g = alert_group_of(e, of_step);
    return g && g->failed > 0;
}

/* An agent that is still away: one that is back may stay in trouble for what it does not know. */
static bool is_lost(const struct engine *e, const struct alert_fact *cause)
{
    return cause->kind == ALERT_AGENT_LOST && agent_find(e, cause->agent)->state == AGENT_LOST;
}

/* Of a step that is tried again: does what fires tell why it fails? */
static bool is_tried_again_after(const struct engine *e, const struct alert_fact *of_step, const struct alert_fact *cause)
{
    bool lost = of_step->failure_class == FAILURE_LOST;
    return (is_lost(e, cause) && lost) || (cause->kind == ALERT_BREAKER && !lost && draws_on(e, of_step, cause->subject));
}

/* Whether the pool is too small for something that is ready of the same backfill. */
static bool lacks(const struct engine *e, const struct alert_fact *a, const struct alert_fact *pool)
{
    uint32_t number = pool->kind == ALERT_POOL ? pool_find(e, pool->subject) : PLAN_NO_INDEX;
    return number != PLAN_NO_INDEX && alert_pool(e, backfill_find(e, a->backfill), number);
}

/* Does `a` follow from `cause`, which fires?
 *
 *     a step fails                 <- its backfill is halted, where the step's check did it
 *     a backfill ended not whole   <- one of its steps fails
 *     a deadline is missed         <- a step upstream fails; the backfill is halted; no agent may take its work, or a pool is too small
 *                                     for some of it
 *     no agent                     <- an agent was lost
 *     a step will be tried again   <- an agent is lost, where it is lost attempts; a breaker of what it draws on is open
 *     a breaker is open            <- a step that draws on its thing fails for good
 *     attempts straggle            <- they go on past their timebox
 *
 * What failed for good waits for a person, and so never follows from what mends itself: a breaker, or an agent that comes back. */
static bool follows(const struct engine *e, const struct alert_fact *a, const struct alert_fact *cause)
{
    bool same = a->backfill == cause->backfill && a->backfill != 0;
    switch (a->kind) {
    case ALERT_STEP: return same && cause->kind == ALERT_HALTED ? is_halt(a) && backfill_find(e, a->backfill)->halted_by == HALTED_BY_CHECK
                                                                : !for_good(e, a) && is_tried_again_after(e, a, cause);
    case ALERT_ENDED: return same && cause->kind == ALERT_STEP;
    case ALERT_DEADLINE: return (same && (cause->kind == ALERT_HALTED || cause->kind == ALERT_NO_AGENT)) || lacks(e, a, cause) ||
                                (same && (cause->kind == ALERT_STEP || cause->kind == ALERT_STRAGGLER || cause->kind == ALERT_TIMEBOX) &&
                                 hangs_on(e, a, cause->step));
    case ALERT_NO_AGENT: return is_lost(e, cause);
    case ALERT_STRAGGLER: return same && cause->kind == ALERT_TIMEBOX && cause->step == a->step;
    case ALERT_TIMEBOX:
    case ALERT_OVERTIME:
    case ALERT_HALTED:
    case ALERT_AGENT_LOST:
    case ALERT_POOL:
    case ALERT_STORE_LOW:
    case ALERT_STORE_OLD: return false;
    case ALERT_BREAKER: return cause->kind == ALERT_STEP && for_good(e, cause) && cause->failure_class != FAILURE_LOST &&
                               draws_on(e, cause, a->subject);
    }
    return false;
}

static uint32_t inhibitor(const struct engine *e, const struct alert_fact *a)
{
    for (size_t i = 0; i < e->alerts.at.n; i++) {
        const struct alert_fact *cause = &e->alerts.at.at[i];
        if (cause->state == ALERT_FIRING && cause->id != a->id && follows(e, a, cause))
            return cause->id;
    }
    return 0;
}

/* ---- all of it ---- */

static void find_example(const struct engine *e, const struct alert_group *g, const struct alert_fact *a, struct alert_more *ret)
{
    const struct backfill *b = backfill_find(e, a->backfill);
    uint32_t group = (uint32_t)(g - e->alerts.groups.at);
    uint64_t key, member;
    for (size_t pos = 0; bf_map_next(&e->alerts.member_of, &pos, &key, &member);)
        if (member >> 1 == group) {
            ret->example = instance_index(b, (uint32_t)key);
            return;
        }
}

static void tell_breaker(const struct engine *e, const struct alert_fact *a, struct alert_more *ret)
{
    const struct breaker *b = breaker_named(e, a->subject);
    if (!b)
        return;
    ret->members = ret->held = engine_breaker_holds(e, breaker_number(e, b->kind, b->name));
    ret->cause = *b->cause ? b->cause : NULL;
}

/* All that is ready and lacks the pool; the first of it stands for the others. */
static void tell_pool(const struct engine *e, const struct alert_fact *a, struct alert_more *ret)
{
    uint32_t pool = pool_find(e, a->subject);
    for (size_t i = 0; pool != PLAN_NO_INDEX && i < e->live.n; i++) {
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        bool waits = alert_pool(e, b, pool);
        ret->backfills += waits;
        for (uint32_t s = 0; waits && s < b->plan->n_steps; s++) {
            const struct draw_item *item = b->n_ready[s] > 0 ? alert_lack(e, step_draw(e, b, s), pool) : NULL;
            if (!item)
                continue;
            if (ret->members == 0) {
                ret->lack = (struct blocker){.kind = item->dim == DRAW_SLOT ? BLOCKER_POOL : BLOCKER_POOL_TOO_SMALL, .pool = pool,
                                             .dim = item->dim, .amount = item->amount};
                (void)admit_room(&e->pools.at[pool], item->dim, &ret->lack.limit, &ret->lack.used);
                ret->backfill = b->id;
                ret->step = s;
            }
            ret->members = ret->held = ret->members + b->n_ready[s];
        }
    }
}

/* Those that would fit some ready step that none may take, if they were let. */
static uint32_t quarantined(const struct engine *e, const struct backfill *b)
{
    uint32_t n = 0;
    for (size_t i = 0; b->lanes && i < e->agents.n; i++) {
        const struct agent *a = &e->agents.at[i];
        bool fits = false;
        for (size_t s = 0; s < b->plan->n_steps && !fits; s++) {
            const struct lane *l = &e->lanes.at[b->lanes[s]];
            fits = l->ready.n > 0 && breaker_keeps_agent(e, &e->fits.at[e->demands.at[l->demand].needs.fit], a);
        }
        n += fits;
    }
    return n;
}

void engine_alert_more(const struct engine *e, const struct alert_fact *a, struct alert_more *ret)
{
    *ret = (struct alert_more){0};
    if (a->state == ALERT_RESOLVED)
        return;
    ret->inhibited_by = inhibitor(e, a);
    const struct alert_group *g = a->kind == ALERT_STEP ? alert_group_of(e, a) : NULL;
    if (g) {
        ret->members = g->members;
        ret->failed = g->failed;
        find_example(e, g, a, ret);
    }
    const struct backfill *b = backfill_find(e, a->backfill);
    bool late = a->kind == ALERT_STRAGGLER || a->kind == ALERT_TIMEBOX;
    uint32_t n = 0;
    if (late && late_any(e, a->kind, a->backfill, a->step, &n, &ret->example))
        ret->members = n;
    if (b && (late || a->kind == ALERT_STEP || (a->kind == ALERT_DEADLINE && !*a->subject)))
        count_downstream(b, a->step, ret);
    if (b && a->kind == ALERT_NO_AGENT)
        ret->quarantined = quarantined(e, b);
    if (a->kind == ALERT_AGENT_LOST)
        ret->fenced = engine_fenced(e, a->agent, 0, 0, NULL, 0);
    if (a->kind == ALERT_BREAKER)
        tell_breaker(e, a, ret);
    if (a->kind == ALERT_POOL)
        tell_pool(e, a, ret);
}
