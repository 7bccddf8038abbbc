/* The body of an answer, of any length in bounded memory: its beginning, for reading, and its end, for showing. */
#ifndef BF_AGENT_HTTP_BODY_H
#define BF_AGENT_HTTP_BODY_H

#include <stdint.h>

#include "agent/http/secrets.h"
#include "common/buf.h"

#define HTTP_BODY_KEPT (1u << 20)              /* of the beginning */
#define HTTP_BODY_MAX (UINT64_C(2) << 30)      /* what is read at all; a longer answer is a failure */
#define HTTP_BODY_SHOWN 2048u

/* All-zero is empty. */
struct http_body {
    struct bf_buf head;                        /* the first HTTP_BODY_KEPT bytes */
    struct bf_buf tail;                        /* at least the last 64 KiB, once there is more than in head */
    uint64_t bytes;                            /* received */
};

/* false, and nothing taken, when it would pass HTTP_BODY_MAX. */
bool http_body_take(struct http_body *b, const void *p, size_t n);
void http_body_clear(struct http_body *b);
void http_body_done(struct http_body *b);

/* Append the first HTTP_BODY_SHOWN bytes, with its lines. */
void http_body_put_first(const struct http_body *b, const struct secrets *s, struct bf_buf *ret);
/* Append the last HTTP_BODY_SHOWN bytes, in one line. */
void http_body_put_last(const struct http_body *b, const struct secrets *s, struct bf_buf *ret);

#endif
