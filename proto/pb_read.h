/* A quick reader for messages in the form in which we write them.
 *
 * It fills the same generated structs as protobuf-c, in one walk, without a copy of any bytes: what it gives points into the bytes
 * that were read.  It takes only what is plain: fields of the schema, ascending, each once (elements of a list one behind the
 * other), packed where the schema says so, numbers within their type.  All else it declines, with no opinion on whether it is
 * right: then the generated reader decides.  What it takes, that one takes too and with the same values (tests/unit/test_proto_hot.c). */
#ifndef BF_PROTO_PB_READ_H
#define BF_PROTO_PB_READ_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PB_VARINT = 0, PB_FIXED64 = 1, PB_LENGTH = 2, PB_FIXED32 = 5 };       /* wire types */
#define PB_FIELD_MAX ((1u << 29) - 1)

/* Bytes that are read from p on; p <= end, both NULL for none. */
struct pb_in { const uint8_t *p, *end; };

bool pb_take_long_varint(struct pb_in *in, uint64_t *ret);

/* False where the bytes end, or the number has more than 64 bits; then p is anywhere within the bytes. */
static inline bool pb_take_varint(struct pb_in *in, uint64_t *ret)
{
    const uint8_t *p = in->p;
    if (p != in->end && *p < 0x80) {
        *ret = *p;
        in->p++;
        return true;
    }
    if (in->end - p < 2 || p[1] >= 0x80)
        return pb_take_long_varint(in, ret);
    *ret = (uint64_t)(p[0] & 0x7f) | (uint64_t)p[1] << 7;        /* half of all tags */
    in->p += 2;
    return true;
}

/* What the generated reader is held to as well (wire.c). */
struct pb_limits { size_t fields, numbers; unsigned depth; };

/* NULL: declined, or memory gave none.  Structs and lists come from memory; its free is not called. */
const void *pb_read(const ProtobufCMessageDescriptor *type, const void *p, size_t n, struct pb_limits limits,
                    const ProtobufCAllocator *memory);

#endif
