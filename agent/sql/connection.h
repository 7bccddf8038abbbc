/* One ODBC connection.  sql.h is seen by its .c file only. */
#ifndef BF_AGENT_SQL_CONNECTION_H
#define BF_AGENT_SQL_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sql/fault.h"
#include "common/error.h"

struct sql_connection;                         /* opaque */

#define SQL_CELL_MAX 256
#define SQL_ODBC_MAX_BYTES 2048u               /* drivers cut longer strings without a word */

/* Connect.  lock_wait_ms bounds one wait for a lock where the driver lets us say so; the string's own Timeout wins.
 * Every function here returns BF_OK, or BF_FAILED with *fault filled; outputs are untouched then. */
enum bf_rc sql_connect(const char *odbc, int64_t lock_wait_ms, struct sql_connection **ret, struct sql_fault *fault) BF_MUST_CHECK;
/* Close without a word to the database: what was not committed is lost.  NULL is taken. */
void sql_connection_free(struct sql_connection *c);

/* SQL_DBMS_NAME; borrowed. */
const char *sql_connection_dbms(const struct sql_connection *c);

/* Run one statement.  Results are not fetched.
 * *ret_rows (may be NULL) is what the driver says was changed. */
enum bf_rc sql_execute(struct sql_connection *c, const char *text, int64_t *ret_rows, struct sql_fault *fault) BF_MUST_CHECK;
/* Run a query and take the first n cells of its first row as text, cut at SQL_CELL_MAX.  NULL reads as "". */
enum bf_rc sql_query_row(struct sql_connection *c, const char *text, char (*cells)[SQL_CELL_MAX], size_t n, bool *ret_found,
                         struct sql_fault *fault) BF_MUST_CHECK;

#endif
