/* The limit of a pool on the wire. */
#include "proto/record.pb-c.h"
#include "proto/record_parts.h"

enum { CONNECTION_MAX = 128 };                   /* as names of plans */

const char *limit_reason_name(enum limit_reason r)
{
    static const char *const names[] = {
        [LIMIT_BEGUN] = "begun", [LIMIT_CHANGED] = "changed", [LIMIT_RELEASED] = "released", [LIMIT_SLOW_START] = "slow_start",
        [LIMIT_RAISED] = "raised", [LIMIT_LOWERED] = "lowered", [LIMIT_CUT] = "cut", [LIMIT_UNREADABLE] = "unreadable",
        [LIMIT_FAILING] = "failing", [LIMIT_IDLE] = "idle", [LIMIT_HELD] = "held", [LIMIT_UNUSED] = "unused",
        [LIMIT_DRAINING] = "draining", [LIMIT_SLOW_STEPS] = "slow_steps",
        [LIMIT_SET] = "set"};
    return r >= LIMIT_BEGUN && r <= LIMIT_SET ? names[r] : "unknown";
}

const char *throttle_algorithm_name(enum throttle_algorithm a)
{
    return a == THROTTLE_GRADIENT ? "gradient" : a == THROTTLE_AIMD ? "aimd" : "none";
}

/* ---- probes ---- */

static void one_to_pb(const struct limit_probe *p, Pb__LimitProbe *pb, struct bf_arena *tmp)
{
    pb__limit_probe__init(pb);
    WIRE_SET_BYTES(pb, connection, wire_from_str(p->connection));
    WIRE_SET(pb, value, p->value);
    WIRE_SET(pb, every_ms, p->every_ms);
    WIRE_SET(pb, target, p->target);
    WIRE_SET(pb, limit, p->limit);
    WIRE_SET(pb, readable, p->readable);
    WIRE_SET(pb, fresh, p->fresh);
    WIRE_SET(pb, reading, p->reading);
    WIRE_SET(pb, read_ms, p->read_ms);
    WIRE_SET_BYTES(pb, why, wire_from_text(p->why, PROBE_WHY_MAX, tmp));
}

static void one_from_pb(struct wire_in *in, const Pb__LimitProbe *pb, struct limit_probe *ret)
{
    ret->connection = wire_name(in, "name of a connection", pb->connection, CONNECTION_MAX);
    ret->value = pb->value;
    ret->every_ms = wire_duration(in, "time between readings", pb->every_ms);
    ret->target = wire_duration(in, "target of a probe", pb->target);
    ret->limit = wire_duration(in, "limit of a probe", pb->limit);
    ret->readable = pb->readable;
    ret->fresh = pb->fresh;
    ret->reading = pb->reading;
    ret->read_ms = pb->read_ms;
    ret->why = wire_str(in, "why a probe is not readable", pb->why, PROBE_WHY_MAX);
}

/* ---- limits ---- */

static void state_to_pb(const struct limit_state *s, Pb__Limit *pb)
{
    WIRE_SET(pb, limit_milli, s->limit_milli);
    WIRE_SET(pb, threshold_milli, s->threshold_milli);
    WIRE_SET(pb, pressure_ppm, s->pressure_ppm);
    WIRE_SET(pb, margin_ppm, s->margin_ppm);
    WIRE_SET(pb, centre_ppm, s->centre_ppm);
    WIRE_SET(pb, tail_ppm, s->tail_ppm);
    WIRE_SET(pb, readings, s->readings);
    WIRE_SET(pb, was_over, s->was_over);
    WIRE_SET(pb, service_milli, s->service_milli);
    WIRE_SET(pb, failed_ppm, s->failed_ppm);
    WIRE_SET(pb, wait, s->wait);
    WIRE_SET(pb, left, s->left);
    WIRE_SET(pb, served, s->served);
    WIRE_SET(pb, ended, s->ended);
    WIRE_SET(pb, used_ms, s->used_ms);
    WIRE_SET(pb, stepped_ms, s->stepped_ms);
    WIRE_SET(pb, unreadable, s->unreadable);
    WIRE_SET(pb, lasts_us, s->lasts_us);
    WIRE_SET(pb, pace_us, s->pace_us);
}

static void move_to_pb(const struct limit_move *m, Pb__Limit *pb)
{
    WIRE_SET(pb, reason, (uint32_t)m->reason);
    WIRE_SET(pb, before, m->before);
    WIRE_SET(pb, after, m->after);
    WIRE_SET(pb, used, m->used);
    WIRE_SET(pb, queued, m->queued);
    WIRE_SET(pb, value, m->value);
    WIRE_SET(pb, reading, m->reading);
    WIRE_SET(pb, target, m->target);
    WIRE_SET(pb, move_service_milli, m->service_milli);
    WIRE_SET(pb, move_failed_ppm, m->failed_ppm);
}

struct Pb__Limit *limit_to_pb(const struct pool_limit *l, struct bf_arena *tmp)
{
    if (!l)
        return NULL;
    Pb__Limit *pb = bf_arena_alloc(tmp, sizeof *pb);
    Pb__LimitProbe *probes = bf_arena_alloc(tmp, l->n_probes * sizeof *probes);
    pb__limit__init(pb);
    move_to_pb(&l->move, pb);
    state_to_pb(&l->state, pb);
    WIRE_SET(pb, kept, l->kept);
    WIRE_SET(pb, algorithm, (uint32_t)l->bounds.algorithm);
    WIRE_SET(pb, floor, l->bounds.floor);
    WIRE_SET(pb, ceiling, l->bounds.ceiling);
    pb->probes = bf_arena_alloc(tmp, l->n_probes * sizeof(Pb__LimitProbe *));
    pb->n_probes = l->n_probes;
    for (size_t i = 0; i < l->n_probes; i++) {
        one_to_pb(&l->probes[i], &probes[i], tmp);
        pb->probes[i] = &probes[i];
    }
    return pb;
}

const struct pool_limit *limit_from_pb(struct wire_in *in, const struct Pb__Limit *pb)
{
    if (!pb)
        return NULL;
    struct pool_limit *l = bf_arena_alloc(in->arena, sizeof *l);
    *l = (struct pool_limit){
        .bounds = {.algorithm = wire_enum(in, "way of throttling", pb->algorithm, THROTTLE_NONE, THROTTLE_AIMD), .floor = pb->floor,
                   .ceiling = pb->ceiling},
        .state = {.limit_milli = pb->limit_milli, .threshold_milli = pb->threshold_milli, .pressure_ppm = pb->pressure_ppm,
                  .margin_ppm = pb->margin_ppm, .service_milli = pb->service_milli, .failed_ppm = pb->failed_ppm, .wait = pb->wait,
                  .left = pb->left, .served = pb->served, .ended = pb->ended, .used_ms = pb->used_ms, .stepped_ms = pb->stepped_ms,
                  .unreadable = pb->unreadable, .centre_ppm = pb->centre_ppm, .tail_ppm = pb->tail_ppm, .readings = pb->readings,
                  .was_over = pb->was_over, .lasts_us = pb->lasts_us, .pace_us = pb->pace_us},
        .move = {.reason = wire_enum(in, "reason of a move", pb->reason, LIMIT_BEGUN, LIMIT_SET), .before = pb->before,
                 .after = pb->after, .used = pb->used, .queued = pb->queued, .value = pb->value, .reading = pb->reading,
                 .target = pb->target, .service_milli = pb->move_service_milli, .failed_ppm = pb->move_failed_ppm},
        .kept = pb->kept};
    l->n_probes = wire_count(in, "probes of a pool", pb->n_probes, LIMIT_PROBES_MAX);
    l->probes = bf_arena_alloc(in->arena, l->n_probes * sizeof *l->probes);
    for (size_t i = 0; i < l->n_probes; i++)
        one_from_pb(in, pb->probes[i], &l->probes[i]);
    return l;
}
