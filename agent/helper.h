/* The helpers that run steps of SQL and calls: bf-sql and bf-http.  What one is told stands in one JSON object on its standard input. */
#ifndef BF_AGENT_HELPER_H
#define BF_AGENT_HELPER_H

#include "agent/agent_config.h"
#include "common/error.h"
#include "proto/agent_msg.h"

/* Of a kind that has a specification. */
const char *helper_program(const struct agent_config *c, enum step_kind kind);
const char *helper_setting(enum step_kind kind);     /* "sql_helper": what says where it is */

/* A descriptor (memfd, close-on-exec, at its beginning) with the assignment's specification, its ids, under "resolved" the text of its
 * references, and for SQL under "substituted" the values in it; the caller closes it.  References are resolved here and nowhere else: a
 * secret is in no argv, environment, file or log.  close_ms over 0 asks for no more than that the session which the attempt left at its
 * server is ended, within that time.  BF_DENIED, BF_NOT_FOUND, BF_INVALID, BF_LIMIT: it can never run so; BF_IO: this time. */
enum bf_rc helper_open_input(const struct agent_config *c, const struct assignment *a, const char *const *own, int64_t close_ms,
                             int *ret_fd, struct bf_error *err) BF_MUST_CHECK;

#endif
