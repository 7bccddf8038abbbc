/* What a change of priority would do: the steps that it picks, in the plan's order, with their class before and after. */
#include "coordinator/views_parts.h"

static json_t *row(const struct view_source *v, const struct backfill_view *b, uint32_t step, enum plan_priority after)
{
    const struct plan_step *s = &b->plan->steps[step];
    return json_pack("{s:s, s:s, s:s, s:s}", "step", s->name, "before", plan_priority_name(engine_priority(v->engine, b->id, step)),
                     "after", plan_priority_name(after), "plan", plan_priority_name(s->priority));
}

enum bf_rc view_priority(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    struct plan_selection picked;
    struct plan_selection_walk w = {0};
    uint64_t limit = view_page_limit(req), seen = 0;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc == BF_OK)
        rc = engine_priority_pick(v->engine, b.id, req, &picked, err);
    if (rc != BF_OK)
        return rc;
    *ret = json_array();
    while (json_array_size(*ret) < limit && plan_selection_next(&picked, &w))
        if (seen++ >= req->page_offset)
            json_array_append_new(*ret, row(v, &b, w.step, (enum plan_priority)(req->priority - OP_CRITICAL)));
    plan_selection_done(&picked);
    return BF_OK;
}
