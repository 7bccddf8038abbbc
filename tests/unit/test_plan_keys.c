/* Values by type, and what the compiler keeps of the keys that it reads. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/deadline.h"
#include "plan/form.h"
#include "plan/keys.h"
#include "test_plan_support.h"

#define HEAD "apiVersion: backfill/v1\nkind: Plan\nname: p\n"

/* ---- forms ---- */

static bool fits(const struct plan_type *type, const char *text)
{
    struct bf_yaml_node n = {.kind = BF_YAML_SCALAR, .mark = {1, 1}, .text = (char *)text, .text_len = strlen(text)};
    struct bf_diags d = {0};
    bool good = plan_value_check(&d, &n, "k", type);
    cr_expect_eq(good, d.n_errors == 0, "`%s`: an error comes with false, and only then", text);
    cr_expect_leq(d.n_errors, 1u);
    bf_diags_done(&d);
    return good;
}

Test(plan_keys, forms)
{
    static const struct { enum plan_value value; const char *good[8], *bad[12]; } cases[] = {
        {PLAN_VALUE_SIZE, {"512Mi", "4G", "1", "2Ti", "64K"}, {"0", "-1", "512 Mi", "512mi", "1.5Gi", "Mi", "99999999999999Ti",
            "1B"}},
        {PLAN_VALUE_RATE, {"400Mi/s", "1/s", "20K/s"}, {"400Mi", "0/s", "/s", "400Mi/m", "400Mi/", "400Mi /s", "Mi/s"}},
        {PLAN_VALUE_FREQUENCY, {"5/s", "30/m", "100/h", "0.5/s"}, {"5", "0/s", "5/d", "5/", "/s", "-1/s", "5 /s", "1.2345/s"}},
        {PLAN_VALUE_CLOCK, {"00:00", "08:00", "23:59", "24:00"}, {"8:00", "24:01", "25:00", "08:60", "0800", "08:00:00", "ab:cd",
            "08-00"}},
        {PLAN_VALUE_DATES, {"2024-02-29", "2024-12-30..2025-01-02", "2024-01-01..2024-01-01"},
         {"2024-02-30", "2025-01-02..2024-12-30", "2024-01-01..", "..2024-01-01", "2024-01", "soon", "2024-01-01...2024-01-02"}},
        {PLAN_VALUE_WEEKDAYS, {"mon", "mon-fri", "sat,sun", "mon-wed,fri", "fri-mon"}, {"monday", "mon-", "-fri", "mon,", "Mon",
            "mo-fr", "mon fri", ""}},
        {PLAN_VALUE_SECRET, {"${secret:a}", "${secret:fx/api_key}"},
         {"secret", "${env:A}", "${secret:}", "${secret:../x}", "${secret:/x}", "${secret:a b}", "x${secret:a}", "${secret:a}x",
             "${secret:a"}},
        {PLAN_VALUE_URL, {"https://example.org/x?y={{ run.id }}", "http://localhost:80"}, {"example.org", "ftp://x", "https://",
            "https:///x", "http://a\nb"}},
        {PLAN_VALUE_STATUS, {"200", "2xx", "404", "5xx"}, {"600", "20", "2000", "2x", "xxx", "0xx", "2XX"}},
        {PLAN_VALUE_VARIABLE, {"A", "_a9"}, {"9a", "A-B", "BF_X", "", "A B"}},
        {PLAN_VALUE_MOMENT, {"2024-06-01T06:00", "2024-06-01T06:00:30Z", "2024-06-01T06:00-03:30"}, {"2024-06-01",
            "2024-06-01T6:00", "06:00"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_type type = {.value = cases[i].value};
        for (size_t k = 0; k < 8 && cases[i].good[k]; k++)
            cr_expect(fits(&type, cases[i].good[k]), "%zu: `%s` is refused", i, cases[i].good[k]);
        for (size_t k = 0; k < 12 && cases[i].bad[k]; k++)
            cr_expect(!fits(&type, cases[i].bad[k]), "%zu: `%s` is taken", i, cases[i].bad[k]);
    }
}

Test(plan_keys, figures)
{
    static const struct { const char *text; bool good; int64_t milli; } numbers[] = {
        {"0", true, 0}, {"2", true, 2000}, {"0.125", true, 125}, {"-1.5", true, -1500}, {"999999999", true, 999999999000},
        {"1000000000", false, 0},
        {"1.2345", false, 0}, {"1.", false, 0}, {".5", false, 0}, {"", false, 0}, {"-", false, 0}, {"1e3", false, 0}, {" 1",
            false, 0},
    };
    static const struct { const char *text; bool good; int64_t millionths; } percents[] = {
        {"20%", true, 200000}, {"0.01%", true, 100}, {"0.0001%", true, 1}, {"100%", true, 1000000}, {"0.00001%", false, 0}, {"20",
            false, 0},
        {"%", false, 0}, {"20 %", false, 0}, {"-1%", false, 0}, {"20%%", false, 0},
    };
    int64_t value;
    uint64_t rate;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        value = 77;
        cr_expect_eq(plan_parse_number(numbers[i].text, &value), numbers[i].good, "%s", numbers[i].text);
        cr_expect_eq(value, numbers[i].good ? numbers[i].milli : 77, "%s", numbers[i].text);
    }
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        value = 77;
        cr_expect_eq(plan_parse_percent(percents[i].text, &value), percents[i].good, "%s", percents[i].text);
        cr_expect_eq(value, percents[i].good ? percents[i].millionths : 77, "%s", percents[i].text);
    }
    cr_expect(plan_parse_rate("400Mi/s", &rate));
    cr_expect_eq(rate, 400u << 20);
}

Test(plan_keys, bounds)
{
    static const struct plan_type number = {.value = PLAN_VALUE_NUMBER, .min = 1, .max = 2000};
    static const struct plan_type percent = {.value = PLAN_VALUE_PERCENT, .min = 0, .max = 1000000};
    static const struct plan_type whole = {.value = PLAN_VALUE_INT, .min = 2, .max = 3};
    cr_expect(fits(&number, "0.001") && fits(&number, "2") && !fits(&number, "0") && !fits(&number, "2.001") && !fits(&number,
            "-1"));
    cr_expect(fits(&percent, "0%") && fits(&percent, "100%") && !fits(&percent, "100.0001%"));
    cr_expect(fits(&whole, "2") && fits(&whole, "3") && !fits(&whole, "1") && !fits(&whole, "4"));
}

/* Words for sentences and the reference. */
Test(plan_keys, words)
{
    static const struct { const struct plan_keys *keys; const char *key, *words; } cases[] = {
        {&plan_keys_step, "weight", "a whole number from 0 to 10000"},
        {&plan_keys_step, "priority", "`critical`, `high`, `normal` or `low`"},
        {&plan_keys_step, "inputs", "a list; each item a dataset"},
        {&plan_keys_step, "tags", "a list of at most 100; each item a name"},
        {&plan_keys_step, "env", "a map of at most 1000; each value text with `{{ … }}`"},
        {&plan_keys_pool, "cpu", "a number from 0.001 to 1000000 with at most three places"},
        {&plan_keys_retry, "budget", "a percentage from 0.0001% to 100%"},
        {&plan_keys_defaults, "retry", "a map (retry)"},
        {&plan_keys_top, "params", "a map; each value text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf words = {0};
        plan_type_words(plan_keys_find(cases[i].keys, cases[i].key)->type, &words);
        cr_expect_str_eq(bf_buf_cstr(&words), cases[i].words);
        bf_buf_free(&words);
    }
}

/* ---- moments ---- */

Test(plan_keys, moments)
{
    static const struct { const char *text; bool good; struct plan_moment moment; } cases[] = {
        {"1970-01-01T00:00", true, {0, false, 0}},
        {"1970-01-02T01:02:03", true, {86400 + 3723, false, 0}},
        {"1970-01-01T00:00Z", true, {0, true, 0}},
        {"1970-01-01T00:00+02:00", true, {0, true, 7200}},
        {"1970-01-01T00:00:00-03:30", true, {0, true, -12600}},
        {"1970-01-01T00:00+0200", true, {0, true, 7200}},
        {"1970-01-01T00:00-00:44:30", true, {0, true, -2670}},
        {"1969-12-31T23:59", true, {-60, false, 0}},
        {"1970-01-01T24:00", false, {0}}, {"1970-01-01T00:60", false, {0}}, {"1970-01-01T00:00:60", false, {0}},
        {"1970-02-29T00:00", false, {0}},
        {"1970-01-01 00:00", false, {0}}, {"1970-01-01T00", false, {0}}, {"1970-01-01T", false, {0}}, {"1970-01-01", false, {0}},
        {"", false, {0}},
        {"1970-01-01T00:00z", false, {0}}, {"1970-01-01T00:00+2", false, {0}}, {"1970-01-01T00:00+02", false, {0}},
        {"1970-01-01T00:00+27:00", false, {0}}, {"1970-01-01T00:00+02:60", false, {0}}, {"1970-01-01T00:00+02:00Z", false, {0}},
        {"1970-01-01T00:00+020", false, {0}}, {"1970-01-01T00:00+02:0000", false, {0}},
        {"1970-01-01T00:00:", false, {0}}, {"1970-01-01T-1:00", false, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_moment m = {.local_s = 77};
        cr_expect_eq(plan_moment_parse(cases[i].text, &m), cases[i].good, "%s", cases[i].text);
        cr_expect_eq(m.local_s, cases[i].good ? cases[i].moment.local_s : 77, "%s", cases[i].text);
        cr_expect_eq(m.has_offset, cases[i].moment.has_offset, "%s", cases[i].text);
        cr_expect_eq(m.offset_s, cases[i].moment.offset_s, "%s", cases[i].text);
    }
}

/* ---- what is kept ---- */

Test(plan_keys, urgency_is_kept)
{
    struct compiled c = compile_text(HEAD
        "partitions: {grain: day, from: 2024-01-01, to: 2024-01-02, timezone: Europe/Berlin}\n"
        "steps:\n"
        "  a: {noop: true, tags: [z, a, m], weight: 7, tolerance: 2h, deadline: \"2024-06-01T06:00\"}\n"
        "  b: {noop: true}\n"
        "  c: {noop: true, deadline: \"2024-10-27T02:30+02:00\"}\n"
        "  d: {noop: true, deadline: \"2024-10-27T02:30+01:00\"}\n");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    const struct plan_step *a = &c.plan->steps[0], *b = &c.plan->steps[1];
    cr_assert_eq(a->n_tags, 3);
    cr_expect_str_eq(a->tags[0], "a");
    cr_expect_str_eq(a->tags[1], "m");
    cr_expect_str_eq(a->tags[2], "z");
    cr_expect_eq(a->weight, 7);
    cr_expect_eq(a->tolerance_ms, 7200000);
    cr_expect_str_eq(a->deadline.text, "2024-06-01T06:00");
    cr_expect_eq(a->deadline.at_s, 1717214400);          /* 04:00Z: summer */
    cr_expect_eq(b->n_tags + b->weight, 0);
    cr_expect_eq(b->tolerance_ms, 0);
    cr_expect_null(b->deadline.text);
    cr_expect_eq(c.plan->steps[2].deadline.at_s, 1729989000);          /* 00:30Z: the first of the two */
    cr_expect_eq(c.plan->steps[3].deadline.at_s, 1729992600);
    compiled_done(&c);
}

static void expect_words(const struct plan_words *w, const char *of)
{
    const char *const words[] = {w->description, w->owner, w->why, w->contact, w->playbook};
    static const char *const keys[] = {"description", "owner", "why", "contact", "playbook"};
    for (size_t i = 0; i < 5; i++) {
        BF_AUTO_FREE char *wanted = bf_xasprintf("%s %s", of, keys[i]);
        cr_expect(words[i] && strcmp(words[i], wanted) == 0, "%s: %s", wanted, words[i] ? words[i] : "(none)");
    }
}

#define WORDS(of) "description: " of " description, owner: " of " owner, " \
                                                                "why: " of " why, contact: " of " contact, playbook: " of " playbook"

Test(plan_keys, words_are_kept)
{
    struct compiled c = compile_text("{apiVersion: backfill/v1, kind: Plan, name: p, " WORDS("plan") ",\n"
        "connections: {c: {odbc: x, " WORDS("connection") "}},\n"
        "pools: {p: {slots: 1, " WORDS("pool") "}},\n"
        "datasets: {d: {connection: c, sensitivity: restricted, " WORDS("dataset") "}},\n"
        "exposures: {e: {reads: [d], deadline: '2024-06-01T06:00Z', " WORDS("exposure") "}},\n"
        "steps: {s: {noop: true, pool: p, outputs: [d], " WORDS("step") "}}}\n");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    const struct plan *p = c.plan;
    expect_words(&p->words, "plan");
    expect_words(&p->connections[0].words, "connection");
    expect_words(&p->pools[0].words, "pool");
    expect_words(&p->datasets[0].words, "dataset");
    expect_words(&p->exposures[0].words, "exposure");
    expect_words(&p->steps[0].words, "step");
    cr_expect_str_eq(p->datasets[0].sensitivity, "restricted");
    cr_assert_eq(p->n_exposures, 1);
    cr_assert_eq(p->exposures[0].n_reads, 1);
    cr_expect_eq(p->exposures[0].reads[0], 0);
    cr_expect_eq(p->exposures[0].deadline.at_s, 1717221600);
    compiled_done(&c);
}

Test(plan_keys, owners_are_kept)
{
    struct compiled c = compile_text(HEAD "owner: a\nowners: {a: {contact: x, description: y}, b: }\nsteps: {s: {noop: true, owner: b}}\n");
    cr_assert_not_null(c.plan, "%s", (char *)c.said.data);
    cr_assert_eq(c.plan->n_owners, 2);
    cr_expect_str_eq(c.plan->owners[0].name, "a");
    cr_expect_str_eq(c.plan->owners[0].words.contact, "x");
    cr_expect_str_eq(c.plan->owners[0].words.description, "y");
    cr_expect_null(c.plan->owners[1].words.contact);
    cr_expect_eq(c.d.n_warnings, 0, "%s", (char *)c.said.data);
    compiled_done(&c);
}

/* ---- much of it ---- */

/* Three hundred thousand unknown keys at three places: all are counted.  (Time: bench/plan_bad_input.py.) */
Test(plan_keys, many_unknown_keys)
{
    static const char *const frames[] = {"%sstepz: 1\n", "steps:\n  a:\n    noop: true\n%s",
        "steps: {a: {noop: true}}\npools:\n  w:\n    slots: 1\n%s"};
    static const char *const indents[] = {"", "    ", "    "};
    enum { KEYS = 300000 };
    for (size_t f = 0; f < 3; f++) {
        struct bf_buf keys = {0};
        for (int i = 0; i < KEYS; i++)
            bf_buf_printf(&keys, "%sk%d: 1\n", indents[f], i);
        BF_AUTO_FREE char *body = bf_xasprintf(frames[f], bf_buf_cstr(&keys));
        BF_AUTO_FREE char *text = bf_xasprintf(HEAD "%s", body);
        struct compiled c;
        compiled_init(&c, text);
        c.plan = plan_compile(&c.source, NULL, &c.d);
        cr_expect_null(c.plan);
        cr_expect_geq(c.d.n_errors, (size_t)KEYS);
        compiled_done(&c);
        bf_buf_free(&keys);
    }
}
