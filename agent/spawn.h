/* Start a process without fork: the agent may be large, and a fork costs by its size.
 *
 * The child shares the agent's memory until it executes (CLONE_VM|CLONE_VFORK), so between the two it makes system calls only,
 * and raw ones where glibc would act on all threads (setuid). */
#ifndef BF_AGENT_SPAWN_H
#define BF_AGENT_SPAWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

struct spawn_request {
    const char *program;                     /* a path, or a name without a slash that is looked for in path */
    const char *path;                        /* as PATH has it; NULL: program is a path */
    const char *const *argv;                 /* NULL-terminated */
    const char *const *env;                  /* NULL-terminated */
    const char *dir;                         /* working folder; NULL: the agent's */
    int in_fd, out_fd, err_fd;               /* become 0, 1, 2; each above 2 */
    const int *procs_fds;                    /* cgroup.procs to join, before rights are given up */
    size_t n_procs_fds;
    bool switch_user;
    uid_t uid;
    gid_t gid;
    const _Atomic int64_t *deadline_ms;      /* not executed once it has passed (CLOCK_BOOTTIME); NULL: none */
    const atomic_bool *given_up;             /* not executed once it is set; NULL: never */
    atomic_int *pid;                         /* for spawn_kill: the child's, from its first moment until it is reaped; NULL: nobody asks */
    uint64_t nofile_soft;                    /* RLIMIT_NOFILE of the step; 0: as the agent's */
    bool no_core;                            /* it will hold secrets: no core file */
};

struct spawned { pid_t pid; int pidfd; };    /* pidfd is close-on-exec; the caller closes it */

/* What failed, when callers have a sentence of their own for it. */
#define SPAWN_DIR "its working folder"
#define SPAWN_EXECUTING "executing it"
/* 0, or the errno of what failed, with *ret_what saying what.  ESTALE: the deadline had passed; ECANCELED: given up. */
int spawn_process(const struct spawn_request *req, struct spawned *ret, const char **ret_what) BF_MUST_CHECK;
/* From another thread, after given_up was set: SIGKILL a child that may hang in what comes before it executes.  Where it is not there yet,
 * it sees given_up first.  Until whoever started it has heard that it executes. */
void spawn_kill(const atomic_int *pid);

#endif
