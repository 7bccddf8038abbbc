/* A growing byte buffer and a bounded reader over bytes.  Integers are little-endian. */
#ifndef BF_COMMON_BUF_H
#define BF_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/le.h"

/* All-zero is empty.  data is owned. */
struct bf_buf {
    uint8_t *data;
    size_t len, cap;
};

void bf_buf_grow(struct bf_buf *b, size_t more);               /* for bf_buf_reserve(), which is nearly always done at once */

static inline void bf_buf_reserve(struct bf_buf *b, size_t more)
{
    if (b->cap - b->len < more)
        bf_buf_grow(b, more);
}

void bf_buf_put(struct bf_buf *b, const void *p, size_t n);

static inline void bf_buf_put_le(struct bf_buf *b, uint64_t v, size_t n)
{
    bf_buf_reserve(b, n);
    bf_le_put(b->data + b->len, v, n);
    b->len += n;
}

static inline void bf_buf_put_u8(struct bf_buf *b, uint8_t v)
{
    bf_buf_put_le(b, v, 1);
}

static inline void bf_buf_put_u16(struct bf_buf *b, uint16_t v)
{
    bf_buf_put_le(b, v, 2);
}

static inline void bf_buf_put_u32(struct bf_buf *b, uint32_t v)
{
    bf_buf_put_le(b, v, 4);
}

static inline void bf_buf_put_u64(struct bf_buf *b, uint64_t v)
{
    bf_buf_put_le(b, v, 8);
}

void bf_buf_put_str(struct bf_buf *b, const char *s);          /* without the NUL */
void bf_buf_put_json(struct bf_buf *b, const char *s);         /* s, valid UTF-8, as a JSON string with its quotes */
/* Any bytes as the inside of a JSON string, without quotes: what is no UTF-8, and NUL, becomes U+FFFD. */
void bf_buf_put_json_bytes(struct bf_buf *b, const uint8_t *p, size_t n);
void bf_buf_put_number(struct bf_buf *b, uint64_t v);          /* in decimal */
void bf_buf_printf(struct bf_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A NUL after the bytes, not counted in len; returns data as a string. */
const char *bf_buf_cstr(struct bf_buf *b);
void bf_buf_clear(struct bf_buf *b);                           /* keeps the memory */
void bf_buf_free(struct bf_buf *b);

/* Reader: takes return false, and set bad for good, once the bytes run out. */
struct bf_reader {
    const uint8_t *p;
    size_t left;
    bool bad;
};

bool bf_take_u8(struct bf_reader *r, uint8_t *ret);
bool bf_take_u16(struct bf_reader *r, uint16_t *ret);
bool bf_take_u32(struct bf_reader *r, uint32_t *ret);
bool bf_take_u64(struct bf_reader *r, uint64_t *ret);
bool bf_take_bytes(struct bf_reader *r, size_t n, const uint8_t **ret);   /* borrowed */

#endif
