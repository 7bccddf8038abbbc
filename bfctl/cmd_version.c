/* bfctl version: ours, and with --server the coordinator's. */
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "bfctl/session.h"

struct values {
    struct ctl_common common;
    bool server;
};

static const struct bf_option options[] = {
    {"server", 0, BF_OPT_FLAG, offsetof(struct values, server), NULL, "ask the coordinator for its version too"},
    CTL_OPTION_OUTPUT(struct values, "table (default) or json"),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static enum bf_rc ask(const struct ctl_common *common, json_t *document, struct bf_error *err)
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    struct op_request req;
    client_request(&req, OP_VERSION);
    enum bf_rc rc = session_open(common, &s, err);
    if (rc == BF_OK)
        rc = session_query(&s, &req, &a, err);
    if (rc == BF_OK)
        json_object_set(document, "server", a.json);
    return rc;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    enum ctl_output output;
    enum bf_rc rc = ctl_output(&v->common, CTL_TABLE, CTL_TABLE | CTL_JSON, &output, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    json_t *document = json_pack("{s:s}", "version", BF_VERSION);
    if (v->server)
        rc = ask(&v->common, document, &call->err);
    if (output == CTL_JSON && rc == BF_OK)
        rc = render_json(document, &call->err);
    if (output == CTL_TABLE)
        printf("bfctl %s\n", BF_VERSION);
    const json_t *server = json_object_get(document, "server");
    if (output == CTL_TABLE && server)
        printf("coordinator %s, protocol %lld, store format %lld, cluster %s\n", render_safe(render_text(server, "version")),
               (long long)render_number(server, "protocol"), (long long)render_number(server, "store_format"),
               render_safe(render_text(server, "cluster")));
    json_decref(document);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_version = {
    .usage = "version [--server] [options]",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values), .run = run};
