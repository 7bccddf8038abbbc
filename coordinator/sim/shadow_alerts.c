/* Alerts, against the shadow's own cells: none is missed, none is left over, and no delay is taken for a failure that matters.
 *
 * It knows nothing of groups and causes: of a step it asks only whether any of its partitions failed for good, or may be tried again. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/engine/view_alerts.h"
#include "coordinator/sim/shadow_model.h"

#define ENDED_MAX 64u                            /* as alerts.h promises: old news is none */
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

static bool has_alert(const struct engine *e, uint32_t backfill, uint32_t step)
{
    for (size_t i = 0; i < engine_n_alerts(e); i++) {
        const struct alert_fact *a = engine_alert(e, i);
        if (a->kind == ALERT_STEP && a->state != ALERT_RESOLVED && a->backfill == backfill && a->step == step)
            return true;
    }
    return false;
}

void shadow_check_alerts(struct shadow *s, const struct engine *e)
{
    for (size_t i = 0; i < s->backfills.n && engine_alerts_left_out(e) == 0; i++) {
        struct shadow_backfill *b = &s->backfills.at[i];
        b->superseded |= is_superseded(s, b);    /* and stays so when people reopen the newer one: nobody is told again */
        for (uint32_t k = 0; concerns(s, b, b->superseded) && k < b->plan->n_steps; k++)
            if (any_failed(b, k) && !has_alert(e, b->id, k))
                world_violate(s->w, "alerts: %s of backfill %u failed for good, and there is no alert", b->plan->steps[k].name, b->id);
    }
    for (size_t i = 0; i < engine_n_alerts(e); i++) {
        const struct alert_fact *a = engine_alert(e, i);
        const struct shadow_backfill *b = a->kind == ALERT_STEP && a->state != ALERT_RESOLVED ? shadow_backfill_find(s, a->backfill) : NULL;
        if (b && (!concerns(s, b, is_superseded(s, b)) || (!any_failed(b, a->step) && !may_be_tried(b, a->step))))
            world_violate(s->w, "alerts: al-%u is open, and %s of backfill %u is in no trouble", a->id, b->plan->steps[a->step].name,
                          b->id);
    }
}

/* As it fires: something failed for good, or has been in trouble for as long as nobody minds. */
void shadow_take_alert(struct shadow *s, const struct turn *t, const struct record *r)
{
    const struct alert_fact *a = r->alert;
    const struct shadow_backfill *b = a->id != 0 && a->kind == ALERT_STEP && a->state == ALERT_FIRING ? shadow_backfill_find(s, a->backfill) : NULL;
    if (b && a->fired_us == r->at_us && !any_failed(b, a->step) && t->now_ms - a->since_ms < DELAY_MS)
        world_violate(s->w, "alerts: al-%u fires for %s of backfill %u, which is only delayed", a->id, b->plan->steps[a->step].name, b->id);
}
