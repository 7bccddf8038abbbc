/* One pass is: ask, filter, show.  --watch repeats it: rows are told apart by their names, and one that is not as it was is shown
 * again below, under the columns of the first table.  There is no push from the coordinator, so it asks once a second, and less
 * often where one answer takes long: a question must not cost more than a tenth of the time.  Once it was answered, a coordinator
 * that is away is waited for.  SIGINT is how a watch ends, so it ends well: everything is written out by then. */
#include "bfctl/listing.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/clock.h"
#include "common/mem.h"

#define EVERY_MS 1000
#define EVERY_FACTOR 10
#define AWAY_TIMEOUT_MS 2000             /* of one request once the first was answered */

/* ---- asking ---- */

static bool is_named(const struct listing *l, const json_t *row, size_t at)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
    l->view->name(row, &name);
    for (size_t i = 0; i < l->n_names; i++)
        if (strcmp(bf_buf_cstr(&name), l->names[i]) == 0 || (at == 0 && strcmp(l->names[i], "@latest") == 0))
            return true;
    return l->n_names == 0;
}

/* Some rows of all: *ret_more as in session_query_pages(). */
static json_t *filtered(const struct listing *l, const json_t *rows, uint64_t limit, bool *ret_more)
{
    json_t *kept = json_array(), *row;
    size_t i;
    json_array_foreach((json_t *)rows, i, row) {
        if (!is_named(l, row, i) || (l->keep && !l->keep(l->arg, row)))
            continue;
        if (limit > 0 && json_array_size(kept) == limit) {
            *ret_more = true;
            break;
        }
        json_array_append(kept, row);
    }
    return kept;
}

static enum bf_rc ask(struct session *s, const struct listing *l, uint64_t limit, json_t **ret, bool *ret_more, struct bf_error *err)
{
    ANSWER_AUTO struct answer a = {0};
    bool sieve = l->n_names > 0 || l->keep;
    *ret_more = false;
    enum bf_rc rc = l->pages == LISTING_ONE    ? session_query(s, l->req, &a, err)
                    : l->pages == LISTING_WALK ? session_query_walk(s, l->req, sieve ? 0 : limit, &a, ret_more, err)
                                               : session_query_pages(s, l->req, sieve ? 0 : limit, &a, ret_more, err);
    if (rc != BF_OK)
        return rc;
    json_t *rows = l->pages == LISTING_ONE ? json_pack("[O]", a.json) : json_incref(a.json);
    if (l->merge || sieve) {
        json_t *made = l->merge ? l->merge(rows) : filtered(l, rows, limit, ret_more);
        json_decref(rows);
        rows = made;
    }
    *ret = rows;
    return BF_OK;
}

/* Every name that was asked for is there. */
static enum bf_rc check_names(const struct listing *l, const json_t *rows, struct bf_error *err)
{
    size_t n_rows = json_array_size(rows);
    for (size_t i = 0; i < l->n_names; i++) {
        bool found = strcmp(l->names[i], "@latest") == 0 && n_rows > 0;
        for (size_t k = 0; k < n_rows && !found; k++) {
            BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
            l->view->name(json_array_get(rows, k), &name);
            found = strcmp(bf_buf_cstr(&name), l->names[i]) == 0;
        }
        if (!found)
            return bf_fail(err, BF_NOT_FOUND, "there is no '%.100s' among the %s; without a name the same command lists them", l->names[i],
                           l->view->what);
    }
    return BF_OK;
}

/* ---- showing ---- */

static enum bf_rc show(const struct ctl_call *call, const struct listing *l, const json_t *rows, enum ctl_output output,
                       struct bf_error *err)
{
    if (output == CTL_JSON)
        return render_json(l->pages == LISTING_ONE || l->n_names == 1 ? json_array_get(rows, 0) : rows, err);
    if (output == CTL_TEXT)
        l->text(call, rows);
    else
        view_print(l->view, rows, output, ctl_common(call)->no_headers, NULL);
    if (l->after && output != CTL_NAME)
        l->after(rows);
    return BF_OK;
}

/* ---- watching ---- */

struct watched {
    json_t *known;                               /* name -> row */
    size_t widths[VIEW_COLUMNS_MAX];
    bool begun, headed, told_away;            /* answered; with its headings; the coordinator is known to be away */
};

/* The rows that are not as they were, which are remembered. */
static json_t *changed(struct watched *w, const struct listing *l, const json_t *rows)
{
    json_t *ret = json_array(), *row;
    size_t i;
    json_array_foreach((json_t *)rows, i, row) {
        BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
        l->view->name(row, &name);
        if (json_equal(json_object_get(w->known, bf_buf_cstr(&name)), row))
            continue;
        json_object_set(w->known, bf_buf_cstr(&name), row);
        json_array_append(ret, row);
    }
    return ret;
}

static enum bf_rc show_changed(struct watched *w, const struct ctl_call *call, const struct listing *l, const json_t *rows,
                               enum ctl_output output, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    size_t i;
    json_t *row, *news = changed(w, l, rows);
    if (output == CTL_JSON)
        json_array_foreach(news, i, row)
            rc = rc == BF_OK ? render_json_next(row, err) : rc;
    else if (json_array_size(news) > 0)
        view_print(l->view, news, output, w->headed || ctl_common(call)->no_headers, w->widths);
    w->headed |= json_array_size(news) > 0;
    json_decref(news);
    if (rc == BF_OK && fflush(stdout) != 0)
        rc = bf_fail(err, BF_IO, "cannot write to standard output");
    return rc;
}

static void end_well(int signal)
{
    (void)signal;
    _exit(0);
}

static enum bf_rc watch_once(struct watched *w, struct session *s, const struct ctl_call *call, const struct listing *l, uint64_t limit,
                             enum ctl_output output, struct bf_error *err)
{
    json_t *rows = NULL;
    bool more;
    enum bf_rc rc = ask(s, l, limit, &rows, &more, err);
    if (rc == BF_UNREACHABLE && w->begun) {
        if (!w->told_away)
            ctl_note("the coordinator does not answer; trying again");
        w->told_away = true;
        return BF_OK;
    }
    if (rc == BF_OK && !w->begun)
        rc = check_names(l, rows, err);
    if (rc == BF_OK && w->told_away)
        ctl_note("the coordinator is back");
    if (rc == BF_OK) {
        w->told_away = false;
        rc = show_changed(w, call, l, rows, output, err);
    }
    json_decref(rows);
    return rc;
}

/* @latest is the one of the beginning: a newer one shall not take its place meanwhile. */
static void stay_with(const struct listing *l, const struct watched *w)
{
    uint32_t id;
    const char *name = json_object_iter_key(json_object_iter(w->known));
    if (l->pages == LISTING_ONE && l->req->backfill == OP_LATEST && name && words_backfill(name, &id, NULL) == BF_OK)
        l->req->backfill = id;
}

static enum bf_rc watch(struct session *s, const struct ctl_call *call, const struct listing *l, uint64_t limit, enum ctl_output output,
                        struct bf_error *err)
{
    struct watched w = {.known = json_object()};
    const struct sigaction end = {.sa_handler = end_well};
    sigaction(SIGINT, &end, NULL);
    enum bf_rc rc;
    for (;;) {
        int64_t began_ms = bf_boottime_ms();
        rc = watch_once(&w, s, call, l, limit, output, err);
        if (rc != BF_OK)
            break;
        stay_with(l, &w);
        w.begun = true;
        if (s->settings.request_timeout_ms > AWAY_TIMEOUT_MS)
            s->settings.request_timeout_ms = AWAY_TIMEOUT_MS;
        int64_t took_ms = w.told_away ? 0 : bf_boottime_ms() - began_ms;
        int64_t pause_ms = EVERY_FACTOR * took_ms > EVERY_MS ? EVERY_FACTOR * took_ms : EVERY_MS;
        poll(NULL, 0, (int)pause_ms);
    }
    json_decref(w.known);
    return rc;
}

/* ---- the run ---- */

static enum bf_rc list(struct ctl_call *call, const struct listing *l, enum ctl_output output, uint64_t limit)
{
    SESSION_AUTO struct session s = {0};
    json_t *rows = NULL;
    bool more = false;
    enum bf_rc rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK && l->watch)
        return watch(&s, call, l, limit, output, &call->err);
    if (rc == BF_OK)
        rc = ask(&s, l, limit, &rows, &more, &call->err);
    if (rc == BF_OK)
        rc = check_names(l, rows, &call->err);
    if (rc == BF_OK)
        rc = show(call, l, rows, output, &call->err);
    if (rc == BF_OK && more)
        ctl_note("there are more than %llu; --limit 0 shows all", (unsigned long long)limit);
    json_decref(rows);
    return rc;
}

int listing_run(struct ctl_call *call, struct listing *l)
{
    enum ctl_output output = CTL_TABLE;
    int64_t limit = 0;
    enum ctl_output preset = l->preset ? l->preset : CTL_TABLE;
    unsigned outputs = l->outputs ? l->outputs : CTL_TABLE | CTL_WIDE | CTL_JSON | CTL_NAME;
    enum bf_rc rc = ctl_output(ctl_common(call), preset, outputs, &output, &call->err);
    if (rc == BF_OK && l->watch && output == CTL_TEXT)
        output = CTL_TABLE;
    uint64_t without = output == CTL_JSON ? l->json_limit : l->table_limit;
    if (rc == BF_OK)
        rc = words_number("limit", l->limit, (int64_t)without, 0, 10000000, &limit, &call->err);
    if (rc == BF_OK)
        rc = list(call, l, output, (uint64_t)limit);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

int listing_run_picked(struct ctl_call *call, struct listing *l)
{
    if (words_backfill(call->words[0], &l->req->backfill, &call->err) != BF_OK ||
        words_selectors(call->words + 1, call->n_words - 1, l->req, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return listing_run(call, l);
}
