/* DIR/run/dev.sock: how `bfctl dev --restart` asks the running `bfctl dev`, which owns the processes.
 *
 * One line up: "restart NAME FAILPOINT\n" (FAILPOINT may be empty).  One line down: "ok TEXT\n",
 * "unknown TEXT\n" (there is no NAME) or "error TEXT\n". */
#ifndef BFCTL_DEV_CONTROL_H
#define BFCTL_DEV_CONTROL_H

#include "common/error.h"

#define DEV_LINE_MAX 512

/* Become the one that runs DIR: *ret_lock_fd holds the lock, *ret_listen_fd the socket.  BF_CONFLICT when another does. */
enum bf_rc dev_control_open(const char *dir, int *ret_lock_fd, int *ret_listen_fd, struct bf_error *err) BF_MUST_CHECK;
/* Ask the one that runs DIR to start a program again, and wait until it is ready.  Writes its answer into ret. */
enum bf_rc dev_control_restart(const char *dir, const char *name, char ret[DEV_LINE_MAX], struct bf_error *err) BF_MUST_CHECK;
/* Take the request that came on fd: NAME into ret_name, FAILPOINT into ret_failpoint. */
enum bf_rc dev_control_read(int fd, char ret_name[64], char ret_failpoint[128], struct bf_error *err) BF_MUST_CHECK;
void dev_control_answer(int fd, const char *status, const char *text);

#endif
