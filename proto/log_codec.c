/* The log socket: chunks up, credit down. */
#include <assert.h>

#include "proto/agent.pb-c.h"
#include "proto/agent_msg.h"
#include "proto/wire.h"

enum { LOG_FIELDS_MAX = 64, LOG_CHUNK_MAX_BYTES = 65536, LOG_STREAMS = 3 };

void log_msg_encode(const struct log_msg *m, struct bf_buf *ret)
{
    assert(m->n_bytes <= LOG_CHUNK_MAX_BYTES);
    Pb__LogMsg pb = PB__LOG_MSG__INIT;
    WIRE_SET(&pb, kind, (uint32_t)m->kind);
    WIRE_SET(&pb, attempt, m->attempt);
    WIRE_SET(&pb, token, m->token);
    WIRE_SET(&pb, stream, m->stream);
    WIRE_SET(&pb, offset, m->offset);
    WIRE_SET(&pb, at_us, m->at_us);
    WIRE_SET(&pb, cut_bytes, m->cut_bytes);
    WIRE_SET(&pb, last, m->last);
    WIRE_SET_BYTES(&pb, bytes, wire_from_bytes(m->bytes, m->n_bytes));
    WIRE_SET(&pb, credit_bytes, m->credit_bytes);
    wire_put(ret, &pb.base);
}

static void log_from_pb(struct wire_in *in, const Pb__LogMsg *pb, struct log_msg *ret)
{
    ret->kind = wire_enum(in, "kind of log message", pb->kind, LOG_CHUNK, LOG_CREDIT);
    ret->attempt = pb->attempt;
    ret->token = pb->token;
    ret->stream = (uint8_t)wire_enum(in, "log stream", pb->stream, ret->kind == LOG_CHUNK, LOG_STREAMS);
    ret->offset = pb->offset;
    ret->at_us = pb->at_us;
    ret->cut_bytes = pb->cut_bytes;
    ret->last = pb->last;
    ret->bytes = wire_bytes(in, "log chunk", pb->bytes, LOG_CHUNK_MAX_BYTES);
    ret->n_bytes = ret->bytes ? pb->bytes.len : 0;
    ret->credit_bytes = pb->credit_bytes;
}

enum bf_rc log_msg_decode(const void *p, size_t n, struct log_msg *ret, struct bf_error *err)
{
    *ret = (struct log_msg){0};
    if (n > BF_MESSAGE_MAX_BYTES)
        return bf_fail(err, BF_LIMIT, "a log message has %zu bytes; at most %u are allowed", n, BF_MESSAGE_MAX_BYTES);
    struct wire_scratch scratch;
    wire_scratch_init(&scratch);
    struct wire_in in = {&ret->arena, err, BF_OK};
    const void *pb = wire_unpack(&in, &scratch, &pb__log_msg__descriptor, p, n, LOG_FIELDS_MAX, "a log message");
    if (pb)
        log_from_pb(&in, pb, ret);
    wire_scratch_done(&scratch);
    return in.rc;
}

void log_msg_done(struct log_msg *m)
{
    if (!m)
        return;
    bf_arena_free(&m->arena);
    *m = (struct log_msg){0};
}
