/* bfctl plan history: the versions of a plan that backfills ran. */
#include <inttypes.h>
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/plan_load.h"
#include "bfctl/render.h"
#include "bfctl/view.h"

#define BACKFILLS_SHOWN 3u

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "table (default), wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct ctl_plain),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

/* Pages until one is empty: the coordinator ends a page early where plans are large. */
static enum bf_rc fetch(struct ctl_call *call, struct session *s, json_t *rows, struct bf_error *err)
{
    struct op_request req;
    client_request(&req, OP_PLAN_HISTORY);
    req.name = call->words[0];
    for (;;) {
        ANSWER_AUTO struct answer page = {0};
        req.page_offset = json_array_size(rows);
        enum bf_rc rc = session_query(s, &req, &page, err);
        if (rc == BF_OK && !json_is_array(page.json))
            rc = bf_fail(err, BF_PROTOCOL, "the coordinator answered 'plan_history' with no list");
        if (rc != BF_OK || json_array_size(page.json) == 0)
            return rc;
        json_array_extend(rows, page.json);
    }
}

static void put_ids(const json_t *row, size_t most, struct bf_buf *ret)
{
    const json_t *ids = json_object_get(row, "backfills");
    size_t i, n = (size_t)render_number(row, "n_backfills");
    json_t *id;
    json_array_foreach(ids, i, id)
        if (i < most)
            bf_buf_printf(ret, "%s%s", i ? " " : "", render_safe(json_string_value(id) ? json_string_value(id) : ""));
    size_t shown = json_array_size(ids) < most ? json_array_size(ids) : most;
    if (n > shown)
        bf_buf_printf(ret, " +%zu", n - shown);
}

static void put_backfills(const json_t *row, struct bf_buf *ret)
{
    put_ids(row, BACKFILLS_SHOWN, ret);
}

static void put_all_backfills(const json_t *row, struct bf_buf *ret)
{
    put_ids(row, SIZE_MAX, ret);
}

static void put_hash(const json_t *row, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%.*s", RENDER_HASH_CHARS, render_text(row, "hash"));
}

static void put_steps(const json_t *row, struct bf_buf *ret)
{
    const json_t *steps = json_object_get(row, "steps");
    if (json_is_integer(json_object_get(steps, "changed")))
        bf_buf_printf(ret, "+%" PRId64 " -%" PRId64 " ~%" PRId64, render_number(steps, "added"), render_number(steps, "removed"),
                      render_number(steps, "changed"));
}

/* A backfill that ran the version: what `plan show` and `plan diff` take. */
static void put_name(const json_t *row, struct bf_buf *ret)
{
    const char *id = json_string_value(json_array_get(json_object_get(row, "backfills"), 0));
    bf_buf_put_str(ret, id ? id : "");
}

static const struct view_column columns[] = {
    {.name = "VERSION", .key = "version", .kind = VIEW_NUMBER}, {.name = "HASH", .put = put_hash},
    {.name = "FIRST USED", .key = "first_used", .kind = VIEW_TIME}, {.name = "LAST USED", .key = "last_used", .kind = VIEW_TIME},
    {.name = "BACKFILLS", .put = put_backfills, .cut = true}, {.name = "STEPS", .put = put_steps}, {.name = "BY", .key = "by", .cut = true},
    {.name = "REASON", .key = "reason", .cut = true}, {.name = "WHOLE HASH", .key = "hash", .wide = true},
    {.name = "ALL BACKFILLS", .put = put_all_backfills, .wide = true}};
static const struct view view = {
    .what = "versions", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = put_name};

static int run(struct ctl_call *call)
{
    SESSION_AUTO struct session s = {0};
    enum ctl_output output;
    json_t *rows = json_array(), *row;
    size_t i;
    enum bf_rc rc = ctl_output(ctl_common(call), CTL_TABLE, CTL_TABLE | CTL_WIDE | CTL_JSON | CTL_NAME, &output, &call->err);
    if (rc == BF_OK)
        rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK)
        rc = fetch(call, &s, rows, &call->err);
    json_array_foreach(rows, i, row)
        if (rc == BF_OK)
            rc = plan_load_hash(ctl_common(call), &s, row, &call->err);
    if (rc == BF_OK && output == CTL_JSON)
        rc = render_json(rows, &call->err);
    else if (rc == BF_OK)
        view_print(&view, rows, output, ctl_common(call)->no_headers, NULL);
    json_decref(rows);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_plan_history = {
    .usage = "plan history NAME [-o table|wide|json|yaml|name] [options]",
    .about = "NAME is the name that a plan gives itself.  A version is a text of the plan that some backfill ran, newest first.  STEPS "
             "counts\nwhat changed against the version before: +added -removed ~changed.  `bfctl plan diff bf-1 bf-3` shows what it was.\n"
             "BY and REASON are those of the backfill that used the version first.",
    .examples = "  bfctl plan history orders-rebuild\n  bfctl plan history orders-rebuild -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run};
