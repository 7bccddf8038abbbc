/* bfctl plan validate: the coordinator's own compiler, run here. */
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/plan_file.h"

static const struct bf_option options[] = {CTL_OPTION_HELP(struct ctl_plain)};

static int run(struct ctl_call *call)
{
    struct plan_source source = {0};
    struct plan *plan = NULL;
    const struct plan_options none = {0};
    enum bf_rc rc = plan_file_read(call->words[0], &source, &call->err);
    if (rc == BF_OK) {
        plan = plan_file_compile(&source, &none, &call->err);
        rc = plan ? BF_OK : call->err.rc;
    }
    if (plan) {
        struct bf_buf text = {0};
        plan_file_summary(plan, &text);
        printf("%s is valid: %s\n", source.name, bf_buf_cstr(&text));
        bf_buf_free(&text);
        plan_free(plan);
    }
    plan_source_done(&source);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_plan_validate = {
    .usage = "plan validate FILE",
    .about = "Every problem is shown with file, line and column on standard error.  FILE may be - for standard input.",
    .examples = "  bfctl plan validate orders.yaml",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run};
