/* Fields in the order of the descriptor, which is that of their numbers.  A part is written behind one byte for its length, and moved up
 * where the length takes more. */
#include "proto/pb_pack.h"

#include <string.h>

#include "proto/pb_write.h"

enum { FIELD_ROOM = 2 * PB_NUMBER_ROOM };

static bool pack(const ProtobufCMessage *m, struct bf_buf *b);

static const void *member(const ProtobufCMessage *m, unsigned offset)
{
    return (const uint8_t *)m + offset;
}

static struct pb_out out_of(struct bf_buf *b, size_t more)
{
    bf_buf_reserve(b, FIELD_ROOM + more);
    return (struct pb_out){b->data + b->len, b->data + b->cap};
}

static void out_done(struct bf_buf *b, struct pb_out o)
{
    b->len = (size_t)(o.p - b->data);
}

/* ---- values ---- */

static uint8_t *put_fixed64(uint8_t *p, uint64_t v)
{
    bf_le_put(p, v, 8);
    return p + 8;
}

/* false: of a type that is not used. */
static bool put_number(struct bf_buf *b, const ProtobufCFieldDescriptor *f, const void *at)
{
    struct pb_out o = out_of(b, 0);
    uint64_t tag = (uint64_t)f->id << 3;
    switch (f->type) {
    case PROTOBUF_C_TYPE_UINT32: o.p = pb_varint(pb_varint(o.p, tag | PB_VARINT), *(const uint32_t *)at); break;
    case PROTOBUF_C_TYPE_SINT32: o.p = pb_varint(pb_varint(o.p, tag | PB_VARINT), (uint32_t)pb_zigzag(*(const int32_t *)at)); break;
    case PROTOBUF_C_TYPE_BOOL: o.p = pb_varint(pb_varint(o.p, tag | PB_VARINT), *(const protobuf_c_boolean *)at != 0); break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64: o.p = pb_varint(pb_varint(o.p, tag | PB_VARINT), *(const uint64_t *)at); break;
    case PROTOBUF_C_TYPE_SINT64: o.p = pb_varint(pb_varint(o.p, tag | PB_VARINT), pb_zigzag(*(const int64_t *)at)); break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64: o.p = put_fixed64(pb_varint(o.p, tag | PB_FIXED64), *(const uint64_t *)at); break;
    default: return false;
    }
    out_done(b, o);
    return true;
}

static void put_bytes(struct bf_buf *b, uint32_t id, ProtobufCBinaryData v)
{
    struct pb_out o = out_of(b, v.len);
    o.p = pb_varint(pb_varint(o.p, (uint64_t)id << 3 | PB_LENGTH), v.len);
    if (v.len > 0)
        memcpy(o.p, v.data, v.len);
    o.p += v.len;
    out_done(b, o);
}

static bool put_part(struct bf_buf *b, uint32_t id, const ProtobufCMessage *m)
{
    struct pb_out o = out_of(b, 0);
    size_t at = (size_t)(pb_begin(&o, id) - b->data);
    out_done(b, o);
    if (!pack(m, b))
        return false;
    o = out_of(b, 0);
    pb_end(&o, b->data + at);
    out_done(b, o);
    return true;
}

/* ---- lists: there is something in them ---- */

static bool put_numbers(struct bf_buf *b, const ProtobufCFieldDescriptor *f, const void *list, size_t n)
{
    bool wide = f->type == PROTOBUF_C_TYPE_UINT64;
    if (!(f->flags & PROTOBUF_C_FIELD_FLAG_PACKED) || (!wide && f->type != PROTOBUF_C_TYPE_UINT32))
        return false;
    struct pb_out o = out_of(b, n * PB_VARINT_MAX);
    uint8_t *at = pb_begin(&o, f->id);
    for (size_t i = 0; i < n; i++)
        o.p = pb_varint(o.p, wide ? ((const uint64_t *)list)[i] : ((const uint32_t *)list)[i]);
    pb_end(&o, at);
    out_done(b, o);
    return true;
}

static bool put_list(struct bf_buf *b, const ProtobufCFieldDescriptor *f, const ProtobufCMessage *m)
{
    size_t n = *(const size_t *)member(m, f->quantifier_offset);
    const void *list;
    memcpy(&list, member(m, f->offset), sizeof list);
    if (f->type != PROTOBUF_C_TYPE_BYTES && f->type != PROTOBUF_C_TYPE_MESSAGE)
        return put_numbers(b, f, list, n);
    for (size_t i = 0; i < n; i++)
        if (f->type == PROTOBUF_C_TYPE_BYTES)
            put_bytes(b, f->id, ((const ProtobufCBinaryData *)list)[i]);
        else if (!put_part(b, f->id, ((const ProtobufCMessage *const *)list)[i]))
            return false;
    return true;
}

/* ---- messages ---- */

/* That is set. */
static bool put_field(struct bf_buf *b, const ProtobufCFieldDescriptor *f, const ProtobufCMessage *m)
{
    const ProtobufCMessage *part;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        memcpy(&part, member(m, f->offset), sizeof part);
        return put_part(b, f->id, part);
    }
    if (f->type != PROTOBUF_C_TYPE_BYTES)
        return put_number(b, f, member(m, f->offset));
    put_bytes(b, f->id, *(const ProtobufCBinaryData *)member(m, f->offset));
    return true;
}

/* Texts are bytes in our schemas, because protobuf-c ends them at a NUL; a field of a `oneof` has another quantifier. */
static bool is_used(const ProtobufCFieldDescriptor *f)
{
    return f->type != PROTOBUF_C_TYPE_STRING && !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

/* Most fields of a message are not set, and of these nothing is said, whatever their type.  A message has no quantifier but its address. */
static inline bool is_absent(const ProtobufCFieldDescriptor *f, const ProtobufCMessage *m)
{
    if (f->quantifier_offset && f->label == PROTOBUF_C_LABEL_OPTIONAL)
        return !*(const protobuf_c_boolean *)member(m, f->quantifier_offset);
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)member(m, f->quantifier_offset) == 0;
    if (f->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const void *part;
    memcpy(&part, member(m, f->offset), sizeof part);
    return !part;
}

static bool pack(const ProtobufCMessage *m, struct bf_buf *b)
{
    const ProtobufCFieldDescriptor *f = m->descriptor->fields, *end = f + m->descriptor->n_fields;
    if (m->n_unknown_fields > 0)
        return false;
    for (; f < end; f++) {
        if (is_absent(f, m))
            continue;
        if (!is_used(f) || !(f->label == PROTOBUF_C_LABEL_REPEATED ? put_list(b, f, m) : put_field(b, f, m)))
            return false;
    }
    return true;
}

bool pb_pack(const ProtobufCMessage *m, struct bf_buf *b)
{
    size_t before = b->len;
    bool good = pack(m, b);
    b->len = good ? b->len : before;
    return good;
}

bool pb_pack_element(const ProtobufCMessage *m, uint32_t id, struct bf_buf *b)
{
    size_t before = b->len;
    bool good = put_part(b, id, m);
    b->len = good ? b->len : before;
    return good;
}
