/* bfctl why: every blocker of a step instance, in order, and when it is expected to clear. */
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/page.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "bfctl/view.h"
#include "common/mem.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "text (default), json or name"),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

static void show(const struct ctl_call *call, enum ctl_output output, const json_t *why)
{
    (void)call;
    if (output != CTL_NAME) {
        page_why(why);
        return;
    }
    BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
    view_name_instance(why, &name);
    puts(render_safe(bf_buf_cstr(&name)));
}

static int run(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_WHY);
    if (words_backfill(call->words[0], &req.backfill, &call->err) != BF_OK ||
        words_selectors(call->words + 1, 1, &req, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return query_run(call, &req, CTL_TEXT, CTL_TEXT | CTL_TABLE | CTL_NAME, show);
}

const struct ctl_command cmd_why = {
    .usage = "why ID|@latest SELECTOR [-o text|json|yaml|name] [options]",
    .about = "The selector picks one step instance: STEP[PARTITION], or STEP where the step has no partitions.",
    .examples = "  bfctl why @latest 'revenue[2024-01-31]'",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 2, .max_words = 2, .run = run};
