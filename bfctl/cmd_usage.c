/* bfctl usage: what attempts used, step by step, against what their steps asked for. */
#include <inttypes.h>
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/listing.h"
#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/text.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "table (default), wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct ctl_plain),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

typedef void put_value(int64_t value, struct bf_buf *ret);

static void put_duration(int64_t ms, struct bf_buf *ret)
{
    char text[32];
    bf_format_duration(ms, text, sizeof text);
    bf_buf_put_str(ret, text);
}

static void put_milli(int64_t milli, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%" PRId64 ".%02" PRId64, milli / 1000, milli % 1000 / 10);
}

/* "1s/2s/5s", and behind it " of " what was asked for, where something was. */
static void put_quantiles(const json_t *row, const char *key, const char *asked, put_value *put, struct bf_buf *ret)
{
    static const char *const names[] = {"p50", "p95", "max"};
    const json_t *q = json_object_get(row, key);
    int64_t limit = asked ? render_number(json_object_get(row, "asked"), asked) : 0;
    for (size_t i = 0; json_is_object(q) && i < sizeof names / sizeof *names; i++) {
        bf_buf_put_str(ret, i ? "/" : "");
        put(render_number(q, names[i]), ret);
    }
    if (limit > 0) {
        bf_buf_put_str(ret, ret->len ? " of " : "- of ");
        put(limit, ret);
    }
}

static void put_time(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "duration_ms", NULL, put_duration, ret); }
static void put_cpu(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "cpu_ms", NULL, put_duration, ret); }
static void put_cpus(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "processors_milli", "cpu_milli", put_milli, ret); }
static void put_memory(const json_t *row, struct bf_buf *ret)
{
    put_quantiles(row, "peak_memory_bytes", "memory_bytes", render_put_size, ret);
}

static void put_io(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "io_bytes_s", "io_bytes_s", render_put_size, ret); }
static void put_read(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "read_bytes", NULL, render_put_size, ret); }
static void put_written(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "written_bytes", NULL, render_put_size, ret); }
static void put_pids(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "peak_pids", NULL, render_put_count, ret); }
static void put_throttled(const json_t *row, struct bf_buf *ret) { put_quantiles(row, "throttled_ms", NULL, put_duration, ret); }

/* "120", "97 of 120", "4000 of 1000000 (a sample)" */
static void put_measured(const json_t *row, struct bf_buf *ret)
{
    int64_t measured = render_number(row, "measured"), of = render_number(row, "instances");
    bf_buf_printf(ret, "%" PRId64, measured);
    if (measured != of)
        bf_buf_printf(ret, " of %" PRId64, of);
    if (json_is_true(json_object_get(row, "sampled")))
        bf_buf_put_str(ret, " (a sample)");
}

/* "memory 3, pids 1": attempts that ran into their limit. */
static void put_hits(const json_t *row, struct bf_buf *ret)
{
    const char *key;
    json_t *n;
    json_object_foreach(json_object_get(row, "limits_hit"), key, n)
        if (json_integer_value(n) > 0)
            bf_buf_printf(ret, "%s%s %" PRId64, ret->len ? ", " : "", key, (int64_t)json_integer_value(n));
}

static void put_step(const json_t *row, struct bf_buf *ret) { bf_buf_put_str(ret, render_text(row, "step")); }

static const struct view_column columns[] = {
    {.name = "STEP", .key = "step", .cut = true}, {.name = "N", .put = put_measured, .kind = VIEW_RIGHT},
    {.name = "TIME p50/p95/max", .put = put_time, .kind = VIEW_RIGHT}, {.name = "CPU", .put = put_cpu, .kind = VIEW_RIGHT},
    {.name = "CPUS", .put = put_cpus, .kind = VIEW_RIGHT}, {.name = "MEMORY", .put = put_memory, .kind = VIEW_RIGHT},
    {.name = "IO A SECOND", .put = put_io, .kind = VIEW_RIGHT}, {.name = "READ", .put = put_read, .kind = VIEW_RIGHT, .wide = true},
    {.name = "WRITTEN", .put = put_written, .kind = VIEW_RIGHT, .wide = true},
    {.name = "PROCESSES", .put = put_pids, .kind = VIEW_RIGHT, .wide = true},
    {.name = "THROTTLED", .put = put_throttled, .kind = VIEW_RIGHT, .wide = true}, {.name = "LIMITS HIT", .put = put_hits}};
static const struct view view = {.what = "steps", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = put_step};

static int run(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_USAGE);
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_WALK};
    return listing_run_picked(call, &l);
}

const struct ctl_command cmd_usage = {
    .usage = "usage ID|@latest [SELECTOR…] [-o table|wide|json|yaml|name] [options]",
    .about = WORDS_SELECTORS_HELP "\n"
             "By step, of the newest attempt of each instance: median, 95th percentile and most.  CPUS is processor time over time; IO A\n"
             "SECOND is the larger of what was read and written; \"of\" is what the step asks for.  Of a step with more than 4,096\n"
             "instances evenly spaced ones are taken.",
    .examples = "  bfctl usage @latest\n  bfctl usage bf-3 revenue -o wide",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
