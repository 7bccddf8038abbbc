/* The rules that tell a delay from a failure that matters: see alerts.h for the table.  Nothing is changed here. */
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/internal.h"

static bool is_over(const struct backfill *b)
{
    return b->state == BACKFILL_PARTLY || b->state == BACKFILL_FAILED || b->state == BACKFILL_SUCCEEDED;
}

/* A newer backfill of the plan did all of it. */
static bool is_superseded(const struct engine *e, const struct backfill *b)
{
    for (uint32_t id = backfill_newest_of(e, b->plan->name); id > b->id; id = backfill_find(e, id)->before)
        if (backfill_find(e, id)->state == BACKFILL_SUCCEEDED)
            return true;
    return false;
}

bool alert_concerns(const struct engine *e, const struct backfill *b)
{
    if (b->state == BACKFILL_CANCELLED || plan_only_asks(b->plan))
        return false;
    if (!is_over(b))
        return true;
    return b->id + ALERT_ENDED_MAX > e->backfills.n && !is_superseded(e, b);
}

/* Downstream first, so that each step takes over what hangs on those that need it. */
struct alert_reach *alert_reach_new(const struct topology *t)
{
    const struct plan *p = t->plan;
    struct alert_reach *reach = bf_xcalloc(p->n_steps ? p->n_steps : 1, sizeof *reach);
    for (size_t s = 0; s < p->n_steps; s++)
        reach[s].deadline_s = p->steps[s].deadline.text ? p->steps[s].deadline.at_s : INT64_MAX;
    for (size_t x = 0; x < p->n_exposures; x++)
        for (size_t s = 0; s < p->n_steps; s++)
            for (size_t o = 0; o < p->steps[s].n_outputs; o++)
                for (size_t i = 0; i < p->exposures[x].n_reads; i++) {
                    if (p->exposures[x].reads[i] != p->steps[s].outputs[o])
                        continue;
                    reach[s].exposure = true;
                    if (p->exposures[x].deadline.text && p->exposures[x].deadline.at_s < reach[s].deadline_s)
                        reach[s].deadline_s = p->exposures[x].deadline.at_s;
                }
    for (size_t i = p->n_steps; i-- > 0;) {
        uint32_t s = p->order[i];
        for (uint32_t k = t->out_first[s]; k < t->out_first[s + 1]; k++) {
            const struct alert_reach *down = &reach[t->rules[t->out[k]].down];
            reach[s].exposure |= down->exposure;
            reach[s].deadline_s = down->deadline_s < reach[s].deadline_s ? down->deadline_s : reach[s].deadline_s;
        }
    }
    return reach;
}

/* One that had passed before the backfill began was missed by whoever began it. */
int64_t alert_late_us(const struct backfill *b, const struct plan_deadline *deadline, int64_t tolerance_ms)
{
    if (!deadline->text || b->started_us == 0 || deadline->at_s > INT64_MAX / 4000000)
        return INT64_MAX;
    int64_t at_us = deadline->at_s * 1000000 + tolerance_ms * 1000;
    return at_us > b->started_us ? at_us : INT64_MAX;
}

uint32_t alert_left_of_exposure(const struct backfill *b, const struct plan_exposure *x)
{
    uint32_t left = 0;
    for (size_t s = 0; s < b->plan->n_steps; s++) {
        const struct plan_step *step = &b->plan->steps[s];
        bool makes = false;
        for (size_t o = 0; o < step->n_outputs && !makes; o++)
            for (size_t i = 0; i < x->n_reads && !makes; i++)
                makes = x->reads[i] == step->outputs[o];
        left += makes ? b->by_step[s].left : 0;
    }
    return left;
}

bool alert_no_agent(const struct engine *e, const struct backfill *b)
{
    for (size_t s = 0; b->state == BACKFILL_RUNNING && !plan_only_asks(b->plan) && s < b->plan->n_steps; s++) {
        const struct lane *l = &e->lanes.at[b->lanes[s]];
        if (l->ready.n > 0 && e->fits.at[e->demands.at[l->demand].needs.fit].agents.n == 0)
            return true;
    }
    return false;
}

bool alert_lacks(const struct engine *e, const struct draw_item *item)
{
    const struct pool *p = &e->pools.at[item->pool];
    bool slots = item->dim == DRAW_SLOT;
    enum pool_source source = slots ? p->source : p->dims.at[item->dim].source;
    return source > POOL_FROM_PLAN && item->amount > (slots ? p->slots : p->dims.at[item->dim].limit);
}

const struct draw_item *alert_lack(const struct engine *e, const struct draw *d, uint32_t pool)
{
    for (size_t i = 0; i < d->n; i++)
        if ((d->items[i].pool == pool || pool == PLAN_NO_INDEX) && alert_lacks(e, &d->items[i]))
            return &d->items[i];
    return NULL;
}

bool alert_pool(const struct engine *e, const struct backfill *b, uint32_t pool)
{
    for (uint32_t s = 0; b->state == BACKFILL_RUNNING && !plan_only_asks(b->plan) && s < b->plan->n_steps; s++)
        if (b->n_ready[s] > 0 && alert_lack(e, step_draw(e, b, s), pool))
            return true;
    return false;
}

static bool does_more_than_ask(const struct engine *e, const struct demand *d)
{
    for (size_t i = 0; i < d->lanes.n; i++)
        if (!plan_only_asks(e->lanes.at[d->lanes.at[i]].backfill->plan))
            return true;
    return false;
}

/* Of those that draw on it alone, or on it among others. */
static bool pool_holds(const struct engine *e, const char *name)
{
    uint32_t pool = pool_find(e, name);
    size_t alone = e->pools.at[pool].waiting.n;
    for (size_t i = 0; i < alone + e->waiting.n; i++) {
        const struct demand *d = &e->demands.at[i < alone ? e->pools.at[pool].waiting.at[i] : e->waiting.at[i - alone]];
        if (alert_lack(e, &e->draws.at[d->needs.draw], pool) && does_more_than_ask(e, d))
            return true;
    }
    return false;
}

bool alert_breaker(const struct breaker *b)
{
    if (!b || b->state == BREAKER_CLOSED || *b->by)
        return false;
    return b->kind == BREAKER_AGENT ? b->here > 0 : b->uses > 0;     /* else there is nobody whom it could hold */
}

/* ---- severity ---- */

static bool any_agent(const struct engine *e)
{
    bool any = false;
    for (size_t i = 0; i < e->agents.n && !any; i++)
        any = agent_present(&e->agents.at[i]);
    return any;
}

enum alert_severity alert_severity_of(const struct engine *e, const struct alert_fact *a)
{
    const struct backfill *b = backfill_find(e, a->backfill);
    bool critical = false;
    switch (a->kind) {
    case ALERT_STEP:
        critical = b->known->reach[a->step].exposure || b->priority[a->step] == PLAN_CRITICAL || b->state == BACKFILL_FAILED;
        break;
    case ALERT_ENDED: critical = b->state == BACKFILL_FAILED; break;
    case ALERT_DEADLINE: critical = *a->subject || b->priority[a->step] == PLAN_CRITICAL; break;
    case ALERT_AGENT_LOST: critical = !any_agent(e); break;
    case ALERT_STRAGGLER:
    case ALERT_TIMEBOX: critical = b->priority[a->step] == PLAN_CRITICAL && b->known->reach[a->step].exposure; break;
    case ALERT_OVERTIME:
    case ALERT_BREAKER: break;
    case ALERT_HALTED:
    case ALERT_NO_AGENT:
    case ALERT_POOL:
    case ALERT_STORE_LOW:
    case ALERT_STORE_OLD: critical = true; break;
    }
    return critical ? ALERT_CRITICAL : ALERT_WARNING;
}

/* ---- when ---- */

/* The last moment at which the work that hangs on the step can begin and be done before the first deadline downstream. */
static int64_t slack_us(const struct backfill *b, uint32_t step)
{
    int64_t deadline_s = b->known->reach[step].deadline_s;
    if (deadline_s == INT64_MAX || b->started_us == 0 || deadline_s > INT64_MAX / 4000000)
        return INT64_MAX;
    int64_t way_ms = b->topology->critical_ms[step], at_us = deadline_s * 1000000;
    way_ms = way_ms < INT64_MAX / 4000 ? way_ms : INT64_MAX / 4000;
    at_us += b->plan->steps[step].tolerance_ms * 1000 - way_ms * 1000;
    return at_us > b->started_us ? at_us : INT64_MAX;
}

/* How long a step may be in trouble before anybody minds.  What was lost with an agent runs elsewhere: the agent is told of, and not the
 * step. */
static int64_t tolerance_ms(const struct plan_step *s, enum failure_class class)
{
    int64_t twice_ms = s->expect_ms < INT64_MAX / 4 ? 2 * s->expect_ms : INT64_MAX / 2;
    if (class == FAILURE_LOST)
        return INT64_MAX;
    return s->tolerance_ms ? s->tolerance_ms : twice_ms > ALERT_TOLERANCE_MS ? twice_ms : ALERT_TOLERANCE_MS;
}

void alert_fires_at(const struct engine *e, const struct alert_fact *a, int64_t *ret_ms, int64_t *ret_us)
{
    const struct alert_group *g = a->kind == ALERT_STEP ? alert_group_of(e, a) : NULL;
    int64_t hold_ms = 0;
    *ret_us = INT64_MAX;
    switch (a->kind) {
    case ALERT_STEP:
        hold_ms = ALERT_SETTLE_MS;
        if (g && g->failed == 0 && !BF_PLANTED("alert_on_retry")) {
            const struct backfill *b = backfill_find(e, a->backfill);
            hold_ms = tolerance_ms(&b->plan->steps[a->step], a->failure_class);
            *ret_us = slack_us(b, a->step);
        }
        break;
    case ALERT_ENDED: hold_ms = ALERT_SETTLE_MS; break;
    case ALERT_AGENT_LOST:
    case ALERT_NO_AGENT: hold_ms = ALERT_AGENT_MS; break;
    case ALERT_POOL: hold_ms = ALERT_POOL_MS; break;
    case ALERT_STORE_LOW: hold_ms = ALERT_LOW_MS; break;
    case ALERT_BREAKER: hold_ms = ALERT_BREAKER_MS; break;
    case ALERT_STRAGGLER:
        hold_ms = BF_PLANTED("straggler_told_at_once") ? 0 : tolerance_ms(&backfill_find(e, a->backfill)->plan->steps[a->step],
                                                                          FAILURE_NONE);
        *ret_us = slack_us(backfill_find(e, a->backfill), a->step);
        break;
    case ALERT_TIMEBOX:
    case ALERT_OVERTIME:
    case ALERT_HALTED:
    case ALERT_DEADLINE:
    case ALERT_STORE_OLD: break;
    }
    *ret_ms = hold_ms < INT64_MAX - a->since_ms ? a->since_ms + hold_ms : INT64_MAX;
    if (a->since_ms <= e->deaf.since_ms)         /* it may be over since, and nobody could say so */
        *ret_ms = judged_at_ms(e, *ret_ms);
}

/* ---- whether ---- */

static bool deadline_holds(const struct backfill *b, const struct alert_fact *a)
{
    if (b->state != BACKFILL_RUNNING && b->state != BACKFILL_PAUSED)
        return false;
    if (!*a->subject)
        return b->by_step[a->step].left > 0;
    for (size_t x = 0; x < b->plan->n_exposures; x++)
        if (strcmp(b->plan->exposures[x].name, a->subject) == 0)
            return alert_left_of_exposure(b, &b->plan->exposures[x]) > 0;
    return false;
}

static bool any_fenced(const struct engine *e, uint32_t agent)
{
    for (uint32_t slot = agent_find(e, agent)->first; slot != NO_SLOT; slot = e->attempts.at[slot].agent_next)
        if (attempt_fenced(e, &e->attempts.at[slot]))
            return true;
    return false;
}

bool alert_holds(const struct engine *e, const struct alert_fact *a)
{
    const struct backfill *b = backfill_find(e, a->backfill);
    switch (a->kind) {
    case ALERT_STEP: return alert_concerns(e, b) && alert_group_of(e, a);
    case ALERT_HALTED: return b->halted != NULL;
    case ALERT_OVERTIME: return timebox_warns(b);
    case ALERT_ENDED: return (b->state == BACKFILL_FAILED || b->state == BACKFILL_PARTLY) && alert_concerns(e, b);
    case ALERT_DEADLINE: return deadline_holds(b, a);
    case ALERT_AGENT_LOST: return e->live.n > 0 && (agent_find(e, a->agent)->state == AGENT_LOST || any_fenced(e, a->agent));
    case ALERT_NO_AGENT: return alert_no_agent(e, b);
    case ALERT_POOL: return pool_holds(e, a->subject);
    case ALERT_STORE_LOW: return e->low;
    case ALERT_STORE_OLD: return e->outdated_token != 0;
    case ALERT_BREAKER: return alert_breaker(breaker_named(e, a->subject));
    case ALERT_STRAGGLER:
    case ALERT_TIMEBOX: return alert_concerns(e, b) && late_has(e, a->kind, a->backfill, a->step);
    }
    return false;
}
