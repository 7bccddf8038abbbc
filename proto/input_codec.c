/* One input: the plain struct and the generated one.  turn_codec.c makes lists of them.
 *
 * A field is written when it is not zero, whatever the kind, so that an input read back equals the one that was made; only its parts
 * follow the kind.  What a kind cannot do without is checked when it is read. */
#include <assert.h>

#include "proto/audit.h"
#include "proto/record.pb-c.h"
#include "proto/record_parts.h"

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

static bool input_kind_is_known(uint32_t k)
{
    return (k >= INPUT_HELLO && k <= INPUT_PROBE) || k == INPUT_BREAKER || k == INPUT_RESTORED || k == INPUT_RESUMED;
}

void input_put_generated(const struct input *i, uint32_t field, struct bf_buf *b, struct bf_arena *tmp)
{
    Pb__Input pb = PB__INPUT__INIT;
    const struct input_rare *rare = input_rare(i);
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
    WIRE_SET_BYTES(&pb, actor, wire_from_str(rare->actor));
    WIRE_SET_BYTES(&pb, role, wire_from_str(rare->role));
    WIRE_SET_BYTES(&pb, pool_name, wire_from_str(rare->pool_name));
    WIRE_SET(&pb, pool_slots, rare->pool_slots);
    WIRE_SET(&pb, epoch, rare->epoch);
    WIRE_SET(&pb, hold_ms, rare->hold_ms);
    WIRE_SET(&pb, since_ms, rare->since_ms);
    WIRE_SET(&pb, low, rare->low);
    pb.n_configured = rare->n_configured;
    pb.configured = keys_to_pb(rare->configured, rare->n_configured, tmp);
    switch (i->kind) {
    case INPUT_HELLO:
        pb__hello__init(&hello);
        hello_to_pb(&rare->hello, &hello, tmp);
        pb.hello = &hello;
        break;
    case INPUT_REPORT:
        pb__report__init(&report);
        report_to_pb(&i->report, &report, &outcome, tmp);
        pb.report = &report;
        break;
    case INPUT_COMMAND:
        pb__op_request__init(&command);
        request_to_pb(&rare->command, &command, tmp);
        pb.command = &command;
        break;
    case INPUT_DENIED:
    case INPUT_RESTORED:
    case INPUT_SERVICE:
        told_to_pb(&rare->told, &told, tmp);
        pb.told = &told;
        break;
    case INPUT_BREAKER: pb.breaker = breaker_to_pb(&rare->breaker, tmp); break;
    case INPUT_PROBE:
        pb__probe_reading__init(&probe);
        input_probe_to_pb(&rare->probe, &probe, tmp);
        pb.probe = &probe;
        break;
    case INPUT_POOL:
        pool_to_pb(&rare->pool, &pool, tmp);
        pb.pool = rare->pool.no_slots || !pool_budget_is_empty(&rare->pool) ? &pool : NULL;
        break;
    case INPUT_BYE:
    case INPUT_LOST:
    case INPUT_TIMER:
    case INPUT_EPOCH:
    case INPUT_LOW:
    case INPUT_RESUMED:
        break;
    }
    assert(input_kind_is_known(i->kind));
    wire_put_element(b, field, &pb.base);
}

static struct input_rare *need(struct wire_in *in, struct input *i)
{
    return input_rare_need(i, in->arena);
}

static void numbers_from_pb(struct wire_in *in, const Pb__Input *pb, struct input *ret)
{
    if (pb->has_actor)
        need(in, ret)->actor = wire_str(in, "actor", pb->actor, STORED_MAX_BYTES);
    if (pb->has_role)
        need(in, ret)->role = wire_str(in, "role", pb->role, STORED_MAX_BYTES);
    if (pb->has_pool_name)
        need(in, ret)->pool_name = wire_str(in, "name of a pool", pb->pool_name, STORED_MAX_BYTES);
    if (pb->has_pool_slots)
        need(in, ret)->pool_slots = pb->pool_slots;
    if (pb->has_epoch)
        need(in, ret)->epoch = pb->epoch;
    if (pb->has_hold_ms)
        need(in, ret)->hold_ms = pb->hold_ms;
    if (pb->has_since_ms)
        need(in, ret)->since_ms = pb->since_ms;
    if (pb->has_low)
        need(in, ret)->low = pb->low;
}

static void parts_from_pb(struct wire_in *in, const Pb__Input *pb, struct input *ret)
{
    if (pb->n_configured > 0) {
        struct input_rare *rare = need(in, ret);
        rare->configured = keys_from_pb(in, pb->configured, pb->n_configured, &rare->n_configured);
    }
    if (ret->kind == INPUT_HELLO)
        hello_from_pb(in, pb->hello, &need(in, ret)->hello);
    if (ret->kind == INPUT_REPORT)
        report_from_pb(in, pb->report, &ret->report);
    if (ret->kind == INPUT_COMMAND)
        request_from_pb(in, pb->command, &need(in, ret)->command);
    if (ret->kind == INPUT_DENIED || ret->kind == INPUT_SERVICE || ret->kind == INPUT_RESTORED)
        told_from_pb(in, pb->told, &need(in, ret)->told);
    if (ret->kind == INPUT_PROBE)
        input_probe_from_pb(in, pb->probe, &need(in, ret)->probe);
    if (pb->pool)
        pool_from_pb(in, pb->pool, 1, &need(in, ret)->pool);
    if (pb->breaker)
        breaker_from_pb(in, pb->breaker, &need(in, ret)->breaker);
}

/* What the kind cannot do without. */
static void check_input(struct wire_in *in, const struct input *i)
{
    const struct input_rare *rare = input_rare(i);
    const struct op_request *c = &rare->command;
    if (i->kind == INPUT_BREAKER && !rare->breaker.kind)
        wire_bad(in, BF_PROTOCOL, "an input about breakers comes without one");
    if (i->kind == INPUT_POOL && !*rare->pool_name)
        wire_bad(in, BF_PROTOCOL, "an input about a pool comes without its name");
    if (i->kind == INPUT_COMMAND && c->verb >= OP_PLAN_PUT)
        wire_bad(in, BF_PROTOCOL, "a command that changes nothing (%s) is no input", op_verb_name(c->verb));
    if (i->kind == INPUT_COMMAND && c->dry_run)
        wire_bad(in, BF_PROTOCOL, "a dry run (%s) is no input", op_verb_name(c->verb));
}

void input_take(struct wire_in *in, struct wire_scratch *scratch, const void *p, size_t n, struct input *ret)
{
    *ret = (struct input){.report = {.outcome = {.sqlstate = "", .dbms = "", .details = "", .text = ""}}};
    const Pb__Input *pb = wire_unpack(in, scratch, &pb__input__descriptor, p, n, REQUEST_FIELDS_MAX, "an input");
    if (!pb)
        return;
    item_version(in, "an input", pb->has_version, pb->version);
    if (!input_kind_is_known(pb->kind))
        wire_bad(in, BF_PROTOCOL, "an input of kind %u is not known here; a newer version may have written it", pb->kind);
    ret->kind = pb->kind;
    wire_exact(in, "key of an input", pb->key, ret->key, sizeof ret->key);
    ret->incarnation = pb->incarnation;
    ret->agent = pb->agent;
    numbers_from_pb(in, pb, ret);
    parts_from_pb(in, pb, ret);
    check_input(in, ret);
}
