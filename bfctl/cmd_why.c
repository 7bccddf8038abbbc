/* bfctl why: every blocker of a step instance, in order, and when it is expected to clear; or every cause of a whole backfill. */
#include <stddef.h>
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/page.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "bfctl/view.h"
#include "common/mem.h"

struct values { struct ctl_common common; bool summary; };

static const struct bf_option options[] = {
    {"summary", 0, BF_OPT_FLAG, offsetof(struct values, summary), NULL, "of the whole backfill: every cause, and how much it holds"},
    CTL_OPTION_OUTPUT(struct values, "text (default), json or name"),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

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

static void show_summary(const struct ctl_call *call, enum ctl_output output, const json_t *summary)
{
    (void)call;
    (void)output;
    page_why_summary(summary);
}

static int run_summary(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_WHY_SUMMARY);
    if (call->n_words > 1)
        return ctl_fail(BF_USAGE, "--summary is about the whole backfill: leave out the selector, or leave out --summary");
    if (words_backfill(call->words[0], &req.backfill, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return query_run(call, &req, CTL_TEXT, CTL_TEXT | CTL_TABLE, show_summary);
}

static int run(struct ctl_call *call)
{
    struct op_request req;
    const struct values *values = call->values;
    if (values->summary)
        return run_summary(call);
    if (call->n_words < 2)
        return ctl_fail(BF_USAGE, "which step instance?  Name it, as in bfctl why %s 'STEP[PARTITION]', or ask for --summary",
                        call->words[0]);
    client_request(&req, OP_WHY);
    if (words_backfill(call->words[0], &req.backfill, &call->err) != BF_OK ||
        words_selectors(call->words + 1, 1, &req, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return query_run(call, &req, CTL_TEXT, CTL_TEXT | CTL_TABLE | CTL_NAME, show);
}

const struct ctl_command cmd_why = {
    .usage = "why ID|@latest SELECTOR|--summary [-o text|json|yaml|name] [options]",
    .about = "The selector picks one step instance: STEP[PARTITION], or STEP where the step has no partitions.  Times that begin with\n"
             "`clears` are those of a timer; what is only expected says so, and goes by how long such steps usually take.\n"
             "With --summary: every cause that holds something of the backfill, how much it holds itself, and how much waits behind\n"
             "that at most.",
    .examples = "  bfctl why @latest 'revenue[2024-01-31]'\n  bfctl why @latest --summary",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 2, .run = run};
