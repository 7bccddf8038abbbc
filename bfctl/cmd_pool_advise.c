/* bfctl pool advise: what steps would better ask for, from what their attempts used. */
#include <inttypes.h>
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/listing.h"
#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/text.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "table (default), json or name"),
    CTL_OPTION_NO_HEADERS(struct ctl_plain),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

static void put_milli(int64_t milli, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%" PRId64 ".%02" PRId64, milli / 1000, milli % 1000 / 10);
}

/* "0.95/0.99 of 2.00": the 95th percentile, the most, and what was asked for. */
static void put_seen(const json_t *row, const char *key, const char *asked, void (*put)(int64_t, struct bf_buf *), struct bf_buf *ret)
{
    const json_t *q = json_object_get(row, key);
    int64_t limit = render_number(json_object_get(row, "asked"), asked);
    if (json_is_object(q)) {
        put(render_number(q, "p95"), ret);
        bf_buf_put_str(ret, "/");
        put(render_number(q, "max"), ret);
    }
    if (limit > 0) {
        bf_buf_put_str(ret, ret->len ? " of " : "- of ");
        put(limit, ret);
    }
}

static void put_cpus(const json_t *row, struct bf_buf *ret) { put_seen(row, "processors_milli", "cpu_milli", put_milli, ret); }
static void put_memory(const json_t *row, struct bf_buf *ret) { put_seen(row, "peak_memory_bytes", "memory_bytes", render_put_size, ret); }
static void put_io(const json_t *row, struct bf_buf *ret) { put_seen(row, "io_bytes_s", "io_bytes_s", render_put_size, ret); }
static void put_measured(const json_t *row, struct bf_buf *ret) { bf_buf_printf(ret, "%" PRId64, render_number(row, "measured")); }
static void put_step(const json_t *row, struct bf_buf *ret) { bf_buf_put_str(ret, render_text(row, "step")); }

static void put_advice(const json_t *row, struct bf_buf *ret)
{
    const json_t *advice = json_object_get(row, "advice");
    bf_buf_put_str(ret, json_is_object(advice) ? render_text(advice, "resources") : "too few were measured");
}

static const struct view_column columns[] = {
    {.name = "STEP", .key = "step", .cut = true}, {.name = "N", .put = put_measured, .kind = VIEW_RIGHT},
    {.name = "CPUS p95/max", .put = put_cpus, .kind = VIEW_RIGHT}, {.name = "MEMORY", .put = put_memory, .kind = VIEW_RIGHT},
    {.name = "IO A SECOND", .put = put_io, .kind = VIEW_RIGHT}, {.name = "ADVICE", .put = put_advice}};
static const struct view view = {.what = "steps", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = put_step};

static int run(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_USAGE);
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_WALK};
    return listing_run_picked(call, &l);
}

const struct ctl_command cmd_pool_advise = {
    .usage = "pool advise ID|@latest [SELECTOR…] [-o table|json|yaml|name] [options]",
    .about = WORDS_SELECTORS_HELP "\n"
             "By step: what attempts used at the 95th percentile and at most, what the step asks for, and a line for the plan.  It\n"
             "has the 95th percentile of processors and disk traffic, and the most memory and a tenth; where attempts were held to\n"
             "their limit, at least half as much again.  At least five measured instances are needed.  Nothing is changed.",
    .examples = "  bfctl pool advise @latest\n  bfctl pool advise bf-3 revenue -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
