/* What is told to the agent: JSON lines in the file $BF_RESULT, and the exit status. */
#ifndef BF_AGENT_SQL_REPORT_H
#define BF_AGENT_SQL_REPORT_H

#include "agent/sql/run.h"
#include "common/buf.h"
#include "common/error.h"

/* Append the lines for a result. */
void sql_report_lines(const struct run_result *r, struct bf_buf *ret);
/* 0 done or already done, 75 (EX_TEMPFAIL) when another try may help, else 1. */
int sql_report_exit(const struct run_result *r);

#endif
