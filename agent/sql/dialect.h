/* What differs between databases: literals, sessions, transactions and the table of the fence.  One table a database, a file each.
 *
 * Another database is another file with another table: fill in a struct sql_dialect, name it in dialect.c, give it a lexis in lexis.c,
 * and let the protocol tests run on it.  Checks have a table of their own in check_dialect.c.  Where a table does not reach, code asks
 * which database it is, and another one may need a branch there: what its driver does and says (connection.c, connect_fault.c, script.c,
 * warehouse.c, swap.c), the transaction of a database that is not known (attempt.c), what a script may not say (guard.c, by the lexis),
 * and what checks write of catalogues, types and times (check_columns.c, check_types.c, check_inside.c, check_grain.c, check_text.c). */
#ifndef BF_AGENT_SQL_DIALECT_H
#define BF_AGENT_SQL_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sql/split.h"
#include "common/buf.h"
#include "common/error.h"
#include "common/sql_limits.h"

struct sql_connection;
struct sql_fault;

enum value_type {
    VALUE_STRING, VALUE_INTEGER, VALUE_DATE, VALUE_TIMESTAMP, VALUE_IDENT,
    VALUE_TABLE,                               /* dotted: each part an identifier */
    VALUE_BOOLEAN,                             /* "true" or "false" */
    VALUE_NUMBER,                              /* a decimal, with an exponent or without */
    VALUE_STAGED,                              /* no literal: a table of a request, which reads it as the VALUE_TABLE that it is staged
                                                  in */
    VALUE_TYPE_COUNT
};

#define SQL_SESSION_NAME_MAX 64                /* with its NUL; MariaDB allows 64 bytes for a lock, PostgreSQL 63 for a session */

/* Append v[0..len) as a literal.  BF_INVALID when it is no value of the type; *ret keeps its length then. */
typedef enum bf_rc sql_literal_fn(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err);

/* What a new session is told. */
struct sql_session_spec {
    const char *name;                          /* others find the session by it; "" gives it none */
    int64_t lock_wait_ms;                      /* one wait for a lock */
};

/* Something that bfctl warehouse asks: a query that answers with status (ok, warning, failed), sentence and remedy. */
struct sql_question { const char *topic, *query; };

struct sql_dialect {
    const char *dbms;                          /* as SQL_DBMS_NAME says it */
    const struct sql_lexis *lexis;
    sql_literal_fn *literal[VALUE_TYPE_COUNT];
    size_t name_max;                           /* bytes of an identifier before the database cuts or refuses it */
    bool name_max_characters;                  /* it counts characters */

    /* Sessions.  Queries hold one %s, for the name as a literal or the id; NULL: the database has no sessions. */
    enum bf_rc (*settle)(struct sql_connection *c, const struct sql_session_spec *spec, struct sql_fault *fault);
    const char *own_id;                        /* query: id of our session */
    const char *take_name;                     /* query: "1" when the name is ours now; NULL: settle() saw to it */
    const char *find_sessions;                 /* query: ids of other sessions of the name, and what each role is */
    const char *end_session;                   /* statement */
    const char *end_remedy;                    /* the statement that would let the role do so; its name is appended */

    /* Transactions. */
    const char *begin;                         /* where there is one, takes the write lock at once */
    const char *transaction_id;                /* query: the same text as long as the transaction lasts; NULL: begin fails inside one */
    bool ask_after_each;                       /* statements may end a transaction without a word, so ask after every one */
    bool ddl_commits;                          /* DDL ends the transaction */
    const char *engine_of;                     /* query with %s, %s for schema ("" is the session's) and table: engine, and whether it
                                                * knows transactions ("YES"; "VIEW": it is none); NULL: see all_transactional */
    const char *warnings;                      /* query behind a ROLLBACK: level, code and text of its warning; NULL: it undoes all */
    const char *not_undone;                    /* the code that says that rows of tables without transactions stayed */
    bool all_transactional;                    /* every table takes part in transactions; neither this nor engine_of: nobody knows */
    const char *rows;                          /* query: rows changed on this connection so far; NULL: the driver's counts are added */
    /* Run a query and throw its rows away, whatever their number; *ret_is_query is false when it was none, and then nothing ran.
     * in_transaction: one is open, ours or the script's, and stays so. */
    enum bf_rc (*discard)(struct sql_connection *c, const char *text, bool in_transaction, bool *ret_is_query,
                          struct sql_fault *fault);

    /* The fence.  create_fence holds two %s: the table and the column "partition". */
    const char *create_fence;
    const char *fence_schema;                  /* query with %s for the table as it stands in statements: the schema that holds it, as long
                                                * as no script has run; NULL: nobody knows */
    const char *unshadow;                      /* statement with %s for the table: what a script has put before it goes; NULL: nothing can
                                                * stand before a table with a schema */
    /* A lock of the session by name, for publication where DDL commits: queries with %s that give "1"; NULL: none is needed. */
    const char *lock, *unlock;
    const char *before_swap;                   /* a statement before tables are renamed; NULL: none */
    /* Queries with %s, %s like table_exists, ended by NULL: what would go astray when the table is renamed away ("it is a view"), and what
     * to do; no row: nothing.  NULL: renaming takes nothing along unseen. */
    const char *const *swap_obstacles;
    const char *table_exists;                  /* query with %s, %s for schema ("" is the session's) and table: a row when it is there */

    const char *create_remedy;                 /* what lets the role make the fence */
    const struct sql_question *questions;      /* ended by an all-zero one; NULL: none */

    const char *const *pragmas;                /* names that PRAGMA may bear, ended by NULL; NULL: it has no PRAGMA */
};

extern const struct sql_dialect sql_dialect_postgresql, sql_dialect_mariadb, sql_dialect_sqlite, sql_dialect_ansi;

/* All of them, one by one; NULL behind the last. */
const struct sql_dialect *sql_dialect_at(size_t i);
/* The dialect of a database; wanted is the connection's `dialect:` ("" or "ansi").  BF_UNSUPPORTED, naming the database, when there is
 * no table for it and "ansi" is not asked for. */
enum bf_rc sql_dialect_find(const char *dbms, const char *wanted, const struct sql_dialect **ret, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc sql_literal(const struct sql_dialect *d, enum value_type type, const char *v, size_t len, struct bf_buf *ret,
                       struct bf_error *err) BF_MUST_CHECK;
/* The types that a plan can name. */
bool sql_value_type_find(const char *name, enum value_type *ret);

#endif
