/* How each database reads text: one row a database.
 *
 * The row of a database follows its own scanner.  The row "ansi" is for one that nobody has looked at: there, everything is refused
 * that the scanners we know read in two ways. */
#include "agent/sql/split.h"

#define PARAMETERS "parameters are written {{ params.name }}"
#define ESCAPES "the driver reads { } as an escape of ODBC"
#define CLIENT "commands of a client program, such as \\copy or \\i, are not SQL"
#define DIFFERS "databases read it differently, and the connection says dialect: ansi"

static const struct sql_refusal refused_sqlite[] = {
    {'?', PARAMETERS}, {':', PARAMETERS}, {'@', PARAMETERS}, {'$', PARAMETERS}, {'#', PARAMETERS}, {'{', ESCAPES}, {'}', ESCAPES},
    {'\\', CLIENT}, {0},
};

const struct sql_lexis sql_lexis_sqlite = {
    .backticks = true,
    .brackets = true,
    .dollars_in_names = true,
    .marks_are_blanks = true,
    .bodies = SQL_BODIES_SQLITE,
    .refused = refused_sqlite,
    .refused_in_names = "'\"?;{}",             /* its driver knows no quotes but ' and " */
};

static const struct sql_refusal refused_postgresql[] = {
    {'?', "its driver reads it as a parameter; instead of the operators ?, ?| and ?& write jsonb_exists(), jsonb_exists_any() and "
          "jsonb_exists_all(); " PARAMETERS},
    {'{', ESCAPES}, {'}', ESCAPES}, {'\\', CLIENT}, {0},
};

const struct sql_lexis sql_lexis_postgresql = {
    .dollar_quotes = true,
    .escape_strings = true,
    .nested_comments = true,
    .returns_end_lines = true,
    .strict_numbers = true,
    .dollars_in_names = true,
    .copies_data = true,
    .bodies = SQL_BODIES_POSTGRESQL,
    .refused = refused_postgresql,
};

static const struct sql_refusal refused_mariadb[] = {
    {'?', PARAMETERS}, {'{', ESCAPES}, {'}', ESCAPES}, {'\\', CLIENT "; \\N is written NULL"}, {0},
};

/* Of a session without ANSI_QUOTES, NO_BACKSLASH_ESCAPES and ORACLE in its sql_mode. */
const struct sql_lexis sql_lexis_mariadb = {
    .backticks = true,
    .backslashes = true,
    .double_quoted_strings = true,
    .hash_comments = true,
    .dashes_need_blank = true,
    .executable_comments = true,
    .dollars_in_names = true,
    .bodies = SQL_BODIES_MARIADB,
    .refused = refused_mariadb,
};

static const struct sql_refusal refused_ansi[] = {
    {'?', PARAMETERS}, {'{', ESCAPES}, {'}', ESCAPES}, {'\\', CLIENT}, {'`', DIFFERS "; write the name in double quotes"},
    {'[', DIFFERS "; write the name in double quotes"}, {']', DIFFERS}, {'$', DIFFERS}, {'#', DIFFERS}, {0},
};

const struct sql_lexis sql_lexis_ansi = {
    .dashes_need_blank = true,
    .executable_comments = true,
    .strict_numbers = true,
    .doubtful = true,
    .copies_data = true,
    .refused = refused_ansi,
};
