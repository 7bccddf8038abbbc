/* What all codecs share: a look over the bytes before protobuf-c sees them, unpacking within a budget, and checked values.
 *
 * Only the *_codec.c files include this.  The order for anything that comes from outside is
 *
 *     wire_split() or nothing    takes long lists apart, so that one element at a time is unpacked and memory stays flat
 *     wire_unpack()              pb_read() where the form is ours; else pre-scan (depth, number of fields, group types, cut
 *                                varints), then protobuf-c, both in the scratch
 *     wire_str() and friends     copy into the arena of the plain value, with a NUL behind, after the checks
 */
#ifndef BF_PROTO_WIRE_H
#define BF_PROTO_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"

#define WIRE_DEPTH_MAX 6                 /* our deepest schema has four levels */
#define WIRE_NUMBERS_MAX (2u * 65536u)   /* in packed lists, of one message: the references that a hello may hold */

/* ---- reading ---- */

/* Where a value is read to.  After the first failure rc stays set and every take gives "" or 0, so that a run of takes needs one
 * test at its end. */
struct wire_in {
    struct bf_arena *arena;              /* what is copied lives there */
    struct bf_error *err;
    enum bf_rc rc;
};

/* Memory of unpacked messages: a block on the stack first, then an arena, within a budget set by wire_unpack(). */
struct wire_scratch {
    size_t used_bytes, left_bytes;       /* of the block; of the budget */
    struct bf_arena more;
    _Alignas(16) uint8_t block[8192];
};
void wire_scratch_init(struct wire_scratch *s);        /* block is left as it is */
void wire_scratch_done(struct wire_scratch *s);

/* Unpack the n bytes at p as one message.  NULL, and in->rc set, when malformed, too deep, or of more than max_fields fields in
 * all.  what names the message in the error.  It lives until the next wire_unpack() with this scratch, and no longer than p:
 * bytes in it may lie there. */
const void *wire_unpack(struct wire_in *in, struct wire_scratch *s, const ProtobufCMessageDescriptor *type, const void *p,
                        size_t n, size_t max_fields, const char *what) BF_MUST_CHECK;
/* The same without pb_read(): what the quick way is held against. */
const void *wire_unpack_generated(struct wire_in *in, struct wire_scratch *s, const ProtobufCMessageDescriptor *type, const void *p,
                                  size_t n, size_t max_fields, const char *what) BF_MUST_CHECK;

/* One field on the wire; value and len are the payload of a length-delimited one. */
struct wire_field {
    uint32_t id;
    unsigned type;
    const uint8_t *start, *value;
    size_t len;
};
struct wire_cursor { const uint8_t *p, *end; bool bad; };
/* The next field; false at the end, or when bad (then bad is set). */
bool wire_next(struct wire_cursor *c, struct wire_field *ret);

/* A list that wire_split() leaves out: field id, and at most max elements.  n and at are written: how many there are, and from the first
 * of them on (all of it empty where there is none). */
struct wire_list { uint32_t id; size_t max; const char *what; size_t n; struct wire_cursor at; };
/* What is left when the lists are out: lent as it lies while it is one piece, as in what we write, else put together in pieces.  Begins
 * as zeros and is released by wire_head_done(), also after failure. */
struct wire_head { const uint8_t *p; size_t n; struct bf_buf pieces; };
/* Take all top-level fields but those of the lists into *ret_head, and count the lists' elements. */
enum bf_rc wire_split(const void *p, size_t n, struct wire_list *lists, size_t n_lists, struct wire_head *ret_head,
                      const char *what, struct bf_error *err) BF_MUST_CHECK;
void wire_head_done(struct wire_head *h);
/* The next element of list id; false when there is none.  For bytes that wire_split() has accepted. */
bool wire_next_element(struct wire_cursor *c, uint32_t id, struct wire_field *ret);

/* Note a failure; the first one wins. */
void wire_bad(struct wire_in *in, enum bf_rc rc, const char *fmt, ...) BF_PRINTF(3, 4);
const char *wire_str(struct wire_in *in, const char *what, ProtobufCBinaryData b, size_t max);     /* UTF-8 without NUL */
const char *wire_name(struct wire_in *in, const char *what, ProtobufCBinaryData b, size_t max);    /* [A-Za-z0-9_.-]+ */
const uint8_t *wire_bytes(struct wire_in *in, const char *what, ProtobufCBinaryData b, size_t max);/* NULL when empty */
void wire_exact(struct wire_in *in, const char *what, ProtobufCBinaryData b, uint8_t *ret, size_t n);   /* n bytes, or zeros */
uint32_t wire_enum(struct wire_in *in, const char *what, uint32_t v, uint32_t min, uint32_t max);
size_t wire_count(struct wire_in *in, const char *what, size_t n, size_t max);                     /* 0 when passed */
int64_t wire_duration(struct wire_in *in, const char *what, int64_t v);                            /* not negative */
uint64_t wire_amount(struct wire_in *in, const char *what, uint64_t v, uint64_t max);              /* at most max */

/* ---- writing ---- */

/* Set an optional scalar, left out when zero. */
#define WIRE_SET(pb, field, v) ((void)((pb)->field = (v), (pb)->has_##field = (pb)->field != 0))
/* Set optional bytes, left out when empty. */
#define WIRE_SET_BYTES(pb, field, b) ((void)((pb)->field = (b), (pb)->has_##field = (pb)->field.len != 0))

ProtobufCBinaryData wire_from_str(const char *s);                        /* borrowed; NULL as "" */
ProtobufCBinaryData wire_from_bytes(const void *p, size_t n);            /* borrowed */
ProtobufCBinaryData wire_from_nonzero(const void *p, size_t n);          /* borrowed; empty when all are zero */
/* s cut to max bytes at a character, invalid bytes as '?'; s itself when nothing is to do, else from tmp. */
ProtobufCBinaryData wire_from_text(const char *s, size_t max, struct bf_arena *tmp);

void wire_put(struct bf_buf *b, const ProtobufCMessage *m);                        /* appended as it is */
void wire_put_element(struct bf_buf *b, uint32_t id, const ProtobufCMessage *m);   /* as field id of the message in b */

#endif
