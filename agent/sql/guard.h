/* What a script may not say, by database: a table of forms, each with its reason and what to do instead. */
#ifndef BF_AGENT_SQL_GUARD_H
#define BF_AGENT_SQL_GUARD_H

#include <stdbool.h>

#include "agent/sql/dialect.h"
#include "agent/sql/split.h"

/* transaction: the script runs in one transaction with the fence's marker.  Without it only what would change how the connection
 * reads or finds things is refused.  BF_DENIED, naming statement and line. */
enum bf_rc sql_guard_check(const struct sql_dialect *d, bool transaction, const struct sql_statement *s,
                           struct bf_error *err) BF_MUST_CHECK;

#endif
