/* The small documents (version, list, get, pools, agents) and the table of all.
 *
 * A view reads the engine between two turns and keeps nothing of it.  Lists are walked in the order in which the engine gives them,
 * offset rows are passed over, and a page ends early rather than grow past VIEW_BYTES_MAX. */
#include "coordinator/views.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/authority.h"
#include "coordinator/views_breakers.h"
#include "coordinator/views_health.h"
#include "coordinator/views_yields.h"
#include "plan/canonical.h"
#include "proto/agent_msg.h"

static enum bf_rc view_version(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    (void)req;
    (void)err;
    *ret = json_pack("{s:s, s:i, s:i, s:s}", "version", BF_VERSION, "protocol", (int)AGENT_PROTOCOL_VERSION, "store_format",
                     (int)v->store_format, "cluster", v->cluster);
    if (v->fleet)                                /* where agents connect: for enrolment */
        json_object_set_new(*ret, "endpoints", json_pack("{s:s, s:s, s:s}", "api", v->api, "fleet", v->fleet, "logs", v->logs_at));
    return BF_OK;
}

static json_t *backfill_head(const struct view_source *v, const struct backfill_view *b)
{
    json_t *j = json_object();
    json_object_set_new(j, "id", view_string(view_backfill_id(b->id).text));
    json_object_set_new(j, "name", view_string(b->plan->name));
    json_object_set_new(j, "state", view_string(backfill_state_name(b->state)));
    view_halt(b, j);
    json_object_set_new(j, "steps", view_counts(b));
    view_queue(v, b, j);
    return j;
}

/* The range that a backfill covers, both ends included, and whose clock they are of. */
static void backfill_dates(json_t *j, const struct backfill_view *b)
{
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
    plan_range_text(b->plan, first, last);
    json_object_set_new(j, "from", view_string(first[0] ? first : NULL));
    json_object_set_new(j, "to", view_string(last[0] ? last : NULL));
    json_object_set_new(j, "timezone", view_string(first[0] ? zone_name(b->plan->zone) : NULL));
}

/* How long it may take as a whole, and what follows; null: its plan does not say.  An end forgets when that was, and whether it had come. */
static json_t *backfill_timebox(const struct view_source *v, const struct backfill_view *b)
{
    static const char *const then[] = {[PLAN_END_PAUSE] = "pause", [PLAN_END_CANCEL] = "cancel", [PLAN_END_WARN] = "warn"};
    if (b->plan->timebox_ms == 0)
        return json_null();
    return json_pack("{s:I, s:s, s:o, s:o}", "limit_ms", (json_int_t)b->plan->timebox_ms, "then", then[b->plan->timebox_then], "ends_at",
                     b->timebox_at_ms ? view_engine_time(v, b->timebox_at_ms) : json_null(), "over",
                     b->finished_us ? json_null() : json_boolean(b->timebox_over));
}

static void backfill_times(json_t *j, const struct backfill_view *b)
{
    json_object_set_new(j, "created_at", view_time(b->created_us));
    json_object_set_new(j, "started_at", view_time(b->started_us));
    json_object_set_new(j, "finished_at", view_time(b->finished_us));
    json_object_set_new(j, "by", view_string(b->actor));
}

enum bf_rc view_list(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    (void)err;
    uint64_t limit = view_page_limit(req), seen = 0;
    *ret = json_array();
    for (uint32_t id = engine_latest_backfill(v->engine); id > 0 && json_array_size(*ret) < limit; id--) {
        struct backfill_view b;
        if (!engine_backfill(v->engine, id, &b) || !authority_sees(v->who, b.plan->name) || seen++ < req->page_offset)
            continue;
        json_t *j = backfill_head(v, &b);
        backfill_times(j, &b);
        backfill_dates(j, &b);
        json_array_append_new(*ret, j);
    }
    return BF_OK;
}

enum bf_rc view_get(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc != BF_OK)
        return rc;
    json_t *j = backfill_head(v, &b), *params = json_object();
    json_object_set_new(j, "order", view_string(b.backward ? "backward" : "forward"));
    backfill_dates(j, &b);
    json_object_set_new(j, "reprocess", view_string(op_reprocess_name(b.reprocess)));
    json_object_set_new(j, "downstream", json_boolean(b.reuse_downstream));
    for (size_t i = 0; i < b.plan->n_params; i++)
        json_object_set_new(params, b.plan->params[i].name, view_string(b.plan->params[i].value));
    json_object_set_new(j, "params", params);
    backfill_times(j, &b);
    json_object_set_new(j, "timebox", backfill_timebox(v, &b));
    json_object_set_new(j, "plan_hash", view_hash(b.plan->hash));
    json_object_set_new(j, "attempts_open", json_integer(b.open_attempts));
    json_object_set_new(j, "yielded", view_yields(v, b.id, NULL));
    *ret = j;
    return BF_OK;
}

static const char *fence_name(enum agent_fence f)
{
    switch (f) {
    case FENCE_CGROUP_V2: return "cgroup_v2";
    case FENCE_CGROUP_V1: return "cgroup_v1";
    case FENCE_WEAK: return "weak";
    }
    return "weak";
}

static json_t *agent_row(const struct view_source *v, const struct agent_view *a, const char *refused, size_t *ret_bytes)
{
    json_t *j = json_object(), *labels = json_object(), *warnings = json_array();
    size_t bytes = 3000;
    for (size_t i = 0; i < a->hello->n_labels; i++) {
        json_object_set_new(labels, a->hello->labels[i].name, view_string(a->hello->labels[i].value));
        bytes += strlen(a->hello->labels[i].name) + 6 * strlen(a->hello->labels[i].value) + 8;
    }
    if (!a->hello->separate_uid)
        json_array_append_new(warnings, view_string("steps run under the agent's own user"));
    if (a->hello->fence == FENCE_WEAK)
        json_array_append_new(warnings, view_string("weak fence: no cgroups on this host, steps are found by walking the process tree"));
    json_object_set_new(j, "name", view_string(a->hello->name));
    if (refused) {
        char text[400];
        snprintf(text, sizeof text, "it was refused: %.*s", (int)bf_utf8_cut(refused, 370), refused);
        json_array_append_new(warnings, view_string(text));
        bytes += 6 * strlen(text);
    }
    const char *held = view_agent_health(v, a, j, warnings);
    json_object_set_new(j, "state", view_string(refused ? "refused" : held ? held : agent_state_name(a->state)));
    json_object_set_new(j, "slots", json_integer(a->hello->slots));
    json_object_set_new(j, "busy", json_integer(a->busy));
    json_object_set_new(j, "prefetched", json_integer(a->prefetched));
    json_object_set_new(j, "round_trip_ms", json_integer(a->hello->round_trip_us / 1000));
    json_object_set_new(j, "labels", labels);
    json_object_set_new(j, "fence", view_string(fence_name(a->hello->fence)));
    json_object_set_new(j, "separate_uid", json_boolean(a->hello->separate_uid));
    view_agent_host(j, warnings, a->hello);
    json_object_set_new(j, "asked_cpu_milli", json_integer((json_int_t)a->asked_cpu_milli));
    json_object_set_new(j, "asked_memory_bytes", json_integer((json_int_t)a->asked_memory_bytes));
    json_object_set_new(j, "version", view_string(a->hello->version));
    json_object_set_new(j, "since", view_time(a->since_us));
    json_object_set_new(j, "warnings", warnings);
    *ret_bytes = bytes;
    return j;
}

/* A page ends early where labels would make it too large: the caller goes on at offset + rows. */
enum bf_rc view_agents(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    (void)err;
    uint64_t limit = view_page_limit(req), seen = 0;
    size_t bytes = 0;
    *ret = json_array();
    for (uint32_t id = 0; (id = engine_next_agent(v->engine, id)) != 0 && json_array_size(*ret) < limit && bytes < VIEW_BYTES_MAX;) {
        struct agent_view a;
        if (!engine_agent(v->engine, id, &a) || seen++ < req->page_offset)
            continue;
        size_t row_bytes;
        json_t *row = agent_row(v, &a, view_refusal(v, &a), &row_bytes);
        bytes += row_bytes;
        if (bytes < VIEW_BYTES_MAX)
            json_array_append_new(*ret, row);
        else
            json_decref(row);
    }
    return BF_OK;
}

enum bf_rc views_answer(const struct view_source *v, const struct op_request *req, struct bf_buf *ret_json, struct bf_error *err)
{
    json_t *j = NULL;
    enum bf_rc rc;
    switch (req->verb) {
    case OP_VERSION: rc = view_version(v, req, &j, err); break;
    case OP_LIST: rc = view_list(v, req, &j, err); break;
    case OP_GET: rc = view_get(v, req, &j, err); break;
    case OP_STEPS: rc = view_steps(v, req, &j, err); break;
    case OP_AGENTS: rc = view_agents(v, req, &j, err); break;
    case OP_PROBES: rc = view_probes(v, req, &j, err); break;
    case OP_POOLS: rc = view_pools(v, req, &j, err); break;
    case OP_WHY: rc = view_why(v, req, &j, err); break;
    case OP_STATUS: rc = view_status(v, req, &j, err); break;
    case OP_LOGS: rc = view_logs(v, req, &j, err); break;
    case OP_CHECKS: rc = view_checks(v, req, &j, err); break;
    case OP_PROFILE: rc = view_profile(v, req, &j, err); break;
    case OP_USAGE: rc = view_usage(v, req, &j, err); break;
    case OP_FAILURES: rc = view_failures(v, req, &j, err); break;
    case OP_PLAN_GET: rc = view_plan_get(v, req, &j, err); break;
    case OP_PLAN_HISTORY: rc = view_plan_history(v, req, &j, err); break;
    case OP_CREATE: rc = view_create(v, req, &j, err); break;
    case OP_AUDIT: rc = view_audit(v, req, &j, err); break;
    case OP_WATCH: rc = view_watch(v, req, &j, err); break;
    case OP_WINDOWS: rc = view_windows(v, req, &j, err); break;
    case OP_CONFIG: rc = view_config(v, req, &j, err); break;
    case OP_JOURNAL: rc = view_journal(v, req, &j, err); break;
    case OP_PRIORITY: rc = view_priority(v, req, &j, err); break;
    case OP_PAUSE:
    case OP_RESUME:
    case OP_CANCEL:
    case OP_RETRY:
    case OP_FORCE:
    case OP_SKIP:
    case OP_MARK: rc = view_steer(v, req, &j, err); break;
    case OP_ALERTS: rc = view_alerts(v, req, &j, err); break;
    case OP_WHY_SUMMARY: rc = view_why_summary(v, req, &j, err); break;
    case OP_KEYS: rc = view_keys(v, req, &j, err); break;
    case OP_BREAKERS: rc = view_breakers(v, req, &j, err); break;
    default: return bf_fail(err, BF_UNSUPPORTED, "%s: not supported yet", op_verb_name(req->verb));
    }
    if (rc == BF_OK)
        view_write(j, ret_json);
    return rc;
}
