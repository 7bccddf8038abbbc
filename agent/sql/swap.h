/* publish: swap.  Outputs are built as staged tables, and take the places of the old ones at once when they are good. */
#ifndef BF_AGENT_SQL_SWAP_H
#define BF_AGENT_SQL_SWAP_H

#include "agent/sql/attempt.h"

/* Can the outputs be named as they are to be?  Ask before anything is done. */
bool swap_check_names(struct attempt *x);
/* Where DDL is part of transactions: put the staged tables in place, as a part of the work.  On false nothing is undone here: the caller
 * rolls the work back. */
bool swap_in_transaction(struct attempt *x);
/* Where DDL commits: the protocol as a whole. */
void swap_run(struct attempt *x);

#endif
