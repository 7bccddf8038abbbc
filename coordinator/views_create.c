/* What a create would do, and what a queued backfill waits for.
 *
 * A dry run compiles the plan that was sent, compares it with the engine as it is, and forgets it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/authority.h"
#include "coordinator/engine/view_create.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/turn.h"
#include "coordinator/views_parts.h"
#include "proto/bundle.h"

#define STEP_ROW_BYTES 330

bool view_same_instance(const struct view_source *v, uint32_t other, const struct backfill_view *b, uint32_t step, uint32_t index,
                        struct instance_view *ret)
{
    struct backfill_view o;
    if (!other || !engine_backfill(v->engine, other, &o))
        return false;
    const struct plan_step *mine = &b->plan->steps[step];
    uint32_t its = plan_find_step(o.plan, mine->name), there = 0;
    return its != PLAN_NO_INDEX && plan_partition_at(o.plan->steps[its].partitions, mine->partitions->start_s[index], &there) &&
           engine_instance(v->engine, other, its, there, ret);
}

/* ---- the queue ---- */

bool view_queued_behind(const struct view_source *v, uint32_t backfill, char *ret, size_t size, uint32_t *ret_ahead)
{
    struct queued_behind q;
    struct backfill_view ahead;
    if (!engine_queued_behind(v->engine, backfill, &q) || !engine_backfill(v->engine, q.backfill, &ahead))
        return false;
    struct view_id name;
    bool range = strcmp(q.from, q.to) != 0, seen = view_other_backfill(v, q.backfill, &name);
    snprintf(ret, size, "%s (%s), which writes %s%s%s%s%s", name.text, backfill_state_name(ahead.state), q.dataset,
             q.from[0] ? " for " : "", q.from, range ? " to " : "", range ? q.to : "");
    *ret_ahead = seen ? q.backfill : 0;
    return true;
}

void view_queue(const struct view_source *v, const struct backfill_view *b, json_t *j)
{
    char text[VIEW_NAME_MAX + 160];
    uint32_t ahead = 0;
    bool waits = view_queued_behind(v, b->id, text, sizeof text, &ahead);
    json_object_set_new(j, "queued_behind", view_string(ahead ? view_backfill_id(ahead).text : NULL));
    json_object_set_new(j, "waits_for", view_string(waits ? text : NULL));
}

/* ---- the dry run ---- */

static json_int_t count(const struct reuse_counts *c, enum reuse_verdict v)
{
    return (json_int_t)c->n[v];
}

static json_int_t running(const struct reuse_counts *c)
{
    return count(c, REUSE_NEW) + count(c, REUSE_AFTER_FAILURE) + count(c, REUSE_CHANGED) + count(c, REUSE_FOR_UPSTREAM);
}

/* run: all that runs; of those, new, after_failure, changed and downstream say why. */
static json_t *counts_object(const struct reuse_counts *c)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "run", running(c), "new", count(c, REUSE_NEW), "after_failure",
                     count(c, REUSE_AFTER_FAILURE), "changed", count(c, REUSE_CHANGED), "downstream", count(c, REUSE_FOR_UPSTREAM),
                     "reused", count(c, REUSE_TAKEN) + count(c, REUSE_TAKEN_STALE), "stale", count(c, REUSE_TAKEN_STALE), "failed",
                     count(c, REUSE_TAKEN_FAILURE));
}

static json_t *step_row(const struct plan_step *s, const struct reuse_step *r)
{
    json_t *j = counts_object(&r->counts), *from = json_array();
    json_object_set_new(j, "step", view_string(s->name));
    json_object_set_new(j, "total", json_integer(s->partitions->n));
    for (uint32_t i = 0; i < r->n_from; i++)
        json_array_append_new(from, view_string(view_backfill_id(r->from[i]).text));
    json_object_set_new(j, "from", from);
    return j;
}

static json_t *document(const struct view_source *v, const struct op_request *req, const struct plan *plan)
{
    BF_AUTO_FREE struct reuse_step *by_step = bf_xcalloc(plan->n_steps, sizeof *by_step);
    struct engine_out out = {0};
    struct reuse_counts sum = {0};
    struct create_preview p = {.by_step = by_step};
    size_t bytes = 0, left_out = 0;
    json_t *rows = json_array(), *j = json_object();
    engine_create_preview(v->engine, plan, req->reprocess, req->downstream, &out, &p);
    for (size_t k = 0; k < plan->n_steps; k++) {
        uint32_t s = plan->order[k];
        for (int i = 0; i < REUSE_VERDICTS; i++)
            sum.n[i] += by_step[s].counts.n[i];
        bytes += STEP_ROW_BYTES + strlen(plan->steps[s].name);
        if (bytes > VIEW_BYTES_MAX)
            left_out++;
        else
            json_array_append_new(rows, step_row(&plan->steps[s], &by_step[s]));
    }
    json_object_set_new(j, "name", view_string(plan->name));
    json_object_set_new(j, "reprocess", view_string(op_reprocess_name(req->reprocess)));
    json_object_set_new(j, "downstream", json_boolean(req->downstream));
    json_object_set_new(j, "total", json_integer((json_int_t)plan->n_instances));
    json_object_set_new(j, "counts", counts_object(&sum));
    json_object_set_new(j, "steps", rows);
    if (left_out)
        json_object_set_new(j, "steps_left_out", json_integer((json_int_t)left_out));
    json_object_set_new(j, "conflict", view_string(p.conflict));
    json_object_set_new(j, "missing", view_string(p.missing));
    json_object_set_new(j, "limit", view_string(p.limit));
    engine_out_free(&out);
    return j;
}

enum bf_rc view_create(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    if (req->downstream && req->reprocess == OP_REPROCESS_ALL)
        return bf_fail(err, BF_INVALID, "downstream goes with a reprocess of what is missing or failed: all of it runs anyway");
    struct plan *plan = NULL;
    enum bf_rc rc = turn_plan_try(req, &plan, err);
    if (rc != BF_OK)
        return rc;
    if (v->who)
        rc = authority_may_create(v->who, plan, err);
    if (rc == BF_OK)
        *ret = document(v, req, plan);
    plan_free(plan);
    return rc;
}
