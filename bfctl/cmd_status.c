/* bfctl status: the view of `watch`, once. */
#include <inttypes.h>
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/page.h"
#include "bfctl/progress.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "bfctl/terminal.h"
#include "common/mem.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "table (default), wide (cut to no terminal), json or name"),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

static void show_stragglers(const json_t *list)
{
    size_t i;
    json_t *s;
    json_array_foreach((json_t *)list, i, s) {
        BF_AUTO_FREE char *words = page_straggler(s);
        const char *partition = render_text(s, "partition");
        printf("takes long: %s%s%s%s: %s\n", render_safe(render_text(s, "step")), *partition ? "[" : "", render_safe(partition),
               *partition ? "]" : "", words);
    }
}

static void show_windows(const json_t *list)
{
    size_t i;
    json_t *w;
    json_array_foreach((json_t *)list, i, w)
        printf("window: %" PRId64 " ready wait: %s\n", render_number(w, "count"), render_safe(render_text(w, "detail")));
}

static void show_yielded(const json_t *list)
{
    size_t i;
    json_t *y;
    json_array_foreach((json_t *)list, i, y) {
        BF_AUTO_FREE char *words = page_yielded(y);
        printf("degraded: %s\n", words);
    }
}

static void show(const struct ctl_call *call, enum ctl_output output, const json_t *status)
{
    (void)call;
    if (output == CTL_NAME) {
        puts(render_safe(render_text(status, "id")));
        return;
    }
    const struct terminal t = terminal_of(stdout);
    const struct progress_look look = {.width = t.width && output != CTL_WIDE ? t.width : 130, .height = 1000000, .color = t.color};
    struct bf_buf text = {0};
    progress_view(status, &look, NULL, &text);
    fputs(bf_buf_cstr(&text), stdout);
    bf_buf_free(&text);
    page_held(status, 0);
    show_windows(json_object_get(status, "windows"));
    show_yielded(json_object_get(status, "yielded"));
    show_stragglers(json_object_get(status, "stragglers"));
    if (json_is_false(json_object_get(status, "stragglers_complete")))
        puts("takes long: more may; not all that runs was looked at");
}

static int run(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_STATUS);
    if (words_backfill(call->words[0], &req.backfill, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return query_run(call, &req, CTL_TABLE, CTL_TABLE | CTL_WIDE | CTL_NAME, show);
}

const struct ctl_command cmd_status = {
    .usage = "status ID|@latest [-o table|wide|json|yaml|name] [options]",
    .about = "A strip shows a step's partitions in order: # done, > running, o ready, . waiting, = held, x failed, ~ cannot run\n"
             "because of a failure before it, - cancelled.",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run};
