/* bfctl logs: what attempts have written, and with --follow what they write. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/logs_search.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "bfctl/words.h"
#include "common/clock.h"
#include "common/text.h"

#define PAGE_BYTES (512u << 10)
#define ASK_FIRST_MS 50
#define ASK_MOST_MS 500

struct values {
    struct ctl_common common;
    const char *attempt, *grep, *regex, *since, *until, *agent, *stream, *tail, *limit, *before, *after, *around;
    bool follow, prefix, all_attempts, ignore_case, count;
};

#define TEXT(name, letter, member, arg, help) {name, letter, BF_OPT_STRING, offsetof(struct values, member), arg, help}
#define FLAG(name, letter, member, help) {name, letter, BF_OPT_FLAG, offsetof(struct values, member), NULL, help}
static const struct bf_option options[] = {
    TEXT("attempt", 0, attempt, "ID", "this attempt, as in a-12 (default: the newest of each instance)"),
    FLAG("all-attempts", 0, all_attempts, "every attempt, of every run"),
    FLAG("follow", 'f', follow, "go on until the attempt, or the backfill, has ended"),
    FLAG("prefix", 0, prefix, "put time and stream before each line"),
    TEXT("grep", 0, grep, "TEXT", "only lines that contain this text"),
    TEXT("regex", 0, regex, "RE", "only lines that match this regular expression (PCRE2)"),
    FLAG("ignore-case", 'i', ignore_case, "upper and lower case are the same"),
    TEXT("since", 0, since, "TIME", "from then on: 2h, 2024-01-31, 2024-01-31T06:00:00Z"),
    TEXT("until", 0, until, "TIME", "before then; a day is taken in"),
    TEXT("agent", 0, agent, "NAME", "only what ran on this agent"),
    TEXT("stream", 0, stream, "NAME", "stdout or stderr"),
    TEXT("tail", 0, tail, "N", "only the newest N lines"),
    TEXT("limit", 0, limit, "N", "end after N lines"),
    FLAG("count", 0, count, "print how many lines match, and none of them"),
    TEXT("before-context", 'B', before, "N", "N lines before each match"),
    TEXT("after-context", 'A', after, "N", "N lines after each match"),
    TEXT("context", 'C', around, "N", "N lines before and after"),
    CTL_OPTION_OUTPUT(struct values, "text (default) or json: one object a line"),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

struct printer {
    bool prefix, middle;                 /* in the middle of a line… */
    char stream[16];                     /* …of this stream */
    bool told;                           /* something was shown, or said of what is missing */
};

static void print_text(struct printer *p, const char *at, const char *stream, const char *text, size_t n)
{
    char when[RENDER_TIME_MAX];
    if (!p->prefix) {
        fwrite(text, 1, n, stdout);
        return;
    }
    if (p->middle && strcmp(p->stream, stream) != 0) {
        putchar('\n');
        p->middle = false;
    }
    snprintf(p->stream, sizeof p->stream, "%s", stream);
    while (n > 0) {
        const char *end = memchr(text, '\n', n);
        size_t len = end ? (size_t)(end - text) + 1 : n;
        if (!p->middle)
            printf("%s %-6s | ", render_time(at, when), stream);
        fwrite(text, 1, len, stdout);
        p->middle = !end;
        text += len;
        n -= len;
    }
}

static void print_page(struct printer *p, const json_t *page)
{
    int64_t cut = render_number(page, "cut_bytes");
    char size[32];
    bf_format_size((uint64_t)cut, size, sizeof size);
    if (cut > 0)
        ctl_note("%s of this log were cut here", size);
    p->told |= cut > 0;
    size_t i;
    json_t *chunk;
    json_array_foreach(json_object_get(page, "chunks"), i, chunk) {
        const json_t *text = json_object_get(chunk, "text");
        p->told |= json_string_length(text) > 0;
        if (json_is_string(text))
            print_text(p, render_text(chunk, "at"), render_text(chunk, "stream"), json_string_value(text),
                       json_string_length(text));
    }
    fflush(stdout);
}

static enum bf_rc print_log(struct session *s, struct op_request *req, const struct values *v, struct bf_error *err)
{
    struct printer p = {.prefix = v->prefix};
    int pause_ms = ASK_FIRST_MS;
    for (;;) {
        ANSWER_AUTO struct answer a = {0};
        enum bf_rc rc = session_query(s, req, &a, err);
        if (rc != BF_OK)
            return rc;
        print_page(&p, a.json);
        uint64_t next = (uint64_t)render_number(a.json, "next");
        bool moved = next > req->page_offset;
        bool ended = json_is_true(json_object_get(a.json, "end"));
        if (ended || (!moved && !v->follow)) {
            if (!p.told)
                ctl_note(ended ? LOGS_NOTHING : "nothing was written yet");
            return BF_OK;
        }
        if (req->attempt == 0 && words_attempt(render_text(a.json, "attempt"), &req->attempt, NULL) != BF_OK)
            req->attempt = 0;            /* stay with this attempt when a newer one begins */
        pause_ms = moved ? ASK_FIRST_MS : pause_ms * 3 / 2 < ASK_MOST_MS ? pause_ms * 3 / 2 : ASK_MOST_MS;
        if (!moved)
            poll(NULL, 0, pause_ms);
        req->page_offset = next;
    }
}

/* ---- a search ---- */

#define LINES_MAX 1000000000
#define CONTEXT_MAX 1000

static enum bf_rc read_stream(const char *word, struct op_request *req, struct bf_error *err)
{
    if (!word)
        return BF_OK;
    if (strcmp(word, "stdout") == 0)
        req->log_flags |= OP_LOG_STDOUT;
    else if (strcmp(word, "stderr") == 0)
        req->log_flags |= OP_LOG_STDERR;
    else
        return bf_fail(err, BF_USAGE, "--stream '%.60s' is no stream: write stdout or stderr", word);
    return BF_OK;
}

static enum bf_rc read_numbers(const struct values *v, struct logs_search *ret, struct bf_error *err)
{
    int64_t around, before, after;
    enum bf_rc rc = words_number("tail", v->tail, 0, 1, LINES_MAX, &ret->tail, err);
    if (rc == BF_OK)
        rc = words_number("limit", v->limit, 0, 1, LINES_MAX, &ret->limit, err);
    if (rc == BF_OK)
        rc = words_number("context", v->around, 0, 0, CONTEXT_MAX, &around, err);
    if (rc == BF_OK)
        rc = words_number("before-context", v->before, around, 0, CONTEXT_MAX, &before, err);
    if (rc == BF_OK)
        rc = words_number("after-context", v->after, around, 0, CONTEXT_MAX, &after, err);
    if (rc != BF_OK)
        return rc;
    ret->req.context_before = (uint32_t)before;
    ret->req.context_after = (uint32_t)after;
    return BF_OK;
}

/* What does not go together, or not yet. */
static enum bf_rc check_search(const struct values *v, const struct logs_search *s, struct bf_error *err)
{
    bool pattern = v->grep || v->regex, context = s->req.context_before || s->req.context_after;
    if (v->grep && v->regex)
        return bf_fail(err, BF_USAGE, "--grep and --regex are given; one of them is taken");
    if ((v->grep && !v->grep[0]) || (v->regex && !v->regex[0]))
        return bf_fail(err, BF_USAGE, "--%s is empty; leave it out for every line", v->grep ? "grep" : "regex");
    if (v->attempt && v->all_attempts)
        return bf_fail(err, BF_USAGE, "--attempt and --all-attempts are given; one of them is taken");
    if ((v->ignore_case || context) && !pattern)
        return bf_fail(err, BF_USAGE, "-i, -A, -B and -C are for matches; give --grep or --regex too");
    if (v->tail && v->limit)
        return bf_fail(err, BF_USAGE, "--tail and --limit are given; one of them is taken");
    if (context && (v->tail || v->follow))
        return bf_fail(err, BF_UNSUPPORTED, "-A, -B and -C with --tail or --follow are not supported yet");
    if (v->count && (v->tail || v->limit || v->follow || context))
        return bf_fail(err, BF_USAGE, "--count gives one number: leave out --tail, --limit, --follow and lines of context");
    if (v->follow && v->until)
        return bf_fail(err, BF_USAGE, "--follow goes on until the backfill ends; leave out --until");
    return BF_OK;
}

static enum bf_rc read_search(const struct values *v, struct logs_search *ret, struct bf_error *err)
{
    struct op_request *req = &ret->req;
    enum bf_rc rc = read_stream(v->stream, req, err);
    if (rc == BF_OK)
        rc = read_numbers(v, ret, err);
    if (rc == BF_OK)
        rc = words_times(v->since, v->until, bf_realtime_us(), &req->since_us, &req->until_us, err);
    if (rc == BF_OK)
        rc = check_search(v, ret, err);
    if (rc == BF_OK)
        rc = ctl_output(&v->common, CTL_TEXT, CTL_TEXT | CTL_JSON, &ret->output, err);
    if (v->all_attempts)
        req->attempt = OP_ALL_ATTEMPTS;
    req->name = v->agent ? v->agent : "";
    req->pattern = v->grep ? v->grep : v->regex ? v->regex : "";
    req->log_flags |= (v->regex ? OP_LOG_REGEX : 0) | (v->ignore_case ? OP_LOG_IGNORE_CASE : 0) | (v->count ? OP_LOG_COUNT : 0);
    ret->follow = v->follow;
    ret->prefix = v->prefix;
    return rc;
}

/* One instance, and everything that one attempt of it has written: that is passed on as it stands. */
static bool is_plain(const struct values *v, const struct logs_search *s)
{
    return s->req.n_selectors == 1 && s->output == CTL_TEXT && !s->req.pattern[0] && !s->req.log_flags && !v->since && !v->until &&
           !v->agent && !v->tail && !v->limit && !v->all_attempts;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    SESSION_AUTO struct session s = {0};
    struct logs_search search = {0};
    client_request(&search.req, OP_LOG_SEARCH);
    enum bf_rc rc = words_backfill(call->words[0], &search.req.backfill, &call->err);
    if (rc == BF_OK)
        rc = words_selectors(call->words + 1, call->n_words - 1, &search.req, &call->err);
    if (rc == BF_OK)
        rc = words_attempt(v->attempt, &search.req.attempt, &call->err);
    if (rc == BF_OK)
        rc = read_search(v, &search, &call->err);
    if (rc == BF_OK)
        rc = session_open(&v->common, &s, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    bool plain = is_plain(v, &search);
    if (plain) {
        struct op_request req = search.req;
        req.verb = OP_LOGS;
        req.page_limit = PAGE_BYTES;
        rc = print_log(&s, &req, v, &call->err);
    }
    /* Not one instance: then it is a search that finds every line. */
    if (!plain || rc == BF_INVALID)
        rc = logs_search_run(&s, &search, &call->err);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_logs = {
    .usage = "logs ID|@latest [SELECTOR…] [--grep TEXT|--regex RE] [-f] [options]",
    .about = WORDS_SELECTORS_HELP "\n"
             "One instance: what its newest attempt has written.  Several: all lines in order of time, with what they are of before each.",
    .examples = "  bfctl logs @latest 'load[2024-01-31]' -f\n  bfctl logs bf-3 notify --attempt a-12 --prefix\n"
                "  bfctl logs bf-3 --grep 'out of memory' -i -C 3 --all-attempts\n"
                "  bfctl logs @latest tag:finance --regex 'rows=\\d{7,}' --since 2h --agent agent-2\n  bfctl logs @latest -f",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
