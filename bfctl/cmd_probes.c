/* bfctl probes: how the warehouses are, as their users would find them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/listing.h"
#include "bfctl/render.h"
#include "common/text.h"

struct values {
    struct ctl_common common;
    const char *limit;
    bool watch;
};

static const struct bf_option options[] = {
    LISTING_OPTION_WATCH(struct values),
    CTL_OPTION_OUTPUT(struct values, "table (default), wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* "123.4 ms", or "12.5"; "-" where there is none. */
static void put_amount(const json_t *row, const char *key, struct bf_buf *ret)
{
    const json_t *v = json_object_get(row, key);
    const char *unit = render_text(row, "unit");
    if (json_is_number(v))
        bf_buf_printf(ret, "%.*f%s%s", *unit && json_number_value(v) >= 100 ? 0 : 1, json_number_value(v), *unit ? " " : "", unit);
    else
        bf_buf_put_str(ret, "-");
}

static void put_value(const json_t *row, struct bf_buf *ret) { put_amount(row, "value", ret); }
static void put_target(const json_t *row, struct bf_buf *ret) { put_amount(row, "target", ret); }
static void put_limit(const json_t *row, struct bf_buf *ret) { put_amount(row, "limit", ret); }
static void put_p50(const json_t *row, struct bf_buf *ret) { put_amount(row, "p50", ret); }
static void put_p95(const json_t *row, struct bf_buf *ret) { put_amount(row, "p95", ret); }

static void put_ms(const json_t *row, const char *key, struct bf_buf *ret)
{
    char text[32] = "-";
    if (json_is_integer(json_object_get(row, key)))
        bf_format_duration(render_number(row, key), text, sizeof text);
    bf_buf_put_str(ret, text);
}

static void put_age(const json_t *row, struct bf_buf *ret) { put_ms(row, "age_ms", ret); }
static void put_every(const json_t *row, struct bf_buf *ret) { put_ms(row, "every_ms", ret); }

static void put_count(const json_t *row, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%" PRId64 "+%" PRId64, render_number(row, "readable"), render_number(row, "unreadable"));
}

static const struct view_column columns[] = {
    {.name = "CONNECTION", .key = "name"}, {.name = "AGENT", .key = "agent"}, {.name = "STATE", .key = "state", .kind = VIEW_STATE},
    {.name = "LAST", .put = put_value, .kind = VIEW_RIGHT}, {.name = "TARGET", .put = put_target, .kind = VIEW_RIGHT},
    {.name = "LIMIT", .put = put_limit, .kind = VIEW_RIGHT}, {.name = "AGE", .put = put_age, .kind = VIEW_RIGHT},
    {.name = "P50", .put = put_p50, .kind = VIEW_RIGHT}, {.name = "P95", .put = put_p95, .kind = VIEW_RIGHT},
    {.name = "KIND", .key = "kind", .wide = true}, {.name = "MEASURE", .key = "measure", .wide = true},
    {.name = "EVERY", .put = put_every, .kind = VIEW_RIGHT, .wide = true},
    {.name = "READ+UNREADABLE", .put = put_count, .kind = VIEW_RIGHT, .wide = true}, {.name = "BACKFILL", .key = "backfill", .wide = true},
    {.name = "WHY", .key = "why", .cut = true}};
static const struct view view = {
    .what = "probes", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = view_name_name};

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, OP_PROBES);
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_PAGES, .watch = v->watch, .names = call->words,
                        .n_names = call->n_words};
    return listing_run(call, &l);
}

const struct ctl_command cmd_probes = {
    .usage = "probes [CONNECTION…] [-w] [-o table|wide|json|yaml|name] [options]",
    .about = "Connections with a `probe` in the plan of a backfill that runs: the agent that probes, its last reading against the target\n"
             "and the limit, how old that is, the percentiles of the last 5 minutes, and why a reading is unreadable.\n"
             "With one name the document is the probe itself, not a list.",
    .examples = "  bfctl probes\n  bfctl probes warehouse -w",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .max_words = CTL_WORDS_MAX, .run = run};
