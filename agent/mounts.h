/* Where the control group hierarchies are mounted, and where this process stands in each. */
#ifndef BF_AGENT_MOUNTS_H
#define BF_AGENT_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

enum mount_kind { MOUNT_V2, MOUNT_V1_FREEZER, MOUNT_V1_PIDS, MOUNT_V1_MEMORY, MOUNT_V1_CPUACCT, MOUNT_V1_CPU, MOUNT_V1_BLKIO,
                  MOUNT_KINDS };

struct mount {
    enum mount_kind kind;
    char *base;              /* folder of the process's own group, or of the mount where that is not to be seen; NULL: not mounted */
};
struct mounts { struct mount at[MOUNT_KINDS]; };

void mounts_read(struct mounts *ret);                    /* owned; from /proc/self/mountinfo and /proc/self/cgroup */
void mounts_done(struct mounts *m);
const struct mount *mounts_find(const struct mounts *m, enum mount_kind kind);      /* NULL when not mounted */
const char *mount_kind_word(enum mount_kind kind);

#endif
