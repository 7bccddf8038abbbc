/* Templates: pieces, text form, typed values, and what is refused.  (Positions in a document: the corpus.) */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/template.h"

static const char *const params[] = {"ledger", "empty", "dotted.name"}, *const param_values[] = {"it's \"main\"", "", "d"};
static const char *const datasets[] = {"mart.revenue", "raw"};
static const struct template_values january = {
    .range = {PLAN_DAY, 19723, 31}, .ordinal = 19753, .params = params, .param_values = param_values, .n_params = 3,
    .run_id = "b1/step/2024-01-31/2", .attempt = 3, .token = 18446744073709551615u,
};
static const struct template_values month = {
    .range = {PLAN_MONTH, 640, 12}, .ordinal = 649, .params = params, .param_values = param_values, .n_params = 3, .run_id = "r", .attempt = 1, .token = 1,
};

static struct template_scope scope_of(enum plan_grain grain)
{
    return (struct template_scope){.grain = grain, .params = params, .n_params = 3, .datasets = datasets, .n_datasets = 2};
}

static bool compile(const char *text, enum plan_grain grain, struct bf_buf *said, struct template *ret)
{
    struct template_scope scope = scope_of(grain);
    struct bf_diags d = {0};
    bool good = template_compile(text, strlen(text), (struct bf_mark){7, 3}, &scope, &d, ret);
    cr_expect_eq(good, d.n_errors == 0);
    if (said)
        bf_diags_print(&d, said);
    bf_diags_done(&d);
    return good;
}

Test(plan_template, rendered)
{
    static const struct { const char *text; const struct template_values *v; const char *wanted; } cases[] = {
        {"", &january, ""},
        {"plain } text }} and { one", &january, "plain } text }} and { one"},
        {"{{ partition.start }}", &january, "2024-01-31"},
        {"{{partition.end}}", &january, "2024-02-01"},
        {"{{\tpartition.date\n}}", &january, "2024-01-31"},
        {"{{ partition.month }}", &january, "2024-01"},
        {"{{ partition.key }}", &january, "2024-01-31"},
        {"{{ partition.index }}", &january, "30"},
        {"a{{ partition.index }}{{ run.attempt }}b", &january, "a303b"},
        {"{{ run.id }}#{{ run.token }}", &january, "b1/step/2024-01-31/2#18446744073709551615"},
        {"[{{ params.ledger }}|{{ params.empty }}|{{ params.dotted.name }}]", &january, "[it's \"main\"||d]"},
        {"{{ dataset.mart.revenue }} {{ dataset.raw | ident }}", &january, "mart.revenue raw"},
        {"{{ \"{{\" }}.Names}} {{ partition.date }}", &january, "{{.Names}} 2024-01-31"},
        {"{{ partition.start }}..{{ partition.end }}", &month, "2024-02-01..2024-03-01"},
        {"{{ partition.month }} {{ partition.key }} {{ partition.index }}", &month, "2024-02 2024-02 9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct template t = {0};
        struct bf_buf b = {0}, said = {0};
        cr_expect(compile(cases[i].text, cases[i].v->range.grain, &said, &t), "%s: %s", cases[i].text, bf_buf_cstr(&said));
        template_render(&t, cases[i].v, &b);
        cr_expect_str_eq(bf_buf_cstr(&b), cases[i].wanted);
        template_done(&t);
        cr_expect(t.pieces == NULL && t.n == 0);
        bf_buf_free(&b);
        bf_buf_free(&said);
    }
}

Test(plan_template, typed)
{
    static const struct { const char *text; enum template_type type; const char *wanted; } cases[] = {
        {"{{ partition.start }}", TEMPLATE_DATE, "2024-01-31"},   {"{{ partition.end }}", TEMPLATE_DATE, "2024-02-01"},
        {"{{ partition.date }}", TEMPLATE_DATE, "2024-01-31"},    {"{{ partition.month }}", TEMPLATE_STRING, "2024-01"},
        {"{{ partition.key }}", TEMPLATE_STRING, "2024-01-31"},   {"{{ partition.index }}", TEMPLATE_INTEGER, "30"},
        {"{{ params.ledger }}", TEMPLATE_STRING, "it's \"main\""},{"{{ params.ledger | ident }}", TEMPLATE_IDENT, "it's \"main\""},
        {"{{ run.id }}", TEMPLATE_STRING, "b1/step/2024-01-31/2"},{"{{ run.attempt }}", TEMPLATE_INTEGER, "3"},
        {"{{ run.token }}", TEMPLATE_INTEGER, "18446744073709551615"},
        {"{{ dataset.raw }}", TEMPLATE_STRING, "raw"},            {"{{ dataset.mart.revenue|ident }}", TEMPLATE_IDENT, "mart.revenue"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct template t = {0};
        cr_assert(compile(cases[i].text, PLAN_DAY, NULL, &t), "%s", cases[i].text);
        cr_assert_eq(t.n, 1);
        struct template_value v = template_piece_value(&t.pieces[0], &january);
        cr_expect_eq(v.type, cases[i].type, "%s", cases[i].text);
        cr_expect_str_eq(v.text, cases[i].wanted);
        free(v.text);
        template_done(&t);
    }
}

/* Positions: the text begins at line 7, column 3. */
Test(plan_template, refused)
{
    static const struct { const char *text; enum plan_grain grain; const char *wanted; } cases[] = {
        {"{{ partition.date", PLAN_DAY, ":7:3: error: `{{` has no `}}`"},
        {"ab {{ partition.dat }}", PLAN_DAY, ":7:9: error: unknown name `partition.dat`; did you mean `partition.date`?"},
        {"\xc3\xa9 {{ x }}", PLAN_DAY, ":7:8: error: unknown name `x`"},
        {"{{ partition.date }}", PLAN_MONTH, "`partition.date` means nothing here: the step has grain month"},
        {"{{ partition.start }}", PLAN_NONE, "the step has no partitions (grain none)"},
        {"{{ partition.index }}", PLAN_NONE, "the step has no partitions (grain none)"},
        {"{{ partition.hour }}", PLAN_DAY, "`partition.hour` is not supported yet"},
        {"{{ partition.week }}", PLAN_NONE, "`partition.week` is not supported yet"},
        {"{{ flag.source }}", PLAN_DAY, "is not supported yet"},
        {"{{ params.legder }}", PLAN_DAY, "unknown parameter `legder`; did you mean `ledger`?"},
        {"{{ params. }}", PLAN_DAY, "unknown parameter ``"},
        {"{{ dataset.mart.revenu }}", PLAN_DAY, "unknown dataset `mart.revenu`; did you mean `mart.revenue`?"},
        {"{{ }}", PLAN_DAY, "nothing between"},
        {"{{|ident}}", PLAN_DAY, "nothing between"},
        {"{{ run.id | upper }}", PLAN_DAY, "after `|` only `ident` is known"},
        {"{{ run.id | ident | ident }}", PLAN_DAY, "after `|` only `ident` is known"},
        {"'{{ run.id }}'", PLAN_DAY, "remove the quotes around it"},
        {"{{ '{{' }}", PLAN_DAY, "unknown name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct template t = {.n = 4711};
        struct bf_buf said = {0};
        cr_expect_not(compile(cases[i].text, cases[i].grain, &said, &t), "%s is accepted", cases[i].text);
        cr_expect_not_null(strstr(bf_buf_cstr(&said), cases[i].wanted), "%s: %s", cases[i].text, (char *)said.data);
        cr_expect_eq(t.n, 4711, "untouched on failure");
        bf_buf_free(&said);
    }
}

/* Every error of a text, and nothing read past its end. */
Test(plan_template, every_prefix)
{
    static const char text[] = "a {{ partition.date | ident }} '{{ params.ledger }}' {{ \"{{\" }} {{ nothing }}";
    struct template_scope scope = scope_of(PLAN_DAY);
    for (size_t len = 0; len < sizeof text; len++) {
        BF_AUTO_FREE char *part = bf_xmalloc(len + 1);
        memcpy(part, text, len);
        struct bf_diags d = {0};
        struct template t = {0};
        bool good = template_compile(part, len, (struct bf_mark){1, 1}, &scope, &d, &t);
        cr_expect_eq(good, d.n_errors == 0);
        template_done(&t);
        bf_diags_done(&d);
    }
}
