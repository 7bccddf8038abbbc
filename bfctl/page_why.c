/* The page of one step instance: its blockers in order, what its newest attempt told, and what the plan says of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/page.h"
#include "bfctl/render.h"
#include "common/mem.h"
#include "common/text.h"

static void show_clears(const json_t *blocker)
{
    const char *at = render_text(blocker, "clears_at");
    bool expected = strcmp(render_text(blocker, "clears_by"), "baseline") == 0;
    int64_t clears_ms = render_time_ms(at);
    if (clears_ms < 0)
        return;
    char in[32], when[RENDER_TIME_MAX];
    int64_t left_ms = clears_ms - render_now_us() / 1000;
    bf_format_duration(left_ms > 0 ? (left_ms + 999) / 1000 * 1000 : 0, in, sizeof in);
    printf("     %s at %s", expected ? "expected to clear" : "clears", render_time(at, when));
    if (left_ms > 0)
        printf(", in %s", in);
    printf("\n");
}

/* What would change it; and the command, unless the sentence has it. */
static void show_help(const json_t *blocker)
{
    const char *remedy = render_text(blocker, "remedy"), *act = render_text(blocker, "do");
    if (*remedy)
        printf("     %s\n", render_safe(remedy));
    if (*act && !strstr(remedy, act))
        printf("     do: %s\n", render_safe(act));
}

/* "; deadline 2026-06-01 06:00:00Z, 3h past" */
static void show_deadline(const char *at)
{
    char in[32], when[RENDER_TIME_MAX];
    int64_t left_ms = render_time_ms(at) - render_now_us() / 1000;
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

char *page_yielded(const json_t *y)
{
    char lost[32], now[32];
    const char *pool = render_text(y, "pool");
    int64_t times = render_number(y, "times");
    bool yields = json_is_integer(json_object_get(y, "yields_ms"));
    bf_format_duration(render_number(y, "lost_ms"), lost, sizeof lost);
    bf_format_duration(render_number(y, "yields_ms"), now, sizeof now);
    BF_AUTO_FREE char *often = times == 1 ? bf_xstrdup("once") : bf_xasprintf("%" PRId64 " times", times);
    return bf_xasprintf("class %s yielded %s to better ones%s%s, %s in all%s%s", render_safe(render_text(y, "class")), often,
                        *pool ? " in pool " : "", render_safe(pool), lost, yields ? "; now for " : "", yields ? now : "");
}

/* "  degraded: class low yielded 3 times to better ones in pool warehouse, 4m in all" */
static void show_yielded(const json_t *y)
{
    BF_AUTO_FREE char *words = json_is_object(y) ? page_yielded(y) : NULL;
    if (words)
        printf("  degraded: %s\n", words);
}

char *page_straggler(const json_t *s)
{
    char elapsed[32], usual[32];
    bf_format_duration(render_number(s, "elapsed_ms"), elapsed, sizeof elapsed);
    bf_format_duration(render_number(s, "usual_ms"), usual, sizeof usual);
    bool profile = strcmp(render_text(s, "baseline"), "profile") == 0;
    const char *rerun = render_text(s, "rerun");
    return bf_xasprintf("%s so far on %s; %s %s%s%s", elapsed, render_safe(render_text(s, "agent")),
                        profile ? "95 % of its like are done in" : "its plan expects", usual, *rerun ? "; " : "", rerun);
}

/* "  takes long: 12m so far on agent-3; 95 % of its like are done in 3m" */
static void show_straggler(const json_t *s)
{
    BF_AUTO_FREE char *words = json_is_object(s) ? page_straggler(s) : NULL;
    if (words)
        printf("  takes long: %s\n", words);
}

/* "  run again: the attempt before took 4m on agent-1, and 20s is usual" */
static void show_rerun(const json_t *r)
{
    char took[32], usual[32];
    if (!json_is_object(r) || strcmp(render_text(r, "phase"), "asked") == 0)      /* takes long, and says so */
        return;
    bf_format_duration(render_number(r, "took_ms"), took, sizeof took);
    bf_format_duration(render_number(r, "usual_ms"), usual, sizeof usual);
    printf("  run again: the attempt before took %s on %s, and %s is usual\n", took, render_safe(render_text(r, "from")), usual);
}

/* "  placed: agent-2 made its inputs" */
static void show_placed(const json_t *placed)
{
    const char *detail = json_is_object(placed) ? render_text(placed, "detail") : "";
    if (*detail)
        printf("  placed: %s\n", render_safe(detail));
}

/* "  timebox: 2m past its limit of 1h; it only warns" */
static void show_past_timebox(const json_t *t)
{
    char past[32], limit[32];
    if (!json_is_object(t))
        return;
    bf_format_duration(render_number(t, "past_ms"), past, sizeof past);
    bf_format_duration(render_number(t, "limit_ms"), limit, sizeof limit);
    printf("  timebox: %s past its limit of %s; it only warns\n", past, limit);
}

static void put_names(const json_t *list, const char *before)
{
    size_t i;
    json_t *name;
    json_array_foreach((json_t *)list, i, name)
        printf("%s%s", i ? ", " : before, render_safe(json_string_value(name) ? json_string_value(name) : ""));
}

/* "  used: cpu 1.2s (throttled 300ms), memory 511.9 MiB of 512 MiB, 12 processes; reached its limit of memory" */
static void show_usage(const json_t *why)
{
    char cpu[32], throttled[32], memory[32], of[32];
    const json_t *u = json_object_get(why, "usage"), *asked = json_object_get(why, "asked");
    if (json_is_object(u)) {
        bf_format_duration(render_number(u, "cpu_ms"), cpu, sizeof cpu);
        bf_format_duration(render_number(u, "throttled_ms"), throttled, sizeof throttled);
        bf_format_size((uint64_t)render_number(u, "peak_memory_bytes"), memory, sizeof memory);
        bf_format_size((uint64_t)render_number(asked, "memory_bytes"), of, sizeof of);
        printf("  used: cpu %s", cpu);
        if (render_number(u, "throttled_ms") > 0)
            printf(" (throttled %s)", throttled);
        if (render_number(u, "peak_memory_bytes") > 0)
            printf(", memory %s", memory);
        if (render_number(u, "peak_memory_bytes") > 0 && render_number(asked, "memory_bytes") > 0)
            printf(" of %s", of);
        if (render_number(u, "peak_pids") > 0)
            printf(", %" PRId64 " process%s", render_number(u, "peak_pids"), render_number(u, "peak_pids") == 1 ? "" : "es");
        put_names(json_object_get(u, "limits_hit"), "; reached its limit of ");
        printf("\n");
    }
    if (json_array_size(json_object_get(why, "not_enforced")) > 0) {
        put_names(json_object_get(why, "not_enforced"), "  not enforced on its agent, only measured: ");
        printf("\n");
    }
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
        printf("  %s %s: %s\n", render_safe(render_text(c, "topic")), render_safe(render_text(c, "status")),
               render_safe(render_text(c, "text")));
    show_usage(why);
    if (*render_text(why, "fix"))
        printf("  fix: %s\n", render_safe(render_text(why, "fix")));
    if (*render_text(why, "last_said"))
        printf("  last said: %s\n", render_safe(render_text(why, "last_said")));
}

void page_why(const json_t *why)
{
    const char *partition = render_text(why, "partition");
    printf("%s%s%s%s is %s", render_safe(render_text(why, "step")), *partition ? "[" : "", render_safe(partition),
           *partition ? "]" : "", render_safe(render_text(why, "state")));
    if (render_number(why, "attempts") > 0)
        printf(" (attempts: %" PRId64 ")", render_number(why, "attempts"));
    printf("\n");
    if (json_array_size(json_object_get(why, "blockers")) == 0)      /* else the first of them says the same */
        printf("%s\n", render_safe(render_text(why, "summary")));
    size_t i;
    json_t *b;
    json_array_foreach(json_object_get(why, "blockers"), i, b) {
        printf("  %zu. %s: %s\n", i + 1, render_safe(render_text(b, "kind")), render_safe(render_text(b, "detail")));
        show_clears(b);
        show_help(b);
    }
    json_array_foreach(json_object_get(why, "outside"), i, b)
        printf("  %s\n", render_safe(render_text(b, "detail")));
    show_placed(json_object_get(why, "placed"));
    show_straggler(json_object_get(why, "straggler"));
    show_rerun(json_object_get(why, "rerun"));
    show_past_timebox(json_object_get(why, "past_timebox"));
    show_yielded(json_object_get(why, "yielded"));
    const json_t *failure = json_object_get(why, "failure");
    if (json_is_object(failure))
        printf("last failure (%s): %s\n", render_safe(render_text(failure, "class")), render_safe(render_text(failure, "text")));
    show_told(why);
    show_annotations(json_object_get(why, "annotations"));
}

/* "     holds 300, and at most 600 wait behind: load[2024-01-03], …"; of what failed: "     holds 7, because of load[2024-01-03]" */
static void show_holds(const json_t *cause)
{
    size_t i;
    json_t *name;
    int64_t holds = render_number(cause, "holds"), behind = render_number(cause, "behind");
    const json_t *examples = json_object_get(cause, "examples");
    bool causes = strcmp(render_text(cause, "kind"), "upstream_failed") == 0;        /* the examples are what failed, not what it holds */
    if (holds > 0 && behind > 0)
        printf("     holds %" PRId64 ", and at most %" PRId64 " wait behind", holds, behind);
    else if (holds > 0)
        printf("     holds %" PRId64, holds);
    else
        printf("     at most %" PRId64 " wait behind", behind);
    json_array_foreach(examples, i, name)
        printf("%s%s", i ? ", " : causes ? ", because of " : ": ", render_safe(json_string_value(name)));
    printf("%s\n", !causes && json_array_size(examples) > 0 && holds > (int64_t)json_array_size(examples) ? ", …" : "");
}

void page_why_summary(const json_t *summary)
{
    const json_t *counts = json_object_get(summary, "counts"), *causes = json_object_get(summary, "causes");
    size_t i;
    json_t *c;
    printf("%s (%s) is %s: %" PRId64 " of %" PRId64 " done, %" PRId64 " running, %" PRId64 " ready, %" PRId64 " waiting",
           render_safe(render_text(summary, "backfill")), render_safe(render_text(summary, "plan")),
           render_safe(render_text(summary, "state")), render_number(counts, "succeeded") + render_number(counts, "skipped"),
           render_number(counts, "total"), render_number(counts, "running") + render_number(counts, "assigned"),
           render_number(counts, "ready"), render_number(counts, "waiting"));
    if (render_number(counts, "backing_off") > 0)
        printf(", %" PRId64 " backing off", render_number(counts, "backing_off"));
    if (render_number(counts, "failed") > 0)
        printf(", %" PRId64 " failed", render_number(counts, "failed"));
    putchar('\n');
    if (json_array_size(causes) == 0 && render_number(counts, "failed") > 0)
        printf("nothing waits for what failed: bfctl failures %s says why it did\n", render_safe(render_text(summary, "backfill")));
    else if (json_array_size(causes) == 0)
        printf("nothing holds anything of it\n");
    json_array_foreach(causes, i, c) {
        printf("  %zu. %s: %s\n", i + 1, render_safe(render_text(c, "kind")), render_safe(render_text(c, "detail")));
        show_holds(c);
        show_clears(c);
        show_help(c);
    }
    if (render_number(summary, "left_out") > 0)
        printf("  more causes: %" PRId64 ", each of which holds less\n", render_number(summary, "left_out"));
    if (json_is_false(json_object_get(summary, "complete")))
        printf("it is being counted: ask again in a moment for all of it\n");
}
