/* Instances in a checkpoint, packed by chunk.
 *
 * Version, count, then for each instance its state and what follows, and what differs from a fresh one: details, backoff, where it was
 * reused from, flags; little-endian.  Version 1 had neither of the last two, version 2 no throttled time and no processes. */
#include "common/buf.h"
#include "common/plant.h"
#include "coordinator/engine/internal.h"

enum { PACK_VERSION = 3, PACK_WITH_PIDS = 3 };
enum { PACK_STATE = 0x0f, PACK_DETAIL = 0x10, PACK_RETRY = 0x20, PACK_FLAGS = 0x40, PACK_ORIGIN = 0x80 };

static bool has_detail(const struct backfill *b, const struct instance *in)
{
    return in->run != b->first_run || in->attempts || in->lost || in->agent || in->attempt || in->started_us || in->finished_us;
}

/* ready is derived, and written as waiting. */
static uint8_t packed_state(const struct instance *in)
{
    return in->state == INSTANCE_READY ? INSTANCE_WAITING : in->state;
}

static void pack(struct bf_buf *out, const struct backfill *b, const struct instance *in, const struct instance_usage *u, uint32_t origin)
{
    bool detail = has_detail(b, in), retry = in->state == INSTANCE_BACKING_OFF;
    bf_buf_put_u8(out, (uint8_t)(packed_state(in) | (detail ? PACK_DETAIL : 0) | (retry ? PACK_RETRY : 0) |
                             (in->flags ? PACK_FLAGS : 0) | (origin ? PACK_ORIGIN : 0)));
    if (detail) {
        bf_buf_put_u32(out, in->run);
        bf_buf_put_u32(out, in->attempts);
        bf_buf_put_u16(out, in->lost);
        bf_buf_put_u32(out, in->agent);
        bf_buf_put_u64(out, in->attempt);
        bf_buf_put_u64(out, (uint64_t)in->started_us);
        bf_buf_put_u64(out, (uint64_t)in->finished_us);
        bf_buf_put_u32(out, u->cpu_ms);
        bf_buf_put_u32(out, u->peak_memory_kib);
        bf_buf_put_u32(out, u->read_kib);
        bf_buf_put_u32(out, u->written_kib);
        bf_buf_put_u8(out, u->measured_by);
        bf_buf_put_u32(out, u->throttled_ms);
        bf_buf_put_u16(out, u->peak_pids);
        bf_buf_put_u8(out, u->limits_hit);
    }
    if (retry)
        bf_buf_put_u64(out, BF_PLANTED("checkpoint_forgets_backoff") ? 0 : (uint64_t)in->retry_at_ms);
    if (origin)
        bf_buf_put_u32(out, origin);
    if (in->flags)
        bf_buf_put_u8(out, in->flags);
}

static bool unpack(struct bf_reader *r, uint8_t version, struct instance *in, struct instance_usage *u, uint32_t *ret_origin)
{
    uint8_t head = 0;
    uint64_t started = 0, finished = 0, retry = 0;
    if (!bf_take_u8(r, &head) || (head & PACK_STATE) < INSTANCE_WAITING || (head & PACK_STATE) > INSTANCE_CANCELLED)
        return false;
    in->state = head & PACK_STATE;
    if (head & PACK_DETAIL) {
        bf_take_u32(r, &in->run);
        bf_take_u32(r, &in->attempts);
        bf_take_u16(r, &in->lost);
        bf_take_u32(r, &in->agent);
        bf_take_u64(r, &in->attempt);
        bf_take_u64(r, &started);
        bf_take_u64(r, &finished);
        bf_take_u32(r, &u->cpu_ms);
        bf_take_u32(r, &u->peak_memory_kib);
        bf_take_u32(r, &u->read_kib);
        bf_take_u32(r, &u->written_kib);
        bf_take_u8(r, &u->measured_by);
        if (version >= PACK_WITH_PIDS) {
            bf_take_u32(r, &u->throttled_ms);
            bf_take_u16(r, &u->peak_pids);
            bf_take_u8(r, &u->limits_hit);
        }
        in->started_us = (int64_t)started;
        in->finished_us = (int64_t)finished;
    }
    if (head & PACK_RETRY) {
        bf_take_u64(r, &retry);
        in->retry_at_ms = (int64_t)retry;
    }
    if (head & PACK_ORIGIN)
        bf_take_u32(r, ret_origin);
    if (head & PACK_FLAGS)
        bf_take_u8(r, &in->flags);
    return !r->bad && (*ret_origin != 0) == ((in->flags & FLAG_REUSED) != 0);
}

enum bf_rc instances_unpack(struct backfill *b, uint32_t number, const uint8_t *bytes, size_t n, struct bf_error *err)
{
    struct bf_reader r = {.p = bytes, .left = n};
    uint8_t version = 0;
    uint32_t count = 0;
    if (!bf_take_u8(&r, &version) || version < 1 || version > PACK_VERSION || !bf_take_u32(&r, &count) || count > b->topology->n - number)
        return bf_fail(err, BF_CORRUPT, "instances of bf-%u: packed in an unknown version, or too many", b->id);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t origin = 0;
        if (!unpack(&r, version, &b->instances[number + i], &b->usage[number + i], &origin))
            return bf_fail(err, BF_CORRUPT, "instances of bf-%u: number %u is malformed", b->id, number + i);
        if (origin)
            backfill_origins(b)[number + i] = origin;
    }
    if (r.left != 0)
        return bf_fail(err, BF_CORRUPT, "instances of bf-%u: %zu bytes too many", b->id, r.left);
    return BF_OK;
}

/* ---- chunks ---- */

uint32_t snapshot_chunks(const struct backfill *b)
{
    return (b->topology->n + SNAPSHOT_CHUNK - 1) / SNAPSHOT_CHUNK;
}

static bool is_fresh(const struct backfill *b, const struct instance *in)
{
    return packed_state(in) == INSTANCE_WAITING && !has_detail(b, in) && !in->flags;
}

bool snapshot_pack(const struct backfill *b, uint32_t chunk, struct bf_buf *out)
{
    uint32_t from = chunk * SNAPSHOT_CHUNK, until = from + SNAPSHOT_CHUNK;
    bool fresh = true;
    if (until > b->topology->n)
        until = b->topology->n;
    for (uint32_t i = from; i < until && fresh; i++)
        fresh = is_fresh(b, &b->instances[i]);
    if (fresh)
        return false;
    bf_buf_put_u8(out, PACK_VERSION);
    bf_buf_put_u32(out, until - from);
    for (uint32_t i = from; i < until; i++)
        pack(out, b, &b->instances[i], &b->usage[i], b->origin ? b->origin[i] : 0);
    return true;
}
