/* Templates: pieces, text form, typed values, and what is refused.  (Positions in a document: the corpus.) */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/zonefiles.h"
#include "plan/template.h"

static const char *const params[] = {"ledger", "empty", "dotted.name"}, *const param_values[] = {"it's \"main\"", "", "d"};
static const char *const datasets[] = {"mart.revenue", "raw"};
static const struct template_values values = {
    .params = params, .param_values = param_values, .n_params = 3,
    .run_id = "b1/step/2024-01-31/2", .attempt = 3, .token = 18446744073709551615u,
};

/* The partitions of a grain in a stretch of local time on a zone's clock; keys as in plan/partition.h. */
static struct plan_partitions table_in(int64_t from_s, int64_t until_s, enum plan_grain grain, const char *zone)
{
    struct bf_buf bytes = {0};
    struct bf_error err = {0};
    struct plan_partitions table;
    struct zone *z = NULL;
    if (strcmp(zone, "UTC") == 0) {
        z = zone_utc();
    } else {
        cr_assert_eq(bf_zone_file_read(zone, ZONE_FILE_MAX_BYTES, &bytes, &err), BF_OK, "%s", err.text);
        z = zone_parse(zone, bytes.data, bytes.len, &err);
        cr_assert_not_null(z, "%s", err.text);
    }
    plan_partitions_build(grain, z, zone_first_at(z, from_s), zone_first_at(z, until_s), &table);
    zone_free(z);
    bf_buf_free(&bytes);
    return table;
}

#define YEAR_2024_S 1704067200, 1735689600

static struct plan_partitions table_of(enum plan_grain grain, const char *zone)
{
    return table_in(YEAR_2024_S, grain, zone);
}

/* The values of the partition with a key. */
static struct template_values values_at(const struct plan_partitions *table, const char *key)
{
    struct template_values v = values;
    v.partitions = table;
    for (; v.index < table->n; v.index++) {
        char at[PLAN_KEY_MAX];
        plan_partition_key(table, v.index, at);
        if (strcmp(at, key) == 0)
            return v;
    }
    cr_assert(false, "no partition %s", key);
    return v;
}

static struct template_scope scope_of(enum plan_grain grain)
{
    return (struct template_scope){.grain = grain, .params = params, .n_params = 3, .datasets = datasets, .n_datasets = 2};
}

static bool compile(const char *text, enum plan_grain grain, struct bf_buf *said, struct template *ret)
{
    struct template_scope scope = scope_of(grain);
    struct bf_diags d = {0};
    const struct template_place place = {.mark = {7, 3}};
    bool good = template_compile_at(text, strlen(text), &place, &scope, &d, ret);
    cr_expect_eq(good, d.n_errors == 0);
    if (said)
        bf_diags_print(&d, said);
    bf_diags_done(&d);
    return good;
}

static void expect_rendered_in(int64_t from_s, int64_t until_s, const char *text, enum plan_grain grain, const char *zone, const char *key,
                               const char *wanted)
{
    struct plan_partitions table = table_in(from_s, until_s, grain, zone);
    struct template_values v = values_at(&table, key);
    struct template t = {0};
    struct bf_buf b = {0}, said = {0};
    cr_assert(compile(text, grain, &said, &t), "%s: %s", text, bf_buf_cstr(&said));
    template_render(&t, &v, &b);
    cr_expect_str_eq(bf_buf_cstr(&b), wanted, "%s of %s: %s, not %s", text, key, bf_buf_cstr(&b), wanted);
    template_done(&t);
    cr_expect(t.pieces == NULL && t.n == 0);
    bf_buf_free(&b);
    bf_buf_free(&said);
    plan_partitions_done(&table);
}

static void expect_rendered(const char *text, enum plan_grain grain, const char *zone, const char *key, const char *wanted)
{
    expect_rendered_in(YEAR_2024_S, text, grain, zone, key, wanted);
}

Test(plan_template, rendered)
{
    static const char *const days[][2] = {
        {"", ""},
        {"plain } text }} and { one", "plain } text }} and { one"},
        {"{{ partition.start }}", "2024-01-31"},
        {"{{partition.end}}", "2024-02-01"},
        {"{{\tpartition.date\n}}", "2024-01-31"},
        {"{{ partition.week }}", "2024-W05"},
        {"{{ partition.month }}", "2024-01"},
        {"{{ partition.key }}", "2024-01-31"},
        {"{{ partition.index }}", "30"},
        {"a{{ partition.index }}{{ run.attempt }}b", "a303b"},
        {"{{ run.id }}#{{ run.token }}", "b1/step/2024-01-31/2#18446744073709551615"},
        {"[{{ params.ledger }}|{{ params.empty }}|{{ params.dotted.name }}]", "[it's \"main\"||d]"},
        {"{{ dataset.mart.revenue }} {{ dataset.raw | ident }}", "mart.revenue raw"},
        {"{{ \"{{\" }}.Names}} {{ partition.date }}", "{{.Names}} 2024-01-31"},
    };
    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        expect_rendered(days[i][0], PLAN_DAY, "UTC", "2024-01-31", days[i][1]);
    expect_rendered("{{ partition.start }}..{{ partition.end }}", PLAN_MONTH, "UTC", "2024-02", "2024-02-01..2024-03-01");
    expect_rendered("{{ partition.month }} {{ partition.key }} {{ partition.index }}", PLAN_MONTH, "UTC", "2024-02", "2024-02 2024-02 1");
    expect_rendered("{{ partition.week }} {{ partition.start }}..{{ partition.end }}", PLAN_WEEK, "UTC", "2024-W09",
                    "2024-W09 2024-02-26..2024-03-04");
}

/* Hours keep their own offset at both ends, also where the clock changes behind them. */
Test(plan_template, rendered_hours)
{
    static const char *const hours[][3] = {
        {"2024-03-31T01+01:00", "{{ partition.start }}/{{ partition.end }}", "2024-03-31T01:00:00+01:00/2024-03-31T02:00:00+01:00"},
        {"2024-10-27T02+02:00", "{{ partition.start }}", "2024-10-27T02:00:00+02:00"},
        {"2024-10-27T02+01:00", "{{ partition.start }}", "2024-10-27T02:00:00+01:00"},
        {"2024-10-27T02+01:00", "{{ partition.hour }} {{ partition.date }} {{ partition.week }} {{ partition.month }}",
         "2024-10-27T02 2024-10-27 2024-W43 2024-10"},
        {"2024-10-27T02+01:00", "{{ partition.key }} {{ partition.index }}", "2024-10-27T02+01:00 7202"},
    };
    for (size_t i = 0; i < sizeof hours / sizeof *hours; i++)
        expect_rendered(hours[i][1], PLAN_HOUR, "Europe/Berlin", hours[i][0], hours[i][2]);
    /* Its offset was -00:44:30. */
    expect_rendered_in(-63158400, -63072000, "{{ partition.start }}", PLAN_HOUR, "Africa/Monrovia", "1968-01-01T00-00:44:30",
                       "1968-01-01T00:00:30-00:44");
    expect_rendered("{{ partition.start }}", PLAN_HOUR, "America/St_Johns", "2024-01-01T00-03:30", "2024-01-01T00:00:00-03:30");
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
    struct plan_partitions table = table_of(PLAN_DAY, "UTC");
    const struct template_values january = values_at(&table, "2024-01-31");
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
    plan_partitions_done(&table);
    table = table_of(PLAN_HOUR, "UTC");
    struct template_value v = template_partition_value(TEMPLATE_PARTITION_START, &table, 5);
    cr_expect_eq(v.type, TEMPLATE_TIMESTAMP);
    cr_expect_str_eq(v.text, "2024-01-01T05:00:00+00:00");
    free(v.text);
    plan_partitions_done(&table);
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
        {"{{ partition.hour }}", PLAN_DAY, "`partition.hour` means nothing here: the step has grain day"},
        {"{{ partition.week }}", PLAN_NONE, "the step has no partitions (grain none)"},
        {"{{ flag.source }}", PLAN_DAY, "is not supported yet (R15)"},
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
        const struct template_place place = {.mark = {1, 1}};
        bool good = template_compile_at(part, len, &place, &scope, &d, &t);
        cr_expect_eq(good, d.n_errors == 0);
        template_done(&t);
        bf_diags_done(&d);
    }
}
