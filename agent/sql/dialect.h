/* What differs between databases: literals, and the statements of the fence.  One row a database, found by SQL_DBMS_NAME. */
#ifndef BF_AGENT_SQL_DIALECT_H
#define BF_AGENT_SQL_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sql/split.h"
#include "common/buf.h"
#include "common/error.h"

enum value_type { VALUE_STRING, VALUE_INTEGER, VALUE_DATE, VALUE_TIMESTAMP, VALUE_IDENT, VALUE_TYPE_COUNT };

#define SQL_IDENT_MAX_BYTES 255u

/* Append v[0..len) as a literal.  BF_INVALID when it is no value of the type; *ret keeps its length then. */
typedef enum bf_rc sql_literal_fn(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err);

struct sql_dialect {
    const char *dbms;                          /* as SQL_DBMS_NAME says it */
    const struct sql_lexis *lexis;
    sql_literal_fn *literal[VALUE_TYPE_COUNT];
    const char *create_fence;                  /* harmless when the table is there, and when two come at once */
    const char *begin;                         /* takes the write lock at once; fails inside a transaction */
    const char *rows;                          /* query: rows changed on this connection so far; NULL: none */
    const char *const *pragmas;                /* names that PRAGMA may bear, ended by NULL; NULL: it has no PRAGMA */
    bool (*transient)(int32_t native, const char *sqlstate);
};

/* BF_UNSUPPORTED, naming the database, when there is no row for it. */
enum bf_rc sql_dialect_find(const char *dbms, const struct sql_dialect **ret, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc sql_literal(const struct sql_dialect *d, enum value_type type, const char *v, size_t len, struct bf_buf *ret,
                       struct bf_error *err) BF_MUST_CHECK;
bool sql_value_type_find(const char *name, enum value_type *ret);

#endif
