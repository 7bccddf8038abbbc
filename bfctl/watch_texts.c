/* The pages that are texts: why of one instance with its last attempt's checks, failures by cause, the keys. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/failures.h"
#include "bfctl/render.h"
#include "bfctl/watch_draw.h"
#include "bfctl/watch_words.h"

static void put_blockers(const json_t *why, struct bf_buf *ret)
{
    size_t i;
    json_t *b;
    char when[RENDER_TIME_MAX];
    json_array_foreach(json_object_get(why, "blockers"), i, b) {
        bf_buf_printf(ret, "  %zu. %s: %s\n", i + 1, render_safe(render_text(b, "kind")), render_safe(render_text(b, "detail")));
        if (*render_text(b, "clears_at"))
            bf_buf_printf(ret, "     %s at %s\n", strcmp(render_text(b, "clears_by"), "baseline") == 0 ? "expected to clear" : "clears",
                          render_time(render_text(b, "clears_at"), when));
        if (*render_text(b, "remedy"))
            bf_buf_printf(ret, "     %s\n", render_safe(render_text(b, "remedy")));
        if (*render_text(b, "do") && !strstr(render_text(b, "remedy"), render_text(b, "do")))
            bf_buf_printf(ret, "     do: %s\n", render_safe(render_text(b, "do")));
    }
    json_array_foreach(json_object_get(why, "outside"), i, b)
        bf_buf_printf(ret, "  %s\n", render_safe(render_text(b, "detail")));
}

static void put_failure(const json_t *why, struct bf_buf *ret)
{
    const json_t *failure = json_object_get(why, "failure"), *sql = json_object_get(why, "sql");
    if (json_is_object(failure))
        bf_buf_printf(ret, "last failure (%s): %s\n", render_safe(render_text(failure, "class")),
                      render_safe(render_text(failure, "text")));
    if (json_is_object(sql))
        bf_buf_printf(ret, "  statement %" PRId64 ", line %" PRId64 ": %s\n", render_number(sql, "statement"), render_number(sql, "line"),
                      render_folded(render_text(sql, "excerpt")));
    if (*render_text(why, "fix"))
        bf_buf_printf(ret, "  fix: %s\n", render_safe(render_text(why, "fix")));
    if (*render_text(why, "last_said"))
        bf_buf_printf(ret, "  last said: %s\n", render_safe(render_text(why, "last_said")));
}

static void put_checks(const json_t *rows, struct bf_buf *ret)
{
    size_t i;
    json_t *r;
    if (json_array_size(rows) > 0)
        bf_buf_put_str(ret, "\nchecks of the last attempt:\n");
    json_array_foreach(rows, i, r) {
        const char *status = render_text(r, "status");
        bf_buf_printf(ret, "  %c %s (%s) %s: %s\n", strcmp(status, "passed") == 0 ? '#' : 'x', render_safe(render_text(r, "name")),
                      render_safe(render_text(r, "severity")), strcmp(status, "could_not_run") == 0 ? "could not run" : render_safe(status),
                      render_safe(render_text(r, "text")));
    }
}

static void put_notes(const json_t *a, struct bf_buf *ret)
{
    char took[WATCH_WORDS_MAX], when[RENDER_TIME_MAX];
    bf_buf_printf(ret, "\npriority %s", render_safe(render_text(a, "priority")));
    if (render_number(a, "expected_ms") > 0) {
        watch_took_words(render_number(a, "expected_ms"), took);
        bf_buf_printf(ret, "; expected to take %s", took);
    }
    if (*render_text(a, "deadline"))
        bf_buf_printf(ret, "; deadline %s", render_time(render_text(a, "deadline"), when));
    bf_buf_put_str(ret, "\n");
    for (size_t i = 0; i < PLAN_WORDS_COUNT; i++)
        if (*render_text(a, plan_words_key(i)))
            bf_buf_printf(ret, "%s: %s\n", plan_words_key(i), render_safe(render_text(a, plan_words_key(i))));
}

void watch_text_instance(const struct watch_view *v, const struct watch_data *d, struct bf_buf *ret)
{
    const json_t *why = d->detail;
    bf_buf_printf(ret, "%s%s%s%s is %s", render_safe(v->step), *v->partition ? "[" : "", render_safe(v->partition),
                  *v->partition ? "]" : "", render_safe(render_text(why, "state")));
    if (render_number(why, "attempts") > 0)
        bf_buf_printf(ret, " (attempts: %" PRId64 ")", render_number(why, "attempts"));
    bf_buf_printf(ret, "\n%s\n", render_safe(render_text(why, "summary")));
    put_blockers(why, ret);
    put_failure(why, ret);
    put_checks(json_object_get(d->checks, "rows"), ret);
    if (json_is_object(json_object_get(why, "annotations")))
        put_notes(json_object_get(why, "annotations"), ret);
}

void watch_text_failures(const struct watch_data *d, struct bf_buf *ret)
{
    json_t *groups = failures_merge(json_object_get(d->detail, "rows"));
    failures_tell(groups, ret);
    if (json_array_size(groups) == 0)
        bf_buf_put_str(ret, "nothing has failed");
    if (json_is_integer(json_object_get(d->detail, "next")))
        bf_buf_printf(ret, "and more: bfctl failures %s\n", render_safe(render_text(d->watch, "id")));
    json_decref(groups);
}

void watch_text_help(struct bf_buf *ret)
{
    bf_buf_put_str(ret,
        "up down, j k     move; PgUp PgDn, g G: by pages, to the ends\n"
        "enter            open what is selected: a step, a partition, why\n"
        "q esc            back; q on the first page leaves; the backfill goes on\n"
        "l                log of the selected partition, followed\n"
        "n                next partition that failed or waits to be tried again\n"
        "f w a p          failures by cause, what waits and why, agents, pools\n"
        "/                show only the steps that have this in their name\n"
        "s                sort the steps: order of the plan, worst first, by name\n"
        "space            freeze the screen, and go on\n"
        "\n"
        "# done  > running  o ready  ! waits to be tried again  . waiting  x failed\n"
        "= held  ~ cannot run because of a failure before it  - cancelled\n"
        "Where partitions share a character, the worst shows.\n"
        "\n"
        "By weight: each instance counts as long as those of its step have taken.\n"
        "To go: between the larger of (work left / work done at once) and the longest\n"
        "chain that is left, and their sum.\n");
}
