/* What a driver said when it could not connect, made fit for the tables of failures. */
#ifndef BF_AGENT_SQL_CONNECT_FAULT_H
#define BF_AGENT_SQL_CONNECT_FAULT_H

#include <stdbool.h>

#include "agent/sql/fault.h"

/* Which database it was to be, by the message and the connection string; "" when neither tells. */
const char *connect_fault_dbms(const char *message, const char *odbc);
/* Is it the driver manager that found no driver? */
bool connect_fault_no_driver(const char *message);
/* Set the SQLSTATE that the server meant, where the driver gives one for all. */
void connect_fault_refine(struct sql_fault *f);

#endif
