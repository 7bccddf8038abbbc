/* Alerts in records: bytes and plain facts. */
#include "proto/record.pb-c.h"
#include "proto/record_parts.h"

enum { TEXT_MAX = 4096 };

const char *alert_kind_name(enum alert_kind k)
{
    switch (k) {
    case ALERT_STEP: return "step_failing";
    case ALERT_HALTED: return "backfill_halted";
    case ALERT_ENDED: return "backfill_ended";
    case ALERT_DEADLINE: return "deadline_missed";
    case ALERT_AGENT_LOST: return "agent_lost";
    case ALERT_NO_AGENT: return "no_agent";
    case ALERT_STORE_LOW: return "store_low";
    case ALERT_STORE_OLD: return "store_old";
    case ALERT_BREAKER: return "breaker_open";
    case ALERT_STRAGGLER: return "straggler";
    case ALERT_TIMEBOX: return "timebox_passed";
    case ALERT_POOL: return "pool_too_small";
    case ALERT_OVERTIME: return "backfill_timebox_passed";
    }
    return "unknown";
}

const char *alert_state_name(enum alert_state s)
{
    switch (s) {
    case ALERT_PENDING: return "pending";
    case ALERT_FIRING: return "firing";
    case ALERT_RESOLVED: return "resolved";
    }
    return "unknown";
}

const char *alert_severity_name(enum alert_severity s)
{
    switch (s) {
    case ALERT_WARNING: return "warning";
    case ALERT_CRITICAL: return "critical";
    }
    return "unknown";
}

void alert_to_pb(const struct alert_fact *a, struct Pb__Alert *pb)
{
    pb__alert__init(pb);
    WIRE_SET(pb, id, a->id);
    WIRE_SET(pb, next, a->next);
    WIRE_SET(pb, kind, (uint32_t)a->kind);
    WIRE_SET(pb, state, (uint32_t)a->state);
    WIRE_SET(pb, severity, (uint32_t)a->severity);
    WIRE_SET(pb, backfill, a->backfill);
    WIRE_SET(pb, step, a->step);
    WIRE_SET(pb, agent, a->agent);
    WIRE_SET(pb, failure_class, (uint32_t)a->failure_class);
    WIRE_SET(pb, source, (uint32_t)a->source);
    WIRE_SET(pb, code, a->code);
    WIRE_SET_BYTES(pb, sqlstate, wire_from_str(a->sqlstate));
    WIRE_SET_BYTES(pb, dbms, wire_from_str(a->dbms));
    WIRE_SET_BYTES(pb, print, wire_from_str(a->print));
    WIRE_SET_BYTES(pb, subject, wire_from_str(a->subject));
    WIRE_SET(pb, since_ms, a->since_ms);
    WIRE_SET(pb, since_us, a->since_us);
    WIRE_SET(pb, fired_us, a->fired_us);
    WIRE_SET(pb, ended_us, a->ended_us);
    WIRE_SET_BYTES(pb, acked_by, wire_from_str(a->acked_by));
    WIRE_SET_BYTES(pb, acked_reason, wire_from_str(a->acked_reason));
    WIRE_SET(pb, acked_us, a->acked_us);
}

const struct alert_fact *alert_from_pb(struct wire_in *in, const struct Pb__Alert *pb)
{
    if (!pb)
        return NULL;
    struct alert_fact *a = bf_arena_alloc(in->arena, sizeof *a);
    *a = (struct alert_fact){.id = pb->id, .next = pb->next, .backfill = pb->backfill, .step = pb->step, .agent = pb->agent,
                             .code = pb->code, .since_ms = pb->since_ms, .since_us = pb->since_us, .fired_us = pb->fired_us,
                             .ended_us = pb->ended_us, .acked_us = pb->acked_us};
    a->kind = wire_enum(in, "kind of an alert", pb->kind, 0, ALERT_KIND_MAX);
    a->state = wire_enum(in, "state of an alert", pb->state, 0, ALERT_RESOLVED);
    a->severity = wire_enum(in, "severity of an alert", pb->severity, 0, ALERT_CRITICAL);
    a->failure_class = wire_enum(in, "class of failure", pb->failure_class, FAILURE_NONE, FAILURE_LOST);
    a->source = wire_enum(in, "source of an outcome", pb->source, 0, OUTCOME_SOURCE_MAX);
    a->sqlstate = wire_str(in, "SQLSTATE", pb->sqlstate, TEXT_MAX);
    a->dbms = wire_str(in, "database", pb->dbms, TEXT_MAX);
    a->print = wire_str(in, "fingerprint", pb->print, TEXT_MAX);
    a->subject = wire_str(in, "subject of an alert", pb->subject, TEXT_MAX);
    a->acked_by = wire_str(in, "who acknowledged", pb->acked_by, TEXT_MAX);
    a->acked_reason = wire_str(in, "why it was acknowledged", pb->acked_reason, TEXT_MAX);
    return a;
}
