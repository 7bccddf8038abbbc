/* bfctl why: every blocker of a step instance, in order, and when it is expected to clear. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "bfctl/view.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"
#include "plan/plan.h"

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "text (default), json or name"),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

static void show_clears(const char *at)
{
    int64_t clears_ms = render_time_ms(at);
    if (clears_ms < 0)
        return;
    char in[32], when[RENDER_TIME_MAX];
    int64_t left_ms = clears_ms - bf_realtime_us() / 1000;
    bf_format_duration(left_ms > 0 ? (left_ms + 999) / 1000 * 1000 : 0, in, sizeof in);
    printf("     clears at %s", render_time(at, when));
    if (left_ms > 0)
        printf(", in %s", in);
    printf("\n");
}

/* "; deadline 2026-06-01 06:00:00Z, 3h past" */
static void show_deadline(const char *at)
{
    char in[32], when[RENDER_TIME_MAX];
    int64_t left_ms = render_time_ms(at) - bf_realtime_us() / 1000;
    bf_format_duration((left_ms < 0 ? -left_ms : left_ms) / 1000 * 1000, in, sizeof in);
    printf("; deadline %s, %s%s%s", render_time(at, when), left_ms < 0 ? "" : "in ", in, left_ms < 0 ? " past" : "");
}

/* What the plan says of the step, and its class now. */
static void show_annotations(const json_t *a)
{
    char text[32];
    const char *now = render_text(a, "priority"), *plan = render_text(a, "plan_priority");
    printf("priority %s", render_safe(now));
    if (*plan && strcmp(now, plan) != 0)
        printf(" (the plan says %s)", render_safe(plan));
    if (render_number(a, "weight") > 0)
        printf(", weight %" PRId64, render_number(a, "weight"));
    if (render_number(a, "expected_ms") > 0) {
        bf_format_duration(render_number(a, "expected_ms"), text, sizeof text);
        printf("; expected to take %s", text);
    }
    if (render_number(a, "tolerance_ms") > 0) {
        bf_format_duration(render_number(a, "tolerance_ms"), text, sizeof text);
        printf("; may be %s late", text);
    }
    if (*render_text(a, "deadline"))
        show_deadline(render_text(a, "deadline"));
    printf("\n");
    for (size_t i = 0; i < PLAN_WORDS_COUNT; i++)
        if (*render_text(a, plan_words_key(i)))
            printf("%s: %s\n", plan_words_key(i), render_safe(render_text(a, plan_words_key(i))));
}

/* What its newest attempt told: the statement that failed, the checks that did not pass, what it said last; and what mends it. */
static void show_told(const json_t *why)
{
    size_t i;
    json_t *c;
    const json_t *sql = json_object_get(why, "sql");
    if (json_is_object(sql))
        printf("  statement %" PRId64 ", line %" PRId64 ": %s\n", render_number(sql, "statement"), render_number(sql, "line"),
               render_folded(render_text(sql, "excerpt")));
    json_array_foreach(json_object_get(why, "checks"), i, c)
        printf("  check %s (%s) %s: %s\n", render_safe(render_text(c, "name")), render_safe(render_text(c, "severity")),
               strcmp(render_text(c, "status"), "could_not_run") == 0 ? "could not run" : render_safe(render_text(c, "status")),
               render_safe(render_text(c, "text")));
    json_array_foreach(json_object_get(why, "warehouse"), i, c)
        printf("  %s %s: %s\n", render_safe(render_text(c, "topic")), render_safe(render_text(c, "status")), render_safe(render_text(c, "text")));
    if (*render_text(why, "fix"))
        printf("  fix: %s\n", render_safe(render_text(why, "fix")));
    if (*render_text(why, "last_said"))
        printf("  last said: %s\n", render_safe(render_text(why, "last_said")));
}

static void show(const struct ctl_call *call, enum ctl_output output, const json_t *why)
{
    (void)call;
    if (output == CTL_NAME) {
        BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
        view_name_instance(why, &name);
        puts(render_safe(bf_buf_cstr(&name)));
        return;
    }
    const char *partition = render_text(why, "partition");
    printf("%s%s%s%s is %s", render_safe(render_text(why, "step")), *partition ? "[" : "", render_safe(partition),
           *partition ? "]" : "", render_safe(render_text(why, "state")));
    if (render_number(why, "attempts") > 0)
        printf(" (attempts: %" PRId64 ")", render_number(why, "attempts"));
    printf("\n%s\n", render_safe(render_text(why, "summary")));
    size_t i;
    json_t *b;
    json_array_foreach(json_object_get(why, "blockers"), i, b) {
        printf("  %zu. %s: %s\n", i + 1, render_safe(render_text(b, "kind")), render_safe(render_text(b, "detail")));
        show_clears(render_text(b, "clears_at"));
        if (*render_text(b, "remedy"))
            printf("     %s\n", render_safe(render_text(b, "remedy")));
    }
    json_array_foreach(json_object_get(why, "outside"), i, b)
        printf("  %s\n", render_safe(render_text(b, "detail")));
    const json_t *failure = json_object_get(why, "failure");
    if (json_is_object(failure))
        printf("last failure (%s): %s\n", render_safe(render_text(failure, "class")), render_safe(render_text(failure, "text")));
    show_told(why);
    show_annotations(json_object_get(why, "annotations"));
}

static int run(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_WHY);
    if (words_backfill(call->words[0], &req.backfill, &call->err) != BF_OK ||
        words_selectors(call->words + 1, 1, &req, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return query_run(call, &req, CTL_TEXT, CTL_TEXT | CTL_TABLE | CTL_NAME, show);
}

const struct ctl_command cmd_why = {
    .usage = "why ID|@latest SELECTOR [-o text|json|yaml|name] [options]",
    .about = "The selector picks one step instance: STEP[PARTITION], or STEP where the step has no partitions.",
    .examples = "  bfctl why @latest 'revenue[2024-01-31]'",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 2, .max_words = 2, .run = run};
