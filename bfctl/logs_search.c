/* See logs_search.h.  The coordinator keeps nothing of a search: each page is asked for with the cursor of the one before, so that one
 * that was restarted in between goes on, and Ctrl-C ends all of it. */
#include "bfctl/logs_search.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/render.h"
#include "bfctl/terminal.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/text.h"

#define PAGE_LINES 1000
#define ASK_FIRST_MS 50
#define ASK_MOST_MS 300
#define QUIET_MS 2000                    /* after the end of the backfill: what agents still send */
#define AWAY_MS 500
#define BUSY_MS 500
#define BUSY_TRIES 20

struct finder {
    struct session *session;
    struct logs_search *search;
    char cursor[OP_CURSOR_MAX_BYTES + 1];
    json_t *names;                       /* attempt -> what it ran */
    json_t *newest;                      /* of --tail: newest first */
    struct bf_map told;                  /* attempt -> offset behind the last line that was printed, with context */
    int64_t printed, matches, cut_bytes, damaged, given_up, older, total_bytes, instances;
    char gone[RENDER_TIME_MAX];
    int64_t log_keep, log_keep_age_ms;
    bool away, progress, place_lost, terminal, live, ended;     /* terminal: standard output; live: standard error can draw */
    char *follow;                        /* where following begins; owned */
};

/* ---- printing ---- */

static void progress_clear(struct finder *f)
{
    if (f->progress)
        fputs("\r\033[K", stderr);
    f->progress = false;
}

static void progress_show(struct finder *f, const json_t *page)
{
    char done[32], all[32];
    if (!f->live || (f->printed && f->terminal))
        return;
    bf_format_size((uint64_t)render_number(page, "searched_bytes"), done, sizeof done);
    bf_format_size((uint64_t)f->total_bytes, all, sizeof all);
    fprintf(stderr, "\r\033[Ksearched %s of %s", done, all);
    fflush(stderr);
    f->progress = true;
}

/* "load[2024-01-03] a-12", of the attempt of a line. */
static void put_name(const struct finder *f, const json_t *line, struct bf_buf *out)
{
    const json_t *name = json_object_get(f->names, render_text(line, "attempt"));
    const char *partition = render_text(name, "partition");
    bf_buf_printf(out, partition[0] ? "%s[%s] %s" : "%s%s %s", render_text(name, "step"), partition, render_text(line, "attempt"));
}

static void put_prefix(const struct finder *f, const json_t *line, struct bf_buf *out)
{
    char when[RENDER_TIME_MAX];
    bool several = f->instances > 1 || f->search->req.attempt == OP_ALL_ATTEMPTS;
    if (f->search->prefix)
        bf_buf_printf(out, "%s %-6s ", render_time(render_text(line, "at"), when), render_text(line, "stream"));
    if (several)
        put_name(f, line, out);
    if (several || f->search->prefix)
        bf_buf_put_str(out, several ? (json_is_true(json_object_get(line, "context")) ? " - " : " | ") : "| ");
}

/* A terminal acts on some bytes; a file gets what was written. */
static void put_words(const struct finder *f, const json_t *line, struct bf_buf *out)
{
    const json_t *text = json_object_get(line, "text");
    char size[32];
    if (!json_is_string(text)) {
        bf_format_size((uint64_t)render_number(line, "cut_bytes"), size, sizeof size);
        bf_buf_printf(out, "… %s were cut here", size);
        return;
    }
    if (f->terminal)
        render_put_safe(json_string_value(text), json_string_length(text), out);
    else
        bf_buf_put(out, json_string_value(text), json_string_length(text));
    if (render_number(line, "more_bytes")) {
        bf_format_size((uint64_t)render_number(line, "more_bytes"), size, sizeof size);
        bf_buf_printf(out, " … (%s more of this line)", size);
    }
}

/* The line as a document of its own, with what its attempt ran. */
static enum bf_rc print_json(const struct finder *f, const json_t *line, struct bf_error *err)
{
    json_t *whole = json_copy(json_object_get(f->names, render_text(line, "attempt")));
    if (!whole)
        whole = json_object();
    json_object_update(whole, (json_t *)(uintptr_t)line);
    json_object_del(whole, "group");
    enum bf_rc rc = render_json_next(whole, err);
    json_decref(whole);
    return rc;
}

/* A line may come twice: as context at the end of one page, and by itself in the next. */
static bool was_told(struct finder *f, const json_t *line)
{
    const struct op_request *req = &f->search->req;
    if (!req->context_before && !req->context_after)
        return false;
    uint64_t attempt = strtoull(render_text(line, "attempt") + 2, NULL, 10), told = 0, offset = (uint64_t)render_number(line, "offset");
    if (bf_map_get(&f->told, attempt, &told) && offset < told)
        return true;
    bf_map_put(&f->told, attempt, offset + 1);
    return false;
}

static enum bf_rc print_line(struct finder *f, const json_t *line, struct bf_error *err)
{
    if (was_told(f, line))
        return BF_OK;
    progress_clear(f);
    if (f->search->output == CTL_JSON) {
        f->printed++;
        return print_json(f, line, err);
    }
    struct bf_buf out = {0};
    if (json_is_true(json_object_get(line, "group")) && f->printed)
        bf_buf_put_str(&out, "--\n");
    put_prefix(f, line, &out);
    put_words(f, line, &out);
    bf_buf_put_u8(&out, '\n');
    bool good = fwrite(out.data, 1, out.len, stdout) == out.len;
    bf_buf_free(&out);
    f->printed++;
    return good ? BF_OK : bf_fail(err, BF_IO, "the output cannot be written");
}

/* ---- pages ---- */

static void take_totals(struct finder *f, const json_t *page)
{
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(page, "attempts"), i, name)
        json_object_set(f->names, render_text(name, "attempt"), name);
    f->matches += render_number(page, "matches");
    f->cut_bytes += render_number(page, "cut_bytes");
    f->damaged += render_number(page, "damaged_frames");
    f->given_up += render_number(page, "lines_given_up");
    if (render_number(page, "older_attempts"))
        f->older = render_number(page, "older_attempts");
    if (render_number(page, "total_bytes"))
        f->total_bytes = render_number(page, "total_bytes");
    f->instances = render_number(page, "instances");
    f->log_keep = render_number(page, "log_keep");
    f->log_keep_age_ms = render_number(page, "log_keep_age_ms");
    if (render_text(page, "gone_before")[0])
        render_time(render_text(page, "gone_before"), f->gone);
    f->place_lost = f->place_lost || json_is_true(json_object_get(page, "place_lost"));
    f->ended = json_is_true(json_object_get(page, "ended"));
    snprintf(f->cursor, sizeof f->cursor, "%s", render_text(page, "cursor"));
    if (!f->follow && render_text(page, "follow")[0])
        f->follow = bf_xstrdup(render_text(page, "follow"));
}

static enum bf_rc take_lines(struct finder *f, const json_t *page, struct bf_error *err)
{
    size_t i;
    json_t *line;
    enum bf_rc rc = BF_OK;
    json_array_foreach(json_object_get(page, "lines"), i, line) {
        if (f->newest)
            json_array_append(f->newest, line);
        else if (rc == BF_OK && !(f->search->limit && f->printed >= f->search->limit))
            rc = print_line(f, line, err);
    }
    if (fflush(stdout) != 0 && rc == BF_OK)
        rc = bf_fail(err, BF_IO, "the output cannot be written");
    return rc;
}

/* Lines that are still wanted; 0: no more. */
static int64_t lines_wanted(const struct finder *f)
{
    int64_t want = PAGE_LINES;
    if (f->newest)
        want = f->search->tail - (int64_t)json_array_size(f->newest);
    else if (f->search->limit)
        want = f->search->limit - f->printed;
    return want > PAGE_LINES ? PAGE_LINES : want < 0 ? 0 : want;
}

/* One page.  A coordinator whose searches are all in use is asked again; one that is away too, while following. */
static enum bf_rc ask(struct finder *f, struct answer *ret, struct bf_error *err)
{
    f->search->req.cursor = f->cursor;
    for (int tries = 0;;) {
        enum bf_rc rc = session_query(f->session, &f->search->req, ret, err);
        if (rc == BF_LIMIT && tries++ < BUSY_TRIES) {
            poll(NULL, 0, BUSY_MS);
        } else if (rc == BF_UNREACHABLE && f->search->follow && f->follow) {
            if (!f->away)
                ctl_note("%s; following goes on when it is back", err->text);
            f->away = true;
            poll(NULL, 0, AWAY_MS);
        } else {
            f->away = f->away && rc != BF_OK;
            return rc;
        }
    }
}

static enum bf_rc search(struct finder *f, struct bf_error *err)
{
    struct logs_search *s = f->search;
    bool done = false;
    enum bf_rc rc = BF_OK;
    if (s->tail)
        f->newest = json_array();
    s->req.backward = s->tail > 0;
    while (rc == BF_OK && !done && lines_wanted(f) > 0) {
        ANSWER_AUTO struct answer page = {0};
        s->req.page_limit = (uint32_t)lines_wanted(f);
        rc = ask(f, &page, err);
        if (rc != BF_OK)
            break;
        take_totals(f, page.json);
        rc = take_lines(f, page.json, err);
        done = json_is_true(json_object_get(page.json, "done"));
        if (!done && rc == BF_OK)
            progress_show(f, page.json);
    }
    progress_clear(f);
    json_t *newest = f->newest;
    f->newest = NULL;
    for (size_t i = newest ? json_array_size(newest) : 0; rc == BF_OK && i-- > 0;)
        rc = print_line(f, json_array_get(newest, i), err);
    json_decref(newest);
    fflush(stdout);
    return rc;
}

static enum bf_rc follow(struct finder *f, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    int64_t quiet_since_ms = bf_boottime_ms();
    int pause_ms = ASK_FIRST_MS;
    f->search->req.backward = false;
    snprintf(f->cursor, sizeof f->cursor, "%s", f->follow);
    while (rc == BF_OK && lines_wanted(f) > 0) {
        ANSWER_AUTO struct answer page = {0};
        f->search->req.page_limit = (uint32_t)lines_wanted(f);
        rc = ask(f, &page, err);
        if (rc != BF_OK)
            break;
        bool ended = f->ended, done = json_is_true(json_object_get(page.json, "done"));
        take_totals(f, page.json);
        rc = take_lines(f, page.json, err);
        bool news = json_array_size(json_object_get(page.json, "lines")) > 0;
        if (news || !ended)
            quiet_since_ms = bf_boottime_ms();
        if (f->ended && done && bf_boottime_ms() - quiet_since_ms >= QUIET_MS)
            break;
        pause_ms = news ? ASK_FIRST_MS : pause_ms * 3 / 2 < ASK_MOST_MS ? pause_ms * 3 / 2 : ASK_MOST_MS;
        if (done)
            poll(NULL, 0, pause_ms);
    }
    return rc;
}

/* ---- what is to be known beside the lines ---- */

static void say_gone(const struct finder *f)
{
    char keep[32], age[32];
    bf_format_size((uint64_t)f->log_keep, keep, sizeof keep);
    bf_format_duration(f->log_keep_age_ms, age, sizeof age);
    ctl_note("the oldest lines of this backfill are gone, up to %s: log_keep is %s%s%s", f->gone, keep,
             f->log_keep_age_ms ? ", log_keep_age " : "", f->log_keep_age_ms ? age : "");
}

static void say_rest(const struct finder *f)
{
    char size[32];
    bf_format_size((uint64_t)f->cut_bytes, size, sizeof size);
    if (f->gone[0])
        say_gone(f);
    if (f->cut_bytes)
        ctl_note("%s were cut by agents, or lost, within what was looked at", size);
    if (f->damaged)
        ctl_note("%" PRId64 " pieces of log are damaged on disk and were passed over", f->damaged);
    if (f->given_up)
        ctl_note("the expression took too long on %" PRId64 " lines, which were passed over", f->given_up);
    if (f->place_lost)
        ctl_note("lines were dropped before they were followed: the store of logs is too small for what is written");
    if (f->older)
        ctl_note("%" PRId64 " earlier attempt%s not looked at; --all-attempts looks at all", f->older, f->older == 1 ? " was" : "s were");
    if (!f->printed && !f->search->follow && f->search->output != CTL_JSON && !(f->search->req.log_flags & OP_LOG_COUNT))
        ctl_note(f->total_bytes ? "no line matches" : LOGS_NOTHING);
}

static enum bf_rc say_count(const struct finder *f, struct bf_error *err)
{
    if (f->search->output != CTL_JSON) {
        printf("%" PRId64 "\n", f->matches);
        return BF_OK;
    }
    json_t *count = json_pack("{s:I, s:I, s:I, s:I}", "matches", (json_int_t)f->matches, "searched_bytes", (json_int_t)f->total_bytes,
                              "cut_bytes", (json_int_t)f->cut_bytes, "older_attempts", (json_int_t)f->older);
    enum bf_rc rc = render_json(count, err);
    json_decref(count);
    return rc;
}

enum bf_rc logs_search_run(struct session *s, struct logs_search *what, struct bf_error *err)
{
    struct finder f = {.session = s, .search = what, .names = json_object(), .terminal = terminal_of(stdout).acts,
                       .live = terminal_of(stderr).is_one};
    enum bf_rc rc = search(&f, err);
    if (rc == BF_OK && what->follow && f.follow)
        rc = follow(&f, err);
    if (rc == BF_OK && what->req.log_flags & OP_LOG_COUNT)
        rc = say_count(&f, err);
    progress_clear(&f);
    if (rc == BF_OK)
        say_rest(&f);
    json_decref(f.names);
    bf_map_free(&f.told);
    free(f.follow);
    return rc;
}
