/* Fields in protobuf's wire format, written straight into memory that the caller has reserved.
 *
 * Called in ascending order of numbers with what a message holds, they make the bytes that protobuf-c makes of the generated
 * struct: numbers that are zero and bytes that are empty are left out, as WIRE_SET() and WIRE_SET_BYTES() do it.  Each needs
 * PB_NUMBER_ROOM bytes before `end` beside those that it copies, or asserts. */
#ifndef BF_PROTO_PB_WRITE_H
#define BF_PROTO_PB_WRITE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/le.h"
#include "proto/pb_read.h"

enum { PB_TAG_MAX = 5, PB_VARINT_MAX = 10, PB_NUMBER_ROOM = PB_TAG_MAX + PB_VARINT_MAX };      /* bytes */

/* Written up to p; p <= end. */
struct pb_out { uint8_t *p, *end; };

static inline void pb_room(const struct pb_out *o, size_t n)
{
    assert((size_t)(o->end - o->p) >= n);
}

static inline uint8_t *pb_varint(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static inline uint64_t pb_zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (0 - ((uint64_t)v >> 63));
}

/* Zero too. */
static inline void pb_put_always(struct pb_out *o, uint32_t id, uint64_t v)
{
    pb_room(o, PB_NUMBER_ROOM);
    o->p = pb_varint(pb_varint(o->p, (uint64_t)id << 3 | PB_VARINT), v);
}

/* uint32, uint64, bool */
static inline void pb_put_uint(struct pb_out *o, uint32_t id, uint64_t v)
{
    if (v)
        pb_put_always(o, id, v);
}

/* int64 */
static inline void pb_put_int(struct pb_out *o, uint32_t id, int64_t v)
{
    pb_put_uint(o, id, (uint64_t)v);
}

/* sint32, sint64 */
static inline void pb_put_sint(struct pb_out *o, uint32_t id, int64_t v)
{
    pb_put_uint(o, id, pb_zigzag(v));
}

/* fixed64, sfixed64 */
static inline void pb_put_fixed64(struct pb_out *o, uint32_t id, uint64_t v)
{
    if (!v)
        return;
    pb_room(o, PB_NUMBER_ROOM);
    uint8_t *p = pb_varint(o->p, (uint64_t)id << 3 | PB_FIXED64);
    bf_le_put(p, v, 8);
    o->p = p + 8;
}

/* Empty ones too: an element of a list. */
static inline void pb_put_element(struct pb_out *o, uint32_t id, const void *p, size_t n)
{
    pb_room(o, PB_NUMBER_ROOM + n);
    o->p = pb_varint(pb_varint(o->p, (uint64_t)id << 3 | PB_LENGTH), n);
    if (n)
        memcpy(o->p, p, n);
    o->p += n;
}

static inline void pb_put_bytes(struct pb_out *o, uint32_t id, const void *p, size_t n)
{
    if (n)
        pb_put_element(o, id, p, n);
}

/* s may be NULL. */
static inline void pb_put_str(struct pb_out *o, uint32_t id, const char *s)
{
    if (s && *s)
        pb_put_element(o, id, s, strlen(s));
}

/* A message, or a packed list, within: what is written between the two calls.  One byte is kept for its length; where that is not
 * enough, pb_end() moves what was written up by at most four, for which there must be room. */
static inline uint8_t *pb_begin(struct pb_out *o, uint32_t id)
{
    pb_room(o, PB_NUMBER_ROOM);
    o->p = pb_varint(o->p, (uint64_t)id << 3 | PB_LENGTH);
    return o->p++;
}

void pb_move_up(struct pb_out *o, uint8_t *at);

static inline void pb_end(struct pb_out *o, uint8_t *at)
{
    size_t n = (size_t)(o->p - at) - 1;
    if (n < 0x80)
        *at = (uint8_t)n;
    else
        pb_move_up(o, at);
}

#endif
