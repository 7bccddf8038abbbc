/* One ODBC connection.  sql.h is seen by connection.c and query.c only; what the two share is in connection_private.h.
 *
 * Every function here that can fail returns BF_OK, or BF_FAILED with *fault filled; outputs are untouched then. */
#ifndef BF_AGENT_SQL_CONNECTION_H
#define BF_AGENT_SQL_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sql/fault.h"
#include "common/buf.h"
#include "common/error.h"

struct sql_substituted;                        /* request.h */
struct sql_connection;                         /* opaque */

#define SQL_CELL_MAX 256
#define SQL_ODBC_MAX_BYTES 2048u               /* drivers cut longer strings without a word */

struct sql_connect_spec {
    const char *odbc;
    const struct sql_substituted *substituted; /* what in it is not to be shown, besides the values of its attributes; NULL: nothing */
    size_t n_substituted;
    bool plain;                                /* a driver that we do not know: the string goes as it is */
    int64_t lock_wait_ms;                      /* bounds one wait for a lock where the string can say so; its own Timeout wins */
    int64_t patience_ms;                       /* to reach the server; 0: as long as a server may need */
};

enum bf_rc sql_connect(const struct sql_connect_spec *spec, struct sql_connection **ret, struct sql_fault *fault) BF_MUST_CHECK;
/* Close without a word to the database: what was not committed is lost.  NULL is taken. */
void sql_connection_free(struct sql_connection *c);

/* Whether the driver has lost it, and the server did not say that it ends: what runs there may go on then. */
bool sql_connection_lost(const struct sql_connection *c);

/* SQL_DBMS_NAME, its version, the driver and its version, the user; borrowed, "" where the driver gives none. */
const char *sql_connection_dbms(const struct sql_connection *c);
struct sql_connection_info { char version[64], driver[128], driver_version[64], user[128]; };
void sql_connection_info(struct sql_connection *c, struct sql_connection_info *ret);

/* Run one statement.  Rows are not fetched, but most drivers have read them then; for queries see sql_dialect.discard.
 * *ret_rows (may be NULL) is what the driver says was changed; -1 when rows came back, of which nobody knows. */
enum bf_rc sql_execute(struct sql_connection *c, const char *text, int64_t *ret_rows, struct sql_fault *fault) BF_MUST_CHECK;
/* Run a query and take the first n cells of its first row as text, cut at SQL_CELL_MAX.  NULL reads as "". */
enum bf_rc sql_query_row(struct sql_connection *c, const char *text, char (*cells)[SQL_CELL_MAX], size_t n, bool *ret_found,
                         struct sql_fault *fault) BF_MUST_CHECK;
/* Run a query to its end, one row in memory at a time, for drivers that can.  *ret_is_query is false, and nothing ran, when it would
 * give no columns. */
enum bf_rc sql_step_query(struct sql_connection *c, const char *text, bool *ret_is_query, struct sql_fault *fault) BF_MUST_CHECK;

/* Cancel what runs on the connection, from another thread; it fails then.  The connection must not be freed meanwhile. */
void sql_cancel(struct sql_connection *c);

/* Fill *fault by hand.  c may be NULL.  Returns BF_FAILED. */
enum bf_rc sql_fail_plain(const struct sql_connection *c, const char *sqlstate, const char *text, struct sql_fault *fault);

#endif
