/* bfctl steps: step instances, page by page. */
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/listing.h"
#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/text.h"

struct values {
    struct ctl_common common;
    const char *state, *limit;
    bool watch;
};

static const struct bf_option options[] = {
    {"state", 0, BF_OPT_STRING, offsetof(struct values, state), "STATE", "only this state: waiting, ready, failed, …; or held, stale"},
    LISTING_OPTION_LIMIT(struct values, "1000 in a table, all in JSON"),
    LISTING_OPTION_WATCH(struct values),
    CTL_OPTION_OUTPUT(struct values, "table (default), wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* A duration of a row; nothing where it has none. */
static void put_ms(const json_t *o, const char *key, struct bf_buf *ret)
{
    char text[32];
    if (!json_is_integer(json_object_get(o, key)))
        return;
    bf_format_duration(render_number(o, key), text, sizeof text);
    bf_buf_put_str(ret, text);
}

static void put_size(const json_t *row, const char *key, struct bf_buf *ret)
{
    char text[32];
    const json_t *usage = json_object_get(row, "usage");
    if (!json_is_object(usage))
        return;
    bf_format_size((uint64_t)render_number(usage, key), text, sizeof text);
    bf_buf_put_str(ret, text);
}

static void put_state(const json_t *row, struct bf_buf *ret)
{
    const char *from = render_text(row, "reused_from");
    bool closing = *render_text(row, "closing_since") != 0, gone = strcmp(render_text(json_object_get(row, "failure"), "session"),
                                                                          "assumed_gone") == 0;
    bf_buf_printf(ret, "%s%s%s%s%s%s%s%s", render_text(row, "state"), json_is_true(json_object_get(row, "unheard")) ? ", unheard" : "",
                  closing ? ", session being ended" : "", gone ? ", session assumed gone" : "",
                  json_is_true(json_object_get(row, "held")) ? ", held" : "", json_is_true(json_object_get(row, "stale")) ? ", stale" : "",
                  *from ? ", of " : "", from);
}

static void put_took(const json_t *row, struct bf_buf *ret)
{
    put_ms(row, "duration_ms", ret);
}

static void put_cpu(const json_t *row, struct bf_buf *ret)
{
    put_ms(json_object_get(row, "usage"), "cpu_ms", ret);
}

static void put_memory(const json_t *row, struct bf_buf *ret)
{
    put_size(row, "peak_memory_bytes", ret);
}

static void put_read(const json_t *row, struct bf_buf *ret)
{
    put_size(row, "read_bytes", ret);
}

static void put_written(const json_t *row, struct bf_buf *ret)
{
    put_size(row, "written_bytes", ret);
}

static void put_class(const json_t *row, struct bf_buf *ret)
{
    bf_buf_put_str(ret, render_text(json_object_get(row, "failure"), "class"));
}

static void put_failure(const json_t *row, struct bf_buf *ret)
{
    bf_buf_put_str(ret, render_text(json_object_get(row, "failure"), "text"));
}

static const struct view_column columns[] = {
    {.name = "STEP", .key = "step", .cut = true}, {.name = "PARTITION", .key = "partition"},
    {.name = "STATE", .put = put_state, .kind = VIEW_STATE},
    {.name = "TRIES", .key = "attempts", .kind = VIEW_NUMBER}, {.name = "AGENT", .key = "agent", .cut = true},
    {.name = "TIME", .put = put_took, .kind = VIEW_RIGHT}, {.name = "RUN", .key = "run", .kind = VIEW_NUMBER, .wide = true},
    {.name = "ATTEMPT", .key = "attempt", .wide = true}, {.name = "STARTED", .key = "started_at", .kind = VIEW_TIME, .wide = true},
    {.name = "FINISHED", .key = "finished_at", .kind = VIEW_TIME, .wide = true}, {.name = "CLASS", .put = put_class, .wide = true},
    {.name = "CPU", .put = put_cpu, .kind = VIEW_RIGHT, .wide = true},
    {.name = "MEMORY", .put = put_memory, .kind = VIEW_RIGHT, .wide = true},
    {.name = "READ", .put = put_read, .kind = VIEW_RIGHT, .wide = true},
    {.name = "WRITTEN", .put = put_written, .kind = VIEW_RIGHT, .wide = true}, {.name = "FAILURE", .put = put_failure, .cut = true}};
static const struct view view = {
    .what = "steps", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = view_name_instance};

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, OP_STEPS);
    req.state = v->state ? v->state : "";
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_PAGES, .limit = v->limit, .watch = v->watch,
                        .table_limit = LISTING_TABLE_LIMIT};
    return listing_run_picked(call, &l);
}

static const struct ctl_gone gone[] = {
    {"step", "write the step as a selector behind the id, as in bfctl steps @latest load"},
    {"partition", "write it as a selector behind the id, as in bfctl steps @latest 'load[2024-01-31]', or '*[2024-01-31]' for all steps"}};

const struct ctl_command cmd_steps = {
    .usage = "steps ID|@latest [SELECTOR…] [--state STATE] [-w] [-o table|wide|json|yaml|name] [options]",
    .about = WORDS_SELECTORS_HELP,
    .examples = "  bfctl steps @latest --state failed\n  bfctl steps bf-3 load -o json\n"
                "  bfctl steps bf-3 '+revenue[2024-01-01..2024-01-07]' tag:finance",
    .gone = gone, .n_gone = sizeof gone / sizeof gone[0],
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
