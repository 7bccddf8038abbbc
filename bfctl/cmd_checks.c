/* bfctl checks: what the checks of a backfill's data found. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/listing.h"
#include "bfctl/render.h"
#include "bfctl/words.h"

struct values {
    struct ctl_common common;
    const char *status, *limit;
    bool all_attempts;
};

static const struct bf_option options[] = {
    {"status", 0, BF_OPT_STRING, offsetof(struct values, status), "STATUS", "only these: failed, warned, passed or could_not_run"},
    {"all-attempts", 0, BF_OPT_FLAG, offsetof(struct values, all_attempts), NULL, "of every attempt that is kept, not of the newest alone"},
    LISTING_OPTION_LIMIT(struct values, "1000 in a table, all in JSON"),
    CTL_OPTION_OUTPUT(struct values, "table (default), wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* How many came to which end; in the order of the summary. */
static const struct { const char *status, *words; } ends[] = {
    {"passed", "passed"}, {"warned", "warned"}, {"failed", "failed"}, {"could_not_run", "could not run"}, {"not_kept", "not kept"}};
enum { N_ENDS = sizeof ends / sizeof ends[0] };

static const struct view_column columns[] = {
    {.name = "STEP", .put = view_name_instance}, {.name = "CHECK", .key = "name"}, {.name = "SEVERITY", .key = "severity"},
    {.name = "STATUS", .key = "status", .kind = VIEW_STATE}, {.name = "KIND", .key = "kind", .wide = true},
    {.name = "DATASET", .key = "dataset", .wide = true}, {.name = "ATTEMPT", .key = "attempt", .wide = true},
    {.name = "AT", .key = "at", .kind = VIEW_TIME, .wide = true}, {.name = "MS", .key = "ms", .kind = VIEW_NUMBER, .wide = true},
    {.name = "TEXT", .key = "text", .cut = true}, {.name = "SQL", .key = "sql", .wide = true}};
static const struct view view = {
    .what = "results of checks", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = view_name_instance};

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

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, OP_CHECKS);
    req.state = v->status ? v->status : "";
    req.attempt = v->all_attempts ? OP_ALL_ATTEMPTS : 0;
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_WALK, .limit = v->limit, .table_limit = LISTING_TABLE_LIMIT,
                        .after = summary};
    return listing_run_picked(call, &l);
}

const struct ctl_command cmd_checks = {
    .usage = "checks ID|@latest [SELECTOR…] [--status STATUS] [--all-attempts] [-o table|wide|json|yaml|name] [options]",
    .about = WORDS_SELECTORS_HELP "\n"
             "warned: it failed, and its severity lets the data through.  could_not_run: the check itself failed, not the data.\n"
             "-o json has the query of each check, its figures, and up to ten rows that are wrong.",
    .examples = "  bfctl checks @latest --status failed\n  bfctl checks bf-3 'revenue[2024-01-03]' --all-attempts -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
