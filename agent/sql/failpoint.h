/* Named places at which a test can end or stop this process.  For tests only: BF_SQL_FAILPOINT=NAME[:stop].
 *
 *     after_claim, after_work, after_checks, after_marker, after_commit, after_statement (without a transaction),
 *     before_rename, after_rename (of publish: swap where DDL commits)
 *                                                            SIGKILL on itself there; with ":stop" SIGSTOP, until SIGCONT
 *     lost_commit                                            the answer to COMMIT is taken for lost, after it was sent
 *     unsent_commit                                          the same, without sending it */
#ifndef BF_AGENT_SQL_FAILPOINT_H
#define BF_AGENT_SQL_FAILPOINT_H

#include <stdbool.h>

/* Die or stop here when the place is chosen. */
void sql_failpoint(const char *name);
/* Is the place chosen?  For those that are no signal. */
bool sql_failpoint_is(const char *name);

#endif
