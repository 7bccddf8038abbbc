/* The guardian: the parent of the agent, which outlives it and fences its steps.  Should it be killed all the same, the agent kills
 * them and exits. */
#ifndef BF_AGENT_GUARDIAN_H
#define BF_AGENT_GUARDIAN_H

#include <stdint.h>

#include "agent/cgroup.h"
#include "agent/fence_page.h"
#include "common/error.h"

struct guardian_setup {
    const char *name, *state_dir;
    enum cgroup_mode cgroup_mode;
    /* Wipes every secret of this process, the environment too.  The guardian calls it once the agent is a process of its own. */
    void (*forget)(void *arg);
    void *arg;
};

/* What the agent, the guardian's child, is given. */
struct agent_start {
    struct fence_page *page;                 /* shared */
    struct cgroup_tree *cgroups;             /* empty */
    uint64_t previous;                       /* for HELLO */
    int guardian_fd;                         /* pidfd of the guardian: readable once it is dead.  The agent must watch it */
};

/* Lock the folder, clear away what an earlier life left, start the agent as a child and guard it until it has ended and none of its
 * steps is left.  *ret_status: the exit status for this process.  The child never returns: it exits with what run gives. */
enum bf_rc guardian_run(const struct guardian_setup *setup, int (*run)(const struct agent_start *start, void *arg), void *arg,
                        int *ret_status, struct bf_error *err) BF_MUST_CHECK;

#endif
