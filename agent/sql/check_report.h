/* Results of checks as JSON lines for the agent. */
#ifndef BF_AGENT_SQL_CHECK_REPORT_H
#define BF_AGENT_SQL_CHECK_REPORT_H

#include "agent/sql/check.h"
#include "common/buf.h"

#define SQL_CHECK_LINE_MAX 6144u               /* bytes of one line with its newline */

/* Append {"check":…} for every result, in order, and {"check_failed":…} when the work has to be rolled back for one. */
void sql_check_report_lines(const struct sql_check_results *r, struct bf_buf *ret);

#endif
