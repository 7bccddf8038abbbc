/* The first look comes after one wait; the last one at the very end of the time.  A server that says how long to wait is heeded
 * within that.
 *
 *     an answer      fits `failed`: failed.  fits `until`: done.  a status that ends the wait: failed.  all else: not yet
 *     no answer      not yet, unless a repeat would end the same way */
#include "agent/http/poll.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http/call.h"
#include "agent/http/pointer.h"
#include "common/clock.h"
#include "common/mem.h"

#define LOOK_MS 30000
#define LAST_LOOK_MS 1000                      /* for one that begins when the time is over */
#define VALUE_SHOWN 100u

enum sight { NOT_YET, DONE, FAILED };

static void put_value(const struct secrets *s, const char *pointer, const json_t *value, struct bf_buf *ret)
{
    secrets_put(s, pointer, strlen(pointer), (struct shown){0}, ret);
    if (!value) {
        bf_buf_put_str(ret, " is not there");
        return;
    }
    if (json_is_object(value) || json_is_array(value)) {
        bf_buf_put_str(ret, json_is_array(value) ? " is a list" : " is an object");
        return;
    }
    BF_AUTO_FREE char *text = json_dumps(value, JSON_ENCODE_ANY);
    size_t n = text ? strlen(text) : 0;
    bf_buf_put_str(ret, " is ");
    secrets_put(s, text ? text : "", n < VALUE_SHOWN ? n : VALUE_SHOWN, (struct shown){.cut_back = n > VALUE_SHOWN}, ret);
    if (n > VALUE_SHOWN)
        bf_buf_put_str(ret, "…");
}

/* Does the condition hold?  What was looked at is added to seen. */
static bool holds(const struct http_match *m, const json_t *root, const struct secrets *s, struct bf_buf *seen)
{
    const json_t *value = http_pointer_find(root, m->pointer);
    bf_buf_put_str(seen, ", ");
    put_value(s, m->pointer, value, seen);
    return http_value_in(value, m->equals);
}

static enum sight read_values(const struct http_poll *p, const struct http_answer *a, const struct secrets *s, struct bf_buf *seen)
{
    if (a->body.bytes > a->body.head.len) {
        bf_buf_put_str(seen, ", the answer is longer than 1 MiB and is not read");
        return NOT_YET;
    }
    json_error_t where;
    json_t *root = json_loadb((const char *)a->body.head.data, a->body.head.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
    enum sight sight = NOT_YET;
    if (!root)
        bf_buf_put_str(seen, ", the answer is no JSON");
    else if (p->failed.pointer && holds(&p->failed, root, s, seen))
        sight = FAILED;
    /* The same place is told once. */
    else if (p->until.pointer && p->failed.pointer && strcmp(p->until.pointer, p->failed.pointer) == 0)
        sight = http_value_in(http_pointer_find(root, p->until.pointer), p->until.equals) ? DONE : NOT_YET;
    else if (p->until.pointer && holds(&p->until, root, s, seen))
        sight = DONE;
    json_decref(root);
    return sight;
}

static enum sight judge_answer(const struct http_poll *p, const struct http_answer *a, const struct secrets *s, struct bf_buf *seen)
{
    bool good = a->status >= 200 && a->status <= 299;
    bf_buf_printf(seen, "%d", a->status);
    if (good && (p->failed.pointer || p->until.pointer)) {
        enum sight sight = read_values(p, a, s, seen);
        if (sight != NOT_YET)
            return sight;
    }
    if (p->until.pointer)
        return good || http_status_transient(a->status) ? NOT_YET : FAILED;
    return http_expected(p->until_status.at, p->until_status.n, a->status) ? DONE : NOT_YET;
}

static enum sight judge(const struct http_poll *p, const struct http_answer *a, const struct secrets *s, struct bf_buf *seen)
{
    if (a->end == HTTP_ANSWERED)
        return judge_answer(p, a, s, seen);
    bf_buf_put_str(seen, "no answer: ");
    secrets_put(s, a->text, strlen(a->text), (struct shown){0}, seen);
    return a->permanent ? FAILED : NOT_YET;
}

/* Texts of failed connections hold times ("after 3 ms"), so a change is one of the state without its digits only where nothing
 * answered. */
static bool same_state(const char *a, const char *b)
{
    bool silent = strncmp(a, "no answer", 9) == 0 && strncmp(b, "no answer", 9) == 0;
    if (!silent)
        return strcmp(a, b) == 0;
    for (;;) {
        a += strspn(a, "0123456789");
        b += strspn(b, "0123456789");
        if (*a != *b)
            return false;
        if (!*a)
            return true;
        a++, b++;
    }
}

static void see(struct http_poll_result *p, struct bf_buf *seen)
{
    const char *now = bf_buf_cstr(seen);
    if (!p->state || !same_state(p->state, now))
        fprintf(stderr, "bf-http: poll %u: %s\n", p->looks, now);
    free(p->state);
    p->state = bf_xstrdup(now);
}

static int64_t wait_for(const struct http_poll *p, const struct http_answer *a, int64_t rest)
{
    int64_t wait = p->every_ms;
    if (a->retry_after_s > wait / 1000 && a->retry_after_s < INT32_MAX)
        wait = a->retry_after_s * 1000;
    return wait < rest ? wait : rest;
}

void http_poll_run(struct http_client *c, const struct http_request *r, const struct secrets *s, const char *url, int64_t deadline_ms,
                   struct http_answer *answer, struct http_poll_result *ret)
{
    const struct http_poll *p = &r->poll;
    int64_t now = bf_boottime_ms(), until = p->timeout_ms < deadline_ms - now ? now + p->timeout_ms : deadline_ms;
    *ret = (struct http_poll_result){.end = HTTP_POLL_TIMED_OUT};
    for (int64_t rest; (rest = until - bf_boottime_ms()) > 0;) {
        if (!http_client_wait(c, wait_for(p, answer, rest))) {
            ret->end = HTTP_POLL_STOPPED;
            return;
        }
        struct http_call look = {.url = url, .look = true, .wanted = p->until_status, .limit_ms = LOOK_MS,
                                 .deadline_ms = until + LAST_LOOK_MS};
        BF_AUTO_FREE char *last = NULL;
        BF_CLEANUP(bf_buf_free) struct bf_buf seen = {0};
        http_call(c, r, &look, answer, &last);
        if (answer->end == HTTP_STOPPED) {
            ret->end = HTTP_POLL_STOPPED;
            return;
        }
        ret->looks++;
        ret->status = answer->end == HTTP_ANSWERED ? answer->status : 0;
        enum sight sight = judge(p, answer, s, &seen);
        see(ret, &seen);
        if (sight != NOT_YET) {
            ret->end = sight == DONE ? HTTP_POLL_DONE : HTTP_POLL_FAILED;
            return;
        }
    }
}

void http_poll_result_done(struct http_poll_result *p)
{
    free(p->state);
    *p = (struct http_poll_result){0};
}
