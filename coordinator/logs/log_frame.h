/* The header of a frame in a segment: 80 bytes, little-endian, with a checksum of its own.  Private to logs/. */
#ifndef BF_LOG_FRAME_H
#define BF_LOG_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_FRAME_BYTES 80u
#define LOG_SENDER_BYTES 16u                     /* first bytes of the sender's public key */
#define LOG_FLAG_LAST 1u
#define LOG_FLAG_ZSTD 2u

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

#endif
