/* One record: the plain struct and the generated one.  turn_codec.c makes lists of them.
 *
 * A field is written when it is not zero, whatever the kind, so that the codec need not know which kind uses which field and a
 * record read back equals the one that was made.  What a kind cannot do without is checked when it is read. */
#include <assert.h>

#include "proto/audit.h"
#include "proto/record.pb-c.h"
#include "proto/record_parts.h"

enum { PACKED_MAX_BYTES = 16 << 20, RANGE_NUMBERS = 3 };
_Static_assert(sizeof(struct steer_range) == RANGE_NUMBERS * sizeof(uint32_t), "ranges are written as they lie in memory");

/* ---- to the wire ---- */

/* Parts of a record that most do not have; on the stack of record_put(). */
struct parts {
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

static void created_to_pb(const struct record_rare *r, Pb__Record *pb, struct parts *parts, struct bf_arena *tmp)
{
    ProtobufCBinaryData hash = wire_from_nonzero(r->plan_hash, sizeof r->plan_hash);
    if (!hash.len && !some(r->actor) && !some(r->reason) && !some(r->from) && !some(r->to) && !r->backward && !r->n_params &&
        !r->reprocess && !r->reuse_downstream)
        return;
    pb__created__init(&parts->created);
    WIRE_SET_BYTES(&parts->created, plan_hash, hash);
    WIRE_SET_BYTES(&parts->created, from, wire_from_str(r->from));
    WIRE_SET_BYTES(&parts->created, to, wire_from_str(r->to));
    WIRE_SET(&parts->created, backward, r->backward);
    parts->created.n_params = r->n_params;
    parts->created.params = params_to_pb(r->params, r->n_params, tmp);
    WIRE_SET_BYTES(&parts->created, actor, wire_from_str(r->actor));
    WIRE_SET_BYTES(&parts->created, reason, wire_from_str(r->reason));
    WIRE_SET(&parts->created, reprocess, (uint32_t)r->reprocess);
    WIRE_SET(&parts->created, downstream, r->reuse_downstream);
    pb->created = &parts->created;
}

static void replied_to_pb(const struct record_rare *r, Pb__Record *pb, struct parts *parts, struct bf_arena *tmp)
{
    ProtobufCBinaryData id = wire_from_nonzero(r->request_id, sizeof r->request_id);
    if (!id.len && !r->rc && !some(r->text) && !some(r->json))
        return;
    pb__replied__init(&parts->replied);
    WIRE_SET_BYTES(&parts->replied, request_id, id);
    WIRE_SET(&parts->replied, rc, (uint32_t)r->rc);
    WIRE_SET_BYTES(&parts->replied, text, wire_from_text(r->text, REPLY_TEXT_MAX, tmp));
    WIRE_SET_BYTES(&parts->replied, json, wire_from_str(r->json));
    pb->replied = &parts->replied;
}

static void reused_to_pb(const struct record_rare *r, Pb__Record *pb, struct parts *parts)
{
    _Static_assert(sizeof *r->reused == 2 * sizeof(uint32_t), "ranges are pairs of numbers");
    if (!r->n_reused && !r->last)
        return;
    pb__reused__init(&parts->reused);
    parts->reused.ranges = (uint32_t *)(uintptr_t)r->reused;
    parts->reused.n_ranges = 2 * r->n_reused;
    WIRE_SET(&parts->reused, last, r->last);
    pb->reused = &parts->reused;
}

static void audit_to_pb(const struct record_rare *r, Pb__Record *pb, struct parts *parts, struct bf_arena *tmp)
{
    if (!r->audit && !some(r->role) && !some(r->what) && !some(r->target) && !some(r->before) && !some(r->after))
        return;
    pb__audit__init(&parts->audit);
    WIRE_SET(&parts->audit, kind, (uint32_t)r->audit);
    WIRE_SET_BYTES(&parts->audit, role, wire_from_text(r->role, AUDIT_WORD_MAX, tmp));
    WIRE_SET_BYTES(&parts->audit, what, wire_from_text(r->what, AUDIT_WORD_MAX, tmp));
    WIRE_SET_BYTES(&parts->audit, target, wire_from_text(r->target, AUDIT_WORD_MAX, tmp));
    WIRE_SET_BYTES(&parts->audit, before, wire_from_text(r->before, AUDIT_REASON_MAX, tmp));
    WIRE_SET_BYTES(&parts->audit, after, wire_from_text(r->after, AUDIT_REASON_MAX, tmp));
    pb->audit = &parts->audit;
}

static void window_to_pb(const struct record_window *w, Pb__Record *pb, struct parts *parts)
{
    if (!w->track && !w->budget && !w->number && !w->until_us && !some(w->name) && !some(w->pool))
        return;
    pb__window__init(&parts->window);
    WIRE_SET(&parts->window, track, w->track);
    WIRE_SET(&parts->window, budget, w->budget);
    WIRE_SET(&parts->window, number, w->number);
    WIRE_SET(&parts->window, until_us, w->until_us);
    WIRE_SET_BYTES(&parts->window, name, wire_from_str(w->name));
    WIRE_SET_BYTES(&parts->window, pool, wire_from_str(w->pool));
    pb->window = &parts->window;
}

static void rare_to_pb(const struct record_rare *r, Pb__Record *pb, struct parts *parts, struct bf_arena *tmp)
{
    if (some(r->hello.name)) {
        pb__hello__init(&parts->hello);
        hello_to_pb(&r->hello, &parts->hello, tmp);
        pb->hello = &parts->hello;
    }
    created_to_pb(r, pb, parts, tmp);
    replied_to_pb(r, pb, parts, tmp);
    audit_to_pb(r, pb, parts, tmp);
    if (some(r->probe.connection)) {
        pb__probe_reading__init(&parts->probe);
        input_probe_to_pb(&r->probe, &parts->probe, tmp);
        pb->probe = &parts->probe;
    }
    if (r->edge || r->gate || r->upto) {
        pb__gate__init(&parts->gate);
        WIRE_SET(&parts->gate, edge, r->edge);
        WIRE_SET(&parts->gate, gate, r->gate);
        WIRE_SET(&parts->gate, upto, r->upto);
        pb->gate = &parts->gate;
    }
    if (some(r->pool_name) || r->pool_slots || r->pool_source) {
        pb__pool__init(&parts->pool);
        WIRE_SET_BYTES(&parts->pool, name, wire_from_str(r->pool_name));
        WIRE_SET(&parts->pool, slots, r->pool_slots);
        WIRE_SET(&parts->pool, source, (uint32_t)r->pool_source);
        pool_to_pb(&r->pool, &parts->pool, tmp);
        pb->pool = &parts->pool;
    }
    if (r->epoch || r->next_backfill || r->next_agent || r->next_attempt) {
        pb__counters__init(&parts->counters);
        WIRE_SET(&parts->counters, epoch, r->epoch);
        WIRE_SET(&parts->counters, next_backfill, r->next_backfill);
        WIRE_SET(&parts->counters, next_agent, r->next_agent);
        WIRE_SET(&parts->counters, next_attempt, r->next_attempt);
        pb->counters = &parts->counters;
    }
    if (r->priority || r->n_steps) {
        pb__classes__init(&parts->classes);
        WIRE_SET(&parts->classes, priority, (uint32_t)r->priority);
        parts->classes.steps = (uint32_t *)(uintptr_t)r->steps;
        parts->classes.n_steps = r->n_steps;
        pb->classes = &parts->classes;
    }
    if (r->action || r->steer_flags || r->n_ranges) {
        pb__steer__init(&parts->steer);
        WIRE_SET(&parts->steer, action, (uint32_t)r->action);
        WIRE_SET(&parts->steer, flags, r->steer_flags);
        parts->steer.ranges = (uint32_t *)(uintptr_t)r->ranges;
        parts->steer.n_ranges = RANGE_NUMBERS * r->n_ranges;
        pb->steer = &parts->steer;
    }
    reused_to_pb(r, pb, parts);
    pb->breaker = breaker_to_pb(&r->breaker, tmp);
    window_to_pb(&r->window, pb, parts);
    if (some(r->entry.name)) {
        key_to_pb(&r->entry, &parts->entry, tmp);
        pb->entry = &parts->entry;
    }
    if (r->alert) {
        alert_to_pb(r->alert, &parts->alert);
        pb->alert = &parts->alert;
    }
    pb->limit = limit_to_pb(r->limit, tmp);
}

void record_put_generated(const struct record *r, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    assert(record_kind_is_known(r->kind));
    Pb__Record pb = PB__RECORD__INIT;
    struct parts parts;
    const struct record_rare *rare = record_rare(r);
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
    if (!outcome_is_empty(record_outcome(r))) {
        pb__outcome__init(&parts.outcome);
        outcome_to_pb(r->outcome, &parts.outcome, tmp);
        pb.outcome = &parts.outcome;
    }
    WIRE_SET(&pb, verdict, (uint32_t)r->verdict);
    WIRE_SET(&pb, failure_class, (uint32_t)r->failure_class);
    WIRE_SET(&pb, at_us, r->at_us);
    WIRE_SET(&pb, retry_at_ms, r->retry_at_ms);
    WIRE_SET(&pb, backfill_state, (uint32_t)rare->backfill_state);
    WIRE_SET(&pb, agent_state, (uint32_t)rare->agent_state);
    WIRE_SET_BYTES(&pb, key, wire_from_nonzero(rare->key, sizeof rare->key));
    WIRE_SET(&pb, incarnation, rare->incarnation);
    WIRE_SET(&pb, low, rare->low);
    WIRE_SET_BYTES(&pb, bytes, wire_from_bytes(rare->bytes, rare->n_bytes));
    WIRE_SET(&pb, budget_spent, r->budget_spent);
    WIRE_SET(&pb, ahead_us, r->ahead_us);
    WIRE_SET(&pb, revoked, (uint32_t)rare->revoked);
    WIRE_SET(&pb, halted_by, (uint32_t)rare->halted_by);
    pb.n_numbers = r->n_numbers;
    pb.numbers = (uint64_t *)(uintptr_t)r->numbers;
    if (r->rare)
        rare_to_pb(rare, &pb, &parts, tmp);
    if (r->voted_ms && !pb.breaker)
        pb.breaker = breaker_to_pb(&(struct record_breaker){.at_ms = r->voted_ms}, tmp);
    wire_put_element(b, field, &pb.base);
}

/* ---- from the wire ---- */

static struct record_rare *need(struct wire_in *in, struct record *r)
{
    return record_rare_need(r, in->arena);
}

static void created_from_pb(struct wire_in *in, const Pb__Created *pb, struct record_rare *ret)
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

static void replied_from_pb(struct wire_in *in, const Pb__Replied *pb, struct record_rare *ret)
{
    wire_exact(in, "request id", pb->request_id, ret->request_id, sizeof ret->request_id);
    ret->rc = wire_enum(in, "result code", pb->rc, BF_OK, BF_RC_COUNT - 1);
    ret->text = wire_str(in, "text of a reply", pb->text, REPLY_TEXT_MAX);
    ret->json = wire_str(in, "document of a reply", pb->json, STORED_MAX_BYTES);
}

static void classes_from_pb(struct wire_in *in, const Pb__Classes *pb, struct record_rare *ret)
{
    ret->priority = wire_enum(in, "priority class", pb->priority, 0, OP_LOW);
    ret->n_steps = wire_count(in, "steps", pb->n_steps, RECORD_STEPS_MAX);
    ret->steps = ret->n_steps ? bf_arena_memdup(in->arena, pb->steps, ret->n_steps * sizeof *ret->steps) : NULL;
}

static void steer_from_pb(struct wire_in *in, const Pb__Steer *pb, struct record_rare *ret)
{
    ret->action = wire_enum(in, "action on step instances", pb->action, 0, STEER_MARK_FAILED);
    ret->steer_flags = pb->flags;
    ret->n_ranges = wire_count(in, "numbers of ranges", pb->n_ranges, RANGE_NUMBERS * RECORD_RANGES_MAX) / RANGE_NUMBERS;
    if (pb->n_ranges % RANGE_NUMBERS != 0)
        wire_bad(in, BF_PROTOCOL, "a range of partitions is not whole");
    ret->ranges = ret->n_ranges ? bf_arena_memdup(in->arena, pb->ranges, ret->n_ranges * sizeof *ret->ranges) : NULL;
}

static void reused_from_pb(struct wire_in *in, const Pb__Reused *pb, struct record_rare *ret)
{
    size_t n = wire_count(in, "ranges", pb->n_ranges, 2 * RECORD_REUSED_MAX);
    if (n % 2 != 0)
        wire_bad(in, BF_PROTOCOL, "ranges come in pairs, and one is left over");
    ret->n_reused = n / 2;
    ret->reused = ret->n_reused ? bf_arena_memdup(in->arena, pb->ranges, ret->n_reused * sizeof *ret->reused) : NULL;
    ret->last = pb->last;
}

static void audit_from_pb(struct wire_in *in, const Pb__Audit *pb, struct record_rare *ret)
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

static void gate_from_pb(const Pb__Gate *pb, struct record_rare *ret)
{
    ret->edge = pb->edge;
    ret->gate = pb->gate;
    ret->upto = pb->upto;
}

static void record_pool_from_pb(struct wire_in *in, const Pb__Pool *pb, struct record_rare *ret)
{
    ret->pool_name = wire_str(in, "name of a pool", pb->name, STORED_MAX_BYTES);
    ret->pool_slots = pb->slots;
    ret->pool_source = wire_enum(in, "source of a pool", pb->source, 0, POOL_FROM_OPERATOR);
    pool_from_pb(in, pb, 1, &ret->pool);
}

static void counters_from_pb(const Pb__Counters *pb, struct record_rare *ret)
{
    ret->epoch = pb->epoch;
    ret->next_backfill = pb->next_backfill;
    ret->next_agent = pb->next_agent;
    ret->next_attempt = pb->next_attempt;
}

/* Without a kind it is no breaker, but when those of an attempt heard of its end. */
static void record_breaker_from_pb(struct wire_in *in, const Pb__Breaker *pb, struct record *ret)
{
    if (pb->kind)
        breaker_from_pb(in, pb, &need(in, ret)->breaker);
    else
        ret->voted_ms = pb->at_ms;
}

static void parts_from_pb(struct wire_in *in, const Pb__Record *pb, struct record *ret)
{
    if (pb->hello)
        hello_from_pb(in, pb->hello, &need(in, ret)->hello);
    if (pb->created)
        created_from_pb(in, pb->created, need(in, ret));
    if (pb->replied)
        replied_from_pb(in, pb->replied, need(in, ret));
    if (pb->gate)
        gate_from_pb(pb->gate, need(in, ret));
    if (pb->pool)
        record_pool_from_pb(in, pb->pool, need(in, ret));
    if (pb->counters)
        counters_from_pb(pb->counters, need(in, ret));
    if (pb->audit)
        audit_from_pb(in, pb->audit, need(in, ret));
    if (pb->classes)
        classes_from_pb(in, pb->classes, need(in, ret));
    if (pb->steer)
        steer_from_pb(in, pb->steer, need(in, ret));
    if (pb->reused)
        reused_from_pb(in, pb->reused, need(in, ret));
    if (pb->window)
        window_from_pb(in, pb->window, &need(in, ret)->window);
    if (pb->breaker)
        record_breaker_from_pb(in, pb->breaker, ret);
    if (pb->entry)
        key_from_pb(in, pb->entry, &need(in, ret)->entry);
    if (pb->alert)
        need(in, ret)->alert = alert_from_pb(in, pb->alert);
    if (pb->limit)
        need(in, ret)->limit = limit_from_pb(in, pb->limit);
    if (pb->probe)
        input_probe_from_pb(in, pb->probe, &need(in, ret)->probe);
}

static void numbers_from_pb(struct wire_in *in, const Pb__Record *pb, struct record *ret)
{
    if (pb->has_backfill_state)
        need(in, ret)->backfill_state = wire_enum(in, "state of a backfill", pb->backfill_state, 0, BACKFILL_CANCELLED);
    if (pb->has_agent_state)
        need(in, ret)->agent_state = wire_enum(in, "state of an agent", pb->agent_state, 0, AGENT_LEFT);
    if (pb->has_key)
        wire_exact(in, "key of a record", pb->key, need(in, ret)->key, sizeof ret->rare->key);
    if (pb->has_incarnation)
        need(in, ret)->incarnation = pb->incarnation;
    if (pb->has_low)
        need(in, ret)->low = pb->low;
    if (pb->has_revoked)
        need(in, ret)->revoked = wire_enum(in, "reason to revoke", pb->revoked, 0, REVOKE_PRIORITY);
    if (pb->has_halted_by)
        need(in, ret)->halted_by = wire_enum(in, "cause of a halt", pb->halted_by, NOT_HALTED, HALTED_BY_MISSING);
    if (pb->has_bytes) {
        struct record_rare *rare = need(in, ret);
        rare->bytes = wire_bytes(in, "packed instances", pb->bytes, PACKED_MAX_BYTES);
        rare->n_bytes = rare->bytes ? pb->bytes.len : 0;
    }
}

/* What the kind cannot do without. */
static void check_record(struct wire_in *in, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    bool good = true;
    switch (r->kind) {
    case RECORD_BACKFILL_STATE: good = rare->backfill_state != 0; break;
    case RECORD_AGENT_STATE: good = rare->agent_state != 0; break;
    case RECORD_ENDED: good = record_outcome(r)->source != 0 && r->verdict != 0; break;
    case RECORD_AGENT_JOINED: good = *rare->hello.name != 0; break;
    case RECORD_POOL_SET: good = *rare->pool_name && rare->pool_source != 0; break;
    case RECORD_POOL_LIMIT: good = *rare->pool_name ? rare->limit != NULL : rare->n_bytes > 0; break;
    case RECORD_POOL_HEAD: good = *rare->pool_name && r->n_numbers == 1; break;
    case RECORD_SHARE: good = r->n_numbers == 3; break;
    case RECORD_LOOKED: good = record_outcome(r)->source != 0 && r->n_numbers == 2; break;
    case RECORD_GRANTED: good = r->n_numbers == 0 || r->n_numbers == 4; break;
    case RECORD_ATTEMPT: good = r->n_numbers == 0 || r->n_numbers == 1 || r->n_numbers == 5; break;
    case RECORD_NEAR: good = r->agent != 0; break;
    case RECORD_RERUN: good = r->agent != 0 && r->n_numbers == 3; break;
    case RECORD_YIELDED: good = r->n_numbers == 4; break;
    case RECORD_REVOKED: good = r->ref.attempt != 0 && rare->revoked != 0; break;
    case RECORD_CLOSING: good = r->ref.attempt != 0; break;
    case RECORD_ROUND_TRIP: good = r->agent != 0 && r->n_numbers == 1; break;
    case RECORD_SHARES: good = r->n_numbers > 0; break;
    case RECORD_DETAILS: good = r->ref.attempt != 0; break;
    case RECORD_PROFILE: good = rare->n_bytes > 0; break;
    case RECORD_REUSED: good = rare->n_reused > 0; break;
    case RECORD_WINDOW: good = r->backfill != 0; break;
    case RECORD_AUDIT: good = rare->audit != 0 && *rare->what; break;
    case RECORD_PRIORITY_SET: good = rare->priority != 0 && rare->n_steps > 0; break;
    case RECORD_STEERED:
    case RECORD_STEER_NOTE: good = rare->action != 0; break;
    case RECORD_ALERT: good = rare->alert && (rare->alert->id == 0 || (rare->alert->kind != 0 && rare->alert->state != 0)); break;
    case RECORD_ALERT_ACKED: good = rare->alert && rare->alert->id != 0; break;
    case RECORD_KEY:
    case RECORD_KEY_SET:
    case RECORD_KEY_REVOKED:
    case RECORD_TOKEN_USED: good = *rare->entry.name != 0; break;
    case RECORD_BREAKER: good = rare->breaker.kind != 0 && *rare->breaker.name && rare->breaker.state != 0; break;
    case RECORD_BREAKER_SETTINGS: good = rare->breaker.kind != 0; break;
    case RECORD_BREAKER_FORGOTTEN: good = rare->breaker.kind != 0 && *rare->breaker.name; break;
    case RECORD_PROBED: good = *rare->probe.connection != 0; break;
    default: break;
    }
    if (!good)
        wire_bad(in, BF_PROTOCOL, "a record of kind %s comes without what it is about", record_kind_name(r->kind));
}

/* pb may be NULL: none. */
static const struct outcome *outcome_of_pb(struct wire_in *in, const Pb__Outcome *pb)
{
    if (!pb)
        return NULL;
    struct outcome *o = bf_arena_alloc(in->arena, sizeof *o);
    outcome_from_pb(in, pb, false, o);
    return o;
}

void record_take(struct wire_in *in, struct wire_scratch *scratch, const void *p, size_t n, struct record *ret)
{
    *ret = (struct record){0};
    const Pb__Record *pb = wire_unpack(in, scratch, &pb__record__descriptor, p, n, REQUEST_FIELDS_MAX, "a record");
    if (!pb)
        return;
    item_version(in, "a record", pb->has_version, pb->version);
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
    ret->outcome = outcome_of_pb(in, pb->outcome);
    ret->verdict = wire_enum(in, "verdict", pb->verdict, 0, VERDICT_LOOK_AGAIN);
    ret->failure_class = wire_enum(in, "class of failure", pb->failure_class, FAILURE_NONE, FAILURE_LOST);
    ret->at_us = pb->at_us;
    ret->retry_at_ms = pb->retry_at_ms;
    ret->budget_spent = pb->budget_spent;
    ret->ahead_us = wire_amount(in, "time of an attempt", pb->ahead_us, RECORD_AHEAD_US_MAX);
    ret->n_numbers = wire_count(in, "numbers of a record", pb->n_numbers, RECORD_NUMBERS_MAX);
    ret->numbers = ret->n_numbers ? bf_arena_memdup(in->arena, pb->numbers, ret->n_numbers * sizeof *ret->numbers) : NULL;
    numbers_from_pb(in, pb, ret);
    parts_from_pb(in, pb, ret);
    check_record(in, ret);
}
