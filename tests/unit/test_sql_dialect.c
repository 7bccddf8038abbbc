#include <criterion/criterion.h>
#include <string.h>

#include "agent/sql/dialect.h"
#include "common/mem.h"

static const struct sql_dialect *sqlite(void)
{
    const struct sql_dialect *d = NULL;
    struct bf_error err = {0};
    cr_assert_eq(sql_dialect_find("SQLite", &d, &err), BF_OK, "%s", err.text);
    return d;
}

Test(sql_dialect, literals_of_sqlite)
{
    static const struct { enum value_type type; const char *value, *want; } cases[] = {
        {VALUE_STRING, "", "''"},
        {VALUE_STRING, "plain", "'plain'"},
        {VALUE_STRING, "it's", "'it''s'"},
        {VALUE_STRING, "a\\' or 1=1 -- ", "'a\\'' or 1=1 -- '"},
        {VALUE_STRING, "'; drop table t; --", "'''; drop table t; --'"},
        {VALUE_STRING, "\xF0\x9F\x98\x80", "'\xF0\x9F\x98\x80'"},
        {VALUE_STRING, "line\nbreak", "'line\nbreak'"},
        {VALUE_INTEGER, "0", "0"},
        {VALUE_INTEGER, "-42", "-42"},
        {VALUE_INTEGER, "9223372036854775807", "9223372036854775807"},
        {VALUE_INTEGER, "-9223372036854775808", "-9223372036854775808"},
        {VALUE_DATE, "2024-02-29", "'2024-02-29'"},
        {VALUE_TIMESTAMP, "2024-10-27T02:00:00+01:00", "'2024-10-27 02:00:00+01:00'"},
        {VALUE_TIMESTAMP, "2024-02-29T23:59:59-09:30", "'2024-02-29 23:59:59-09:30'"},
        {VALUE_IDENT, "orders", "\"orders\""},
        {VALUE_IDENT, "odd \"name", "\"odd \"\"name\""},
        {VALUE_IDENT, "stg.orders", "\"stg.orders\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
        struct bf_error err = {0};
        cr_assert_eq(sql_literal(sqlite(), cases[i].type, cases[i].value, strlen(cases[i].value), &b, &err), BF_OK, "%s", err.text);
        cr_assert_str_eq(bf_buf_cstr(&b), cases[i].want);
    }
}

Test(sql_dialect, what_is_no_value_of_its_type_is_refused)
{
    static const struct { enum value_type type; const char *value; size_t len; } cases[] = {
        {VALUE_STRING, "a\0b", 3},
        {VALUE_STRING, "\xff", 1},
        {VALUE_STRING, "\xed\xa0\x80", 3},
        {VALUE_INTEGER, "", 0},
        {VALUE_INTEGER, "1 or 1=1", 8},
        {VALUE_INTEGER, "9223372036854775808", 19},
        {VALUE_INTEGER, "1.5", 3},
        {VALUE_INTEGER, "+1", 2},
        {VALUE_INTEGER, "1\0", 2},
        {VALUE_DATE, "2024-02-30", 10},
        {VALUE_DATE, "2024-2-3", 8},
        {VALUE_DATE, "2024-01-01'--", 13},
        {VALUE_TIMESTAMP, "2024-01-01", 10},
        {VALUE_TIMESTAMP, "2024-02-30T00:00:00+01:00", 25},
        {VALUE_TIMESTAMP, "2024-01-01T24:00:00+01:00", 25},
        {VALUE_TIMESTAMP, "2024-01-01T00:60:00+01:00", 25},
        {VALUE_TIMESTAMP, "2024-01-01T00:00:00Z", 20},
        {VALUE_TIMESTAMP, "2024-01-01 00:00:00+01:00", 25},
        {VALUE_TIMESTAMP, "2024-01-01T00:00:00+01:00'", 26},
        {VALUE_IDENT, "", 0},
        {VALUE_IDENT, "a\0b", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
        struct bf_error err = {0};
        cr_assert_eq(sql_literal(sqlite(), cases[i].type, cases[i].value, cases[i].len, &b, &err), BF_INVALID, "case %zu", i);
        cr_assert_eq(b.len, 0, "case %zu", i);
        cr_assert(*err.text);
    }
    char longest[SQL_IDENT_MAX_BYTES + 1];
    memset(longest, 'a', sizeof longest);
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    cr_assert_eq(sql_literal(sqlite(), VALUE_IDENT, longest, sizeof longest - 1, &b, NULL), BF_OK);
    cr_assert_eq(sql_literal(sqlite(), VALUE_IDENT, longest, sizeof longest, &b, NULL), BF_INVALID);
}

Test(sql_dialect, others_are_not_supported_yet)
{
    static const char *const others[] = {"PostgreSQL", "MariaDB", "sqlite", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const struct sql_dialect *d = NULL;
        struct bf_error err = {0};
        cr_assert_eq(sql_dialect_find(others[i], &d, &err), BF_UNSUPPORTED);
        cr_assert(strstr(err.text, "not supported yet"));
        cr_assert(strstr(err.text, others[i]));
        cr_assert_null(d);
    }
}

Test(sql_dialect, busy_and_locked_are_transient)
{
    static const struct { int32_t native; const char *state; bool want; } cases[] = {
        {5, "HY000", true}, {6, "HY000", true}, {261, "HY000", true}, {517, "HY000", true}, {0, "08S01", true},
        {1, "HY000", false}, {19, "HY000", false}, {-1, "HY000", false}, {0, "42000", false}, {13, "HY000", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(sqlite()->transient(cases[i].native, cases[i].state), cases[i].want, "%d", cases[i].native);
}
