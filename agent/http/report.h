/* What is told to the agent: a JSON line in the file $BF_RESULT, and the exit status. */
#ifndef BF_AGENT_HTTP_REPORT_H
#define BF_AGENT_HTTP_REPORT_H

#include "agent/http/run.h"

/* Append the lines for a result: none when it was good. */
void http_report_lines(struct http_result *r, struct bf_buf *ret);
/* 0 good, 75 (EX_TEMPFAIL) when another try may help, else 1. */
int http_report_exit(const struct http_result *r);

#endif
