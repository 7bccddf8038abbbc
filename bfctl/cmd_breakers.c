/* bfctl breakers: what is open, why, until when, and what waits for it.  bfctl breaker trip, open, close: by hand. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/listing.h"
#include "bfctl/query.h"
#include "bfctl/render.h"

struct values {
    struct ctl_common common;
    bool watch, all;
};

static const struct bf_option list_options[] = {
    {"all", 0, BF_OPT_FLAG, offsetof(struct values, all), NULL, "also those that are closed and have heard of no attempt lately"},
    LISTING_OPTION_WATCH(struct values),
    CTL_OPTION_OUTPUT(struct values, "table (default), wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static const struct bf_option change_options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "text (default), json or name"),
    CTL_OPTION_REASON(struct ctl_plain),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

/* ---- the list ---- */

static bool is_closed(const json_t *row)
{
    return strcmp(render_text(row, "state"), "closed") == 0;
}

/* "3/20": of its window now, or of that which opened it. */
static void put_part(const json_t *row, const char *key, struct bf_buf *ret)
{
    const json_t *counts = json_object_get(row, is_closed(row) ? "window" : "opened_by");
    if (json_is_object(counts))
        bf_buf_printf(ret, "%" PRId64 "/%" PRId64, render_number(counts, key), render_number(counts, "calls"));
    else
        bf_buf_put_str(ret, "-");
}

static void put_failed(const json_t *row, struct bf_buf *ret)
{
    put_part(row, "failures", ret);
}

static void put_slow(const json_t *row, struct bf_buf *ret)
{
    put_part(row, "slow", ret);
}

static void put_until(const json_t *row, struct bf_buf *ret)
{
    char at[RENDER_TIME_MAX];
    if (json_is_true(json_object_get(row, "held_open")))
        bf_buf_put_str(ret, "closed by hand");
    else if (json_is_string(json_object_get(row, "half_opens_at")))
        bf_buf_put_str(ret, render_time(render_text(row, "half_opens_at"), at));
    else
        bf_buf_put_str(ret, "-");
}

static void put_why(const json_t *row, struct bf_buf *ret)
{
    const char *by = render_text(row, "by"), *reason = render_text(row, "reason");
    if (*by)
        bf_buf_printf(ret, "%s%s%s", by, *reason ? ": " : "", reason);
    else
        bf_buf_put_str(ret, render_text(row, "cause"));
}

static const struct view_column columns[] = {
    {.name = "NAME", .key = "name"}, {.name = "STATE", .key = "state", .kind = VIEW_STATE},
    {.name = "FAILED", .put = put_failed, .kind = VIEW_RIGHT}, {.name = "SLOW", .put = put_slow, .kind = VIEW_RIGHT, .wide = true},
    {.name = "HOLDS", .key = "holds", .kind = VIEW_NUMBER}, {.name = "SINCE", .key = "since", .kind = VIEW_TIME},
    {.name = "UNTIL", .put = put_until}, {.name = "PROBES", .key = "probes", .kind = VIEW_NUMBER, .wide = true},
    {.name = "SET BY", .key = "set_by", .wide = true}, {.name = "WHY", .put = put_why, .cut = true}};
static const struct view view = {
    .what = "breakers", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = view_name_name};

static int run_list(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, OP_BREAKERS);
    if (call->n_words == 1)
        req.name = call->words[0];
    req.state = v->all || call->n_words > 0 ? "all" : "";
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_PAGES, .watch = v->watch, .names = call->words,
                        .n_names = call->n_words};
    return listing_run(call, &l);
}

/* ---- by hand ---- */

static int change(struct ctl_call *call, enum op_verb verb)
{
    struct op_request req;
    enum breaker_kind kind;
    const char *name;
    client_request(&req, verb);
    if (breaker_name_parse(call->words[0], &kind, &name, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    req.name = call->words[0];
    return query_change(call, &req);
}

static int run_trip(struct ctl_call *call)
{
    return change(call, OP_BREAKER_TRIP);
}

static int run_open(struct ctl_call *call)
{
    return change(call, OP_BREAKER_OPEN);
}

static int run_close(struct ctl_call *call)
{
    return change(call, OP_BREAKER_CLOSE);
}

#define CHANGE .options = change_options, .n_options = sizeof change_options / sizeof change_options[0], \
               .values_bytes = sizeof(struct ctl_plain), .min_words = 1, .max_words = 1

const struct ctl_command cmd_breakers = {
    .usage = "breakers [BREAKER…] [--all] [-w] [-o table|wide|json|yaml|name] [options]",
    .about = "Those that are not closed, and those that attempts have been voting on; with --all every one.  HOLDS is how many ready step\n"
             "instances wait for it; of an agent's, those that no other agent may be given.  A name is KIND/NAME, as in\n"
             "connection/warehouse or step/PLAN.STEP (step/PLAN/STEP where the plan's name has a dot); with one the document is\n"
             "the breaker itself, not a list.",
    .examples = "  bfctl breakers\n  bfctl breakers connection/warehouse -o yaml",
    .options = list_options, .n_options = sizeof list_options / sizeof list_options[0], .values_bytes = sizeof(struct values),
    .max_words = CTL_WORDS_MAX, .run = run_list};

const struct ctl_command cmd_breaker_trip = {
    .usage = "breaker trip BREAKER [--reason TEXT] [options]",
    .about = "As if it had opened by itself: after its time it lets attempts through, and closes when they go well.",
    .examples = "  bfctl breaker trip connection/warehouse --reason \"failing over\"",
    CHANGE, .run = run_trip};

const struct ctl_command cmd_breaker_open = {
    .usage = "breaker open BREAKER [--reason TEXT] [options]",
    .about = "What draws on it, and what is downstream of that, is held until `bfctl breaker close`.  What runs goes on.",
    .examples = "  bfctl breaker open dataset/mart.revenue --reason \"finance is looking at it\"",
    CHANGE, .run = run_open};

const struct ctl_command cmd_breaker_close = {
    .usage = "breaker close BREAKER [--reason TEXT] [options]",
    .about = "Attempts go through again, and what was counted before is forgotten.",
    .examples = "  bfctl breaker close connection/warehouse --reason \"the server is back\"",
    CHANGE, .run = run_close};
