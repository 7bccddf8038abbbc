/* bfctl logs: what an attempt has written, and with --follow what it writes. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "bfctl/words.h"

#define PAGE_BYTES (512u << 10)
#define ASK_FIRST_MS 50
#define ASK_MOST_MS 500

struct values {
    struct ctl_common common;
    const char *attempt;
    bool follow, prefix;
};

static const struct bf_option options[] = {
    {"attempt", 0, BF_OPT_STRING, offsetof(struct values, attempt), "ID", "this attempt, as in a-12 (default: the newest)"},
    {"follow", 'f', BF_OPT_FLAG, offsetof(struct values, follow), NULL, "go on until the attempt has ended"},
    {"prefix", 0, BF_OPT_FLAG, offsetof(struct values, prefix), NULL, "put time and stream before each line"},
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

struct printer {
    bool prefix, middle;                 /* in the middle of a line… */
    char stream[16];                     /* …of this stream */
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
    if (cut > 0)
        ctl_note("%" PRId64 " bytes of this log were cut", cut);
    size_t i;
    json_t *chunk;
    json_array_foreach(json_object_get(page, "chunks"), i, chunk) {
        const json_t *text = json_object_get(chunk, "text");
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
        if (json_is_true(json_object_get(a.json, "end")) || (!moved && !v->follow))
            return BF_OK;
        if (req->attempt == 0 && words_attempt(render_text(a.json, "attempt"), &req->attempt, NULL) != BF_OK)
            req->attempt = 0;            /* stay with this attempt when a newer one begins */
        pause_ms = moved ? ASK_FIRST_MS : pause_ms * 3 / 2 < ASK_MOST_MS ? pause_ms * 3 / 2 : ASK_MOST_MS;
        if (!moved)
            poll(NULL, 0, pause_ms);
        req->page_offset = next;
    }
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    SESSION_AUTO struct session s = {0};
    struct op_request req;
    client_request(&req, OP_LOGS);
    req.page_limit = PAGE_BYTES;
    enum bf_rc rc = words_backfill(call->words[0], &req.backfill, &call->err);
    if (rc == BF_OK)
        rc = words_selectors(call->words + 1, 1, &req, &call->err);
    if (rc == BF_OK)
        rc = words_attempt(v->attempt, &req.attempt, &call->err);
    if (rc == BF_OK)
        rc = session_open(&v->common, &s, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    rc = print_log(&s, &req, v, &call->err);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_logs = {
    .usage = "logs ID|@latest SELECTOR [--attempt ID] [-f] [--prefix] [options]",
    .about = "The selector picks one step instance: STEP[PARTITION], or STEP where the step has no partitions.",
    .examples = "  bfctl logs @latest 'load[2024-01-31]' -f\n  bfctl logs bf-3 notify --attempt a-12 --prefix",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 2, .max_words = 2, .run = run};
