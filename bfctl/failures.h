/* Groups of failures as the coordinator tells them, added up over its pages and shown.  Pure. */
#ifndef BFCTL_FAILURES_H
#define BFCTL_FAILURES_H

#include <jansson.h>

#include "common/buf.h"

/* Groups of one cause become one: counts add up, the last partition is the later page's, the example is the first.  The largest first,
 * in the order of the plan where they are alike.  Gives a new array; rows in the order in which they came. */
json_t *failures_merge(const json_t *rows);
/* Append where it came from: "sql on PostgreSQL 42P01", "exit 3". */
void failures_put_cause(const json_t *group, struct bf_buf *ret);
/* A paragraph for each group, and a line that counts them. */
void failures_tell(const json_t *groups, struct bf_buf *ret);

#endif
