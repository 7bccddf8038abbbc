/* What is read from the details of an attempt, the fingerprints of messages, and what mends a failure. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "coordinator/details.h"
#include "common/fingerprint.h"
#include "coordinator/remedies.h"

#define CHECK(severity, status) "{\"name\":\"a\",\"severity\":\"" severity "\",\"status\":\"" status "\"}"

Test(details, marks)
{
    static const struct { const char *json; unsigned marks; } cases[] = {
        {"{}", 0},
        {"{\"metrics\":{\"rows\":1}}", 0},
        {"{\"checks\":[" CHECK("error", "passed") "]}", DETAILS_PASSED},
        {"{\"checks\":[" CHECK("error", "passed") "," CHECK("error", "failed") "]}", DETAILS_PASSED | DETAILS_FAILED},
        {"{\"checks\":[" CHECK("halt", "failed") "]}", DETAILS_FAILED},
        {"{\"checks\":[" CHECK("warn", "failed") "]}", DETAILS_WARNED},
        {"{\"checks\":[" CHECK("warn", "could_not_run") "]}", DETAILS_COULD_NOT_RUN},
        {"{\"checks\":[{\"status\":\"failed\",\"severity\":\"warn\"}]}", DETAILS_WARNED},
        {"{ \"checks\" : [ { \"status\" : \"failed\" , \"severity\" : \"error\" } ] }", DETAILS_FAILED},
        {"{\"sql\":{\"statement\":2},\"metrics\":{}}", DETAILS_STATEMENT},
        {"{\"dropped\":\"why\"}", DETAILS_DROPPED},
        /* What a row or a text says is no status. */
        {"{\"checks\":[{\"name\":\"a\",\"severity\":\"error\",\"status\":\"passed\",\"offending\":[{\"status\":\"failed\"}]}]}",
         DETAILS_PASSED},
        {"{\"checks\":[{\"offending\":[{\"status\":\"failed\"}],\"severity\":\"error\",\"status\":\"passed\"}]}", DETAILS_PASSED},
        {"{\"checks\":[{\"text\":\"\\\"status\\\":\\\"failed\\\"\",\"status\":\"passed\",\"severity\":\"error\"}]}", DETAILS_PASSED},
        {"{\"checks\":[{\"text\":\"a \\\\\",\"status\":\"failed\",\"severity\":\"error\"}]}", DETAILS_FAILED},
        {"{\"metrics\":[{\"status\":\"failed\"}]}", 0},
        {"{\"metrics\":{\"checks\":[{\"status\":\"failed\"}],\"sql\":1,\"dropped\":2}}", 0},
        {"{\"checks\":[{\"status\":\"a word that is far too long to be one\",\"severity\":\"error\"}]}", 0},
        {"{\"checks\":[{\"status\":{\"status\":\"failed\"}}]}", 0},
        /* No JSON: nothing, and no harm. */
        {"{\"checks\":[{\"status\":\"failed", 0}, {"{\"checks\":[{\"status", 0}, {"]]]}}}\"", 0}, {"\\", 0}, {"\"\\", 0}, {"", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(details_marks(cases[i].json, strlen(cases[i].json)), cases[i].marks, "case %zu: %s: %u", i, cases[i].json,
                     details_marks(cases[i].json, strlen(cases[i].json)));
}

Test(details, fingerprints)
{
    static const struct { const char *text, *print; } cases[] = {
        {"", ""},
        {"exit status 3: no rates", "exit status <n>: no rates"},
        {"the rates of 2024-02-03 are missing", "the rates of <date> are missing"},
        {"at 2024-02-03T06:00:00.123Z and 2024-02-03 06:00:00+01:00", "at <date> and <date>"},
        {"hour 2024-03-31T02+02:00, week 2024-W05, month 2024-02, 12:30", "hour <date>, week <date>, month <date>, <date>"},
        {"relation \"stg.orders\" does not exist", "relation <text> does not exist"},
        {"Key (id)=(4711) already exists", "Key (id)=(<n>) already exists"},
        {"Duplicate entry '2024-01-03-17' for key 'PRIMARY'", "Duplicate entry <text> for key <text>"},
        {"can't open; don't try", "can't open; don't try"},
        {"it's 'a b' and it's 'c'", "it's <text> and it's <text>"},
        {"an open 'quote", "an open 'quote"},
        {"at 0xDEADBEEF", "at <hex>"},
        {"session 7f3a9c01d2 of 6ba7b810-9dad-11d1-80b4-00c04fd430c8", "session <hex> of <hex>"},
        {"decade facade 12345678", "decade facade <n>"},
        {"3.50 of 1,024.5 rows, part2", "<n> of <n> rows, part<n>"},
        {"\xc3\xa9t\xc3\xa9 2", "\xc3\xa9t\xc3\xa9 <n>"},
    };
    char ret[FINGERPRINT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bf_fingerprint(cases[i].text, ret);
        cr_expect_str_eq(ret, cases[i].print, "case %zu: %s", i, ret);
    }
    char longest[2 * FINGERPRINT_MAX];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + FINGERPRINT_MAX - 2, "\xc3\xa9", 3);
    bf_fingerprint(longest, ret);
    cr_expect_eq(strlen(ret), FINGERPRINT_MAX - 2, "cut between characters");
}

Test(details, remedies)
{
    static const struct { enum outcome_source source; int32_t code; const char *dbms, *state, *says; } cases[] = {
        {OUTCOME_SQL, 7, "PostgreSQL", "42P01", "create the table"},
        {OUTCOME_SQL, 7, "PostgreSQL", "42501", "GRANT SELECT"},
        {OUTCOME_SQL, 7, "PostgreSQL", "42999", "correct the statement"},
        {OUTCOME_SQL, 7, "PostgreSQL", "23505", "delete the partition's rows"},
        {OUTCOME_SQL, 7, "PostgreSQL", "40P01", "may pass by itself"},
        {OUTCOME_SQL, 7, "PostgreSQL", "53100", "make room"},
        {OUTCOME_SQL, 7, "PostgreSQL", "28P01", "password"},
        {OUTCOME_SQL, 7, "PostgreSQL", "57014", "statement_timeout"},
        {OUTCOME_SQL, 0, "", "IM002", "install the ODBC driver"},
        {OUTCOME_SQL, 0, "", "08001", "reaches it"},
        {OUTCOME_SQL, 101, "PostgreSQL", "08001", "reaches it"},
        {OUTCOME_SQL, 1045, "MariaDB", "28000", "password"},
        {OUTCOME_SQL, 1146, "MariaDB", "42S02", "create the table"},
        {OUTCOME_SQL, 1205, "MariaDB", "HY000", "holds the lock"},
        {OUTCOME_SQL, 1213, "MySQL", "40001", "by itself"},
        {OUTCOME_SQL, 2002, "MariaDB", "HY000", "reaches it"},
        {OUTCOME_SQL, 5, "SQLite", "HY000", "another process writes"},
        {OUTCOME_SQL, 517, "SQLite", "HY000", "another process writes"},
        {OUTCOME_SQL, 13, "SQLite", "HY000", "make room"},
        {OUTCOME_SQL, 8, "SQLite", "HY000", "cannot be written"},
        {OUTCOME_SQL, 9999, "Oracle", "HY000", NULL},
        {OUTCOME_EXIT, 126, "", "", "chmod +x"},
        {OUTCOME_EXIT, 127, "", "", "install the program"},
        {OUTCOME_OOM, OOM_OWN_LIMIT, "", "", "give the step more (resources: memory)"},
        {OUTCOME_OOM, OOM_HOST, "", "", "fewer slots"},
        {OUTCOME_TIMEOUT, 0, "", "", "timebox"},
        {OUTCOME_CHECK, CHECK_ERROR, "", "", "bfctl checks"},
        {OUTCOME_CHECK, CHECK_HALT, "", "", "bfctl resume"},
        {OUTCOME_HTTP, 401, "", "", "token"},
        {OUTCOME_HTTP, 503, "", "", "the server failed"},
        {OUTCOME_HTTP, 418, "", "", NULL},
        {OUTCOME_SIGNAL, SIGSEGV, "", "", "crashed"},
        {OUTCOME_SIGNAL, SIGUSR1, "", "", NULL},
        {OUTCOME_EXIT, 1, "", "", "bfctl logs"},
        {OUTCOME_EXIT, 42, "", "", "`failure`"},
        {OUTCOME_SPAWN, EPERM, "", "", "in its configuration"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = {.source = cases[i].source, .code = cases[i].code, .dbms = cases[i].dbms, .sqlstate = cases[i].state,
                            .text = ""};
        const char *text = remedy_of(&o, false);
        cr_expect_eq(text != NULL, cases[i].says != NULL, "case %zu", i);
        cr_expect(!text || strstr(text, cases[i].says), "case %zu: %s", i, text);
    }
}

Test(details, what_ended_because_of_the_retry_budget_is_told_of_the_budget)
{
    const struct outcome o = {.source = OUTCOME_SQL, .dbms = "PostgreSQL", .sqlstate = "40001",
                              .text = "deadlock"};
    const char *text = remedy_of(&o, true);
    cr_expect(strstr(text, "retry.budget") && !strstr(text, "retry.max"), "%s", text);
    cr_expect(remedy_asks_for_plan(text));
}
