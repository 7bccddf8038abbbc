/* The table of databases, as checks see them. */
#include "agent/sql/check_dialect.h"

#include <string.h>

static const struct check_dialect dialects[CHECK_DBMS_COUNT] = {
    [CHECK_POSTGRESQL] = {
        .dbms = CHECK_POSTGRESQL, .name = "PostgreSQL", .begin = "begin",
        .savepoint = "savepoint bf_check", .undo = "rollback to savepoint bf_check", .release = "release savepoint bf_check",
        .limit_rows = " limit %u", .table_sample = " tablesample bernoulli (%.6g) repeatable (20240229)", .truth = {"false", "true"},
        /* Other collations pass over the hyphens of dates. */
        .bytes_before = "", .bytes_after = " collate \"C\"",
        .now_epoch = "extract(epoch from clock_timestamp())",
    },
    [CHECK_MARIADB] = {
        .dbms = CHECK_MARIADB, .name = "MariaDB", .begin = "start transaction",
        .savepoint = "savepoint bf_check", .undo = "rollback to savepoint bf_check", .release = "release savepoint bf_check",
        .limit_rows = " limit %u", .row_sample = "rand(20240229) < %.6g", .truth = {"0", "1"},
        .bytes_before = "convert(", .bytes_after = " using utf8mb4) collate utf8mb4_nopad_bin",
        .now_epoch = "unix_timestamp(sysdate(6))",
    },
    [CHECK_SQLITE] = {
        .dbms = CHECK_SQLITE, .name = "SQLite", .begin = "begin",
        .savepoint = "savepoint bf_check", .undo = "rollback to bf_check", .release = "release bf_check",
        .limit_rows = " limit %u", .row_sample = "abs(random() / 9223372036854775808.0) < %.6g", .truth = {"0", "1"},
        .bytes_before = "", .bytes_after = "",
        .now_epoch = "strftime('%s', 'now')",
    },
    [CHECK_ANSI] = {
        .dbms = CHECK_ANSI, .name = "ansi", .begin = "start transaction",
        .savepoint = "savepoint bf_check", .undo = "rollback to savepoint bf_check", .release = "release savepoint bf_check",
        .limit_rows = " fetch first %u rows only", .truth = {"false", "true"}, .bytes_before = "", .bytes_after = "",
    },
};

const struct check_dialect *check_dialect_find(const char *dbms)
{
    for (size_t i = 0; i < CHECK_ANSI; i++)
        if (strcmp(dialects[i].name, dbms) == 0)
            return &dialects[i];
    return &dialects[CHECK_ANSI];
}
