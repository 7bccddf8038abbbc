/* What edges need beyond the range: by hand, and against a table that reaches further. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/mem.h"
#include "plan/outside.h"
#include "test_plan_support.h"

#define HEAD "apiVersion: backfill/v1\nkind: Plan\nname: p\n"

/* Keys of what an edge of the last step needs outside, in order, with blanks between. */
static void expect_outside(const char *text, const char *wanted)
{
    struct compiled c = compile_text(text);
    struct bf_buf keys = {0};
    struct plan_outside_partitions o;
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    uint32_t last = (uint32_t)c.plan->n_steps - 1;
    cr_assert_eq(c.plan->steps[last].n_edges, 1);
    const struct plan_partitions *up = c.plan->steps[c.plan->steps[last].edges[0].upstream].partitions;
    bool any = plan_outside(c.plan, last, &c.plan->steps[last].edges[0], &o);
    for (uint32_t i = 0; any && i < o.table.n; i++) {
        char key[PLAN_KEY_MAX];
        plan_partition_key(&o.table, i, key);
        bf_buf_printf(&keys, "%s%s", i ? " " : "", key);
        cr_expect_lt(o.table.start_s[i], o.end_s[i]);
        cr_expect(o.end_s[i] <= up->start_s[0] || o.table.start_s[i] >= up->start_s[up->n], "%s lies in the range", key);
    }
    cr_expect_eq(any, *wanted != '\0');
    cr_expect_str_eq(bf_buf_cstr(&keys), wanted, "%s: %s", text, bf_buf_cstr(&keys));
    if (any)
        plan_outside_done(&o);
    bf_buf_free(&keys);
    compiled_done(&c);
}

static void expect_days(const char *need, const char *wanted)
{
    BF_AUTO_FREE char *text = bf_xasprintf(HEAD "partitions: {grain: day, from: 2024-01-01, to: 2024-01-03}\nsteps:\n  a: {noop: true}\n"
                                           "  b: {noop: true, needs: [{a: %s, outside: require_success}]}\n", need);
    expect_outside(text, wanted);
}

Test(plan_outside, direct)
{
    expect_days("same", "");
    expect_days("all", "");
    expect_days("previous 1", "2023-12-31");
    expect_days("previous 2", "2023-12-30 2023-12-31");
    expect_days("previous 5", "2023-12-27 2023-12-28 2023-12-29");
    expect_days("window -1..1", "2023-12-31 2024-01-04");
    expect_days("window 0..2", "2024-01-04 2024-01-05");
    expect_days("window 4..4", "2024-01-05 2024-01-06 2024-01-07");
    expect_days("window 0..0", "");
    expect_days("window -8..-6", "2023-12-24 2023-12-25 2023-12-26 2023-12-27 2023-12-28");
    expect_days("window -1..0", "2023-12-31");
}

Test(plan_outside, hours_over_a_clock_change)
{
    expect_outside(HEAD "partitions: {grain: hour, from: 2024-10-27T03, to: 2024-10-28T00, timezone: Europe/Berlin}\n"
                        "steps: {a: {noop: true, needs: [{a: previous 3}]}}\n",
                   "2024-10-27T01+02:00 2024-10-27T02+02:00 2024-10-27T02+01:00");
    expect_outside(HEAD "partitions: {grain: hour, from: 2024-03-31T03, to: 2024-03-31T05, timezone: Europe/Berlin}\n"
                        "steps: {a: {noop: true, needs: [{a: previous 2}]}}\n",
                   "2024-03-31T00+01:00 2024-03-31T01+01:00");
}

Test(plan_outside, days_that_do_not_exist)
{
    expect_outside(HEAD "partitions: {grain: day, from: 2011-12-31, to: 2012-01-02, timezone: Pacific/Apia}\n"
                        "steps: {a: {noop: true, needs: [{a: previous 2}]}}\n", "2011-12-28 2011-12-29");
}

/* What a coarse partition needs of the finer ones that the range cuts off, on both sides. */
Test(plan_outside, contained)
{
    static const char plan[] = HEAD "partitions: {grain: day, from: %s, to: %s}\nsteps:\n  a: {noop: true}\n"
                               "  m: {noop: true, partitions: {grain: month, partial: allow}, needs: [a]}\n";
    static const char *const cases[][3] = {
        {"2024-01-01", "2024-01-31", ""},
        {"2024-01-03", "2024-01-31", "2024-01-01 2024-01-02"},
        {"2024-01-03", "2024-02-27", "2024-01-01 2024-01-02 2024-02-28 2024-02-29"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BF_AUTO_FREE char *text = bf_xasprintf(plan, cases[i][0], cases[i][1]);
        expect_outside(text, cases[i][2]);
    }
}

/* At the ends of the calendar there is nothing beyond. */
Test(plan_outside, ends_of_time)
{
    expect_outside(HEAD "partitions: {grain: day, from: 0001-01-01, to: 0001-01-02}\nsteps: {a: {noop: true, needs: [{a: previous 9}]}}\n",
                   "");
    expect_outside(HEAD "partitions: {grain: month, from: 9999-11, to: 9999-12}\nsteps:\n  a: {noop: true}\n"
                        "  b: {noop: true, needs: [{a: window 1..2, outside: assume}]}\n", "");
    expect_outside(HEAD "partitions: {grain: month, from: 2024-01, to: 2024-01}\nsteps: {a: {noop: true, needs: [{a: previous 100000}]}}\n",
                   "");
}
