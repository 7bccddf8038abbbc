/* bfctl windows: the coming week, of a backfill by the coordinator, of a plan's file by the same code here. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bfctl/commands.h"
#include "bfctl/plan_file.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "common/mem.h"
#include "coordinator/views_windows.h"

struct values {
    struct ctl_common common;
};

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct values, "table (default) or json"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static const struct table_column columns[] = {
    {"POOL", false, false}, {"FROM", false, false}, {"UNTIL", false, false}, {"WINDOW", false, true}, {"BUDGET", true, false},
    {"SLOTS", true, false}};

static void say_over(const json_t *week)
{
    const json_t *w;
    size_t i;
    json_array_foreach(json_object_get(week, "windows"), i, w)
        if (json_is_true(json_object_get(w, "over")))
            ctl_note("window %s never opens again", render_safe(render_text(w, "name")));
}

static void show_week(const struct ctl_call *call, const json_t *week)
{
    const json_t *row;
    size_t i;
    if (json_array_size(json_object_get(week, "windows")) == 0) {
        ctl_note("plan %s has no windows", render_safe(render_text(week, "plan")));
        return;
    }
    struct table *t = table_new(columns, sizeof columns / sizeof columns[0], ctl_common(call)->no_headers);
    json_array_foreach(json_object_get(week, "week"), i, row) {
        char budget[PLAN_WINDOW_BUDGET_TEXT_MAX];
        const json_t *slots = json_object_get(row, "slots");
        plan_budget_text((uint32_t)(json_number_value(json_object_get(row, "budget_percent")) * 10000 + 0.5), budget);
        table_row(t);
        table_cell(t, *render_text(row, "pool") ? render_safe(render_text(row, "pool")) : "(no pool)");
        table_cell(t, render_safe(render_text(row, "local_from")));
        table_cell(t, render_safe(render_text(row, "local_until")));
        table_cell(t, render_safe(render_text(row, "window")));
        table_cell(t, budget);
        if (json_is_integer(slots))
            table_cellf(t, "%lld", (long long)json_integer_value(slots));
        else
            table_cell(t, NULL);
    }
    table_print(t, "stretches");
    ctl_note("times are those of %s", render_safe(render_text(week, "timezone")));
    if (json_is_true(json_object_get(week, "truncated")))
        ctl_note("the rest of the week is left out: there are too many stretches");
}

static void show(const struct ctl_call *call, enum ctl_output output, const json_t *week)
{
    (void)output;
    show_week(call, week);
    say_over(week);
}

static uint32_t slots_of_plan(const void *plan, uint32_t pool)
{
    return ((const struct plan *)plan)->pools[pool].slots;
}

static int run_file(struct ctl_call *call)
{
    struct plan_source source = {0};
    const struct plan_options none = {0};
    enum ctl_output output = CTL_TABLE;
    struct plan *plan = NULL;
    enum bf_rc rc = ctl_output(ctl_common(call), CTL_TABLE, CTL_TABLE | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = plan_file_read(call->words[0], &source, &call->err);
    if (rc == BF_OK && !(plan = plan_file_compile(&source, &none, NULL, &call->err)))
        rc = call->err.rc;
    if (rc == BF_OK) {
        json_t *week = view_week(plan, render_now_us(), slots_of_plan, plan);
        if (output == CTL_JSON)
            rc = render_json(week, &call->err);
        else
            show_week(call, week);               /* that a window is over was a warning, with its place */
        json_decref(week);
    }
    plan_free(plan);
    plan_source_done(&source);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

static int run(struct ctl_call *call)
{
    struct op_request req;
    struct bf_error unsaid = {0};
    client_request(&req, OP_WINDOWS);
    if (call->n_words > 0 && words_backfill(call->words[0], &req.backfill, &unsaid) != BF_OK)
        return run_file(call);
    return query_run(call, &req, CTL_TABLE, CTL_TABLE, show);
}

const struct ctl_command cmd_windows = {
    .usage = "windows [ID|@latest|FILE] [-o table|json|yaml] [options]",
    .about = "Each stretch of the coming seven days with what is left of a pool in it, on the clock of the plan's time zone.  Of a\n"
             "backfill (default @latest) slots are those that the pools have now; of a plan's FILE, which needs no coordinator, those\n"
             "of the plan.",
    .examples = "  bfctl windows\n  bfctl windows bf-3 -o json\n  bfctl windows orders.yaml",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 0, .max_words = 1, .run = run};
