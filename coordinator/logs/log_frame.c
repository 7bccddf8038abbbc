/* Header of a frame: magic, its own checksum, then fields in little-endian.  A reader takes a header only when everything in it is
 * possible, so that a torn or foreign end of a segment is seen as the end. */
#include "coordinator/logs/log_frame.h"

#include <string.h>

#include "common/buf.h"
#include "common/crc32c.h"
#include "coordinator/logs/log_store.h"

#define MAGIC 0x314c4642u                        /* LOG_FRAME_MAGIC */
#define VERSION 1u
#define CRC_FROM 8u                              /* what stands behind magic and checksum is covered */
#define STORED_BYTES_MAX (LOG_CHUNK_BYTES_MAX + 1024)

void log_frame_encode(const struct log_frame *f, uint8_t ret[LOG_FRAME_BYTES])
{
    struct bf_buf b = {0};
    bf_buf_put_u64(&b, f->attempt);
    bf_buf_put_u64(&b, f->token);
    bf_buf_put_u64(&b, f->offset);
    bf_buf_put_u64(&b, (uint64_t)f->at_us);
    bf_buf_put_u64(&b, f->cut_bytes);
    bf_buf_put_u32(&b, f->raw_bytes);
    bf_buf_put_u32(&b, f->stored_bytes);
    bf_buf_put_u32(&b, f->payload_crc);
    bf_buf_put_u8(&b, f->stream);
    bf_buf_put_u8(&b, f->flags);
    bf_buf_put_u16(&b, VERSION);
    bf_buf_put(&b, f->sender, LOG_SENDER_BYTES);
    struct bf_buf head = {0};
    bf_buf_put_u32(&head, MAGIC);
    bf_buf_put_u32(&head, bf_crc32c(0, b.data, b.len));
    memcpy(ret, head.data, head.len);
    memcpy(ret + head.len, b.data, b.len);
    bf_buf_free(&head);
    bf_buf_free(&b);
}

bool log_frame_decode(const uint8_t p[LOG_FRAME_BYTES], struct log_frame *ret)
{
    struct bf_reader r = {.p = p, .left = LOG_FRAME_BYTES};
    struct log_frame f = {0};
    uint32_t magic = 0, crc = 0;
    uint64_t at_us = 0;
    uint16_t version = 0;
    const uint8_t *sender = NULL;
    bool read = bf_take_u32(&r, &magic) && bf_take_u32(&r, &crc) && bf_take_u64(&r, &f.attempt) && bf_take_u64(&r, &f.token) &&
                bf_take_u64(&r, &f.offset) && bf_take_u64(&r, &at_us) && bf_take_u64(&r, &f.cut_bytes) &&
                bf_take_u32(&r, &f.raw_bytes) && bf_take_u32(&r, &f.stored_bytes) && bf_take_u32(&r, &f.payload_crc) &&
                bf_take_u8(&r, &f.stream) && bf_take_u8(&r, &f.flags) && bf_take_u16(&r, &version) &&
                bf_take_bytes(&r, LOG_SENDER_BYTES, &sender);
    if (!read || magic != MAGIC || version != VERSION || crc != bf_crc32c(0, p + CRC_FROM, LOG_FRAME_BYTES - CRC_FROM) ||
        f.raw_bytes > LOG_CHUNK_BYTES_MAX || f.stored_bytes > STORED_BYTES_MAX)
        return false;
    f.at_us = (int64_t)at_us;
    memcpy(f.sender, sender, LOG_SENDER_BYTES);
    *ret = f;
    return true;
}

void log_name_encode(const struct log_name *name, uint8_t ret[LOG_NAME_BYTES])
{
    struct bf_buf b = {0};
    bf_buf_put_u32(&b, name->backfill);
    bf_buf_put_u32(&b, name->step);
    bf_buf_put_u32(&b, name->index);
    bf_buf_put_u32(&b, name->n);
    bf_buf_put_u32(&b, name->run);
    bf_buf_put_u32(&b, name->attempt_no);
    bf_buf_put_u32(&b, name->agent);
    memcpy(ret, b.data, LOG_NAME_BYTES);
    bf_buf_free(&b);
}

bool log_name_decode(const struct log_frame *f, const uint8_t *payload, struct log_name *ret)
{
    if (!(f->flags & LOG_FLAG_NAME) || f->stored_bytes != LOG_NAME_BYTES || bf_crc32c(0, payload, LOG_NAME_BYTES) != f->payload_crc)
        return false;
    struct bf_reader r = {.p = payload, .left = LOG_NAME_BYTES};
    struct log_name name = {.attempt = f->attempt};
    if (!bf_take_u32(&r, &name.backfill) || !bf_take_u32(&r, &name.step) || !bf_take_u32(&r, &name.index) || !bf_take_u32(&r, &name.n) ||
        !bf_take_u32(&r, &name.run) || !bf_take_u32(&r, &name.attempt_no) || !bf_take_u32(&r, &name.agent))
        return false;
    *ret = name;
    return true;
}
