/* bfctl plan validate: the coordinator's own compiler, run here. */
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/plan_file.h"
#include "bfctl/plan_report.h"
#include "bfctl/render.h"
#include "common/clock.h"

struct values {
    struct ctl_common common;
    bool strict;
};

static const struct bf_option options[] = {
    {"strict", 0, BF_OPT_FLAG, offsetof(struct values, strict), NULL, "a plan with warnings is not valid; that windows are over does not count"},
    CTL_OPTION_OUTPUT(struct values, "table (default) or json"),
    CTL_OPTION_HELP(struct values)};

/* Everything in one document; that the plan is not valid stands in it, and in the exit status. */
static enum bf_rc show_json(const struct plan_source *source, bool strict, bool *ret_valid, struct bf_error *err)
{
    const struct plan_options none = {0};
    struct bf_diags d = {0};
    struct plan *plan = plan_compile(source, &none, &d);
    bool valid = plan && !(strict && d.n_warnings > 0);
    if (plan)
        plan_windows_warn_past(plan, bf_realtime_us() / 1000000, &d);
    json_t *report = plan_report(source, plan, &d, valid);
    enum bf_rc rc = render_json(report, err);
    if (rc == BF_OK)
        *ret_valid = valid;
    json_decref(report);
    plan_free(plan);
    bf_diags_done(&d);
    return rc;
}

/* Diagnostics on standard error, and one line when all is well. */
static enum bf_rc show_text(const struct plan_source *source, bool strict, struct bf_error *err)
{
    const struct plan_options none = {0};
    size_t n_warnings = 0;
    struct plan *plan = plan_file_compile(source, &none, &n_warnings, err);
    if (!plan)
        return err->rc;
    enum bf_rc rc = BF_OK;
    if (strict && n_warnings > 0) {
        rc = bf_fail(err, BF_INVALID, "%s is not valid under --strict: %zu warning%s", source->name, n_warnings, n_warnings == 1
                     ? "" : "s");
    } else {
        struct bf_buf text = {0};
        plan_file_summary(plan, &text);
        printf("%s is valid: %s\n", source->name, bf_buf_cstr(&text));
        bf_buf_free(&text);
    }
    plan_free(plan);
    return rc;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct plan_source source = {0};
    enum ctl_output output = CTL_TABLE;
    bool valid = true;
    enum bf_rc rc = ctl_output(&v->common, CTL_TABLE, CTL_TABLE | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = plan_file_read(call->words[0], &source, &call->err);
    if (rc == BF_OK)
        rc = output == CTL_JSON ? show_json(&source, v->strict, &valid, &call->err) : show_text(&source, v->strict, &call->err);
    plan_source_done(&source);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    return valid ? 0 : bf_rc_exit(BF_INVALID);
}

const struct ctl_command cmd_plan_validate = {
    .usage = "plan validate FILE [--strict] [-o table|json]",
    .about = "Every problem is shown with file, line and column on standard error.  FILE may be - for standard input.\n"
             "With -o json one document on standard output says it all; the exit status is the same.",
    .examples = "  bfctl plan validate orders.yaml\n  bfctl plan validate --strict orders.yaml\n"
                "  bfctl plan validate orders.yaml -o json | jq -r '.diagnostics[].message'",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run};
