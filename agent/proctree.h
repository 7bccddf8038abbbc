/* Killing by a walk of /proc, for hosts without control groups and as the last sweep of the guardian. */
#ifndef BF_AGENT_PROCTREE_H
#define BF_AGENT_PROCTREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/agent_msg.h"

/* SIGKILL every descendant of root but `except` (0: none); descendants of `except` are killed.  How many were found alive: a process
 * that forks meanwhile is found by the next walk, so walk until 0. */
size_t proctree_kill_descendants(pid_t root, pid_t except);
/* An attempt without a control group.  Its leader must not be reaped by then, or not long ago. */
struct proctree_attempt { pid_t leader; struct attempt_ref ref; };
/* SIGKILL what belongs to n attempts: the sessions of their leaders, and orphans of `reaper` that carry the token of one in their
 * environment.  One walk for all.  How many were found alive. */
size_t proctree_kill_attempts(const struct proctree_attempt *attempts, size_t n, pid_t reaper);

#endif
