/* Specs: what bf-sql and bf-http are told of one instance, the references beside them, and the limit. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/spec.h"
#include "test_plan_support.h"

#define HEAD "apiVersion: backfill/v1\nkind: Plan\nname: p\n"
#define GOOD BF_SOURCE_DIR "/tests/unit/plans/good"

/* The spec of an instance, as JSON; keys that are not asked for are ignored by expect(). */
static json_t *spec_of(const struct plan *p, const char *step, uint32_t index)
{
    const char *names[8], *values[8];
    struct bf_buf text = {0};
    uint32_t at = plan_find_step(p, step);
    cr_assert_neq(at, PLAN_NO_INDEX, "no step %s", step);
    for (size_t i = 0; i < p->n_params; i++) {
        names[i] = p->params[i].name;
        values[i] = p->params[i].value;
    }
    struct template_values v = {
        .partitions = p->steps[at].partitions, .index = index, .params = names, .param_values = values, .n_params = p->n_params,
        .run_id = "b1/x/y/1", .attempt = 2, .token = 7,
    };
    plan_spec_render(p, &p->steps[at], &v, &text);
    json_t *j = json_loadb((const char *)text.data, text.len, 0, NULL);
    cr_assert_not_null(j, "no JSON: %s", bf_buf_cstr(&text));
    cr_assert_leq(text.len, PLAN_SPEC_MAX);
    bf_buf_free(&text);
    return j;
}

/* Is the value at key, as compact JSON, the text?  wanted NULL: it is absent. */
static void expect(const json_t *j, const char *key, const char *wanted)
{
    const json_t *value = json_object_get(j, key);
    BF_AUTO_FREE char *got = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;
    cr_expect(got && wanted ? strcmp(got, wanted) == 0 : got == wanted, "%s: %s, not %s", key, got ? got : "(absent)", wanted);
}

static const json_t *check_of(const json_t *spec, const char *name)
{
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(spec, "checks"), i, check)
        if (strcmp(json_string_value(json_object_get(check, "name")), name) == 0)
            return check;
    cr_assert_fail("no check %s", name);
    return NULL;
}

Test(plan_spec, sql)
{
    struct compiled c = compile_file(GOOD, "checks.yaml");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    json_t *j = spec_of(c.plan, "orders", 1);
    expect(j, "do", "\"run\"");
    expect(j, "connection", "\"w\"");
    expect(j, "dialect", "\"ansi\"");
    expect(j, "fence_table", "\"ops.bf_fence\"");
    expect(j, "transaction", "true");
    expect(j, "publish", NULL);
    expect(j, "pieces", "[{\"t\":\"text\",\"v\":\"insert into \"},{\"t\":\"ident\",\"v\":\"staging\"},{\"t\":\"text\",\"v\":\".\"},"
                        "{\"t\":\"ident\",\"v\":\"orders\"},{\"t\":\"text\",\"v\":\" select \"},{\"t\":\"date\",\"v\":\"2024-01-02\"}]");
    expect(j, "bounds", "{\"grain\":\"day\",\"key\":\"2024-01-02\",\"start\":\"2024-01-02\",\"end\":\"2024-01-03\","
                        "\"start_at\":\"2024-01-02T00:00:00+00:00\",\"end_at\":\"2024-01-03T00:00:00+00:00\"}");
    expect(j, "outputs", "[{\"dataset\":\"stg.orders\",\"table\":\"staging.orders\",\"partition_column\":\"order_date\"}]");
    expect(j, "mask", "[\"email\",\"customer\",\"amount\"]");
    json_decref(j);
    j = spec_of(c.plan, "lines", 0);
    expect(j, "transaction", "false");
    expect(j, "outputs", "[{\"dataset\":\"stg.lines\",\"table\":\"stg.lines\"}]");
    json_decref(j);
    compiled_done(&c);
}

Test(plan_spec, checks)
{
    static const struct { const char *name, *key, *wanted; } cases[] = {
        {"row_count", "severity", "\"halt\""}, {"row_count", "min", "1"}, {"row_count", "max", "100"},
        {"row_count", "within", "{\"ratio\":0.01}"},
        {"row_count", "dataset", "\"stg.orders\""}, {"row_count", "table", "\"staging.orders\""},
        {"row_count", "partition_column", "\"order_date\""}, {"row_count", "timeout_ms", NULL}, {"row_count", "sample", NULL},
        {"row_count", "ratio_to", "[{\"t\":\"text\",\"v\":\"select count(*) from \"},{\"t\":\"ident\",\"v\":\"raw\"},{\"t\":\"text\","
         "\"v\":\".\"},{\"t\":\"ident\",\"v\":\"orders\"},{\"t\":\"text\",\"v\":\" where d = \"},{\"t\":\"date\",\"v\":\"2024-01-01\"}]"},
        {"not_null", "columns", "[\"order_id\",\"order_date\"]"}, {"amounts", "kind", "\"not_null\""}, {"amounts", "severity", "\"warn\""},
        {"amounts", "sample", "0.125"}, {"amounts", "timeout_ms", "30000"}, {"unique", "columns", "[\"order_id\"]"},
        {"unique-2", "severity", "\"error\""}, {"accepted_values", "column", "\"state\""},
        {"accepted_values", "values", "[\"new\",1,1.5,true,\"2\",\"null-ish\"]"}, {"relationships", "to_table", "\"shop.customers\""},
        {"relationships", "field", "\"id\""}, {"freshness", "max_age_ms", "21600000"}, {"freshness", "column", "\"order_date\""},
        {"freshness-2", "max_age_ms", "172800000"}, {"freshness-2", "severity", "\"halt\""}, {"aligned", "grain", "\"day\""},
        {"schema", "columns_types", "{\"order_id\":\"bigint not null\"}"}, {"schema-2", "severity", "\"warn\""},
        {"schema-3", "columns_types", "{\"amount\":\"numeric(10,2)\",\"customer\":\"bigint\",\"order_date\":\"date not null\","
         "\"order_id\":\"bigint not null\",\"state\":\"text\"}"},
        {"reconcile", "left", "[{\"t\":\"text\",\"v\":\"(select 1)\"}]"}, {"reconcile", "right", "[{\"t\":\"text\",\"v\":\"values (1)\"}]"},
        {"reconcile", "within", "{\"amount\":5}"}, {"reconcile-2", "within", "{\"ratio\":0.0001}"},
        {"wrong", "pieces", "[{\"t\":\"text\",\"v\":\"table wrong_rows\"}]"}, {"wrong", "table", "\"raw.orders\""},
        {"wrong", "partition_column", NULL},
    };
    struct compiled c = compile_file(GOOD, "checks.yaml");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    json_t *j = spec_of(c.plan, "orders", 0);
    cr_expect_eq(json_array_size(json_object_get(j, "checks")), 17);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(check_of(j, cases[i].name), cases[i].key, cases[i].wanted);
    json_decref(j);
    compiled_done(&c);
}

/* The bounds go by the clock of the plan's zone, whichever way it is set. */
Test(plan_spec, bounds)
{
    static const struct { const char *partitions; uint32_t index; const char *wanted; } cases[] = {
        {"{grain: day, from: 2024-03-30, to: 2024-04-01, timezone: Europe/Berlin}", 1,
         "{\"grain\":\"day\",\"key\":\"2024-03-31\",\"start\":\"2024-03-31\",\"end\":\"2024-04-01\","
         "\"start_at\":\"2024-03-31T00:00:00+01:00\",\"end_at\":\"2024-04-01T00:00:00+02:00\"}"},
        {"{grain: hour, from: 2024-10-27, to: 2024-10-27, timezone: Europe/Berlin}", 2,
         "{\"grain\":\"hour\",\"key\":\"2024-10-27T02+02:00\",\"start\":\"2024-10-27T02:00:00+02:00\","
         "\"end\":\"2024-10-27T03:00:00+02:00\",\"start_at\":\"2024-10-27T02:00:00+02:00\","
         "\"end_at\":\"2024-10-27T02:00:00+01:00\",\"ambiguous\":true}"},
        {"{grain: month, from: 2024-01, to: 2024-02}", 1,
         "{\"grain\":\"month\",\"key\":\"2024-02\",\"start\":\"2024-02-01\",\"end\":\"2024-03-01\","
         "\"start_at\":\"2024-02-01T00:00:00+00:00\",\"end_at\":\"2024-03-01T00:00:00+00:00\"}"},
        {"{grain: none}", 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BF_AUTO_FREE char *text = bf_xasprintf(HEAD "partitions: %s\nconnections: {c: {odbc: DSN=c}}\n"
                                               "datasets: {d: {connection: c, partition_column: day}}\n"
                                               "steps: {a: {sql: {connection: c, text: select 1}, outputs: [d]}}\n", cases[i].partitions);
        struct compiled c = compile_text(text);
        cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
        json_t *j = spec_of(c.plan, "a", cases[i].index);
        expect(j, "bounds", cases[i].wanted);
        const json_t *output = json_array_get(json_object_get(j, "outputs"), 0);
        expect(output, "partition_column", cases[i].wanted ? "\"day\"" : NULL);
        json_decref(j);
        compiled_done(&c);
    }
}

Test(plan_spec, swap_and_warehouse)
{
    struct compiled c = compile_file(GOOD, "swap.yaml"), w = compile_file(GOOD, "shell_and_warehouse.yaml");
    cr_assert(c.plan && w.plan, "%s%s", (char *)c.said.data, (char *)w.said.data);
    json_t *j = spec_of(c.plan, "rebuild", 0), *test = spec_of(w.plan, "test", 0);
    expect(j, "transaction", "false");
    expect(j, "publish", "\"swap\"");
    expect(j, "bounds", NULL);
    const json_t *pieces = json_object_get(j, "pieces");
    BF_AUTO_FREE char *staged = json_dumps(json_array_get(pieces, 1), JSON_COMPACT),
                                *quoted = json_dumps(json_array_get(pieces, 3), JSON_COMPACT);
    cr_expect_str_eq(staged, "{\"t\":\"staged\",\"v\":\"m.a\"}");
    cr_expect_str_eq(quoted, "{\"t\":\"staged\",\"v\":\"mart.b\"}");
    expect(check_of(j, "sql"), "pieces", "[{\"t\":\"text\",\"v\":\"select * from \"},{\"t\":\"staged\",\"v\":\"mart.b\"}]");
    BF_AUTO_FREE char *whole = json_dumps(test, JSON_COMPACT);
    cr_expect_str_eq(whole, "{\"do\":\"test\",\"connection\":\"w\"}");
    json_decref(j);
    json_decref(test);
    compiled_done(&c);
    compiled_done(&w);
}

Test(plan_spec, http)
{
    struct compiled c = compile_file(GOOD, "http.yaml");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    json_t *get = spec_of(c.plan, "get", 0), *post = spec_of(c.plan, "post", 0), *text = spec_of(c.plan, "text", 1);
    BF_AUTO_FREE char *whole = json_dumps(get, JSON_COMPACT);
    cr_expect_str_eq(whole, "{\"method\":\"GET\",\"url\":\"https://example.org/\",\"expect\":[\"2xx\"]}");
    expect(post, "url", "\"https://example.org/refresh?city=K%C3%B6ln%20%26%20Bonn&day=2024-01-01\"");
    expect(post, "headers", "{\"X-Day\":\"2024-01-01\"}");
    expect(post, "content_type", "\"application/json\"");
    expect(post, "expect", "[\"201\",\"2xx\"]");
    expect(post, "poll", "{\"url\":\"https://example.org/jobs/b1%2Fx%2Fy%2F1\",\"every_ms\":5000,\"timeout_ms\":3600000,"
                         "\"until\":{\"pointer\":\"/state\",\"equals\":[\"done\",2]},"
                         "\"failed\":{\"pointer\":\"/state\",\"equals\":[\"failed\"]}}");
    json_t *body = json_loads(json_string_value(json_object_get(post, "body")), 0, NULL);
    BF_AUTO_FREE char *sent = json_dumps(body, JSON_COMPACT);
    cr_expect_str_eq(sent, "{\"day\":\"2024-01-01\",\"list\":[\"a \\\"b\\\"\",{\"x\":\"Köln & Bonn\"}],\"n\":3,"
                           "\"none\":null,\"on\":true,\"text\":\"3\"}");
    expect(text, "headers", "{\"content-type\":\"text/csv\"}");
    expect(text, "content_type", NULL);
    expect(text, "body", "\"a,2024-01-02\"");
    expect(text, "poll", "{\"every_ms\":5000,\"timeout_ms\":5000,\"until\":{\"status\":[\"200\",\"303\"]}}");
    json_decref(body);
    json_decref(get);
    json_decref(post);
    json_decref(text);
    compiled_done(&c);
}

/* A value cannot end the string of JSON that it stands in, nor its place in an address, nor become a reference. */
Test(plan_spec, values_stay_values)
{
    static const struct plan_param evil = {"x", "\",\"a\":\"\\u0000\n${secret:k}/../?&#%41\x01é"};
    const struct plan_options o = {.params = &evil, .n_params = 1};
    struct compiled c;
    compiled_init(&c, HEAD "params: {x: y}\nsteps:\n  a: {http: {method: PUT, url: \"https://h/{{ params.x }}/z\", body: {k: \"<{{ "
                      "params.x }}>\"},\n    headers: {A: \"Bearer ${secret:k}\", B: c}}}\n");
    compile(&c, &o);
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    json_t *j = spec_of(c.plan, "a", 0), *body = json_loads(json_string_value(json_object_get(j, "body")), 0, NULL);
    cr_assert_not_null(body);
    cr_expect_eq(json_object_size(body), 1);
    BF_AUTO_FREE char *wanted = bf_xasprintf("<%s>", evil.value);
    cr_expect_str_eq(json_string_value(json_object_get(body, "k")), wanted);
    expect(j, "url", "\"https://h/%22%2C%22a%22%3A%22%5Cu0000%0A%24%7Bsecret%3Ak%7D%2F..%2F%3F%26%23%2541%01%C3%A9/z\"");
    struct plan_spec_ref *refs;
    size_t n;
    plan_spec_refs(c.plan, &c.plan->steps[0], &refs, &n);
    cr_assert_eq(n, 1);
    cr_expect_str_eq(refs[0].name, "header:A");
    cr_expect_str_eq(refs[0].text, "Bearer ${secret:k}");
    expect(j, "headers", "{\"B\":\"c\"}");
    plan_spec_refs_free(refs, n);
    json_decref(body);
    json_decref(j);
    compiled_done(&c);
}

Test(plan_spec, references)
{
    struct compiled c = compile_file(GOOD, "checks.yaml"), k = compile_file(GOOD, "shell_and_warehouse.yaml");
    struct plan_spec_ref *refs;
    size_t n;
    cr_assert(c.plan && k.plan);
    plan_spec_refs(c.plan, &c.plan->steps[0], &refs, &n);
    cr_assert_eq(n, 1);
    cr_expect_str_eq(refs[0].name, "odbc");
    cr_expect_str_eq(refs[0].text, "DSN=w;PWD=${secret:w/password}");
    plan_spec_refs_free(refs, n);
    for (size_t i = 0; i < k.plan->n_steps; i++) {
        bool warehouse = k.plan->steps[i].kind == PLAN_WAREHOUSE;
        plan_spec_refs(k.plan, &k.plan->steps[i], &refs, &n);
        cr_expect_eq(n, warehouse);
        cr_expect_eq(plan_spec_has(&k.plan->steps[i]), warehouse);
        plan_spec_refs_free(refs, n);
    }
    compiled_done(&c);
    compiled_done(&k);
}

/* What one instance becomes is told when the plan is validated: here a script that fits, and checks that do not. */
Test(plan_spec, too_long)
{
    for (unsigned n = 1; n <= 2; n++) {
        struct bf_buf b = {0};
        bf_buf_put_str(&b, HEAD "connections: {c: {odbc: DSN=c}}\ndatasets: {d: {connection: c}}\nsteps:\n  a:\n    outputs: [d]\n"
                           "    sql: {connection: c, text: select 1}\n    checks:\n");
        for (unsigned i = 0; i < n; i++) {
            bf_buf_put_str(&b, "      - sql: \"select 'x");
            for (unsigned k = 0; k < 300000; k++)
                bf_buf_put_str(&b, "x");
            bf_buf_put_str(&b, "'\"\n");
        }
        struct compiled c = compile_text(bf_buf_cstr(&b));
        cr_expect_eq(c.plan != NULL, n == 1, "%.300s", (char *)c.said.data);
        cr_expect_eq(strstr(bf_buf_cstr(&c.said), "step `a` is too long with its values") != NULL, n == 2);
        compiled_done(&c);
        bf_buf_free(&b);
    }
}
