/* Secrets are blotted before a text is cut to what is shown, and where the bytes at hand were cut themselves, the ends that
 * could be part of a secret are left out; so no cut can bring half of one to light. */
#include "agent/http/body.h"

#include <string.h>

#include "common/mem.h"
#include "common/text.h"

#define TAIL_BYTES 65536u

bool http_body_take(struct http_body *b, const void *p, size_t n)
{
    if (n > HTTP_BODY_MAX - b->bytes)
        return false;
    size_t room = HTTP_BODY_KEPT - b->head.len, first = n < room ? n : room;
    bf_buf_put(&b->head, p, first);
    b->bytes += n;
    const uint8_t *rest = (const uint8_t *)p + first;
    n -= first;
    if (n > TAIL_BYTES) {
        rest += n - TAIL_BYTES;
        n = TAIL_BYTES;
    }
    if (b->tail.len + n > 2 * TAIL_BYTES) {
        size_t keep = TAIL_BYTES;
        memmove(b->tail.data, b->tail.data + b->tail.len - keep, keep);
        b->tail.len = keep;
    }
    bf_buf_put(&b->tail, rest, n);
    return true;
}

void http_body_clear(struct http_body *b)
{
    bf_buf_clear(&b->head);
    bf_buf_clear(&b->tail);
    b->bytes = 0;
}

void http_body_done(struct http_body *b)
{
    bf_buf_free(&b->head);
    bf_buf_free(&b->tail);
    b->bytes = 0;
}

static bool continues(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

void http_body_put_first(const struct http_body *b, const struct secrets *s, struct bf_buf *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf clean = {0};
    struct shown how = {.lines = true, .cut_back = b->bytes > b->head.len};
    /* All of it, because secrets shrink; a mebibyte takes a few milliseconds. */
    secrets_put(s, (const char *)b->head.data, b->head.len, how, &clean);
    size_t n = bf_utf8_cut((const char *)clean.data, clean.len < HTTP_BODY_SHOWN ? clean.len : HTTP_BODY_SHOWN);
    bf_buf_put(ret, clean.data, n);
}

void http_body_put_last(const struct http_body *b, const struct secrets *s, struct bf_buf *ret)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf end = {0}, clean = {0};
    struct shown how = {0};
    /* The tail alone when it is long enough, else what goes before it as well. */
    if (b->tail.len < TAIL_BYTES) {
        size_t from = b->head.len > TAIL_BYTES ? b->head.len - TAIL_BYTES : 0;
        how.cut_front = from > 0;
        bf_buf_put(&end, b->head.data + from, b->head.len - from);
    } else {
        how.cut_front = true;
    }
    bf_buf_put(&end, b->tail.data, b->tail.len);
    secrets_put(s, (const char *)end.data, end.len, how, &clean);
    size_t from = clean.len > HTTP_BODY_SHOWN ? clean.len - HTTP_BODY_SHOWN : 0;
    while (from < clean.len && from > 0 && continues(clean.data[from]))
        from++;
    if (from > 0 || how.cut_front)
        bf_buf_put_str(ret, "… ");
    bf_buf_put(ret, clean.data + from, clean.len - from);
}
