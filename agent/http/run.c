/* What the end of an attempt is called.
 *
 * transient      no whole answer, 408, 425, 429, 5xx, not done in the time of the poll, SIGTERM
 * permanent      every other status that the plan does not expect, a redirect that is not followed, a poll that says "failed", and
 *                what a repeat cannot change: a certificate, an address that may not be called
 *
 * A message that left and was not answered may have done its work: the sentence says so, because only the server's handling of
 * the Idempotency-Key makes a repeat safe.  The status that is reported is the one that decided; for what no status decided it
 * is 0, so that the class can be read off the number (0 is transient). */
#include "agent/http/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http/call.h"
#include "agent/http/poll.h"
#include "agent/http/secrets.h"
#include "agent/http/url.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

/* The agent ends an attempt at its timebox, and knows what the plan says of that; ours is for when it does not come. */
#define AFTER_TIMEBOX_MS 1000
/* Without a timebox. */
#define CALL_MS (10 * 60 * 1000)
#define FOR_EVER_MS (INT64_C(1) << 50)

struct attempt {
    const struct http_request *r;
    struct http_client *client;
    struct secrets secrets;
    struct http_answer answer;
    int64_t deadline_ms;
    char *shown_url;
    struct http_result *ret;
};

static void fail(struct attempt *a, bool transient, int status)
{
    a->ret->good = false;
    a->ret->transient = transient;
    a->ret->status = status;
}

static void put_call(const struct attempt *a)
{
    bf_buf_printf(&a->ret->text, "%s ", a->r->method);
    secrets_put(&a->secrets, a->shown_url, strlen(a->shown_url), (struct shown){0}, &a->ret->text);
}

static bool changes_nothing(const struct attempt *a)
{
    return strcmp(a->r->method, "GET") == 0 || strcmp(a->r->method, "HEAD") == 0;
}

static void put_doubt(const struct attempt *a)
{
    if (a->answer.sent && !changes_nothing(a))
        bf_buf_put_str(&a->ret->text, "; the call had been sent, so it is unknown whether the server did the work: "
                                      "a retry sends the same Idempotency-Key, and is safe where the server heeds it");
}

static void put_body(const struct attempt *a)
{
    struct bf_buf *text = &a->ret->text;
    if (a->answer.body.bytes == 0)
        return;
    bf_buf_put_str(text, "; the answer: ");
    http_body_put_last(&a->answer.body, &a->secrets, text);
}

static void put_status(const struct attempt *a)
{
    const char *words = http_status_words(a->answer.status);
    bf_buf_printf(&a->ret->text, "%d%s%s", a->answer.status, *words ? " " : "", words);
}

static void put_expected(const struct http_ranges *expect, struct bf_buf *text)
{
    for (size_t i = 0; i < expect->n; i++) {
        const struct http_expect *e = &expect->at[i];
        bf_buf_put_str(text, i == 0 ? "" : i + 1 == expect->n ? " or " : ", ");
        if (e->low == e->high)
            bf_buf_printf(text, "%d", e->low);
        else
            bf_buf_printf(text, "%dxx", e->low / 100);
    }
}

static void say_no_answer(struct attempt *a)
{
    struct bf_buf *text = &a->ret->text;
    fail(a, !a->answer.permanent, 0);
    put_call(a);
    bf_buf_put_str(text, ": ");
    if (a->answer.status > 0 && !a->answer.permanent) {
        put_status(a);
        bf_buf_printf(text, ", but no whole answer (%" PRIu64 " bytes came): ", a->answer.body.bytes);
    }
    secrets_put(&a->secrets, a->answer.text, strlen(a->answer.text), (struct shown){0}, text);
    put_doubt(a);
}

static void say_bad_status(struct attempt *a)
{
    struct bf_buf *text = &a->ret->text;
    fail(a, http_status_transient(a->answer.status), a->answer.status);
    put_call(a);
    bf_buf_put_str(text, " was answered ");
    put_status(a);
    bf_buf_put_str(text, " where the plan expects ");
    put_expected(&a->r->expect, text);
    if (a->answer.retry_after_s > 0)
        bf_buf_printf(text, "; the server asks to wait %" PRId64 " s (Retry-After)", a->answer.retry_after_s);
    if (a->answer.location && a->answer.status >= 300 && a->answer.status <= 399 && !changes_nothing(a)) {
        BF_AUTO_FREE char *to = http_url_resolve(a->r->url, a->answer.location);
        BF_AUTO_FREE char *shown = http_url_shown(to ? to : "");
        bf_buf_put_str(text, "; it points to ");
        secrets_put(&a->secrets, shown, strlen(shown), (struct shown){0}, text);
        bf_buf_printf(text, ", and a %s is not redirected: write that address in the plan, if it is right", a->r->method);
    }
    put_body(a);
}

static void say_stopped(struct attempt *a)
{
    fail(a, true, 0);
    put_call(a);
    bf_buf_put_str(&a->ret->text, ": ended by SIGTERM before there was an answer");
    put_doubt(a);
}

static void say_polled(struct attempt *a, const struct http_poll_result *p)
{
    static const char *const words[] = {
        [HTTP_POLL_DONE] = "done", [HTTP_POLL_FAILED] = "failed", [HTTP_POLL_TIMED_OUT] = "not done in time",
        [HTTP_POLL_STOPPED] = "ended by SIGTERM before it was done"
    };
    struct bf_buf *text = &a->ret->text;
    char limit[32];
    bf_format_duration(a->r->poll.timeout_ms, limit, sizeof limit);
    a->ret->good = p->end == HTTP_POLL_DONE;
    put_call(a);
    bf_buf_printf(text, " was answered well, and its work %s %s", p->end == HTTP_POLL_FAILED ? "has" : "is", words[p->end]);
    if (p->end == HTTP_POLL_TIMED_OUT)
        bf_buf_printf(text, " (%s)", limit);
    bf_buf_printf(text, " after %u poll%s", p->looks, p->looks == 1 ? "" : "s");
    if (p->state)
        bf_buf_printf(text, "; last seen: %s", p->state);
    if (p->end == HTTP_POLL_FAILED)
        fail(a, false, p->status);
    else if (p->end != HTTP_POLL_DONE)
        fail(a, true, 0);
    if (!a->ret->good && a->answer.end == HTTP_ANSWERED)
        put_body(a);
}

/* Where to look: the plan's address, or where the answer points to, which must be the same server because the headers go with
 * it. */
static char *poll_url(struct attempt *a, const char *called)
{
    if (a->r->poll.url)
        return bf_xstrdup(a->r->poll.url);
    BF_AUTO_FREE char *url = a->answer.location ? http_url_resolve(called, a->answer.location) : NULL;
    const char *why = NULL;
    if (!a->answer.location)
        why = "has no header Location to poll: write `poll: {url: …}`";
    else if (!url || !http_url_same_origin(url, a->r->url))
        why = "points with its Location to another server, which may not be given the headers of this call: write `poll: {url: …}`";
    if (!why)
        return BF_TAKE(url);
    fail(a, false, a->answer.status);
    put_call(a);
    bf_buf_put_str(&a->ret->text, " was answered well, but the answer ");
    bf_buf_put_str(&a->ret->text, why);
    return NULL;
}

static void poll_until_done(struct attempt *a, const char *called)
{
    BF_AUTO_FREE char *url = poll_url(a, called);
    if (!url)
        return;
    BF_CLEANUP(http_poll_result_done) struct http_poll_result polled;
    http_poll_run(a->client, a->r, &a->secrets, url, a->deadline_ms, &a->answer, &polled);
    if (polled.end == HTTP_POLL_DONE)
        http_body_put_first(&a->answer.body, &a->secrets, &a->ret->shown);
    say_polled(a, &polled);
}

static void run_attempt(struct attempt *a)
{
    const struct http_request *r = a->r;
    struct http_call call = {.url = r->url, .wanted = r->expect, .deadline_ms = a->deadline_ms,
                             .limit_ms = r->timebox_ms > 0 ? FOR_EVER_MS : CALL_MS};
    BF_AUTO_FREE char *called = NULL;
    http_call(a->client, r, &call, &a->answer, &called);
    if (a->answer.end == HTTP_STOPPED) {
        say_stopped(a);
    } else if (a->answer.end == HTTP_NO_ANSWER) {
        say_no_answer(a);
    } else if (!http_expected(r->expect.at, r->expect.n, a->answer.status)) {
        say_bad_status(a);
    } else {
        http_body_put_first(&a->answer.body, &a->secrets, &a->ret->shown);
        if (a->ret->shown.len > 0 && a->ret->shown.data[a->ret->shown.len - 1] != '\n')
            bf_buf_put_str(&a->ret->shown, "\n");
        if (r->poll.wanted) {
            poll_until_done(a, called);
            return;
        }
        a->ret->good = true;
        put_call(a);
        bf_buf_put_str(&a->ret->text, " was answered ");
        put_status(a);
        bf_buf_printf(&a->ret->text, " after %" PRId64 " ms", a->answer.took_ms);
    }
}

void http_run(const struct http_request *r, int stop_fd, struct http_result *ret)
{
    int64_t now = bf_boottime_ms();
    bool boxed = r->timebox_ms > 0 && r->timebox_ms < FOR_EVER_MS;
    struct attempt a = {.r = r, .ret = ret, .deadline_ms = now + (boxed ? r->timebox_ms + AFTER_TIMEBOX_MS : FOR_EVER_MS)};
    struct bf_error err = {0};
    secrets_init(&a.secrets, r);
    a.shown_url = http_url_shown(r->url);
    enum bf_rc rc = http_url_check(r->url, &err);
    if (rc == BF_OK && r->poll.url)
        rc = http_url_check(r->poll.url, &err);
    if (rc == BF_OK)
        rc = http_client_new(stop_fd, &a.client, &err);
    if (rc == BF_OK) {
        run_attempt(&a);
    } else {
        fail(&a, false, 0);
        put_call(&a);
        bf_buf_put_str(&ret->text, ": ");
        secrets_put(&a.secrets, err.text, strlen(err.text), (struct shown){0}, &ret->text);
    }
    http_client_free(a.client);
    http_answer_done(&a.answer);
    secrets_done(&a.secrets);
    free(a.shown_url);
}

void http_result_done(struct http_result *r)
{
    bf_buf_free(&r->text);
    bf_buf_free(&r->shown);
    *r = (struct http_result){0};
}
