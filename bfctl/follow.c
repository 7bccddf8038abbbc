/* The loop of `watch`, `wait` and `create --wait`: ask, show, wait a little.
 *
 * On a terminal the view is redrawn in place; elsewhere a line is written when something has changed, at most one a second. */
#include "bfctl/follow.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/await.h"
#include "bfctl/progress.h"
#include "bfctl/render.h"
#include "bfctl/terminal.h"
#include "bfctl/words.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

#define LINE_EVERY_MS 1000
#define AWAY_TIMEOUT_MS 2000             /* of one request once the first was answered, so that the view stays alive */

struct screen {
    FILE *out;
    bool live, color;
    size_t drawn;                        /* lines above the cursor that are ours */
    char *last;                          /* the last plain line */
    int64_t last_ms;
    bool told_away;
    uint64_t stuck;                      /* answers in a row that said that it stands still */
    struct progress_rate rate;
};

static void screen_open(struct screen *s, FILE *out, bool plain)
{
    const struct terminal t = out ? terminal_of(out) : (struct terminal){0};
    *s = (struct screen){.out = out};
    s->live = !plain && t.is_one;
    s->color = s->live && t.color;
}

static struct progress_look screen_look(const struct screen *s)
{
    struct progress_look look = {.width = 80, .height = 24, .color = s->color, .rate = &s->rate};
    const struct terminal t = terminal_of(s->out);             /* each time: it may have another size now */
    if (t.width > 0 && t.height > 0) {
        look.width = t.width;
        look.height = t.height;
    }
    return look;
}

static void draw(struct screen *s, const json_t *status, const char *note)
{
    struct progress_look look = screen_look(s);
    struct bf_buf text = {0};
    if (s->drawn > 0)
        bf_buf_printf(&text, "\033[%zuA", s->drawn);
    bf_buf_put_str(&text, "\r\033[J");
    size_t head = text.len;
    progress_view(status, &look, note, &text);
    s->drawn = 0;
    for (size_t i = head; i < text.len; i++)
        s->drawn += text.data[i] == '\n';
    fwrite(text.data, 1, text.len, s->out);
    fflush(s->out);
    bf_buf_free(&text);
}

static void say(struct screen *s, const json_t *status)
{
    struct bf_buf line = {0};
    progress_line(status, &line);
    int64_t now_ms = bf_boottime_ms();
    if ((s->last && strcmp(s->last, bf_buf_cstr(&line)) == 0) || (s->last && now_ms - s->last_ms < LINE_EVERY_MS)) {
        bf_buf_free(&line);
        return;
    }
    free(s->last);
    s->last = bf_xstrdup(bf_buf_cstr(&line));
    s->last_ms = now_ms;
    bf_buf_put_str(&line, "; ");
    progress_clock(status, &s->rate, &line);
    fprintf(s->out, "%s\n", bf_buf_cstr(&line));
    fflush(s->out);
    bf_buf_free(&line);
}

/* Once each time that it comes to stand still: who waits would wait for ever, and not know why.  Twice in a row, because one answer may
 * fall between the end of something and the beginning of what follows. */
static void tell_stuck(struct screen *s, const json_t *status)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    progress_stuck(status, &text);
    if (!s->out)
        progress_queued(status, &text);          /* who sees progress reads it there */
    s->stuck = text.len > 0 ? s->stuck + 1 : 0;
    if (s->stuck == 2 && !s->live)
        ctl_note("%s", bf_buf_cstr(&text));
}

static void show(struct screen *s, const json_t *status)
{
    tell_stuck(s, status);
    if (!s->out)
        return;
    if (s->told_away && !s->live)
        fprintf(s->out, "the coordinator is back\n");
    s->told_away = false;
    if (s->live)
        draw(s, status, NULL);
    else
        say(s, status);
}

static void show_away(struct screen *s, const json_t *status)
{
    static const char note[] = "the coordinator does not answer; trying again";
    if (!s->out)
        return;
    if (s->live)
        draw(s, status, note);
    else if (!s->told_away)
        fprintf(s->out, "%s\n", note);
    fflush(s->out);
    s->told_away = true;
}

static void show_end(struct screen *s, const json_t *status)
{
    if (!s->out)
        return;
    if (s->live)
        draw(s, status, NULL);
    struct bf_buf text = {0};
    progress_sentence(status, &text);
    fprintf(s->out, "%s\n", bf_buf_cstr(&text));
    fflush(s->out);
    bf_buf_free(&text);
}

/* What is left of the time, for one request and for a pause. */
static int64_t left(int64_t deadline_ms, int64_t most_ms)
{
    int64_t left_ms = deadline_ms - bf_boottime_ms();
    return left_ms < most_ms ? left_ms : most_ms;
}

static enum bf_rc ask(struct session *s, struct op_request *req, struct screen *screen, json_t **status, struct bf_error *err)
{
    ANSWER_AUTO struct answer a = {0};
    enum bf_rc rc = session_query(s, req, &a, err);
    if (rc == BF_UNREACHABLE && *status) {
        progress_rate_silence(&screen->rate);
        show_away(screen, *status);
        return BF_OK;
    }
    if (rc != BF_OK)
        return rc;
    uint32_t id;
    if (req->backfill == OP_LATEST && words_backfill(render_text(a.json, "id"), &id, NULL) == BF_OK)
        req->backfill = id;                      /* a newer one shall not take its place meanwhile */
    json_decref(*status);
    *status = json_incref(a.json);
    progress_rate_answer(&screen->rate, *status, bf_boottime_ms());
    show(screen, *status);
    return BF_OK;
}

static bool is_over(const json_t *status, const struct follow_options *o)
{
    enum bf_rc end;
    return progress_ended(status, &end) || (o->until_halted && progress_halted(status));
}

static enum bf_rc follow_loop(struct session *s, struct op_request *req, struct screen *screen, const struct follow_options *o,
                              json_t **status, struct bf_error *err)
{
    int64_t began_ms = bf_boottime_ms(), deadline_ms = o->timeout_ms > 0 ? began_ms + o->timeout_ms : INT64_MAX;
    int64_t whole_ms = s->settings.request_timeout_ms;
    for (;;) {
        int64_t most_ms = *status && whole_ms > AWAY_TIMEOUT_MS ? AWAY_TIMEOUT_MS : whole_ms;
        int64_t room_ms = left(deadline_ms, most_ms);
        if (room_ms <= 0)
            break;
        s->settings.request_timeout_ms = room_ms;
        enum bf_rc rc = ask(s, req, screen, status, err);
        if (rc == BF_UNREACHABLE && room_ms < most_ms)
            break;                               /* the limit of this wait was the shorter one */
        if (rc != BF_OK || (!screen->told_away && is_over(*status, o)))
            return rc;
        int64_t wait_ms = left(deadline_ms, await_pause_ms(began_ms));
        if (wait_ms > 0)
            poll(NULL, 0, (int)wait_ms);
    }
    char limit[32];
    bf_format_duration(o->timeout_ms, limit, sizeof limit);
    return bf_fail(err, BF_TIMED_OUT, "the backfill has not ended within %s; it is left as it is", limit);
}

/* What the document of the progress does not count: checks that warned and let the data through.  One page of them is enough to know;
 * where nothing is kept of checks there is nothing to say. */
static void add_warned(struct session *s, json_t *status)
{
    ANSWER_AUTO struct answer a = {0};
    struct bf_error err;
    struct op_request req;
    client_request(&req, OP_CHECKS);
    req.state = "warned";
    int64_t whole_ms = s->settings.request_timeout_ms;
    if (whole_ms > AWAY_TIMEOUT_MS)
        s->settings.request_timeout_ms = AWAY_TIMEOUT_MS;
    bool told = words_backfill(render_text(status, "id"), &req.backfill, &err) == BF_OK && session_query(s, &req, &a, &err) == BF_OK;
    s->settings.request_timeout_ms = whole_ms;
    if (!told)
        return;
    json_object_set_new(status, "checks_warned", json_integer((json_int_t)json_array_size(json_object_get(a.json, "rows"))));
    json_object_set_new(status, "checks_warned_more", json_boolean(json_is_integer(json_object_get(a.json, "next"))));
}

enum bf_rc follow(struct session *s, uint32_t backfill, const struct follow_options *o, json_t **ret_status,
                  struct bf_error *err)
{
    struct screen screen;
    screen_open(&screen, o->out, o->plain);
    struct op_request req;
    client_request(&req, OP_STATUS);
    req.backfill = backfill;
    json_t *status = NULL;
    int64_t whole_ms = s->settings.request_timeout_ms;
    enum bf_rc rc = follow_loop(s, &req, &screen, o, &status, err);
    s->settings.request_timeout_ms = whole_ms;
    if (rc == BF_OK) {
        add_warned(s, status);
        show_end(&screen, status);
        *ret_status = json_incref(status);
    }
    json_decref(status);
    free(screen.last);
    return rc;
}

int follow_exit(const json_t *status)
{
    enum bf_rc rc = BF_INTERNAL;
    if (!progress_ended(status, &rc) && progress_halted(status))
        rc = BF_FAILED;
    return bf_rc_exit(rc);
}
