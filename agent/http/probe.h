/* bf-http as a probe: the call every so often, on a connection that stays open where the server lets it, until it is told to stop. */
#ifndef BF_AGENT_HTTP_PROBE_H
#define BF_AGENT_HTTP_PROBE_H

#include "agent/http/request.h"

/* One line on standard output for each measurement (agent/probe_value.h).  The exit status: 0 when stopped, or nobody reads any more. */
int http_probe_run(const struct http_request *r, int stop_fd);

#endif
