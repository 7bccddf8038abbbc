/* What an attempt tells beside its end: which lines are taken, what of them, and that it always fits. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/result.h"
#include "agent/verdict.h"
#include "common/files.h"
#include "common/mem.h"

#define N(a) (sizeof(a) / sizeof *(a))

static char *rendered(const char *lines, enum step_kind kind, struct step_result *ret, struct bf_buf *remarks)
{
    result_parse(lines, strlen(lines), kind, ret, remarks);
    char *text = details_render(&ret->details);
    cr_assert_leq(strlen(text), OUTCOME_DETAILS_MAX);
    for (const char *p = text; *p; p++)
        cr_assert(*p >= 0x20 && *p < 0x7f, "byte %d in %s", *p, text);
    return text;
}

#define CHECK "{\"check\":{\"name\":\"unique\",\"kind\":\"unique\",\"severity\":\"error\"," \
              "\"dataset\":\"stg.orders\",\"status\":\"failed\"," \
              "\"text\":\"3 rows\",\"sql\":\"select 1\",\"figures\":{\"rows\":3,\"bad\":[1],\"none\":null}," \
              "\"offending\":[{\"id\":\"7\",\"day\":null}]," \
              "\"ms\":12,\"sample\":0.1}}\n"

Test(agent_details, lines_become_one_object)
{
    static const struct { const char *lines; enum step_kind kind; const char *details, *remark; } cases[] = {
        {"", STEP_RUN, "", ""},
        {"{\"rows\":1}", STEP_SQL, "", ""},
        {CHECK, STEP_SQL,
         "{\"checks\":[{\"name\":\"unique\",\"kind\":\"unique\",\"severity\":\"error\",\"dataset\":\"stg.orders\",\"status\":\"failed\","
         "\"text\":\"3 rows\",\"sql\":\"select 1\",\"figures\":{\"rows\":3,\"none\":null},\"offending\":[{\"id\":\"7\","
         "\"day\":null}],\"ms\":12,\"sample\":0.1}]}", ""},
        {CHECK, STEP_RUN, "", "line 1: not supported yet: check"}, {CHECK, STEP_HTTP, "", "line 1: not supported yet: check"},
        {"{\"check\":{\"name\":\"n\",\"kind\":\"k\",\"severity\":\"fatal\",\"status\":\"passed\",\"text\":\"t\"}}", STEP_SQL, "",
         "known `severity`"},
        {"{\"check\":{\"kind\":\"k\",\"severity\":\"warn\",\"status\":\"passed\",\"text\":\"t\"}}", STEP_SQL, "", "must have `name`"},
        {"{\"check\":7}", STEP_SQL, "", "must be an object"},
        {"{\"metric\":{\"name\":\"null_rate\",\"value\":0.1}}\n{\"metric\":{\"name\":\"n\","
         "\"value\":7}}\n{\"metric\":{\"name\":\"n\",\"value\":8}}", STEP_RUN,
         "{\"metrics\":{\"null_rate\":0.1,\"n\":8}}", ""},
        {"{\"metric\":{\"name\":\"a b\",\"value\":1}}", STEP_RUN, "", "needs a `name`"}, {"{\"metric\":{\"name\":\"n\",\"value\":\"1\"}}",
                                                                                          STEP_RUN, "", "needs a `value`"},
        {"{\"metric\":{\"name\":\"n\",\"value\":1e999}}", STEP_RUN, "", "not a JSON object"},
        {"{\"metric\":1}", STEP_RUN, "", "needs a `name`"},
        {"{\"sql\":{\"text\":\"t\",\"statement\":2,\"line\":5,\"column\":7,\"excerpt\":\"insert \xc3\xa9\\u007f\"}}", STEP_SQL,
         "{\"sql\":{\"statement\":2,\"line\":5,\"column\":7,\"excerpt\":\"insert \\u00E9 \"}}", ""},
        {"{\"sql\":{\"text\":\"t\",\"statement\":2}}\n{\"sql\":{\"text\":\"u\"}}", STEP_SQL, "", ""},
        {"{\"warehouse\":[{\"topic\":\"driver\",\"status\":\"ok\",\"text\":\"there\",\"more\":{}},{\"topic\":\"rights\","
         "\"status\":\"failed\",\"text\":\"no\",\"remedy\":\"grant\"}]}",
         STEP_SQL, "{\"warehouse\":[{\"topic\":\"driver\",\"status\":\"ok\",\"text\":\"there\"},{\"topic\":\"rights\","
                   "\"status\":\"failed\",\"text\":\"no\",\"remedy\":\"grant\"}]}", ""},
        {"{\"warehouse\":[{\"topic\":\"driver\",\"status\":\"?\",\"text\":\"there\"}]}", STEP_SQL, "", "each item of `warehouse`"},
        {"{\"warehouse\":{}}", STEP_SQL, "", "must be a list"}, {"{\"warehouse\":[]}", STEP_RUN, "", "not supported yet"},
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct step_result r;
        struct bf_buf remarks = {0};
        BF_AUTO_FREE char *text = rendered(cases[i].lines, cases[i].kind, &r, &remarks);
        cr_expect_str_eq(text, cases[i].details, "%s: %s", cases[i].lines, text);
        cr_expect(strstr(bf_buf_cstr(&remarks), cases[i].remark), "%s: %s", cases[i].lines, bf_buf_cstr(&remarks));
        cr_expect(*cases[i].remark || remarks.len == 0, "%s: %s", cases[i].lines, bf_buf_cstr(&remarks));
        bf_buf_free(&remarks);
        result_done(&r);
    }
}

Test(agent_details, words_decide_the_end_only_when_the_exit_says_so_too)
{
    static const struct {
        const char *line; enum step_kind kind; int exit; enum outcome_source source; int code; const char *text;
    } cases[] = {
        {"{\"check_failed\":{\"severity\":\"error\",\"text\":\"check unique failed\"}}", STEP_SQL, 1, OUTCOME_CHECK, CHECK_ERROR,
         "check unique failed"},
        {"{\"check_failed\":{\"severity\":\"halt\",\"text\":\"h\"}}", STEP_SQL, 1, OUTCOME_CHECK, CHECK_HALT, "h"},
        {"{\"check_failed\":{\"severity\":\"halt\",\"text\":\"h\"}}", STEP_SQL, 0, OUTCOME_OK, 0, ""},
        {"{\"check_failed\":{\"severity\":\"warn\",\"text\":\"h\"}}", STEP_SQL, 1, OUTCOME_EXIT, 1, "exit status 1"},
        {"{\"check_failed\":{\"severity\":\"halt\",\"text\":\"h\"}}", STEP_RUN, 1, OUTCOME_EXIT, 1, "exit status 1"},
        {"{\"check_failed\":[]}", STEP_SQL, 1, OUTCOME_EXIT, 1, "exit status 1"},
        {"{\"http\":{\"status\":503,\"text\":\"503 from x\"}}", STEP_HTTP, 75, OUTCOME_HTTP, 503, "503 from x"},
        {"{\"http\":{\"status\":404,\"text\":\"gone\"}}", STEP_HTTP, 1, OUTCOME_HTTP, 404, "gone"},
        {"{\"http\":{\"status\":0,\"text\":\"refused\"}}", STEP_HTTP, 75, OUTCOME_HTTP, 0, "refused"},
        {"{\"http\":{\"status\":0,\"text\":\"no trust\"}}", STEP_HTTP, 1, OUTCOME_HTTP, 1, "no trust"},
        {"{\"http\":{\"status\":200,\"text\":\"done\"}}", STEP_HTTP, 0, OUTCOME_OK, 0, ""},
        {"{\"http\":{\"status\":503,\"text\":\"x\"}}", STEP_RUN, 1, OUTCOME_EXIT, 1, "exit status 1"},
        {"{\"http\":{\"status\":99999999999,\"text\":\"x\"}}", STEP_HTTP, 1, OUTCOME_HTTP, 1, "x"},
        {"{\"check_failed\":{\"severity\":\"error\",\"text\":\"c\"}}\n{\"sql\":{\"native\":7,\"text\":\"later\"}}", STEP_SQL, 1,
         OUTCOME_SQL, 7, "later"},
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct step_result r;
        struct bf_buf remarks = {0};
        struct verdict v;
        BF_AUTO_FREE char *details = rendered(cases[i].line, cases[i].kind, &r, &remarks);
        verdict_of_end(cases[i].exit << 8, &r, details, "", 0, NULL, &v);
        cr_expect_eq(v.outcome.source, cases[i].source, "%s: source %d", cases[i].line, (int)v.outcome.source);
        cr_expect_eq(v.outcome.code, cases[i].code, "%s: code %d", cases[i].line, v.outcome.code);
        cr_expect_str_eq(v.text, cases[i].text, "%s: %s", cases[i].line, v.text);
        bf_buf_free(&remarks);
        result_done(&r);
    }
}

/* --- bounds ----------------------------------------------------------------------------------------------------------- */

/* One line of a check with a query of n_sql bytes and rows of such values; what is a character of three bytes is six in ASCII. */
static void put_check(struct bf_buf *b, unsigned number, bool fails, size_t n_sql, size_t n_rows, const char *letter)
{
    bf_buf_printf(b, "{\"check\":{\"name\":\"check-%u\",\"kind\":\"sql\",\"severity\":\"error\","
                     "\"status\":\"%s\",\"text\":\"t\",\"sql\":\"", number,
                  fails ? "failed" : "passed");
    for (size_t i = 0; i < n_sql; i++)
        bf_buf_put_str(b, letter);
    bf_buf_put_str(b, "\",\"offending\":[");
    for (size_t i = 0; i < n_rows; i++) {
        bf_buf_put_str(b, i ? ",{\"a\":\"" : "{\"a\":\"");
        for (size_t k = 0; k < 150; k++)
            bf_buf_put_str(b, letter);
        bf_buf_put_str(b, "\"}");
    }
    bf_buf_put_str(b, "]}}\n");
}

struct counted { size_t checks, rows, queries, failed; bool cut; };

static struct counted count(const char *text)
{
    struct counted c = {0};
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *check;
    size_t i;
    cr_assert_not_null(root, "%s", text);
    json_array_foreach(json_object_get(root, "checks"), i, check) {
        c.checks++;
        c.rows += json_array_size(json_object_get(check, "offending"));
        c.queries += json_object_get(check, "sql") != NULL;
        c.failed += strcmp(json_string_value(json_object_get(check, "status")), "failed") == 0;
    }
    c.cut = json_is_true(json_object_get(root, "cut"));
    json_decref(root);
    return c;
}

Test(agent_details, what_is_too_long_is_cut_in_order)
{
    static const struct { const char *what; unsigned n; size_t n_sql, n_rows; const char *letter; struct counted least; bool all_rows,
                          all_queries, cut; } cases[] = {
        {"fits", 5, 500, 10, "x", {5, 50, 5, 1, false}, true, true, false},
        {"rows of passed checks go first", 30, 500, 10, "x", {30, 10, 30, 1, true}, false, true, true},
        {"then queries of passed checks", 60, 1900, 10, "x", {60, 0, 1, 1, true}, false, false, true},
        {"then checks that passed", 900, 100, 2, "x", {100, 0, 0, 1, true}, false, false, true},
        {"characters that are long in ASCII", 20, 600, 10, "日", {20, 0, 1, 1, true}, false, false, true},
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct bf_buf lines = {0}, remarks = {0};
        struct step_result r;
        for (unsigned k = 0; k < cases[i].n; k++)
            put_check(&lines, k, k == cases[i].n - 1, cases[i].n_sql, cases[i].n_rows, cases[i].letter);
        BF_AUTO_FREE char *text = rendered(bf_buf_cstr(&lines), STEP_SQL, &r, &remarks);
        struct counted c = count(text);
        cr_expect_geq(c.checks, cases[i].least.checks, "%s: %zu checks", cases[i].what, c.checks);
        cr_expect_geq(c.rows, cases[i].least.rows, "%s: %zu rows", cases[i].what, c.rows);
        cr_expect_geq(c.queries, cases[i].least.queries, "%s: %zu queries", cases[i].what, c.queries);
        cr_expect_eq(c.rows == cases[i].n * cases[i].n_rows, cases[i].all_rows, "%s: %zu rows", cases[i].what, c.rows);
        cr_expect_eq(c.queries == cases[i].n, cases[i].all_queries, "%s: %zu queries", cases[i].what, c.queries);
        cr_expect_eq(c.failed, 1, "%s: the one that failed is kept", cases[i].what);
        cr_expect_eq(c.cut, cases[i].cut, "%s", cases[i].what);
        cr_expect(!c.cut || strlen(text) > OUTCOME_DETAILS_MAX * 3 / 4, "%s: no more than needed, %zu bytes", cases[i].what, strlen(text));
        bf_buf_free(&lines);
        bf_buf_free(&remarks);
        result_done(&r);
    }
}

Test(agent_details, the_most_of_everything_fits)
{
    struct bf_buf lines = {0}, remarks = {0};
    struct step_result r;
    for (unsigned i = 0; i < DETAILS_CHECKS_MAX + 5; i++)
        put_check(&lines, i, true, 10, 0, "日");
    for (unsigned i = 0; i < DETAILS_METRICS_MAX + 5; i++)
        bf_buf_printf(&lines, "{\"metric\":{\"name\":\"%064u\",\"value\":-1.2345678901234567e-300}}\n", i);
    bf_buf_put_str(&lines, "{\"sql\":{\"text\":\"t\",\"statement\":9223372036854775807,\"line\":9223372036854775807,\"excerpt\":\"");
    for (unsigned i = 0; i < 500; i++)
        bf_buf_put_str(&lines, "\\u0001");
    bf_buf_put_str(&lines, "\"}}\n{\"warehouse\":[");
    for (unsigned i = 0; i < 20; i++) {
        bf_buf_put_str(&lines, i ? ",{\"topic\":\"rights\",\"status\":\"ok\",\"text\":\""
                                 : "{\"topic\":\"rights\",\"status\":\"ok\",\"text\":\"");
        for (unsigned k = 0; k < 600; k++)
            bf_buf_put_str(&lines, "日");
        bf_buf_put_str(&lines, "\"}");
    }
    bf_buf_put_str(&lines, "]}\n");
    BF_AUTO_FREE char *text = rendered(bf_buf_cstr(&lines), STEP_SQL, &r, &remarks);
    json_t *root = json_loads(text, 0, NULL);
    cr_expect_eq(json_object_size(json_object_get(root, "metrics")), DETAILS_METRICS_MAX);
    cr_expect_eq(strlen(json_string_value(json_object_get(json_object_get(root, "sql"), "excerpt"))), DETAILS_EXCERPT_MAX);
    cr_expect(json_is_true(json_object_get(root, "cut")));
    cr_expect(strstr(bf_buf_cstr(&remarks), "at most 1,000 checks"), "%s", bf_buf_cstr(&remarks));
    cr_expect(strstr(bf_buf_cstr(&remarks), "at most 64 are kept"), "%s", bf_buf_cstr(&remarks));
    json_decref(root);
    bf_buf_free(&lines);
    bf_buf_free(&remarks);
    result_done(&r);
}

Test(agent_details, values_are_cut_at_characters_and_rows_at_ten)
{
    struct bf_buf lines = {0}, remarks = {0};
    struct step_result r;
    put_check(&lines, 1, true, 1000, 15, "日");          /* 3,000 bytes of SQL, 450 of a value */
    BF_AUTO_FREE char *text = rendered(bf_buf_cstr(&lines), STEP_SQL, &r, &remarks);
    json_t *root = json_loads(text, 0, NULL), *check = json_array_get(json_object_get(root, "checks"), 0),
                   *rows = json_object_get(check, "offending");
    cr_expect_eq(strlen(json_string_value(json_object_get(check, "sql"))), 1998);
    cr_expect_eq(json_array_size(rows), DETAILS_ROWS_MAX);
    cr_expect_eq(strlen(json_string_value(json_object_get(json_array_get(rows, 9), "a"))), 198);
    json_decref(root);
    bf_buf_free(&lines);
    bf_buf_free(&remarks);
    result_done(&r);
}

/* Who fills the file with words still ends as it said at the end. */
Test(agent_details, the_end_of_a_long_file_is_read)
{
    struct bf_buf lines = {0}, remarks = {0};
    struct bf_error err = {0};
    struct step_result r;
    char path[] = "/tmp/bf-result-XXXXXX";
    close(mkstemp(path));
    bf_buf_put_str(&lines, "{\"metric\":{\"name\":\"first\",\"value\":1}}\n");
    for (unsigned i = 0; i < 400; i++)
        put_check(&lines, i, false, 1500, 10, "x");
    cr_assert_gt(lines.len, RESULT_BYTES_MAX);
    bf_buf_put_str(&lines, "{\"check_failed\":{\"severity\":\"halt\",\"text\":\"the last word\"}}\n");
    cr_assert_eq(bf_file_write(path, lines.data, lines.len, 0600, &err), BF_OK);
    result_take(path, STEP_SQL, &r, &remarks);
    cr_expect_eq(r.word, RESULT_CHECK);
    cr_expect_str_eq(r.text, "the last word");
    cr_expect(json_object_get(r.details.metrics, "first"));
    cr_expect(strstr(bf_buf_cstr(&remarks), "over 1 MiB"), "%s", bf_buf_cstr(&remarks));
    cr_expect_null(strstr(bf_buf_cstr(&remarks), "not a JSON object"), "%s", bf_buf_cstr(&remarks));
    cr_expect_neq(access(path, F_OK), 0);
    bf_buf_free(&lines);
    bf_buf_free(&remarks);
    result_done(&r);
}

/* A file of the greatest length is not followed by a NUL, and a line of blanks may be its last. */
Test(agent_details, nothing_is_read_behind_the_last_line)
{
    struct step_result r;
    struct bf_buf remarks = {0};
    char *blanks = bf_xmalloc(64);           /* the sanitizer watches its end */
    memset(blanks, ' ', 64);
    result_parse(blanks, 64, STEP_RUN, &r, &remarks);
    cr_expect_eq(remarks.len, 0, "%s", bf_buf_cstr(&remarks));
    cr_expect_eq(r.word, RESULT_NONE);
    free(blanks);
    bf_buf_free(&remarks);
    result_done(&r);
}
