/* What the plan takes, bf-sql takes: the most of everything that a valid plan may have goes through its parsers; one more is refused
 * where the plan is read. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/check.h"
#include "agent/sql/pieces.h"
#include "common/buf.h"
#include "common/mem.h"
#include "plan/spec.h"
#include "test_plan_support.h"

#define BEFORE "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-01}\n" \
               "connections: {c: {odbc: DSN=c}}\nparams: {y: \"1\"}\n"

static void put_many(struct bf_buf *b, const char *format, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        bf_buf_put_str(b, i ? ", " : "");
        bf_buf_printf(b, format, i);
    }
}

/* A name of len bytes that ends in the number. */
static void put_long_name(struct bf_buf *b, unsigned number, unsigned len)
{
    bf_buf_printf(b, "c%0*u", (int)len - 1, number);
}

/* Both parsers of bf-sql, on what the step `a` is sent. */
static void parse(const struct compiled *c, size_t n_checks)
{
    const char *names[] = {"y"}, *values[] = {"1"};
    struct bf_buf text = {0};
    const struct plan_step *s = &c->plan->steps[plan_find_step(c->plan, "a")];
    struct template_values v = {.partitions = s->partitions, .params = names, .param_values = values, .n_params = 1, .run_id = "r"};
    plan_spec_render(c->plan, s, &v, &text);
    json_t *j = json_loadb((const char *)text.data, text.len, 0, NULL);
    cr_assert_not_null(j);
    struct sql_checks checks = {0};
    struct sql_pieces pieces = {0};
    struct bf_error err = {0};
    cr_expect_eq(sql_checks_parse(json_object_get(j, "checks"), &checks, &err), BF_OK, "%s", err.text);
    cr_expect_eq(checks.n, n_checks);
    cr_expect_eq(sql_pieces_parse(json_object_get(j, "pieces"), "the script", &pieces, &err), BF_OK, "%s", err.text);
    sql_checks_done(&checks);
    sql_pieces_done(&pieces);
    json_decref(j);
    bf_buf_free(&text);
}

/* The step with the datasets and checks.  wanted NULL: the plan is valid and bf-sql takes it; else what is said. */
static void expect(const char *what, const struct bf_buf *datasets, const struct bf_buf *outputs, const char *script,
                   const struct bf_buf *checks, size_t n_checks, const char *wanted)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf plan = {0};
    bf_buf_put_str(&plan, BEFORE "datasets: {");
    bf_buf_put(&plan, datasets->data, datasets->len);
    bf_buf_put_str(&plan, "}\nsteps:\n  a:\n    outputs: [");
    bf_buf_put(&plan, outputs->data, outputs->len);
    bf_buf_printf(&plan, "]\n    sql: {connection: c, text: \"%s\"}\n", script);
    if (checks->len) {
        bf_buf_put_str(&plan, "    checks: [");
        bf_buf_put(&plan, checks->data, checks->len);
        bf_buf_put_str(&plan, "]\n");
    }
    struct compiled c = compile_text(bf_buf_cstr(&plan));
    if (wanted) {
        cr_expect_null(c.plan, "%s", what);
        cr_expect(strstr(bf_buf_cstr(&c.said), wanted), "%s: %.600s", what, bf_buf_cstr(&c.said));
    } else {
        cr_expect_not_null(c.plan, "%s: %.600s", what, bf_buf_cstr(&c.said));
        if (c.plan)
            parse(&c, n_checks);
    }
    compiled_done(&c);
}

static void expect_checks(const char *what, const char *dataset, const struct bf_buf *checks, size_t n_checks, const char *wanted)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf datasets = {0}, outputs = {0};
    bf_buf_printf(&datasets, "d: {connection: c%s}", dataset);
    bf_buf_put_str(&outputs, "d");
    expect(what, &datasets, &outputs, "select 1", checks, n_checks, wanted);
}

/* before, n items and after make one check. */
static void expect_list(const char *what, const char *before, const char *item, unsigned n, const char *after, const char *wanted)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf checks = {0};
    bf_buf_put_str(&checks, before);
    put_many(&checks, item, n);
    bf_buf_put_str(&checks, after);
    expect_checks(what, "", &checks, 1, wanted);
}

Test(sql_limits, lists_of_one_check)
{
    expect_list("columns", "{not_null: [", "c%u", 1000, "]}", NULL);
    expect_list("columns", "{not_null: [", "c%u", 1001, "]}", "it takes 1 to 1000");
    expect_list("key", "{unique: {columns: [", "c%u", 1000, "]}}", NULL);
    expect_list("values", "{accepted_values: {column: a, values: [", "v%u", 10000, "]}}", NULL);
    expect_list("values", "{accepted_values: {column: a, values: [", "v%u", 10001, "]}}", "it takes 1 to 10000");
    expect_list("types", "{schema: {", "c%u: bigint not null", 1000, "}}", NULL);
    expect_list("types", "{schema: {", "c%u: bigint not null", 1001, "}}", "it takes 1 to 1000");
    expect_list("types in a map", "{schema: {columns: {", "c%u: text", 1001, "}}}", "it takes 1 to 1000");
}

Test(sql_limits, checks_of_a_step_with_those_that_are_promised)
{
    for (unsigned n = 998; n <= 999; n++) {
        BF_CLEANUP(bf_buf_free) struct bf_buf checks = {0};
        put_many(&checks, "{unique: [c%u]}", n);
        expect_checks("checks", ", schema: {a: text}, freshness: {column: a, max_age: 1d}", &checks, n + 2,
                      n == 998 ? NULL : "the step has 1001 checks, those that its datasets promise included, and at most 1000 run in one");
    }
}

Test(sql_limits, outputs_of_a_step)
{
    for (unsigned n = 1000; n <= 1001; n++) {
        BF_CLEANUP(bf_buf_free) struct bf_buf datasets = {0}, outputs = {0}, checks = {0};
        put_many(&datasets, "d%u: {connection: c}", n);
        put_many(&outputs, "d%u", n);
        expect("outputs", &datasets, &outputs, "select 1", &checks, 0,
               n == 1000 ? NULL : "the step has 1001 outputs, and a `sql` step at most 1000");
    }
}

/* Names are as long in the plan as an identifier may be in SQL. */
Test(sql_limits, bytes_of_names)
{
    for (unsigned len = 255; len <= 256; len++) {
        BF_CLEANUP(bf_buf_free) struct bf_buf checks = {0}, table = {0};
        bf_buf_put_str(&checks, "{not_null: [");
        put_long_name(&checks, 1, len);
        bf_buf_put_str(&checks, "]}, {schema: {");
        put_long_name(&checks, 1, len);
        bf_buf_printf(&checks, ": \"numeric%*s\"}}", len == 255 ? 120 : 121, "not null");
        expect_checks("column", "", &checks, 2, len == 255 ? NULL : "is too long: 256 bytes, at most 255");
        bf_buf_put_str(&table, ", table: ");
        put_long_name(&table, 1, len);
        bf_buf_put_str(&table, ".");
        put_long_name(&table, 2, 255);
        bf_buf_clear(&checks);
        bf_buf_put_str(&checks, "{relationships: {column: a, to: d, field: b}}");
        expect_checks("table", bf_buf_cstr(&table), &checks, 1, len == 255 ? NULL : "the name of a table");
    }
}

/* A dataset's name of four parts is sent as seven pieces. */
Test(sql_limits, pieces_of_scripts_and_queries)
{
    for (unsigned n = 2048; n <= 2049; n++) {
        BF_CLEANUP(bf_buf_free) struct bf_buf datasets = {0}, outputs = {0}, script = {0}, checks = {0};
        bf_buf_put_str(&datasets, "d: {connection: c, table: a.b.c.d}");
        bf_buf_put_str(&outputs, "d");
        put_many(&script, "{{ params.y }}", n);
        expect("script", &datasets, &outputs, bf_buf_cstr(&script), &checks, 0, n == 2048 ? NULL : "`sql` has too many expressions");
        bf_buf_put_str(&checks, "{sql: \"select * from ");
        put_many(&checks, "{{ dataset.d | ident }}", n);
        bf_buf_put_str(&checks, "\"}");
        expect("query", &datasets, &outputs, "select 1", &checks, 1, n == 2048 ? NULL : "`sql` has too many expressions");
    }
}
