/* Of connection.c, for query.c and nobody else. */
#ifndef BF_AGENT_SQL_CONNECTION_PRIVATE_H
#define BF_AGENT_SQL_CONNECTION_PRIVATE_H

#include "agent/sql/connection.h"

/* The handle of the connection, what runs on it, and its way to tell a failure without secrets.
 * type is SQL_HANDLE_STMT or SQL_HANDLE_DBC; both return BF_FAILED. */
void *sql_connection_handle(const struct sql_connection *c);
/* stmt runs from here on, and may be cancelled; NULL: nothing does. */
void sql_connection_runs(struct sql_connection *c, void *stmt);
enum bf_rc sql_connection_fail(struct sql_connection *c, int type, void *handle, struct sql_fault *ret);

#endif
