/* bfctl pause, resume, cancel, retry: one request each, repeated under its id until it is answered. */
#include <stdlib.h>

#include "bfctl/await.h"
#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "common/mem.h"

struct values {
    struct ctl_common common;
    const char *timeout;
    bool yes, wait;
};

#define CHANGE_OPTIONS CTL_OPTION_OUTPUT(struct values, "text (default), json or name"), CTL_OPTION_REASON(struct values), \
                       CTL_OPTIONS_SERVER(struct values), CTL_OPTION_HELP(struct values)

static const struct bf_option options[] = {CHANGE_OPTIONS};
static const struct bf_option pause_options[] = {AWAIT_OPTIONS(struct values, "until nothing of it runs any more"), CHANGE_OPTIONS};
static const struct bf_option cancel_options[] = {
    AWAIT_OPTIONS(struct values, "until nothing of it runs any more"),
    {"yes", 'y', BF_OPT_FLAG, offsetof(struct values, yes), NULL, "do not ask"}, CHANGE_OPTIONS};

static int change_backfill(struct ctl_call *call, enum op_verb verb)
{
    struct op_request req;
    client_request(&req, verb);
    if (call->n_words > 1 && words_selectors(call->words + 1, call->n_words - 1, &req, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    if (call->n_words > 1)
        return ctl_fail(BF_UNSUPPORTED, "selectors such as '%s' are not supported yet; %s takes a whole backfill", call->words[1],
                        op_verb_name(verb));
    if (words_backfill(call->words[0], &req.backfill, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return query_change(call, &req);
}

static bool runs_nothing(const void *arg, const json_t *backfill)
{
    (void)arg;
    return render_number(backfill, "attempts_open") == 0;
}

/* A change of a whole backfill, and with --wait until nothing of it runs any more. */
static int change_and_wait(struct ctl_call *call, enum op_verb verb)
{
    const struct values *v = call->values;
    struct op_request get;
    client_request(&get, OP_GET);
    struct awaited a = {.req = &get, .is_over = runs_nothing, .what = "some of it still runs"};
    if (await_read(v->wait, v->timeout, &a, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    if (v->wait && call->n_words > 1)
        return ctl_fail(BF_UNSUPPORTED, "--wait with selectors is not supported yet; it is of a whole backfill");
    int status = change_backfill(call, verb);
    if (status != 0 || !v->wait)
        return status;
    if (words_backfill(call->words[0], &get.backfill, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return await_change(call, &a);
}

static int run_pause(struct ctl_call *call)
{
    return change_and_wait(call, OP_PAUSE);
}

static int run_resume(struct ctl_call *call)
{
    return change_backfill(call, OP_RESUME);
}

static int run_retry(struct ctl_call *call)
{
    return change_backfill(call, OP_RETRY);
}

static int run_cancel(struct ctl_call *call)
{
    const struct values *v = call->values;
    BF_AUTO_FREE char *question = bf_xasprintf("cancel %s and kill what runs of it", call->words[0]);
    if (call->n_words == 1 && !ctl_confirm(v->yes, question, &call->err))
        return ctl_failed(&call->err);
    return change_and_wait(call, OP_CANCEL);
}

#define COMMAND(name, ...)                                                                                             \
    const struct ctl_command name = {.options = options, .n_options = sizeof options / sizeof options[0],              \
                                     .values_bytes = sizeof(struct values), .min_words = 1, .max_words = CTL_WORDS_MAX, __VA_ARGS__}

const struct ctl_command cmd_pause = {
    .usage = "pause ID|@latest [--wait [--timeout TIME]] [--reason TEXT] [options]",
    .about = "What runs goes on; nothing new is started.",
    .examples = "  bfctl pause @latest --reason \"the warehouse is busy\" --wait",
    .options = pause_options, .n_options = sizeof pause_options / sizeof pause_options[0],
    .values_bytes = sizeof(struct values), .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run_pause};
COMMAND(cmd_resume, .usage = "resume ID|@latest [--reason TEXT] [options]", .run = run_resume);
COMMAND(cmd_retry, .usage = "retry ID|@latest [--reason TEXT] [options]", .run = run_retry,
        .about = "Every failed step instance begins a new run, with fresh attempts, under the version of the plan that the backfill was created\n"
                 "with.  After mending data, retry; after mending the plan (SQL, a check, a parameter), create a new backfill.");

const struct ctl_command cmd_cancel = {
    .usage = "cancel ID|@latest [--yes] [--wait [--timeout TIME]] [--reason TEXT] [options]",
    .about = "Asks first on a terminal; without one, --yes is needed.",
    .options = cancel_options, .n_options = sizeof cancel_options / sizeof cancel_options[0],
    .values_bytes = sizeof(struct values), .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run_cancel};
