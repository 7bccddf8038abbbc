/* The control groups of an agent: one folder for the agent, one leaf in it for each attempt that is alive, recycled when empty.
 *
 * v2 with cgroup.kill is preferred.  On machines where the controllers are still on v1, the hierarchies of v1 serve for limits and
 * for measuring beside it.  Where only v1 can be written, the fence is a loop of SIGKILL over cgroup.procs.  Where neither can, leaves
 * do not exist (NULL) and the fence is weak. */
#ifndef BF_AGENT_CGROUP_H
#define BF_AGENT_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "proto/agent_msg.h"

#define CGROUP_FDS_MAX 6u
#define CGROUP_LEAF_FILES 12u                /* descriptors that a leaf keeps open, at most */

enum cgroup_mode { CGROUP_AUTO, CGROUP_V2, CGROUP_V1, CGROUP_OFF };
bool cgroup_mode_parse(const char *word, enum cgroup_mode *ret);

struct cgroup_tree;                          /* the agent's folder */
struct cgroup_leaf;                          /* one attempt's */

/* Find and make the folder bf-<name>-<hash of state_dir>.  Modes other than AUTO fail when they cannot be had. */
enum bf_rc cgroup_open(enum cgroup_mode mode, const char *name, const char *state_dir, struct cgroup_tree **ret,
                       struct bf_error *err) BF_MUST_CHECK;
/* Remove what is empty.  NULL is allowed. */
void cgroup_close(struct cgroup_tree *t);
enum agent_fence cgroup_fence(const struct cgroup_tree *t);
/* One line for the log: which hierarchies are used, for what. */
const char *cgroup_describe(const struct cgroup_tree *t);

/* SIGKILL everything in the folder, once over.  Nothing happens under a weak fence. */
void cgroup_kill_all(const struct cgroup_tree *t);
bool cgroup_all_empty(const struct cgroup_tree *t);          /* true under a weak fence */

/* Limit disk traffic on the disk that dir lies on, from now on.  Without this call, or where the disk is not known, it is not limited. */
void cgroup_use_disk_of(struct cgroup_tree *t, const char *dir);
/* Bits of enum host_limit: what attempts are held to here.  Found out by trying, when the tree was opened. */
uint32_t cgroup_enforces(const struct cgroup_tree *t);

/* The most that one attempt may take; 0: no limit. */
struct cgroup_limits { uint64_t cpu_milli, memory_bytes, io_bytes_s, pids; };
/* An empty leaf, with these limits in force as far as they are enforced here; NULL under a weak fence.  Owned by the tree, lent until
 * cgroup_give. */
enum bf_rc cgroup_take(struct cgroup_tree *t, const struct cgroup_limits *limits, struct cgroup_leaf **ret,
                       struct bf_error *err) BF_MUST_CHECK;
void cgroup_give(struct cgroup_tree *t, struct cgroup_leaf *leaf);
/* Descriptors of cgroup.procs: writing "0" moves the writer into the leaf.  Borrowed. */
size_t cgroup_leaf_procs(const struct cgroup_leaf *leaf, int ret_fds[CGROUP_FDS_MAX]);
void cgroup_leaf_kill(const struct cgroup_leaf *leaf);
bool cgroup_leaf_empty(const struct cgroup_leaf *leaf);

/* What the kernel counted since the leaf was taken; -1: not to be had here. */
struct cgroup_meters {
    int64_t cpu_us, throttled_us, peak_bytes, read_bytes, written_bytes, peak_pids;
    uint64_t oom_kills;                      /* processes killed for want of memory */
    uint64_t memory_hits, pids_hits;         /* how often the attempt's own limit gave no more memory, no more processes */
};
/* Once the leaf is empty; before it is given back. */
void cgroup_leaf_meters(struct cgroup_leaf *leaf, struct cgroup_meters *ret);
uint8_t cgroup_measured_by(const struct cgroup_tree *t);     /* 2: v1 meters memory, 3: v2; 0: nothing */

#endif
