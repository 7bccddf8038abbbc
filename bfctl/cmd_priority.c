/* bfctl priority: which steps of a backfill go first, while it runs.  A dry run is a question; without it this is one change. */
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "bfctl/view.h"
#include "plan/selector.h"

struct values {
    struct ctl_common common;
    bool dry_run;
};

static const struct bf_option options[] = {
    {"dry-run", 0, BF_OPT_FLAG, offsetof(struct values, dry_run), NULL, "list the steps with their class before and after, change nothing"},
    CTL_OPTION_OUTPUT(struct values, "text (default), json or name; with --dry-run table, json or name"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTION_REASON(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static bool changes(const json_t *row)
{
    return strcmp(render_text(row, "before"), render_text(row, "after")) != 0;
}

static void put_step(const json_t *row, struct bf_buf *ret)
{
    bf_buf_put_str(ret, render_text(row, "step"));
}

static const struct view_column columns[] = {
    {.name = "STEP", .key = "step", .cut = true}, {.name = "BEFORE", .key = "before"}, {.name = "AFTER", .key = "after"},
    {.name = "PLAN", .key = "plan"}};
static const struct view view = {.what = "steps", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = put_step};

static void show(const json_t *rows, enum ctl_output output, bool no_headers)
{
    size_t i, n = 0;
    json_t *r;
    json_array_foreach((json_t *)rows, i, r)
        n += changes(r);
    view_print(&view, rows, output, no_headers, NULL);
    ctl_note("a dry run: nothing was changed; %zu of %zu steps would be", n, json_array_size(rows));
}

static int dry_run(struct ctl_call *call, struct op_request *req)
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    enum ctl_output output;
    bool more = false;
    req->dry_run = true;
    enum bf_rc rc = ctl_output(ctl_common(call), CTL_TABLE, CTL_TABLE | CTL_JSON | CTL_NAME, &output, &call->err);
    if (rc == BF_OK)
        rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK)
        rc = session_query_pages(&s, req, 0, &a, &more, &call->err);
    if (rc == BF_OK && output == CTL_JSON)
        rc = render_json(a.json, &call->err);
    else if (rc == BF_OK)
        show(a.json, output, ctl_common(call)->no_headers);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, OP_PRIORITY);
    enum bf_rc rc = words_backfill(call->words[0], &req.backfill, &call->err);
    if (rc == BF_OK)
        rc = words_priority(call->words[1], &req.priority, &call->err);
    if (rc == BF_OK)
        rc = words_selectors(call->words + 2, call->n_words - 2, &req, &call->err);
    for (size_t i = 0; rc == BF_OK && i < req.n_selectors; i++)
        rc = plan_selector_check_whole(req.selectors[i], "a priority class", &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    return v->dry_run ? dry_run(call, &req) : query_change(call, &req);
}

const struct ctl_command cmd_priority = {
    .usage = "priority ID|@latest CLASS [SELECTOR…] [--dry-run] [--reason TEXT] [-o json] [options]",
    .about = "CLASS is critical, high, normal or low.  Of the steps that are ready, a higher class is started first; what runs goes on.\n"
             "A selector picks whole steps: load, tag:finance, 'stg_*'; +load with everything upstream, load+ downstream.  Several pick\n"
             "what any of them picks; none picks every step.  The plan stays as it is: the class is of this backfill.",
    .examples = "  bfctl priority @latest critical +revenue --reason \"the month end close waits for it\"\n"
                "  bfctl priority bf-3 low tag:nightly --dry-run\n"
                "  bfctl priority bf-3 normal",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 2, .max_words = CTL_WORDS_MAX, .run = run};
