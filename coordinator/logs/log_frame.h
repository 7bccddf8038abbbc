/* The header of a frame in a segment: 80 bytes, little-endian, with a checksum of its own.  Private to logs/. */
#ifndef BF_LOG_FRAME_H
#define BF_LOG_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_FRAME_BYTES 80u
#define LOG_FRAME_MAGIC "BFL1"
#define LOG_SENDER_BYTES 16u                     /* first bytes of the sender's public key */
#define LOG_FLAG_LAST 1u
#define LOG_FLAG_ZSTD 2u
#define LOG_FLAG_NAME 4u                         /* no log: says what the attempt and sender of the header ran */
#define LOG_FLAG_MID 8u                          /* begins in the middle of a line of its stream, which the frame before has begun */
#define LOG_FLAG_OPEN 16u                        /* ends in the middle of a line */

/* Which instance an attempt ran: numbers of the engine.  n partitions from index on. */
struct log_name { uint64_t attempt; uint32_t backfill, step, index, n, run, attempt_no, agent; };
#define LOG_NAME_BYTES 28u                       /* as the payload of a frame; the attempt stands in the header */

struct log_frame {
    uint64_t attempt, token, offset;
    int64_t at_us;
    uint64_t cut_bytes;
    uint32_t raw_bytes, stored_bytes, payload_crc;
    uint8_t stream, flags;
    uint8_t sender[LOG_SENDER_BYTES];
};

void log_frame_encode(const struct log_frame *f, uint8_t ret[LOG_FRAME_BYTES]);
/* false when it is no header, damaged, of a newer version, or of sizes that cannot be. */
bool log_frame_decode(const uint8_t p[LOG_FRAME_BYTES], struct log_frame *ret);
void log_name_encode(const struct log_name *name, uint8_t ret[LOG_NAME_BYTES]);
/* The payload of a frame with LOG_FLAG_NAME; false when it is none. */
bool log_name_decode(const struct log_frame *f, const uint8_t *payload, struct log_name *ret);

#endif
