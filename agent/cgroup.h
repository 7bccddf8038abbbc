/* The control groups of an agent: one folder for the agent, one leaf in it for each attempt that is alive, recycled when empty.
 *
 * v2 with cgroup.kill is preferred.  On machines where the controllers are still on v1, the memory hierarchy of v1 serves for
 * measuring beside it.  Where only v1 can be written, the fence is a loop of SIGKILL over cgroup.procs.  Where neither can, leaves
 * do not exist (NULL) and the fence is weak. */
#ifndef BF_AGENT_CGROUP_H
#define BF_AGENT_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "proto/agent_msg.h"

#define CGROUP_FDS_MAX 3u

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

/* An empty leaf; NULL under a weak fence.  Owned by the tree, lent until cgroup_give. */
enum bf_rc cgroup_take(struct cgroup_tree *t, struct cgroup_leaf **ret, struct bf_error *err) BF_MUST_CHECK;
void cgroup_give(struct cgroup_tree *t, struct cgroup_leaf *leaf);
/* Descriptors of cgroup.procs: writing "0" moves the writer into the leaf.  Borrowed. */
size_t cgroup_leaf_procs(const struct cgroup_leaf *leaf, int ret_fds[CGROUP_FDS_MAX]);
void cgroup_leaf_kill(const struct cgroup_leaf *leaf);
bool cgroup_leaf_empty(const struct cgroup_leaf *leaf);

/* Meters since the leaf was taken.  false: not to be had here. */
bool cgroup_leaf_cpu_us(const struct cgroup_leaf *leaf, int64_t *ret);
bool cgroup_leaf_peak_bytes(const struct cgroup_leaf *leaf, uint64_t *ret);
bool cgroup_leaf_oom(struct cgroup_leaf *leaf);              /* the kernel killed a process of it for want of memory */
uint8_t cgroup_measured_by(const struct cgroup_tree *t);     /* 2: v1 meters memory, 3: v2; 0: nothing */

#endif
