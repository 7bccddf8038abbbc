/* The tables of dialects.  A database is among them when its literals, its locks and its errors are known; there is no guess for others:
 * "ansi" is what the operator asks for, knowing what it does not promise. */
#include "agent/sql/dialect.h"

#include <string.h>

/* "ansi" stands last: no database answers with its name. */
static const struct sql_dialect *const dialects[] = {&sql_dialect_postgresql, &sql_dialect_mariadb, &sql_dialect_sqlite, &sql_dialect_ansi};

#define N_DIALECTS (sizeof dialects / sizeof *dialects)

const struct sql_dialect *sql_dialect_at(size_t i)
{
    return i < N_DIALECTS ? dialects[i] : NULL;
}

enum bf_rc sql_dialect_find(const char *dbms, const char *wanted, const struct sql_dialect **ret, struct bf_error *err)
{
    bool ansi = strcmp(wanted, "ansi") == 0;
    if (*wanted && !ansi)
        return bf_fail(err, BF_UNSUPPORTED, "dialect %.32s is not supported yet; ansi is", wanted);
    for (size_t i = 0; i + 1 < N_DIALECTS; i++) {
        if (strcmp(dialects[i]->dbms, dbms) == 0) {
            *ret = dialects[i];
            return BF_OK;
        }
    }
    if (ansi) {
        *ret = &sql_dialect_ansi;
        return BF_OK;
    }
    return bf_fail(err, BF_UNSUPPORTED, "the database %.32s is not supported yet; PostgreSQL, MariaDB and SQLite are, and others with "
                   "`dialect: ansi` in the connection", *dbms ? dbms : "(without a name)");
}

static size_t name_length(const struct sql_dialect *d, const char *v, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += !d->name_max_characters || ((uint8_t)v[i] & 0xc0) != 0x80;
    return n;
}

/* PostgreSQL cuts a longer name without a word, so that two values would name one table. */
static enum bf_rc check_name(const struct sql_dialect *d, const char *v, size_t len, struct bf_error *err)
{
    size_t n = name_length(d, v, len);
    const char *unit = d->name_max_characters ? "characters" : "bytes";
    if (n <= d->name_max)
        return BF_OK;
    return bf_fail(err, BF_INVALID, "a name of %zu %s is too long for an identifier%s%s, which has at most %zu %s", n, unit,
                   d == &sql_dialect_ansi ? " with dialect: " : " of ", d->dbms, d->name_max, unit);
}

static enum bf_rc check_names(const struct sql_dialect *d, const char *v, size_t len, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    for (size_t from = 0; rc == BF_OK && from <= len;) {
        const char *dot = memchr(v + from, '.', len - from);
        size_t n = dot ? (size_t)(dot - v) - from : len - from;
        rc = check_name(d, v + from, n, err);
        from += n + 1;
    }
    return rc;
}

enum bf_rc sql_literal(const struct sql_dialect *d, enum value_type type, const char *v, size_t len, struct bf_buf *ret,
                       struct bf_error *err)
{
    if (!d->literal[type])
        return bf_fail(err, BF_INVALID, "the name of a staged table stands only in the script of a step with publish: swap");
    enum bf_rc rc = type == VALUE_IDENT ? check_name(d, v, len, err) : type == VALUE_TABLE ? check_names(d, v, len, err) : BF_OK;
    return rc == BF_OK ? d->literal[type](v, len, ret, err) : rc;
}

bool sql_value_type_find(const char *name, enum value_type *ret)
{
    static const struct { const char *name; enum value_type type; } names[] = {
        {"string", VALUE_STRING}, {"integer", VALUE_INTEGER}, {"date", VALUE_DATE}, {"timestamp", VALUE_TIMESTAMP}, {"ident", VALUE_IDENT},
        {"staged", VALUE_STAGED}
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].name, name) == 0) {
            *ret = names[i].type;
            return true;
        }
    }
    return false;
}
