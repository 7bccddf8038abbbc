#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/sql/check_dialect.h"
#include "agent/sql/dialect.h"
#include "agent/sql/guard.h"
#include "common/mem.h"

enum { LITE, POSTGRES, MARIA, ANSI, N_DIALECTS };

static const struct sql_dialect *dialect(int which)
{
    static const char *const names[N_DIALECTS] = {"SQLite", "PostgreSQL", "MariaDB", "Oracle"};
    const struct sql_dialect *d = NULL;
    struct bf_error err = {0};
    cr_assert_eq(sql_dialect_find(names[which], which == ANSI ? "ansi" : "", &d, &err), BF_OK, "%s", err.text);
    return d;
}

/* want NULL: refused. */
struct literal_case { enum value_type type; const char *value, *want[N_DIALECTS]; };

#define ALL(literal) {literal, literal, literal, literal}

static const struct literal_case cases[] = {
    {VALUE_STRING, "", ALL("''")},
    {VALUE_STRING, "plain", ALL("'plain'")},
    {VALUE_STRING, "it's", ALL("'it''s'")},
    {VALUE_STRING, "a\\' or 1=1 -- ", {"'a\\'' or 1=1 -- '", "'a\\'' or 1=1 -- '", "'a\\\\'' or 1=1 -- '", NULL}},
    {VALUE_STRING, "'; drop table t; --", ALL("'''; drop table t; --'")},
    {VALUE_STRING, "\xF0\x9F\x98\x80", ALL("'\xF0\x9F\x98\x80'")},
    {VALUE_STRING, "line\nbreak", ALL("'line\nbreak'")},
    {VALUE_STRING, "\xff", ALL(NULL)},
    {VALUE_STRING, "\xed\xa0\x80", ALL(NULL)},
    {VALUE_INTEGER, "0", ALL("0")},
    {VALUE_INTEGER, "-42", ALL("-42")},
    {VALUE_INTEGER, "9223372036854775807", ALL("9223372036854775807")},
    {VALUE_INTEGER, "-9223372036854775808", ALL("-9223372036854775808")},
    {VALUE_INTEGER, "", ALL(NULL)},
    {VALUE_INTEGER, "1 or 1=1", ALL(NULL)},
    {VALUE_INTEGER, "9223372036854775808", ALL(NULL)},
    {VALUE_INTEGER, "1.5", ALL(NULL)},
    {VALUE_INTEGER, "+1", ALL(NULL)},
    {VALUE_NUMBER, "-1.50", ALL("-1.50")},
    {VALUE_NUMBER, "2e-9", ALL("2e-9")},
    {VALUE_NUMBER, "7", ALL("7")},
    {VALUE_NUMBER, "", ALL(NULL)},
    {VALUE_NUMBER, "-", ALL(NULL)},
    {VALUE_NUMBER, "1.", ALL(NULL)},
    {VALUE_NUMBER, "1e", ALL(NULL)},
    {VALUE_NUMBER, ".5", ALL(NULL)},
    {VALUE_NUMBER, "1;", ALL(NULL)},
    {VALUE_NUMBER, "nan", ALL(NULL)},
    {VALUE_BOOLEAN, "true", ALL("TRUE")},
    {VALUE_BOOLEAN, "false", ALL("FALSE")},
    {VALUE_BOOLEAN, "yes", ALL(NULL)},
    {VALUE_DATE, "2024-02-29", {"'2024-02-29'", "DATE '2024-02-29'", "DATE '2024-02-29'", "DATE '2024-02-29'"}},
    {VALUE_DATE, "2024-02-30", ALL(NULL)},
    {VALUE_DATE, "2024-2-3", ALL(NULL)},
    {VALUE_DATE, "2024-01-01'--", ALL(NULL)},
    {VALUE_TIMESTAMP, "2024-10-27T02:00:00+01:00", {"'2024-10-27 02:00:00+01:00'", "TIMESTAMP WITH TIME ZONE '2024-10-27 02:00:00+01:00'",
     "TIMESTAMP '2024-10-27 01:00:00'", "TIMESTAMP '2024-10-27 02:00:00+01:00'"}},
    {VALUE_TIMESTAMP, "2024-02-29T23:59:59-09:30", {"'2024-02-29 23:59:59-09:30'", "TIMESTAMP WITH TIME ZONE '2024-02-29 23:59:59-09:30'",
     "TIMESTAMP '2024-03-01 09:29:59'", "TIMESTAMP '2024-02-29 23:59:59-09:30'"}},
    {VALUE_TIMESTAMP, "2024-02-29T00:00:01", {"'2024-02-29 00:00:01'", "TIMESTAMP '2024-02-29 00:00:01'", "TIMESTAMP '2024-02-29 00:00:01'",
     "TIMESTAMP '2024-02-29 00:00:01'"}},
    {VALUE_TIMESTAMP, "2024-01-01", ALL(NULL)},
    {VALUE_TIMESTAMP, "2024-02-30T00:00:00+01:00", ALL(NULL)},
    {VALUE_TIMESTAMP, "2024-01-01T24:00:00+01:00", ALL(NULL)},
    {VALUE_TIMESTAMP, "2024-01-01T00:60:00+01:00", ALL(NULL)},
    {VALUE_TIMESTAMP, "2024-01-01T00:00:60", ALL(NULL)},
    {VALUE_TIMESTAMP, "2024-01-01T00:00:00Z", ALL(NULL)},
    {VALUE_TIMESTAMP, "2024-01-01 00:00:00+01:00", ALL(NULL)},
    {VALUE_TIMESTAMP, "2024-01-01T00:00:00+01:00'", ALL(NULL)},
    {VALUE_IDENT, "orders", {"\"orders\"", "\"orders\"", "`orders`", "\"orders\""}},
    {VALUE_IDENT, "odd \"n`me", {"\"odd \"\"n`me\"", "\"odd \"\"n`me\"", "`odd \"n``me`", "\"odd \"\"n`me\""}},
    {VALUE_IDENT, "stg.orders", {"\"stg.orders\"", "\"stg.orders\"", "`stg.orders`", "\"stg.orders\""}},
    {VALUE_IDENT, "", ALL(NULL)},
    {VALUE_TABLE, "orders", {"\"orders\"", "\"orders\"", "`orders`", "\"orders\""}},
    {VALUE_TABLE, "stg.or\"ders", {"\"stg\".\"or\"\"ders\"", "\"stg\".\"or\"\"ders\"", "`stg`.`or\"ders`", "\"stg\".\"or\"\"ders\""}},
    {VALUE_TABLE, "stg.", ALL(NULL)},
    {VALUE_TABLE, ".orders", ALL(NULL)},
    {VALUE_TABLE, "", ALL(NULL)},
    {VALUE_STAGED, "orders", ALL(NULL)},
};

Test(sql_dialect, literals)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int d = 0; d < N_DIALECTS; d++) {
            const struct literal_case *c = &cases[i];
            BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
            struct bf_error err = {0};
            enum bf_rc rc = sql_literal(dialect(d), c->type, c->value, strlen(c->value), &b, &err);
            if (c->want[d]) {
                cr_assert_eq(rc, BF_OK, "case %zu: %s", i, err.text);
                cr_assert_str_eq(bf_buf_cstr(&b), c->want[d]);
            } else {
                cr_assert_neq(rc, BF_OK, "case %zu", i);
                cr_assert_eq(b.len, 0, "case %zu", i);
                cr_assert(*err.text);
            }
        }
    }
}

Test(sql_dialect, what_holds_a_nul_or_is_too_long_is_refused)
{
    static const size_t most[N_DIALECTS] = {255, 63, 64, 128};
    char longest[SQL_IDENT_MAX_BYTES + 10], told[40];
    for (int d = 0; d < N_DIALECTS; d++) {
        BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
        cr_expect_eq(sql_literal(dialect(d), VALUE_STRING, "a\0b", 3, &b, NULL), BF_INVALID);
        cr_expect_eq(sql_literal(dialect(d), VALUE_INTEGER, "1\0", 2, &b, NULL), BF_INVALID);
        cr_expect_eq(sql_literal(dialect(d), VALUE_NUMBER, "1\0", 2, &b, NULL), BF_INVALID);
        cr_expect_eq(sql_literal(dialect(d), VALUE_IDENT, "a\0b", 3, &b, NULL), BF_INVALID);
        memset(longest, 'a', sizeof longest);
        struct bf_error err = {0};
        cr_expect_eq(sql_literal(dialect(d), VALUE_IDENT, longest, most[d] + 1, &b, &err), BF_INVALID);
        snprintf(told, sizeof told, "at most %zu", most[d]);
        cr_expect(strstr(err.text, told), "%s", err.text);
        cr_expect_eq(sql_literal(dialect(d), VALUE_TABLE, longest, most[d] + 1, &b, NULL), BF_INVALID);
        memcpy(longest, "stg.", 4);
        cr_expect_eq(sql_literal(dialect(d), VALUE_TABLE, longest, most[d] + 5, &b, NULL), BF_INVALID);
        cr_expect_eq(b.len, 0);
        cr_expect_eq(sql_literal(dialect(d), VALUE_TABLE, longest, most[d] + 4, &b, NULL), BF_OK);
        cr_expect_eq(sql_literal(dialect(d), VALUE_IDENT, longest, most[d], &b, NULL), BF_OK);
    }
}

/* 40 letters of two bytes each: MariaDB counts letters. */
Test(sql_dialect, names_are_counted_as_the_database_counts)
{
    char name[81] = "";
    for (int i = 0; i < 40; i++)
        memcpy(name + 2 * i, "\xc3\xa9", 2);
    static const enum bf_rc want[N_DIALECTS] = {BF_OK, BF_INVALID, BF_OK, BF_OK};
    for (int d = 0; d < N_DIALECTS; d++) {
        BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
        cr_expect_eq(sql_literal(dialect(d), VALUE_IDENT, name, strlen(name), &b, NULL), want[d]);
    }
}

Test(sql_dialect, found_by_the_name_of_the_database)
{
    static const struct { const char *dbms, *wanted, *want; } names[] = {
        {"PostgreSQL", "", "PostgreSQL"}, {"MariaDB", "", "MariaDB"}, {"SQLite", "", "SQLite"}, {"PostgreSQL", "ansi", "PostgreSQL"},
        {"Snowflake", "ansi", "ansi"}, {"", "ansi", "ansi"}, {"sqlite", "", NULL}, {"MySQL", "", NULL}, {"", "", NULL},
        {"PostgreSQL", "oracle", NULL},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct sql_dialect *d = NULL;
        struct bf_error err = {0};
        enum bf_rc rc = sql_dialect_find(names[i].dbms, names[i].wanted, &d, &err);
        if (names[i].want) {
            cr_assert_eq(rc, BF_OK, "%s", err.text);
            cr_assert_str_eq(d->dbms, names[i].want);
        } else {
            cr_assert_eq(rc, BF_UNSUPPORTED);
            cr_assert(strstr(err.text, "not supported yet"));
            cr_assert_null(d);
        }
    }
}

/* What is told by tables of their own has a row for each: what a script may not say, by lexis, and checks, by name. */
Test(sql_dialect, each_stands_in_every_table)
{
    const struct sql_dialect *d, *found;
    size_t n = 0;
    for (; (d = sql_dialect_at(n)) != NULL; n++) {
        struct sql_part part = {.text = "select 1", .len = strlen("select 1")};
        struct sql_script s = {0};
        struct bf_error err = {0};
        cr_assert_eq(sql_split(d->lexis, &part, 1, &s, &err), BF_OK, "%s: %s", d->dbms, err.text);
        for (int transaction = 0; transaction < 2; transaction++)
            cr_expect_eq(sql_guard_check(d, transaction, &s.at[0], &err), BF_OK, "%s: %s", d->dbms, err.text);
        cr_expect_str_eq(check_dialect_find(d->dbms)->name, d->dbms);
        cr_expect_eq(sql_dialect_find(d->dbms, "ansi", &found, &err), BF_OK);
        cr_expect_eq(found, d, "%s", d->dbms);
        sql_script_done(&s);
    }
    cr_expect_eq(n, (size_t)CHECK_DBMS_COUNT);
}
