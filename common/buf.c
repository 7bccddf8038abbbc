/* Growth doubles. */
#include "common/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "common/vec.h"

enum { PRINTED_MOST = 48 };

void bf_buf_grow(struct bf_buf *b, size_t more)
{
    size_t want = 0;
    bool overflow = __builtin_add_overflow(b->len, more, &want);
    assert(!overflow);
    b->cap = bf_vec_grow(b->cap ? b->cap : 64, want);
    b->data = bf_xrealloc(b->data, b->cap);
}

void bf_buf_put(struct bf_buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    bf_buf_reserve(b, n);
    memcpy(b->data + b->len, p, n);
    b->len += n;
}

void bf_buf_put_str(struct bf_buf *b, const char *s)
{
    bf_buf_put(b, s, strlen(s));
}

void bf_buf_put_number(struct bf_buf *b, uint64_t v)
{
    char digits[20], *p = digits + sizeof digits;
    do
        *--p = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    bf_buf_put(b, p, (size_t)(digits + sizeof digits - p));
}

static bool json_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

void bf_buf_put_json(struct bf_buf *b, const char *s)
{
    static const char digits[] = "0123456789abcdef";
    bf_buf_put_u8(b, '"');
    while (*s) {
        size_t n = 0;
        while (json_plain(s[n]))
            n++;
        bf_buf_put(b, s, n);
        s += n;
        unsigned c = (unsigned char)*s;
        if (c == 0)
            break;
        const char escaped[] = {'\\', 'u', '0', '0', digits[c >> 4 & 15], digits[c & 15]};
        if (c == '"' || c == '\\')
            bf_buf_put(b, (const char[]){'\\', (char)c}, 2);
        else
            bf_buf_put(b, escaped, sizeof escaped);
        s++;
    }
    bf_buf_put_u8(b, '"');
}

void bf_buf_put_json_bytes(struct bf_buf *b, const uint8_t *p, size_t n)
{
    for (size_t i = 0, run; i < n; i += run) {
        uint8_t c = p[i];
        run = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (c == 0 || run > n - i || !bf_utf8_valid(p + i, run)) {
            bf_buf_put(b, "\xef\xbf\xbd", 3);
            run = 1;
        } else if (c < 0x20 || c == 0x7f) {
            bf_buf_printf(b, "\\u%04x", c);
        } else {
            if (c == '"' || c == '\\')
                bf_buf_put_u8(b, '\\');
            bf_buf_put(b, p + i, run);
        }
    }
}

void bf_buf_printf(struct bf_buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    bf_buf_reserve(b, PRINTED_MOST);             /* nearly always, so that it is printed once */
    size_t room = b->cap - b->len;
    int n = vsnprintf((char *)b->data + b->len, room, fmt, args);
    va_end(args);
    assert(n >= 0);
    if ((size_t)n >= room) {
        bf_buf_reserve(b, (size_t)n + 1);
        int same = vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
        assert(same == n);
    }
    va_end(again);
    b->len += (size_t)n;
}

const char *bf_buf_cstr(struct bf_buf *b)
{
    bf_buf_reserve(b, 1);
    b->data[b->len] = '\0';
    return (const char *)b->data;
}

void bf_buf_clear(struct bf_buf *b)
{
    b->len = 0;
}

void bf_buf_free(struct bf_buf *b)
{
    free(b->data);
    *b = (struct bf_buf){0};
}

bool bf_take_bytes(struct bf_reader *r, size_t n, const uint8_t **ret)
{
    if (r->bad || n > r->left) {
        r->bad = true;
        return false;
    }
    *ret = r->p;
    if (n > 0) /* p may be NULL when the input is empty */
        r->p += n;
    r->left -= n;
    return true;
}

static inline bool take_le(struct bf_reader *r, size_t n, uint64_t *ret)
{
    const uint8_t *p = NULL;
    if (!bf_take_bytes(r, n, &p))
        return false;
    *ret = bf_le_get(p, n);
    return true;
}

bool bf_take_u8(struct bf_reader *r, uint8_t *ret)
{
    uint64_t v = 0;
    if (!take_le(r, 1, &v))
        return false;
    *ret = (uint8_t)v;
    return true;
}

bool bf_take_u16(struct bf_reader *r, uint16_t *ret)
{
    uint64_t v = 0;
    if (!take_le(r, 2, &v))
        return false;
    *ret = (uint16_t)v;
    return true;
}

bool bf_take_u32(struct bf_reader *r, uint32_t *ret)
{
    uint64_t v = 0;
    if (!take_le(r, 4, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

bool bf_take_u64(struct bf_reader *r, uint64_t *ret)
{
    return take_le(r, 8, ret);
}
