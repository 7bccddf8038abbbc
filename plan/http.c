/* A call as a value: release. */
#include "plan/http.h"

#include <stdlib.h>

static void match_done(struct plan_match *m)
{
    free(m->pointer);
    plan_scalars_free(m->equals, m->n_equals);
}

void plan_http_free(struct plan_http *http)
{
    if (!http)
        return;
    for (size_t i = 0; i < http->n_headers; i++) {
        free(http->headers[i].name);
        free(http->headers[i].reference);
        template_done(&http->headers[i].value);
    }
    free(http->headers);
    free(http->method);
    template_done(&http->url);
    template_done(&http->body);
    template_done(&http->poll_url);
    plan_strings_free(http->expect, http->n_expect);
    plan_strings_free(http->until_status, http->n_until_status);
    match_done(&http->until);
    match_done(&http->failed);
    free(http);
}
