/* What the end of an attempt says of each thing that it drew on, how long a breaker stays open, and how breakers are named: without an
 * engine. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/engine/breaker.h"
#include "coordinator/engine/internal.h"

#define OUT(from, is, state, system) {.source = from, .code = is, .sqlstate = state, .dbms = system, .details = "", .text = ""}
#define PLAIN(from, is) OUT(from, is, "", "")
/* In the order of the roles: step, pool, connection, writes, reads, agent.  + good, - bad, ! bad by itself, . none. */
static const struct { const char *name; struct outcome o; enum failure_class class; const char *votes; } table[] = {
    {"ok", PLAIN(OUTCOME_OK, 0), FAILURE_NONE, "++++++"},
    {"skip", PLAIN(OUTCOME_SKIP, 0), FAILURE_NONE, "++++++"},
    {"check", PLAIN(OUTCOME_CHECK, CHECK_ERROR), FAILURE_PERMANENT, "-.+!-+"},
    {"constraint", OUT(OUTCOME_SQL, 0, "23505", "PostgreSQL"), FAILURE_PERMANENT, "-.+!-+"},
    {"bad value", OUT(OUTCOME_SQL, 0, "22P02", "PostgreSQL"), FAILURE_PERMANENT, "-.+!-+"},
    {"no such table", OUT(OUTCOME_SQL, 0, "42P01", "PostgreSQL"), FAILURE_PERMANENT, "-.+..+"},
    {"unknown to us", OUT(OUTCOME_SQL, 0, "XX000", "PostgreSQL"), FAILURE_UNKNOWN, "-....."},
    {"unreachable", OUT(OUTCOME_SQL, 0, "08006", "PostgreSQL"), FAILURE_TRANSIENT, ".-!..-"},
    {"shut down", OUT(OUTCOME_SQL, 0, "57P01", "PostgreSQL"), FAILURE_TRANSIENT, ".-!..-"},
    {"deadlock", OUT(OUTCOME_SQL, 0, "40P01", "PostgreSQL"), FAILURE_TRANSIENT, "......"},
    {"lock", OUT(OUTCOME_SQL, 0, "55P03", "PostgreSQL"), FAILURE_TRANSIENT, "......"},
    {"deadlock of MariaDB", OUT(OUTCOME_SQL, 1213, "HY000", "MariaDB"), FAILURE_TRANSIENT, "......"},
    {"gone away", OUT(OUTCOME_SQL, 2006, "HY000", "MariaDB"), FAILURE_TRANSIENT, ".-!..-"},
    {"busy file", OUT(OUTCOME_SQL, 5, "HY000", "SQLite"), FAILURE_TRANSIENT, "......"},
    {"time limit", PLAIN(OUTCOME_TIMEOUT, 0), FAILURE_TRANSIENT, "---..-"},
    {"exit 1", PLAIN(OUTCOME_EXIT, 1), FAILURE_UNKNOWN, "-....-"},
    {"exit 4, permanent by its plan", PLAIN(OUTCOME_EXIT, 4), FAILURE_PERMANENT, "-...-."},
    {"exit 75", PLAIN(OUTCOME_EXIT, 75), FAILURE_TRANSIENT, ".-...-"},
    {"exit 127", PLAIN(OUTCOME_EXIT, 127), FAILURE_PERMANENT, "-....-"},
    {"signal", PLAIN(OUTCOME_SIGNAL, 11), FAILURE_UNKNOWN, "-....-"},
    {"out of memory", PLAIN(OUTCOME_OOM, 0), FAILURE_UNKNOWN, "-....-"},
    {"not started", PLAIN(OUTCOME_SPAWN, 12), FAILURE_TRANSIENT, "-....-"},
    {"503", PLAIN(OUTCOME_HTTP, 503), FAILURE_TRANSIENT, "--...-"},
    {"404", PLAIN(OUTCOME_HTTP, 404), FAILURE_PERMANENT, "-....+"},
    {"cancelled", PLAIN(OUTCOME_CANCELLED, 0), FAILURE_LOST, "......"},
    {"fenced", PLAIN(OUTCOME_FENCED, 0), FAILURE_LOST, "......"},
    {"lost", PLAIN(OUTCOME_LOST, 0), FAILURE_LOST, "......"},
};

Test(engine_breakers, only_what_speaks_of_a_thing_counts_for_it)
{
    static const char signs[] = {[BREAKER_NO_VOTE] = '.', [BREAKER_GOOD] = '+', [BREAKER_BAD] = '-', [BREAKER_BAD_DIRECT] = '!'};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int role = ROLE_STEP; role <= ROLE_AGENT; role++) {
            char got = signs[breaker_vote((enum breaker_role)role, &table[i].o, table[i].class)];
            cr_expect_eq(got, table[i].votes[role], "%s, role %d: %c", table[i].name, role, got);
        }
}

Test(engine_breakers, the_time_open_grows_and_has_an_end)
{
    static const struct { uint32_t level, growth_milli; int64_t ms; } cases[] = {
        {0, 2000, 1000}, {1, 2000, 2000}, {2, 2000, 4000}, {3, 2000, 5000}, {4000000000u, 2000, 5000}, {7, 1000, 1000}, {1, 1500, 1500}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct breaker_settings s = {.open_ms = 1000, .open_max_ms = 5000, .growth_milli = cases[i].growth_milli};
        cr_expect_eq(breaker_open_ms(&s, cases[i].level), cases[i].ms, "level %u", cases[i].level);
    }
}

Test(engine_breakers, names)
{
    enum breaker_kind kind;
    const char *name;
    struct bf_error err = {0};
    cr_assert_eq(breaker_name_parse("step/orders.load", &kind, &name, &err), BF_OK);
    cr_expect(kind == BREAKER_STEP && strcmp(name, "orders.load") == 0);
    size_t n = 0;
    const char *step = NULL;
    char one[BREAKER_NAME_MAX], other[BREAKER_NAME_MAX];
    breaker_step_name("a.b", "c", one);
    breaker_step_name("a", "b.c", other);
    cr_expect_str_neq(one, other, "two steps of two plans are two breakers");
    cr_expect(breaker_step_parse(one, &n, &step) && n == 3 && strcmp(step, "c") == 0);
    cr_expect(breaker_step_parse(other, &n, &step) && n == 1 && strcmp(step, "b.c") == 0);
    static const char *const none[] = {"", "a", ".b", "a.", "/b", "a.b/", "a/b", "a.b/c/d", "a.b/c.d/e"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        cr_expect_not(breaker_step_parse(none[i], &n, &step), "'%s'", none[i]);
    static const char *const wrong[] = {"", "/", "pool", "pool/", "pools/x", "warehouse", "/x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_eq(breaker_name_parse(wrong[i], &kind, &name, &err), BF_INVALID, "'%s'", wrong[i]);
}
