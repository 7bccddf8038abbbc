/* bfctl agents and pools: who can work, and how much at once. */
#include <inttypes.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/labels.h"
#include "bfctl/listing.h"
#include "bfctl/render.h"
#include "common/text.h"
#include "plan/budget.h"

struct values {
    struct ctl_common common;
    const char *limit;
    bool watch;
    struct bf_option_list labels;
};

#define FLEET_OPTIONS                                                                 \
    LISTING_OPTION_WATCH(struct values),                                              \
    CTL_OPTION_OUTPUT(struct values, "table (default), wide, json or name"),          \
    CTL_OPTION_NO_HEADERS(struct values),                                             \
    CTL_OPTIONS_SERVER(struct values),                                                \
    CTL_OPTION_HELP(struct values)

static const struct bf_option agents_options[] = {
    {"selector", 'l', BF_OPT_STRINGS, offsetof(struct values, labels), "LABELS",
     "only agents with these labels: zone=a,gpu or zone!=b,!gpu; may be repeated"},
    FLEET_OPTIONS};
static const struct bf_option pools_options[] = {FLEET_OPTIONS};

/* ---- agents ---- */

static void put_busy(const json_t *row, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%" PRId64 "/%" PRId64, render_number(row, "busy"), render_number(row, "slots"));
    if (render_number(row, "prefetched") > 0)
        bf_buf_printf(ret, "+%" PRId64, render_number(row, "prefetched"));
}

static void put_labels(const json_t *row, struct bf_buf *ret)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(row, "labels"), key, value)
        bf_buf_printf(ret, "%s%s=%s", ret->len ? "," : "", key, json_is_string(value) ? json_string_value(value) : "");
}

static void put_user(const json_t *row, struct bf_buf *ret)
{
    bf_buf_put_str(ret, json_is_true(json_object_get(row, "separate_uid")) ? "own" : "agent's");
}

/* "2", "0.5"; nothing where the agent did not tell. */
static void put_cpus(const json_t *row, struct bf_buf *ret)
{
    int64_t milli = render_number(row, "cpu_milli");
    if (milli > 0)
        bf_buf_printf(ret, "%" PRId64, milli / 1000);
    if (milli % 1000 >= 100)
        bf_buf_printf(ret, ".%" PRId64, milli % 1000 / 100);
}

static void put_memory(const json_t *row, struct bf_buf *ret)
{
    char text[32];
    bf_format_size((uint64_t)render_number(row, "memory_bytes"), text, sizeof text);
    if (render_number(row, "memory_bytes") > 0)
        bf_buf_put_str(ret, text);
}

static void put_enforced(const json_t *row, struct bf_buf *ret)
{
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(row, "enforced"), i, name)
        bf_buf_printf(ret, "%s%s", i ? "," : "", json_is_string(name) ? json_string_value(name) : "");
    if (i == 0)
        bf_buf_put_str(ret, "none");
}

static void put_warnings(const json_t *row, struct bf_buf *ret)
{
    size_t i;
    json_t *warning;
    json_array_foreach(json_object_get(row, "warnings"), i, warning)
        bf_buf_printf(ret, "%s%s", i ? "; " : "", json_is_string(warning) ? json_string_value(warning) : "");
}

static const struct view_column agents_columns[] = {
    {.name = "NAME", .key = "name"}, {.name = "STATE", .key = "state", .kind = VIEW_STATE},
    {.name = "BUSY", .put = put_busy, .kind = VIEW_RIGHT},
    {.name = "FENCE", .key = "fence"}, {.name = "VERSION", .key = "version"}, {.name = "SINCE", .key = "since", .kind = VIEW_TIME},
    {.name = "CPUS", .put = put_cpus, .kind = VIEW_RIGHT, .wide = true},
    {.name = "MEMORY", .put = put_memory, .kind = VIEW_RIGHT, .wide = true}, {.name = "ENFORCED", .put = put_enforced, .wide = true},
    {.name = "USER", .put = put_user, .wide = true}, {.name = "LABELS", .put = put_labels, .cut = true},
    {.name = "WARNINGS", .put = put_warnings, .wide = true}};
static const struct view agents_view = {
    .what = "agents", .columns = agents_columns, .n_columns = sizeof agents_columns / sizeof agents_columns[0], .name = view_name_name};

enum { WARNED_SHOWN = 5 };

static bool has_warning(const json_t *agent, const char *text)
{
    size_t k;
    json_t *warning;
    if (strcmp(render_text(agent, "state"), "left") == 0 || strcmp(render_text(agent, "state"), "lost") == 0)
        return false;
    json_array_foreach(json_object_get(agent, "warnings"), k, warning)
        if (json_is_string(warning) && strcmp(json_string_value(warning), text) == 0)
            return true;
    return false;
}

/* What several are warned of is said once, with their names. */
static void show_warning(const json_t *list, size_t first, const char *text)
{
    struct bf_buf names = {0};
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *agent = json_array_get(list, i);
        if (!has_warning(agent, text))
            continue;
        if (i < first)                           /* said there */
            return;
        if (n++ < WARNED_SHOWN)
            bf_buf_printf(&names, "%s%s", n > 1 ? ", " : "", render_text(agent, "name"));
    }
    if (n > WARNED_SHOWN)
        bf_buf_printf(&names, " and %zu more", n - WARNED_SHOWN);
    ctl_note("warning: %s: %s", render_safe(bf_buf_cstr(&names)), render_safe(text));
    bf_buf_free(&names);
}

static void show_warnings(const json_t *list)
{
    size_t i, k;
    json_t *agent, *warning;
    json_array_foreach(list, i, agent) {
        if (strcmp(render_text(agent, "state"), "left") == 0 || strcmp(render_text(agent, "state"), "lost") == 0)
            continue;
        json_array_foreach(json_object_get(agent, "warnings"), k, warning)
            show_warning(list, i, json_is_string(warning) ? json_string_value(warning) : "");
    }
}

/* Does an agent have the labels that were asked for? */
static bool is_picked(const void *labels, const json_t *row)
{
    return labels_fit(labels, json_object_get(row, "labels"));
}

static int run_agents(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, OP_AGENTS);
    if (labels_check(&v->labels, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    struct listing l = {.view = &agents_view, .req = &req, .pages = LISTING_PAGES, .watch = v->watch, .names = call->words,
                        .n_names = call->n_words, .after = show_warnings, .keep = v->labels.n ? is_picked : NULL, .arg = &v->labels};
    return listing_run(call, &l);
}

/* ---- pools ---- */

static void put_free(const json_t *row, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%" PRId64, render_number(row, "slots") - render_number(row, "used"));
}

/* "cpu 2/4, connections 9/20": what has a limit beside the slots. */
static void put_budget(const json_t *row, struct bf_buf *ret)
{
    size_t i;
    json_t *d;
    json_array_foreach(json_object_get(row, "dimensions"), i, d) {
        char used[PLAN_BUDGET_TEXT_MAX], limit[PLAN_BUDGET_TEXT_MAX];
        const char *name = render_text(d, "name");
        bool cpu = strcmp(name, "cpu") == 0;
        const json_t *most = json_object_get(d, "limit"), *now = json_object_get(d, "used");
        if (json_is_null(most))
            continue;
        plan_budget_format(name, cpu ? (uint64_t)(json_number_value(now) * 1000 + 0.5) : (uint64_t)json_integer_value(now), used);
        plan_budget_format(name, cpu ? (uint64_t)(json_number_value(most) * 1000 + 0.5) : (uint64_t)json_integer_value(most), limit);
        bf_buf_printf(ret, "%s%s %s of %s", ret->len ? ", " : "", name, used, limit);
    }
}

/* Of the slots, what the governor lets be used now. */
static void put_limit(const json_t *row, struct bf_buf *ret)
{
    const json_t *limit = json_object_get(json_object_get(row, "throttle"), "limit");
    if (json_is_integer(limit))
        bf_buf_printf(ret, "%" PRId64, (int64_t)json_integer_value(limit));
    else
        bf_buf_put_str(ret, "-");
}

static const struct view_column pools_columns[] = {
    {.name = "NAME", .key = "name"}, {.name = "USED", .key = "used", .kind = VIEW_NUMBER},
    {.name = "LIMIT", .put = put_limit, .kind = VIEW_RIGHT},
    {.name = "SLOTS", .key = "slots", .kind = VIEW_NUMBER},
    {.name = "FREE", .put = put_free, .kind = VIEW_RIGHT, .wide = true}, {.name = "SET BY", .key = "source"},
    {.name = "IN USE BESIDE", .put = put_budget, .wide = true}};
static const struct view pools_view = {
    .what = "pools", .columns = pools_columns, .n_columns = sizeof pools_columns / sizeof pools_columns[0], .name = view_name_name};

static int run_pools(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, OP_POOLS);
    struct listing l = {.view = &pools_view, .req = &req, .pages = LISTING_PAGES, .watch = v->watch, .names = call->words,
                        .n_names = call->n_words};
    return listing_run(call, &l);
}

const struct ctl_command cmd_agents = {
    .usage = "agents [NAME…] [-l LABELS] [-w] [-o table|wide|json|yaml|name] [options]",
    .about = "Warnings about how an agent can keep steps apart come after the table, on standard error.\n"
             "With one name the document is the agent itself, not a list.",
    .examples = "  bfctl agents -l zone=a\n  bfctl agents agent-2 -o yaml",
    .options = agents_options, .n_options = sizeof agents_options / sizeof agents_options[0], .values_bytes = sizeof(struct values),
    .max_words = CTL_WORDS_MAX, .run = run_agents};

const struct ctl_command cmd_pools = {
    .usage = "pools [NAME…] [-w] [-o table|wide|json|yaml|name] [options]",
    .about = "With one name the document is the pool itself, not a list.",
    .options = pools_options, .n_options = sizeof pools_options / sizeof pools_options[0], .values_bytes = sizeof(struct values),
    .max_words = CTL_WORDS_MAX, .run = run_pools};
