/* bfctl agents and pools: who can work, and how much at once. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "common/buf.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "table (default), json or name"),
    CTL_OPTION_NO_HEADERS(struct ctl_plain),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

static void show_names(const json_t *list)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o)
        puts(render_safe(render_text(o, "name")));
}

static void put_labels(struct table *t, json_t *labels)
{
    struct bf_buf text = {0};
    const char *key;
    json_t *value;
    json_object_foreach(labels, key, value)
        bf_buf_printf(&text, "%s%s=%s", text.len ? "," : "", key, json_is_string(value) ? json_string_value(value) : "");
    table_cell(t, bf_buf_cstr(&text));
    bf_buf_free(&text);
}

static void show_warnings(const json_t *list)
{
    size_t i, k;
    json_t *agent, *warning;
    json_array_foreach(list, i, agent) {
        if (strcmp(render_text(agent, "state"), "left") == 0 || strcmp(render_text(agent, "state"), "lost") == 0)
            continue;
        json_array_foreach(json_object_get(agent, "warnings"), k, warning)
            ctl_note("warning: %s: %s", render_safe(render_text(agent, "name")),
                     render_safe(json_is_string(warning) ? json_string_value(warning) : ""));
    }
}

static void show_agents(const struct ctl_call *call, enum ctl_output output, const json_t *list)
{
    static const struct table_column columns[] = {{"NAME", false, false}, {"STATE", false, false}, {"BUSY", true, false},
                                                  {"FENCE", false, false}, {"VERSION", false, false}, {"SINCE", false, false},
                                                  {"LABELS", false, true}};
    if (output == CTL_NAME) {
        show_names(list);
        return;
    }
    struct table *t = table_new(columns, sizeof columns / sizeof columns[0], ctl_common(call)->no_headers);
    size_t i;
    json_t *a;
    json_array_foreach(list, i, a) {
        table_row(t);
        table_cell(t, render_text(a, "name"));
        table_cell(t, render_text(a, "state"));
        table_cellf(t, "%" PRId64 "/%" PRId64, render_number(a, "busy"), render_number(a, "slots"));
        table_cell(t, render_text(a, "fence"));
        table_cell(t, render_text(a, "version"));
        table_time(t, render_text(a, "since"));
        put_labels(t, json_object_get(a, "labels"));
    }
    table_print(t, "agents");
    show_warnings(list);
}

static void show_pools(const struct ctl_call *call, enum ctl_output output, const json_t *list)
{
    static const struct table_column columns[] = {{"NAME", false, false}, {"USED", true, false}, {"SLOTS", true, false},
                                                  {"SET BY", false, false}};
    if (output == CTL_NAME) {
        show_names(list);
        return;
    }
    struct table *t = table_new(columns, sizeof columns / sizeof columns[0], ctl_common(call)->no_headers);
    size_t i;
    json_t *p;
    json_array_foreach(list, i, p) {
        table_row(t);
        table_cell(t, render_text(p, "name"));
        table_cellf(t, "%" PRId64, render_number(p, "used"));
        table_cellf(t, "%" PRId64, render_number(p, "slots"));
        table_cell(t, render_text(p, "source"));
    }
    table_print(t, "pools");
}

static int run_agents(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_AGENTS);
    return query_run(call, &req, CTL_TABLE, CTL_TABLE | CTL_NAME, show_agents);
}

static int run_pools(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_POOLS);
    return query_run(call, &req, CTL_TABLE, CTL_TABLE | CTL_NAME, show_pools);
}

const struct ctl_command cmd_agents = {
    .usage = "agents [-o table|json|name] [options]",
    .about = "Warnings about how an agent can keep steps apart come after the table, on standard error.",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .run = run_agents};

const struct ctl_command cmd_pools = {
    .usage = "pools [-o table|json|name] [options]",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .run = run_pools};
