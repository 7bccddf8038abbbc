/* What a command that steers would do: every instance that would change, in the plan's order, with its state before and after. */
#include "coordinator/engine/view_steer.h"
#include "coordinator/views_parts.h"

static const char *state_before(const struct steer_row *r)
{
    if (r->upstream_failed)
        return r->held_before ? "upstream_failed, held" : "upstream_failed";
    return r->held_before ? "held" : instance_state_name(r->before);
}

/* One that is held or let go stays in its state. */
static const char *state_after(const struct steer_row *r)
{
    if (r->stale)
        return "stale";
    if (r->held_after)
        return "held";
    if (r->killed)
        return "cancelled";
    return r->held_before && r->upstream_failed && r->after == r->before ? "upstream_failed" : instance_state_name(r->after);
}

/* How it comes to that, where the states do not say it. */
static const char *note(const struct steer_row *r)
{
    if (r->killed)
        return "killed";
    if (r->goes_on)
        return "its last attempt goes on to its end";
    if (r->stale)
        return "what it depends on begins a new run";
    return r->along ? "downstream" : "";
}

static json_t *row(const struct backfill_view *b, const struct steer_row *r)
{
    char partition[PLAN_KEY_MAX];
    view_partition(&b->plan->steps[r->step], r->index, partition);
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "step", b->plan->steps[r->step].name, "partition", partition, "before",
                     state_before(r), "after", state_after(r), "new_run", r->new_run, "note", note(r));
}

enum bf_rc view_steer(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    struct steer_preview *p = NULL;
    struct steer_row r;
    uint64_t limit = view_page_limit(req), seen = 0;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc == BF_OK)
        rc = engine_steer_begin(v->engine, b.id, req, &p, err);
    if (rc != BF_OK)
        return rc;
    *ret = json_array();
    while (json_array_size(*ret) < limit && engine_steer_next(p, &r))
        if (seen++ >= req->page_offset)
            json_array_append_new(*ret, row(&b, &r));
    engine_steer_end(p);
    return BF_OK;
}
