/* What bf-sql reads on its standard input: one JSON object, in memory only. */
#ifndef BF_AGENT_SQLJOB_H
#define BF_AGENT_SQLJOB_H

#include "agent/agent_config.h"
#include "common/error.h"
#include "proto/agent_msg.h"

/* A descriptor (memfd, close-on-exec, at its beginning) with the job; the caller closes it.  The connection's references are
 * resolved here and nowhere else: the secret is in no argv, environment, file or log. */
enum bf_rc sqljob_open(const struct agent_config *c, const struct assignment *a, const char *const *own, int *ret_fd,
                       struct bf_error *err) BF_MUST_CHECK;

#endif
