/* bfctl pause, resume, cancel, retry, agent drain: one request each, repeated under its id until it is answered. */
#include <stdlib.h>

#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "common/mem.h"

struct values {
    struct ctl_common common;
    bool yes;
};

#define CHANGE_OPTIONS CTL_OPTION_OUTPUT(struct values, "text (default), json or name"), CTL_OPTION_REASON(struct values), \
                       CTL_OPTIONS_SERVER(struct values), CTL_OPTION_HELP(struct values)

static const struct bf_option options[] = {CHANGE_OPTIONS};
static const struct bf_option cancel_options[] = {
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

static int run_pause(struct ctl_call *call)
{
    return change_backfill(call, OP_PAUSE);
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
    return change_backfill(call, OP_CANCEL);
}

static int run_drain(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_AGENT_DRAIN);
    req.name = call->words[0];
    return query_change(call, &req);
}

#define COMMAND(name, ...)                                                                                             \
    const struct ctl_command name = {.options = options, .n_options = sizeof options / sizeof options[0],              \
                                     .values_bytes = sizeof(struct values), .min_words = 1, .max_words = CTL_WORDS_MAX, __VA_ARGS__}

COMMAND(cmd_pause, .usage = "pause ID|@latest [--reason TEXT] [options]", .run = run_pause,
        .about = "What runs goes on; nothing new is started.");
COMMAND(cmd_resume, .usage = "resume ID|@latest [--reason TEXT] [options]", .run = run_resume);
COMMAND(cmd_retry, .usage = "retry ID|@latest [--reason TEXT] [options]", .run = run_retry,
        .about = "Every failed step instance begins a new run, with fresh attempts, under the version of the plan that the backfill was created\n"
                 "with.  After mending data, retry; after mending the plan (SQL, a check, a parameter), create a new backfill.");

const struct ctl_command cmd_cancel = {
    .usage = "cancel ID|@latest [--yes] [--reason TEXT] [options]",
    .about = "Asks first on a terminal; without one, --yes is needed.",
    .options = cancel_options, .n_options = sizeof cancel_options / sizeof cancel_options[0],
    .values_bytes = sizeof(struct values), .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run_cancel};

const struct ctl_command cmd_agent_drain = {
    .usage = "agent drain NAME [--reason TEXT] [options]",
    .about = "The agent gets no more work, and leaves when what it has is finished.",
    .examples = "  bfctl agent drain agent-2 --reason \"kernel update\"",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run_drain};
