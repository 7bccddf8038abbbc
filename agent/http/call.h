/* A call as the plan means it: its headers, and its redirects. */
#ifndef BF_AGENT_HTTP_CALL_H
#define BF_AGENT_HTTP_CALL_H

#include "agent/http/client.h"
#include "agent/http/request.h"

#define HTTP_REDIRECTS_MAX 5

struct http_call {
    const char *url;
    bool look;                                 /* a poll: GET, without body, Content-Type and Idempotency-Key */
    struct http_ranges wanted;                 /* a redirect that is wanted as it is is not followed */
    int64_t deadline_ms, limit_ms;             /* CLOCK_BOOTTIME, for all of it; and for each message */
};

/* Send, and follow redirects of GET and HEAD.  *ret_url is where the last message went; the caller frees.
 *
 * Headers that came by reference, Authorization and Cookie do not leave the origin (scheme, host, port) of the call. */
void http_call(struct http_client *c, const struct http_request *r, const struct http_call *call, struct http_answer *ret,
               char **ret_url);

#endif
