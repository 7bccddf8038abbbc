/* bfctl pool show: one pool, and what governs it. */
#include <inttypes.h>
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/pool_chart.h"
#include "bfctl/query.h"
#include "bfctl/render.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "text (default) or json"),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

static void show(const struct ctl_call *call, enum ctl_output output, const json_t *document)
{
    (void)call;
    (void)output;
    struct bf_buf page = {0};
    const json_t *pool = json_array_get(document, 0);
    bf_buf_printf(&page, "pool       %s\nslots      %" PRId64 ", %" PRId64 " in use; set by %s\n", render_safe(render_text(pool, "name")),
                  render_number(pool, "slots"), render_number(pool, "used"), render_text(pool, "source"));
    pool_chart_put(json_object_get(pool, "throttle"), render_now_us() / 1000, &page);
    fputs(bf_buf_cstr(&page), stdout);
    bf_buf_free(&page);
}

static int run(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_POOLS);
    req.name = call->words[0];
    return query_run(call, &req, CTL_TEXT, CTL_TEXT, show);
}

const struct ctl_command cmd_pool_show = {
    .usage = "pool show NAME [-o text|json] [options]",
    .about = "The limit of a throttled pool, why it is what it is, its last moves and a chart of them.",
    .examples = "  bfctl pool show warehouse\n  bfctl pool show warehouse -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run};
