/* Killing and measuring by a walk of /proc, for hosts without control groups; and the last sweep of the guardian. */
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
/* What the sessions of n attempts hold now, into ret[0..n); processes that left their session are not among them.  One walk for all. */
struct proctree_hold { uint64_t rss_bytes; uint32_t threads; };
void proctree_measure(const struct proctree_attempt *attempts, size_t n, struct proctree_hold *ret);
/* SIGKILL what belongs to n attempts: the sessions of their leaders, and orphans of `reaper` that carry the token of one in their
 * environment.  One walk for all.  How many were found alive. */
size_t proctree_kill_attempts(const struct proctree_attempt *attempts, size_t n, pid_t reaper);

#endif
