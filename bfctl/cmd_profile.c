/* bfctl profile: what each version of a step usually takes, over all backfills. */
#include <inttypes.h>

#include "bfctl/commands.h"
#include "bfctl/listing.h"
#include "bfctl/render.h"
#include "common/text.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "table (default), wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct ctl_plain),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

typedef void put_value(int64_t value, struct bf_buf *ret);

/* Microseconds. */
static void put_duration(int64_t us, struct bf_buf *ret)
{
    char text[32];
    bf_format_duration(us / 1000, text, sizeof text);
    bf_buf_put_str(ret, text);
}

/* "1s/2s/5s/7s"; nothing where nobody measured. */
static void put_quantiles(const json_t *row, const char *key, put_value *put, struct bf_buf *ret)
{
    static const char *const names[] = {"p50", "p80", "p95", "max"};
    const json_t *q = json_object_get(row, key);
    for (size_t i = 0; json_is_object(q) && i < sizeof names / sizeof *names; i++) {
        bf_buf_put_str(ret, i ? "/" : "");
        put(render_number(q, names[i]), ret);
    }
}

static void put_time(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "duration_us", put_duration, ret); }
static void put_cpu(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "cpu_us", put_duration, ret); }
static void put_memory(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "peak_memory_bytes", render_put_size, ret); }
static void put_read(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "read_bytes", render_put_size, ret); }
static void put_written(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "written_bytes", render_put_size, ret); }
static void put_rows(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "rows", render_put_count, ret); }

static void put_version(const json_t *row, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%.*s", RENDER_HASH_CHARS, render_text(row, "version"));
}

static void put_step(const json_t *row, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%s.%s", render_text(row, "plan"), render_text(row, "step"));
}

static const struct view_column columns[] = {
    {.name = "PLAN", .key = "plan", .cut = true}, {.name = "STEP", .key = "step", .cut = true}, {.name = "VERSION", .put = put_version},
    {.name = "N", .key = "attempts", .kind = VIEW_NUMBER}, {.name = "TIME p50/p80/p95/max", .put = put_time, .kind = VIEW_RIGHT},
    {.name = "CPU", .put = put_cpu, .kind = VIEW_RIGHT}, {.name = "MEMORY", .put = put_memory, .kind = VIEW_RIGHT},
    {.name = "READ", .put = put_read, .kind = VIEW_RIGHT, .wide = true},
    {.name = "WRITTEN", .put = put_written, .kind = VIEW_RIGHT, .wide = true}, {.name = "ROWS", .put = put_rows, .kind = VIEW_RIGHT},
    {.name = "LAST", .key = "last_at", .kind = VIEW_TIME, .wide = true}, {.name = "IN", .key = "last_backfill", .wide = true}};
static const struct view view = {.what = "profiles", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = put_step};

static int run(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_PROFILE);
    req.name = call->n_words > 0 ? call->words[0] : "";
    const char *const step[] = {call->n_words > 1 ? call->words[1] : ""};
    req.selectors = step;
    req.n_selectors = call->n_words > 1;
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_WALK};
    return listing_run(call, &l);
}

const struct ctl_command cmd_profile = {
    .usage = "profile [NAME [STEP]] [-o table|wide|json|yaml|name] [options]",
    .about = "NAME is of a plan.  Successful attempts of all backfills, by version of each step: the version begins anew when the step is\n"
             "changed.  Median, 80th and 95th percentile, each within 1.6 % of the true one, and most.  From 5 attempts on a profile is\n"
             "what the step is held against; before, expect.duration is.",
    .examples = "  bfctl profile orders-rebuild\n  bfctl profile orders-rebuild revenue -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 0, .max_words = 2, .run = run};
