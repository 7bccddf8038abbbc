/* Outcome, hello and report: what agent messages, inputs and records share. */
#include "proto/parts.h"

#include <string.h>

#include "proto/agent.pb-c.h"

enum { DBMS_MAX = 32, SQLSTATE_BYTES = 5, VERSION_MAX = 128, BOOT_ID_BYTES = 36, LABEL_VALUE_MAX = 256, CLUSTER_MAX = 64 };

/* zeros and "" */
static const struct agent_report report_empty = {.outcome = {.sqlstate = "", .dbms = "", .text = "", .details = ""}};

/* ---- outcome ---- */

static bool nothing(const char *s)
{
    return !s || !*s;
}

bool outcome_is_empty(const struct outcome *o)
{
    const struct attempt_usage *u = &o->usage;
    return !o->source && !o->code && !o->rows && nothing(o->text) && nothing(o->sqlstate) && nothing(o->dbms) && nothing(o->details) &&
           !u->wall_us && !u->cpu_us && !u->peak_memory_bytes && !u->read_bytes && !u->written_bytes && !u->measured_by &&
           !u->throttled_us && !u->peak_pids && !u->limits_hit && !u->session;
}

static bool is_sqlstate(const char *s, size_t n)
{
    if (n != SQLSTATE_BYTES)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'A' && s[i] <= 'Z')))
            return false;
    return true;
}

/* One object on one line; what is in it is for its readers. */
static bool is_details(const char *s)
{
    size_t n = s ? strlen(s) : 0;
    for (size_t i = 0; i < n; i++)
        if (s[i] < 0x20 || s[i] > 0x7e)
            return false;
    return n >= 2 && n <= OUTCOME_DETAILS_MAX && s[0] == '{' && s[n - 1] == '}';
}

/* A step and its driver chose these texts.  A report that the coordinator refuses is repeated for ever, so they are made fit
 * here: texts cut and cleaned, a SQLSTATE that is none left out, and details that are none. */
void outcome_to_pb(const struct outcome *o, struct Pb__Outcome *pb, struct bf_arena *tmp)
{
    WIRE_SET(pb, source, (uint32_t)o->source);
    WIRE_SET(pb, code, o->code);
    WIRE_SET_BYTES(pb, text, wire_from_text(o->text, OUTCOME_TEXT_MAX, tmp));
    pb->has_rows = o->rows != -1;
    pb->rows = o->rows;
    if (o->sqlstate && is_sqlstate(o->sqlstate, strlen(o->sqlstate)))
        WIRE_SET_BYTES(pb, sqlstate, wire_from_str(o->sqlstate));
    WIRE_SET_BYTES(pb, dbms, wire_from_text(o->dbms, DBMS_MAX, tmp));
    if (is_details(o->details))
        WIRE_SET_BYTES(pb, details, wire_from_str(o->details));
    WIRE_SET(pb, wall_us, o->usage.wall_us);
    WIRE_SET(pb, cpu_us, o->usage.cpu_us);
    WIRE_SET(pb, peak_memory_bytes, o->usage.peak_memory_bytes);
    WIRE_SET(pb, read_bytes, o->usage.read_bytes);
    WIRE_SET(pb, written_bytes, o->usage.written_bytes);
    WIRE_SET(pb, measured_by, o->usage.measured_by);
    WIRE_SET(pb, throttled_us, o->usage.throttled_us);
    WIRE_SET(pb, peak_pids, o->usage.peak_pids);
    WIRE_SET(pb, limits_hit, o->usage.limits_hit);
    WIRE_SET(pb, session, (uint32_t)o->usage.session);
}

void put_text(struct pb_out *o, uint32_t id, const char *s, size_t max, struct bf_arena *tmp)
{
    if (nothing(s))
        return;
    ProtobufCBinaryData text = wire_from_text(s, max, tmp);
    pb_put_bytes(o, id, text.data, text.len);
}

void outcome_put(const struct outcome *o, uint32_t id, struct pb_out *out, struct bf_arena *tmp)
{
    if (outcome_is_empty(o))
        return;
    struct pb_out to = *out;
    uint8_t *at = pb_begin(&to, id);
    pb_put_uint(&to, 1, (uint32_t)o->source);
    pb_put_sint(&to, 2, o->code);
    put_text(&to, 3, o->text, OUTCOME_TEXT_MAX, tmp);
    if (o->rows != -1)
        pb_put_always(&to, 4, pb_zigzag(o->rows));
    if (o->sqlstate && is_sqlstate(o->sqlstate, strlen(o->sqlstate)))
        pb_put_str(&to, 5, o->sqlstate);
    put_text(&to, 6, o->dbms, DBMS_MAX, tmp);
    pb_put_int(&to, 7, o->usage.wall_us);
    pb_put_int(&to, 8, o->usage.cpu_us);
    pb_put_uint(&to, 9, o->usage.peak_memory_bytes);
    pb_put_uint(&to, 10, o->usage.read_bytes);
    pb_put_uint(&to, 11, o->usage.written_bytes);
    pb_put_uint(&to, 12, o->usage.measured_by);
    if (!nothing(o->details) && is_details(o->details))
        pb_put_str(&to, 13, o->details);
    pb_put_int(&to, 14, o->usage.throttled_us);
    pb_put_uint(&to, 15, o->usage.peak_pids);
    pb_put_uint(&to, 16, o->usage.limits_hit);
    pb_put_uint(&to, 17, (uint32_t)o->usage.session);
    pb_end(&to, at);
    *out = to;
}

void outcome_from_pb(struct wire_in *in, const struct Pb__Outcome *pb, bool required, struct outcome *ret)
{
    *ret = report_empty.outcome;
    if (!pb) {
        if (required)
            wire_bad(in, BF_PROTOCOL, "an end comes without its outcome");
        return;
    }
    ret->source = wire_enum(in, "outcome source", pb->source, required ? OUTCOME_OK : 0, OUTCOME_SOURCE_MAX);
    ret->code = pb->code;
    ret->text = wire_str(in, "outcome text", pb->text, OUTCOME_TEXT_MAX);
    ret->rows = pb->has_rows ? pb->rows : -1;
    ret->sqlstate = wire_str(in, "SQLSTATE", pb->sqlstate, SQLSTATE_BYTES);
    if (*ret->sqlstate && !is_sqlstate(ret->sqlstate, pb->sqlstate.len))
        wire_bad(in, BF_PROTOCOL, "a SQLSTATE must be five of 0-9 A-Z");
    ret->dbms = wire_str(in, "name of the DBMS", pb->dbms, DBMS_MAX);
    ret->details = wire_str(in, "details of an outcome", pb->details, OUTCOME_DETAILS_MAX);
    if (*ret->details && !is_details(ret->details))
        wire_bad(in, BF_PROTOCOL, "details of an outcome must be one JSON object of printable ASCII");
    ret->usage = (struct attempt_usage){
        .wall_us = wire_duration(in, "wall time", pb->wall_us),
        .cpu_us = wire_duration(in, "processor time", pb->cpu_us),
        .peak_memory_bytes = pb->peak_memory_bytes,
        .read_bytes = pb->read_bytes,
        .written_bytes = pb->written_bytes,
        .throttled_us = wire_duration(in, "throttled time", pb->throttled_us),
        .peak_pids = pb->peak_pids,
        .limits_hit = (uint8_t)wire_enum(in, "set of limits", pb->limits_hit, 0, HOST_LIMITS),
        .measured_by = (uint8_t)wire_enum(in, "way of measuring", pb->measured_by, 0, 3),
        .session = (uint8_t)wire_enum(in, "end of a session", pb->session, 0, SESSION_END_MAX),
    };
}

/* ---- references ---- */

uint64_t *refs_to_pb(struct attempt_ref *refs, size_t n, size_t *ret_n)
{
    _Static_assert(sizeof(struct attempt_ref) == 2 * sizeof(uint64_t), "a list of references is a list of numbers");
    *ret_n = 2 * n;
    return (uint64_t *)(void *)refs;
}

struct attempt_ref *refs_from_pb(struct wire_in *in, const char *what, const uint64_t *pairs, size_t n, size_t max, size_t *ret_n)
{
    *ret_n = wire_count(in, what, n / 2, max);
    if (n % 2)
        wire_bad(in, BF_PROTOCOL, "an attempt among the %s comes without its token", what);
    return *ret_n && !in->rc ? bf_arena_memdup(in->arena, pairs, n * sizeof *pairs) : NULL;
}

/* ---- hello ---- */

const struct agent_hello hello_empty = {.name = "", .version = "", .boot_id = "", .seen_cluster = ""};

void hello_to_pb(const struct agent_hello *h, struct Pb__Hello *pb, struct bf_arena *tmp)
{
    WIRE_SET(pb, protocol, h->protocol);
    WIRE_SET_BYTES(pb, name, wire_from_str(h->name));
    WIRE_SET_BYTES(pb, version, wire_from_str(h->version));
    WIRE_SET_BYTES(pb, boot_id, wire_from_str(h->boot_id));
    WIRE_SET(pb, previous, h->previous);
    WIRE_SET(pb, slots, h->slots);
    WIRE_SET(pb, fence, (uint32_t)h->fence);
    WIRE_SET(pb, separate_uid, h->separate_uid);
    WIRE_SET(pb, seen, h->seen);
    WIRE_SET_BYTES(pb, seen_cluster, wire_from_str(h->seen_cluster));
    WIRE_SET(pb, cpu_milli, h->cpu_milli);
    WIRE_SET(pb, memory_bytes, h->memory_bytes);
    WIRE_SET(pb, enforced, h->enforced);
    WIRE_SET(pb, round_trip_us, h->round_trip_us);
    pb->held = refs_to_pb(h->held, h->n_held, &pb->n_held);
    if (!h->n_labels)
        return;
    Pb__Label *labels = bf_arena_alloc(tmp, h->n_labels * sizeof *labels);
    pb->labels = bf_arena_alloc(tmp, h->n_labels * sizeof(Pb__Label *));
    pb->n_labels = h->n_labels;
    for (size_t i = 0; i < h->n_labels; i++) {
        pb__label__init(&labels[i]);
        WIRE_SET_BYTES(&labels[i], name, wire_from_str(h->labels[i].name));
        WIRE_SET_BYTES(&labels[i], value, wire_from_str(h->labels[i].value));
        pb->labels[i] = &labels[i];
    }
}

void hello_from_pb(struct wire_in *in, const struct Pb__Hello *pb, struct agent_hello *ret)
{
    *ret = hello_empty;
    if (!pb) {
        wire_bad(in, BF_PROTOCOL, "a hello comes without its content");
        return;
    }
    ret->protocol = pb->protocol;
    ret->name = wire_name(in, "name of the agent", pb->name, AGENT_NAME_MAX);
    ret->version = wire_str(in, "version of the agent", pb->version, VERSION_MAX);
    ret->boot_id = wire_str(in, "boot id", pb->boot_id, BOOT_ID_BYTES);
    if (pb->boot_id.len != BOOT_ID_BYTES)
        wire_bad(in, BF_PROTOCOL, "a boot id must be of %d characters", BOOT_ID_BYTES);
    ret->previous = pb->previous;
    ret->slots = pb->slots;
    ret->fence = wire_enum(in, "kind of fence", pb->fence, FENCE_WEAK, FENCE_CGROUP_V2);
    ret->separate_uid = pb->separate_uid;
    ret->held = refs_from_pb(in, "held attempts", pb->held, pb->n_held, AGENT_HELD_MAX, &ret->n_held);
    ret->seen = pb->seen;
    ret->seen_cluster = wire_str(in, "cluster", pb->seen_cluster, CLUSTER_MAX);
    ret->cpu_milli = wire_amount(in, "capacity of processors", pb->cpu_milli, HOST_CPU_MILLI_MAX);
    ret->memory_bytes = wire_amount(in, "capacity of memory", pb->memory_bytes, HOST_BYTES_MAX);
    ret->enforced = wire_enum(in, "set of enforced limits", pb->enforced, 0, HOST_LIMITS);
    ret->round_trip_us = (uint32_t)wire_amount(in, "round trip", pb->round_trip_us, AGENT_ROUND_TRIP_US_MAX);
    ret->n_labels = wire_count(in, "labels", pb->n_labels, AGENT_LABELS_MAX);
    if (!ret->n_labels)
        return;
    ret->labels = bf_arena_alloc(in->arena, ret->n_labels * sizeof *ret->labels);
    for (size_t i = 0; i < ret->n_labels; i++) {
        ret->labels[i].name = wire_str(in, "name of a label", pb->labels[i]->name, AGENT_NAME_MAX);
        if (!*ret->labels[i].name)
            wire_bad(in, BF_PROTOCOL, "a label comes without its name");
        ret->labels[i].value = wire_str(in, "value of a label", pb->labels[i]->value, LABEL_VALUE_MAX);
    }
}

/* ---- report ---- */

void report_to_pb(const struct agent_report *r, struct Pb__Report *pb, struct Pb__Outcome *outcome, struct bf_arena *tmp)
{
    WIRE_SET(pb, attempt, r->ref.attempt);
    WIRE_SET(pb, token, r->ref.token);
    WIRE_SET(pb, kind, (uint32_t)r->kind);
    WIRE_SET(pb, started_us, r->started_us);
    WIRE_SET(pb, closing, r->closing);
    pb->has_ended_after_us = r->ended_us != 0;
    pb->ended_after_us = time_after(r->ended_us, r->started_us);
    if (outcome_is_empty(&r->outcome))
        return;
    pb__outcome__init(outcome);
    outcome_to_pb(&r->outcome, outcome, tmp);
    pb->outcome = outcome;
}

void report_put(const struct agent_report *r, uint32_t id, struct pb_out *out, struct bf_arena *tmp)
{
    uint8_t *at = pb_begin(out, id);
    pb_put_uint(out, 1, r->ref.attempt);
    pb_put_uint(out, 2, r->ref.token);
    pb_put_uint(out, 3, (uint32_t)r->kind);
    pb_put_fixed64(out, 4, (uint64_t)r->started_us);
    if (r->ended_us)
        pb_put_always(out, 5, pb_zigzag(time_after(r->ended_us, r->started_us)));
    outcome_put(&r->outcome, 6, out, tmp);
    pb_put_uint(out, 7, r->closing);
    pb_end(out, at);
}

void report_from_pb(struct wire_in *in, const struct Pb__Report *pb, struct agent_report *ret)
{
    *ret = report_empty;
    if (!pb) {
        wire_bad(in, BF_PROTOCOL, "a report comes without its content");
        return;
    }
    ret->ref = (struct attempt_ref){pb->attempt, pb->token};
    ret->kind = wire_enum(in, "kind of report", pb->kind, REPORT_STARTED, REPORT_ENDED);
    ret->started_us = pb->started_us;
    ret->closing = pb->closing;
    ret->ended_us = pb->has_ended_after_us ? time_sum(pb->started_us, pb->ended_after_us) : 0;
    outcome_from_pb(in, pb->outcome, ret->kind == REPORT_ENDED, &ret->outcome);
}
