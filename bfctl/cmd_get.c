/* bfctl backfill get: one backfill. */
#include <inttypes.h>
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "bfctl/render.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "table (default), json or name"),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

static void line(const char *name, const char *text)
{
    printf("%-14s %s\n", name, *text ? render_safe(text) : "-");
}

static void show_steps(const json_t *steps)
{
    const char *key;
    json_t *value;
    printf("%-14s", "steps");
    const char *gap = " ";
    json_object_foreach((json_t *)steps, key, value) {
        if (json_integer_value(value) == 0)
            continue;
        printf("%s%" PRId64 " %s", gap, (int64_t)json_integer_value(value), render_safe(key));
        gap = ", ";
    }
    printf("\n");
}

static void show(const struct ctl_call *call, enum ctl_output output, const json_t *b)
{
    (void)call;
    if (output == CTL_NAME) {
        puts(render_safe(render_text(b, "id")));
        return;
    }
    static const char *const texts[] = {"id", "name", "state", "halted", "waits_for", "order",
                                        "from", "to", "by", "reprocess", "plan_hash"};
    static const char *const times[] = {"created_at", "started_at", "finished_at"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        line(texts[i], render_text(b, texts[i]));
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char at[RENDER_TIME_MAX];
        line(times[i], render_time(render_text(b, times[i]), at));
    }
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(b, "params"), key, value)
        printf("%-14s %s=%s\n", "param", render_safe(key), render_safe(json_is_string(value) ? json_string_value(value) : ""));
    show_steps(json_object_get(b, "steps"));
}

static int run(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_GET);
    if (words_backfill(call->words[0], &req.backfill, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return query_run(call, &req, CTL_TABLE, CTL_TABLE | CTL_NAME, show);
}

const struct ctl_command cmd_get = {
    .usage = "backfill get ID|@latest [-o table|json|name] [options]",
    .examples = "  bfctl backfill get @latest -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run};
