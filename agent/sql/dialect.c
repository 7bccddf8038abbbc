/* The table of dialects.  A database is in it when its literals, its locks and its errors are known; there is no guess for others. */
#include "agent/sql/dialect.h"

#include <string.h>

#include "common/civil.h"
#include "common/text.h"

/* s in quotes of its kind, with the quote doubled inside. */
static void put_quoted(struct bf_buf *ret, char quote, const char *s, size_t len)
{
    bf_buf_put_u8(ret, (uint8_t)quote);
    for (size_t i = 0; i < len; i++) {
        if (s[i] == quote)
            bf_buf_put_u8(ret, (uint8_t)quote);
        bf_buf_put_u8(ret, (uint8_t)s[i]);
    }
    bf_buf_put_u8(ret, (uint8_t)quote);
}

static enum bf_rc literal_string(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    if (!bf_utf8_valid(v, len))
        return bf_fail(err, BF_INVALID, "a string value is not valid UTF-8, or holds a NUL byte");
    put_quoted(ret, '\'', v, len);
    return BF_OK;
}

/* v as a terminated word of at most 31 bytes, for the parsers of common/. */
static bool as_word(const char *v, size_t len, char ret[32])
{
    if (len == 0 || len > 31 || memchr(v, '\0', len))
        return false;
    memcpy(ret, v, len);
    ret[len] = '\0';
    return true;
}

static enum bf_rc literal_integer(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    char word[32];
    int64_t n = 0;
    if (!as_word(v, len, word) || !bf_parse_int(word, INT64_MIN, INT64_MAX, &n))
        return bf_fail(err, BF_INVALID, "an integer value is not a whole number of 64 bits");
    bf_buf_printf(ret, "%lld", (long long)n);
    return BF_OK;
}

/* SQLite has no type for dates; comparisons are of ISO 8601 text, so exactly this form is given. */
static enum bf_rc literal_date_text(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    char word[32];
    struct bf_date date;
    if (!as_word(v, len, word) || !bf_parse_date(word, &date))
        return bf_fail(err, BF_INVALID, "a date value is not a day written YYYY-MM-DD");
    put_quoted(ret, '\'', word, len);
    return BF_OK;
}

/* "2024-01-31T05:00:00+01:00", no more and no less: RFC 3339 of seconds. */
static bool is_timestamp(char word[32])
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd+dd:dd";
    for (size_t i = 0; i < sizeof form; i++) {
        bool digit = word[i] >= '0' && word[i] <= '9';
        if (form[i] == 'd' ? !digit : word[i] != form[i] && !(form[i] == '+' && word[i] == '-'))
            return false;
    }
    int hour = (word[11] - '0') * 10 + word[12] - '0';
    struct bf_date date;
    word[10] = '\0';
    bool real = bf_parse_date(word, &date) && hour < 24 && word[14] < '6' && word[17] < '6' && word[23] < '6';
    word[10] = ' ';
    return real;
}

/* SQLite's own functions read this form, offset included, with a blank where RFC 3339 has a T. */
static enum bf_rc literal_timestamp_text(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    char word[32];
    if (!as_word(v, len, word) || !is_timestamp(word))
        return bf_fail(err, BF_INVALID, "a timestamp value is not written YYYY-MM-DDTHH:MM:SS+HH:MM");
    put_quoted(ret, '\'', word, len);
    return BF_OK;
}

static enum bf_rc literal_ident(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    if (len == 0 || len > SQL_IDENT_MAX_BYTES || !bf_utf8_valid(v, len))
        return bf_fail(err, BF_INVALID, "a name for an identifier has 1 to %u bytes of UTF-8 without NUL", SQL_IDENT_MAX_BYTES);
    put_quoted(ret, '"', v, len);
    return BF_OK;
}

/* 5 SQLITE_BUSY, 6 SQLITE_LOCKED; extended codes keep the primary one in their low byte. */
static bool sqlite_transient(int32_t native, const char *sqlstate)
{
    return (native > 0 && ((native & 0xff) == 5 || (native & 0xff) == 6)) || strncmp(sqlstate, "08", 2) == 0;
}

/* Those that only read, or that end with the transaction.  Others change how transactions, locks or the file work. */
static const char *const sqlite_pragmas[] = {
    "application_id", "collation_list", "compile_options", "database_list", "defer_foreign_keys", "encoding", "foreign_key_check",
    "foreign_key_list", "function_list", "index_info", "index_list", "index_xinfo", "integrity_check", "optimize", "page_count",
    "quick_check", "table_info", "table_list", "table_xinfo", "user_version", NULL
};

static const struct sql_dialect dialects[] = {
    {
        .dbms = "SQLite",
        .lexis = &sql_lexis_sqlite,
        .literal = {
            [VALUE_STRING] = literal_string,
            [VALUE_INTEGER] = literal_integer,
            [VALUE_DATE] = literal_date_text,
            [VALUE_TIMESTAMP] = literal_timestamp_text,
            [VALUE_IDENT] = literal_ident,
        },
        .create_fence =
            "create table if not exists bf_fence ("
            "cluster text not null, backfill integer not null, step text not null, \"partition\" text not null, run integer not null, "
            "token integer not null, attempt integer not null, backend text not null, "
            "state text not null check (state in ('claimed', 'done')), content_hash text not null, "
            "claimed_at text not null, done_at text, "
            "primary key (cluster, backfill, step, \"partition\", run)) without rowid",
        .begin = "begin immediate",
        .rows = "select total_changes()",
        .pragmas = sqlite_pragmas,
        .transient = sqlite_transient,
    },
};

enum bf_rc sql_dialect_find(const char *dbms, const struct sql_dialect **ret, struct bf_error *err)
{
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        if (strcmp(dialects[i].dbms, dbms) == 0) {
            *ret = &dialects[i];
            return BF_OK;
        }
    }
    return bf_fail(err, BF_UNSUPPORTED, "the database %.32s is not supported yet; SQLite is", *dbms ? dbms : "(without a name)");
}

enum bf_rc sql_literal(const struct sql_dialect *d, enum value_type type, const char *v, size_t len, struct bf_buf *ret,
                       struct bf_error *err)
{
    return d->literal[type](v, len, ret, err);
}

static const char *const type_names[VALUE_TYPE_COUNT] = {
    [VALUE_STRING] = "string", [VALUE_INTEGER] = "integer", [VALUE_DATE] = "date", [VALUE_TIMESTAMP] = "timestamp",
    [VALUE_IDENT] = "ident"
};

bool sql_value_type_find(const char *name, enum value_type *ret)
{
    for (int t = 0; t < VALUE_TYPE_COUNT; t++) {
        if (strcmp(type_names[t], name) == 0) {
            *ret = (enum value_type)t;
            return true;
        }
    }
    return false;
}
