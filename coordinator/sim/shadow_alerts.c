/* Alerts, against the shadow's own cells: none is missed, none is left over, and no delay is taken for a failure that matters.
 *
 * It knows nothing of groups and causes: of a step it asks only whether any of its partitions failed for good, or may be tried again. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/engine/view_alerts.h"
#include "coordinator/sim/shadow_checks.h"

#define ENDED_MAX 64u                            /* as alerts.h promises: old news is none */
#define LATE_LEAST_MS 5000                       /* no attempt takes long before */
#define DELAY_MS (15 * 60000)                    /* no plan of the simulator says a tolerance, or a deadline */

/* A newer backfill of its plan has succeeded. */
static bool is_superseded(const struct shadow *s, const struct shadow_backfill *b)
{
    for (size_t i = 0; i < s->backfills.n; i++) {
        const struct shadow_backfill *other = &s->backfills.at[i];
        if (other->id > b->id && other->state == BACKFILL_SUCCEEDED && strcmp(other->plan->name, b->plan->name) == 0)
            return true;
    }
    return false;
}

static bool concerns(const struct shadow *s, const struct shadow_backfill *b, bool superseded)
{
    if (b->state == BACKFILL_CANCELLED)
        return false;
    bool over = b->state == BACKFILL_SUCCEEDED || b->state == BACKFILL_PARTLY || b->state == BACKFILL_FAILED;
    return !over || (!superseded && b->id + ENDED_MAX > s->backfills.n);
}

static bool any_failed(const struct shadow_backfill *b, uint32_t step)
{
    for (uint32_t p = 0; p < b->plan->steps[step].partitions->n; p++)
        if (b->cells[step][p].end == CELL_FAILED)
            return true;
    return false;
}

static bool may_be_tried(const struct shadow_backfill *b, uint32_t step)
{
    for (uint32_t p = 0; p < b->plan->steps[step].partitions->n; p++)
        if (b->cells[step][p].end == CELL_WAITING && b->cells[step][p].granted)
            return true;
    return false;
}

static bool has_alert(const struct engine *e, enum alert_kind kind, uint32_t backfill, uint32_t step)
{
    for (size_t i = 0, n = engine_n_alerts(e); i < n; i++) {
        const struct alert_fact *a = engine_alert(e, i);
        if (a->kind == kind && a->state != ALERT_RESOLVED && a->backfill == backfill && a->step == step)
            return true;
    }
    return false;
}

/* Given ahead, for a slot that has not ended. */
static bool waits(const struct shadow_attempt *a)
{
    return a->ahead_us > 0 && !a->started;
}

/* What warns at its limit warns in the turn that comes then, or when agents could be heard again, and for as long as the attempt goes on. */
static void check_timeboxes(struct shadow *s, const struct engine *e)
{
    for (size_t i = 0; i < s->open.n && engine_alerts_left_out(e) == 0; i++) {
        const struct shadow_attempt *a = shadow_open_at(s, i);
        const struct shadow_backfill *b = !a->loose && !waits(a) ? shadow_backfill_find(s, a->backfill) : NULL;
        const struct plan_step *step = b ? &b->plan->steps[a->step] : NULL;
        if (!b || step->timebox_then != PLAN_ONLY_WARN || step->timebox_ms == 0 || !concerns(s, b, b->superseded))
            continue;
        if (shadow_judged_ms(s, s->turn_ms) >= a->granted_ms + step->timebox_ms && !has_alert(e, ALERT_TIMEBOX, b->id, a->step))
            world_violate(s->w, "alerts: %s of backfill %u goes on past its timebox, and there is no alert", step->name, b->id);
    }
}

/* The same of a backfill, whose end nobody has to hear of for it. */
static void check_overtime(struct shadow *s, const struct engine *e, const struct shadow_backfill *b)
{
    bool late = b->timebox_over && b->plan->timebox_then == PLAN_END_WARN && (b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED);
    if (late != has_alert(e, ALERT_OVERTIME, b->id, 0))
        world_violate(s->w, "alerts: backfill %u goes on past its timebox, which only warns, and there is no alert, or it does not", b->id);
}

/* An attempt of the step is open, and was granted, or began behind others, at least so long ago. */
static bool runs_since(const struct shadow *s, const struct alert_fact *alert, int64_t ms)
{
    for (size_t i = 0; i < s->open.n; i++) {
        const struct shadow_attempt *a = shadow_open_at(s, i);
        if (!waits(a) && a->backfill == alert->backfill && a->step == alert->step && s->turn_ms - a->granted_ms >= ms)
            return true;
    }
    return false;
}

void shadow_check_alerts(struct shadow *s, const struct engine *e)
{
    check_timeboxes(s, e);
    for (size_t i = 0; i < s->backfills.n && engine_alerts_left_out(e) == 0; i++) {
        struct shadow_backfill *b = &s->backfills.at[i];
        check_overtime(s, e, b);
        b->superseded |= is_superseded(s, b);    /* and stays so when people reopen the newer one: nobody is told again */
        for (uint32_t k = 0; concerns(s, b, b->superseded) && k < b->plan->n_steps; k++)
            if (any_failed(b, k) && !has_alert(e, ALERT_STEP, b->id, k))
                world_violate(s->w, "alerts: %s of backfill %u failed for good, and there is no alert", b->plan->steps[k].name, b->id);
    }
    for (size_t i = 0; i < engine_n_alerts(e); i++) {
        const struct alert_fact *a = engine_alert(e, i);
        const struct shadow_backfill *b = a->kind == ALERT_STEP && a->state != ALERT_RESOLVED ? shadow_backfill_find(s, a->backfill) : NULL;
        if (b && (!concerns(s, b, is_superseded(s, b)) || (!any_failed(b, a->step) && !may_be_tried(b, a->step))))
            world_violate(s->w, "alerts: al-%u is open, and %s of backfill %u is in no trouble", a->id, b->plan->steps[a->step].name,
                          b->id);
        if (a->kind == ALERT_POOL && a->state != ALERT_RESOLVED && !shadow_pool_lacks(s, a->subject))
            world_violate(s->w, "alerts: al-%u is open, and pool %s is large enough for all that runs", a->id, a->subject);
        const struct shadow_backfill *of = a->state != ALERT_RESOLVED ? shadow_backfill_find(s, a->backfill) : NULL;
        int64_t least_ms = of && a->kind == ALERT_TIMEBOX ? of->plan->steps[a->step].timebox_ms : LATE_LEAST_MS;
        if (of && (a->kind == ALERT_TIMEBOX || a->kind == ALERT_STRAGGLER) && !runs_since(s, a, least_ms))
            world_violate(s->w, "alerts: al-%u is open, and no attempt of %s of backfill %u takes long", a->id,
                          of->plan->steps[a->step].name, of->id);
    }
}

/* As it fires: something failed for good, or has been in trouble for as long as nobody minds. */
void shadow_take_alert(struct shadow *s, const struct turn *t, const struct record *r)
{
    const struct alert_fact *a = record_rare(r)->alert;
    if (a->id != 0 && a->kind == ALERT_STRAGGLER && a->state == ALERT_FIRING && a->fired_us == r->at_us &&
        t->now_ms - a->since_ms < DELAY_MS)
        world_violate(s->w, "alerts: al-%u fires for attempts that have been slow for a moment", a->id);
    bool fires = a->id != 0 && a->kind == ALERT_STEP && a->state == ALERT_FIRING;
    const struct shadow_backfill *b = fires ? shadow_backfill_find(s, a->backfill) : NULL;
    if (b && a->fired_us == r->at_us && !any_failed(b, a->step) && t->now_ms - a->since_ms < DELAY_MS)
        world_violate(s->w, "alerts: al-%u fires for %s of backfill %u, which is only delayed", a->id, b->plan->steps[a->step].name, b->id);
}
