/* The full-screen view of a backfill: the loop between the coordinator, the pages and the terminal. */
#ifndef BFCTL_WATCH_H
#define BFCTL_WATCH_H

#include "bfctl/session.h"

/* Watch until the backfill has ended or the person leaves; a coordinator that is away is waited for.  BF_OK: *ret_exit is the exit
 * status, and the last sentence was written to standard output, below what stood there before.  BF_UNSUPPORTED: the terminal cannot do
 * it, nothing was shown.  BF_TIMED_OUT after timeout_ms (0: never).  A signal that ends the program does so from here, once the
 * terminal is as it was. */
enum bf_rc watch_run(struct session *s, uint32_t backfill, int64_t timeout_ms, int *ret_exit, struct bf_error *err) BF_MUST_CHECK;

#endif
