/* One message to a server and its answer; no policy. */
#ifndef BF_AGENT_HTTP_CLIENT_H
#define BF_AGENT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/http/body.h"
#include "common/error.h"

struct http_client;

struct http_field { const char *name, *value; };

struct http_message {
    const char *method, *url;
    const struct http_field *fields;           /* all headers but those that frame the message */
    size_t n_fields;
    const char *body;                          /* NULL: none */
    size_t body_len;
    int64_t limit_ms;                          /* for all of it; >= 1 */
};

enum http_end {
    HTTP_ANSWERED,                             /* a whole answer */
    HTTP_NO_ANSWER,                            /* none, or the beginning of one: text says why */
    HTTP_STOPPED                               /* stop_fd became readable */
};

/* All-zero before the first use; one answer may serve many calls. */
struct http_answer {
    enum http_end end;
    int status;                                /* 0: no status line came */
    bool sent;                                 /* bytes of the message had left: the server may have done the work */
    bool permanent;                            /* HTTP_NO_ANSWER: a repeat would end the same way */
    struct http_body body;
    char *location;                            /* header Location as it came; NULL */
    int64_t retry_after_s;                     /* header Retry-After; 0: none */
    int64_t took_ms;
    int64_t server_us;                         /* without looking up the name and connecting: sending, waiting, the answer */
    char text[512];                            /* HTTP_NO_ANSWER: why; from outside, not yet fit to be shown */
};

/* stop_fd: borrowed; becomes readable when the work must end at once.  Proxies and certificates to trust are taken from the
 * environment. */
enum bf_rc http_client_new(int stop_fd, struct http_client **ret, struct bf_error *err) BF_MUST_CHECK;
void http_client_free(struct http_client *c);

/* Redirects are not followed.  ret is filled whatever happens. */
void http_client_send(struct http_client *c, const struct http_message *m, struct http_answer *ret);
/* Let time pass; false when stop_fd became readable. */
bool http_client_wait(const struct http_client *c, int64_t ms);

void http_answer_done(struct http_answer *a);

#endif
