/* bf-sql as a probe: a canary query every so often, on a connection of its own, until it is killed. */
#ifndef BF_AGENT_SQL_PROBE_H
#define BF_AGENT_SQL_PROBE_H

#include "agent/sql/request.h"

/* One line on standard output for each measurement (agent/probe_value.h).  Returns when nobody reads them any more. */
void sql_probe_run(const struct sql_request *r);

#endif
