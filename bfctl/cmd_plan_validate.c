/* bfctl plan validate: the coordinator's own compiler, run here. */
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/plan_file.h"

struct values {
    struct ctl_common common;
    bool strict;
};

static const struct bf_option options[] = {
    {"strict", 0, BF_OPT_FLAG, offsetof(struct values, strict), NULL, "a plan with warnings is not valid"},
    CTL_OPTION_HELP(struct values)};

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct plan_source source = {0};
    struct plan *plan = NULL;
    size_t n_warnings = 0;
    const struct plan_options none = {0};
    enum bf_rc rc = plan_file_read(call->words[0], &source, &call->err);
    if (rc == BF_OK) {
        plan = plan_file_compile(&source, &none, &n_warnings, &call->err);
        rc = plan ? BF_OK : call->err.rc;
    }
    if (plan && v->strict && n_warnings > 0)
        rc = bf_fail(&call->err, BF_INVALID, "%s is not valid under --strict: %zu warning%s", source.name, n_warnings,
                     n_warnings == 1 ? "" : "s");
    if (rc == BF_OK) {
        struct bf_buf text = {0};
        plan_file_summary(plan, &text);
        printf("%s is valid: %s\n", source.name, bf_buf_cstr(&text));
        bf_buf_free(&text);
    }
    plan_free(plan);
    plan_source_done(&source);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_plan_validate = {
    .usage = "plan validate FILE [--strict]",
    .about = "Every problem is shown with file, line and column on standard error.  FILE may be - for standard input.",
    .examples = "  bfctl plan validate orders.yaml\n  bfctl plan validate --strict orders.yaml",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run};
