/* What the helpers that the agent starts (bf-sql, bf-http) share: a request with secrets on standard input, a file for the result, a
 * sentence for people on standard error. */
#ifndef BF_COMMON_HELPER_H
#define BF_COMMON_HELPER_H

#include "common/buf.h"
#include "common/error.h"

/* "PROGRAM: TEXT" on standard error.  Returns status. */
int bf_helper_say(const char *program, int status, const char *text);

/* What a call with words comes to: --help prints help, --version the version, and anything else is refused, for a helper takes none.
 * Gives the exit status. */
int bf_helper_usage(const char *program, const char *help, int argc, char **argv);

/* The file $BF_RESULT, to append to; *ret is -1 where there is no such variable.  Open it before anything runs, so that no work is done
 * whose result could not be told. */
enum bf_rc bf_helper_open_result(int *ret, struct bf_error *err) BF_MUST_CHECK;
/* Write the lines (fd -1: nowhere) and return status.  When that fails they go to standard error, and it is 75: an attempt without its
 * result says nothing of how it ended, and another one may find out. */
int bf_helper_tell(const char *program, int fd, const struct bf_buf *lines, int status);

/* All of standard input, max bytes at most.  bf_helper_forget() overwrites it, then releases it; it is a cleanup. */
enum bf_rc bf_helper_read_request(size_t max, struct bf_buf *ret, struct bf_error *err) BF_MUST_CHECK;
void bf_helper_forget(struct bf_buf *request);

#endif
