/* Types by their names.  Two spellings are one type when the table gives them one name; SQLite has five kinds of storage only, so there
 * many are one. */
#include "agent/sql/check_dialect.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { P = 1 << CHECK_POSTGRESQL, M = 1 << CHECK_MARIADB, S = 1 << CHECK_SQLITE, A = 1 << CHECK_ANSI, ALL = P | M | S | A };

static const struct type_row { unsigned dialects; const char *spelling, *name; bool args; enum column_class class; } rows[] = {
    {P | A | M, "smallint", "smallint", false, COLUMN_NUMBER},
    {P | A | M, "int2", "smallint", false, COLUMN_NUMBER},
    {P | A | M, "integer", "integer", false, COLUMN_NUMBER},
    {P | A | M, "int", "integer", false, COLUMN_NUMBER},
    {P | A | M, "int4", "integer", false, COLUMN_NUMBER},
    {P | A | M, "bigint", "bigint", false, COLUMN_NUMBER},
    {P | A | M, "int8", "bigint", false, COLUMN_NUMBER},
    {P, "serial", "integer", false, COLUMN_NUMBER},
    {P, "bigserial", "bigint", false, COLUMN_NUMBER},
    {M, "mediumint", "mediumint", false, COLUMN_NUMBER},
    {M, "int3", "mediumint", false, COLUMN_NUMBER},
    {M | A, "tinyint", "tinyint", false, COLUMN_NUMBER},
    {M, "int1", "tinyint", false, COLUMN_NUMBER},
    {M, "smallint unsigned", "smallint unsigned", false, COLUMN_NUMBER},
    {M, "int unsigned", "integer unsigned", false, COLUMN_NUMBER},
    {M, "integer unsigned", "integer unsigned", false, COLUMN_NUMBER},
    {M, "bigint unsigned", "bigint unsigned", false, COLUMN_NUMBER},
    {M, "tinyint unsigned", "tinyint unsigned", false, COLUMN_NUMBER},
    {S, "integer", "integer", false, COLUMN_NUMBER},
    {S, "int", "integer", false, COLUMN_NUMBER},
    {S, "int2", "integer", false, COLUMN_NUMBER},
    {S, "int4", "integer", false, COLUMN_NUMBER},
    {S, "int8", "integer", false, COLUMN_NUMBER},
    {S, "bigint", "integer", false, COLUMN_NUMBER},
    {S, "smallint", "integer", false, COLUMN_NUMBER},
    {S, "tinyint", "integer", false, COLUMN_NUMBER},
    {ALL, "numeric", "numeric", true, COLUMN_NUMBER},
    {ALL, "decimal", "numeric", true, COLUMN_NUMBER},
    {P | M, "dec", "numeric", true, COLUMN_NUMBER},
    {M, "fixed", "numeric", true, COLUMN_NUMBER},
    {P | A, "real", "real", false, COLUMN_NUMBER},
    {P | A, "float4", "real", false, COLUMN_NUMBER},
    {M, "float", "real", false, COLUMN_NUMBER},
    {M, "float4", "real", false, COLUMN_NUMBER},
    {P | A | M, "double precision", "double precision", false, COLUMN_NUMBER},
    {P | A | M, "float8", "double precision", false, COLUMN_NUMBER},
    {P | A | M, "double", "double precision", false, COLUMN_NUMBER},
    {P | A, "float", "double precision", false, COLUMN_NUMBER},
    {M, "real", "double precision", false, COLUMN_NUMBER},
    {S, "real", "real", false, COLUMN_NUMBER},
    {S, "float", "real", false, COLUMN_NUMBER},
    {S, "double", "real", false, COLUMN_NUMBER},
    {S, "double precision", "real", false, COLUMN_NUMBER},
    {P | A | S, "boolean", "boolean", false, COLUMN_BOOLEAN},
    {P | A | S, "bool", "boolean", false, COLUMN_BOOLEAN},
    {M, "boolean", "tinyint", false, COLUMN_NUMBER},
    {M, "bool", "tinyint", false, COLUMN_NUMBER},
    {ALL, "text", "text", false, COLUMN_TEXT},
    {ALL, "string", "text", false, COLUMN_TEXT},
    {S, "clob", "text", false, COLUMN_TEXT},
    {S, "", "", false, COLUMN_TEXT},
    {S, "num", "num", false, COLUMN_TEXT},     /* what CREATE TABLE … AS makes of dates, and of numerics */
    {M, "tinytext", "tinytext", false, COLUMN_TEXT},
    {M, "mediumtext", "mediumtext", false, COLUMN_TEXT},
    {M, "longtext", "longtext", false, COLUMN_TEXT},
    {M, "json", "longtext", false, COLUMN_TEXT},
    {P | A | M, "varchar", "varchar", true, COLUMN_TEXT},
    {P | A | M, "character varying", "varchar", true, COLUMN_TEXT},
    {P | A | M, "char varying", "varchar", true, COLUMN_TEXT},
    {P | A | M, "char", "char", true, COLUMN_TEXT},
    {P | A | M, "character", "char", true, COLUMN_TEXT},
    {P, "bpchar", "char", true, COLUMN_TEXT},
    {S, "varchar", "text", true, COLUMN_TEXT},
    {S, "character varying", "text", true, COLUMN_TEXT},
    {S, "char", "text", true, COLUMN_TEXT},
    {S, "character", "text", true, COLUMN_TEXT},
    {P | A | M, "date", "date", false, COLUMN_DATE},
    {P | A, "timestamp", "timestamp", true, COLUMN_WALL},
    {P | A, "timestamp without time zone", "timestamp", true, COLUMN_WALL},
    {P | A, "timestamptz", "timestamptz", true, COLUMN_INSTANT},
    {P | A, "timestamp with time zone", "timestamptz", true, COLUMN_INSTANT},
    {M, "datetime", "datetime", true, COLUMN_WALL},
    {M, "timestamp", "timestamp", true, COLUMN_INSTANT},
    {S, "date", "date", false, COLUMN_TEXT},
    {S, "datetime", "datetime", false, COLUMN_TEXT},
    {S, "timestamp", "timestamp", false, COLUMN_TEXT},
    {P | A, "time", "time", true, COLUMN_OTHER},
    {P | A, "time without time zone", "time", true, COLUMN_OTHER},
    {P | A, "timetz", "timetz", true, COLUMN_OTHER},
    {P | A, "time with time zone", "timetz", true, COLUMN_OTHER},
};

/* Lower case, blanks at the ends gone and others made one, "(…)" taken out into args without its blanks. */
static void tidy(const char *text, char name[CHECK_TYPE_MAX], char args[32])
{
    size_t n = 0, m = 0;
    bool inside = false;
    for (const char *p = text; *p && n + 1 < CHECK_TYPE_MAX; p++) {
        char c = (char)tolower((unsigned char)*p);
        if (c == '(' || c == ')')
            inside = c == '(';
        else if (inside && !isspace((unsigned char)c) && m + 1 < 32)
            args[m++] = c;
        else if (!inside && !isspace((unsigned char)c))
            name[n++] = c;
        else if (!inside && n && name[n - 1] != ' ')
            name[n++] = ' ';
        if (c == '(' && n && name[n - 1] == ' ')
            n--;
    }
    while (n && name[n - 1] == ' ')
        n--;
    name[n] = args[m] = '\0';
}

void check_type_parse(const struct check_dialect *d, const char *text, struct check_type *ret)
{
    struct check_type t = {.class = COLUMN_OTHER};
    tidy(text, t.name, t.args);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!(rows[i].dialects & (1u << d->dbms)) || strcmp(rows[i].spelling, t.name) != 0)
            continue;
        snprintf(t.name, sizeof t.name, "%s", rows[i].name);
        t.class = rows[i].class;
        if (!rows[i].args)
            t.args[0] = '\0';
        break;
    }
    *ret = t;
}

/* numeric(10) is numeric(10,0). */
static bool same_args(const char *wanted, const char *found)
{
    size_t n = strlen(wanted);
    return strcmp(wanted, found) == 0 || (!strchr(wanted, ',') && strncmp(wanted, found, n) == 0 && strcmp(found + n, ",0") == 0);
}

bool check_type_meets(const struct check_type *wanted, const struct check_type *found)
{
    return strcmp(wanted->name, found->name) == 0 && (!*wanted->args || same_args(wanted->args, found->args));
}
