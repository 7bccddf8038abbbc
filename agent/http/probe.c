/* See probe.h.  The time is that from the moment when the call could be sent to the end of the answer: a connection that must be set up is
 * not what users wait for.  The first one is not counted. */
#include "agent/http/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/http/client.h"
#include "agent/http/status.h"
#include "agent/http/url.h"
#include "agent/probe_value.h"
#include "common/clock.h"
#include "common/mem.h"

enum { SHOWN_URL = 200 };

/* A redirect is an answer like another, and not that of what was meant. */
static enum bf_rc judge(const struct http_request *r, const char *url, const struct http_answer *a, int64_t *ret, struct bf_error *err)
{
    if (a->end != HTTP_ANSWERED)
        return bf_fail(err, BF_FAILED, "%s %.*s: %s", r->method, SHOWN_URL, url, a->text);
    if (!http_expected(r->expect.at, r->expect.n, a->status))
        return bf_fail(err, BF_FAILED, "%s %.*s was answered %d %s", r->method, SHOWN_URL, url, a->status, http_status_words(a->status));
    *ret = a->server_us;
    return r->probe.value ? probe_value_read((const char *)a->body.head.data, a->body.head.len, ret, err) : BF_OK;
}

static enum bf_rc turn(struct http_client *client, const struct http_request *r, const char *url, bool *warm, struct http_answer *answer)
{
    const struct http_message m = {.method = r->method, .url = r->url, .limit_ms = r->probe.limit_ms};
    struct bf_error err = {0};
    int64_t got = 0;
    if (!*warm) {
        http_client_send(client, &m, answer);
        if (answer->end == HTTP_STOPPED)
            return BF_IO;
        *warm = answer->end == HTTP_ANSWERED;
        if (probe_value_tell("warm", "") != BF_OK)
            return BF_IO;
    }
    http_client_send(client, &m, answer);
    if (answer->end == HTTP_STOPPED)
        return BF_IO;
    enum bf_rc rc = judge(r, url, answer, &got, &err);
    return rc == BF_OK ? probe_value_tell_got(got) : probe_value_tell("why", err.text);
}

int http_probe_run(const struct http_request *r, int stop_fd)
{
    struct bf_error err = {0};
    struct http_client *client = NULL;
    struct http_answer answer = {0};
    bool warm = false;
    BF_AUTO_FREE char *url = http_url_shown(r->url);
    enum bf_rc rc = http_url_check(r->url, &err);
    if (rc == BF_OK)
        rc = http_client_new(stop_fd, &client, &err);
    if (rc != BF_OK) {
        (void)!probe_value_tell("refused", err.text);
        return EXIT_FAILURE;
    }
    for (int64_t at_ms = bf_boottime_ms(); turn(client, r, url, &warm, &answer) == BF_OK;) {
        int64_t now_ms = bf_boottime_ms();
        at_ms = at_ms + r->probe.every_ms > now_ms ? at_ms + r->probe.every_ms : now_ms;
        if (!http_client_wait(client, at_ms - now_ms))
            break;
    }
    http_answer_done(&answer);
    http_client_free(client);
    return EXIT_SUCCESS;
}
