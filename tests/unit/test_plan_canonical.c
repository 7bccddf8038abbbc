/* The canonical pairs: which there are, and how each value is spelled. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "plan/canonical.h"
#include "test_plan_support.h"

#define HEAD "apiVersion: backfill/v1\nkind: Plan\nname: p\n"

/* Every pair of a plan as "path = value", words in brackets, notes in parentheses. */
static void write_all(const struct plan *p, struct bf_buf *ret)
{
    static const char *const marks[] = {[PLAN_DOES] = "", [PLAN_NOTES] = " (notes)", [PLAN_WORDS] = " (words)"};
    struct plan_pairs pairs = {0};
    for (enum plan_section s = 0; s < PLAN_SECTION_COUNT; s++) {
        uint32_t *order = plan_section_sorted(p, s);
        for (size_t i = 0; i < plan_section_items(p, s); i++) {
            plan_pairs_of(p, s, order[i], &pairs);
            for (size_t k = 0; k < pairs.n; k++) {
                plan_path(s, plan_item_name(p, s, order[i]), pairs.at[k].key, ret);
                bf_buf_printf(ret, " = %s%s\n", pairs.at[k].value, marks[pairs.at[k].fact]);
                cr_expect_eq(strlen(pairs.at[k].value), pairs.at[k].value_len);
            }
        }
        free(order);
    }
    plan_pairs_done(&pairs);
}

Test(plan_canonical, everything)
{
    struct compiled c = compile_text(
        HEAD "owner: me\nchange_ticket: T-1\nsensitivity: restricted\n"
        "owners: {me: {contact: here}}\n"
        "partitions: {grain: day, from: 2024-03-01, to: 2024-04-30, timezone: Europe/Berlin}\n"
        "pools: {w: {slots: 12, description: what it bears}}\nparams: {ledger: main, other: x}\n"
        "connections: {c: {odbc: \"Driver=x;PWD=${env:P}\"}}\n"
        "datasets: {in: {external: true}, out: {connection: c, partition_column: day}, own: {}}\n"
        "exposures: {dash: {reads: [out], owner: me, deadline: \"2024-06-01T06:00\"}}\n"
        "steps:\n"
        "  load: {sql: {connection: c, transaction: true, text: \"select {{params.ledger}};\\n\"}, inputs: [in], outputs: [out], pool: w,\n"
        "    weight: 7, tags: [b, a], tolerance: 90m, deadline: \"2024-06-01T06:00+00:00\", retry: {max: 3, backoff: {initial: 1500ms, "
        "factor: 1.5}},\n    timebox: {limit: 1h, then: kill_and_fail}, agents: {labels: {zone: far}, prefer: inputs, wait: 90s, spread: rack}, why: because}\n"
        "  sum: {run: [python3, \"a b\", \"{{ partition.date }}\", \"{{ \\\"{{\\\" }}\"], env: {TZ: UTC}, outputs: [own], on_lost: "
        "wait_for_fence,\n    inputs: [out, own], needs: [{load: window -6..0}, {load: previous 9, outside: require_success}, {sum: "
        "previous 1}], expect: {duration: 1d}}\n");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    struct bf_buf got = {0};
    write_all(c.plan, &got);
    expect_file(BF_SOURCE_DIR "/tests/unit/plans/canonical.expected", bf_buf_cstr(&got));
    bf_buf_free(&got);
    compiled_done(&c);
}

/* Checks, promises, calls, shells: the plans of the corpus that have them, one behind another. */
Test(plan_canonical, checks_and_calls)
{
    static const char *const plans[] = {"checks.yaml", "swap.yaml", "http.yaml", "shell_and_warehouse.yaml"};
    struct bf_buf got = {0};
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct compiled c = compile_file(BF_SOURCE_DIR "/tests/unit/plans/good", plans[i]);
        cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
        bf_buf_printf(&got, "# %s\n", plans[i]);
        write_all(c.plan, &got);
        compiled_done(&c);
    }
    expect_file(BF_SOURCE_DIR "/tests/unit/plans/canonical_checks.expected", bf_buf_cstr(&got));
    bf_buf_free(&got);
}

Test(plan_canonical, durations)
{
    static const struct { int64_t ms; const char *text; } cases[] = {
        {0, "0s"}, {1, "1ms"}, {1000, "1s"}, {1500, "1s500ms"}, {60000, "1m"}, {5400000, "1h30m"}, {86400000, "1d"},
        {90061001, "1d1h1m1s1ms"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf b = {0};
        plan_duration_text(cases[i].ms, &b);
        cr_expect_str_eq(bf_buf_cstr(&b), cases[i].text);
        bf_buf_free(&b);
    }
}

/* The range by its partitions, and by dates where it cuts through one. */
Test(plan_canonical, ranges)
{
    static const struct { const char *partitions, *from, *to; } cases[] = {
        {"{grain: day, from: 2024-01-01, to: 2024-01-31}", "2024-01-01", "2024-01-31"},
        {"{grain: month, from: 2024-01, to: 2024-03}", "2024-01", "2024-03"},
        {"{grain: month, from: 2024-01-15, to: 2024-03-31, partial: allow}", "2024-01-15", "2024-03"},
        {"{grain: week, from: 2024-W05, to: 2024-W06}", "2024-W05", "2024-W06"},
        {"{grain: hour, from: 2024-03-31, to: 2024-03-31, timezone: Europe/Berlin}", "2024-03-31T00+01:00", "2024-03-31T23+02:00"},
        {"{grain: day, from: 2024-01-01T05, to: 2024-01-03T11, partial: allow}", "2024-01-01T05+00:00", "2024-01-03T11+00:00"},
        /* The clock of Havana goes from 01:00 back to midnight: only the first of the two begins the day. */
        {"{grain: day, from: 2024-11-03, to: 2024-11-05, timezone: America/Havana}", "2024-11-03", "2024-11-05"},
        {"{grain: day, from: 2024-11-03T00-04:00, to: 2024-11-05, timezone: America/Havana}", "2024-11-03", "2024-11-05"},
        {"{grain: day, from: 2024-11-03T00-05:00, to: 2024-11-05, timezone: America/Havana, partial: allow}",
         "2024-11-03T00-05:00", "2024-11-05"},
        {"{grain: day, from: 2024-11-01, to: 2024-11-03T00-04:00, timezone: America/Havana, partial: allow}",
         "2024-11-01", "2024-11-03T00-04:00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf text = {0};
        char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];
        bf_buf_printf(&text, HEAD "partitions: %s\nsteps: {a: {noop: true}}\n", cases[i].partitions);
        struct compiled c = compile_text(bf_buf_cstr(&text));
        cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
        plan_range_text(c.plan, from, to);
        cr_expect_str_eq(from, cases[i].from, "%s gives %s", cases[i].partitions, from);
        cr_expect_str_eq(to, cases[i].to, "%s gives %s", cases[i].partitions, to);
        compiled_done(&c);
        bf_buf_free(&text);
    }
}

Test(plan_canonical, no_range)
{
    struct compiled c = compile_text(HEAD "steps: {a: {noop: true}}\n");
    char from[PLAN_KEY_MAX] = "x", to[PLAN_KEY_MAX] = "x";
    plan_range_text(c.plan, from, to);
    cr_expect_str_eq(from, "");
    cr_expect_str_eq(to, "");
    compiled_done(&c);
}
