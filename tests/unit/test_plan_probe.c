/* `probe:` of a connection: what is read, what is refused and where, and what the agent's helpers are told. */
#include <criterion/criterion.h>
#include <string.h>

#include "plan/probe.h"
#include "test_plan_support.h"

static struct compiled with_probe(const char *probe)
{
    struct bf_buf b = {0};
    bf_buf_printf(&b, "apiVersion: backfill/v1\nkind: Plan\nname: p\nconnections:\n  wh:\n    odbc: x\n    probe: %s\n"
                  "steps: {a: {noop: true}}\n", probe);
    struct compiled c = compile_text(bf_buf_cstr(&b));
    bf_buf_free(&b);
    return c;
}

Test(plan_probe, one_that_no_pool_heeds_is_a_warning)
{
    struct compiled c = compile_text("apiVersion: backfill/v1\nkind: Plan\nname: p\nconnections:\n"
                                     "  wh: {odbc: x, probe: {sql: select 1, target: 500ms, limit: 2s}}\npools: {a: {slots: 2}}\n"
                                     "steps: {a: {sql: {connection: wh, transaction: true, text: select 1}, pool: a}}\n");
    cr_assert_not_null(c.plan, "%s", bf_buf_cstr(&c.said));
    cr_expect_not_null(strstr(bf_buf_cstr(&c.said), "governs nothing"), "%s", bf_buf_cstr(&c.said));
    compiled_done(&c);
}

Test(plan_probe, a_throttle_that_no_probe_moves_is_a_warning)
{
    static const struct { const char *probe, *step; bool warned; } cases[] = {
        {", probe: {sql: select 1, target: 500ms, limit: 2s}", "sql: {connection: wh, transaction: true, text: select 1}", false},
        {"", "sql: {connection: wh, transaction: true, text: select 1}", true}, {"", "noop: true", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf b = {0};
        bf_buf_printf(&b, "apiVersion: backfill/v1\nkind: Plan\nname: p\nconnections: {wh: {odbc: x%s}}\n"
                      "pools: {a: {slots: 2, throttle: {algorithm: aimd, min: 1, max: 2}}}\nsteps: {a: {%s, pool: a}}\n", cases[i].probe,
                      cases[i].step);
        struct compiled c = compile_text(bf_buf_cstr(&b));
        cr_assert_not_null(c.plan, "%s", bf_buf_cstr(&c.said));
        cr_expect_eq(strstr(bf_buf_cstr(&c.said), "pool `a` has a `throttle`, and no sql step") != NULL, cases[i].warned, "%s",
                     bf_buf_cstr(&c.said));
        compiled_done(&c);
        bf_buf_free(&b);
    }
}

Test(plan_probe, read)
{
    struct compiled c = with_probe("{sql: select 1, target: 500ms, limit: 2s}");
    cr_assert_not_null(c.plan, "%s", bf_buf_cstr(&c.said));
    cr_expect_eq(c.d.n, 0, "a connection that is probed is used, if only to be seen: %s", bf_buf_cstr(&c.said));
    const struct plan_probe *p = c.plan->connections[0].probe;
    cr_expect_eq(p->kind, PLAN_PROBE_SQL);
    cr_expect_str_eq(p->sql, "select 1");
    cr_expect_eq(p->every_ms, 5000);
    cr_expect_eq(p->target, 500000);
    cr_expect_eq(p->limit, 2000000);
    cr_expect(!p->value);
    cr_expect_eq(plan_probe_patience_ms(p), 5000, "at least 5 s");
    compiled_done(&c);

    c = with_probe("{run: [load, --now], measure: value, every: 20s, target: 0.25, limit: 7}");
    cr_assert_not_null(c.plan, "%s", bf_buf_cstr(&c.said));
    p = c.plan->connections[0].probe;
    cr_expect_eq(p->kind, PLAN_PROBE_RUN);
    cr_expect_eq(p->n_argv, 2);
    cr_expect_eq(p->target, 250000);
    cr_expect_eq(p->limit, 7000000);
    cr_expect_eq(plan_probe_patience_ms(p), 40000);
    compiled_done(&c);

    c = with_probe("{http: {url: \"https://x/y\", method: POST}, target: 1s, limit: 5m}");
    cr_assert_not_null(c.plan, "%s", bf_buf_cstr(&c.said));
    p = c.plan->connections[0].probe;
    cr_expect_str_eq(p->url, "https://x/y");
    cr_expect_str_eq(p->method, "POST");
    cr_expect_eq(plan_probe_patience_ms(p), 60000, "at most a minute");
    compiled_done(&c);
}

/* A canary is given up before: it would be unreadable, and never over the limit. */
Test(plan_probe, a_limit_that_is_never_reached_is_a_warning)
{
    static const struct { const char *probe; bool warned; } cases[] = {
        {"{sql: select 1, target: 1s, limit: 60s}", false}, {"{sql: select 1, target: 1s, limit: 61s}", true},
        {"{sql: select 1, measure: value, target: 1, limit: 1000000}", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct compiled c = with_probe(cases[i].probe);
        cr_assert_not_null(c.plan, "%s", bf_buf_cstr(&c.said));
        cr_expect_eq(strstr(bf_buf_cstr(&c.said), "never reached: a canary is given up after 1m") != NULL, cases[i].warned, "%s:\n%s",
                     cases[i].probe, bf_buf_cstr(&c.said));
        compiled_done(&c);
    }
}

Test(plan_probe, refused)
{
    static const struct { const char *probe, *said; } cases[] = {
        {"{sql: select 1, target: 2s, limit: 2s}", "must be over its `target`"},
        {"{sql: select 1, measure: value, target: 0, limit: 10}", "must be more than 0"},
        {"{sql: select 1, target: 5, limit: 9}", "`target` must be a duration"},
        {"{sql: select 1, measure: value, target: 1s, limit: 2s}", "`target` must be a number"},
        {"{sql: select 1, target: 1s}", "`limit`"},
        {"{target: 1s, limit: 2s}", "`sql`"},
        {"{sql: select 1, run: [a], target: 1s, limit: 2s}", "`run`"},
        {"{sql: select 1, every: 100ms, target: 1s, limit: 2s}", "`every`"},
        {"{sql: select 1, every: 2h, target: 1s, limit: 2s}", "one hour at most"},
        {"{sql: \"select {{ partition.date }}\", target: 1s, limit: 2s}", "belongs to no step"},
        {"{run: [a, \"${env:X}\"], target: 1s, limit: 2s}", "would be taken as text"},
        {"{http: {url: ftp://x}, target: 1s, limit: 2s}", "http"},
        {"{http: {url: \"http://x\", method: HEAD}, measure: value, target: 1, limit: 2}", "a HEAD has no answer"},
        {"{sql: select 1, target: 1s, limit: 2s, timeout: 1s}", "unknown key"},
        {"{sql: \"\", target: 1s, limit: 2s}", "sql"},
        {"7", "map"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct compiled c = with_probe(cases[i].probe);
        cr_expect_null(c.plan, "%s", cases[i].probe);
        cr_expect_not_null(strstr(bf_buf_cstr(&c.said), cases[i].said), "%s:\n%s", cases[i].probe, bf_buf_cstr(&c.said));
        cr_expect_not_null(strstr(bf_buf_cstr(&c.said), "plan.yaml:7:"), "%s:\n%s", cases[i].probe, bf_buf_cstr(&c.said));
        compiled_done(&c);
    }
}

Test(plan_probe, told_to_helpers)
{
    struct bf_buf b = {0};
    struct compiled c = with_probe("{sql: \"select \\\"a\\\"\", every: 2s, target: 1s, limit: 4s}");
    cr_assert_not_null(c.plan, "%s", bf_buf_cstr(&c.said));
    plan_probe_spec(&c.plan->connections[0], c.plan->connections[0].probe, &b);
    cr_expect_str_eq(bf_buf_cstr(&b), "{\"do\":\"probe\",\"connection\":\"wh\","
                                      "\"probe\":{\"every_ms\":2000,\"limit_ms\":8000,\"value\":false,"
                                      "\"sql\":\"select \\\"a\\\"\"}}");
    compiled_done(&c);
    bf_buf_clear(&b);
    c = with_probe("{run: [a], target: 1s, limit: 4s}");
    plan_probe_spec(&c.plan->connections[0], c.plan->connections[0].probe, &b);
    cr_expect_eq(b.len, 0);
    compiled_done(&c);
    bf_buf_free(&b);
}

/* A step's hash does not change with the probe, the plan's does. */
Test(plan_probe, hashes)
{
    struct compiled a = with_probe("{sql: select 1, target: 1s, limit: 4s}"), b = with_probe("{sql: select 1, target: 2s, limit: 4s}");
    cr_assert(a.plan && b.plan);
    cr_expect_neq(memcmp(a.plan->hash, b.plan->hash, sizeof a.plan->hash), 0);
    cr_expect_eq(memcmp(a.plan->steps[0].hash, b.plan->steps[0].hash, sizeof a.plan->steps[0].hash), 0);
    compiled_done(&a);
    compiled_done(&b);
}
