/* Limits of control groups, v2 and v1; see cgroup_tree.h.
 *
 *     limit    v2                                                      v1
 *     cpu      cpu.max: quota and period                               cpu.cfs_quota_us, cpu.cfs_period_us
 *     memory   memory.max, memory.swap.max 0, memory.oom.group 1       memory.limit_in_bytes, memory.memsw.limit_in_bytes the same
 *     io       io.max: rbps and wbps of one disk                       blkio.throttle.{read,write}_bps_device
 *     pids     pids.max                                                pids.max
 * (Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.)  Without swap a step that passes its limit is killed at once and does
 * not grind the host; oom.group kills all of it, since half a step is no step.  v1 has no such thing: it kills the largest process.
 *
 * What cannot be written on this host is found out at start and not tried again.  A limit that an attempt asks for and that is enforced
 * here is written before the attempt joins; if that fails, the attempt does not start. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/cgroup_tree.h"
#include "common/files.h"
#include "common/mem.h"

#define PERIOD_US 100000u
#define PERIOD_LONG_US 1000000u              /* for quotas that would be under the kernel's least, 1 ms */
#define QUOTA_LEAST_US 1000u
#define TRIAL_BYTES (UINT64_C(1) << 30)
#define TRIAL_PIDS 1000u
#define TRIAL_CPU_MILLI 100u                 /* a hierarchy of v1 refuses more than its parent has */

static const char *const limit_words[LIMIT_COUNT] = {"cpu", "memory", "io", "pids"};

static bool write_file(const char *folder, const char *file, const char *text)
{
    BF_AUTO_CLOSE int fd = cgroup_open_in(folder, file, O_WRONLY);
    return cgroup_put(fd, text);
}

/* Also when the file is not there: what is not counted need not be limited. */
static bool write_if_there(const char *folder, const char *file, const char *text)
{
    return write_file(folder, file, text) || errno == ENOENT;
}

static bool write_number(const char *folder, const char *file, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return write_file(folder, file, text);
}

/* --- each of the limits ----------------------------------------------------------------------------------------------- */

static bool write_cpu(bool is_v2, const char *folder, uint64_t milli)
{
    char text[64];
    uint64_t period = milli * PERIOD_US / 1000 < QUOTA_LEAST_US ? PERIOD_LONG_US : PERIOD_US, quota = milli * period / 1000;
    if (is_v2) {
        if (milli > 0)
            snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64, quota, period);
        else
            snprintf(text, sizeof text, "max %u", PERIOD_US);
        return write_file(folder, "cpu.max", text);
    }
    /* No quota while the period changes: the two are checked against each other. */
    return write_file(folder, "cpu.cfs_quota_us", "-1") &&
           (milli == 0 || (write_number(folder, "cpu.cfs_period_us", period) && write_number(folder, "cpu.cfs_quota_us", quota)));
}

/* Pages of files that an earlier attempt read are charged to its group still, and would count against this one. */
static void drop_cache(bool is_v2, const char *folder)
{
    uint64_t held = 0;
    BF_AUTO_CLOSE int fd = cgroup_open_in(folder, is_v2 ? "memory.current" : "memory.usage_in_bytes", O_RDONLY);
    if (!cgroup_get_number(fd, &held) || held == 0)
        return;
    if (is_v2)
        (void)write_number(folder, "memory.reclaim", held);
    else
        (void)write_file(folder, "memory.force_empty", "0");
}

static bool write_memory(bool is_v2, const char *folder, uint64_t bytes)
{
    if (is_v2) {
        drop_cache(is_v2, folder);
        return write_if_there(folder, "memory.swap.max", bytes ? "0" : "max") &&
               write_if_there(folder, "memory.oom.group", bytes ? "1" : "0") &&
               (bytes ? write_number(folder, "memory.max", bytes) : write_file(folder, "memory.max", "max"));
    }
    /* Memory with swap is never under memory alone, so both are lifted first, from above. */
    if (!write_if_there(folder, "memory.memsw.limit_in_bytes", "-1") || !write_file(folder, "memory.limit_in_bytes", "-1"))
        return false;
    if (bytes == 0)
        return true;
    drop_cache(is_v2, folder);
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, bytes);
    return write_file(folder, "memory.limit_in_bytes", text) && write_if_there(folder, "memory.memsw.limit_in_bytes", text);
}

static bool write_io(bool is_v2, const char *folder, uint64_t bytes_s, const struct cgroup_tree *t)
{
    char text[96];
    if (is_v2) {
        if (bytes_s > 0)
            snprintf(text, sizeof text, "%u:%u rbps=%" PRIu64 " wbps=%" PRIu64, t->disk_major, t->disk_minor, bytes_s, bytes_s);
        else
            snprintf(text, sizeof text, "%u:%u rbps=max wbps=max", t->disk_major, t->disk_minor);
        return write_file(folder, "io.max", text);
    }
    snprintf(text, sizeof text, "%u:%u %" PRIu64, t->disk_major, t->disk_minor, bytes_s);
    return write_file(folder, "blkio.throttle.read_bps_device", text) && write_file(folder, "blkio.throttle.write_bps_device", text);
}

bool cgroup_limit_write(enum limit limit, bool is_v2, const char *folder, uint64_t value, const struct cgroup_tree *t)
{
    switch (limit) {
    case LIMIT_CPU: return write_cpu(is_v2, folder, value);
    case LIMIT_MEMORY: return write_memory(is_v2, folder, value);
    case LIMIT_IO: return write_io(is_v2, folder, value, t);
    case LIMIT_PIDS: return value ? write_number(folder, "pids.max", value) : write_file(folder, "pids.max", "max");
    case LIMIT_COUNT: break;
    }
    return false;
}

/* --- what this host enforces ------------------------------------------------------------------------------------------ */

/* Where a limit would be, if it can be enforced at all. */
static bool may_hold(const struct hierarchy *h, enum limit limit)
{
    static const enum mount_kind of[LIMIT_COUNT] = {MOUNT_V1_CPU, MOUNT_V1_MEMORY, MOUNT_V1_BLKIO, MOUNT_V1_PIDS};
    return hierarchy_is(h, MOUNT_V2) || hierarchy_is(h, of[limit]);
}

static bool try_limit(const struct cgroup_tree *t, const struct hierarchy *h, enum limit limit)
{
    static const uint64_t trial[LIMIT_COUNT] = {TRIAL_CPU_MILLI, TRIAL_BYTES, TRIAL_BYTES, TRIAL_PIDS};
    BF_AUTO_FREE char *leaf = bf_path_join(h->folder, "probe");
    if (mkdir(leaf, 0755) != 0 && errno != EEXIST)
        return false;
    bool works = cgroup_limit_write(limit, hierarchy_is(h, MOUNT_V2), leaf, trial[limit], t);
    rmdir(leaf);
    return works;
}

static void find_home(struct cgroup_tree *t, enum limit limit)
{
    t->home[limit] = CGROUP_NO_HOME;
    for (size_t i = 0; i < t->n && t->home[limit] == CGROUP_NO_HOME; i++)
        if (may_hold(&t->at[i], limit) && try_limit(t, &t->at[i], limit))
            t->home[limit] = i;
}

void cgroup_limits_find(struct cgroup_tree *t)
{
    for (enum limit l = 0; l < LIMIT_COUNT; l++) {
        t->home[l] = CGROUP_NO_HOME;
        if (l != LIMIT_IO)                   /* waits for its disk */
            find_home(t, l);
    }
}

/* The disk that dir lies on.  Limits are of whole disks; a file system without one of its own (overlay, tmpfs, the network) gives none. */
static bool find_disk(const char *dir, unsigned *ret_major, unsigned *ret_minor)
{
    struct stat st;
    if (stat(dir, &st) != 0 || major(st.st_dev) == 0)
        return false;
    *ret_major = major(st.st_dev);
    *ret_minor = minor(st.st_dev);
    BF_AUTO_FREE char *partition = bf_xasprintf("/sys/dev/block/%u:%u/partition", *ret_major, *ret_minor);
    if (access(partition, F_OK) != 0)
        return true;
    BF_AUTO_FREE char *whole = bf_xasprintf("/sys/dev/block/%u:%u/../dev", *ret_major, *ret_minor);
    FILE *f = fopen(whole, "re");
    bool found = f && fscanf(f, "%u:%u", ret_major, ret_minor) == 2;
    if (f)
        fclose(f);
    return found;
}

void cgroup_use_disk_of(struct cgroup_tree *t, const char *dir)
{
    t->home[LIMIT_IO] = CGROUP_NO_HOME;
    if (find_disk(dir, &t->disk_major, &t->disk_minor))
        find_home(t, LIMIT_IO);
}

uint32_t cgroup_enforces(const struct cgroup_tree *t)
{
    uint32_t bits = 0;
    for (enum limit l = 0; l < LIMIT_COUNT; l++)
        if (t->n > 0 && t->home[l] != CGROUP_NO_HOME)
            bits |= 1u << l;
    return bits;
}

/* --- a leaf ----------------------------------------------------------------------------------------------------------- */

bool cgroup_limits_set(struct cgroup_leaf *leaf, const struct cgroup_limits *want, const char **ret_what)
{
    const struct cgroup_tree *t = leaf->tree;
    const uint64_t values[LIMIT_COUNT] = {want->cpu_milli, want->memory_bytes, want->io_bytes_s, want->pids};
    uint64_t *const in_force[LIMIT_COUNT] = {&leaf->limits.cpu_milli, &leaf->limits.memory_bytes, &leaf->limits.io_bytes_s,
                                             &leaf->limits.pids};
    leaf->limits = (struct cgroup_limits){0};
    for (enum limit l = 0; l < LIMIT_COUNT; l++) {
        size_t home = t->home[l];
        if (home == CGROUP_NO_HOME)
            continue;
        leaf->joined[home] |= values[l] > 0;
        *in_force[l] = values[l];
        /* An attempt with a memory limit begins without what the one before left in memory. */
        bool again = l == LIMIT_MEMORY && values[l] > 0;
        if (leaf->set[l] == values[l] && !again)
            continue;
        BF_AUTO_FREE char *path = cgroup_leaf_path(&t->at[home], leaf->number);
        leaf->set[l] = UINT64_MAX;
        if (!cgroup_limit_write(l, hierarchy_is(&t->at[home], MOUNT_V2), path, values[l], t)) {
            *ret_what = limit_words[l];
            return false;
        }
        leaf->set[l] = values[l];
    }
    return true;
}
