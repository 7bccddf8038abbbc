/* Codes of databases, as bf-sql and the coordinator take them; the engine's own test has many more. */
#include <criterion/criterion.h>

#include "common/sql_class.h"

Test(sql_class, what_another_try_may_help)
{
    static const struct { const char *dbms; int32_t native; const char *state; enum bf_sql_class want; } codes[] = {
        {"SQLite", 5, "HY000", BF_SQL_TRANSIENT}, {"SQLite", 6, "HY000", BF_SQL_TRANSIENT}, {"SQLite", 261, "HY000", BF_SQL_TRANSIENT},
        {"SQLite", 517, "HY000", BF_SQL_TRANSIENT}, {"SQLite", 0, "08S01", BF_SQL_TRANSIENT}, {"SQLite", 13, "HY000", BF_SQL_TRANSIENT},
        {"SQLite", 1, "HY000", BF_SQL_PERMANENT}, {"SQLite", 19, "HY000", BF_SQL_PERMANENT}, {"SQLite", -1, "HY000", BF_SQL_UNKNOWN},
        {"SQLite", 0, "42000", BF_SQL_PERMANENT},
        {"PostgreSQL", 1, "40001", BF_SQL_TRANSIENT}, {"PostgreSQL", 1, "40P01", BF_SQL_TRANSIENT},
        {"PostgreSQL", 1, "55P03", BF_SQL_TRANSIENT},
        {"PostgreSQL", 35, "57P01", BF_SQL_TRANSIENT}, {"PostgreSQL", 1, "53100", BF_SQL_TRANSIENT},
        {"PostgreSQL", 101, "08001", BF_SQL_TRANSIENT},
        {"PostgreSQL", 1, "57P05", BF_SQL_TRANSIENT}, {"PostgreSQL", 1, "25006", BF_SQL_TRANSIENT},
        {"PostgreSQL", 1, "25P03", BF_SQL_TRANSIENT},
        {"PostgreSQL", 1, "57014", BF_SQL_UNKNOWN}, {"PostgreSQL", 1, "23505", BF_SQL_PERMANENT},
        {"PostgreSQL", 101, "28P01", BF_SQL_PERMANENT},
        {"PostgreSQL", 101, "08P01", BF_SQL_PERMANENT}, {"PostgreSQL", 5, "HY000", BF_SQL_UNKNOWN},
        {"MariaDB", 1205, "HY000", BF_SQL_TRANSIENT}, {"MariaDB", 1213, "40001", BF_SQL_TRANSIENT},
        {"MariaDB", 2013, "08S01", BF_SQL_TRANSIENT},
        {"MariaDB", 1927, "70100", BF_SQL_TRANSIENT}, {"MariaDB", 2005, "HY000", BF_SQL_TRANSIENT},
        {"MariaDB", 1021, "HY000", BF_SQL_TRANSIENT},
        {"MariaDB", 1114, "HY000", BF_SQL_TRANSIENT}, {"MariaDB", 1158, "08S01", BF_SQL_TRANSIENT},
        {"MariaDB", 1226, "42000", BF_SQL_TRANSIENT},
        {"MariaDB", 1290, "HY000", BF_SQL_TRANSIENT}, {"MariaDB", 1836, "HY000", BF_SQL_TRANSIENT},
        {"MariaDB", 2055, "HY000", BF_SQL_TRANSIENT},
        {"MariaDB", 1045, "28000", BF_SQL_PERMANENT}, {"MariaDB", 1062, "23000", BF_SQL_PERMANENT},
        {"MariaDB", 1064, "42000", BF_SQL_PERMANENT},
        {"MariaDB", 5, "HY000", BF_SQL_UNKNOWN},
        {"Oracle", 0, "40001", BF_SQL_TRANSIENT}, {"", 0, "08S01", BF_SQL_TRANSIENT}, {"Oracle", 1205, "HY000", BF_SQL_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        cr_expect_eq(bf_sql_class(codes[i].dbms, codes[i].native, codes[i].state), codes[i].want, "case %zu", i);
}

/* What bf-sql says itself, on whatever database. */
Test(sql_class, a_wait_for_another_attempt_passes)
{
    static const char *const all[] = {"PostgreSQL", "MariaDB", "MySQL", "SQLite", "", "Oracle"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cr_expect_eq(bf_sql_class(all[i], 0, "55P03"), BF_SQL_TRANSIENT, "%s", all[i]);
        cr_expect_eq(bf_sql_class(all[i], 0, "08S01"), BF_SQL_TRANSIENT, "%s", all[i]);
        cr_expect_eq(bf_sql_class(all[i], 0, "40001"), BF_SQL_TRANSIENT, "%s", all[i]);
        cr_expect_eq(bf_sql_class(all[i], 0, "42000"), BF_SQL_PERMANENT, "%s", all[i]);
    }
}

Test(sql_class, messages_that_may_quote_data)
{
    static const struct { const char *dbms; int32_t native; const char *state; bool want; } cases[] = {
        {"PostgreSQL", 1, "23505", true}, {"PostgreSQL", 1, "22P02", true}, {"PostgreSQL", 1, "P0001", true},
        {"PostgreSQL", 1, "XX000", true},
        {"PostgreSQL", 1, "42P01", false}, {"PostgreSQL", 1, "40P01", false}, {"PostgreSQL", 1, "57014", false},
        {"PostgreSQL", 101, "08006", false},
        {"MariaDB", 1062, "23000", true}, {"MariaDB", 1366, "HY000", true}, {"MariaDB", 1205, "HY000", false},
        {"MariaDB", 2013, "HY000", false},
        {"MariaDB", 1064, "42000", false}, {"SQLite", 19, "HY000", false}, {"SQLite", 1, "HY000", false}, {"", 0, "IM002", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(bf_sql_may_quote_data(cases[i].dbms, cases[i].native, cases[i].state), cases[i].want, "case %zu", i);
}
