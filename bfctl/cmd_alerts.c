/* bfctl alerts: what fires, the newest first.  bfctl alerts ack: that somebody has taken one on. */
#include <inttypes.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/listing.h"
#include "bfctl/query.h"
#include "bfctl/render.h"

struct values {
    struct ctl_common common;
    const char *limit, *owner;
    bool watch, all;
};

static const struct bf_option list_options[] = {
    {"all", 'a', BF_OPT_FLAG, offsetof(struct values, all), NULL, "pending ones too, those that follow from others, and resolved ones"},
    {"owner", 0, BF_OPT_STRING, offsetof(struct values, owner), "NAME", "only those of this owner"},
    LISTING_OPTION_LIMIT(struct values, "100"),
    LISTING_OPTION_WATCH(struct values),
    CTL_OPTION_OUTPUT(struct values, "table (default), wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static const struct bf_option ack_options[] = {
    CTL_OPTION_OUTPUT(struct values, "text (default), json or name"), CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTION_REASON(struct values), CTL_OPTIONS_SERVER(struct values), CTL_OPTION_HELP(struct values)};

/* "firing", "firing, acked by nora", "firing, follows al-3" */
static void put_state(const json_t *row, struct bf_buf *ret)
{
    const char *acked = render_text(row, "acked_by"), *cause = render_text(row, "inhibited_by");
    bf_buf_put_str(ret, render_text(row, "state"));
    if (*acked)
        bf_buf_printf(ret, ", acked by %s", acked);
    if (*cause)
        bf_buf_printf(ret, ", follows %s", cause);
}

static void put_held(const json_t *row, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%" PRId64, render_number(json_object_get(row, "downstream"), "held"));
}

static void put_exposure(const json_t *row, struct bf_buf *ret)
{
    bf_buf_put_str(ret, render_text(json_object_get(row, "downstream"), "exposure"));
}

static const struct view_column columns[] = {
    {.name = "ID", .key = "id"}, {.name = "SEVERITY", .key = "severity"}, {.name = "STATE", .put = put_state},
    {.name = "KIND", .key = "kind", .wide = true}, {.name = "SINCE", .key = "since", .kind = VIEW_TIME},
    {.name = "OWNER", .key = "owner", .cut = true}, {.name = "COUNT", .key = "count", .kind = VIEW_NUMBER},
    {.name = "HELD", .put = put_held, .kind = VIEW_RIGHT, .wide = true}, {.name = "EXPOSURE", .put = put_exposure, .wide = true},
    {.name = "WHAT", .key = "summary", .cut = true}, {.name = "CONTACT", .key = "contact", .wide = true},
    {.name = "TO DO", .key = "todo", .wide = true}};
static const struct view view = {
    .what = "alerts", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = view_name_id};

static void say_todo(const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
        if (*render_text(row, "todo") && i < 5)
            ctl_note("%s: %s", render_safe(render_text(row, "id")), render_safe(render_text(row, "todo")));
}

static int run_list(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, OP_ALERTS);
    req.state = v->all || call->n_words > 0 ? "all" : "";
    req.name = v->owner ? v->owner : "";
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_PAGES, .limit = v->limit, .watch = v->watch, .table_limit = 100,
                        .json_limit = 100, .names = call->words, .n_names = call->n_words, .after = say_todo};
    return listing_run(call, &l);
}

static int run_ack(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_ALERT_ACK);
    req.name = call->words[0];
    return query_change(call, &req);
}

const struct ctl_command cmd_alerts = {
    .usage = "alerts [ID…] [--all] [--owner NAME] [--limit N] [-w] [-o table|wide|json|yaml|name] [options]",
    .about = "Without --all: those that fire, and follow from no other.  What to do about the first ones comes after the table, on\n"
             "standard error.  With ids those, whatever their state; with one id the\n"
             "document is the alert itself, not a list.",
    .examples = "  bfctl alerts\n  bfctl alerts --owner analytics-eng -o wide\n  bfctl alerts --all -w",
    .options = list_options, .n_options = sizeof list_options / sizeof list_options[0], .values_bytes = sizeof(struct values),
    .max_words = CTL_WORDS_MAX, .run = run_list};

const struct ctl_command cmd_alerts_ack = {
    .usage = "alerts ack ID [--reason TEXT] [-o text|json|name] [options]",
    .about = "Says that somebody has taken it on.  It is told again only when it grows worse; it ends when its cause does.",
    .examples = "  bfctl alerts ack al-12 --reason 'the source is being mended, INC-4711'",
    .options = ack_options, .n_options = sizeof ack_options / sizeof ack_options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run_ack};
