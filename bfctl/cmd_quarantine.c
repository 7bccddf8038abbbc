/* bfctl agent quarantine and agent release: an agent's breaker by hand, under the name that operators know it by. */
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "proto/breaker.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "text (default), json or name"),
    CTL_OPTION_REASON(struct ctl_plain),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

static int change(struct ctl_call *call, enum op_verb verb)
{
    struct op_request req;
    char name[BREAKER_NAME_MAX];
    enum breaker_kind kind;
    const char *agent;
    client_request(&req, verb);
    snprintf(name, sizeof name, "agent/%s", call->words[0]);
    if (breaker_name_parse(name, &kind, &agent, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    req.name = name;
    return query_change(call, &req);
}

static int run_quarantine(struct ctl_call *call)
{
    return change(call, OP_BREAKER_OPEN);
}

static int run_release(struct ctl_call *call)
{
    return change(call, OP_BREAKER_CLOSE);
}

const struct ctl_command cmd_agent_quarantine = {
    .usage = "agent quarantine NAME [--reason TEXT] [options]",
    .about = "The agent stays and ends what it runs, and gets no more work until `bfctl agent release`.  The same as `bfctl breaker open\n"
             "agent/NAME`; `bfctl breaker trip agent/NAME` lets it be tried again after a time.",
    .examples = "  bfctl agent quarantine agent-2 --reason \"the disk is slow\"",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run_quarantine};

const struct ctl_command cmd_agent_release = {
    .usage = "agent release NAME [--reason TEXT] [options]",
    .about = "Whoever or whatever quarantined it, the agent may be given work at once, and what failed there before is forgotten.",
    .examples = "  bfctl agent release agent-2 --reason \"the disk was changed\"",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run_release};
