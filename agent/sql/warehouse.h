/* do: test and do: init. */
#ifndef BF_AGENT_SQL_WAREHOUSE_H
#define BF_AGENT_SQL_WAREHOUSE_H

#include "agent/sql/attempt.h"

/* Look at everything that steps will need, and say for each thing that is missing what to do; init makes the fence first.  The findings
 * are in the result's lines. */
void warehouse_look(struct attempt *x);

#endif
