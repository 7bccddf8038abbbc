/* Changing priority classes while a backfill runs.  The selectors are resolved when the change is decided: against the plan alone,
 * so that a replay of the input picks the same steps. */
#include "coordinator/engine/internal.h"

static bool is_over(const struct backfill *b)
{
    return b->state != BACKFILL_QUEUED && b->state != BACKFILL_RUNNING && b->state != BACKFILL_PAUSED;
}

enum plan_priority engine_priority(const struct engine *e, uint32_t backfill, uint32_t step)
{
    const struct backfill *b = backfill_find(e, backfill);
    return b && step < b->plan->n_steps ? (enum plan_priority)b->priority[step] : PLAN_NORMAL;
}

enum bf_rc engine_priority_pick(const struct engine *e, uint32_t backfill, const struct op_request *req, struct plan_selection *ret,
                                struct bf_error *err)
{
    const struct backfill *b = backfill_find(e, backfill);
    if (!b)
        return bf_fail(err, BF_NOT_FOUND, "there is no backfill bf-%u; see bfctl backfill list", backfill);
    if (req->priority < OP_CRITICAL || req->priority > OP_LOW)
        return bf_fail(err, BF_INVALID, "a change of priority needs a class: critical, high, normal or low");
    if (is_over(b))
        return bf_fail(err, BF_CONFLICT, "bf-%u is %s; only steps of a backfill that has not ended get another priority", b->id,
                       backfill_state_name(b->state));
    for (size_t i = 0; i < req->n_selectors; i++) {
        enum bf_rc rc = plan_selector_check_whole(req->selectors[i], "a priority class", err);
        if (rc != BF_OK)
            return rc;
    }
    return plan_select(b->plan, req->selectors, req->n_selectors, ret, err);
}
