/* The bytes before and around protobuf-c.
 *
 * protobuf-c allocates as it goes, follows nesting without a bound and trusts its caller with both.  So nothing reaches it that
 * was not walked first: wire_unpack() walks all fields against the schema, counts them, and gives protobuf-c a budget that
 * follows from the count.  When the budget ends the allocator gives NULL and the message is refused. */
#include "proto/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "proto/pb_pack.h"
#include "proto/pb_read.h"

/* What protobuf-c needs at most: a copy of the bytes, eight bytes for a packed number, 160 for a field (bookkeeping and the struct
 * of a small message in a list), and the structs of the messages that come once. */
enum { BUDGET_BASE_BYTES = 64 << 10, BUDGET_PER_BYTE = 2, BUDGET_PER_NUMBER = 8, BUDGET_PER_FIELD = 160 };

/* ---- walking ---- */

static bool take_field(struct wire_cursor *c, struct wire_field *ret)
{
    struct pb_in in = {c->p, c->end};
    uint64_t tag, len = 0;
    ret->start = c->p;
    ret->value = NULL;
    ret->len = 0;
    if (!pb_take_varint(&in, &tag) || tag >> 3 == 0 || tag >> 3 > PB_FIELD_MAX)
        return false;
    ret->id = (uint32_t)(tag >> 3);
    ret->type = (unsigned)(tag & 7);
    switch (ret->type) {
    case PB_VARINT:
        if (!pb_take_varint(&in, &len))
            return false;
        c->p = in.p;
        return true;
    case PB_FIXED64:
        len = 8;
        break;
    case PB_FIXED32:
        len = 4;
        break;
    case PB_LENGTH:
        if (!pb_take_varint(&in, &len))
            return false;
        break;
    default:                             /* groups, and numbers that mean nothing */
        return false;
    }
    if (len > (uint64_t)(in.end - in.p))
        return false;
    ret->value = in.p;
    ret->len = (size_t)len;
    c->p = in.p + len;
    return true;
}

bool wire_next(struct wire_cursor *c, struct wire_field *ret)
{
    if (c->bad || c->p == c->end)
        return false;
    c->bad = !take_field(c, ret);
    return !c->bad;
}

static enum bf_rc malformed(const char *what, struct bf_error *err)
{
    return bf_fail(err, BF_PROTOCOL, "%s is malformed: a field is cut short, or of a kind that is not used here", what);
}

struct census {
    const char *what;
    struct bf_error *err;
    size_t max_fields, fields, numbers;
};

static enum bf_rc count_numbers(struct census *all, const struct wire_field *f)
{
    for (size_t i = 0; i < f->len; i++)
        all->numbers += f->value[i] < 0x80;
    if (all->numbers > WIRE_NUMBERS_MAX)
        return bf_fail(all->err, BF_LIMIT, "%s has more than %u numbers", all->what, WIRE_NUMBERS_MAX);
    return BF_OK;
}

/* Count fields and packed numbers at all levels; the depth of the schema bounds the recursion, and so does WIRE_DEPTH_MAX. */
static enum bf_rc scan(struct census *all, const ProtobufCMessageDescriptor *type, const uint8_t *p, size_t n, unsigned depth)
{
    if (depth > WIRE_DEPTH_MAX)
        return bf_fail(all->err, BF_LIMIT, "%s is nested deeper than %d levels", all->what, WIRE_DEPTH_MAX);
    struct wire_cursor c = {n ? p : NULL, n ? p + n : NULL, false};
    struct wire_field f;
    while (wire_next(&c, &f)) {
        if (++all->fields > all->max_fields)
            return bf_fail(all->err, BF_LIMIT, "%s has more than %zu fields", all->what, all->max_fields);
        if (f.type != PB_LENGTH)
            continue;
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, f.id);
        enum bf_rc rc = BF_OK;
        if (field && field->type == PROTOBUF_C_TYPE_MESSAGE)
            rc = scan(all, field->descriptor, f.value, f.len, depth + 1);
        else if (field && field->type != PROTOBUF_C_TYPE_BYTES)
            rc = count_numbers(all, &f);
        if (rc)
            return rc;
    }
    return c.bad ? malformed(all->what, all->err) : BF_OK;
}

static void head_add(struct wire_head *h, const uint8_t *from, const uint8_t *to)
{
    if (from == to)
        return;
    if (h->n == 0) {
        h->p = from;
        h->n = (size_t)(to - from);
        return;
    }
    if (h->pieces.len == 0)
        bf_buf_put(&h->pieces, h->p, h->n);
    bf_buf_put(&h->pieces, from, (size_t)(to - from));
    h->p = h->pieces.data;
    h->n = h->pieces.len;
}

void wire_head_done(struct wire_head *h)
{
    bf_buf_free(&h->pieces);
}

enum bf_rc wire_split(const void *p, size_t n, struct wire_list *lists, size_t n_lists, struct wire_head *ret_head,
                      const char *what, struct bf_error *err)
{
    struct wire_cursor c = {n ? p : NULL, n ? (const uint8_t *)p + n : NULL, false};
    struct wire_field f;
    const uint8_t *head = c.p;           /* fields from here on are not taken yet */
    for (size_t i = 0; i < n_lists; i++) {
        lists[i].n = 0;
        lists[i].at = (struct wire_cursor){c.end, c.end, false};
    }
    while (wire_next(&c, &f)) {
        struct wire_list *list = NULL;
        for (size_t i = 0; i < n_lists && !list; i++)
            list = lists[i].id == f.id ? &lists[i] : NULL;
        if (!list)
            continue;
        head_add(ret_head, head, f.start);
        head = c.p;
        if (list->n == 0)
            list->at.p = f.start;
        if (f.type != PB_LENGTH || f.len == 0)
            return bf_fail(err, BF_PROTOCOL, "%s is malformed: an empty element among the %s", what, list->what);
        if (++list->n > list->max)
            return bf_fail(err, BF_LIMIT, "%s has more than %zu %s", what, list->max, list->what);
    }
    if (!c.bad)
        head_add(ret_head, head, c.end);
    return c.bad ? malformed(what, err) : BF_OK;
}

bool wire_next_element(struct wire_cursor *c, uint32_t id, struct wire_field *ret)
{
    while (wire_next(c, ret))
        if (ret->id == id)
            return true;
    assert(!c->bad);
    return false;
}

/* ---- unpacking within a budget ---- */

void wire_scratch_init(struct wire_scratch *s)
{
    s->used_bytes = s->left_bytes = 0;
    s->more = (struct bf_arena){0};
}

void wire_scratch_done(struct wire_scratch *s)
{
    bf_arena_free(&s->more);
}

static void *scratch_alloc(void *data, size_t size_bytes)
{
    struct wire_scratch *s = data;
    size_t need = (size_bytes + 15) & ~(size_t)15;
    if (size_bytes > s->left_bytes || need > s->left_bytes)
        return NULL;
    s->left_bytes -= need;
    if (need > sizeof s->block - s->used_bytes)
        return bf_arena_alloc(&s->more, size_bytes);
    void *p = s->block + s->used_bytes;
    s->used_bytes += need;
    return p;
}

static void scratch_free(void *data, void *p)
{
    (void)data, (void)p;                 /* all at once, by the next wire_unpack() */
}

/* An empty scratch with this budget. */
static ProtobufCAllocator scratch_begin(struct wire_scratch *s, size_t budget_bytes)
{
    if (s->more.head)
        bf_arena_clear(&s->more);
    s->used_bytes = 0;
    s->left_bytes = budget_bytes;
    return (ProtobufCAllocator){scratch_alloc, scratch_free, s};
}

const void *wire_unpack(struct wire_in *in, struct wire_scratch *s, const ProtobufCMessageDescriptor *type, const void *p,
                        size_t n, size_t max_fields, const char *what)
{
    if (in->rc)
        return NULL;
    /* Quick reading needs no bytes of its own, and has no more to spend than the other would have. */
    ProtobufCAllocator quick = scratch_begin(s, BUDGET_BASE_BYTES + BUDGET_PER_BYTE * n);
    const void *m = pb_read(type, p, n, (struct pb_limits){max_fields, WIRE_NUMBERS_MAX, WIRE_DEPTH_MAX}, &quick);
    return m ? m : wire_unpack_generated(in, s, type, p, n, max_fields, what);
}

const void *wire_unpack_generated(struct wire_in *in, struct wire_scratch *s, const ProtobufCMessageDescriptor *type, const void *p,
                                  size_t n, size_t max_fields, const char *what)
{
    struct census all = {what, in->err, max_fields, 0, 0};
    if (!in->rc)
        in->rc = scan(&all, type, p, n, 1);
    if (in->rc)
        return NULL;
    ProtobufCAllocator allocator = scratch_begin(s, BUDGET_BASE_BYTES + BUDGET_PER_BYTE * n + BUDGET_PER_NUMBER * all.numbers +
                                                        BUDGET_PER_FIELD * all.fields);
    const void *m = protobuf_c_message_unpack(type, &allocator, n, p);
    if (!m)
        wire_bad(in, BF_PROTOCOL, "%s is malformed: its fields do not fit the protocol", what);
    return m;
}

/* ---- checked values ---- */

void wire_bad(struct wire_in *in, enum bf_rc rc, const char *fmt, ...)
{
    if (in->rc)
        return;
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    in->rc = bf_fail(in->err, rc, "%s", text);
}

static bool fits(struct wire_in *in, const char *what, ProtobufCBinaryData b, size_t max)
{
    if (b.len > max)
        wire_bad(in, BF_LIMIT, "%s is %zu bytes long; at most %zu are allowed", what, b.len, max);
    return !in->rc;
}

const char *wire_str(struct wire_in *in, const char *what, ProtobufCBinaryData b, size_t max)
{
    if (in->rc || !b.len || !fits(in, what, b, max))
        return "";
    if (!bf_utf8_valid(b.data, b.len)) {
        wire_bad(in, BF_PROTOCOL, "%s is not UTF-8 text, or holds a NUL", what);
        return "";
    }
    return bf_arena_strndup(in->arena, (const char *)b.data, b.len);
}

static bool name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

const char *wire_name(struct wire_in *in, const char *what, ProtobufCBinaryData b, size_t max)
{
    if (in->rc || !fits(in, what, b, max))
        return "";
    bool good = b.len > 0;
    for (size_t i = 0; i < b.len && good; i++)
        good = name_byte(b.data[i]);
    if (!good) {
        wire_bad(in, BF_PROTOCOL, "%s is not a name: it must be of A-Z a-z 0-9 _ . - and not empty", what);
        return "";
    }
    return bf_arena_strndup(in->arena, (const char *)b.data, b.len);
}

const uint8_t *wire_bytes(struct wire_in *in, const char *what, ProtobufCBinaryData b, size_t max)
{
    if (in->rc || !b.len || !fits(in, what, b, max))
        return NULL;
    return bf_arena_memdup(in->arena, b.data, b.len);
}

void wire_exact(struct wire_in *in, const char *what, ProtobufCBinaryData b, uint8_t *ret, size_t n)
{
    if (in->rc || !b.len)
        return;
    if (b.len != n)
        wire_bad(in, BF_PROTOCOL, "%s is %zu bytes long, not %zu", what, b.len, n);
    else
        memcpy(ret, b.data, n);
}

uint32_t wire_enum(struct wire_in *in, const char *what, uint32_t v, uint32_t min, uint32_t max)
{
    if (v >= min && v <= max)
        return v;
    wire_bad(in, BF_PROTOCOL, "%s %u is not known here (%u to %u are); the sender may be of a newer version", what, v, min, max);
    return 0;
}

size_t wire_count(struct wire_in *in, const char *what, size_t n, size_t max)
{
    if (n > max)
        wire_bad(in, BF_LIMIT, "%zu %s; at most %zu are allowed", n, what, max);
    return in->rc ? 0 : n;
}

int64_t wire_duration(struct wire_in *in, const char *what, int64_t v)
{
    if (v < 0)
        wire_bad(in, BF_PROTOCOL, "%s is negative", what);
    return v < 0 ? 0 : v;
}

uint64_t wire_amount(struct wire_in *in, const char *what, uint64_t v, uint64_t max)
{
    if (v > max)
        wire_bad(in, BF_PROTOCOL, "%s is %" PRIu64 "; at most %" PRIu64 " is possible", what, v, max);
    return v > max ? 0 : v;
}

/* ---- writing ---- */

ProtobufCBinaryData wire_from_bytes(const void *p, size_t n)
{
    /* protobuf-c reads only when packing; its struct lacks the const. */
    union { const void *in; uint8_t *out; } cast = {p};
    return (ProtobufCBinaryData){n, cast.out};
}

ProtobufCBinaryData wire_from_str(const char *s)
{
    return wire_from_bytes(s, s ? strlen(s) : 0);
}

ProtobufCBinaryData wire_from_nonzero(const void *p, size_t n)
{
    static const uint8_t zeros[64];
    assert(n <= sizeof zeros);
    return wire_from_bytes(p, memcmp(p, zeros, n) ? n : 0);
}

/* Length of the valid character at s, 0 when there is none; n > 0. */
static size_t character(const char *s, size_t n)
{
    uint8_t lead = (uint8_t)*s;
    size_t len = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    return len <= n && bf_utf8_valid(s, len) ? len : 0;
}

ProtobufCBinaryData wire_from_text(const char *s, size_t max, struct bf_arena *tmp)
{
    size_t n = s ? strnlen(s, max + 1) : 0;
    if (!n || (n <= max && bf_utf8_valid(s, n)))
        return wire_from_bytes(s, n);
    char *clean = bf_arena_alloc(tmp, max + 1);
    size_t at = 0, out = 0, all = strlen(s);
    while (at < all) {
        size_t len = character(s + at, all - at);
        if (out + (len ? len : 1) > max)
            break;
        if (len)
            memcpy(clean + out, s + at, len);
        else
            clean[out] = '?';
        at += len ? len : 1;
        out += len ? len : 1;
    }
    return wire_from_bytes(clean, out);
}

/* ---- by the generated code: what pb_pack() does not know ---- */

static void put_varint(struct bf_buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        b->data[b->len++] = (uint8_t)(v | 0x80);
    b->data[b->len++] = (uint8_t)v;
}

static void put_packed(struct bf_buf *b, const ProtobufCMessage *m, size_t size_bytes)
{
    size_t written = protobuf_c_message_pack(m, b->data + b->len);
    assert(written == size_bytes);
    b->len += size_bytes;
}

void wire_put(struct bf_buf *b, const ProtobufCMessage *m)
{
    if (pb_pack(m, b))
        return;
    size_t size_bytes = protobuf_c_message_get_packed_size(m);
    bf_buf_reserve(b, size_bytes);
    put_packed(b, m, size_bytes);
}

void wire_put_element(struct bf_buf *b, uint32_t id, const ProtobufCMessage *m)
{
    enum { HEADER_MAX_BYTES = 15 };      /* a tag of five, a length of ten */
    if (pb_pack_element(m, id, b))
        return;
    size_t size_bytes = protobuf_c_message_get_packed_size(m);
    bf_buf_reserve(b, size_bytes + HEADER_MAX_BYTES);
    put_varint(b, (uint64_t)id << 3 | PB_LENGTH);
    put_varint(b, size_bytes);
    put_packed(b, m, size_bytes);
}
