/* bfctl pause, resume, cancel, retry, force, skip, mark: of a backfill, or of the step instances that selectors pick.
 *
 * Each is one request, repeated under its id until it is answered.  A dry run is a question with the same words, answered page by page
 * with what would change.  What cannot be taken back asks first. */
#include <stdio.h>
#include <string.h>

#include "bfctl/await.h"
#include "bfctl/commands.h"
#include "bfctl/listing.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "common/mem.h"

struct values {
    struct ctl_common common;
    const char *timeout;
    bool dry_run, downstream, keep_running, yes, wait;
};

#define OPTION_DRY_RUN \
    {"dry-run", 0, BF_OPT_FLAG, offsetof(struct values, dry_run), NULL, "list what would change, with its state before and after"}
#define OPTION_DOWNSTREAM {"downstream", 0, BF_OPT_FLAG, offsetof(struct values, downstream), NULL, "what depends on the picked ones too"}
#define OPTION_YES {"yes", 'y', BF_OPT_FLAG, offsetof(struct values, yes), NULL, "do not ask"}
#define OPTIONS_COMMON CTL_OPTION_OUTPUT(struct values, "text (default; with --dry-run a table), json or name"), \
                       CTL_OPTION_NO_HEADERS(struct values), CTL_OPTION_REASON(struct values), CTL_OPTIONS_SERVER(struct values), \
                       CTL_OPTION_HELP(struct values)

#define OPTIONS_WAIT AWAIT_OPTIONS(struct values, "until nothing of the backfill runs any more")

static const struct bf_option plain_options[] = {OPTION_DRY_RUN, OPTIONS_COMMON};
static const struct bf_option pause_options[] = {OPTIONS_WAIT, OPTION_DRY_RUN, OPTIONS_COMMON};
static const struct bf_option retry_options[] = {OPTION_DOWNSTREAM, OPTION_DRY_RUN, OPTIONS_COMMON};
static const struct bf_option force_options[] = {OPTION_DOWNSTREAM, OPTION_DRY_RUN, OPTION_YES, OPTIONS_COMMON};
static const struct bf_option mark_options[] = {OPTION_DRY_RUN, OPTION_YES, OPTIONS_COMMON};
static const struct bf_option cancel_options[] = {
    OPTION_DOWNSTREAM,
    {"keep-running", 0, BF_OPT_FLAG, offsetof(struct values, keep_running), NULL, "what runs goes on to its end"},
    OPTIONS_WAIT, OPTION_DRY_RUN, OPTION_YES, OPTIONS_COMMON};

/* ---- dry runs ---- */

static const struct view_column columns[] = {
    {.name = "STEP", .key = "step", .cut = true}, {.name = "PARTITION", .key = "partition"}, {.name = "BEFORE", .key = "before"},
    {.name = "AFTER", .key = "after"}, {.name = "NOTE", .key = "note", .cut = true}};
static const struct view view = {.what = "step instances that would change", .columns = columns,
                                .n_columns = sizeof columns / sizeof columns[0],
                                 .name = view_name_instance};

static void say_dry(const json_t *rows)
{
    ctl_note("a dry run: nothing was changed; %zu step instances would be", json_array_size(rows));
}

static int dry_run(struct ctl_call *call, struct op_request *req)
{
    req->dry_run = true;
    struct listing l = {.view = &view, .req = req, .pages = LISTING_PAGES, .after = say_dry};
    return listing_run(call, &l);
}

/* ---- changes ---- */

/* "cancel load[2024-01-01] and 2 more of bf-3, and kill what runs of it" */
static bool confirmed(struct ctl_call *call, const struct op_request *req, const char *doing)
{
    const struct values *v = call->values;
    char more[32] = "";
    if (req->n_selectors > 1)
        snprintf(more, sizeof more, " and %zu more", req->n_selectors - 1);
    const char *kill = req->verb == OP_CANCEL && !req->keep_running ? " and kill what runs of it" : "";
    const char *first = req->n_selectors > 0 ? req->selectors[0] : "", *of = req->n_selectors > 0 ? " of " : "";
    BF_AUTO_FREE char *question = bf_xasprintf("%s %s%s%s%s%s", doing, first, more, of, call->words[0], kill);
    return ctl_confirm(v->yes, question, &call->err);
}

static bool runs_nothing(const void *arg, const json_t *backfill)
{
    (void)arg;
    return render_number(backfill, "attempts_open") == 0;
}

/* With --wait also until nothing of the backfill runs any more. */
static int change_and_wait(struct ctl_call *call, struct op_request *req)
{
    const struct values *v = call->values;
    struct op_request get;
    client_request(&get, OP_GET);
    get.backfill = req->backfill;
    struct awaited a = {.req = &get, .is_over = runs_nothing, .what = "some of it still runs"};
    if (await_read(v->wait, v->timeout, &a, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    int status = query_change(call, req);
    return status == 0 && v->wait ? await_change(call, &a) : status;
}

/* first: the word that the selectors begin at.  asks: what is asked about, NULL when nothing is. */
static int steer(struct ctl_call *call, enum op_verb verb, size_t first, const char *state, const char *asks)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, verb);
    req.downstream = v->downstream;
    req.keep_running = v->keep_running;
    req.state = state;
    enum bf_rc rc = words_backfill(call->words[0], &req.backfill, &call->err);
    if (rc == BF_OK)
        rc = words_selectors(call->words + first, call->n_words - first, &req, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    bool whole = verb == OP_PAUSE || verb == OP_RESUME || verb == OP_CANCEL || verb == OP_RETRY;
    if (req.n_selectors == 0 && !whole)
        return ctl_fail(BF_INVALID, "%s needs to know of what: write selectors, as in 'load[2024-01-31]', or '*' for everything",
                        op_verb_name(verb));
    if (v->dry_run)
        return dry_run(call, &req);
    if (asks && !confirmed(call, &req, asks))
        return ctl_failed(&call->err);
    return change_and_wait(call, &req);
}

static int run_pause(struct ctl_call *call) { return steer(call, OP_PAUSE, 1, "", NULL); }
static int run_resume(struct ctl_call *call) { return steer(call, OP_RESUME, 1, "", NULL); }
static int run_retry(struct ctl_call *call) { return steer(call, OP_RETRY, 1, "", NULL); }
static int run_cancel(struct ctl_call *call) { return steer(call, OP_CANCEL, 1, "", "cancel"); }
static int run_force(struct ctl_call *call) { return steer(call, OP_FORCE, 1, "", "run again"); }
static int run_skip(struct ctl_call *call) { return steer(call, OP_SKIP, 1, "", "skip"); }

static int run_mark(struct ctl_call *call)
{
    const char *state = call->words[1];
    if (strcmp(state, "succeeded") != 0 && strcmp(state, "failed") != 0)
        return ctl_fail(BF_INVALID, "mark takes succeeded or failed, and then selectors; '%s' is neither", state);
    return steer(call, OP_MARK, 2, state, *state == 's' ? "mark succeeded" : "mark failed");
}

/* ---- the commands ---- */

#define COMMAND(name, option_list, least, ...)                                                                            \
    const struct ctl_command name = {.options = option_list, .n_options = sizeof option_list / sizeof option_list[0],     \
                                     .values_bytes = sizeof(struct values), .min_words = least, .max_words = CTL_WORDS_MAX, __VA_ARGS__}
#define ASKS "\nAsks first on a terminal; without one, --yes is needed."
#define STALE \
    "What depends on it and has succeeded, was skipped, or runs now is stale until it is run again: with --downstream at once, or " \
    "later by\n" \
    "bfctl force; bfctl steps --state stale lists it."

COMMAND(cmd_pause, pause_options, 1,
        .usage = "pause ID|@latest [SELECTOR…] [--wait [--timeout TIME]] [--dry-run] [--reason TEXT] [options]",
        .run = run_pause,
        .about = "Of a whole backfill: what runs goes on, nothing new is started.\n"
                 "With selectors: these step instances are held.  What runs goes on, everything else of the backfill too; "
                 "bfctl why says who\n"
                 "holds one and why.  A backfill of which something is held does not end.\n" WORDS_SELECTORS_HELP,
        .examples = "  bfctl pause bf-3 --reason \"the warehouse is being upgraded\"\n"
                    "  bfctl pause @latest 'load[2024-01-10..2024-01-20]' --reason \"the source is being mended\"\n"
                    "  bfctl pause @latest tag:finance --dry-run");
COMMAND(cmd_resume, plain_options, 1, .usage = "resume ID|@latest [SELECTOR…] [--dry-run] [--reason TEXT] [options]", .run = run_resume,
        .about = "Of a whole backfill: it goes on; step instances that are held stay held, and the answer says how many.\n"
                 "With selectors: these are not held any more; '*' lets go all that are.",
        .examples = "  bfctl resume bf-3\n  bfctl resume @latest '*'");
COMMAND(cmd_cancel, cancel_options, 1,
        .usage = "cancel ID|@latest [SELECTOR…] [--downstream] [--keep-running] [--wait [--timeout TIME]] [--dry-run] [--yes]"
                 " [--reason TEXT] [options]", .run = run_cancel,
        .about = "Of a whole backfill: it ends, and what runs of it is killed.\n"
                 "With selectors: these end as cancelled, and nothing of them is started after the answer.  What depends on "
                 "them cannot run, or is\n"
                 "cancelled too with --downstream.  bfctl force begins them anew." ASKS,
        .examples = "  bfctl cancel bf-3 --reason \"wrong range\"\n"
                    "  bfctl cancel @latest 'load[2024-01-10]' --downstream --yes\n"
                    "  bfctl cancel @latest '*[2024-03..]' --keep-running --dry-run");
COMMAND(cmd_retry, retry_options, 1, .usage = "retry ID|@latest [SELECTOR…] [--downstream] [--dry-run] [--reason TEXT] [options]",
        .run = run_retry,
        .about = "Every failed step instance begins a new run, with fresh attempts, under the version of the plan that the "
                 "backfill was created\n"
                 "with; with selectors, the failed ones of these.  After mending data, retry; after mending the plan (SQL, a "
                 "check, a parameter),\n"
                 "create a new backfill.  --downstream also runs again what depends on them and had succeeded.",
        .examples = "  bfctl retry @latest\n  bfctl retry bf-3 'load[2024-01]' --reason \"the source is complete now\"");
COMMAND(cmd_force, force_options, 1, .usage = "force ID|@latest SELECTOR… [--downstream] [--dry-run] [--yes] [--reason TEXT] [options]",
        .run = run_force,
        .about = "Step instances that have ended, whatever way, begin a new run; in a backfill that has ended too, which "
                 "then goes on.\n" STALE ASKS,
        .examples = "  bfctl force @latest 'load[2024-01-03]' --dry-run\n"
                    "  bfctl force @latest 'load[2024-01-03]' --downstream --reason \"late rows arrived\"");
COMMAND(cmd_skip, force_options, 1, .usage = "skip ID|@latest SELECTOR… [--downstream] [--dry-run] [--yes] [--reason TEXT] [options]",
        .run = run_skip,
        .about = "Step instances that wait, failed or were cancelled count as done without being run, and what needs them "
                 "goes on.  What runs is\n"
                 "left, and what succeeded." ASKS,
        .examples = "  bfctl skip @latest 'load[2024-01-03]' --reason \"a holiday: there is no file\"");
COMMAND(cmd_mark, mark_options, 2, .usage = "mark ID|@latest succeeded|failed SELECTOR… [--dry-run] [--yes] [--reason TEXT] [options]",
        .run = run_mark,
        .about = "succeeded: the work was done by hand, and what needs it goes on.  failed: what was made is wrong; what "
                 "needs it and has not run\n"
                 "cannot, and what was built on it is stale.  What runs is left." ASKS,
        .examples = "  bfctl mark @latest succeeded 'load[2024-01-03]' --reason \"loaded by hand\"\n"
                    "  bfctl mark @latest failed 'load[2024-01-03]' --reason \"half the rows are missing\"");
