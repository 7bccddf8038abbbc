/* bfctl checks: what the checks of a backfill's data found. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "bfctl/words.h"

#define TABLE_LIMIT 1000

struct values {
    struct ctl_common common;
    const char *status, *limit;
    bool all_attempts;
};

static const struct bf_option options[] = {
    {"status", 0, BF_OPT_STRING, offsetof(struct values, status), "STATUS", "only these: failed, warned, passed or could_not_run"},
    {"all-attempts", 0, BF_OPT_FLAG, offsetof(struct values, all_attempts), NULL, "of every attempt that is kept, not of the newest alone"},
    {"limit", 0, BF_OPT_STRING, offsetof(struct values, limit), "N", "at most so many (0: all; default 1000 in a table, all in JSON)"},
    CTL_OPTION_OUTPUT(struct values, "table (default), wide or json"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* How many came to which end; in the order of the summary. */
static const struct { const char *status, *words; } ends[] = {
    {"passed", "passed"}, {"warned", "warned"}, {"failed", "failed"}, {"could_not_run", "could not run"}, {"not_kept", "not kept"}};
enum { N_ENDS = sizeof ends / sizeof ends[0] };

static void add_row(struct table *t, const json_t *r, bool wide)
{
    const char *partition = render_text(r, "partition"), *sql = render_text(r, "sql");
    table_row(t);
    table_cellf(t, "%s%s%s%s", render_safe(render_text(r, "step")), *partition ? "[" : "", render_safe(partition), *partition ? "]" : "");
    table_cell(t, render_text(r, "name"));
    table_cell(t, render_text(r, "severity"));
    table_cell(t, render_text(r, "status"));
    if (wide) {
        table_cell(t, render_text(r, "kind"));
        table_cell(t, render_text(r, "dataset"));
        table_cell(t, render_text(r, "attempt"));
        table_time(t, render_text(r, "at"));
        table_cellf(t, "%" PRId64, render_number(r, "ms"));
    }
    table_cell(t, render_text(r, "text"));
    if (wide)
        table_cell(t, sql);
}

static void show(const json_t *rows, bool wide, bool no_headers)
{
    static const struct table_column narrow[] = {{"STEP", false, false}, {"CHECK", false, false}, {"SEVERITY", false, false},
                                                 {"STATUS", false, false}, {"TEXT", false, true}};
    static const struct table_column all[] = {{"STEP", false, false}, {"CHECK", false, false}, {"SEVERITY", false, false},
                                              {"STATUS", false, false}, {"KIND", false, false}, {"DATASET", false, false},
                                              {"ATTEMPT", false, false}, {"AT", false, false}, {"MS", true, false},
                                              {"TEXT", false, false}, {"SQL", false, true}};
    struct table *t = wide ? table_new(all, sizeof all / sizeof all[0], no_headers)
                           : table_new(narrow, sizeof narrow / sizeof narrow[0], no_headers);
    size_t i;
    json_t *r;
    json_array_foreach(rows, i, r)
        add_row(t, r, wide);
    table_print(t, "results of checks");
}

/* "12 passed, 1 failed", on standard error: the table is the result. */
static void summary(const json_t *rows)
{
    uint64_t n[N_ENDS] = {0};
    char text[160] = "";
    size_t i, used = 0;
    json_t *r;
    json_array_foreach(rows, i, r)
        for (size_t k = 0; k < N_ENDS; k++)
            n[k] += strcmp(render_text(r, "status"), ends[k].status) == 0;
    for (size_t k = 0; k < N_ENDS; k++)
        if (n[k])
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64 " %s", used ? ", " : "", n[k], ends[k].words);
    if (used)
        ctl_note("%s", text);
}

static enum bf_rc list(struct ctl_call *call, struct op_request *req, uint64_t limit, enum ctl_output output)
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    bool more = false;
    enum bf_rc rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK)
        rc = session_query_walk(&s, req, limit, &a, &more, &call->err);
    if (rc != BF_OK)
        return rc;
    if (output == CTL_JSON)
        return render_json(a.json, &call->err);
    show(a.json, output == CTL_WIDE, ctl_common(call)->no_headers);
    summary(a.json);
    if (more)
        ctl_note("there are more than %llu; --limit 0 shows all", (unsigned long long)limit);
    return BF_OK;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    enum ctl_output output;
    int64_t limit;
    struct op_request req;
    client_request(&req, OP_CHECKS);
    req.state = v->status ? v->status : "";
    req.attempt = v->all_attempts ? OP_ALL_ATTEMPTS : 0;
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

const struct ctl_command cmd_checks = {
    .usage = "checks ID|@latest [SELECTOR…] [--status STATUS] [--all-attempts] [-o table|wide|json] [options]",
    .about = WORDS_SELECTORS_HELP "\n"
             "warned: it failed, and its severity lets the data through.  could_not_run: the check itself failed, not the data.\n"
             "-o json has the query of each check, its figures, and up to ten rows that are wrong.",
    .examples = "  bfctl checks @latest --status failed\n  bfctl checks bf-3 'revenue[2024-01-03]' --all-attempts -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
