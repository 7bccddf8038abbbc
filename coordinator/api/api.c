/* The api socket: decode, check the role, then answer at once (queries, slices of plans) or hand on (changes).
 *
 * Owns the changes that wait for their answer, by key and request id, and the staged plans.  Order of checks: shape, key, role;
 * a request that cannot be read is answered only when its key is good and its id could be read. */
#include "coordinator/api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "coordinator/api/staging.h"
#include "coordinator/zap/door.h"
#include "proto/agent_msg.h"

#define LINGER_MS 1000
#define RECEIVE_MESSAGES 64
#define SEND_MESSAGES 8
#define PENDING_KEY_BYTES (ZAP_KEY_BYTES + OP_REQUEST_ID_BYTES)

struct api {
    struct zap *zap;
    struct door *door;
    struct api_calls calls;
    struct bf_smap pending;                      /* key and request id -> struct door_id, owned */
    struct staging staging;
    struct api_stats stats;
    struct door_quota quota;
    struct bf_buf json, scratch;
};

enum bf_rc api_open(struct zap *z, const struct api_options *o, struct api **ret, struct bf_error *err)
{
    const struct door_options door = {.endpoint = o->endpoint, .domain = DOMAIN_API, .secret_key = o->secret_key,
                                      .receive_messages = RECEIVE_MESSAGES, .send_messages = SEND_MESSAGES,
                                      .linger_ms = LINGER_MS};
    struct door *opened;
    enum bf_rc rc = door_open(z, &door, &opened, err);
    if (rc != BF_OK)
        return rc;
    struct api *a = bf_xcalloc(1, sizeof *a);
    a->zap = z;
    a->door = opened;
    a->calls = o->calls;
    *ret = a;
    return BF_OK;
}

void api_close(struct api *a)
{
    if (!a)
        return;
    size_t pos = 0, key_len;
    const char *key;
    void *id;
    while (bf_smap_next(&a->pending, &pos, &key, &key_len, &id))
        free(id);
    bf_smap_free(&a->pending);
    staging_done(&a->staging);
    bf_buf_free(&a->json);
    bf_buf_free(&a->scratch);
    door_close(a->door);
    free(a);
}

const char *api_endpoint(const struct api *a) { return door_endpoint(a->door); }
int api_fd(const struct api *a) { return door_fd(a->door); }
bool api_readable(const struct api *a) { return door_readable(a->door); }
const struct api_stats *api_stats(const struct api *a) { return &a->stats; }
void api_tidy(struct api *a, int64_t now_ms) { staging_forget_old(&a->staging, now_ms); }

/* ---- out ---- */

static void reply_send(struct api *a, const struct door_id *to, const struct op_reply *reply)
{
    bf_buf_clear(&a->scratch);
    op_reply_encode(reply, &a->scratch);
    if (a->scratch.len > BF_MESSAGE_MAX_BYTES) {
        struct op_reply smaller = {.rc = BF_LIMIT, .text = "the answer is over 1 MiB; ask for a smaller page", .json = ""};
        memcpy(smaller.id, reply->id, sizeof smaller.id);
        bf_buf_clear(&a->scratch);
        op_reply_encode(&smaller, &a->scratch);
    }
    if (door_send(a->door, to, a->scratch.data, a->scratch.len) == DOOR_SENT)
        a->stats.replies++;
    else
        a->stats.replies_lost++;
}

static void reply_fail(struct api *a, const struct door_id *to, const uint8_t *id, enum bf_rc rc, const char *text)
{
    struct op_reply reply = {.rc = rc, .text = text, .json = ""};
    memcpy(reply.id, id, sizeof reply.id);
    reply_send(a, to, &reply);
}

void api_reply(struct api *a, const uint8_t key[ZAP_KEY_BYTES], const struct op_reply *reply)
{
    uint8_t who[PENDING_KEY_BYTES];
    memcpy(who, key, ZAP_KEY_BYTES);
    memcpy(who + ZAP_KEY_BYTES, reply->id, OP_REQUEST_ID_BYTES);
    struct door_id *to = bf_smap_get(&a->pending, who, sizeof who);
    if (!to) {
        a->stats.replies_lost++;
        return;
    }
    bf_smap_del(&a->pending, who, sizeof who);
    reply_send(a, to, reply);
    free(to);
}

/* ---- in ---- */

/* Told: what would change state, reading the audit, and whatever a key asks for after it was taken away. */
static void denied(struct api *a, const struct door_message *m, bool authorised, const struct op_request *req, const char *why)
{
    if (!authorised || (req->verb < OP_PLAN_PUT && !req->dry_run) || req->verb == OP_AUDIT)
        a->calls.denied(a->calls.arg, m->key, authorised ? &m->who : NULL, req, why);
}

static void refused(struct api *a, uint64_t *counter, const char *event, const char *who, const char *why)
{
    (*counter)++;
    uint64_t left_out;
    if (door_quota(&a->quota, &left_out))
        bf_warn(event, "socket=api who=%s why=%s left_out=%lu", bf_log_quote(who), bf_log_quote(why), (unsigned long)left_out);
}

/* Remember where the answer goes; false when too many wait. */
static bool pending_put(struct api *a, const struct door_message *m, const uint8_t *id)
{
    uint8_t who[PENDING_KEY_BYTES];
    memcpy(who, m->key, ZAP_KEY_BYTES);
    memcpy(who + ZAP_KEY_BYTES, id, OP_REQUEST_ID_BYTES);
    struct door_id *to = bf_smap_get(&a->pending, who, sizeof who);
    if (!to) {
        if (a->pending.n >= API_PENDING_MAX)
            return false;
        to = bf_xmalloc(sizeof *to);
        bf_smap_put(&a->pending, who, sizeof who, to);
    }
    *to = m->id;
    return true;
}

static void request_stage(struct api *a, const struct door_message *m, const struct op_request *req)
{
    struct bf_error err = {0};
    uint64_t have = 0;
    enum bf_rc rc = staging_put(&a->staging, m->key, req, bf_boottime_ms(), &have, &err);
    if (rc != BF_OK) {
        reply_fail(a, &m->id, req->id, rc, err.text);
        return;
    }
    char json[64];
    int n = snprintf(json, sizeof json, "{\"received\":%llu}", (unsigned long long)have);
    struct op_reply reply = {.rc = BF_OK, .text = "", .json = json, .json_len = (size_t)n};
    memcpy(reply.id, req->id, sizeof reply.id);
    reply_send(a, &m->id, &reply);
}

static void request_query(struct api *a, const struct door_message *m, const struct op_request *req)
{
    struct bf_error err = {0};
    bf_buf_clear(&a->json);
    enum bf_rc rc = a->calls.query(a->calls.arg, m->key, req, &a->json, &err);
    if (rc != BF_OK) {
        reply_fail(a, &m->id, req->id, rc, err.text);
        return;
    }
    struct op_reply reply = {.rc = BF_OK, .text = "", .json_len = a->json.len, .json = bf_buf_cstr(&a->json)};
    memcpy(reply.id, req->id, sizeof reply.id);
    reply_send(a, &m->id, &reply);
}

static void request_change(struct api *a, const struct door_message *m, const struct op_request *req)
{
    const struct bf_buf *bundle = req->verb == OP_CREATE ? staging_find(&a->staging, m->key, req->plan_hash) : NULL;
    if (!pending_put(a, m, req->id)) {
        reply_fail(a, &m->id, req->id, BF_LIMIT, "too many changes are waiting; try again in a second");
        return;
    }
    a->calls.command(a->calls.arg, m->key, m->who.name, m->who.role, req, bundle ? bundle->data : NULL, bundle ? bundle->len : 0);
}

static void request_search(struct api *a, const struct door_message *m, const struct op_request *req)
{
    struct bf_error err = {0};
    if (!pending_put(a, m, req->id)) {
        reply_fail(a, &m->id, req->id, BF_LIMIT, "too many requests are waiting; try again in a second");
        return;
    }
    enum bf_rc rc = a->calls.search(a->calls.arg, m->key, req, &err);
    struct op_reply refusal = {.rc = rc, .text = err.text, .json = ""};
    memcpy(refusal.id, req->id, sizeof refusal.id);
    if (rc != BF_OK)
        api_reply(a, m->key, &refusal);
}

void api_denied(struct api *a, const char *who, const char *why)
{
    refused(a, &a->stats.denied, "request_denied", who, why);
}

/* Role, then scopes.  BF_OK, or the sentence for who asked. */
static enum bf_rc request_permit(struct api *a, const struct door_message *m, struct op_request *req, struct bf_error *err)
{
    enum bf_rc rc = access_role_permit(m->who.role, req->verb, err);
    return rc == BF_OK ? a->calls.permit(a->calls.arg, &m->who, req, &req->backfill, err) : rc;
}

static void request_take(struct api *a, const struct door_message *m, struct op_request *req)
{
    struct bf_error err = {0};
    enum bf_rc rc = request_permit(a, m, req, &err);
    if (rc != BF_OK) {
        if (rc == BF_DENIED) {
            api_denied(a, m->who.name, err.text);
            denied(a, m, true, req, err.text);
        }
        reply_fail(a, &m->id, req->id, rc, err.text);
    } else if (req->dry_run && req->verb != OP_CREATE) {
        request_query(a, m, req);
    } else if (req->verb == OP_LOG_SEARCH)
        request_search(a, m, req);
    else if (req->verb >= OP_VERSION)
        request_query(a, m, req);
    else if (req->verb == OP_PLAN_PUT)
        request_stage(a, m, req);
    else
        request_change(a, m, req);
}

static void key_is_gone(struct api *a, const struct door_message *m, const struct op_request *req)
{
    char text[KEY_TEXT];
    struct bf_error why = {0};
    const char *name = a->calls.gone(a->calls.arg, m->key);
    enum bf_rc rc = access_gone(name, &why);
    key_format(m->key, text);
    refused(a, &a->stats.unauthorised, "key_refused", *name ? name : text, why.text);
    denied(a, m, false, req, why.text);
    reply_fail(a, &m->id, req->id, rc, why.text);
}

static void message_take(struct api *a, const struct door_message *m, bool authorised)
{
    struct op_request req;
    struct bf_error err = {0};
    static const uint8_t no_id[OP_REQUEST_ID_BYTES];
    if (op_request_decode(m->bytes, m->n, &req, &err) != BF_OK) {
        refused(a, &a->stats.malformed, "message_malformed", authorised ? m->who.name : "-", err.text);
        /* Where the id could be read the sender is told, so that a client of another version does not wait in vain. */
        if (authorised && memcmp(req.id, no_id, sizeof no_id) != 0)
            reply_fail(a, &m->id, req.id, err.rc, err.text);
    } else if (!authorised)
        key_is_gone(a, m, &req);
    else
        request_take(a, m, &req);
    op_request_done(&req);
}

size_t api_receive(struct api *a, size_t max, int64_t until_us)
{
    size_t n = 0;
    for (; n < max; n++) {
        struct door_message m;
        enum door_got got = door_receive(a->door, &m);
        if (got == DOOR_NONE)
            break;
        a->stats.received++;
        if (got == DOOR_BAD)
            refused(a, &a->stats.bad_frames, "message_malformed", "-", "no key, a routing id of its own, or another shape");
        else
            message_take(a, &m, got == DOOR_MESSAGE);
        if (bf_boottime_us() >= until_us)
            return n + 1;
    }
    return n;
}
