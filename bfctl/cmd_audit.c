/* bfctl audit: who did what, when and why. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/audit_trail.h"
#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"

struct values {
    struct ctl_common common;
    const char *since, *until, *who, *what, *limit;
};

static const struct bf_option options[] = {
    {"since", 0, BF_OPT_STRING, offsetof(struct values, since), "TIME", "from then on: 2h (ago), 2024-01-31, 2024-01-31T06:00:00Z (UTC)"},
    {"until", 0, BF_OPT_STRING, offsetof(struct values, until), "TIME", "until then, not included; a day is taken in whole"},
    {"who", 0, BF_OPT_STRING, offsetof(struct values, who), "NAME", "only what the key of this name did; coordinator: its own decisions"},
    {"what", 0, BF_OPT_STRING, offsetof(struct values, what), "VERB,…", "only these: cancel,pause,halt…"},
    {"limit", 0, BF_OPT_STRING, offsetof(struct values, limit), "N", "the newest so many (default 50; 0: all)"},
    CTL_OPTION_OUTPUT(struct values, "table (default), wide or json"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* The row with its text opened: {"index", "prev", "hash", "record"}. */
static json_t *opened(const json_t *row)
{
    struct audit_entry e;
    if (!audit_row(row, &e))
        return NULL;
    json_t *record = audit_record_of(&e), *j = json_object();
    json_object_set(j, "index", json_object_get(row, "index"));
    json_object_set(j, "prev", json_object_get(row, "prev"));
    json_object_set(j, "hash", json_object_get(row, "hash"));
    json_object_set_new(j, "record", record ? record : json_object());
    return j;
}

/* Newest first, until there are enough; *ret_more: there are older ones. */
static enum bf_rc fetch(struct session *s, struct op_request *req, uint64_t limit, json_t *rows, bool *ret_more, struct bf_error *err)
{
    for (*ret_more = false;;) {
        ANSWER_AUTO struct answer a = {0};
        uint64_t next, left = limit ? limit - json_array_size(rows) : OP_PAGE_MAX;
        size_t i;
        json_t *row;
        req->page_limit = left < OP_PAGE_MAX ? (uint32_t)left : OP_PAGE_MAX;
        enum bf_rc rc = audit_page(s, req, &a, &next, err);
        if (rc != BF_OK)
            return rc;
        json_array_foreach(json_object_get(a.json, "rows"), i, row) {
            json_t *j = opened(row);
            if (!j)
                return bf_fail(err, BF_PROTOCOL, "the coordinator answered 'audit' with a row that is none");
            json_array_append_new(rows, j);
        }
        *ret_more = next != 0;
        if (!next || (limit && json_array_size(rows) >= limit))
            return BF_OK;
        req->page_offset = next;
    }
}

static void turn_round(json_t *rows)
{
    json_t *copy = json_array();
    for (size_t i = json_array_size(rows); i-- > 0;)
        json_array_append(copy, json_array_get(rows, i));
    json_array_clear(rows);
    json_array_extend(rows, copy);
    json_decref(copy);
}

/* "{…} -> {…}" */
static void change_cell(struct table *t, const json_t *record)
{
    char *before = json_dumps(json_object_get(record, "before"), JSON_COMPACT);
    char *after = json_dumps(json_object_get(record, "after"), JSON_COMPACT);
    if (before || after)
        table_cellf(t, "%s -> %s", before ? before : "-", after ? after : "-");
    else
        table_cell(t, NULL);
    free(before);
    free(after);
}

static void show_row(struct table *t, const json_t *row, bool wide)
{
    const json_t *r = json_object_get(row, "record");
    const char *reason = render_text(r, "reason"), *role = render_text(r, "role");
    int64_t left_out = render_number(r, "left_out");
    table_row(t);
    if (wide)
        table_cellf(t, "%" PRId64, render_number(row, "index"));
    table_time(t, render_text(r, "at"));
    table_cell(t, render_text(r, "who"));
    table_cell(t, *role ? role : render_text(r, "kind"));
    table_cell(t, render_text(r, "what"));
    table_cell(t, render_text(r, "target"));
    if (left_out)
        table_cellf(t, "%s (+%" PRId64 ")", render_text(r, "result"), left_out);
    else
        table_cell(t, render_text(r, "result"));
    table_cell(t, *reason || wide ? reason : strcmp(render_text(r, "kind"), "request") == 0 ? "" : render_text(r, "text"));
    if (!wide)
        return;
    table_cell(t, render_text(r, "text"));
    change_cell(t, r);
    table_cell(t, render_text(r, "key"));
}

static void show(const json_t *rows, bool wide, bool no_headers)
{
    static const struct table_column columns[] = {
        {"INDEX", true, false}, {"TIME", false, false}, {"WHO", false, true}, {"ROLE", false, false}, {"WHAT", false, false},
        {"TARGET", false, true}, {"RESULT", false, false}, {"REASON", false, true}, {"TEXT", false, false}, {"CHANGE", false, false},
        {"KEY", false, false}};
    enum { NARROW = 7, ALL = sizeof columns / sizeof columns[0] };
    struct table *t = table_new(wide ? columns : columns + 1, wide ? ALL : NARROW, no_headers);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
        show_row(t, row, wide);
    table_print(t, "audit records");
}

/* An id is resolved here: in a query of the trail 0 means all, and one that was never given out is a slip, not a quiet backfill. */
static enum bf_rc resolve(struct session *s, const char *word, struct op_request *req, struct bf_error *err)
{
    ANSWER_AUTO struct answer a = {0};
    struct op_request get;
    client_request(&get, OP_GET);
    enum bf_rc rc = words_backfill(word, &get.backfill, err);
    if (rc == BF_OK)
        rc = session_query(s, &get, &a, err);
    return rc == BF_OK ? words_backfill(render_text(a.json, "id"), &req->backfill, err) : rc;
}

/* ---- what is recorded (docs/audit.md) ---- */

/* Beside the verbs of requests: what the coordinator decides, and what its process does. */
static const char *const decisions[] = {"stale report", "halt", "agent lost", "attempts fenced", "pool set", "pool kept",
                                        "breaker half-open", "breaker closed", "breaker settings", "low water", "room again", "restore",
                                        "old store", "epoch", "start", "end", "reload", "strangers refused", "timebox",
                                        "rerun"};
enum { N_DECISIONS = sizeof decisions / sizeof decisions[0] };

static bool is_recorded(const char *word, size_t n)
{
    for (int v = OP_CREATE; v <= OP_WHY_SUMMARY; v++) {             /* of a key without the role, or taken away, any of them */
        const char *verb = op_verb_name((enum op_verb)v);
        if (strlen(verb) == n && memcmp(verb, word, n) == 0 && strcmp(verb, "unknown") != 0)
            return true;
    }
    for (size_t i = 0; i < N_DECISIONS; i++)
        if (strlen(decisions[i]) == n && memcmp(decisions[i], word, n) == 0)
            return true;
    return false;
}

/* A word that nothing is recorded under would find nothing, and look like a quiet night. */
static enum bf_rc check_what(const char *what, struct bf_error *err)
{
    for (const char *w = what; *w;) {
        size_t n = strcspn(w, ",");
        if (!is_recorded(w, n)) {
            BF_CLEANUP(bf_buf_free) struct bf_buf known = {0};
            for (int v = OP_CREATE; v <= OP_ALERT_ACK; v++)
                if (strcmp(op_verb_name((enum op_verb)v), "unknown") != 0 && v != OP_POOL_SET)       /* decided, too: below */
                    bf_buf_printf(&known, "%s, ", op_verb_name((enum op_verb)v));
            for (size_t i = 0; i < N_DECISIONS; i++)
                bf_buf_printf(&known, "%s%s", decisions[i], i + 1 < N_DECISIONS ? ", " : "");
            return bf_fail(err, BF_USAGE, "--what: nothing is recorded as '%.*s'; known are %s", n > 60 ? 60 : (int)n, w,
                           bf_buf_cstr(&known));
        }
        w += n + (w[n] == ',');
    }
    return BF_OK;
}

static enum bf_rc list(struct ctl_call *call, struct op_request *req, uint64_t limit, enum ctl_output output)
{
    SESSION_AUTO struct session s = {0};
    bool more = false;
    json_t *rows = json_array();
    enum bf_rc rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK && call->n_words > 0)
        rc = resolve(&s, call->words[0], req, &call->err);
    if (rc == BF_OK)
        rc = fetch(&s, req, limit, rows, &more, &call->err);
    if (rc == BF_OK) {
        turn_round(rows);
        if (output == CTL_JSON)
            rc = render_json(rows, &call->err);
        else
            show(rows, output == CTL_WIDE, ctl_common(call)->no_headers);
    }
    if (rc == BF_OK && more)
        ctl_note("there are older ones; --limit shows more of them");
    json_decref(rows);
    return rc;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    enum ctl_output output;
    int64_t limit;
    struct op_request req;
    client_request(&req, OP_AUDIT);
    req.backward = true;
    req.who = v->who ? v->who : "";
    req.what = v->what ? v->what : "";
    enum bf_rc rc = ctl_output(&v->common, CTL_TABLE, CTL_TABLE | CTL_WIDE | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = check_what(req.what, &call->err);
    if (rc == BF_OK)
        rc = words_number("limit", v->limit, 50, 0, 10000000, &limit, &call->err);
    if (rc == BF_OK)
        rc = words_times(v->since, v->until, bf_realtime_us(), &req.since_us, &req.until_us, &call->err);
    if (rc == BF_OK) {
        ctl_note_times(req.since_us, req.until_us);
        rc = list(call, &req, (uint64_t)limit, output);
    }
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_audit = {
    .usage = "audit [ID|@latest] [--since TIME] [--until TIME] [--who NAME] [--what VERB,…] [--limit N] [-o table|wide|json] [options]",
    .about = "One record for each change that was asked for, carried out or refused, and for each decision of the coordinator\n"
             "that overrides another; newest last.  With an ID only those about that backfill.  ROLE is that of the key; where there\n"
             "was no key, the kind.\n"
             "(+N) behind the result: so many more like it were left out before.  Reading the trail needs role admin.",
    .examples = "  bfctl audit --since 2h\n"
                "  bfctl audit bf-3 --what cancel,retry -o wide\n  bfctl audit --who ada --since 2024-01-31 -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .max_words = 1, .run = run};
