/* Breakers in inputs and records: bytes and plain values. */
#include "proto/record.pb-c.h"
#include "proto/record_parts.h"

static Pb__BreakerSettings *settings_to_pb(const struct breaker_settings *s, struct bf_arena *tmp)
{
    static const struct breaker_settings none;
    if (breaker_settings_same(s, &none))
        return NULL;
    Pb__BreakerSettings *pb = bf_arena_alloc(tmp, sizeof *pb);
    pb__breaker_settings__init(pb);
    WIRE_SET(pb, off, s->off);
    WIRE_SET(pb, window, s->window);
    WIRE_SET(pb, period_ms, s->period_ms);
    WIRE_SET(pb, minimum, s->minimum);
    WIRE_SET(pb, rate, s->rate);
    WIRE_SET(pb, slow_rate, s->slow_rate);
    WIRE_SET(pb, slow_factor_milli, s->slow_factor_milli);
    WIRE_SET(pb, open_ms, s->open_ms);
    WIRE_SET(pb, open_max_ms, s->open_max_ms);
    WIRE_SET(pb, growth_milli, s->growth_milli);
    WIRE_SET(pb, probes, s->probes);
    return pb;
}

struct Pb__Breaker *breaker_to_pb(const struct record_breaker *b, struct bf_arena *tmp)
{
    if (!b->kind && !b->at_ms)
        return NULL;
    Pb__Breaker *pb = bf_arena_alloc(tmp, sizeof *pb);
    pb__breaker__init(pb);
    WIRE_SET(pb, kind, (uint32_t)b->kind);
    WIRE_SET_BYTES(pb, name, wire_from_str(b->name));
    WIRE_SET(pb, state, (uint32_t)b->state);
    WIRE_SET(pb, source, (uint32_t)b->source);
    WIRE_SET(pb, at_ms, b->at_ms);
    WIRE_SET(pb, until_ms, b->until_ms);
    WIRE_SET(pb, level, b->level);
    WIRE_SET(pb, calls, b->calls);
    WIRE_SET(pb, failures, b->failures);
    WIRE_SET(pb, slow, b->slow);
    WIRE_SET(pb, good, b->good);
    WIRE_SET(pb, bad, b->bad);
    pb->settings = settings_to_pb(&b->settings, tmp);
    return pb;
}

static void settings_from_pb(struct wire_in *in, const Pb__BreakerSettings *pb, struct breaker_settings *ret)
{
    *ret = (struct breaker_settings){.off = pb->off, .window = pb->window, .period_ms = pb->period_ms, .minimum = pb->minimum,
                                     .rate = pb->rate, .slow_rate = pb->slow_rate, .slow_factor_milli = pb->slow_factor_milli,
                                     .open_ms = pb->open_ms, .open_max_ms = pb->open_max_ms, .growth_milli = pb->growth_milli,
                                     .probes = pb->probes};
    if (ret->window < 1 || ret->window > BREAKER_WINDOW_MAX || ret->probes < 1 || ret->probes > BREAKER_PROBES_MAX || ret->period_ms < 0 ||
        ret->open_ms < 0 || ret->open_max_ms < 0)
        wire_bad(in, BF_PROTOCOL, "settings of a breaker are out of their bounds");
}

void breaker_from_pb(struct wire_in *in, const struct Pb__Breaker *pb, struct record_breaker *ret)
{
    *ret = (struct record_breaker){.name = ""};
    if (!pb)
        return;
    ret->kind = wire_enum(in, "kind of a breaker", pb->kind, 0, BREAKER_AGENT);
    ret->name = wire_str(in, "name of a breaker", pb->name, BREAKER_NAME_MAX);
    ret->state = wire_enum(in, "state of a breaker", pb->state, 0, BREAKER_HALF_OPEN);
    ret->source = wire_enum(in, "source of a breaker's settings", pb->source, 0, BREAKER_BY_CONFIG);
    ret->at_ms = pb->at_ms;
    ret->until_ms = pb->until_ms;
    ret->level = pb->level;
    ret->calls = pb->calls;
    ret->failures = pb->failures;
    ret->slow = pb->slow;
    ret->good = pb->good;
    ret->bad = pb->bad;
    if (pb->settings)
        settings_from_pb(in, pb->settings, &ret->settings);
}
