/* bfctl failures: what failed, by cause. */
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/failures.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "bfctl/words.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "table (default) or json"),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

static void tell(const json_t *groups)
{
    struct bf_buf text = {0};
    failures_tell(groups, &text);
    if (text.len)
        fputs(bf_buf_cstr(&text), stdout);
    else
        ctl_note("nothing has failed");
    bf_buf_free(&text);
}

static enum bf_rc list(struct ctl_call *call, struct op_request *req, enum ctl_output output)
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    bool more;
    enum bf_rc rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK)
        rc = session_query_walk(&s, req, 0, &a, &more, &call->err);
    if (rc != BF_OK)
        return rc;
    json_t *groups = failures_merge(a.json);
    if (output == CTL_JSON)
        rc = render_json(groups, &call->err);
    else
        tell(groups);
    json_decref(groups);
    return rc;
}

static int run(struct ctl_call *call)
{
    enum ctl_output output;
    struct op_request req;
    client_request(&req, OP_FAILURES);
    enum bf_rc rc = words_backfill(call->words[0], &req.backfill, &call->err);
    if (rc == BF_OK)
        rc = words_selectors(call->words + 1, call->n_words - 1, &req, &call->err);
    if (rc == BF_OK)
        rc = ctl_output(ctl_common(call), CTL_TABLE, CTL_TABLE | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = list(call, &req, output);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_failures = {
    .usage = "failures ID|@latest [SELECTOR…] [-o table|json] [options]",
    .about = WORDS_SELECTORS_HELP "\n"
             "What has failed, and what waits for its next attempt, in groups of one step, class, code and message; numbers, dates and what\n"
             "stands in quotes do not tell messages apart.  The text and the statement are of the first of a group.",
    .examples = "  bfctl failures @latest\n  bfctl failures bf-3 tag:finance -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
