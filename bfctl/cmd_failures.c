/* bfctl failures: what failed, by cause. */
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/failures.h"
#include "bfctl/listing.h"
#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/mem.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "text (default), table, wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct ctl_plain),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

/* The first instance of the group: what `why` and `logs` take. */
static void put_first(const json_t *group, struct bf_buf *ret)
{
    bf_buf_put_str(ret, render_text(group, "step"));
    if (*render_text(group, "first"))
        bf_buf_printf(ret, "[%s]", render_text(group, "first"));
}

static const struct view_column columns[] = {
    {.name = "COUNT", .key = "count", .kind = VIEW_NUMBER}, {.name = "STEP", .key = "step", .cut = true}, {.name = "FIRST", .key = "first"},
    {.name = "LAST", .key = "last"}, {.name = "CLASS", .key = "class"}, {.name = "CAUSE", .put = failures_put_cause, .cut = true},
    {.name = "AGAIN", .key = "backing_off", .kind = VIEW_NUMBER, .wide = true}, {.name = "ATTEMPT", .key = "attempt", .wide = true},
    {.name = "TEXT", .key = "text", .cut = true}, {.name = "FIX", .key = "fix", .wide = true}};
static const struct view view = {
    .what = "failures", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = put_first};

static void tell(const struct ctl_call *call, const json_t *groups)
{
    (void)call;
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    failures_tell(groups, &text);
    if (text.len)
        fputs(bf_buf_cstr(&text), stdout);
    else
        ctl_note("nothing has failed");
}

static int run(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_FAILURES);
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_WALK, .preset = CTL_TEXT, .text = tell, .merge = failures_merge,
                        .outputs = CTL_TEXT | CTL_TABLE | CTL_WIDE | CTL_JSON | CTL_NAME};
    return listing_run_picked(call, &l);
}

const struct ctl_command cmd_failures = {
    .usage = "failures ID|@latest [SELECTOR…] [-o text|table|wide|json|yaml|name] [options]",
    .about = WORDS_SELECTORS_HELP "\n"
             "What has failed, and what waits for its next attempt, in groups of one step, class, code and message; numbers, dates and "
             "what\nstands in quotes do not tell messages apart.  The text and the statement are of the first of a group.",
    .examples = "  bfctl failures @latest\n  bfctl failures bf-3 tag:finance -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
