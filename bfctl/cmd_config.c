/* bfctl config show: bfctl's own settings, or the coordinator's that are in force. */
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/config_document.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "common/mem.h"

struct values {
    struct ctl_common common;
    bool server, origin;
};

static const struct bf_option options[] = {
    {"server", 0, BF_OPT_FLAG, offsetof(struct values, server), NULL, "what is in force in the coordinator, and what waits to be"},
    {"origin", 0, BF_OPT_FLAG, offsetof(struct values, origin), NULL, "show where each value comes from"},
    CTL_OPTION_OUTPUT(struct values, "table (default) or json"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static enum bf_rc ask(const struct ctl_common *common, json_t **ret, struct bf_error *err)
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    struct op_request req;
    client_request(&req, OP_CONFIG);
    enum bf_rc rc = session_open(common, &s, err);
    if (rc == BF_OK)
        rc = session_query(&s, &req, &a, err);
    if (rc == BF_OK)
        *ret = json_incref(a.json);
    return rc;
}

static enum bf_rc own(const struct ctl_common *common, json_t **ret, struct bf_error *err)
{
    struct client_settings s = {0};
    enum bf_rc rc = client_settings_read(common->config, &s, err);
    if (rc == BF_OK)
        *ret = config_document_own(&s);
    client_settings_done(&s);
    return rc;
}

static void show_table(const struct values *v, const json_t *document)
{
    static const struct table_column short_columns[] = {{"KEY", false, false}, {"VALUE", false, true}};
    static const struct table_column long_columns[] = {{"KEY", false, false}, {"VALUE", false, true}, {"FROM", false, true}};
    struct table *t = v->origin ? table_new(long_columns, 3, v->common.no_headers) : table_new(short_columns, 2, v->common.no_headers);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(document, "values"), i, row) {
        table_row(t);
        table_cell(t, render_text(row, "key"));
        table_cell(t, render_text(row, "value"));
        if (v->origin)
            table_cell(t, render_text(row, "where"));
    }
    table_print(t, "settings");
}

/* A diagnostic has lines of its own: what is wrong, and where in the file. */
static void show_problem(const char *text)
{
    BF_AUTO_FREE char *lines = bf_xstrdup(text);
    char *rest = NULL, *line = strtok_r(lines, "\n", &rest);
    if (!line)
        return;
    ctl_note("the file is not valid now, and would be refused: %s", render_safe(line));
    while ((line = strtok_r(NULL, "\n", &rest)))
        fprintf(stderr, "%s\n", render_safe(line));
}

static void show_pending(const json_t *document)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(document, "values"), i, row) {
        const json_t *pending = json_object_get(row, "pending");
        if (json_is_object(pending))
            ctl_note("%s is %s in force and %s in %s: takes effect %s", render_safe(render_text(row, "key")),
                     *render_text(row, "value") ? render_safe(render_text(row, "value")) : "nothing",
                     *render_text(pending, "value") ? render_safe(render_text(pending, "value")) : "nothing",
                     render_safe(render_text(pending, "where")),
                     strcmp(render_text(pending, "needs"), "SIGHUP") == 0 ? "on SIGHUP" : "at the next start");
    }
    show_problem(render_text(document, "problem"));
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    enum ctl_output output;
    json_t *document = NULL;
    enum bf_rc rc = ctl_output(&v->common, CTL_TABLE, CTL_TABLE | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = v->server ? ask(&v->common, &document, &call->err) : own(&v->common, &document, &call->err);
    if (rc == BF_OK && output == CTL_JSON) {
        rc = render_json(document, &call->err);
    } else if (rc == BF_OK) {
        show_table(v, document);
        show_pending(document);
    }
    json_decref(document);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_config_show = {
    .usage = "config show [--server] [--origin] [options]",
    .about = "Without --server: bfctl's own settings.  With it: those that the coordinator works by, and what its file says "
             "meanwhile and is\n"
             "not in force yet; role operator or admin.  Secrets are never shown: settings name files, and of keys the names and roles.\n"
             "Offline: bfcoordinator --show-config --config FILE, bfagent --show-config --config FILE.",
    .examples = "  bfctl config show --origin\n  bfctl config show --server --origin -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values), .run = run};
