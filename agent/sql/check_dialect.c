/* The table of databases, as checks see them. */
#include "agent/sql/check_dialect.h"

#include <inttypes.h>
#include <string.h>

#define MOD "mod(%s + %" PRId64 ", %" PRId64 ") = 0"

static const struct check_dialect dialects[CHECK_DBMS_COUNT] = {
    [CHECK_POSTGRESQL] = {
        .dbms = CHECK_POSTGRESQL, .name = "PostgreSQL", .begin = "begin",
        .savepoint = "savepoint bf_check", .undo = "rollback to savepoint bf_check", .release = "release savepoint bf_check",
        .limit_rows = " limit %u", .table_sample = " tablesample bernoulli (%.6g) repeatable (20240229)", .truth = {"false", "true"},
        /* Other collations pass over the hyphens of dates. */
        .bytes_before = "", .bytes_after = " collate \"C\"",
        .bytes_in_ranges = true, .concat_begin = "(", .concat_glue = " || ", .remainder = MOD,
        .now_epoch = "extract(epoch from clock_timestamp())", .reads_zoned = true, .exact_names = true,
        .set_limit = "set local statement_timeout = %" PRId64,
    },
    [CHECK_MARIADB] = {
        .dbms = CHECK_MARIADB, .name = "MariaDB", .begin = "start transaction",
        .savepoint = "savepoint bf_check", .undo = "rollback to savepoint bf_check", .release = "release savepoint bf_check",
        .limit_rows = " limit %u", .row_sample = "rand(20240229) < %.6g", .truth = {"0", "1"},
        .bytes_before = "convert(", .bytes_after = " using utf8mb4) collate utf8mb4_nopad_bin",
        .concat_begin = "concat(", .concat_glue = ", ", .remainder = MOD,
        .now_epoch = "unix_timestamp(sysdate(6))", .reads_zoned = true,
        .set_limit = "set session max_statement_time = %" PRId64 " / 1000", .ask_limit = "select @@session.max_statement_time",
        .restore_limit = "set session max_statement_time = %s", .limit_native = 1969,    /* ER_STATEMENT_TIMEOUT */
    },
    [CHECK_SQLITE] = {
        .dbms = CHECK_SQLITE, .name = "SQLite", .begin = "begin",
        .savepoint = "savepoint bf_check", .undo = "rollback to bf_check", .release = "release bf_check",
        .limit_rows = " limit %u", .row_sample = "abs(random() / 9223372036854775808.0) < %.6g", .truth = {"0", "1"},
        .bytes_before = "", .bytes_after = "",
        .concat_begin = "(", .concat_glue = " || ", .remainder = "(%s + %" PRId64 ") %% %" PRId64 " = 0",
        .now_epoch = "strftime('%s', 'now')", .reads_zoned = true, .whole_epochs = true, .types_by_value = true,
    },
    [CHECK_ANSI] = {
        .dbms = CHECK_ANSI, .name = "ansi", .begin = "start transaction",
        .savepoint = "savepoint bf_check", .undo = "rollback to savepoint bf_check", .release = "release savepoint bf_check",
        .limit_rows = " fetch first %u rows only", .truth = {"false", "true"}, .bytes_before = "", .bytes_after = "",
        .concat_begin = "(", .concat_glue = " || ", .remainder = MOD, .described = true,
    },
};

const struct check_dialect *check_dialect_find(const char *dbms)
{
    for (size_t i = 0; i < CHECK_ANSI; i++)
        if (strcmp(dialects[i].name, dbms) == 0)
            return &dialects[i];
    return &dialects[CHECK_ANSI];
}
