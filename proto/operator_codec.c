/* Requests and replies of operators: bytes and plain structs; and the parameters that records share with them. */
#include "proto/operator_msg.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proto/breaker.h"
#include "proto/operator.pb-c.h"
#include "proto/parts.h"
#include "proto/wire.h"

enum { REASON_MAX = 4096, NAME_MAX_BYTES = 256, DATE_MAX = 64, WHAT_MAX = 1024, TOTAL_MAX_BYTES = 17 << 20, REPLY_FIELDS_MAX = 64 };
enum { REPLY_TEXT_MAX = 2048, REPLY_JSON_MAX = (int)BF_MESSAGE_MAX_BYTES - 4096 };

const char *op_reprocess_name(enum op_reprocess how)
{
    switch (how) {
    case OP_REPROCESS_ALL: return "all";
    case OP_REPROCESS_MISSING: return "missing";
    case OP_REPROCESS_FAILED: return "failed";
    }
    return "unknown";
}

const char *op_verb_name(enum op_verb v)
{
    switch (v) {
    case OP_CREATE: return "create";
    case OP_PAUSE: return "pause";
    case OP_RESUME: return "resume";
    case OP_CANCEL: return "cancel";
    case OP_RETRY: return "retry";
    case OP_AGENT_DRAIN: return "agent drain";
    case OP_PRIORITY: return "priority";
    case OP_FORCE: return "force";
    case OP_SKIP: return "skip";
    case OP_MARK: return "mark";
    case OP_POOL_SET: return "pool set";
    case OP_KEY_CREATE: return "keys create";
    case OP_KEY_REVOKE: return "keys revoke";
    case OP_KEY_ROTATE: return "keys rotate";
    case OP_AGENT_ENROLL: return "agent enroll";
    case OP_AGENT_JOIN: return "agent join";
    case OP_ALERT_ACK: return "alerts ack";
    case OP_ALERTS: return "alerts";
    case OP_BREAKER_TRIP: return "breaker trip";
    case OP_BREAKER_OPEN: return "breaker open";
    case OP_BREAKER_CLOSE: return "breaker close";
    case OP_BREAKERS: return "breakers";
    case OP_PLAN_PUT: return "plan put";
    case OP_VERSION: return "version";
    case OP_LIST: return "list";
    case OP_GET: return "get";
    case OP_STEPS: return "steps";
    case OP_AGENTS: return "agents";
    case OP_POOLS: return "pools";
    case OP_WHY: return "why";
    case OP_STATUS: return "status";
    case OP_LOGS: return "logs";
    case OP_PLAN_GET: return "plan get";
    case OP_PLAN_HISTORY: return "plan history";
    case OP_CHECKS: return "checks";
    case OP_FAILURES: return "failures";
    case OP_USAGE: return "usage";
    case OP_PROFILE: return "profile";
    case OP_AUDIT: return "audit";
    case OP_LOG_SEARCH: return "log search";
    case OP_WATCH: return "watch";
    case OP_WINDOWS: return "windows";
    case OP_PROBES: return "probes";
    case OP_WHY_SUMMARY: return "why summary";
    case OP_CONFIG: return "config show";
    case OP_JOURNAL: return "journal";
    case OP_KEYS: return "keys list";
    }
    return "unknown";
}

static bool verb_is_known(uint32_t v)
{
    return strcmp(op_verb_name((enum op_verb)v), "unknown") != 0;
}

/* ---- parameters ---- */

struct Pb__Param **params_to_pb(const struct op_param *params, size_t n, struct bf_arena *tmp)
{
    if (!n)
        return NULL;
    Pb__Param *pb = bf_arena_alloc(tmp, n * sizeof *pb);
    Pb__Param **list = bf_arena_alloc(tmp, n * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        pb__param__init(&pb[i]);
        WIRE_SET_BYTES(&pb[i], name, wire_from_str(params[i].name));
        WIRE_SET_BYTES(&pb[i], value, wire_from_str(params[i].value));
        list[i] = &pb[i];
    }
    return list;
}

struct op_param *params_from_pb(struct wire_in *in, struct Pb__Param *const *pb, size_t n, size_t *ret_n)
{
    *ret_n = wire_count(in, "parameters", n, OP_PARAMS_MAX);
    if (!*ret_n)
        return NULL;
    struct op_param *params = bf_arena_alloc(in->arena, n * sizeof *params);
    for (size_t i = 0; i < n; i++) {
        params[i].name = wire_name(in, "name of a parameter", pb[i]->name, NAME_MAX_BYTES);
        params[i].value = wire_str(in, "value of a parameter", pb[i]->value, PARAM_VALUE_MAX);
    }
    return params;
}

/* ---- selectors, and other lists of words ---- */

ProtobufCBinaryData *words_to_pb(const char *const *words, size_t n, struct bf_arena *tmp)
{
    ProtobufCBinaryData *pb = n ? bf_arena_alloc(tmp, n * sizeof *pb) : NULL;
    for (size_t i = 0; i < n; i++)
        pb[i] = wire_from_str(words[i]);
    return pb;
}

static const char *const *selectors_from_pb(struct wire_in *in, const ProtobufCBinaryData *pb, size_t n, size_t *ret_n)
{
    *ret_n = wire_count(in, "selectors", n, OP_SELECTORS_MAX);
    const char **selectors = *ret_n ? bf_arena_alloc(in->arena, n * sizeof *selectors) : NULL;
    for (size_t i = 0; i < *ret_n; i++)
        selectors[i] = wire_str(in, "selector", pb[i], OP_SELECTOR_MAX_BYTES);
    return selectors;
}

const char *const *words_from_pb(struct wire_in *in, const char *what, const ProtobufCBinaryData *pb, size_t n, size_t max, size_t *ret_n)
{
    *ret_n = wire_count(in, what, n, max);
    const char **words = *ret_n ? bf_arena_alloc(in->arena, n * sizeof *words) : NULL;
    for (size_t i = 0; i < *ret_n; i++)
        words[i] = wire_str(in, what, pb[i], KEY_NAME_MAX);
    return words;
}

/* ---- requests ---- */

static const struct op_request request_empty = {
    .reason = "", .from = "", .to = "", .state = "", .name = "", .who = "", .what = "", .pattern = "", .cursor = ""};

void request_to_pb(const struct op_request *m, struct Pb__OpRequest *pb, struct bf_arena *tmp)
{
    WIRE_SET_BYTES(pb, id, wire_from_bytes(m->id, sizeof m->id));
    WIRE_SET(pb, verb, (uint32_t)m->verb);
    WIRE_SET(pb, backfill, m->backfill);
    WIRE_SET_BYTES(pb, reason, wire_from_str(m->reason));
    WIRE_SET_BYTES(pb, plan_hash, wire_from_nonzero(m->plan_hash, sizeof m->plan_hash));
    WIRE_SET_BYTES(pb, from, wire_from_str(m->from));
    WIRE_SET_BYTES(pb, to, wire_from_str(m->to));
    WIRE_SET(pb, backward, m->backward);
    pb->n_params = m->n_params;
    pb->params = params_to_pb(m->params, m->n_params, tmp);
    WIRE_SET(pb, total_bytes, m->total_bytes);
    WIRE_SET(pb, offset_bytes, m->offset_bytes);
    WIRE_SET_BYTES(pb, bytes, wire_from_bytes(m->bytes, m->n_bytes));
    pb->n_selectors = m->n_selectors;
    pb->selectors = words_to_pb(m->selectors, m->n_selectors, tmp);
    WIRE_SET_BYTES(pb, state, wire_from_str(m->state));
    WIRE_SET_BYTES(pb, name, wire_from_str(m->name));
    WIRE_SET(pb, page_offset, m->page_offset);
    WIRE_SET(pb, page_limit, m->page_limit);
    WIRE_SET(pb, attempt, m->attempt);
    WIRE_SET(pb, priority, (uint32_t)m->priority);
    WIRE_SET(pb, dry_run, m->dry_run);
    WIRE_SET(pb, downstream, m->downstream);
    WIRE_SET(pb, keep_running, m->keep_running);
    WIRE_SET(pb, queue, m->queue);
    WIRE_SET(pb, reprocess, (uint32_t)m->reprocess);
    WIRE_SET(pb, since_us, m->since_us);
    WIRE_SET(pb, until_us, m->until_us);
    WIRE_SET_BYTES(pb, who, wire_from_str(m->who));
    WIRE_SET_BYTES(pb, what, wire_from_str(m->what));
    WIRE_SET_BYTES(pb, pattern, wire_from_str(m->pattern ? m->pattern : ""));
    WIRE_SET(pb, log_flags, m->log_flags);
    WIRE_SET_BYTES(pb, cursor, wire_from_str(m->cursor ? m->cursor : ""));
    WIRE_SET(pb, context_before, m->context_before);
    WIRE_SET(pb, context_after, m->context_after);
    WIRE_SET(pb, key_role, (uint32_t)m->key_role);
    WIRE_SET_BYTES(pb, public_key, wire_from_nonzero(m->public_key, sizeof m->public_key));
    pb->n_plans = m->n_plans;
    pb->plans = words_to_pb(m->plans, m->n_plans, tmp);
    pb->n_pools = m->n_pools;
    pb->pools = words_to_pb(m->pools, m->n_pools, tmp);
    WIRE_SET(pb, ttl_ms, m->ttl_ms);
    if (m->verb == OP_POOL_SET) {
        pb->pool = bf_arena_alloc(tmp, sizeof *pb->pool);
        pb__pool__init(pb->pool);
        pool_to_pb(&m->pool, pb->pool, tmp);
        WIRE_SET(pb->pool, slots, m->pool_slots);
    }
    WIRE_SET(pb, reset, m->reset);
    WIRE_SET(pb, pool_back, m->pool_back);
}

static void pool_set_from_pb(struct wire_in *in, const struct Pb__OpRequest *pb, struct op_request *ret)
{
    ret->reset = pb->reset;
    if ((pb->verb == OP_POOL_SET) != (pb->pool != NULL) || ((pb->reset || pb->pool_back) && pb->verb != OP_POOL_SET))
        wire_bad(in, BF_PROTOCOL, "%s: the budget of a pool belongs to pool set, and that needs one", op_verb_name(ret->verb));
    if (pb->pool_back > POOL_BACK_ALL)
        wire_bad(in, BF_PROTOCOL, "%s: what is to be taken back is not known here", op_verb_name(ret->verb));
    if (!pb->pool)
        return;
    pool_from_pb(in, pb->pool, 0, &ret->pool);
    ret->pool_slots = pb->pool->slots;
    ret->pool_back = pb->pool_back;
}

static void slice_from_pb(struct wire_in *in, const struct Pb__OpRequest *pb, struct op_request *ret)
{
    ret->total_bytes = pb->total_bytes;
    ret->offset_bytes = pb->offset_bytes;
    ret->bytes = wire_bytes(in, "slice of a plan", pb->bytes, OP_PLAN_CHUNK_BYTES);
    ret->n_bytes = ret->bytes ? pb->bytes.len : 0;
    if (pb->total_bytes > TOTAL_MAX_BYTES)
        wire_bad(in, BF_LIMIT, "a plan has %llu bytes with its files; at most 16 MiB are allowed",
                 (unsigned long long)pb->total_bytes);
    if (pb->offset_bytes > pb->total_bytes || ret->n_bytes > pb->total_bytes - pb->offset_bytes)
        wire_bad(in, BF_PROTOCOL, "a slice of a plan lies outside the plan");
}

/* Another verb that says so must not be carried out. */
static bool can_be_tried(uint32_t verb)
{
    return verb == OP_CREATE || (verb >= OP_PAUSE && verb <= OP_RETRY) || (verb >= OP_PRIORITY && verb <= OP_MARK);
}

static void change_from_pb(struct wire_in *in, const struct Pb__OpRequest *pb, struct op_request *ret)
{
    ret->priority = wire_enum(in, "priority class", pb->priority, 0, OP_LOW);
    ret->dry_run = pb->dry_run;
    ret->downstream = pb->downstream;
    ret->keep_running = pb->keep_running;
    if (pb->verb == OP_PRIORITY && !pb->priority)
        wire_bad(in, BF_PROTOCOL, "a change of priority comes without its class");
    if (pb->dry_run && !can_be_tried(pb->verb))
        wire_bad(in, BF_UNSUPPORTED, "%s: a dry run is not supported yet", op_verb_name(ret->verb));
}

/* Of another verb they must not be passed over: it would do more, or less, than was asked for. */
static void create_from_pb(struct wire_in *in, const struct Pb__OpRequest *pb, struct op_request *ret)
{
    ret->queue = pb->queue;
    ret->reprocess = wire_enum(in, "way of reprocessing", pb->reprocess, OP_REPROCESS_ALL, OP_REPROCESS_FAILED);
    if (pb->verb != OP_CREATE && (pb->queue || pb->reprocess))
        wire_bad(in, BF_PROTOCOL, "%s: queue and reprocess belong to create", op_verb_name(ret->verb));
}

static void log_search_from_pb(struct wire_in *in, const struct Pb__OpRequest *pb, struct op_request *ret)
{
    ret->pattern = wire_str(in, "pattern", pb->pattern, OP_PATTERN_MAX_BYTES);
    ret->log_flags = pb->log_flags;
    ret->cursor = wire_str(in, "cursor", pb->cursor, OP_CURSOR_MAX_BYTES);
    ret->context_before = pb->context_before;
    ret->context_after = pb->context_after;
    if (pb->log_flags & ~OP_LOG_FLAGS)
        wire_bad(in, BF_PROTOCOL, "a search of logs asks for something that is not known here; bfctl may be of a newer version");
}

static void key_from_request(struct wire_in *in, const struct Pb__OpRequest *pb, struct op_request *ret)
{
    ret->key_role = wire_enum(in, "role of a key", pb->key_role, 0, KEY_ENROL);
    wire_exact(in, "public key", pb->public_key, ret->public_key, sizeof ret->public_key);
    ret->plans = words_from_pb(in, "plans of a key", pb->plans, pb->n_plans, KEY_SCOPES_MAX, &ret->n_plans);
    ret->pools = words_from_pb(in, "pools of a key", pb->pools, pb->n_pools, KEY_SCOPES_MAX, &ret->n_pools);
    ret->ttl_ms = wire_duration(in, "life of a token", pb->ttl_ms);
    bool needs_key = pb->verb == OP_KEY_CREATE || (pb->verb >= OP_KEY_ROTATE && pb->verb <= OP_AGENT_JOIN);
    if (needs_key && !pb->public_key.len)
        wire_bad(in, BF_PROTOCOL, "%s: the request comes without a public key", op_verb_name(ret->verb));
}

void request_from_pb(struct wire_in *in, const struct Pb__OpRequest *pb, struct op_request *ret)
{
    *ret = request_empty;
    if (!pb) {
        wire_bad(in, BF_PROTOCOL, "a command comes without its request");
        return;
    }
    if (!pb->id.len)
        wire_bad(in, BF_PROTOCOL, "a request comes without its id");
    wire_exact(in, "request id", pb->id, ret->id, sizeof ret->id);
    if (!verb_is_known(pb->verb))
        wire_bad(in, BF_PROTOCOL, "request verb %u is not known here; bfctl may be of a newer version than the coordinator",
                 pb->verb);
    ret->verb = pb->verb;
    ret->backfill = pb->backfill;
    ret->reason = wire_str(in, "reason", pb->reason, REASON_MAX);
    wire_exact(in, "plan hash", pb->plan_hash, ret->plan_hash, sizeof ret->plan_hash);
    ret->from = wire_str(in, "from", pb->from, DATE_MAX);
    ret->to = wire_str(in, "to", pb->to, DATE_MAX);
    ret->backward = pb->backward;
    ret->params = params_from_pb(in, pb->params, pb->n_params, &ret->n_params);
    slice_from_pb(in, pb, ret);
    ret->selectors = selectors_from_pb(in, pb->selectors, pb->n_selectors, &ret->n_selectors);
    ret->state = wire_str(in, "state", pb->state, NAME_MAX_BYTES);
    ret->name = wire_str(in, "name", pb->name, BREAKER_NAME_MAX);
    ret->page_offset = pb->page_offset;
    ret->page_limit = pb->page_limit;
    bool of_bytes = pb->verb == OP_LOGS || pb->verb == OP_PLAN_GET;
    uint32_t most = pb->verb == OP_LOGS ? OP_LOG_PAGE_BYTES : of_bytes ? OP_PLAN_CHUNK_BYTES : OP_PAGE_MAX;
    if (pb->page_limit > most)
        wire_bad(in, BF_LIMIT, "a page of %u %s was asked for; at most %u are allowed", pb->page_limit, of_bytes ? "bytes" : "rows", most);
    ret->attempt = pb->attempt;
    ret->since_us = pb->since_us;
    ret->until_us = pb->until_us;
    ret->who = wire_str(in, "who", pb->who, NAME_MAX_BYTES);
    ret->what = wire_str(in, "what", pb->what, WHAT_MAX);
    change_from_pb(in, pb, ret);
    create_from_pb(in, pb, ret);
    log_search_from_pb(in, pb, ret);
    key_from_request(in, pb, ret);
    pool_set_from_pb(in, pb, ret);
}

void op_request_encode(const struct op_request *m, struct bf_buf *ret)
{
    size_t before = ret->len;
    struct bf_arena tmp = {0};
    Pb__OpRequest pb = PB__OP_REQUEST__INIT;
    request_to_pb(m, &pb, &tmp);
    wire_put(ret, &pb.base);
    bf_arena_free(&tmp);
    assert(ret->len - before <= BF_MESSAGE_MAX_BYTES);
}

enum bf_rc op_request_decode(const void *p, size_t n, struct op_request *ret, struct bf_error *err)
{
    *ret = request_empty;
    if (n > BF_MESSAGE_MAX_BYTES)
        return bf_fail(err, BF_LIMIT, "a request has %zu bytes; at most %u are allowed", n, BF_MESSAGE_MAX_BYTES);
    struct wire_scratch scratch;
    wire_scratch_init(&scratch);
    struct wire_in in = {&ret->arena, err, BF_OK};
    const void *pb = wire_unpack(&in, &scratch, &pb__op_request__descriptor, p, n, REQUEST_FIELDS_MAX, "a request");
    if (pb)
        request_from_pb(&in, pb, ret);
    wire_scratch_done(&scratch);
    return in.rc;
}

void op_request_done(struct op_request *m)
{
    if (!m)
        return;
    bf_arena_free(&m->arena);
    *m = (struct op_request){0};
}

/* ---- replies ---- */

/* An answer that is too long for a message is a reply that says so, not an abort: its length follows from what was asked. */
void op_reply_encode(const struct op_reply *m, struct bf_buf *ret)
{
    struct bf_arena tmp = {0};
    char too_long[160];
    Pb__OpReply pb = PB__OP_REPLY__INIT;
    WIRE_SET_BYTES(&pb, id, wire_from_bytes(m->id, sizeof m->id));
    if (m->json_len > REPLY_JSON_MAX) {
        snprintf(too_long, sizeof too_long, "the answer is %zu bytes long; ask for fewer rows (at most %d bytes fit a reply)",
                 m->json_len, REPLY_JSON_MAX);
        WIRE_SET(&pb, rc, (uint32_t)BF_LIMIT);
        WIRE_SET_BYTES(&pb, text, wire_from_str(too_long));
    } else {
        WIRE_SET(&pb, rc, (uint32_t)m->rc);
        WIRE_SET_BYTES(&pb, text, wire_from_text(m->text, REPLY_TEXT_MAX, &tmp));
        WIRE_SET_BYTES(&pb, json, wire_from_bytes(m->json, m->json_len));
    }
    wire_put(ret, &pb.base);
    bf_arena_free(&tmp);
}

enum bf_rc op_reply_decode(const void *p, size_t n, struct op_reply *ret, struct bf_error *err)
{
    *ret = (struct op_reply){.text = "", .json = ""};
    if (n > BF_MESSAGE_MAX_BYTES)
        return bf_fail(err, BF_LIMIT, "a reply has %zu bytes; at most %u are allowed", n, BF_MESSAGE_MAX_BYTES);
    struct wire_scratch scratch;
    wire_scratch_init(&scratch);
    struct wire_in in = {&ret->arena, err, BF_OK};
    const Pb__OpReply *pb = wire_unpack(&in, &scratch, &pb__op_reply__descriptor, p, n, REPLY_FIELDS_MAX, "a reply");
    if (pb) {
        if (!pb->id.len)
            wire_bad(&in, BF_PROTOCOL, "a reply comes without the id of its request");
        wire_exact(&in, "id of a reply", pb->id, ret->id, sizeof ret->id);
        ret->rc = wire_enum(&in, "result code", pb->rc, BF_OK, BF_RC_COUNT - 1);
        ret->text = wire_str(&in, "text of a reply", pb->text, REPLY_TEXT_MAX);
        ret->json = wire_str(&in, "document of a reply", pb->json, REPLY_JSON_MAX);
        ret->json_len = in.rc ? 0 : pb->json.len;
    }
    wire_scratch_done(&scratch);
    return in.rc;
}

void op_reply_done(struct op_reply *m)
{
    if (!m)
        return;
    bf_arena_free(&m->arena);
    *m = (struct op_reply){0};
}
