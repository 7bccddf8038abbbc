/* Results of checks, failures by cause, and halts, as the documents show them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "views_fixture.h"

#define PASSED "{\"name\":\"row_count\",\"kind\":\"row_count\",\"severity\":\"error\",\"dataset\":\"stg\"," \
               "\"status\":\"passed\",\"text\":\"120 rows\"," \
               "\"sql\":\"select count(*) from stg\",\"figures\":{\"rows\":120},\"ms\":12}"
#define FAILED "{\"name\":\"unique\",\"kind\":\"unique\",\"severity\":\"halt\",\"dataset\":\"stg\"," \
               "\"status\":\"failed\",\"text\":\"3 rows twice\"," \
               "\"offending\":[{\"id\":\"7\",\"email\":\"***\"}]}"
#define WARNED "{\"name\":\"fresh\",\"kind\":\"freshness\",\"severity\":\"warn\",\"dataset\":\"stg\"," \
               "\"status\":\"failed\",\"text\":\"2 days old\"}"
#define CHECKS(list) "{\"checks\":[" list "]}"

/* Like plan_text, and tried again: an hour later at the latest. */
static const char patient[] =
    "apiVersion: backfill/v1\nkind: Plan\nname: patient\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-10}\n"
    "steps:\n  stg:\n    run: [echo]\n    retry: {max: 3, backoff: {initial: 1h, factor: 1, max: 1h}}\n  fct:\n    "
    "run: [echo]\n    needs: [stg]\n";

/* The page; counts its rows, and gives "next" (-1: null). */
static json_t *checks(struct world *w, const char *selector, const char *status, bool all, uint64_t offset, uint32_t limit,
                      json_int_t *ret_next)
{
    struct op_request req = query(OP_CHECKS);
    req.selectors = &selector;
    req.n_selectors = selector != NULL;
    req.state = status;
    req.attempt = all ? OP_ALL_ATTEMPTS : 0;
    req.page_offset = offset;
    req.page_limit = limit;
    json_t *j = ask(w, &req, BF_OK, NULL), *rows = json_incref(json_object_get(j, "rows")), *next = json_object_get(j, "next");
    cr_assert(json_is_array(rows));
    *ret_next = json_is_null(next) ? -1 : json_integer_value(next);
    json_decref(j);
    return rows;
}

/* All pages of at most limit rows: a page also ends early when its time is over. */
static json_t *all_checks(struct world *w, const char *selector, const char *status, bool all, uint32_t limit, unsigned *ret_pages)
{
    json_t *rows = json_array();
    json_int_t next = 0;
    for (*ret_pages = 0; next >= 0; ++*ret_pages) {
        json_int_t offset = next;
        json_t *page = checks(w, selector, status, all, (uint64_t)offset, limit, &next);
        json_array_extend(rows, page);
        json_decref(page);
        cr_assert(next == -1 || next > offset);
    }
    return rows;
}

static void expect_checks(struct world *w, const char *selector, const char *status, bool all, const char *expected)
{
    unsigned pages;
    json_t *rows = all_checks(w, selector, status, all, 0, &pages), *r;
    char got[1024] = "";
    size_t i, used = 0;
    json_array_foreach(rows, i, r)
        used += (size_t)snprintf(got + used, sizeof got - used, "%s[%s] %s %s; ", text(r, "step"), text(r, "partition") + 8,
                                 json_is_string(json_object_get(r, "name")) ? text(r, "name") : "-", text(r, "status"));
    cr_expect_str_eq(got, expected, "%s %s: %s", selector ? selector : "(all)", status, got);
    json_decref(rows);
}

Test(views_checks, of_the_newest_attempts_in_the_order_of_the_plan)
{
    struct world *w = world_new();
    create(w, patient);
    hello(w, 8);
    expect_checks(w, NULL, "", false, "");
    end_first_with(w, OUTCOME_EXIT, 75, "again", "", "", CHECKS(WARNED));
    end_first_with(w, OUTCOME_OK, 0, "", "", "", CHECKS(PASSED "," WARNED));
    expect_checks(w, NULL, "", false, "stg[01] fresh warned; stg[02] row_count passed; stg[02] fresh warned; ");
    w->boot_ms += 3600000;                       /* the first is tried again, and tells nothing: what it told before stays */
    hello(w, 8);
    for (int i = 0; i < 40 && w->n_held > 0; i++)
        end_first_with(w, OUTCOME_OK, 0, "", "", "", "");
    expect_checks(w, NULL, "", false, "stg[01] fresh warned; stg[02] row_count passed; stg[02] fresh warned; ");
    expect_checks(w, "stg[2024-01-02]", "", false, "stg[02] row_count passed; stg[02] fresh warned; ");
    expect_checks(w, "stg[2024-01-02]", "warned", false, "stg[02] fresh warned; ");
    expect_checks(w, "stg[2024-01-02]", "failed", false, "");
    struct op_request req = query(OP_CHECKS);
    char error[256];
    req.state = "red";
    ask(w, &req, BF_INVALID, error);
    cr_expect(strstr(error, "unknown status \"red\""), "%s", error);
    world_free(w);
}

Test(views_checks, all_attempts_and_what_a_row_holds)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 1);
    end_first_with(w, OUTCOME_CHECK, CHECK_ERROR, "check unique of stg failed", "", "", CHECKS(PASSED "," FAILED));
    struct op_request retry = query(OP_RETRY);
    retry.backfill = 1;
    memset(retry.id, 77, sizeof retry.id);
    turn_command(w->turns, operator_key, "ada", "admin", &retry, NULL, 0);
    run(w);
    for (int i = 0; i < 40 && w->n_held > 0; i++)    /* the first partition runs again among them */
        end_first_with(w, OUTCOME_OK, 0, "", "", "", CHECKS(PASSED));
    expect_checks(w, "stg[2024-01-01]", "", false, "stg[01] row_count passed; ");
    expect_checks(w, "stg[2024-01-01]", "failed", false, "");
    expect_checks(w, "stg[2024-01-01]", "", true, "stg[01] row_count passed; stg[01] unique failed; stg[01] row_count passed; ");
    expect_checks(w, "stg[2024-01-01]", "failed", true, "stg[01] unique failed; ");
    json_int_t next;
    json_t *rows = checks(w, "stg[2024-01-01]", "", true, 0, 0, &next), *first = json_array_get(rows, 0), *second = json_array_get(rows, 1);
    cr_expect_str_eq(text(first, "sql"), "select count(*) from stg");
    cr_expect_eq(number(json_object_get(first, "figures"), "rows"), 120);
    cr_expect_eq(number(first, "run"), 1);
    cr_expect_str_eq(text(first, "attempt"), "a-1");
    cr_expect_str_eq(text(second, "severity"), "halt");
    cr_expect_str_eq(text(json_array_get(json_object_get(second, "offending"), 0), "email"), "***");
    cr_expect_null(json_object_get(second, "sql"));
    cr_expect_eq(number(json_array_get(rows, 2), "run"), 2);
    json_decref(rows);
    world_free(w);
}

/* Page after page gives what one page gives, each row once. */
Test(views_checks, pages_go_on_where_the_last_one_ended)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 8);
    for (int i = 0; i < 20; i++)
        end_first_with(w, OUTCOME_OK, 0, "", "", "", CHECKS(PASSED "," WARNED));
    unsigned pages, large;
    json_t *all = all_checks(w, NULL, "", false, 0, &large), *rows = all_checks(w, NULL, "", false, 3, &pages);
    cr_assert_eq(json_array_size(all), 40);
    cr_expect(json_equal(rows, all));
    cr_expect_geq(pages, 10u);
    json_decref(rows);
    json_decref(all);
    world_free(w);
}

/* An agent may send the largest documents and none at all: a page stays a page. */
Test(views_checks, pages_stay_small)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 8);
    static char big[OUTCOME_DETAILS_MAX + 1];
    size_t used = (size_t)snprintf(big, sizeof big, "{\"checks\":[");
    while (used + 40 < OUTCOME_DETAILS_MAX)
        used += (size_t)snprintf(big + used, sizeof big - used, "%s{\"status\":\"passed\"}", big[used - 1] == '[' ? "" : ",");
    snprintf(big + used, sizeof big - used, "]}");
    for (int i = 0; i < 20; i++)
        end_first_with(w, OUTCOME_OK, 0, "", "", "", i % 5 ? big : "{]}");
    unsigned pages;
    json_t *rows = all_checks(w, NULL, "", true, 0, &pages);     /* each page is under 1 MiB: ask() */
    size_t n = json_array_size(rows);
    json_decref(rows);
    cr_expect_geq(pages, 2u);
    cr_expect_eq(n, 16 * 200, "%zu", n);
    world_free(w);
}

Test(views_checks, what_was_dropped_says_so)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 2);
    turn_set_low(w->turns, true);
    end_first_with(w, OUTCOME_CHECK, CHECK_ERROR, "check unique of stg failed", "", "", CHECKS(PASSED "," FAILED));
    cr_expect_eq(turn_take_dropped(w->turns), 1);
    cr_expect_eq(turn_take_dropped(w->turns), 0);
    expect_checks(w, NULL, "", false, "stg[01] - not_kept; ");
    expect_checks(w, NULL, "failed", false, "");
    struct op_request req = query(OP_STEPS);
    req.state = "failed";
    json_t *j = ask(w, &req, BF_OK, NULL);
    cr_expect_eq(json_array_size(j), 1, "the result is there");
    json_decref(j);
    world_free(w);
}

Test(views_checks, failures_by_cause)
{
    static const char statement[] = "{\"sql\":{\"statement\":2,\"line\":5,\"excerpt\":\"insert into stg\"}}";
    struct world *w = world_new();
    create(w, patient);
    hello(w, 1);
    struct op_request req = query(OP_FAILURES);
    json_t *j = ask(w, &req, BF_OK, NULL);
    cr_expect_eq(json_array_size(json_object_get(j, "rows")), 0);
    json_decref(j);
    end_first_with(w, OUTCOME_SQL, 1, "relation \"a\" does not exist", "42P01", "PostgreSQL", statement);
    end_first_with(w, OUTCOME_EXIT, 126, "exit status 126: x", "", "", "");
    end_first_with(w, OUTCOME_SQL, 1, "relation \"b\" does not exist", "42P01", "PostgreSQL", "");
    end_first_with(w, OUTCOME_SQL, 1, "duplicate key 7", "23505", "PostgreSQL", "");
    end_first_with(w, OUTCOME_EXIT, 75, "come back", "", "", "");
    j = ask(w, &req, BF_OK, NULL);
    const json_t *rows = json_object_get(j, "rows"), *g = json_array_get(rows, 0);
    cr_assert_eq(json_array_size(rows), 4);
    cr_expect(json_is_null(json_object_get(j, "next")));
    cr_expect_str_eq(text(g, "step"), "stg");
    cr_expect_str_eq(text(g, "class"), "permanent");
    cr_expect_str_eq(text(g, "source"), "sql");
    cr_expect_str_eq(text(g, "sqlstate"), "42P01");
    cr_expect_str_eq(text(g, "fingerprint"), "relation <text> does not exist");
    cr_expect_str_eq(text(g, "text"), "relation \"a\" does not exist");
    cr_expect_eq(number(g, "count"), 2);
    cr_expect_str_eq(text(g, "first"), "2024-01-01");
    cr_expect_str_eq(text(g, "last"), "2024-01-03");
    cr_expect_eq(number(json_object_get(g, "sql"), "line"), 5);
    cr_expect(strstr(text(g, "fix"), "create the table"));
    cr_expect(strstr(text(json_array_get(rows, 1), "fix"), "chmod"));
    g = json_array_get(rows, 3);
    cr_expect_eq(number(g, "backing_off"), 1);
    cr_expect_str_eq(text(g, "class"), "transient");
    cr_expect(json_is_null(json_object_get(g, "sql")));
    json_decref(j);
    const char *selector = "fct";
    req.selectors = &selector;
    req.n_selectors = 1;
    j = ask(w, &req, BF_OK, NULL);
    cr_expect_eq(json_array_size(json_object_get(j, "rows")), 0);
    json_decref(j);
    world_free(w);
}

/* Its backoff is over and no agent is there: it is ready, and did fail. */
Test(views_checks, what_failed_and_waits_for_more_than_its_backoff_is_among_the_failures)
{
    struct world *w = world_new();
    struct op_request req = query(OP_FAILURES);
    create(w, patient);
    hello(w, 1);
    end_first_with(w, OUTCOME_EXIT, 75, "come back", "", "", "");
    w->boot_ms += 3600000;
    run(w);
    struct op_request steps = query(OP_STEPS);
    steps.state = "backing_off";
    json_t *j = ask(w, &steps, BF_OK, NULL);
    cr_assert_eq(json_array_size(j), 0, "the hour is over");
    json_decref(j);
    j = ask(w, &req, BF_OK, NULL);
    const json_t *g = json_array_get(json_object_get(j, "rows"), 0);
    cr_assert_str_eq(text(g, "text"), "come back");
    cr_expect_eq(number(g, "backing_off"), 1);
    json_decref(j);
    world_free(w);
}

/* More causes than a page takes: the next page goes on, and all of them come. */
Test(views_checks, failures_are_paged)
{
    struct world *w = world_new();
    create(w, "apiVersion: backfill/v1\nkind: Plan\nname: many\npartitions: {grain: day, from: 2024-01-01, to: 2024-09-30}\n"
              "steps:\n  a:\n    run: [echo]\n    retry: {max: 1}\n");
    hello(w, 1);
    for (int i = 0; i < 274; i++) {
        char words[32] = "cause ";
        for (int k = i, n = 6; n < 12; n++, k /= 26)
            words[n] = (char)('g' + k % 20);
        end_first_with(w, OUTCOME_EXIT, 1, words, "", "", "");
    }
    struct op_request req = query(OP_FAILURES);
    json_int_t count = 0;
    size_t pages = 0;
    for (json_t *next = NULL; !json_is_null(next); pages++) {
        cr_assert_lt(pages, 20u);
        json_t *j = ask(w, &req, BF_OK, NULL), *g;
        size_t i;
        json_array_foreach(json_object_get(j, "rows"), i, g)
            count += number(g, "count");
        next = json_object_get(j, "next");
        req.page_offset = (uint64_t)json_integer_value(next);
        next = json_is_null(next) ? json_null() : NULL;
        json_decref(j);
    }
    cr_expect_eq(count, 274);
    cr_expect_geq(pages, 2u);
    world_free(w);
}

Test(views_checks, why_shows_the_statement_the_checks_and_the_fix)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 2);
    end_first_with(w, OUTCOME_CHECK, CHECK_HALT, "check unique of stg failed: 3 rows twice", "", "",
                   "{\"checks\":[" PASSED "," FAILED "],\"sql\":{\"statement\":1,\"line\":2,\"excerpt\":\"insert\"}}");
    const char *selector = "stg[2024-01-01]", *waits = "stg[2024-01-05]";
    struct op_request req = query(OP_WHY);
    req.selectors = &selector;
    req.n_selectors = 1;
    json_t *j = ask(w, &req, BF_OK, NULL);
    cr_expect(strstr(text(j, "fix"), "bfctl resume"));
    cr_expect_str_eq(text(json_object_get(j, "sql"), "excerpt"), "insert");
    cr_assert_eq(json_array_size(json_object_get(j, "checks")), 1, "those that did not pass");
    cr_expect_str_eq(text(json_array_get(json_object_get(j, "checks"), 0), "name"), "unique");
    cr_expect(json_is_null(json_object_get(j, "last_said")));
    json_decref(j);

    req.selectors = &waits;
    j = ask(w, &req, BF_OK, NULL);
    const json_t *blocker = json_array_get(json_object_get(j, "blockers"), 0);
    cr_expect_str_eq(text(blocker, "kind"), "halted");
    cr_expect_str_eq(text(blocker, "detail"), "halted by a check of stg[2024-01-01]: check unique of stg failed: 3 rows twice");
    cr_expect(strstr(text(blocker, "remedy"), "bfctl retry bf-1, then bfctl resume bf-1"), "%s", text(blocker, "remedy"));
    cr_expect(json_is_null(json_object_get(j, "fix")));
    json_decref(j);

    req = query(OP_GET);
    j = ask(w, &req, BF_OK, NULL);
    cr_expect_str_eq(text(j, "state"), "paused");
    cr_expect(strstr(text(j, "halted"), "stg[2024-01-01]"));
    json_decref(j);
    req = query(OP_STATUS);
    j = ask(w, &req, BF_OK, NULL);
    cr_expect(strstr(text(j, "halted"), "stg[2024-01-01]"));
    json_decref(j);
    world_free(w);
}

static void say(struct world *w, uint8_t stream, uint64_t offset, const char *bytes)
{
    struct bf_error err = {0};
    uint64_t acked;
    struct log_msg chunk = {.kind = LOG_CHUNK, .attempt = 1, .token = w->held[0].ref.token, .stream = stream, .offset = offset, .at_us = 1,
                            .bytes = (const uint8_t *)bytes, .n_bytes = strlen(bytes)};
    cr_assert_eq(log_store_append(w->logs, agent_key, &chunk, &acked, &err), BF_OK, "%s", err.text);
}

static void expect_last_said(struct world *w, const char *line)
{
    const char *selector = "stg[2024-01-01]";
    struct op_request req = query(OP_WHY);
    req.selectors = &selector;
    req.n_selectors = 1;
    json_t *j = ask(w, &req, BF_OK, NULL), *said = json_object_get(j, "last_said");
    cr_expect_str_eq(json_is_string(said) ? json_string_value(said) : "", line);
    json_decref(j);
}

Test(views_checks, why_of_one_that_runs_tells_its_last_words)
{
    struct world *w = world_new();
    create(w, plan_text);
    hello(w, 1);
    struct agent_report r = {.ref = w->held[0].ref, .kind = REPORT_STARTED, .started_us = w->wall_us,
                             .outcome = {.sqlstate = "", .dbms = "", .details = "", .text = ""}};
    struct agent_msg m = {.kind = AGENT_REPORT, .incarnation = 7, .reports = &r, .n_reports = 1, .text = ""};
    turn_agent_message(w->turns, agent_key, &m, w->boot_ms);
    run(w);
    expect_last_said(w, "");
    say(w, 1, 0, "one\ntwo\n");
    expect_last_said(w, "two");
    say(w, 2, 8, "waits for the session\xff of an earlier attempt\n\n");
    expect_last_said(w, "waits for the session\xef\xbf\xbd of an earlier attempt");
    say(w, 3, 53, "the agent's own remark\n");
    expect_last_said(w, "waits for the session\xef\xbf\xbd of an earlier attempt");
    end_first(w, OUTCOME_OK, 0, "");
    expect_last_said(w, "");
    world_free(w);
}
