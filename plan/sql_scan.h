/* What can be told of a SQL script before its database is known.  Pure.
 *
 * bf-sql knows the database and refuses on the agent, before anything runs, whatever breaks its rules (agent/sql/split.h).  Here the same
 * mistakes are found while the plan is validated, as far as every database reads the text alike; where they differ (a backslash
 * before a quote, the body of a procedure) the scan ends without a word. */
#ifndef BF_PLAN_SQL_SCAN_H
#define BF_PLAN_SQL_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum sql_finding {
    SQL_EXPRESSION_IN_QUOTES,    /* "{{" between quotes: it would not be a value but a part of one */
    SQL_LEAVES_TRANSACTION,      /* a statement that begins, ends or leaves the transaction, which is bf-sql's */
    SQL_NEXT_STATEMENT           /* a statement behind another */
};

/* [offset, offset + len): the "{{", or the statement's first word. */
typedef void sql_found(void *arg, enum sql_finding what, size_t offset, size_t len);

/* Calls found for each finding, in order. */
void plan_sql_scan(const char *text, size_t len, sql_found *found, void *arg);

/* Does the text begin as a query does: with `select`, `with`, `values`, `table` or a bracket, behind comments? */
bool plan_sql_is_query(const char *text, size_t len);

#endif
