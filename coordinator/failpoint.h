/* Places where a test may kill the coordinator: BF_FAILPOINT="before_commit[:N]" and so on, in the environment.  Tests only. */
#ifndef BF_FAILPOINT_H
#define BF_FAILPOINT_H

#include "common/error.h"

enum failpoint { FAILPOINT_NONE, FAILPOINT_BEFORE_COMMIT, FAILPOINT_AFTER_COMMIT, FAILPOINT_AFTER_ACK };

/* Read the environment; a word that is no failpoint is an error. */
enum bf_rc failpoint_read(struct bf_error *err) BF_MUST_CHECK;
/* Passing the place: the N-th time the process ends by SIGKILL. */
void failpoint_pass(enum failpoint at);

#endif
