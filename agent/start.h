/* One start of a process of an attempt: what it needs, made ready, and why it did not come to be. */
#ifndef BF_AGENT_START_H
#define BF_AGENT_START_H

#include "agent/child_pipes.h"
#include "agent/runner.h"
#include "agent/spawner.h"
#include "common/arena.h"

struct start {
    struct spawn_job job;                    /* points into the rest, to the assignment and to the runner's setup */
    struct child_pipes pipes;
    struct bf_arena arena;
    int procs[CGROUP_FDS_MAX];
    struct start_input { struct agent_config *config; struct assignment assignment; const char *const *own; int64_t close_ms; } input;
    const char *name;                        /* of its program */
    char why[OUTCOME_TEXT_MAX];              /* a sentence, when there is one already */
    atomic_bool given_up;                    /* it is to end: by now it executes, or never */
    atomic_int pid;                          /* of its process, for spawn_kill */
    bool withdrawn;                          /* from the spawner, which has it until it gives it back */
    unsigned n_owners;
};

struct start_of {
    const struct runner_setup *setup;
    const struct assignment *assignment;
    const char *result_path;
    int64_t close_ms;                        /* over 0: a helper that ends the session which the attempt left, within that time */
    int null_fd;                             /* to read from, for programs; borrowed */
};

/* Never NULL. */
struct start *start_new(const struct start_of *of);
/* In a control group with these limits: *ret_leaf, NULL on a host without.  true: the spawner has it.  false: it is done, here and now, or
 * cannot be done. */
bool start_begin(struct start *s, struct cgroup_tree *cgroups, const struct cgroup_limits *limits, struct spawner *spawner,
                 struct cgroup_leaf **ret_leaf);
/* What the errno of its job means for this attempt. */
void start_explain(const struct start *s, const struct start_of *of, char *ret_text, size_t size);
/* By now it executes, or never.  true: no thread had begun it, and none will; its job has failed with ECANCELED. */
bool start_give_up(struct start *s);
/* What the spawner gave back.  NULL: it was withdrawn, and is the spawner's no longer. */
struct start *start_back(struct spawn_job *job);
void start_free(struct start *s);

#endif
