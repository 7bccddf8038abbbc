/* Selectors: what they pick of a plan, what is refused and how, and random ones against a count of every instance. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/civil.h"
#include "common/mem.h"
#include "common/prng.h"
#include "plan/selector.h"
#include "test_plan_support.h"

/* ---- plans ---- */

#define HEAD "apiVersion: backfill/v1\nkind: Plan\nname: shop\n"
#define NOOP "noop: true"

/* The plan of a document, with the zone that it names from the system. */
static struct plan *plan_of(const char *text)
{
    struct compiled c = compile_text(text);
    cr_assert_not_null(c.plan, "%s", bf_buf_cstr(&c.said));
    struct plan *p = c.plan;
    c.plan = NULL;
    compiled_done(&c);
    return p;
}

/* Of the first quarter of 2024 or, for the hour that comes twice, of 27 October. */
static struct plan *shop(const char *from, const char *to)
{
    struct bf_buf b = {0};
    bf_buf_printf(&b, HEAD "partitions: {grain: day, from: %s, to: %s, timezone: Europe/Berlin, partial: allow}\nsteps:\n", from, to);
    bf_buf_put_str(&b, "  extract: {" NOOP ", partitions: {grain: hour}, tags: [smoke]}\n"
                       "  stg_orders: {" NOOP ", tags: [finance, stg], needs: [extract]}\n"
                       "  stg_items: {" NOOP ", tags: [stg], needs: [extract]}\n"
                       "  fx: {" NOOP ", partitions: {grain: month}, tags: [finance]}\n"
                       "  mart.revenue: {" NOOP ", needs: [stg_orders, fx, {mart.revenue: previous 1}]}\n"
                       "  close-books: {" NOOP ", partitions: {grain: month}, needs: [mart.revenue]}\n"
                       "  weekly: {" NOOP ", partitions: {grain: week}, needs: [mart.revenue]}\n"
                       "  report: {" NOOP ", partitions: {grain: none}, tags: [end], needs: [close-books]}\n"
                       "  alone: {" NOOP ", partitions: {grain: none}}\n");
    struct plan *p = plan_of(bf_buf_cstr(&b));
    bf_buf_free(&b);
    return p;
}

static struct plan *quarter(void) { return shop("2024-01-01", "2024-03-31"); }

/* "stg_orders[2024-01-01..2024-01-03,2024-01-07] report" in the plan's order; a step that is picked whole stands without a range. */
static const char *written(const struct plan_selection *s, struct bf_buf *b)
{
    struct plan_selection_walk w = {0};
    uint32_t before = PLAN_NO_INDEX;
    bf_buf_clear(b);
    while (plan_selection_next(s, &w)) {
        const struct plan_step *step = &s->plan->steps[w.step];
        bool whole = w.range.n == step->partitions->n;
        char key[2][PLAN_KEY_MAX];
        plan_partition_key(step->partitions, w.range.first, key[0]);
        plan_partition_key(step->partitions, w.range.first + w.range.n - 1, key[1]);
        if (w.step != before)
            bf_buf_printf(b, "%s%s%s", before == PLAN_NO_INDEX ? "" : " ", step->name, whole ? "" : "[");
        else
            b->data[b->len - 1] = ',';
        if (!whole)
            bf_buf_printf(b, "%s%s%s]", key[0], w.range.n > 1 ? ".." : "", w.range.n > 1 ? key[1] : "");
        before = w.step;
    }
    return bf_buf_cstr(b);
}

/* Words with a blank between. */
static enum bf_rc pick(const struct plan *p, const char *text, struct plan_selection *ret, struct bf_error *err)
{
    char *copy = bf_xstrdup(text), *at = copy;
    const char *words[PLAN_SELECTORS_MAX + 8];
    size_t n = 0;
    for (char *word; *text && (word = strsep(&at, " "));)
        words[n++] = word;
    enum bf_rc rc = plan_select(p, words, n, ret, err);
    free(copy);
    return rc;
}

#define EVERYTHING "extract fx alone stg_orders stg_items mart.revenue close-books weekly report"

struct picking { const char *words, *picked; };

static void expect_picked(const struct picking *cases, size_t n)
{
    struct plan *p = quarter();
    struct bf_buf b = {0};
    for (size_t i = 0; i < n; i++) {
        struct plan_selection s;
        struct bf_error err = {0};
        cr_assert_eq(pick(p, cases[i].words, &s, &err), BF_OK, "%s: %s", cases[i].words, err.text);
        cr_expect_str_eq(written(&s, &b), cases[i].picked, "%s picks %s", cases[i].words, bf_buf_cstr(&b));
        plan_selection_done(&s);
    }
    bf_buf_free(&b);
    plan_free(p);
}

Test(plan_selector, picks_steps)
{
    static const struct picking cases[] = {
        {"", EVERYTHING},
        {"*", EVERYTHING},
        {"stg_orders", "stg_orders"},
        {"mart.revenue close-books", "mart.revenue close-books"},
        {"close-books mart.revenue mart.revenue", "mart.revenue close-books"},
        {"+mart.revenue", "extract fx stg_orders mart.revenue"},
        {"mart.revenue+", "mart.revenue close-books weekly report"},
        {"+mart.revenue+", "extract fx stg_orders mart.revenue close-books weekly report"},
        {"+extract", "extract"},
        {"alone+", "alone"},
        {"tag:stg", "stg_orders stg_items"},
        {"+tag:finance+", "extract fx stg_orders mart.revenue close-books weekly report"},
        {"tag:f*", "fx stg_orders"},
        {"stg_*", "stg_orders stg_items"},
        {"*_?????s", "stg_orders"},
        {"*e*o*", "close-books report"},
        {"stg_*+", "stg_orders stg_items mart.revenue close-books weekly report"},
    };
    expect_picked(cases, sizeof cases / sizeof *cases);
}

Test(plan_selector, picks_dates)
{
    static const struct picking cases[] = {
        {"stg_orders[2024-01-02]", "stg_orders[2024-01-02]"},
        {"stg_orders[2024-01-02..2024-01-04]", "stg_orders[2024-01-02..2024-01-04]"},
        {"stg_orders[2024-02]", "stg_orders[2024-02-01..2024-02-29]"},
        {"stg_orders[2024-W05]", "stg_orders[2024-01-29..2024-02-04]"},
        {"stg_orders[2024-01-30..2024-02]", "stg_orders[2024-01-30..2024-02-29]"},
        {"stg_orders[..2024-01-03]", "stg_orders[2024-01-01..2024-01-03]"},
        {"stg_orders[2024-03-30..]", "stg_orders[2024-03-30..2024-03-31]"},
        {"stg_orders[2023-01-01..2024-01-01]", "stg_orders[2024-01-01]"},
        {"stg_orders[2024-01..2024-03]", "stg_orders"},
        {"extract[2024-01-01]", "extract[2024-01-01T00+01:00..2024-01-01T23+01:00]"},
        {"extract[2024-01-01T05]", "extract[2024-01-01T05+01:00]"},
        {"extract[2024-01-01T05+01:00..2024-01-01T07]", "extract[2024-01-01T05+01:00..2024-01-01T07+01:00]"},
        {"extract[2024-03-31T01..2024-03-31T03]", "extract[2024-03-31T01+01:00..2024-03-31T03+02:00]"},
        {"fx[2024-02]", "fx[2024-02]"},
        {"fx[2024-02-01..2024-02]", "fx[2024-02]"},
        {"fx[2024-01-01..2024-02-29]", "fx[2024-01..2024-02]"},
        {"fx[2023-12-15..2024-01-31]", "fx[2024-01]"},
        {"weekly[2024-01-01..2024-01-14]", "weekly[2024-W01..2024-W02]"},
        {"weekly[2024-W02]", "weekly[2024-W02]"},
    };
    expect_picked(cases, sizeof cases / sizeof *cases);
}

/* A range reaches the steps that are brought along by time, each in its own grain. */
Test(plan_selector, picks_by_time)
{
    static const struct picking cases[] = {
        {"+mart.revenue[2024-01-31..2024-02-01]",
         "extract[2024-01-31T00+01:00..2024-02-01T23+01:00] fx[2024-01..2024-02] stg_orders[2024-01-31..2024-02-01] "
         "mart.revenue[2024-01-31..2024-02-01]"},
        {"mart.revenue+[2024-02-05]", "mart.revenue[2024-02-05] close-books[2024-02] weekly[2024-W06] report"},
        {"close-books+[2024-02]", "close-books[2024-02] report"},
        {"+close-books[2024-02..]",
         "extract[2024-02-01T00+01:00..2024-03-31T23+02:00] fx[2024-02..2024-03] stg_orders[2024-02-01..2024-03-31] "
         "mart.revenue[2024-02-01..2024-03-31] close-books[2024-02..2024-03]"},
        {"tag:finance[2024-01-15]", "fx[2024-01] stg_orders[2024-01-15]"},
        {"*[2024-01-01]",
         "extract[2024-01-01T00+01:00..2024-01-01T23+01:00] fx[2024-01] alone stg_orders[2024-01-01] stg_items[2024-01-01] "
         "mart.revenue[2024-01-01] close-books[2024-01] weekly[2024-W01] report"},
        {"+report[2024-01-05]",
         "extract[2024-01-05T00+01:00..2024-01-05T23+01:00] fx[2024-01] stg_orders[2024-01-05] mart.revenue[2024-01-05] "
         "close-books[2024-01] report"},
    };
    expect_picked(cases, sizeof cases / sizeof *cases);
}

Test(plan_selector, picks_unions)
{
    static const struct picking cases[] = {
        {"fx[2024-01] fx[2024-03]", "fx[2024-01,2024-03]"},
        {"fx[2024-03] fx[2024-01]", "fx[2024-01,2024-03]"},
        {"fx[2024-01] fx[2024-02]", "fx[2024-01..2024-02]"},
        {"fx[2024-01] fx[2024-02..] fx[2024-02]", "fx"},
        {"fx[2024-02] fx", "fx"},
        {"stg_orders[2024-01-01] +stg_orders[2024-01-03] tag:stg[2024-01-03..2024-01-04]",
         "extract[2024-01-03T00+01:00..2024-01-03T23+01:00] stg_orders[2024-01-01,2024-01-03..2024-01-04] "
         "stg_items[2024-01-03..2024-01-04]"},
    };
    expect_picked(cases, sizeof cases / sizeof *cases);
}

Test(plan_selector, refusals)
{
    static const struct { const char *words; enum bf_rc rc; const char *says; } cases[] = {
        {"stg_ordres", BF_NOT_FOUND, "the plan has no step `stg_ordres`; did you mean `stg_orders`?"},
        {"nothing_like_it", BF_NOT_FOUND, "the plan has no step `nothing_like_it`"},
        {"stg_orders tag:finanse", BF_NOT_FOUND, "no step has the tag `finanse`; did you mean `finance`?"},
        {"tag:x", BF_NOT_FOUND, "no step has the tag `x`"},
        {"int_*", BF_NOT_FOUND, "no step has a name that fits `int_*`"},
        {"tag:x?", BF_NOT_FOUND, "no step has a tag that fits `x?`"},
        {"+", BF_INVALID, "`+` is no selector: the name of the step is missing; * is all steps"},
        {"tag:", BF_INVALID, "`tag:` is no selector: the name of the tag is missing"},
        {"[2024-01-01]", BF_INVALID, "the name of the step is missing"},
        {"fx[2024-01", BF_INVALID, "a range stands in one [ ] at the end"},
        {"fx]", BF_INVALID, "a range stands in one [ ] at the end"},
        {"fx[2024-01][2024-02]", BF_INVALID, "a range stands in one [ ] at the end"},
        {"fx[2024-01]x", BF_INVALID, "a range stands in one [ ] at the end"},
        {"fx[2024-01]+", BF_INVALID, "a + behind the name stands before the ["},
        {"2+fx", BF_INVALID, "takes no number of steps"},
        {"fx+1", BF_INVALID, "takes no number of steps"},
        {"++fx", BF_INVALID, "a + stands before or behind the whole name"},
        {"fx,report", BF_INVALID, "a comma joins nothing"},
        {"path:models", BF_INVALID, "the only word before a colon is tag"},
        {"@fx", BF_INVALID, "`@fx` is no selector: write STEP, STEP[DATE]"},
        {"f\033x", BF_INVALID, "`f?x` is no selector"},
        {"fx[]", BF_INVALID, "there is no date between [ and ]"},
        {"fx[..]", BF_INVALID, "there is no date between [ and ]"},
        {"fx[2024-13]", BF_INVALID, "`2024-13` is no real date: write a day as 2024-01-31"},
        {"stg_orders[2024-02-30]", BF_INVALID, "`2024-02-30` is no real date"},
        {"stg_orders[2024-01-01...2024-01-02]", BF_INVALID, "`.2024-01-02` is no real date"},
        {"stg_orders[7]", BF_INVALID, "`7` is no real date"},
        {"stg_orders[2024-01-01,2024-01-02]", BF_INVALID, "is no real date"},
        {"stg_orders[2024-01-02..2024-01-01]", BF_INVALID, "is empty: 2024-01-02 is after 2024-01-01 (both are included)"},
        {"stg_orders[2024-03..2024-01-05]", BF_INVALID, "is empty: 2024-03 is after 2024-01-05"},
        {"stg_orders[2025-01-01]", BF_INVALID, "picks nothing: the days of `stg_orders` run from 2024-01-01 to 2024-03-31"},
        {"stg_orders[..2023-12-31]", BF_INVALID, "picks nothing: the days of `stg_orders` run from"},
        {"fx[2024-04..]", BF_INVALID, "picks nothing: the months of `fx` run from 2024-01 to 2024-03"},
        {"tag:stg[2025-01-01]", BF_INVALID, "picks nothing: the days of the plan run from 2024-01-01 to 2024-03-31"},
        {"+report[2025-01-01]", BF_INVALID, "picks nothing: the hours of the plan run from 2024-01-01T00+01:00"},
        {"fx[2024-01-15]", BF_INVALID, "`fx` has grain month, and 2024-01-15 is no whole month: write 2024-01"},
        {"fx[2024-01-15..2024-03-02]", BF_INVALID, "2024-01-15 does not begin a month: write 2024-01"},
        {"fx[2024-01..2024-03-02]", BF_INVALID, "2024-03-02 does not end a month: write 2024-03"},
        {"fx[2024-W05]", BF_INVALID, "2024-W05 is no whole month: write 2024-01..2024-02"},
        {"weekly[2024-02]", BF_INVALID, "2024-02 is no whole week: write 2024-W05..2024-W09"},
        {"stg_orders[2024-01-01T05]", BF_INVALID, "2024-01-01T05 is no whole day: write 2024-01-01"},
        {"extract[2024-03-31T02]", BF_INVALID, "the clock of Europe/Berlin never shows 2024-03-31T02"},
        {"report[2024-01-01]", BF_INVALID, "`report[2024-01-01]`: the step has no partitions: leave the [ ] out"},
        {"tag:end[2024-01-01]", BF_INVALID, "what it names has no partitions"},
    };
    struct plan *p = quarter();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_selection s = {0};
        struct bf_error err = {0};
        cr_expect_eq(pick(p, cases[i].words, &s, &err), cases[i].rc, "%s: %s", cases[i].words, err.text);
        cr_expect(strstr(err.text, cases[i].says), "%s said: %s", cases[i].words, err.text);
        cr_expect_null(s.begin, "%s: written on failure", cases[i].words);
    }
    plan_free(p);
}

Test(plan_selector, an_hour_that_comes_twice_is_named)
{
    struct plan *p = shop("2024-10-27", "2024-10-27");
    struct plan_selection s;
    struct bf_error err = {0};
    struct bf_buf b = {0};
    cr_assert_eq(pick(p, "extract[2024-10-27T02]", &s, &err), BF_INVALID);
    cr_assert(strstr(err.text, "the clock of Europe/Berlin shows 2024-10-27T02 twice: write 2024-10-27T02+02:00 or 2024-10-27T02+01:00"),
              "%s", err.text);
    cr_assert_eq(pick(p, "extract[2024-10-27T02+01:00]", &s, &err), BF_OK, "%s", err.text);
    cr_assert_str_eq(written(&s, &b), "extract[2024-10-27T02+01:00]");
    plan_selection_done(&s);
    cr_assert_eq(pick(p, "extract", &s, &err), BF_OK);
    cr_assert_eq(plan_selection_count(&s), 25);
    plan_selection_done(&s);
    cr_assert_eq(pick(p, "fx[2024-09]", &s, &err), BF_INVALID);
    cr_assert(strstr(err.text, "the only month of `fx` is 2024-10"), "%s", err.text);
    bf_buf_free(&b);
    plan_free(p);
}

Test(plan_selector, a_plan_without_partitions)
{
    struct plan *p = plan_of(HEAD "steps:\n  one: {" NOOP "}\n  two: {" NOOP ", needs: [one]}\n");
    static const struct { const char *words; size_t n; const char *says; } cases[] = {
        {"", 2, ""}, {"one", 1, ""}, {"+two", 2, ""}, {"*", 2, ""},
        {"one[2024-01-01]", 0, "no partitions: leave the [ ] out"}, {"+two[2024-01-01]", 0, "no partitions: leave the [ ] out"},
        {"*[2024-01-01]", 0, "what it names has no partitions"}, {"tag:x", 0, "the plan has no tags"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_selection s = {0};
        struct bf_error err = {0};
        cr_expect_eq(pick(p, cases[i].words, &s, &err) == BF_OK, cases[i].n > 0, "%s", cases[i].words);
        cr_expect(strstr(err.text, cases[i].says), "%s: %s", cases[i].words, err.text);
        if (cases[i].n > 0)
            cr_expect_eq(plan_selection_count(&s), cases[i].n);
        plan_selection_done(&s);
    }
    plan_free(p);
}

Test(plan_selector, limits)
{
    struct plan *p = quarter();
    const char *words[PLAN_SELECTORS_MAX + 1];
    char text[PLAN_SELECTOR_MAX_BYTES + 2];
    struct plan_selection s;
    struct bf_error err = {0};
    for (size_t i = 0; i <= PLAN_SELECTORS_MAX; i++)
        words[i] = i % 2 ? "+report" : "alone";
    cr_assert_eq(plan_select(p, words, PLAN_SELECTORS_MAX, &s, &err), BF_OK);
    plan_selection_done(&s);
    cr_assert_eq(plan_select(p, words, PLAN_SELECTORS_MAX + 1, &s, &err), BF_LIMIT);
    cr_assert(strstr(err.text, "65 selectors are given; at most 64"), "%s", err.text);
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    words[0] = text;
    cr_assert_eq(plan_select(p, words, 1, &s, &err), BF_INVALID);
    cr_assert(strstr(err.text, "longer than 512 bytes"), "%s", err.text);
    text[PLAN_NAME_MAX + 1] = '\0';
    cr_assert_eq(plan_select(p, words, 1, &s, &err), BF_INVALID);
    cr_assert(strstr(err.text, "the name is too long"), "%s", err.text);
    text[PLAN_NAME_MAX] = '\0';
    cr_assert_eq(plan_select(p, words, 1, &s, &err), BF_NOT_FOUND);
    words[0] = "";
    cr_assert_eq(plan_select(p, words, 1, &s, &err), BF_INVALID);
    cr_assert(strstr(err.text, "a selector is empty"), "%s", err.text);
    plan_free(p);
}

/* The form alone: what no plan could take is refused, what some plan might take is not. */
Test(plan_selector, form)
{
    static const char *const good[] = {"load", "+load+", "tag:x", "*", "stg_*[2024-01]", "load[2024-10-27T02]", "load[..2024-W01]",
                                       "load[2025-01-01..2024-01-01]"};
    static const char *const bad[] = {"", "+", "load[", "load[]", "load[May]", "load[2024-02-30..]", "a b", "load[2024-01-01]+", "x:y"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct bf_error err = {0};
        cr_expect_eq(plan_selector_check(good[i], &err), BF_OK, "%s: %s", good[i], err.text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bf_error err = {0};
        cr_expect_eq(plan_selector_check(bad[i], &err), BF_INVALID, "%s", bad[i]);
        cr_expect(err.text[0], "%s", bad[i]);
    }
}

Test(plan_selector, whole_steps_are_told_from_partitions)
{
    static const char *const whole[] = {"load", "+load+", "tag:finance", "stg_*", "*"};
    static const struct { const char *word, *says; } cases[] = {
        {"load[2024-01]", "`load[2024-01]`: a colour is of whole steps, not of some partitions: write `load`"},
        {"+tag:x+[..2024-01-31]", "write `+tag:x+`"}, {"load[", "no selector"}, {"", "is empty"}};
    struct bf_error err = {0};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        cr_expect_eq(plan_selector_check_whole(whole[i], "a colour", &err), BF_OK, "%s: %s", whole[i], err.text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err = (struct bf_error){0};
        cr_expect_eq(plan_selector_check_whole(cases[i].word, "a colour", &err), BF_INVALID, "%s", cases[i].word);
        cr_expect(strstr(err.text, cases[i].says), "%s", err.text);
    }
}

/* ---- random selectors against a count of every instance ---- */

#define STEPS_MAX 8

struct wanted { size_t step; bool up, down; int64_t from_s, until_s; };    /* a selector as the generator meant it */

static struct plan *random_plan(struct bf_prng *r, bool needs[STEPS_MAX][STEPS_MAX])
{
    /* From 2024-03-29 or later: clock changes, ends of months. */
    int32_t first = bf_days_from_date((struct bf_date){2024, 3, 29}) + (int32_t)bf_prng_below(r, 10);
    char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];
    plan_key_of_day(PLAN_DAY, first, from);
    plan_key_of_day(PLAN_DAY, first + (int32_t)bf_prng_below(r, 40), to);
    struct bf_buf b = {0};
    bf_buf_printf(&b, HEAD "partitions: {grain: day, from: %s, to: %s, timezone: Europe/Berlin, partial: allow}\nsteps:\n", from, to);
    size_t n = 1 + bf_prng_below(r, STEPS_MAX);
    for (size_t i = 0; i < n; i++) {
        enum plan_grain grain = (enum plan_grain)bf_prng_below(r, PLAN_GRAIN_COUNT);
        bf_buf_printf(&b, "  s%zu:\n    " NOOP "\n    partitions: {grain: %s}\n    needs: [", i, plan_grain_name(grain));
        for (size_t k = 0; k <= i; k++) {
            needs[i][k] = bf_prng_below(r, 3) == 0 && !(k == i && grain == PLAN_NONE);
            if (needs[i][k])
                bf_buf_printf(&b, k == i ? "{s%zu: previous 1}, " : "s%zu, ", k);
        }
        bf_buf_put_str(&b, "]\n");
    }
    struct plan *p = plan_of(bf_buf_cstr(&b));
    bf_buf_free(&b);
    for (size_t k = 0; k < n; k++)                       /* Warshall */
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                needs[i][j] = needs[i][j] || (needs[i][k] && needs[k][j]);
    return p;
}

static struct wanted random_selector(struct bf_prng *r, const struct plan *p, char *ret, size_t size)
{
    struct wanted w = {.step = bf_prng_below(r, p->n_steps), .up = bf_prng_below(r, 2), .down = bf_prng_below(r, 2),
                       .from_s = INT64_MIN, .until_s = INT64_MAX};
    const struct plan_partitions *t = p->steps[w.step].partitions;
    int n = snprintf(ret, size, "%s%s%s", w.up ? "+" : "", p->steps[w.step].name, w.down ? "+" : "");
    if (t->grain == PLAN_NONE || bf_prng_below(r, 4) == 0)
        return w;
    uint32_t first = (uint32_t)bf_prng_below(r, t->n), last = first + (uint32_t)bf_prng_below(r, t->n - first);
    bool open[2] = {bf_prng_below(r, 4) == 0, bf_prng_below(r, 4) == 0};
    char key[2][PLAN_KEY_MAX];
    plan_partition_key(t, first, key[0]);
    plan_partition_key(t, last, key[1]);
    if (open[0] && open[1])
        return w;
    w.from_s = open[0] ? INT64_MIN : t->start_s[first];
    w.until_s = open[1] ? INT64_MAX : t->start_s[last + 1];
    if (first == last && !open[0] && !open[1])
        snprintf(ret + n, size - (size_t)n, "[%s]", key[0]);
    else
        snprintf(ret + n, size - (size_t)n, "[%s..%s]", open[0] ? "" : key[0], open[1] ? "" : key[1]);
    return w;
}

static bool wants(const struct wanted *w, bool needs[STEPS_MAX][STEPS_MAX], const struct plan *p, size_t step, uint32_t index)
{
    const struct plan_partitions *t = p->steps[step].partitions;
    bool reached = step == w->step || (w->up && needs[w->step][step]) || (w->down && needs[step][w->step]);
    return reached && (t->grain == PLAN_NONE || (t->start_s[index] < w->until_s && t->start_s[index + 1] > w->from_s));
}

static bool has(const struct plan_selection *s, uint32_t step, uint32_t index)
{
    for (size_t i = s->begin[step]; i < s->begin[step + 1]; i++)
        if (index >= s->ranges[i].first && index - s->ranges[i].first < s->ranges[i].n)
            return true;
    return false;
}

static void check_random(uint64_t seed)
{
    struct bf_prng r;
    bf_prng_seed(&r, seed);
    bool needs[STEPS_MAX][STEPS_MAX] = {0};
    struct plan *p = random_plan(&r, needs);
    char text[6][128];
    const char *words[6];
    struct wanted wanted[6];
    size_t n = 1 + bf_prng_below(&r, 6);
    for (size_t i = 0; i < n; i++) {
        wanted[i] = random_selector(&r, p, text[i], sizeof text[i]);
        words[i] = text[i];
    }
    struct plan_selection s;
    struct bf_error err = {0};
    cr_assert_eq(plan_select(p, words, n, &s, &err), BF_OK, "seed %llu: %s", (unsigned long long)seed, err.text);
    uint64_t count = 0;
    for (uint32_t step = 0; step < p->n_steps; step++) {
        uint64_t of_step = 0;
        for (uint32_t index = 0; index < p->steps[step].partitions->n; index++) {
            bool want = false;
            for (size_t i = 0; i < n; i++)
                want = want || wants(&wanted[i], needs, p, step, index);
            of_step += want;
            cr_assert_eq(has(&s, step, index), want, "seed %llu: %s, %u of %s", (unsigned long long)seed, text[0], index,
                         p->steps[step].name);
        }
        cr_assert_not(has(&s, step, p->steps[step].partitions->n));
        cr_assert_eq(plan_selection_count_step(&s, step), of_step);
        cr_assert_eq(plan_selection_has_step(&s, step), of_step > 0);
        for (size_t i = s.begin[step] + 1; i < s.begin[step + 1]; i++)
            cr_assert_gt(s.ranges[i].first, s.ranges[i - 1].first + s.ranges[i - 1].n, "seed %llu: ranges touch", (unsigned long long)seed);
        count += of_step;
    }
    cr_assert_eq(plan_selection_count(&s), count);
    uint64_t walked = 0;
    for (struct plan_selection_walk w = {0}; plan_selection_next(&s, &w);)
        walked += w.range.n;
    cr_assert_eq(walked, count);
    plan_selection_done(&s);
    plan_free(p);
}

Test(plan_selector, random_ones_pick_what_a_count_of_every_instance_finds)
{
    for (uint64_t seed = 1; seed <= 400; seed++)
        check_random(seed);
}

/* 10,000 steps in a chain, each with many edges: the walk is linear, or this takes minutes. */
/* Seconds; a walk of every pair would take many minutes. */
#ifdef __SANITIZE_ADDRESS__
#define LARGE_LIMIT_S 100
#else
#define LARGE_LIMIT_S 20
#endif

Test(plan_selector, a_large_plan_is_walked_once, .timeout = LARGE_LIMIT_S)
{
    struct bf_buf b = {0};
    bf_buf_put_str(&b, HEAD "partitions: {grain: day, from: 2024-01-01, to: 2025-02-03}\nsteps:\n");
    for (uint32_t i = 0; i < PLAN_STEPS_MAX; i++) {
        bf_buf_printf(&b, "  s%05u: {" NOOP ", needs: [", i);
        for (uint32_t k = 1; k <= 16 && k <= i; k++)
            bf_buf_printf(&b, "%ss%05u", k > 1 ? ", " : "", i - k);
        bf_buf_put_str(&b, "]}\n");
    }
    struct plan *p = plan_of(bf_buf_cstr(&b));
    bf_buf_free(&b);
    const char *words[PLAN_SELECTORS_MAX];
    for (size_t i = 0; i < PLAN_SELECTORS_MAX; i++)
        words[i] = i % 2 ? "+s09999[2024-01-05]" : "s00000+[2024-02]";
    struct plan_selection s;
    struct bf_error err = {0};
    for (int times = 0; times < 20; times++) {
        cr_assert_eq(plan_select(p, words, PLAN_SELECTORS_MAX, &s, &err), BF_OK, "%s", err.text);
        cr_assert_eq(plan_selection_count(&s), 30u * PLAN_STEPS_MAX);
        plan_selection_done(&s);
    }
    plan_free(p);
}
