/* bfctl agent drain: an agent finishes what it has and leaves. */
#include <string.h>

#include "bfctl/await.h"
#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "bfctl/render.h"

struct values {
    struct ctl_common common;
    const char *timeout;
    bool wait;
};

static const struct bf_option options[] = {
    AWAIT_OPTIONS(struct values, "until the agent has left"),
    CTL_OPTION_OUTPUT(struct values, "text (default), json or name"),
    CTL_OPTION_REASON(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* One that was lost meanwhile does not come back by waiting either. */
static bool has_left(const void *name, const json_t *agents)
{
    size_t i;
    json_t *a;
    json_array_foreach((json_t *)agents, i, a)
        if (strcmp(render_text(a, "name"), name) == 0)
            return strcmp(render_text(a, "state"), "left") == 0 || strcmp(render_text(a, "state"), "lost") == 0;
    return true;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req, agents;
    client_request(&req, OP_AGENT_DRAIN);
    client_request(&agents, OP_AGENTS);
    req.name = call->words[0];
    struct awaited a = {.req = &agents, .pages = true, .is_over = has_left, .arg = call->words[0], .what = "the agent has not left"};
    if (await_read(v->wait, v->timeout, &a, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    int status = query_change(call, &req);
    return status == 0 && v->wait ? await_change(call, &a) : status;
}

const struct ctl_command cmd_agent_drain = {
    .usage = "agent drain NAME [--wait [--timeout TIME]] [--reason TEXT] [options]",
    .about = "The agent gets no more work, and leaves when what it has is finished.",
    .examples = "  bfctl agent drain agent-2 --reason \"kernel update\" --wait",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run};
