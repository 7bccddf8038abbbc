/* The tables of what is refused, and a few looks that no table can take.
 *
 * The first form that fits decides.  Where a database itself refuses what cannot be in a transaction (PostgreSQL, SQLite), what no form
 * fits is let through.  Where it commits without a word (MariaDB, and any database that is not known), it is refused. */
#include "agent/sql/guard.h"

#include <string.h>
#include <strings.h>

#include "agent/sql/form.h"

enum verdict { ALLOWED, NOT_IN_TRANSACTION, REFUSED };

struct rule {
    enum verdict verdict;
    const char *form;
    const char *what;                          /* as it is shown; NULL: the verb */
    const char *why;
};

struct guard {
    const struct sql_lexis *lexis;
    const struct rule *rules;                  /* ended by one without a form */
    const char *others;                        /* why the rest is refused in a transaction; NULL: it is not */
    enum bf_rc (*look)(const struct sql_dialect *d, bool transaction, const struct sql_statement *s, struct bf_error *err);
};

#define BEGUN "the transaction is begun for the script"
#define COMMITTED "the transaction is committed with its marker, after the last statement"
#define UNDO "to undo everything, let a statement fail"
#define ALL_OR_NOTHING "the script is one transaction, all or nothing"
#define LEAVE_OUT "leave transaction: true out"
#define COMMITS "it commits the transaction; use publish: swap, or " LEAVE_OUT
#define CANNOT "it cannot run in a transaction; " LEAVE_OUT
#define UNSEEN "what it runs is not seen from here and may commit; write the statements in the script, or " LEAVE_OUT
#define READING "statements would be read in another way than the script was"

#define TRANSACTION_CONTROL \
    {NOT_IN_TRANSACTION, "COMMIT|END", NULL, COMMITTED}, \
    {NOT_IN_TRANSACTION, "ROLLBACK|ABORT", NULL, UNDO}, \
    {NOT_IN_TRANSACTION, "SAVEPOINT|RELEASE", NULL, ALL_OR_NOTHING}

static const struct rule sqlite_rules[] = {
    {NOT_IN_TRANSACTION, "BEGIN|START", NULL, BEGUN},
    TRANSACTION_CONTROL,
    {NOT_IN_TRANSACTION, "ATTACH|DETACH", NULL, "a transaction over two databases is not one"},
    {NOT_IN_TRANSACTION, "VACUUM", NULL, CANNOT},
    {0},
};

#define STRINGS_ON "SET [SESSION|LOCAL] standard_conforming_strings to|= on|true $"

static const struct rule postgresql_rules[] = {
    {ALLOWED, STRINGS_ON, NULL, NULL},
    {REFUSED, "SET|RESET [SESSION|LOCAL] standard_conforming_strings", "SET standard_conforming_strings", READING},
    {ALLOWED, "SET [SESSION|LOCAL] client_encoding to|= utf8|utf-8|unicode $", NULL, NULL},
    {REFUSED, "SET|RESET [SESSION|LOCAL] client_encoding", "SET client_encoding", READING "; it is UTF8"},
    {ALLOWED, "SET [SESSION|LOCAL] NAMES utf8|utf-8|unicode $", NULL, NULL},
    {REFUSED, "SET [SESSION|LOCAL] NAMES", "SET NAMES", READING "; they are UTF8"},
    {REFUSED, "SET|RESET [SESSION|LOCAL] application_name", "SET application_name", "a later attempt finds this session by it"},
    {REFUSED, "RESET ALL", "RESET ALL", "it undoes the settings of the connection; reset them by name"},
    {REFUSED, "DISCARD ALL", "DISCARD ALL", "it undoes the settings of the connection; DISCARD TEMP, PLANS and SEQUENCES are allowed"},
    {NOT_IN_TRANSACTION, "BEGIN|START", NULL, BEGUN},
    {NOT_IN_TRANSACTION, "PREPARE TRANSACTION", "PREPARE TRANSACTION", COMMITTED},
    TRANSACTION_CONTROL,
    {NOT_IN_TRANSACTION, "SET [SESSION|LOCAL] TRANSACTION", "SET TRANSACTION", BEGUN},
    {NOT_IN_TRANSACTION, "SET SESSION CHARACTERISTICS", "SET SESSION CHARACTERISTICS", BEGUN},
    {NOT_IN_TRANSACTION, "VACUUM", NULL, CANNOT},
    {NOT_IN_TRANSACTION, "CREATE|DROP DATABASE", "CREATE or DROP DATABASE", CANNOT},
    {NOT_IN_TRANSACTION, "CREATE|DROP TABLESPACE", "CREATE or DROP TABLESPACE", CANNOT},
    {NOT_IN_TRANSACTION, "ALTER DATABASE .. TABLESPACE", "ALTER DATABASE SET TABLESPACE", CANNOT},
    {NOT_IN_TRANSACTION, "CREATE [UNIQUE] INDEX CONCURRENTLY", "CREATE INDEX CONCURRENTLY",
     "it cannot run in a transaction; leave CONCURRENTLY out, or " LEAVE_OUT},
    {NOT_IN_TRANSACTION, "DROP INDEX CONCURRENTLY", "DROP INDEX CONCURRENTLY",
     "it cannot run in a transaction; leave CONCURRENTLY out, or " LEAVE_OUT},
    {NOT_IN_TRANSACTION, "REINDEX () INDEX|TABLE CONCURRENTLY", "REINDEX CONCURRENTLY",
     "it cannot run in a transaction; leave CONCURRENTLY out, or " LEAVE_OUT},
    {NOT_IN_TRANSACTION, "REINDEX () SCHEMA|DATABASE|SYSTEM", "REINDEX of a schema or database", CANNOT},
    {NOT_IN_TRANSACTION, "ALTER SYSTEM", "ALTER SYSTEM", CANNOT},
    {NOT_IN_TRANSACTION, "CLUSTER () [VERBOSE] $", "CLUSTER without a table", CANNOT},
    {NOT_IN_TRANSACTION, "ALTER TABLE .. DETACH PARTITION .. CONCURRENTLY", "ALTER TABLE DETACH PARTITION CONCURRENTLY",
     "it cannot run in a transaction; leave CONCURRENTLY out, or " LEAVE_OUT},
    {NOT_IN_TRANSACTION, "CREATE|DROP SUBSCRIPTION", "CREATE or DROP SUBSCRIPTION", CANNOT},
    {0},
};

/* As seen on 10.11: what leaves @@in_transaction at 1 with the rows of before uncommitted. */
static const struct rule mariadb_rules[] = {
    {NOT_IN_TRANSACTION, "BEGIN NOT", "BEGIN NOT ATOMIC", UNSEEN},
    {NOT_IN_TRANSACTION, "BEGIN|START TRANSACTION", NULL, BEGUN},
    {NOT_IN_TRANSACTION, "BEGIN", NULL, BEGUN},
    TRANSACTION_CONTROL,
    {NOT_IN_TRANSACTION, "XA", NULL, BEGUN},
    {ALLOWED, "CREATE [OR] [REPLACE] TEMPORARY TABLE", NULL, NULL},
    {ALLOWED, "DROP TEMPORARY TABLE", NULL, NULL},
    {NOT_IN_TRANSACTION, "TRUNCATE", NULL, "it commits the transaction; write DELETE, use publish: swap, or " LEAVE_OUT},
    {NOT_IN_TRANSACTION, "DROP TABLE", "DROP TABLE",
     "it commits the transaction; a temporary table is dropped with DROP TEMPORARY TABLE; else use publish: swap, or " LEAVE_OUT},
    {NOT_IN_TRANSACTION, "CREATE|ALTER|DROP|RENAME", NULL, COMMITS},
    {ALLOWED, "ANALYZE [FORMAT] [=] [json|traditional] SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH", NULL, NULL},
    {NOT_IN_TRANSACTION, "ANALYZE|OPTIMIZE|REPAIR|CHECK|GRANT|REVOKE|FLUSH|RESET|BACKUP|INSTALL|UNINSTALL|LOCK|UNLOCK|CACHE", NULL,
     COMMITS},
    {NOT_IN_TRANSACTION, "LOAD INDEX", "LOAD INDEX", COMMITS},
    {NOT_IN_TRANSACTION, "CHANGE|PURGE|START|STOP|KILL|SHUTDOWN|BINLOG", NULL, "a rollback does not undo it; " LEAVE_OUT},
    {NOT_IN_TRANSACTION, "PREPARE|EXECUTE|DEALLOCATE", NULL, UNSEEN},
    {NOT_IN_TRANSACTION, "CALL", NULL, UNSEEN},
    {NOT_IN_TRANSACTION, "IF|CASE|LOOP|WHILE|REPEAT|FOR", NULL, UNSEEN},
    {NOT_IN_TRANSACTION, "USE", NULL, "bf_fence would be looked for in the other database; write database.table"},
    {NOT_IN_TRANSACTION, "SET STATEMENT .. RETURNING", "SET STATEMENT … RETURNING", "its driver cannot read the rows; leave RETURNING out"},
    {ALLOWED, "SET STATEMENT .. FOR SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH", NULL, NULL},
    {NOT_IN_TRANSACTION, "SET STATEMENT", "SET STATEMENT … FOR what is not a query or a change of rows", COMMITS},
    {REFUSED, "SET .. autocommit|completion_type", "SET autocommit or completion_type",
     "when statements are committed is what transaction: says"},
    {NOT_IN_TRANSACTION, "SET PASSWORD", "SET PASSWORD", COMMITS},
    {NOT_IN_TRANSACTION, "SET DEFAULT", "SET DEFAULT ROLE", COMMITS},
    {NOT_IN_TRANSACTION, "SET [SESSION|LOCAL|GLOBAL] TRANSACTION", "SET TRANSACTION", BEGUN},
    {NOT_IN_TRANSACTION, "SET .. GLOBAL", "SET GLOBAL", "a rollback does not undo it; " LEAVE_OUT},
    {ALLOWED, "LOAD DATA|XML", NULL, NULL},
    {ALLOWED, "SELECT|WITH|VALUES|(|INSERT|REPLACE|UPDATE|DELETE|SET|SHOW|DESC|DESCRIBE|EXPLAIN|DO|HELP|CHECKSUM|SIGNAL|GET", NULL, NULL},
    {0},
};

static const struct rule ansi_rules[] = {
    {NOT_IN_TRANSACTION, "BEGIN|START", NULL, BEGUN},
    TRANSACTION_CONTROL,
    {NOT_IN_TRANSACTION, "CREATE|ALTER|DROP|TRUNCATE|RENAME|GRANT|REVOKE|COMMENT", NULL,
     "many databases commit before it, and this one is not known; use publish: swap, or " LEAVE_OUT},
    {NOT_IN_TRANSACTION, "CALL|EXEC|EXECUTE|PREPARE|DO|DECLARE", NULL, UNSEEN},
    {ALLOWED, "SELECT|WITH|VALUES|(|INSERT|UPDATE|DELETE|MERGE", NULL, NULL},
    {0},
};

static enum bf_rc refuse(const struct sql_statement *s, bool only_in_transaction, const char *what, const char *why, struct bf_error *err)
{
    return bf_fail(err, BF_DENIED, "statement %u (line %u): %s is refused in a script%s; %s", s->number, s->line, what,
                   only_in_transaction ? " with transaction: true" : "", why);
}

/* The name behind PRAGMA, without the schema before it; length 0 when it is written in another way than plain. */
static struct lex_token pragma_name(const struct sql_dialect *d, const struct sql_statement *s)
{
    struct lexer x = form_reader(d->lexis, s);
    (void)lex_next_solid(&x);
    struct lex_token name = lex_next_solid(&x), point = lex_next_solid(&x);
    if (lex_is_sign(&point, '.')) {
        name = lex_next_solid(&x);
        point = lex_next_solid(&x);
    }
    if (name.kind != LEX_WORD || lex_is_sign(&point, '.'))
        name.len = 0;
    return name;
}

static enum bf_rc look_sqlite(const struct sql_dialect *d, bool transaction, const struct sql_statement *s, struct bf_error *err)
{
    if (!transaction || strcmp(s->verb, "PRAGMA") != 0)
        return BF_OK;
    struct lex_token name = pragma_name(d, s);
    for (size_t i = 0; d->pragmas && d->pragmas[i]; i++)
        if (lex_is(&name, d->pragmas[i]))
            return BF_OK;
    return bf_fail(err, BF_DENIED, "statement %u (line %u): PRAGMA %.*s is refused in a script with transaction: true; settings of the "
                   "connection belong in the connection string", s->number, s->line, (int)(name.len < 40 ? name.len : 40), name.text);
}

static bool holds(const struct lex_token *t, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= t->len; i++)
        if (strncasecmp(t->text + i, word, n) == 0)
            return true;
    return false;
}

/* A setting changes how strings end.  It must not be changed by a function's SET clause, by set_config() or in a DO block either. */
static enum bf_rc look_postgresql(const struct sql_dialect *d, bool transaction, const struct sql_statement *s, struct bf_error *err)
{
    static const char setting[] = "standard_conforming_strings";
    (void)transaction;
    struct lexer x = form_reader(d->lexis, s);
    bool named = false, quoted = false, sets = strcmp(s->verb, "DO") == 0;
    for (struct lex_token t = lex_next_solid(&x); t.kind != LEX_END; t = lex_next_solid(&x)) {
        if (t.kind == LEX_STRING)
            quoted |= holds(&t, setting);
        else
            named |= form_names(&t, setting);
        sets |= form_names(&t, "set_config");
    }
    if (strcmp(s->verb, "SHOW") == 0 || form_fits(STRINGS_ON, d->lexis, s) || !(named || (quoted && sets)))
        return BF_OK;
    return refuse(s, false, "a change of standard_conforming_strings", READING, err);
}

/* Modes in which MariaDB reads quotes, backslashes or bodies in another way, and the words that stand for several. */
static bool mode_is_harmless(const struct lex_token *value)
{
    static const char *const modes[] = {"ANSI", "NO_BACKSLASH_ESCAPES", "ORACLE", "POSTGRESQL", "MSSQL", "DB2", "MAXDB", "MYSQL323",
                                        "MYSQL40"};
    if (value->kind != LEX_STRING)
        return false;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (holds(value, modes[i]))
            return false;
    return !memchr(value->text, '\\', value->len);
}

static bool charset_is_harmless(const struct lex_token *value)
{
    return form_names(value, "utf8mb4") || form_names(value, "utf8") || form_names(value, "utf8mb3");
}

/* utf8mb4_bin and its like. */
static bool collation_is_harmless(const struct lex_token *value)
{
    size_t len = 0;
    const char *text = form_inner(value, &len);
    return len >= 4 && strncasecmp(text, "utf8", 4) == 0;
}

static bool names_charset(const struct lex_token *t)
{
    return form_names(t, "character_set_client") || form_names(t, "character_set_connection") || form_names(t, "collation_connection");
}

/* The value that SET gives behind t; *t becomes its first token. */
static void read_value(struct lexer *x, struct lex_token *t)
{
    do
        *t = lex_next_solid(x);
    while (lex_is_sign(t, '=') || lex_is_sign(t, ':'));
}

/* Does a value go on behind its first token? */
static bool goes_on(const struct lexer *x)
{
    struct lexer ahead = *x;
    struct lex_token t = lex_next_solid(&ahead);
    return t.kind != LEX_END && !lex_is_sign(&t, ',') && !lex_is_one_of(&t, "FOR COLLATE");
}

static bool is_set(const struct lexer *x)
{
    struct lexer ahead = *x;
    struct lex_token t = lex_next_solid(&ahead);
    return lex_is_sign(&t, '=') || lex_is_sign(&t, ':');
}

static enum bf_rc look_mariadb(const struct sql_dialect *d, bool transaction, const struct sql_statement *s, struct bf_error *err)
{
    (void)transaction;
    if (strcmp(s->verb, "SET") != 0)
        return BF_OK;
    struct lexer x = form_reader(d->lexis, s);
    struct lex_token before = {0}, last = lex_next_solid(&x);
    for (struct lex_token t = lex_next_solid(&x); t.kind != LEX_END && !lex_is(&t, "FOR"); t = lex_next_solid(&x)) {
        bool variable = lex_is_sign(&last, '@') && !lex_is_sign(&before, '@');
        if (!variable && form_names(&t, "sql_mode") && is_set(&x)) {
            read_value(&x, &t);
            if (!mode_is_harmless(&t) || goes_on(&x))
                return refuse(s, false, "this SET sql_mode", READING "; give the mode as one string, without ANSI_QUOTES, "
                              "NO_BACKSLASH_ESCAPES and the modes of other databases", err);
        } else if (!variable && (lex_is_one_of(&t, "NAMES CHARSET CHARACTER") || (names_charset(&t) && is_set(&x)))) {
            struct lex_token set = t;
            read_value(&x, &t);
            if (lex_is(&set, "CHARACTER"))
                read_value(&x, &t);
            bool harmless = form_names(&set, "collation_connection") ? collation_is_harmless(&t) : charset_is_harmless(&t);
            if (!harmless || goes_on(&x))
                return refuse(s, false, "this character set", READING "; it is utf8mb4", err);
        }
        before = last;
        last = t;
    }
    return BF_OK;
}

/* Some databases run statements that no semicolon divides: select 1 commit. */
static enum bf_rc look_ansi(const struct sql_dialect *d, bool transaction, const struct sql_statement *s, struct bf_error *err)
{
    static const char words[] = "COMMIT ROLLBACK BEGIN SAVEPOINT EXEC EXECUTE CALL CREATE ALTER DROP TRUNCATE GRANT REVOKE";
    struct lexer x = form_reader(d->lexis, s);
    struct lex_token last = lex_next_solid(&x);
    for (struct lex_token t = lex_next_solid(&x); transaction && t.kind != LEX_END; t = lex_next_solid(&x)) {
        if (lex_is_one_of(&t, words) && !lex_is_sign(&last, '.'))
            return bf_fail(err, BF_DENIED, "statement %u (line %u): the word %.*s inside a statement is refused in a script with "
                           "transaction: true, because some databases need no semicolon before it, and the connection says dialect: ansi; "
                           "write it in double quotes if it is a name", s->number, s->line, (int)t.len, t.text);
        last = t;
    }
    return BF_OK;
}

static const struct guard guards[] = {
    {&sql_lexis_sqlite, sqlite_rules, NULL, look_sqlite},
    {&sql_lexis_postgresql, postgresql_rules, NULL, look_postgresql},
    {&sql_lexis_mariadb, mariadb_rules, "it is not known to leave the transaction open; use publish: swap, or " LEAVE_OUT, look_mariadb},
    {&sql_lexis_ansi, ansi_rules, "it is not known to leave the transaction open, and the connection says "
                                  "dialect: ansi; use publish: swap, or "
     LEAVE_OUT, look_ansi},
};

static enum bf_rc check_rules(const struct guard *g, bool transaction, const struct sql_statement *s, struct bf_error *err)
{
    for (const struct rule *r = g->rules; r->form; r++) {
        if ((r->verdict == NOT_IN_TRANSACTION && !transaction) || !form_fits(r->form, g->lexis, s))
            continue;
        if (r->verdict == ALLOWED)
            return BF_OK;
        return refuse(s, r->verdict == NOT_IN_TRANSACTION, r->what ? r->what : s->verb, r->why, err);
    }
    if (g->others && transaction)
        return refuse(s, true, s->verb, g->others, err);
    return BF_OK;
}

enum bf_rc sql_guard_check(const struct sql_dialect *d, bool transaction, const struct sql_statement *s, struct bf_error *err)
{
    for (size_t i = 0; i < sizeof guards / sizeof *guards; i++) {
        const struct guard *g = &guards[i];
        if (g->lexis != d->lexis)
            continue;
        enum bf_rc rc = check_rules(g, transaction, s, err);
        return rc == BF_OK ? g->look(d, transaction, s, err) : rc;
    }
    return bf_fail(err, BF_INTERNAL, "no table says what a script for %.32s may not hold", d->dbms);
}
