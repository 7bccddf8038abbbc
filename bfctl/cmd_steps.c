/* bfctl steps: step instances, page by page. */
#include <inttypes.h>
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "bfctl/words.h"
#include "common/text.h"

#define TABLE_LIMIT 1000

struct values {
    struct ctl_common common;
    const char *state, *limit;
};

static const struct bf_option options[] = {
    {"state", 0, BF_OPT_STRING, offsetof(struct values, state), "STATE", "only this state: waiting, ready, failed, …; or held, stale"},
    {"limit", 0, BF_OPT_STRING, offsetof(struct values, limit), "N", "at most so many (0: all; default 1000 in a table, all in JSON)"},
    CTL_OPTION_OUTPUT(struct values, "table (default), wide or json"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static void add_usage(struct table *t, const json_t *usage)
{
    static const char *const sizes[] = {"peak_memory_bytes", "read_bytes", "written_bytes"};
    char text[32] = "";
    if (json_is_object(usage))
        bf_format_duration(render_number(usage, "cpu_ms"), text, sizeof text);
    table_cell(t, text);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        text[0] = '\0';
        if (json_is_object(usage))
            bf_format_size((uint64_t)render_number(usage, sizes[i]), text, sizeof text);
        table_cell(t, text);
    }
}

static void add_row(struct table *t, const json_t *r, bool wide)
{
    const json_t *failure = json_object_get(r, "failure");
    const json_t *duration = json_object_get(r, "duration_ms");
    char took[32] = "";
    if (json_is_integer(duration))
        bf_format_duration(json_integer_value(duration), took, sizeof took);
    table_row(t);
    table_cell(t, render_text(r, "step"));
    table_cell(t, render_text(r, "partition"));
    table_cellf(t, "%s%s%s", render_text(r, "state"), json_is_true(json_object_get(r, "held")) ? ", held" : "",
                json_is_true(json_object_get(r, "stale")) ? ", stale" : "");
    table_cellf(t, "%" PRId64, render_number(r, "attempts"));
    table_cell(t, render_text(r, "agent"));
    table_cell(t, took);
    if (wide) {
        table_cellf(t, "%" PRId64, render_number(r, "run"));
        table_cell(t, render_text(r, "attempt"));
        table_time(t, render_text(r, "started_at"));
        table_time(t, render_text(r, "finished_at"));
        table_cell(t, render_text(failure, "class"));
    }
    if (wide)
        add_usage(t, json_object_get(r, "usage"));
    table_cell(t, render_text(failure, "text"));
}

static void show(const json_t *rows, bool wide, bool no_headers)
{
    static const struct table_column narrow[] = {{"STEP", false, true}, {"PARTITION", false, false}, {"STATE", false, false},
                                                 {"TRIES", true, false}, {"AGENT", false, true}, {"TIME", true, false},
                                                 {"FAILURE", false, true}};
    static const struct table_column all[] = {{"STEP", false, false}, {"PARTITION", false, false}, {"STATE", false, false},
                                              {"TRIES", true, false}, {"AGENT", false, false}, {"TIME", true, false},
                                              {"RUN", true, false}, {"ATTEMPT", false, false}, {"STARTED", false, false},
                                              {"FINISHED", false, false}, {"CLASS", false, false}, {"CPU", true, false},
                                              {"MEMORY", true, false}, {"READ", true, false}, {"WRITTEN", true, false},
                                              {"FAILURE", false, true}};
    struct table *t = wide ? table_new(all, sizeof all / sizeof all[0], no_headers)
                           : table_new(narrow, sizeof narrow / sizeof narrow[0], no_headers);
    size_t i;
    json_t *r;
    json_array_foreach(rows, i, r)
        add_row(t, r, wide);
    table_print(t, "steps");
}

static enum bf_rc list(struct ctl_call *call, struct op_request *req, uint64_t limit, enum ctl_output output)
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    bool more = false;
    enum bf_rc rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK)
        rc = session_query_pages(&s, req, limit, &a, &more, &call->err);
    if (rc != BF_OK)
        return rc;
    if (output == CTL_JSON)
        rc = render_json(a.json, &call->err);
    else
        show(a.json, output == CTL_WIDE, ctl_common(call)->no_headers);
    if (more)
        ctl_note("there are more than %llu; --limit 0 shows all", (unsigned long long)limit);
    return rc;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    enum ctl_output output;
    int64_t limit;
    struct op_request req;
    client_request(&req, OP_STEPS);
    req.state = v->state ? v->state : "";
    enum bf_rc rc = words_backfill(call->words[0], &req.backfill, &call->err);
    if (rc == BF_OK)
        rc = words_selectors(call->words + 1, call->n_words - 1, &req, &call->err);
    if (rc == BF_OK)
        rc = ctl_output(&v->common, CTL_TABLE, CTL_TABLE | CTL_WIDE | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = words_number("limit", v->limit, output == CTL_JSON ? 0 : TABLE_LIMIT, 0, 10000000, &limit, &call->err);
    if (rc == BF_OK)
        rc = list(call, &req, (uint64_t)limit, output);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

static const struct ctl_gone gone[] = {
    {"step", "write the step as a selector behind the id, as in bfctl steps @latest load"},
    {"partition", "write it as a selector behind the id, as in bfctl steps @latest 'load[2024-01-31]', or '*[2024-01-31]' for all steps"}};

const struct ctl_command cmd_steps = {
    .usage = "steps ID|@latest [SELECTOR…] [--state STATE] [-o table|wide|json] [options]",
    .about = WORDS_SELECTORS_HELP,
    .examples = "  bfctl steps @latest --state failed\n  bfctl steps bf-3 load -o json\n"
                "  bfctl steps bf-3 '+revenue[2024-01-01..2024-01-07]' tag:finance",
    .gone = gone, .n_gone = sizeof gone / sizeof gone[0],
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
