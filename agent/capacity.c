/* See capacity.h.  A limit further up holds as much as the own one, so the folders are walked towards the mount, until a file is missing;
 * what stands above the mount (another container's) is not to be seen, and not ours. */
#include "agent/capacity.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/mounts.h"
#include "common/files.h"
#include "common/mem.h"

#define MEMORY_NONE (UINT64_C(1) << 60)      /* v1 writes a number as large for "no limit" */

/* Up to two numbers; how many were there.  "max" is none. */
static int read_numbers(const char *folder, const char *file, long long *ret_a, long long *ret_b)
{
    BF_AUTO_FREE char *path = bf_path_join(folder, file);
    FILE *f = fopen(path, "re");
    int n = f ? fscanf(f, "%lld %lld", ret_a, ret_b) : -1;
    if (f)
        fclose(f);
    return n;
}

/* Thousandths that a group has; 0: no limit. */
static uint64_t cpu_of_group(const char *folder, bool is_v2)
{
    long long quota = -1, period = 0, unused = 0;
    if (is_v2)
        (void)read_numbers(folder, "cpu.max", &quota, &period);
    else if (read_numbers(folder, "cpu.cfs_quota_us", &quota, &unused) < 1 ||
             read_numbers(folder, "cpu.cfs_period_us", &period, &unused) < 1)
        quota = -1;
    return quota > 0 && period > 0 ? (uint64_t)quota * 1000 / (uint64_t)period : 0;
}

static uint64_t memory_of_group(const char *folder, bool is_v2)
{
    long long bytes = 0, unused = 0;
    if (read_numbers(folder, is_v2 ? "memory.max" : "memory.limit_in_bytes", &bytes, &unused) < 1 || bytes <= 0)
        return 0;
    return (uint64_t)bytes < MEMORY_NONE ? (uint64_t)bytes : 0;
}

typedef uint64_t limit_of_group(const char *folder, bool is_v2);

/* The least of the limits from base up to the root of its mount; 0: none. */
static uint64_t least(const struct mount *m, limit_of_group *of)
{
    uint64_t least = 0;
    BF_AUTO_FREE char *folder = m ? bf_xstrdup(m->base) : NULL;
    while (folder) {
        BF_AUTO_FREE char *is_group = bf_path_join(folder, "cgroup.procs");
        char *slash = strrchr(folder, '/');
        if (access(is_group, F_OK) != 0)
            break;
        uint64_t own = of(folder, m->kind == MOUNT_V2);
        if (own > 0 && (least == 0 || own < least))
            least = own;
        if (!slash || slash == folder)
            break;
        *slash = '\0';
    }
    return least;
}

static uint64_t limit(enum mount_kind v1, limit_of_group *of)
{
    struct mounts mounts;
    mounts_read(&mounts);
    uint64_t a = least(mounts_find(&mounts, MOUNT_V2), of), b = least(mounts_find(&mounts, v1), of);
    mounts_done(&mounts);
    return a == 0 || (b > 0 && b < a) ? b : a;
}

uint64_t capacity_cpu_milli(void)
{
    cpu_set_t set;
    long n = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
    else if (sysconf(_SC_NPROCESSORS_ONLN) > 0)
        n = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t own = (uint64_t)(n > 0 ? n : 1) * 1000, most = limit(MOUNT_V1_CPU, cpu_of_group);
    return most > 0 && most < own ? most : own;
}

uint64_t capacity_memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
    uint64_t own = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0, most = limit(MOUNT_V1_MEMORY, memory_of_group);
    return most > 0 && (own == 0 || most < own) ? most : own;
}
