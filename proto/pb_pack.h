/* A quick writer for generated messages: the bytes that protobuf-c makes of them, in one walk.
 *
 * protobuf-c looks at each field twice, for the size and to write, and at those of a part once more for each level above it. */
#ifndef BF_PROTO_PB_PACK_H
#define BF_PROTO_PB_PACK_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "common/buf.h"

/* Append m.  false, and nothing is appended, when it has a field of a kind that our schemas do not use. */
bool pb_pack(const ProtobufCMessage *m, struct bf_buf *b);
/* The same as field id of the message in b. */
bool pb_pack_element(const ProtobufCMessage *m, uint32_t id, struct bf_buf *b);

#endif
