/* A search of logs: the engine's thread says which instances and agents are meant and how they are called, a thread of logs/ reads.
 *
 * Nothing here grows with the logs: a question is ranges of partitions, an answer names the few attempts that are in its page. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/logs/log_searches.h"
#include "coordinator/views_parts.h"

static enum bf_rc query_ranges(const struct backfill_view *b, const struct op_request *req, struct log_query *ret, struct bf_error *err)
{
    struct plan_selection picked;
    struct plan_selection_walk w = {0};
    enum bf_rc rc = view_select(b, req, &picked, err);
    if (rc != BF_OK)
        return rc;
    ret->picked = req->n_selectors > 0;
    ret->n_instances = plan_selection_count(&picked);
    while (ret->picked && plan_selection_next(&picked, &w))
        bf_vec_push(&ret->ranges, (struct log_range){.step = w.step, .first = w.range.first, .n = w.range.n});
    plan_selection_done(&picked);
    if (ret->picked && ret->ranges.n == 0)
        return bf_fail(err, BF_NOT_FOUND, "no step instance of %s is picked; one is needed", view_backfill_id(b->id).text);
    return BF_OK;
}

/* Ranges in order of step and partition, so that one of them is found by halves. */
static int range_compare(const void *a, const void *b)
{
    const struct log_range *x = a, *y = b;
    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

static enum bf_rc query_agents(const struct view_source *v, const struct op_request *req, struct log_query *ret, struct bf_error *err)
{
    struct agent_view agent;
    if (!req->name[0])
        return BF_OK;
    ret->by_agent = true;
    for (uint32_t id = 0; (id = engine_next_agent(v->engine, id)) != 0;)
        if (engine_agent(v->engine, id, &agent) && strcmp(agent.hello->name, req->name) == 0)
            bf_vec_push(&ret->agents, id);
    if (ret->agents.n == 0)
        return bf_fail(err, BF_NOT_FOUND, "there is no agent \"%s\"; bfctl agents shows those that are known", req->name);
    return BF_OK;
}

enum bf_rc view_log_query(const struct view_source *v, const struct op_request *req, struct log_query *ret, struct bf_error *err)
{
    struct backfill_view b;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc == BF_OK)
        rc = query_ranges(&b, req, ret, err);
    if (rc == BF_OK)
        rc = query_agents(v, req, ret, err);
    if (rc != BF_OK)
        return rc;
    if (ret->ranges.n)
        qsort(ret->ranges.at, ret->ranges.n, sizeof *ret->ranges.at, range_compare);
    ret->backfill = b.id;
    ret->attempt = req->attempt;
    ret->since_us = req->since_us;
    ret->until_us = req->until_us;
    bool out = req->log_flags & OP_LOG_STDOUT, error = req->log_flags & OP_LOG_STDERR;
    ret->stream = out == error ? 0 : out ? 1 : 2;
    ret->regex = req->log_flags & OP_LOG_REGEX;
    ret->ignore_case = req->log_flags & OP_LOG_IGNORE_CASE;
    ret->count = req->log_flags & OP_LOG_COUNT;
    ret->pattern = req->pattern && req->pattern[0] ? bf_xstrdup(req->pattern) : NULL;
    ret->backward = req->backward;
    ret->before = req->context_before;
    ret->after = req->context_after;
    ret->max_lines = req->page_limit;
    if (req->cursor)
        strncpy(ret->cursor, req->cursor, sizeof ret->cursor - 1);
    return BF_OK;
}

static json_t *attempt_object(const struct view_source *v, const struct backfill_view *b, const struct log_name *name)
{
    json_t *j = json_object();
    struct agent_view agent;
    char partition[PLAN_KEY_MAX] = "";
    bool known = name->backfill == b->id && name->step < b->plan->n_steps;
    if (known)
        view_partition(&b->plan->steps[name->step], name->index, partition);
    json_object_set_new(j, "attempt", view_string(view_attempt_id(name->attempt).text));
    json_object_set_new(j, "step", view_string(known ? b->plan->steps[name->step].name : NULL));
    json_object_set_new(j, "partition", view_string(partition));
    json_object_set_new(j, "run", json_integer(name->run));
    json_object_set_new(j, "attempt_no", json_integer(name->attempt_no));
    json_object_set_new(j, "agent", view_string(engine_agent(v->engine, name->agent, &agent) ? agent.hello->name : NULL));
    return j;
}

static bool has_ended(const struct backfill_view *b)
{
    return b->finished_us != 0;
}

/* The rest of the document, around the lines. */
static json_t *page_object(const struct view_source *v, const struct backfill_view *b, const struct log_job *job)
{
    const struct log_page *p = &job->page;
    json_t *j = json_object(), *attempts = json_array();
    for (size_t i = 0; i < p->attempts.n; i++)
        json_array_append_new(attempts, attempt_object(v, b, &p->attempts.at[i]));
    json_object_set_new(j, "backfill", view_string(view_backfill_id(b->id).text));
    json_object_set_new(j, "ended", json_boolean(has_ended(b)));
    json_object_set_new(j, "instances", json_integer((json_int_t)job->query.n_instances));
    json_object_set_new(j, "attempts", attempts);
    json_object_set_new(j, "matches", json_integer((json_int_t)p->matches));
    json_object_set_new(j, "searched_bytes", json_integer((json_int_t)p->searched_bytes));
    json_object_set_new(j, "total_bytes", json_integer((json_int_t)p->total_bytes));
    json_object_set_new(j, "cut_bytes", json_integer((json_int_t)p->cut_bytes));
    json_object_set_new(j, "damaged_frames", json_integer((json_int_t)p->damaged));
    json_object_set_new(j, "lines_given_up", json_integer((json_int_t)p->gave_up));
    json_object_set_new(j, "older_attempts", json_integer((json_int_t)p->older_attempts));
    json_object_set_new(j, "open_logs", json_integer((json_int_t)p->open_logs));
    /* What was dropped before this backfill began was not of it. */
    bool gone = p->gone_us && b->created_us < p->gone_us;
    json_object_set_new(j, "gone_before", gone ? view_time(p->gone_us) : json_null());
    json_object_set_new(j, "log_keep", json_integer((json_int_t)v->log_keep_bytes));
    json_object_set_new(j, "log_keep_age_ms", json_integer(v->log_keep_age_ms));
    json_object_set_new(j, "place_lost", json_boolean(p->lost_place));
    json_object_set_new(j, "done", json_boolean(p->done));
    json_object_set_new(j, "cursor", view_string(p->cursor));
    json_object_set_new(j, "follow", view_string(p->follow[0] ? p->follow : NULL));
    return j;
}

enum bf_rc view_log_page(const struct view_source *v, const struct log_job *job, struct bf_buf *ret_json, struct bf_error *err)
{
    struct backfill_view b;
    const struct op_request req = {.backfill = job->query.backfill};
    if (job->page.rc != BF_OK)
        return bf_fail(err, job->page.rc, "%s", job->page.err.text);
    enum bf_rc rc = view_find_backfill(v, &req, &b, err);
    if (rc != BF_OK)
        return rc;
    view_write(page_object(v, &b, job), ret_json);
    ret_json->len--;                             /* the closing brace: the lines are JSON already */
    bf_buf_put_str(ret_json, ",\"lines\":[");
    bf_buf_put(ret_json, job->page.lines.data, job->page.lines.len);
    bf_buf_put_str(ret_json, "]}");
    return BF_OK;
}
