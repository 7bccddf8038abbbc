/* The coordinator tells nobody that something has ended: it is asked, so often that an end is known within a part of the time that it took,
 * and twice a second at least. */
#include "bfctl/await.h"

#include <poll.h>
#include <stdio.h>

#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/clock.h"
#include "common/least.h"
#include "common/text.h"

#define ASK_PART 16                          /* of what has passed */
#define ASK_FIRST_MS 10
#define ASK_MOST_MS 500

int64_t await_pause_ms(int64_t began_ms)
{
    int64_t pause_ms = bf_least((bf_boottime_ms() - began_ms) / ASK_PART, ASK_MOST_MS);
    return pause_ms > ASK_FIRST_MS ? pause_ms : ASK_FIRST_MS;
}

static enum bf_rc await(struct session *s, const struct awaited *a, struct bf_error *err)
{
    int64_t began_ms = bf_boottime_ms(), deadline_ms = a->timeout_ms > 0 ? began_ms + a->timeout_ms : INT64_MAX;
    int64_t whole_ms = s->settings.request_timeout_ms;
    bool more, away = false;
    for (;;) {
        int64_t left_ms = deadline_ms - bf_boottime_ms();
        if (left_ms <= 0)
            break;
        ANSWER_AUTO struct answer answer = {0};
        s->settings.request_timeout_ms = bf_least(whole_ms, left_ms);
        enum bf_rc rc = a->pages ? session_query_pages(s, a->req, 0, &answer, &more, err) : session_query(s, a->req, &answer, err);
        s->settings.request_timeout_ms = whole_ms;
        if (rc == BF_UNREACHABLE && !away)
            ctl_note("the coordinator does not answer; trying again");
        away = rc == BF_UNREACHABLE;
        if (rc != BF_OK && !away)
            return rc;
        if (rc == BF_OK && a->is_over(a->arg, answer.json))
            return BF_OK;
        uint32_t id;
        if (rc == BF_OK && a->req->verb == OP_GET && words_backfill(render_text(answer.json, "id"), &id, NULL) == BF_OK)
            a->req->backfill = id;               /* @latest stays what it was */
        int64_t wait_ms = bf_least(deadline_ms - bf_boottime_ms(), await_pause_ms(began_ms));
        if (wait_ms > 0)
            poll(NULL, 0, (int)wait_ms);
    }
    char limit[32];
    bf_format_duration(a->timeout_ms, limit, sizeof limit);
    return bf_fail(err, BF_TIMED_OUT, "%s after %s; the change was made", a->what, limit);
}

enum bf_rc await_read(bool wait, const char *timeout, struct awaited *a, struct bf_error *err)
{
    if (timeout && !wait)
        return bf_fail(err, BF_USAGE, "--timeout needs --wait");
    return words_duration("timeout", timeout, 0, &a->timeout_ms, err);
}

int await_change(struct ctl_call *call, const struct awaited *a)
{
    SESSION_AUTO struct session s = {0};
    fflush(stdout);                              /* the answer to the change, before what may take long */
    enum bf_rc rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK)
        rc = await(&s, a, &call->err);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}
