/* Between the turn, the store and the sockets: nothing is decided here. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/vec.h"
#include "coordinator/failpoint.h"
#include "coordinator/service_state.h"
#include "proto/bundle.h"

/* ---- what the turn asks for ---- */

static enum bf_rc port_commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    struct service *s = arg;
    BF_VEC_TYPE(struct store_plan) plans = {0};
    BF_VEC_TYPE(struct store_chunk) chunks = {0};
    for (size_t i = 0; i < c->n_plans; i++) {
        struct store_plan *p = bf_vec_add(&plans);
        memcpy(p->key, c->plans[i].key, sizeof p->key);
        p->bytes = c->plans[i].bytes;
        p->n = c->plans[i].n;
    }
    for (size_t i = 0; i < c->n_chunks; i++)
        bf_vec_push(&chunks, (struct store_chunk){.index = c->chunks[i].index, .bytes = c->chunks[i].bytes, .n = c->chunks[i].n});
    const struct store_write w = {.seq = c->seq, .turn = c->turn, .turn_bytes = c->turn_bytes, .plans = plans.at, .n_plans = plans.n,
                                  .checkpoint_begin = c->checkpoint_begin, .checkpoint_end = c->checkpoint_end,
                                  .checkpoint_seq = c->checkpoint_seq, .chunks = chunks.at, .n_chunks = chunks.n};
    failpoint_pass(FAILPOINT_BEFORE_COMMIT);
    enum bf_rc rc = store_commit(s->store, &w, err);
    failpoint_pass(FAILPOINT_AFTER_COMMIT);
    bf_vec_free(&plans);
    bf_vec_free(&chunks);
    return rc;
}

static void port_send_agent(void *arg, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    struct service *s = arg;
    fleet_send(s->fleet, key, msg);
    if (msg->kind == AGENT_REPORT_ACK)
        failpoint_pass(FAILPOINT_AFTER_ACK);
}

static void port_reply(void *arg, const uint8_t key[BF_KEY_BYTES], const struct op_reply *reply)
{
    struct service *s = arg;
    api_reply(s->api, key, reply);
    failpoint_pass(FAILPOINT_AFTER_ACK);
}

struct turn_ports service_ports(struct service *s)
{
    return (struct turn_ports){.arg = s, .commit = port_commit, .send_agent = port_send_agent, .reply = port_reply};
}

/* ---- what comes in ---- */

void service_agent_told(void *arg, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    struct service *s = arg;
    turn_agent_message(s->turns, key, msg, bf_boottime_ms());
}

/* Bytes that do not match the hash they came under must not be kept under it. */
static enum bf_rc bundle_check(const struct op_request *req, const void *bundle, size_t n, struct bf_error *err)
{
    struct plan_source source;
    uint8_t hash[PLAN_HASH_BYTES];
    enum bf_rc rc = plan_bundle_decode(bundle, n, &source, err);
    if (rc == BF_OK) {
        plan_source_hash(&source, hash);
        if (memcmp(hash, req->plan_hash, sizeof hash) != 0)
            rc = bf_fail(err, BF_INVALID, "the plan's bytes do not match its hash: send it again");
    }
    plan_source_done(&source);
    return rc;
}

static void call_command(void *arg, const uint8_t key[ZAP_KEY_BYTES], const char *actor, const struct op_request *req,
                         const void *bundle, size_t bundle_bytes)
{
    struct service *s = arg;
    struct bf_error err = {0};
    bf_info("command", "verb=%s by=%s backfill=%" PRIu32 " reason=%s", op_verb_name(req->verb), bf_log_quote(actor), req->backfill,
            bf_log_quote(req->reason));
    if (bundle && bundle_check(req, bundle, bundle_bytes, &err) != BF_OK) {
        struct op_reply reply = {.rc = err.rc, .text = err.text, .json = ""};
        memcpy(reply.id, req->id, sizeof reply.id);
        api_reply(s->api, key, &reply);
        return;
    }
    turn_command(s->turns, key, actor, req, bundle, bundle_bytes);
}

static enum bf_rc call_query(void *arg, const struct op_request *req, struct bf_buf *ret_json, struct bf_error *err)
{
    struct service *s = arg;
    const struct view_source v = {
        .engine = turn_engine(s->turns), .cluster = s->cluster, .store_format = store_meta(s->store)->format,
        .engine_ms = turn_engine_ms(s->turns, bf_boottime_ms()), .wall_us = bf_realtime_us(), .seq = turn_seq(s->turns),
        .logs = logs_store(s->logs), .cache = s->cache,
    };
    return views_answer(&v, req, ret_json, err);
}

struct api_calls service_api_calls(struct service *s)
{
    return (struct api_calls){.arg = s, .command = call_command, .query = call_query};
}
