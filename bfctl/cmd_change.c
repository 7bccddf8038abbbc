/* bfctl agent drain: one request, repeated under its id until it is answered. */
#include "bfctl/commands.h"
#include "bfctl/query.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "text by default, or json"), CTL_OPTION_REASON(struct ctl_plain), CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

static int run_drain(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_AGENT_DRAIN);
    req.name = call->words[0];
    return query_change(call, &req);
}

const struct ctl_command cmd_agent_drain = {
    .usage = "agent drain NAME [--reason TEXT] [options]",
    .about = "The agent gets no more work, and leaves when what it has is finished.",
    .examples = "  bfctl agent drain agent-2 --reason \"kernel update\"",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run_drain};
