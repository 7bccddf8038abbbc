/* The spec of an `http` step, which bf-http reads.  Private to plan/; the shape is a border to agent/http.
 *
 *   "method"        "GET", "HEAD", "POST", "PUT", "PATCH" or "DELETE"
 *   "url"           http:// or https://; values in it are percent-encoded
 *   "headers"       {NAME: text}: those without references; absent when there are none.  A name is a token of RFC 9110, each at most
 *                   once whatever its case; no CR, LF or NUL in a value
 *   "body"          as it is sent; absent: none
 *   "content_type"  beside a body, unless "headers" or a reference has a Content-Type: "application/json" for a list or map of the plan,
 *                   "text/plain; charset=utf-8" for text
 *   "expect"        ["2xx", "304"]: a status or a class; an answer is good when one of them fits
 *   "poll"          absent: the call alone.  Else, after a good answer, GET with the same headers but without body and Content-Type:
 *     "url"         absent: the Location of the answer to the call, of the same scheme, host and port
 *     "every_ms"    1000 at least; also before the first
 *     "timeout_ms"  from the answer to the call on; when it is over, the attempt has failed
 *     "until"       {"status": ["200", …]}: done when one fits, and any other answer, or none, is "not yet"; or
 *                   {"pointer": "/state", "equals": ["done", 2, true]}: done when the answer is 2xx and the JSON value at the pointer
 *                   (RFC 6901) is one of them, of the same type.  408, 425, 429, 5xx and no answer are "not yet"; any other ends the
 *                   attempt
 *     "failed"      {"pointer", "equals"}: looked at first; when it fits, the attempt has failed.  May be absent
 *
 * The references are "header:NAME" for each header that holds one. */
#ifndef BF_PLAN_SPEC_HTTP_H
#define BF_PLAN_SPEC_HTTP_H

#include <jansson.h>

#include "plan/plan.h"

json_t *plan_spec_http(const struct plan_http *http, const struct template_values *v);

#endif
