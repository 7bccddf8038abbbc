/* One walk over the bytes with the descriptor of the message beside it.
 *
 * Fields ascend, so the place in the descriptor only moves forward, and a field that comes twice is seen without a note of those
 * that came.  Members are written where the descriptor says that they lie, as protobuf-c does it. */
#include "proto/pb_read.h"

#include <string.h>

#include "common/le.h"

enum { TAG_MAX_BYTES = 2, LENGTH_MAX_BYTES = 4 };

struct reading {
    struct pb_limits left;               /* of the whole message; depth: below the level that is read */
    const ProtobufCAllocator *memory;
};

bool pb_take_long_varint(struct pb_in *in, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (in->p == in->end)
            return false;
        uint8_t byte = *in->p++;
        if (shift == 63 && byte > 1)
            return false;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static inline bool take_fixed64(struct pb_in *in, uint64_t *ret)
{
    if (in->end - in->p < 8)
        return false;
    *ret = bf_le_get(in->p, 8);
    in->p += 8;
    return true;
}

/* protobuf-c reads tags and lengths of five bytes at most.  Ours have two, and four. */
static inline bool take_tag(struct pb_in *in, uint64_t *ret)
{
    const uint8_t *start = in->p;
    return pb_take_varint(in, ret) && in->p - start <= TAG_MAX_BYTES;
}

static inline bool take_part(struct pb_in *in, struct pb_in *ret)
{
    const uint8_t *start = in->p;
    uint64_t n;
    if (!pb_take_varint(in, &n) || in->p - start > LENGTH_MAX_BYTES || n > (uint64_t)(in->end - in->p))
        return false;
    *ret = (struct pb_in){in->p, in->p + n};
    in->p += n;
    return true;
}

static ProtobufCBinaryData borrowed(struct pb_in part)
{
    /* protobuf-c's struct lacks the const; nobody writes through it. */
    union { const uint8_t *in; uint8_t *out; } cast = {part.p};
    return (ProtobufCBinaryData){(size_t)(part.end - part.p), cast.out};
}

static void *member(ProtobufCMessage *m, unsigned offset)
{
    return (uint8_t *)m + offset;
}

/* Pointers of any type look alike, but are not one type to the compiler. */
static void put_list(ProtobufCMessage *m, const ProtobufCFieldDescriptor *field, void *list, size_t n)
{
    *(size_t *)member(m, field->quantifier_offset) = n;
    memcpy(member(m, field->offset), &list, sizeof list);
}

static void *allocate(struct reading *r, size_t n, size_t size_bytes)
{
    size_t all;
    return __builtin_mul_overflow(n, size_bytes, &all) ? NULL : r->memory->alloc(r->memory->allocator_data, all);
}

/* ---- numbers ---- */

static uint64_t unzigzag(uint64_t v)
{
    return v >> 1 ^ (0 - (v & 1));
}

_Static_assert(sizeof(protobuf_c_boolean) == sizeof(uint32_t), "a boolean is written like a number of 32 bits");

/* A number of this type into its member; one of 32 bits where it fits. */
static inline bool take_number(struct pb_in *in, ProtobufCType type, unsigned wire, void *to)
{
    uint64_t v, most = UINT32_MAX;
    bool fixed = type == PROTOBUF_C_TYPE_FIXED64 || type == PROTOBUF_C_TYPE_SFIXED64;
    if (wire != (fixed ? PB_FIXED64 : PB_VARINT) || !(fixed ? take_fixed64(in, &v) : pb_take_varint(in, &v)))
        return false;
    switch (type) {
    case PROTOBUF_C_TYPE_BOOL: most = 1; break;
    case PROTOBUF_C_TYPE_UINT32: break;
    case PROTOBUF_C_TYPE_SINT32:
        if (v > most)
            return false;
        v = (uint32_t)unzigzag(v);
        break;
    case PROTOBUF_C_TYPE_SINT64: *(uint64_t *)to = unzigzag(v); return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64: *(uint64_t *)to = v; return true;
    default: return false;               /* not used by our schemas */
    }
    *(uint32_t *)to = (uint32_t)v;
    return v <= most;
}

/* A list of numbers in one field. */
static bool read_packed(struct reading *r, ProtobufCMessage *m, const ProtobufCFieldDescriptor *field, struct pb_in part)
{
    size_t n = 0, size_bytes = field->type == PROTOBUF_C_TYPE_UINT64 ? sizeof(uint64_t) : sizeof(uint32_t);
    for (const uint8_t *p = part.p; p != part.end; p++)
        n += *p < 0x80;
    if (field->type != PROTOBUF_C_TYPE_UINT32 && field->type != PROTOBUF_C_TYPE_UINT64)
        return false;
    if (n == 0 || n > r->left.numbers)   /* an empty one is never written */
        return false;
    r->left.numbers -= n;
    uint8_t *list = allocate(r, n, size_bytes);
    if (!list)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!take_number(&part, field->type, PB_VARINT, list + i * size_bytes))
            return false;
    put_list(m, field, list, n);
    return part.p == part.end;
}

/* ---- messages ---- */

static bool read_fields(struct reading *r, struct pb_in in, ProtobufCMessage *m);

static ProtobufCMessage *read_part(struct reading *r, const ProtobufCMessageDescriptor *type, struct pb_in part)
{
    if (r->left.depth == 0)
        return NULL;
    ProtobufCMessage *m = allocate(r, 1, type->sizeof_message);
    if (!m)
        return NULL;
    type->message_init(m);
    r->left.depth--;
    bool good = read_fields(r, part, m);
    r->left.depth++;
    return good ? m : NULL;
}

/* Elements from in on, which stands behind the tag of the first. */
static size_t count_elements(struct pb_in in, uint64_t tag)
{
    size_t n = 0;
    struct pb_in part;
    uint64_t next = tag;
    while (next == tag && take_part(&in, &part)) {
        n++;
        if (in.p == in.end || !take_tag(&in, &next))
            break;
    }
    return n;
}

/* Bytes or messages, a field each, one behind the other. */
static bool read_list(struct reading *r, ProtobufCMessage *m, const ProtobufCFieldDescriptor *field, struct pb_in *in, uint64_t tag)
{
    bool bytes = field->type == PROTOBUF_C_TYPE_BYTES;
    size_t n = count_elements(*in, tag);
    if (n == 0 || n - 1 > r->left.fields)
        return false;
    r->left.fields -= n - 1;             /* the first is counted already */
    void *list = allocate(r, n, bytes ? sizeof(ProtobufCBinaryData) : sizeof(ProtobufCMessage *));
    if (!list)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct pb_in part;
        uint64_t same;
        if ((i > 0 && !take_tag(in, &same)) || !take_part(in, &part))
            return false;
        if (bytes)
            ((ProtobufCBinaryData *)list)[i] = borrowed(part);
        else if (!(((ProtobufCMessage **)list)[i] = read_part(r, field->descriptor, part)))
            return false;
    }
    put_list(m, field, list, n);
    return true;
}

/* A field with a length: bytes, a message, or a list of them or of numbers. */
static bool read_long(struct reading *r, ProtobufCMessage *m, const ProtobufCFieldDescriptor *field, struct pb_in *in, uint64_t tag)
{
    struct pb_in part;
    bool bytes = field->type == PROTOBUF_C_TYPE_BYTES, message = field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (field->label == PROTOBUF_C_LABEL_REPEATED && (bytes || message))
        return read_list(r, m, field, in, tag);
    if (!take_part(in, &part))
        return false;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return read_packed(r, m, field, part);
    if (message) {
        ProtobufCMessage *inner = read_part(r, field->descriptor, part);
        memcpy(member(m, field->offset), &inner, sizeof inner);
        return inner;
    }
    if (!bytes)
        return false;
    *(ProtobufCBinaryData *)member(m, field->offset) = borrowed(part);
    *(protobuf_c_boolean *)member(m, field->quantifier_offset) = 1;
    return true;
}

/* The field of this number, from `from` on; NULL when there is none. */
static inline const ProtobufCFieldDescriptor *find(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *from,
                                                   uint64_t id)
{
    const ProtobufCFieldDescriptor *end = type->fields + type->n_fields;
    if (from < end && from->id == id)
        return from;
    if (id - 1 < type->n_fields && type->fields[id - 1].id == id)      /* as most are: without gaps from 1 on */
        return type->fields + id - 1 >= from ? type->fields + id - 1 : NULL;
    while (from < end && from->id < id)
        from++;
    return from < end && from->id == id ? from : NULL;
}

static bool read_fields(struct reading *r, struct pb_in in, ProtobufCMessage *m)
{
    const ProtobufCMessageDescriptor *type = m->descriptor;
    const ProtobufCFieldDescriptor *from = type->fields, *field;
    for (; in.p != in.end; from = field + 1) {
        uint64_t tag;
        if (!take_tag(&in, &tag) || r->left.fields == 0 || !(field = find(type, from, tag >> 3)))
            return false;
        r->left.fields--;
        unsigned wire = (unsigned)(tag & 7);
        if (wire == PB_LENGTH) {
            if (!read_long(r, m, field, &in, tag))
                return false;
            continue;
        }
        if (field->label != PROTOBUF_C_LABEL_OPTIONAL || !take_number(&in, field->type, wire, member(m, field->offset)))
            return false;
        *(protobuf_c_boolean *)member(m, field->quantifier_offset) = 1;
    }
    return true;
}

const void *pb_read(const ProtobufCMessageDescriptor *type, const void *p, size_t n, struct pb_limits limits,
                    const ProtobufCAllocator *memory)
{
    struct reading r = {limits, memory};
    return read_part(&r, type, (struct pb_in){n ? p : NULL, n ? (const uint8_t *)p + n : NULL});
}
