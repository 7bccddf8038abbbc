/* What the files of the control groups share: hierarchies, leaves, and the small files in them.  Private to agent/cgroup*.c. */
#ifndef BF_AGENT_CGROUP_TREE_H
#define BF_AGENT_CGROUP_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/cgroup.h"
#include "agent/mounts.h"
#include "common/vec.h"

#define CGROUP_NO_HOME CGROUP_FDS_MAX        /* no hierarchy holds steps to this limit */

/* The limits by number: the bit in enum host_limit is 1 << number. */
enum limit { LIMIT_CPU, LIMIT_MEMORY, LIMIT_IO, LIMIT_PIDS, LIMIT_COUNT };

struct hierarchy {
    unsigned kinds;                          /* bits 1 << enum mount_kind: controllers of v1 may share a mount */
    bool fences, meters;                     /* every attempt joins it; others only those that have a limit there */
    char *folder;                            /* the agent's, owned */
};

struct leaf_files { int procs, kill, events, cpu, peak, held, oom, pids; };      /* -1: not there; at most CGROUP_LEAF_FILES in all */

/* What the kernel's counters stood at; they are never reset. */
struct leaf_base {
    int64_t cpu_us, throttled_us, read_bytes, written_bytes, pids;
    int64_t held_bytes, peak_bytes;          /* in memory already; the peak where it could not be set back, else -1 */
    uint64_t oom_kills, memory_hits, pids_hits;
};

struct cgroup_leaf {
    const struct cgroup_tree *tree;
    unsigned number;
    struct leaf_files files[CGROUP_FDS_MAX];
    bool joined[CGROUP_FDS_MAX];             /* by the attempt that has it */
    uint64_t set[LIMIT_COUNT];               /* what stands in the files of limits; UINT64_MAX: not known */
    struct cgroup_limits limits;             /* those in force, for the attempt that has it */
    struct leaf_base base;                   /* when it was taken */
    struct leaf_base last;                   /* when its last attempt had ended: nothing has grown since */
    bool last_known;                         /* false: it was never used, or the attempt was never measured */
};

struct cgroup_tree {
    struct hierarchy at[CGROUP_FDS_MAX];
    size_t n;
    enum agent_fence fence;
    size_t home[LIMIT_COUNT];                /* the hierarchy that enforces it, or CGROUP_NO_HOME */
    unsigned disk_major, disk_minor;         /* for LIMIT_IO; 0, 0: not known */
    unsigned n_made;
    char text[160];
    BF_VEC_TYPE(struct cgroup_leaf *) idle;
};

static inline bool hierarchy_is(const struct hierarchy *h, enum mount_kind kind)
{
    return (h->kinds & 1u << kind) != 0;
}

/* --- small files (cgroup.c) ------------------------------------------------------------------------------------------- */

int cgroup_open_in(const char *folder, const char *file, int flags);
bool cgroup_put(int fd, const char *text);
ssize_t cgroup_get(int fd, char *ret, size_t size);
/* The number behind word at the start of a line of the file. */
bool cgroup_get_field(int fd, const char *word, uint64_t *ret);
bool cgroup_get_number(int fd, uint64_t *ret);
char *cgroup_leaf_path(const struct hierarchy *h, unsigned number);

/* --- limits (cgroup_limits.c) ----------------------------------------------------------------------------------------- */

/* Find out by trying, in a leaf that is removed again, which hierarchy can hold steps to which limit: fills t->home. */
void cgroup_limits_find(struct cgroup_tree *t);
/* Put the limits of the next attempt in force, and lift those of the one before.  false: `what` could not be written; errno says why. */
bool cgroup_limits_set(struct cgroup_leaf *leaf, const struct cgroup_limits *want, const char **ret_what);
/* Write one limit into the folder of a leaf; value 0 lifts it.  is_v2: the folder is of v2. */
bool cgroup_limit_write(enum limit limit, bool is_v2, const char *folder, uint64_t value, const struct cgroup_tree *t);

/* --- meters (cgroup_meters.c) ----------------------------------------------------------------------------------------- */

/* Set peaks back, and note what the counters stand at: of those that the last attempt left, from memory. */
void cgroup_meters_begin(struct cgroup_leaf *leaf);
/* The group that counts its processes was made anew. */
void cgroup_meters_forget_pids(struct cgroup_leaf *leaf);

#endif
