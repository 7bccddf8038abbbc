/* One input, one record: plain structs and generated ones.  turn_codec.c makes lists of them.
 *
 * A field is written when it is not zero, whatever the kind, so that the codec need not know which kind uses which field and a
 * record read back equals the one that was made.  Only the parts of an input follow its kind.  What a kind cannot do without is
 * checked when it is read. */
#include <assert.h>
#include <string.h>

#include "proto/audit.h"
#include "proto/record.pb-c.h"
#include "proto/record_parts.h"

/* What was stored passed its checks on the way in; here only the size is bounded, so that all that was written can be read. */
enum { STORED_MAX_BYTES = 1 << 20, PACKED_MAX_BYTES = 16 << 20, REPLY_TEXT_MAX = 2048 };
enum { ITEM_VERSION = 1, RANGE_NUMBERS = 3 };
_Static_assert(sizeof(struct steer_range) == RANGE_NUMBERS * sizeof(uint32_t), "ranges are written as they lie in memory");

const char *input_kind_name(enum input_kind k)
{
    switch (k) {
    case INPUT_HELLO: return "hello";
    case INPUT_REPORT: return "report";
    case INPUT_BYE: return "bye";
    case INPUT_LOST: return "lost";
    case INPUT_COMMAND: return "command";
    case INPUT_TIMER: return "timer";
    case INPUT_POOL: return "pool";
    case INPUT_EPOCH: return "epoch";
    case INPUT_LOW: return "low";
    case INPUT_DENIED: return "denied";
    case INPUT_SERVICE: return "service";
    case INPUT_PROBE: return "probe";
    case INPUT_RESTORED: return "restored";
    case INPUT_BREAKER: return "breaker";
    }
    return "unknown";
}

const char *record_kind_name(enum record_kind k)
{
    switch (k) {
    case RECORD_COUNTERS: return "counters";
    case RECORD_BACKFILL_CREATED: return "backfill_created";
    case RECORD_BACKFILL_STATE: return "backfill_state";
    case RECORD_GRANTED: return "granted";
    case RECORD_STARTED: return "started";
    case RECORD_ENDED: return "ended";
    case RECORD_RETRIED: return "retried";
    case RECORD_AGENT_JOINED: return "agent_joined";
    case RECORD_AGENT_STATE: return "agent_state";
    case RECORD_POOL_SET: return "pool_set";
    case RECORD_GATE_OPENED: return "gate_opened";
    case RECORD_REPLIED: return "replied";
    case RECORD_READY_AGAIN: return "ready_again";
    case RECORD_STALE_REPORT: return "stale_report";
    case RECORD_CANCELLED: return "cancelled";
    case RECORD_LOW: return "low";
    case RECORD_RESTORED: return "restored";
    case RECORD_OUTDATED: return "outdated";
    case RECORD_PRIORITY_SET: return "priority_set";
    case RECORD_DETAILS: return "details";
    case RECORD_STEERED: return "steered";
    case RECORD_STEER_NOTE: return "steer_note";
    case RECORD_REUSED: return "reused";
    case RECORD_AUDIT: return "audit";
    case RECORD_ALERT: return "alert";
    case RECORD_ALERT_ACKED: return "alert_acked";
    case RECORD_KEY_SET: return "key_set";
    case RECORD_KEY_REVOKED: return "key_revoked";
    case RECORD_TOKEN_USED: return "token_used";
    case RECORD_KEY_FORGOTTEN: return "key_forgotten";
    case RECORD_INSTANCES: return "instances";
    case RECORD_ATTEMPT: return "attempt";
    case RECORD_FAILURE: return "failure";
    case RECORD_GATE: return "gate";
    case RECORD_BACKOFF: return "backoff";
    case RECORD_KEY: return "key";
    case RECORD_LOOKED: return "looked";
    case RECORD_NEAR: return "near";
    case RECORD_RERUN: return "rerun";
    case RECORD_PROFILE: return "profile";
    case RECORD_BREAKER: return "breaker";
    case RECORD_BREAKER_SETTINGS: return "breaker_settings";
    case RECORD_BREAKER_FORGOTTEN: return "breaker_forgotten";
    case RECORD_POOL_LIMIT: return "pool_limit";
    case RECORD_SHARE: return "share";
    case RECORD_YIELDED: return "yielded";
    case RECORD_REVOKED: return "revoked";
    case RECORD_ROUND_TRIP: return "round_trip";
    case RECORD_SHARES: return "shares";
    case RECORD_POOL_HEAD: return "pool_head";
    case RECORD_WINDOW: return "window";
    case RECORD_TIMEBOX: return "timebox";
    case RECORD_PROBED: return "probed";
    }
    return "unknown";
}

static bool input_kind_is_known(uint32_t k)
{
    return (k >= INPUT_HELLO && k <= INPUT_PROBE) || k == INPUT_BREAKER || k == INPUT_RESTORED;
}

static bool record_kind_is_known(uint32_t k)
{
    return strcmp(record_kind_name((enum record_kind)k), "unknown") != 0;
}

static void check_version(struct wire_in *in, const char *what, bool has_version, uint32_t version)
{
    if (has_version && version != ITEM_VERSION)
        wire_bad(in, BF_UNSUPPORTED, "%s is of version %u; this program reads version %d: use a newer one", what, version,
                 ITEM_VERSION);
}

/* ---- inputs ---- */

static void told_to_pb(const struct input_told *t, Pb__Told *pb, struct bf_arena *tmp)
{
    pb__told__init(pb);
    WIRE_SET_BYTES(pb, what, wire_from_text(t->what, AUDIT_WORD_MAX, tmp));
    WIRE_SET_BYTES(pb, target, wire_from_text(t->target, AUDIT_WORD_MAX, tmp));
    WIRE_SET_BYTES(pb, reason, wire_from_text(t->reason, AUDIT_REASON_MAX, tmp));
    WIRE_SET_BYTES(pb, text, wire_from_text(t->text, REPLY_TEXT_MAX, tmp));
    WIRE_SET_BYTES(pb, before, wire_from_text(t->before, AUDIT_REASON_MAX, tmp));
    WIRE_SET_BYTES(pb, after, wire_from_text(t->after, AUDIT_REASON_MAX, tmp));
    WIRE_SET(pb, left_out, t->left_out);
    WIRE_SET(pb, rc, (uint32_t)t->rc);
}

static void told_from_pb(struct wire_in *in, const Pb__Told *pb, struct input_told *ret)
{
    if (!pb) {
        wire_bad(in, BF_PROTOCOL, "an input for the audit comes without what it tells");
        return;
    }
    ret->what = wire_str(in, "what was done", pb->what, STORED_MAX_BYTES);
    ret->target = wire_str(in, "target", pb->target, STORED_MAX_BYTES);
    ret->reason = wire_str(in, "reason", pb->reason, STORED_MAX_BYTES);
    ret->text = wire_str(in, "text", pb->text, STORED_MAX_BYTES);
    ret->before = wire_str(in, "what was before", pb->before, STORED_MAX_BYTES);
    ret->after = wire_str(in, "what is after", pb->after, STORED_MAX_BYTES);
    ret->left_out = pb->left_out;
    ret->rc = wire_enum(in, "result code", pb->rc, BF_OK, BF_RC_COUNT - 1);
}

void input_put_generated(const struct input *i, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    Pb__Input pb = PB__INPUT__INIT;
    Pb__Hello hello;
    Pb__Report report;
    Pb__Outcome outcome;
    Pb__OpRequest command;
    Pb__Told told;
    Pb__Pool pool = PB__POOL__INIT;
    Pb__ProbeReading probe;
    WIRE_SET(&pb, kind, (uint32_t)i->kind);
    WIRE_SET_BYTES(&pb, key, wire_from_nonzero(i->key, sizeof i->key));
    WIRE_SET(&pb, incarnation, i->incarnation);
    WIRE_SET(&pb, agent, i->agent);
    WIRE_SET_BYTES(&pb, actor, wire_from_str(i->actor));
    WIRE_SET_BYTES(&pb, role, wire_from_str(i->role));
    WIRE_SET_BYTES(&pb, pool_name, wire_from_str(i->pool_name));
    WIRE_SET(&pb, pool_slots, i->pool_slots);
    WIRE_SET(&pb, epoch, i->epoch);
    WIRE_SET(&pb, hold_ms, i->hold_ms);
    WIRE_SET(&pb, low, i->low);
    pb.n_configured = i->n_configured;
    pb.configured = keys_to_pb(i->configured, i->n_configured, tmp);
    switch (i->kind) {
    case INPUT_HELLO:
        pb__hello__init(&hello);
        hello_to_pb(&i->hello, &hello, tmp);
        pb.hello = &hello;
        break;
    case INPUT_REPORT:
        pb__report__init(&report);
        report_to_pb(&i->report, &report, &outcome, tmp);
        pb.report = &report;
        break;
    case INPUT_COMMAND:
        pb__op_request__init(&command);
        request_to_pb(&i->command, &command, tmp);
        pb.command = &command;
        break;
    case INPUT_DENIED:
    case INPUT_RESTORED:
    case INPUT_SERVICE:
        told_to_pb(&i->told, &told, tmp);
        pb.told = &told;
        break;
    case INPUT_BREAKER: pb.breaker = breaker_to_pb(&i->breaker, tmp); break;
    case INPUT_PROBE:
        pb__probe_reading__init(&probe);
        input_probe_to_pb(&i->probe, &probe, tmp);
        pb.probe = &probe;
        break;
    case INPUT_POOL:
        pool_to_pb(&i->pool, &pool, tmp);
        pb.pool = i->pool.no_slots || !pool_budget_is_empty(&i->pool) ? &pool : NULL;
        break;
    case INPUT_BYE:
    case INPUT_LOST:
    case INPUT_TIMER:
    case INPUT_EPOCH:
    case INPUT_LOW:
        break;
    }
    assert(input_kind_is_known(i->kind));
    wire_put_element(b, field, &pb.base);
}

static const struct input *input_empty(void)
{
    static const struct input empty = {
        .actor = "", .role = "", .pool_name = "", .hello = {.name = "", .version = "", .boot_id = "", .seen_cluster = ""},
        .told = {.what = "", .target = "", .reason = "", .text = "", .before = "", .after = ""}, .breaker = {.name = ""},
        .report = {.outcome = {.sqlstate = "", .dbms = "", .details = "", .text = ""}},
        .command = {.reason = "", .from = "", .to = "", .state = "", .name = "", .who = "", .what = "", .pattern = "", .cursor = ""},
        .probe = {.connection = "", .why = ""}};
    return &empty;
}

void input_take(struct wire_in *in, struct wire_scratch *scratch, const void *p, size_t n, struct input *ret)
{
    *ret = *input_empty();
    const Pb__Input *pb = wire_unpack(in, scratch, &pb__input__descriptor, p, n, REQUEST_FIELDS_MAX, "an input");
    if (!pb)
        return;
    check_version(in, "an input", pb->has_version, pb->version);
    if (!input_kind_is_known(pb->kind))
        wire_bad(in, BF_PROTOCOL, "an input of kind %u is not known here; a newer version may have written it", pb->kind);
    ret->kind = pb->kind;
    wire_exact(in, "key of an input", pb->key, ret->key, sizeof ret->key);
    ret->incarnation = pb->incarnation;
    ret->agent = pb->agent;
    ret->actor = wire_str(in, "actor", pb->actor, STORED_MAX_BYTES);
    ret->role = wire_str(in, "role", pb->role, STORED_MAX_BYTES);
    ret->pool_name = wire_str(in, "name of a pool", pb->pool_name, STORED_MAX_BYTES);
    ret->pool_slots = pb->pool_slots;
    ret->epoch = pb->epoch;
    ret->hold_ms = pb->hold_ms;
    ret->low = pb->low;
    ret->configured = keys_from_pb(in, pb->configured, pb->n_configured, &ret->n_configured);
    if (ret->kind == INPUT_HELLO)
        hello_from_pb(in, pb->hello, &ret->hello);
    if (ret->kind == INPUT_REPORT)
        report_from_pb(in, pb->report, &ret->report);
    if (ret->kind == INPUT_DENIED || ret->kind == INPUT_SERVICE || ret->kind == INPUT_RESTORED)
        told_from_pb(in, pb->told, &ret->told);
    if (ret->kind == INPUT_PROBE)
        input_probe_from_pb(in, pb->probe, &ret->probe);
    if (pb->pool)
        pool_from_pb(in, pb->pool, &ret->pool);
    breaker_from_pb(in, pb->breaker, &ret->breaker);
    if (ret->kind == INPUT_BREAKER && !ret->breaker.kind)
        wire_bad(in, BF_PROTOCOL, "an input about breakers comes without one");
    if (ret->kind == INPUT_POOL && !*ret->pool_name)
        wire_bad(in, BF_PROTOCOL, "an input about a pool comes without its name");
    if (ret->kind == INPUT_COMMAND) {
        request_from_pb(in, pb->command, &ret->command);
        if (ret->command.verb >= OP_PLAN_PUT)
            wire_bad(in, BF_PROTOCOL, "a command that changes nothing (%s) is no input", op_verb_name(ret->command.verb));
        if (ret->command.dry_run)
            wire_bad(in, BF_PROTOCOL, "a dry run (%s) is no input", op_verb_name(ret->command.verb));
    }
}

/* ---- records: to the wire ---- */

/* Parts of a record that most do not have; on the stack of record_put(). */
struct rare {
    Pb__Outcome outcome;
    Pb__Hello hello;
    Pb__Created created;
    Pb__Gate gate;
    Pb__Pool pool;
    Pb__Replied replied;
    Pb__Counters counters;
    Pb__Classes classes;
    Pb__Steer steer;
    Pb__Reused reused;
    Pb__Audit audit;
    Pb__Key entry;
    Pb__Window window;
    Pb__Alert alert;
    Pb__ProbeReading probe;
};

static bool some(const char *s)
{
    return s && *s;
}

static void created_to_pb(const struct record *r, Pb__Record *pb, struct rare *rare, struct bf_arena *tmp)
{
    ProtobufCBinaryData hash = wire_from_nonzero(r->plan_hash, sizeof r->plan_hash);
    if (!hash.len && !some(r->actor) && !some(r->reason) && !some(r->from) && !some(r->to) && !r->backward && !r->n_params &&
        !r->reprocess && !r->reuse_downstream)
        return;
    pb__created__init(&rare->created);
    WIRE_SET_BYTES(&rare->created, plan_hash, hash);
    WIRE_SET_BYTES(&rare->created, from, wire_from_str(r->from));
    WIRE_SET_BYTES(&rare->created, to, wire_from_str(r->to));
    WIRE_SET(&rare->created, backward, r->backward);
    rare->created.n_params = r->n_params;
    rare->created.params = params_to_pb(r->params, r->n_params, tmp);
    WIRE_SET_BYTES(&rare->created, actor, wire_from_str(r->actor));
    WIRE_SET_BYTES(&rare->created, reason, wire_from_str(r->reason));
    WIRE_SET(&rare->created, reprocess, (uint32_t)r->reprocess);
    WIRE_SET(&rare->created, downstream, r->reuse_downstream);
    pb->created = &rare->created;
}

static void replied_to_pb(const struct record *r, Pb__Record *pb, struct rare *rare, struct bf_arena *tmp)
{
    ProtobufCBinaryData id = wire_from_nonzero(r->request_id, sizeof r->request_id);
    if (!id.len && !r->rc && !some(r->text) && !some(r->json))
        return;
    pb__replied__init(&rare->replied);
    WIRE_SET_BYTES(&rare->replied, request_id, id);
    WIRE_SET(&rare->replied, rc, (uint32_t)r->rc);
    WIRE_SET_BYTES(&rare->replied, text, wire_from_text(r->text, REPLY_TEXT_MAX, tmp));
    WIRE_SET_BYTES(&rare->replied, json, wire_from_str(r->json));
    pb->replied = &rare->replied;
}

static void reused_to_pb(const struct record *r, Pb__Record *pb, struct rare *rare)
{
    _Static_assert(sizeof *r->reused == 2 * sizeof(uint32_t), "ranges are pairs of numbers");
    if (!r->n_reused && !r->last)
        return;
    pb__reused__init(&rare->reused);
    rare->reused.ranges = (uint32_t *)(uintptr_t)r->reused;
    rare->reused.n_ranges = 2 * r->n_reused;
    WIRE_SET(&rare->reused, last, r->last);
    pb->reused = &rare->reused;
}

static void audit_to_pb(const struct record *r, Pb__Record *pb, struct rare *rare, struct bf_arena *tmp)
{
    if (!r->audit && !some(r->role) && !some(r->what) && !some(r->target) && !some(r->before) && !some(r->after))
        return;
    pb__audit__init(&rare->audit);
    WIRE_SET(&rare->audit, kind, (uint32_t)r->audit);
    WIRE_SET_BYTES(&rare->audit, role, wire_from_text(r->role, AUDIT_WORD_MAX, tmp));
    WIRE_SET_BYTES(&rare->audit, what, wire_from_text(r->what, AUDIT_WORD_MAX, tmp));
    WIRE_SET_BYTES(&rare->audit, target, wire_from_text(r->target, AUDIT_WORD_MAX, tmp));
    WIRE_SET_BYTES(&rare->audit, before, wire_from_text(r->before, AUDIT_REASON_MAX, tmp));
    WIRE_SET_BYTES(&rare->audit, after, wire_from_text(r->after, AUDIT_REASON_MAX, tmp));
    pb->audit = &rare->audit;
}

static void window_to_pb(const struct record_window *w, Pb__Record *pb, struct rare *rare)
{
    if (!w->track && !w->budget && !w->number && !w->until_us && !some(w->name) && !some(w->pool))
        return;
    pb__window__init(&rare->window);
    WIRE_SET(&rare->window, track, w->track);
    WIRE_SET(&rare->window, budget, w->budget);
    WIRE_SET(&rare->window, number, w->number);
    WIRE_SET(&rare->window, until_us, w->until_us);
    WIRE_SET_BYTES(&rare->window, name, wire_from_str(w->name));
    WIRE_SET_BYTES(&rare->window, pool, wire_from_str(w->pool));
    pb->window = &rare->window;
}

static void rare_to_pb(const struct record *r, Pb__Record *pb, struct rare *rare, struct bf_arena *tmp)
{
    if (some(r->hello.name)) {
        pb__hello__init(&rare->hello);
        hello_to_pb(&r->hello, &rare->hello, tmp);
        pb->hello = &rare->hello;
    }
    created_to_pb(r, pb, rare, tmp);
    replied_to_pb(r, pb, rare, tmp);
    audit_to_pb(r, pb, rare, tmp);
    if (some(r->probe.connection)) {
        pb__probe_reading__init(&rare->probe);
        input_probe_to_pb(&r->probe, &rare->probe, tmp);
        pb->probe = &rare->probe;
    }
    if (r->edge || r->gate || r->upto) {
        pb__gate__init(&rare->gate);
        WIRE_SET(&rare->gate, edge, r->edge);
        WIRE_SET(&rare->gate, gate, r->gate);
        WIRE_SET(&rare->gate, upto, r->upto);
        pb->gate = &rare->gate;
    }
    if (some(r->pool_name) || r->pool_slots || r->pool_source) {
        pb__pool__init(&rare->pool);
        WIRE_SET_BYTES(&rare->pool, name, wire_from_str(r->pool_name));
        WIRE_SET(&rare->pool, slots, r->pool_slots);
        WIRE_SET(&rare->pool, source, (uint32_t)r->pool_source);
        pool_to_pb(&r->pool, &rare->pool, tmp);
        pb->pool = &rare->pool;
    }
    if (r->epoch || r->next_backfill || r->next_agent || r->next_attempt) {
        pb__counters__init(&rare->counters);
        WIRE_SET(&rare->counters, epoch, r->epoch);
        WIRE_SET(&rare->counters, next_backfill, r->next_backfill);
        WIRE_SET(&rare->counters, next_agent, r->next_agent);
        WIRE_SET(&rare->counters, next_attempt, r->next_attempt);
        pb->counters = &rare->counters;
    }
    if (r->priority || r->n_steps) {
        pb__classes__init(&rare->classes);
        WIRE_SET(&rare->classes, priority, (uint32_t)r->priority);
        rare->classes.steps = (uint32_t *)(uintptr_t)r->steps;
        rare->classes.n_steps = r->n_steps;
        pb->classes = &rare->classes;
    }
    if (r->action || r->steer_flags || r->n_ranges) {
        pb__steer__init(&rare->steer);
        WIRE_SET(&rare->steer, action, (uint32_t)r->action);
        WIRE_SET(&rare->steer, flags, r->steer_flags);
        rare->steer.ranges = (uint32_t *)(uintptr_t)r->ranges;
        rare->steer.n_ranges = RANGE_NUMBERS * r->n_ranges;
        pb->steer = &rare->steer;
    }
    reused_to_pb(r, pb, rare);
    pb->breaker = breaker_to_pb(&r->breaker, tmp);
    window_to_pb(&r->window, pb, rare);
    if (some(r->entry.name)) {
        key_to_pb(&r->entry, &rare->entry, tmp);
        pb->entry = &rare->entry;
    }
    if (r->alert) {
        alert_to_pb(r->alert, &rare->alert);
        pb->alert = &rare->alert;
    }
    pb->limit = limit_to_pb(r->limit, tmp);
}

void record_put_generated(const struct record *r, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    assert(record_kind_is_known(r->kind));
    Pb__Record pb = PB__RECORD__INIT;
    struct rare rare;
    WIRE_SET(&pb, kind, (uint32_t)r->kind);
    WIRE_SET(&pb, backfill, r->backfill);
    WIRE_SET(&pb, step, r->step);
    WIRE_SET(&pb, index, r->index);
    WIRE_SET(&pb, attempt, r->ref.attempt);
    WIRE_SET(&pb, token, r->ref.token);
    WIRE_SET(&pb, agent, r->agent);
    WIRE_SET(&pb, n, r->n);
    WIRE_SET(&pb, run, r->run);
    WIRE_SET(&pb, attempt_no, r->attempt_no);
    WIRE_SET(&pb, started_us, r->started_us);
    pb.has_ended_after_us = r->ended_us != 0;
    pb.ended_after_us = time_after(r->ended_us, r->started_us);
    if (!outcome_is_empty(&r->outcome)) {
        pb__outcome__init(&rare.outcome);
        outcome_to_pb(&r->outcome, &rare.outcome, tmp);
        pb.outcome = &rare.outcome;
    }
    WIRE_SET(&pb, verdict, (uint32_t)r->verdict);
    WIRE_SET(&pb, failure_class, (uint32_t)r->failure_class);
    WIRE_SET(&pb, at_us, r->at_us);
    WIRE_SET(&pb, retry_at_ms, r->retry_at_ms);
    WIRE_SET(&pb, backfill_state, (uint32_t)r->backfill_state);
    WIRE_SET(&pb, agent_state, (uint32_t)r->agent_state);
    WIRE_SET_BYTES(&pb, key, wire_from_nonzero(r->key, sizeof r->key));
    WIRE_SET(&pb, incarnation, r->incarnation);
    WIRE_SET(&pb, low, r->low);
    WIRE_SET_BYTES(&pb, bytes, wire_from_bytes(r->bytes, r->n_bytes));
    WIRE_SET(&pb, budget_spent, r->budget_spent);
    WIRE_SET(&pb, ahead_us, r->ahead_us);
    WIRE_SET(&pb, revoked, (uint32_t)r->revoked);
    pb.n_numbers = r->n_numbers;
    pb.numbers = (uint64_t *)(uintptr_t)r->numbers;
    rare_to_pb(r, &pb, &rare, tmp);
    wire_put_element(b, field, &pb.base);
}

/* ---- records: from the wire ---- */

static const struct record *record_empty(void)
{
    static const struct record empty = {
        .outcome = {.sqlstate = "", .dbms = "", .details = "", .text = ""},
        .hello = {.name = "", .version = "", .boot_id = "", .seen_cluster = ""},
        .actor = "", .reason = "", .from = "", .to = "", .pool_name = "", .text = "", .json = "",
        .window = {.name = "", .pool = ""}, .breaker = {.name = ""}, .probe = {.connection = "", .why = ""},
        .role = "", .what = "", .target = "", .before = "", .after = "", .entry = {.name = "", .by = "", .ended_by = ""}};
    return &empty;
}

static void created_from_pb(struct wire_in *in, const Pb__Created *pb, struct record *ret)
{
    wire_exact(in, "plan hash", pb->plan_hash, ret->plan_hash, sizeof ret->plan_hash);
    ret->from = wire_str(in, "from", pb->from, STORED_MAX_BYTES);
    ret->to = wire_str(in, "to", pb->to, STORED_MAX_BYTES);
    ret->backward = pb->backward;
    ret->params = params_from_pb(in, pb->params, pb->n_params, &ret->n_params);
    ret->actor = wire_str(in, "actor", pb->actor, STORED_MAX_BYTES);
    ret->reason = wire_str(in, "reason", pb->reason, STORED_MAX_BYTES);
    ret->reprocess = wire_enum(in, "way of reprocessing", pb->reprocess, OP_REPROCESS_ALL, OP_REPROCESS_FAILED);
    ret->reuse_downstream = pb->downstream;
}

static void replied_from_pb(struct wire_in *in, const Pb__Replied *pb, struct record *ret)
{
    wire_exact(in, "request id", pb->request_id, ret->request_id, sizeof ret->request_id);
    ret->rc = wire_enum(in, "result code", pb->rc, BF_OK, BF_RC_COUNT - 1);
    ret->text = wire_str(in, "text of a reply", pb->text, REPLY_TEXT_MAX);
    ret->json = wire_str(in, "document of a reply", pb->json, STORED_MAX_BYTES);
}

static void classes_from_pb(struct wire_in *in, const Pb__Classes *pb, struct record *ret)
{
    ret->priority = wire_enum(in, "priority class", pb->priority, 0, OP_LOW);
    ret->n_steps = wire_count(in, "steps", pb->n_steps, RECORD_STEPS_MAX);
    ret->steps = ret->n_steps ? bf_arena_memdup(in->arena, pb->steps, ret->n_steps * sizeof *ret->steps) : NULL;
}

static void steer_from_pb(struct wire_in *in, const Pb__Steer *pb, struct record *ret)
{
    ret->action = wire_enum(in, "action on step instances", pb->action, 0, STEER_MARK_FAILED);
    ret->steer_flags = pb->flags;
    ret->n_ranges = wire_count(in, "numbers of ranges", pb->n_ranges, RANGE_NUMBERS * RECORD_RANGES_MAX) / RANGE_NUMBERS;
    if (pb->n_ranges % RANGE_NUMBERS != 0)
        wire_bad(in, BF_PROTOCOL, "a range of partitions is not whole");
    ret->ranges = ret->n_ranges ? bf_arena_memdup(in->arena, pb->ranges, ret->n_ranges * sizeof *ret->ranges) : NULL;
}

static void reused_from_pb(struct wire_in *in, const Pb__Reused *pb, struct record *ret)
{
    size_t n = wire_count(in, "ranges", pb->n_ranges, 2 * RECORD_REUSED_MAX);
    if (n % 2 != 0)
        wire_bad(in, BF_PROTOCOL, "ranges come in pairs, and one is left over");
    ret->n_reused = n / 2;
    ret->reused = ret->n_reused ? bf_arena_memdup(in->arena, pb->ranges, ret->n_reused * sizeof *ret->reused) : NULL;
    ret->last = pb->last;
}

static void audit_from_pb(struct wire_in *in, const Pb__Audit *pb, struct record *ret)
{
    ret->audit = wire_enum(in, "kind of an audit record", pb->kind, 0, AUDIT_SERVICE);
    ret->role = wire_str(in, "role", pb->role, STORED_MAX_BYTES);
    ret->what = wire_str(in, "what was done", pb->what, STORED_MAX_BYTES);
    ret->target = wire_str(in, "target", pb->target, STORED_MAX_BYTES);
    ret->before = wire_str(in, "what was before", pb->before, STORED_MAX_BYTES);
    ret->after = wire_str(in, "what is after", pb->after, STORED_MAX_BYTES);
}

static void window_from_pb(struct wire_in *in, const Pb__Window *pb, struct record_window *ret)
{
    *ret = (struct record_window){.track = pb->track, .budget = pb->budget, .number = pb->number, .until_us = pb->until_us};
    ret->name = wire_str(in, "name of a window", pb->name, STORED_MAX_BYTES);
    ret->pool = wire_str(in, "name of a pool", pb->pool, STORED_MAX_BYTES);
}

static void rare_from_pb(struct wire_in *in, const Pb__Record *pb, struct record *ret)
{
    if (pb->hello)
        hello_from_pb(in, pb->hello, &ret->hello);
    if (pb->created)
        created_from_pb(in, pb->created, ret);
    if (pb->replied)
        replied_from_pb(in, pb->replied, ret);
    if (pb->gate) {
        ret->edge = pb->gate->edge;
        ret->gate = pb->gate->gate;
        ret->upto = pb->gate->upto;
    }
    if (pb->pool) {
        ret->pool_name = wire_str(in, "name of a pool", pb->pool->name, STORED_MAX_BYTES);
        ret->pool_slots = pb->pool->slots;
        ret->pool_source = wire_enum(in, "source of a pool", pb->pool->source, 0, POOL_FROM_OPERATOR);
        pool_from_pb(in, pb->pool, &ret->pool);
    }
    if (pb->counters) {
        ret->epoch = pb->counters->epoch;
        ret->next_backfill = pb->counters->next_backfill;
        ret->next_agent = pb->counters->next_agent;
        ret->next_attempt = pb->counters->next_attempt;
    }
    if (pb->audit)
        audit_from_pb(in, pb->audit, ret);
    if (pb->classes)
        classes_from_pb(in, pb->classes, ret);
    if (pb->steer)
        steer_from_pb(in, pb->steer, ret);
    if (pb->reused)
        reused_from_pb(in, pb->reused, ret);
    if (pb->window)
        window_from_pb(in, pb->window, &ret->window);
    breaker_from_pb(in, pb->breaker, &ret->breaker);
    key_from_pb(in, pb->entry, &ret->entry);
    ret->alert = alert_from_pb(in, pb->alert);
    ret->limit = limit_from_pb(in, pb->limit);
    if (pb->probe)
        input_probe_from_pb(in, pb->probe, &ret->probe);
}

/* What the kind cannot do without. */
static void check_record(struct wire_in *in, const struct record *r)
{
    bool good = true;
    switch (r->kind) {
    case RECORD_BACKFILL_STATE: good = r->backfill_state != 0; break;
    case RECORD_AGENT_STATE: good = r->agent_state != 0; break;
    case RECORD_ENDED: good = r->outcome.source != 0 && r->verdict != 0; break;
    case RECORD_AGENT_JOINED: good = *r->hello.name != 0; break;
    case RECORD_POOL_SET: good = *r->pool_name && r->pool_source != 0; break;
    case RECORD_POOL_LIMIT: good = *r->pool_name ? r->limit != NULL : r->n_bytes > 0; break;
    case RECORD_POOL_HEAD: good = *r->pool_name && r->n_numbers == 1; break;
    case RECORD_SHARE: good = r->n_numbers == 3; break;
    case RECORD_LOOKED: good = r->outcome.source != 0 && r->n_numbers == 2; break;
    case RECORD_GRANTED: good = r->n_numbers == 0 || r->n_numbers == 4; break;
    case RECORD_ATTEMPT: good = r->n_numbers == 0 || r->n_numbers == 1 || r->n_numbers == 5; break;
    case RECORD_NEAR: good = r->agent != 0; break;
    case RECORD_RERUN: good = r->agent != 0 && r->n_numbers == 3; break;
    case RECORD_YIELDED: good = r->n_numbers == 4; break;
    case RECORD_REVOKED: good = r->ref.attempt != 0 && r->revoked != 0; break;
    case RECORD_ROUND_TRIP: good = r->agent != 0 && r->n_numbers == 1; break;
    case RECORD_SHARES: good = r->n_numbers > 0; break;
    case RECORD_DETAILS: good = r->ref.attempt != 0; break;
    case RECORD_PROFILE: good = r->n_bytes > 0; break;
    case RECORD_REUSED: good = r->n_reused > 0; break;
    case RECORD_WINDOW: good = r->backfill != 0; break;
    case RECORD_AUDIT: good = r->audit != 0 && *r->what; break;
    case RECORD_PRIORITY_SET: good = r->priority != 0 && r->n_steps > 0; break;
    case RECORD_STEERED:
    case RECORD_STEER_NOTE: good = r->action != 0; break;
    case RECORD_ALERT: good = r->alert && (r->alert->id == 0 || (r->alert->kind != 0 && r->alert->state != 0)); break;
    case RECORD_ALERT_ACKED: good = r->alert && r->alert->id != 0; break;
    case RECORD_KEY:
    case RECORD_KEY_SET:
    case RECORD_KEY_REVOKED:
    case RECORD_TOKEN_USED: good = *r->entry.name != 0; break;
    case RECORD_BREAKER: good = r->breaker.kind != 0 && *r->breaker.name && r->breaker.state != 0; break;
    case RECORD_BREAKER_SETTINGS: good = r->breaker.kind != 0; break;
    case RECORD_BREAKER_FORGOTTEN: good = r->breaker.kind != 0 && *r->breaker.name; break;
    case RECORD_PROBED: good = *r->probe.connection != 0; break;
    default: break;
    }
    if (!good)
        wire_bad(in, BF_PROTOCOL, "a record of kind %s comes without what it is about", record_kind_name(r->kind));
}

void record_take(struct wire_in *in, struct wire_scratch *scratch, const void *p, size_t n, struct record *ret)
{
    *ret = *record_empty();
    const Pb__Record *pb = wire_unpack(in, scratch, &pb__record__descriptor, p, n, REQUEST_FIELDS_MAX, "a record");
    if (!pb)
        return;
    check_version(in, "a record", pb->has_version, pb->version);
    if (!record_kind_is_known(pb->kind))
        wire_bad(in, BF_PROTOCOL, "a record of kind %u is not known here; a newer version may have written it", pb->kind);
    ret->kind = pb->kind;
    ret->backfill = pb->backfill;
    ret->step = pb->step;
    ret->index = pb->index;
    ret->ref = (struct attempt_ref){pb->attempt, pb->token};
    ret->agent = pb->agent;
    ret->n = pb->n;
    ret->run = pb->run;
    ret->attempt_no = pb->attempt_no;
    ret->started_us = pb->started_us;
    ret->ended_us = pb->has_ended_after_us ? time_sum(pb->started_us, pb->ended_after_us) : 0;
    if (pb->outcome)
        outcome_from_pb(in, pb->outcome, false, &ret->outcome);
    ret->verdict = wire_enum(in, "verdict", pb->verdict, 0, VERDICT_LOOK_AGAIN);
    ret->failure_class = wire_enum(in, "class of failure", pb->failure_class, FAILURE_NONE, FAILURE_LOST);
    ret->at_us = pb->at_us;
    ret->retry_at_ms = pb->retry_at_ms;
    ret->backfill_state = wire_enum(in, "state of a backfill", pb->backfill_state, 0, BACKFILL_CANCELLED);
    ret->agent_state = wire_enum(in, "state of an agent", pb->agent_state, 0, AGENT_LEFT);
    wire_exact(in, "key of a record", pb->key, ret->key, sizeof ret->key);
    ret->incarnation = pb->incarnation;
    ret->low = pb->low;
    ret->bytes = wire_bytes(in, "packed instances", pb->bytes, PACKED_MAX_BYTES);
    ret->n_bytes = ret->bytes ? pb->bytes.len : 0;
    ret->budget_spent = pb->budget_spent;
    ret->ahead_us = wire_amount(in, "time of an attempt", pb->ahead_us, RECORD_AHEAD_US_MAX);
    ret->revoked = wire_enum(in, "reason to revoke", pb->revoked, 0, REVOKE_PRIORITY);
    ret->n_numbers = wire_count(in, "numbers of a record", pb->n_numbers, RECORD_NUMBERS_MAX);
    ret->numbers = ret->n_numbers ? bf_arena_memdup(in->arena, pb->numbers, ret->n_numbers * sizeof *ret->numbers) : NULL;
    rare_from_pb(in, pb, ret);
    check_record(in, ret);
}
