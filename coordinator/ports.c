/* Between the turn, the store and the sockets: nothing is decided here.
 *
 * This is also the record of who changed what: a change is logged when it is taken (event=command) and when it is answered
 * (command_done, command_refused), the two joined by the id of the request.  The answer's line names the backfill that "latest"
 * stood for. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/vec.h"
#include "coordinator/authority.h"
#include "coordinator/commit.h"
#include "coordinator/failpoint.h"
#include "coordinator/logs/log_searches.h"
#include "coordinator/service_state.h"

#define REQUEST_NAME_BYTES 4
#define PLAN_TARGET_HASH_BYTES 6
#define PLAN_TARGET_BYTES 32

/* ---- what the turn asks for ---- */

enum bf_rc service_commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    struct service *s = arg;
    failpoint_pass(FAILPOINT_BEFORE_COMMIT);
    enum bf_rc rc = commit_turn(s->store, c, err);
    failpoint_pass(FAILPOINT_AFTER_COMMIT);
    return rc;
}

/* So that a log is found by what it is of: the first chunk of an attempt writes it down. */
static void name_attempt(struct service *s, const uint8_t key[BF_KEY_BYTES], const struct attempt_view *a)
{
    const struct log_name name = {.attempt = a->ref.attempt, .backfill = a->backfill, .step = a->step, .index = a->index, .n = a->n,
                                  .run = a->run, .attempt_no = a->attempt_no, .agent = a->agent};
    log_store_granted(logs_store(s->logs), key, &name);
}

static void name_dispatched(struct service *s, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    struct attempt_view a;
    for (size_t i = 0; i < msg->n_assignments; i++)
        if (msg->assignments[i].kind != STEP_NOOP && engine_find_attempt(turn_engine(s->turns), msg->assignments[i].ref.attempt, &a))
            name_attempt(s, key, &a);
}

void service_name_open_attempts(struct service *s)
{
    const struct engine *e = turn_engine(s->turns);
    struct attempt_view a;
    struct agent_view agent;
    for (uint64_t id = 0; (id = engine_next_attempt(e, id)) != 0;)
        if (engine_find_attempt(e, id, &a) && engine_agent(e, a.agent, &agent))
            name_attempt(s, agent.key, &a);
}

static void port_send_agent(void *arg, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    struct service *s = arg;
    if (msg->kind == AGENT_DISPATCH)
        name_dispatched(s, key, msg);            /* before the agent can write */
    refusals_told(&s->refusals, turn_engine(s->turns), key, msg);
    fleet_send(s->fleet, key, msg);
    if (msg->kind == AGENT_REPORT_ACK)
        failpoint_pass(FAILPOINT_AFTER_ACK);
}

struct request_name { char text[2 * REQUEST_NAME_BYTES + 1]; };

/* The first bytes of a request's random id: enough to join two lines of a log. */
static struct request_name request_name(const uint8_t id[OP_REQUEST_ID_BYTES])
{
    struct request_name ret;
    bf_hex(id, REQUEST_NAME_BYTES, ret.text);
    return ret;
}

static void port_reply(void *arg, const uint8_t key[BF_KEY_BYTES], const struct op_reply *reply)
{
    struct service *s = arg;
    struct zap_key who = {.name = "-"};          /* the key was taken away meanwhile */
    zap_find(s->zap, key, DOMAIN_API, &who);
    if (reply->rc == BF_OK)
        bf_info("command_done", "request=%s by=%s text=%s", request_name(reply->id).text, bf_log_quote(who.name),
                bf_log_quote(reply->text));
    else
        bf_info("command_refused", "request=%s by=%s rc=%s why=%s", request_name(reply->id).text, bf_log_quote(who.name),
                bf_rc_name(reply->rc), bf_log_quote(reply->text));
    api_reply(s->api, key, reply);
    failpoint_pass(FAILPOINT_AFTER_ACK);
}

/* ---- keys ---- */

enum bf_rc service_set_keys(struct service *s, struct bf_error *err)
{
    size_t n;
    BF_AUTO_FREE struct zap_key *table = keyring_table(s->keys, turn_engine(s->turns), &n);
    enum bf_rc rc = zap_set_keys(s->zap, table, n, err);
    if (rc == BF_OK)
        fleet_forget_revoked(s->fleet);
    keyring_forget_gone(s->keys, turn_engine(s->turns));
    return rc;
}

static void port_keys_changed(void *arg)
{
    struct bf_error err = {0};
    if (service_set_keys(arg, &err) != BF_OK)    /* cannot be: every part of the table was checked */
        bf_error_log("keys_not_set", "why=%s", bf_log_quote(err.text));
}

static size_t port_configured_keys(void *arg, const char *name, const uint8_t key[BF_KEY_BYTES], struct key_entry *ret, size_t max)
{
    struct service *s = arg;
    return keyring_configured(s->keys, turn_engine(s->turns), name, key, ret, max);
}

static enum bf_rc port_may_create(void *arg, const uint8_t key[BF_KEY_BYTES], const struct op_request *req, const struct plan *plan,
                                  struct bf_error *err)
{
    struct service *s = arg;
    const struct key_entry *who = keyring_find(s->keys, turn_engine(s->turns), key);
    enum bf_rc rc = who ? authority_may_create(who, plan, err) : authority_gone(turn_engine(s->turns), key, err);
    struct zap_key sender = {.name = "-"};
    char target[PLAN_TARGET_BYTES], hex[2 * PLAN_TARGET_HASH_BYTES + 1];
    if (rc != BF_DENIED)
        return rc;
    bool known = zap_find(s->zap, key, DOMAIN_API, &sender);
    bf_hex(req->plan_hash, PLAN_TARGET_HASH_BYTES, hex);
    snprintf(target, sizeof target, "plan %s", hex);        /* as the engine names one that it refuses */
    api_denied(s->api, sender.name, err->text);
    trail_denied(s, key, known ? &sender : NULL, req, target, err->text);
    return rc;
}

struct turn_ports service_ports(struct service *s)
{
    return (struct turn_ports){.arg = s, .commit = service_commit, .send_agent = port_send_agent, .reply = port_reply,
                               .keys_changed = port_keys_changed, .configured_keys = port_configured_keys, .may_create = port_may_create,
                               .prepare = service_prepare};
}

/* ---- what comes in ---- */

void service_agent_told(void *arg, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    struct service *s = arg;
    turn_agent_message(s->turns, key, msg, bf_boottime_ms());
}

/* What a change is about, in the operator's words.  actor: whose own key it is where none is named. */
static const char *command_target(const struct op_request *req, const char *actor, char *ret, size_t size)
{
    if (req->verb >= OP_POOL_SET && req->verb <= OP_ALERT_ACK)
        return req->name;
    if (req->verb == OP_AGENT_DRAIN || (req->verb >= OP_KEY_CREATE && req->verb <= OP_AGENT_JOIN))
        return *req->name ? req->name : actor;
    if (req->verb == OP_CREATE)
        return "new";
    if (req->backfill == OP_LATEST)
        return "latest";
    snprintf(ret, size, "bf-%" PRIu32, req->backfill);
    return ret;
}

static void call_command(void *arg, const uint8_t key[ZAP_KEY_BYTES], const char *actor, enum key_role role, const struct op_request *req,
                         const void *bundle, size_t bundle_bytes)
{
    struct service *s = arg;
    char target[24];
    if (req->dry_run) {
        service_try_create(s, key, req, bundle, bundle_bytes);
        return;
    }
    bf_info("command", "verb=%s target=%s request=%s by=%s reason=%s", bf_log_quote(op_verb_name(req->verb)),
            bf_log_quote(command_target(req, actor, target, sizeof target)), request_name(req->id).text, bf_log_quote(actor),
            bf_log_quote(req->reason));
    turn_command(s->turns, key, actor, key_role_name(role), req, bundle, bundle_bytes);
}

static void call_denied(void *arg, const uint8_t key[ZAP_KEY_BYTES], const struct zap_key *who, const struct op_request *req,
                        const char *why)
{
    struct service *s = arg;
    char target[24];
    trail_denied(s, key, who, req, command_target(req, who ? who->name : "", target, sizeof target), why);
}

/* The two clocks tick alike and are read one after the other: only a step of the wall clock moves what is shown. */
#define CLOCK_STEP_US INT64_C(250000)

static int64_t engine_zero_us(struct service *s, int64_t engine_ms, int64_t wall_us)
{
    int64_t zero_us = (wall_us / 1000 - engine_ms) * 1000, moved_us = zero_us - s->zero_us;
    if (moved_us > CLOCK_STEP_US || moved_us < -CLOCK_STEP_US)
        s->zero_us = zero_us;
    return s->zero_us;
}

struct view_source service_view(struct service *s, const uint8_t key[ZAP_KEY_BYTES])
{
    int64_t engine_ms = turn_engine_ms(s->turns, bf_boottime_ms()), wall_us = bf_realtime_us();
    return (struct view_source){
        .engine = turn_engine(s->turns), .cluster = s->cluster, .store_format = store_meta(s->store)->format,
        .engine_ms = engine_ms, .wall_us = wall_us, .zero_us = engine_zero_us(s, engine_ms, wall_us), .seq = turn_seq(s->turns),
        .logs = logs_store(s->logs), .store = s->store, .cache = s->cache, .turns = s->turns,
        .keys = s->keys, .who = keyring_find(s->keys, turn_engine(s->turns), key),
        .api = api_endpoint(s->api), .fleet = fleet_endpoint(s->fleet), .logs_at = logs_endpoint(s->logs),
        .config = &s->config, .config_path = s->config_path, .log_keep_bytes = s->config.log_keep_bytes,
        .log_keep_age_ms = s->config.log_keep_age_ms, .refused = refusals_of, .refused_arg = &s->refusals,
    };
}

static enum bf_rc call_permit(void *arg, const struct zap_key *who, const struct op_request *req, uint32_t *backfill, struct bf_error *err)
{
    struct service *s = arg;
    const struct key_entry *entry = keyring_find(s->keys, turn_engine(s->turns), who->key);
    if (!entry)
        return authority_gone(turn_engine(s->turns), who->key, err);
    keyring_saw(s->keys, who->key, bf_realtime_us());
    return authority_permit(turn_engine(s->turns), entry, req, backfill, err);
}

static const char *call_gone(void *arg, const uint8_t key[ZAP_KEY_BYTES])
{
    struct service *s = arg;
    const struct key_entry *entry = engine_key_find(turn_engine(s->turns), key);
    return entry ? entry->name : "";
}

static enum bf_rc call_query(void *arg, const uint8_t key[ZAP_KEY_BYTES], const struct op_request *req, struct bf_buf *ret_json,
                             struct bf_error *err)
{
    const struct view_source v = service_view(arg, key);
    return views_answer(&v, req, ret_json, err);
}

enum bf_rc service_put_told(enum bf_rc rc, const struct bf_error *err)
{
    if (rc == BF_INTERNAL)
        bf_error_log("work_refused", "why=%s", bf_log_quote(err->text));
    return rc;
}

static enum bf_rc call_search(void *arg, const uint8_t key[ZAP_KEY_BYTES], const struct op_request *req, struct bf_error *err)
{
    struct service *s = arg;
    const struct view_source v = service_view(s, key);
    struct log_job *job = bf_xcalloc(1, sizeof *job);
    memcpy(job->key, key, sizeof job->key);
    memcpy(job->id, req->id, sizeof job->id);
    enum bf_rc rc = view_log_query(&v, req, &job->query, err);
    if (rc == BF_OK)
        rc = service_put_told(log_searches_ask(logs_searches(s->logs), job, err), err);
    if (rc != BF_OK)
        log_job_free(job);
    return rc;
}

void service_searched(struct service *s)
{
    struct bf_buf json = {0};
    for (struct log_job *job; (job = bf_work_queue_take(logs_searches(s->logs))) != NULL; log_job_free(job)) {
        const struct view_source v = service_view(s, job->key);
        struct bf_error err = {0};
        bf_buf_clear(&json);
        enum bf_rc rc = view_log_page(&v, job, &json, &err);
        struct op_reply reply = {.rc = rc, .text = rc == BF_OK ? "" : err.text, .json = "", .json_len = 0};
        if (rc == BF_OK) {
            reply.json = bf_buf_cstr(&json);
            reply.json_len = json.len;
        }
        memcpy(reply.id, job->id, sizeof reply.id);
        api_reply(s->api, job->key, &reply);
    }
    bf_buf_free(&json);
}

struct api_calls service_api_calls(struct service *s)
{
    return (struct api_calls){.arg = s, .command = call_command, .denied = call_denied, .query = call_query, .search = call_search,
                              .permit = call_permit, .gone = call_gone};
}
