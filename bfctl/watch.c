/* Ask, draw, wait for a key.
 *
 * A frame is one question for the screen and one for the page's own document, at most twice a second, and at once after a key that
 * needs another document.  While nobody answers each question has a second, so that keys still do something; the screen says for how
 * long it has been so. */
#include "bfctl/watch.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "bfctl/follow.h"
#include "bfctl/progress.h"
#include "bfctl/render.h"
#include "bfctl/watch_draw.h"
#include "bfctl/watch_screen.h"
#include "bfctl/watch_view.h"
#include "bfctl/words.h"
#include "common/clock.h"
#include "common/text.h"

#define FRAME_MS 500
#define AWAY_MS 1000                             /* of one question */
#define BEHIND_MS 20                             /* between two pages of a log that is read up to its end */
#define EXIT_LEFT 130                            /* as an interrupt: it has not ended */

struct watch {
    struct session *s;
    uint32_t backfill;
    struct watch_view view;
    struct watch_data data;
    int64_t asked_ms, answered_ms;               /* the last frame, the last answer */
};

/* ---- asking ---- */

static enum bf_rc ask_detail(struct watch *w, struct bf_error *err)
{
    struct op_request req;
    ANSWER_AUTO struct answer a = {0};
    watch_view_ask_detail(&w->view, &req);
    w->data.notice[0] = '\0';
    if (req.verb == 0)
        return BF_OK;
    req.backfill = w->backfill;
    enum bf_rc rc = session_query(w->s, &req, &a, err);
    if (rc == BF_OK)
        watch_view_answer_detail(&w->view, &w->data, &req, a.json);
    else if (rc != BF_UNREACHABLE && rc != BF_DENIED) {
        snprintf(w->data.notice, sizeof w->data.notice, "%s", err->text);
        return BF_OK;                            /* of this page only: a log that nothing was written to yet */
    }
    return rc;
}

static enum bf_rc ask(struct watch *w, struct bf_error *err)
{
    struct op_request req;
    ANSWER_AUTO struct answer a = {0};
    uint32_t id;
    watch_view_ask(&w->view, &req);
    req.backfill = w->backfill;
    enum bf_rc rc = session_query(w->s, &req, &a, err);
    if (rc != BF_OK)
        return rc;
    if (w->backfill == OP_LATEST && words_backfill(render_text(a.json, "id"), &id, NULL) == BF_OK)
        w->backfill = id;                        /* a newer one shall not take its place meanwhile */
    watch_view_answer(&w->view, &w->data, a.json);
    return BF_OK;
}

static bool has_ended(const struct watch *w)
{
    enum bf_rc end;
    return progress_ended(w->data.watch, &end);
}

/* One frame.  Without an answer the frame before stays, and how long that has been so is noted. */
static enum bf_rc ask_frame(struct watch *w, struct bf_error *err)
{
    enum bf_rc rc = ask(w, err);
    if (rc == BF_OK)
        rc = ask_detail(w, err);
    w->asked_ms = bf_boottime_ms();
    if (rc == BF_UNREACHABLE) {
        w->data.silent_ms = w->asked_ms > w->answered_ms ? w->asked_ms - w->answered_ms : 1;
        return BF_OK;
    }
    if (rc == BF_OK) {
        w->answered_ms = w->asked_ms;
        w->data.silent_ms = 0;
        w->data.ended = has_ended(w);
    }
    return rc;
}

/* ---- the loop ---- */

static void draw(struct watch *w)
{
    struct cells c;
    size_t width, height;
    watch_screen_size(&width, &height);
    cells_init(&c, width, height);
    watch_draw(&w->view, &w->data, &c);
    watch_screen_show(&c);
    cells_done(&c);
}

static bool is_over(const struct watch *w)
{
    /* A person who looks at something is not thrown out by the end. */
    return w->view.quit || watch_screen_signal() || (w->data.ended && !w->view.frozen && w->view.page == PAGE_STEPS);
}

/* Milliseconds until the next frame is due; INT32_MAX: not by itself. */
static int until_due(const struct watch *w)
{
    if (w->view.frozen)
        return FRAME_MS;
    int64_t every_ms = watch_view_behind(&w->view) && !w->data.silent_ms ? BEHIND_MS : FRAME_MS;
    int64_t left_ms = w->asked_ms + every_ms - bf_boottime_ms();
    return left_ms > 0 ? (int)left_ms : 0;
}

static enum bf_rc watch_loop(struct watch *w, int64_t deadline_ms, int64_t timeout_ms, struct bf_error *err)
{
    while (!is_over(w)) {
        draw(w);
        int key = watch_screen_key(until_due(w));
        bool needs = key != WATCH_NOTHING && watch_view_key(&w->view, &w->data, key);
        if (needs)
            draw(w);                             /* what was selected is noted before it is asked about */
        if (is_over(w))
            break;
        if ((needs && !w->data.silent_ms) || (!w->view.frozen && until_due(w) == 0)) {
            enum bf_rc rc = ask_frame(w, err);
            if (rc != BF_OK)
                return rc;
        }
        if (bf_boottime_ms() >= deadline_ms) {
            char limit[32];
            bf_format_duration(timeout_ms, limit, sizeof limit);
            return bf_fail(err, BF_TIMED_OUT, "the backfill has not ended within %s; it is left as it is", limit);
        }
    }
    return BF_OK;
}

static void say_last(const struct watch *w)
{
    struct bf_buf text = {0};
    if (has_ended(w)) {
        progress_sentence(w->data.watch, &text);
    } else {
        progress_line(w->data.watch, &text);
        bf_buf_printf(&text, "; it goes on: `bfctl watch %s`", render_safe(render_text(w->data.watch, "id")));
    }
    printf("%s\n", bf_buf_cstr(&text));
    fflush(stdout);
    bf_buf_free(&text);
}

static enum bf_rc watch_screen_run(struct watch *w, int64_t deadline_ms, int64_t timeout_ms, struct bf_error *err)
{
    if (!watch_screen_open())
        return bf_fail(err, BF_UNSUPPORTED, "this terminal cannot be drawn on");
    int64_t whole_ms = w->s->settings.request_timeout_ms;
    w->s->settings.request_timeout_ms = whole_ms < AWAY_MS ? whole_ms : AWAY_MS;
    enum bf_rc rc = watch_loop(w, deadline_ms, timeout_ms, err);
    w->s->settings.request_timeout_ms = whole_ms;
    int number = watch_screen_signal();
    watch_screen_close();
    if (number)
        watch_screen_die(number);
    return rc;
}

enum bf_rc watch_run(struct session *s, uint32_t backfill, int64_t timeout_ms, int *ret_exit, struct bf_error *err)
{
    struct watch w = {.s = s, .backfill = backfill};
    int64_t deadline_ms = timeout_ms > 0 ? bf_boottime_ms() + timeout_ms : INT64_MAX;
    enum bf_rc rc = ask(&w, err);                /* what cannot be watched is told where one can read it */
    w.asked_ms = w.answered_ms = bf_boottime_ms();
    if (rc == BF_OK && !has_ended(&w))
        rc = watch_screen_run(&w, deadline_ms, timeout_ms, err);
    if (rc == BF_OK) {
        say_last(&w);
        *ret_exit = has_ended(&w) ? follow_exit(w.data.watch) : EXIT_LEFT;
    }
    watch_view_done(&w.view);
    watch_data_done(&w.data);
    return rc;
}
