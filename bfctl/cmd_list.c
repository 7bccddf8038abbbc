/* bfctl backfill list: newest first. */
#include <inttypes.h>
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/progress.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "bfctl/words.h"

struct values {
    struct ctl_common common;
    const char *limit;
};

static const struct bf_option options[] = {
    {"limit", 0, BF_OPT_STRING, offsetof(struct values, limit), "N", "at most so many (default 100; 0: all)"},
    CTL_OPTION_OUTPUT(struct values, "table (default), json or name"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static void show_table(const json_t *list, bool no_headers)
{
    static const struct table_column columns[] = {{"ID", false, false}, {"NAME", false, true}, {"STATE", false, false},
                                                  {"DONE", true, false}, {"FAILED", true, false}, {"FROM", false, false},
                                                  {"TO", false, false}, {"CREATED", false, false}, {"BY", false, true}};
    struct table *t = table_new(columns, sizeof columns / sizeof columns[0], no_headers);
    size_t i;
    json_t *b;
    json_array_foreach(list, i, b) {
        struct progress_counts c;
        progress_counts(json_object_get(b, "steps"), &c);
        table_row(t);
        table_cell(t, render_text(b, "id"));
        table_cell(t, render_text(b, "name"));
        if (*render_text(b, "queued_behind"))
            table_cellf(t, "%s behind %s", render_safe(render_text(b, "state")), render_safe(render_text(b, "queued_behind")));
        else
            table_cell(t, render_text(b, "state"));
        table_cellf(t, "%" PRId64 "/%" PRId64, progress_done(&c), c.total);
        table_cellf(t, "%" PRId64, c.failed);
        table_cell(t, render_text(b, "from"));
        table_cell(t, render_text(b, "to"));
        table_time(t, render_text(b, "created_at"));
        table_cell(t, render_text(b, "by"));
    }
    table_print(t, "backfills");
}

static enum bf_rc list(struct ctl_call *call, uint64_t limit, enum ctl_output output)
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    struct op_request req;
    bool more = false;
    client_request(&req, OP_LIST);
    enum bf_rc rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK)
        rc = session_query_pages(&s, &req, limit, &a, &more, &call->err);
    if (rc != BF_OK)
        return rc;
    size_t i;
    json_t *b;
    if (output == CTL_JSON)
        rc = render_json(a.json, &call->err);
    else if (output == CTL_TABLE)
        show_table(a.json, ctl_common(call)->no_headers);
    else
        json_array_foreach(a.json, i, b)
            puts(render_text(b, "id"));
    if (more)
        ctl_note("there are more than %llu; --limit shows more of them", (unsigned long long)limit);
    return rc;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    enum ctl_output output;
    int64_t limit;
    enum bf_rc rc = ctl_output(&v->common, CTL_TABLE, CTL_TABLE | CTL_JSON | CTL_NAME, &output, &call->err);
    if (rc == BF_OK)
        rc = words_number("limit", v->limit, 100, 0, 10000000, &limit, &call->err);
    if (rc == BF_OK)
        rc = list(call, (uint64_t)limit, output);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_list = {
    .usage = "backfill list [--limit N] [-o table|json|name] [options]",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values), .run = run};
