/* Probes and their readings: in messages between coordinator and agents, in inputs and in records. */
#include <string.h>

#include "proto/parts.h"
#include "proto/probe.h"
#include "proto/record.pb-c.h"

enum { PROBE_FIELDS_MAX = 2 * PROBE_ARGV_MAX, ARGUMENT_MAX = 64 << 10, SPEC_MAX = 64 << 10, REF_TEXT_MAX = 4096, NAME_MAX_BYTES = 128,
       REFS_MAX = 4 };
static const int64_t reading_max = INT64_MAX / 4;        /* so that sums of two do not pass the end */

/* ---- to the wire ---- */

static void order_to_pb(const struct probe_order *o, Pb__Probe *pb, struct bf_arena *tmp)
{
    WIRE_SET(pb, id, o->id);
    WIRE_SET_BYTES(pb, connection, wire_from_str(o->connection));
    WIRE_SET(pb, kind, (uint32_t)o->kind);
    WIRE_SET(pb, value, o->value);
    WIRE_SET(pb, every_ms, o->every_ms);
    WIRE_SET(pb, limit_ms, o->limit_ms);
    WIRE_SET_BYTES(pb, spec, wire_from_str(o->spec));
    if (o->n_argv) {
        pb->n_argv = o->n_argv;
        pb->argv = bf_arena_alloc(tmp, o->n_argv * sizeof *pb->argv);
        for (size_t i = 0; i < o->n_argv; i++)
            pb->argv[i] = wire_from_str(o->argv[i]);
    }
    if (!o->n_refs)
        return;
    Pb__StepRef *refs = bf_arena_alloc(tmp, o->n_refs * sizeof *refs);
    pb->n_refs = o->n_refs;
    pb->refs = bf_arena_alloc(tmp, o->n_refs * sizeof(Pb__StepRef *));
    for (size_t i = 0; i < o->n_refs; i++) {
        pb__step_ref__init(&refs[i]);
        WIRE_SET_BYTES(&refs[i], name, wire_from_str(o->refs[i].name));
        WIRE_SET_BYTES(&refs[i], text, wire_from_str(o->refs[i].text));
        pb->refs[i] = &refs[i];
    }
}

void probes_put(const struct agent_msg *m, struct bf_buf *b, struct bf_arena *tmp)
{
    for (size_t i = 0; i < m->n_probes; i++) {
        Pb__Probe pb = PB__PROBE__INIT;
        bf_arena_clear(tmp);
        order_to_pb(&m->probes[i], &pb, tmp);
        wire_put_element(b, AGENT_MSG_PROBES, &pb.base);
    }
    for (size_t i = 0; i < m->n_probed; i++) {
        const struct probe_reading *r = &m->probed[i];
        Pb__Probed pb = PB__PROBED__INIT;
        bf_arena_clear(tmp);
        WIRE_SET(&pb, id, r->id);
        WIRE_SET(&pb, readable, r->readable);
        WIRE_SET(&pb, value_us, r->value_us);
        WIRE_SET_BYTES(&pb, why, wire_from_text(r->why, PROBE_WHY_MAX, tmp));
        WIRE_SET(&pb, refused, r->refused);
        wire_put_element(b, AGENT_MSG_PROBED, &pb.base);
    }
}

void input_probe_to_pb(const struct input_probe *p, Pb__ProbeReading *pb, struct bf_arena *tmp)
{
    WIRE_SET_BYTES(pb, connection, wire_from_str(p->connection));
    WIRE_SET(pb, readable, p->readable);
    WIRE_SET(pb, value_us, p->value_us);
    WIRE_SET_BYTES(pb, why, wire_from_text(p->why, PROBE_WHY_MAX, tmp));
}

/* ---- from the wire ---- */

static void order_from_pb(struct wire_in *in, const Pb__Probe *pb, struct probe_order *ret)
{
    ret->id = pb->id;
    ret->connection = wire_name(in, "connection of a probe", pb->connection, NAME_MAX_BYTES);
    ret->kind = wire_enum(in, "kind of probe", pb->kind, PROBE_SQL, PROBE_HTTP);
    ret->value = pb->value;
    ret->every_ms = wire_duration(in, "time between readings", pb->every_ms);
    ret->limit_ms = wire_duration(in, "time limit of a probe", pb->limit_ms);
    ret->spec = wire_str(in, "specification of a probe", pb->spec, SPEC_MAX);
    ret->n_argv = wire_count(in, "arguments", pb->n_argv, PROBE_ARGV_MAX);
    ret->argv = bf_arena_alloc(in->arena, (ret->n_argv + 1) * sizeof *ret->argv);
    for (size_t i = 0; i < ret->n_argv; i++)
        ret->argv[i] = wire_str(in, "argument of a probe", pb->argv[i], ARGUMENT_MAX);
    ret->n_refs = wire_count(in, "references", pb->n_refs, REFS_MAX);
    ret->refs = bf_arena_alloc(in->arena, (ret->n_refs + 1) * sizeof *ret->refs);
    for (size_t i = 0; i < ret->n_refs; i++) {
        ret->refs[i].name = wire_str(in, "name of a reference", pb->refs[i]->name, NAME_MAX_BYTES);
        ret->refs[i].text = wire_str(in, "reference", pb->refs[i]->text, REF_TEXT_MAX);
    }
    size_t n = strlen(ret->spec);
    bool run = ret->kind == PROBE_RUN, object = n >= 2 && ret->spec[0] == '{' && ret->spec[n - 1] == '}';
    if (!in->rc && (ret->id == 0 || ret->every_ms == 0 || ret->limit_ms == 0 || run != (ret->n_argv > 0) || run != (n == 0) ||
                    run == object))
        wire_bad(in, BF_PROTOCOL, "a probe comes without its id, its times, or what it is to do");
}

static void reading_from_pb(struct wire_in *in, const Pb__Probed *pb, struct probe_reading *ret)
{
    ret->id = pb->id;
    ret->readable = pb->readable;
    ret->value_us = pb->value_us;
    ret->why = wire_str(in, "why a probe is unreadable", pb->why, PROBE_WHY_MAX);
    ret->refused = pb->refused;
    if (ret->value_us < 0 || ret->value_us > reading_max || (!ret->readable && ret->value_us != 0) ||
        (ret->readable && (*ret->why || ret->refused)))
        wire_bad(in, BF_PROTOCOL, "the reading of a probe is no load: negative, out of range, or with a value although unreadable");
}

void probes_take(struct wire_in *in, struct wire_scratch *scratch, const struct wire_list *probes, const struct wire_list *probed,
                 struct agent_msg *ret)
{
    struct wire_field f;
    struct wire_cursor c = probes->at;
    ret->probes = probes->n ? bf_arena_alloc(&ret->arena, probes->n * sizeof *ret->probes) : NULL;
    while (!in->rc && ret->n_probes < probes->n && wire_next_element(&c, probes->id, &f)) {
        const void *pb = wire_unpack(in, scratch, &pb__probe__descriptor, f.value, f.len, PROBE_FIELDS_MAX, "a probe");
        if (pb)
            order_from_pb(in, pb, &ret->probes[ret->n_probes++]);
    }
    c = probed->at;
    ret->probed = probed->n ? bf_arena_alloc(&ret->arena, probed->n * sizeof *ret->probed) : NULL;
    while (!in->rc && ret->n_probed < probed->n && wire_next_element(&c, probed->id, &f)) {
        const void *pb = wire_unpack(in, scratch, &pb__probed__descriptor, f.value, f.len, PROBE_FIELDS_MAX, "the reading of a probe");
        if (pb)
            reading_from_pb(in, pb, &ret->probed[ret->n_probed++]);
    }
}

void input_probe_from_pb(struct wire_in *in, const Pb__ProbeReading *pb, struct input_probe *ret)
{
    if (!pb) {
        wire_bad(in, BF_PROTOCOL, "the reading of a probe comes without its connection");
        return;
    }
    ret->connection = wire_name(in, "connection of a probe", pb->connection, NAME_MAX_BYTES);
    ret->readable = pb->readable;
    ret->value_us = pb->value_us;
    ret->why = wire_str(in, "why a probe is unreadable", pb->why, PROBE_WHY_MAX);
    if (!in->rc && !*ret->connection)
        wire_bad(in, BF_PROTOCOL, "the reading of a probe comes without its connection");
}
