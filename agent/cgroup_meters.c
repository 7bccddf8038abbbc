/* What the kernel counted for an attempt; see cgroup.h.
 *
 * Counters of a group only grow, and groups are used again, so what each stood at before is taken away.  Between two attempts a group is
 * empty, so that is what it stood at when the last one had ended; it is read only where there was none.  Peaks are set back by writing to
 * them where the kernel lets us (v1 memory; v2 memory from Linux 6.12 on).  The peak of processes cannot be set back: on v1 that leaf is
 * made anew (cgroup.c), on v2 a peak that did not grow is not known, unless it is one.
 *
 * A file that each attempt needs stays open: to open one of a control group costs five times as much as to read it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "agent/cgroup_tree.h"
#include "common/files.h"
#include "common/mem.h"

#define NEAR_LIMIT 8u                        /* within an eighth of it: what is asked for last may be a large page, or many */

static int open_of(const struct cgroup_leaf *leaf, size_t i, const char *file)
{
    BF_AUTO_FREE char *path = cgroup_leaf_path(&leaf->tree->at[i], leaf->number);
    return cgroup_open_in(path, file, O_RDONLY);
}

static bool field_of(const struct cgroup_leaf *leaf, size_t i, const char *file, const char *word, uint64_t *ret)
{
    BF_AUTO_CLOSE int fd = open_of(leaf, i, file);
    return cgroup_get_field(fd, word, ret);
}

/* --- each of the meters: -1 or 0 where it is not to be had ------------------------------------------------------------ */

static int64_t cpu_now_us(const struct cgroup_leaf *leaf)
{
    uint64_t v;
    for (size_t i = 0; i < leaf->tree->n; i++) {
        if (leaf->files[i].cpu < 0)
            continue;
        if (hierarchy_is(&leaf->tree->at[i], MOUNT_V2))
            return cgroup_get_field(leaf->files[i].cpu, "usage_usec", &v) ? (int64_t)v : -1;
        return cgroup_get_number(leaf->files[i].cpu, &v) ? (int64_t)(v / 1000) : -1;
    }
    return -1;
}

static int64_t throttled_now_us(const struct cgroup_leaf *leaf)
{
    uint64_t v = 0;
    size_t home = leaf->tree->home[LIMIT_CPU];
    if (leaf->limits.cpu_milli == 0 || home == CGROUP_NO_HOME)
        return -1;
    if (hierarchy_is(&leaf->tree->at[home], MOUNT_V2))
        return cgroup_get_field(leaf->files[home].cpu, "throttled_usec", &v) ? (int64_t)v : -1;
    return field_of(leaf, home, "cpu.stat", "throttled_time", &v) ? (int64_t)(v / 1000) : -1;
}

static uint64_t oom_kills_now(const struct cgroup_leaf *leaf)
{
    uint64_t v, n = 0;
    for (size_t i = 0; i < leaf->tree->n; i++)
        if (cgroup_get_field(leaf->files[i].oom, "oom_kill", &v))
            n += v;
    return n;
}

/* How often there was no room under the limit of the leaf itself.  The counter of v1, memory.failcnt, is not kept by newer kernels (6.18),
 * so there it is said once, of a peak that came near the limit. */
static uint64_t memory_hits_now(const struct cgroup_leaf *leaf)
{
    uint64_t v = 0, limit = leaf->limits.memory_bytes;
    size_t home = leaf->tree->home[LIMIT_MEMORY];
    if (limit == 0 || home == CGROUP_NO_HOME)
        return 0;
    if (hierarchy_is(&leaf->tree->at[home], MOUNT_V2))
        return cgroup_get_field(leaf->files[home].oom, "oom", &v) ? v : 0;
    return cgroup_get_number(leaf->files[home].peak, &v) && v >= limit - limit / NEAR_LIMIT;
}

static int64_t held_now_bytes(const struct cgroup_leaf *leaf)
{
    uint64_t v;
    for (size_t i = 0; i < leaf->tree->n; i++)
        if (cgroup_get_number(leaf->files[i].held, &v))
            return (int64_t)v;
    return 0;
}

static int64_t peak_now_bytes(const struct cgroup_leaf *leaf)
{
    uint64_t v;
    for (size_t i = 0; i < leaf->tree->n; i++)
        if (cgroup_get_number(leaf->files[i].peak, &v))
            return (int64_t)v;
    return -1;
}

static bool has_pids(const struct cgroup_leaf *leaf, size_t *ret_home)
{
    *ret_home = leaf->tree->home[LIMIT_PIDS];
    return *ret_home != CGROUP_NO_HOME && leaf->joined[*ret_home];
}

static int64_t pids_now(const struct cgroup_leaf *leaf)
{
    size_t home;
    uint64_t v;
    return has_pids(leaf, &home) && cgroup_get_number(leaf->files[home].pids, &v) ? (int64_t)v : -1;
}

/* Below its limit it was refused nothing. */
static uint64_t pids_hits_now(const struct cgroup_leaf *leaf, int64_t peak)
{
    size_t home;
    uint64_t v;
    if (peak >= 0 && (leaf->limits.pids == 0 || (uint64_t)peak < leaf->limits.pids))
        return leaf->base.pids_hits;
    return has_pids(leaf, &home) && field_of(leaf, home, "pids.events", "max", &v) ? v : 0;
}

/* "rbytes=N wbytes=N" on a line for each disk (v2), or "8:0 Read N" and "8:0 Write N" (v1). */
static void add_io(const char *text, bool is_v2, int64_t *ret_read, int64_t *ret_written)
{
    const char *const read = is_v2 ? "rbytes=" : " Read ", *const written = is_v2 ? "wbytes=" : " Write ";
    *ret_read = *ret_written = 0;
    for (const char *p = text; (p = strstr(p, read)); p += strlen(read))
        *ret_read += strtoll(p + strlen(read), NULL, 10);
    for (const char *p = text; (p = strstr(p, written)); p += strlen(written))
        *ret_written += strtoll(p + strlen(written), NULL, 10);
}

static void io_now_bytes(const struct cgroup_leaf *leaf, int64_t *ret_read, int64_t *ret_written)
{
    size_t home = leaf->tree->home[LIMIT_IO];
    *ret_read = *ret_written = -1;
    if (home == CGROUP_NO_HOME || !leaf->joined[home])
        return;
    bool is_v2 = hierarchy_is(&leaf->tree->at[home], MOUNT_V2);
    char text[4096];
    BF_AUTO_CLOSE int fd = open_of(leaf, home, is_v2 ? "io.stat" : "blkio.throttle.io_service_bytes");
    if (cgroup_get(fd, text, sizeof text) >= 0 && fd >= 0)
        add_io(text, is_v2, ret_read, ret_written);
}

/* --- an attempt ------------------------------------------------------------------------------------------------------- */

/* What is counted under a limit only: -1 or 0 without one. */
static void read_limited(const struct cgroup_leaf *leaf, struct leaf_base *ret)
{
    ret->throttled_us = throttled_now_us(leaf);
    ret->memory_hits = memory_hits_now(leaf);
    io_now_bytes(leaf, &ret->read_bytes, &ret->written_bytes);
}

void cgroup_meters_begin(struct cgroup_leaf *leaf)
{
    struct leaf_base *base = &leaf->base;
    bool set_back = false, known = leaf->last_known, pids_known = known && leaf->last.pids >= 0;
    for (size_t i = 0; i < leaf->tree->n; i++)
        set_back |= cgroup_put(leaf->files[i].peak, "0");
    read_limited(leaf, base);
    base->cpu_us = known ? leaf->last.cpu_us : cpu_now_us(leaf);
    base->oom_kills = known ? leaf->last.oom_kills : oom_kills_now(leaf);
    base->pids = pids_known ? leaf->last.pids : pids_now(leaf);
    base->pids_hits = pids_known ? leaf->last.pids_hits : pids_hits_now(leaf, -1);
    base->held_bytes = held_now_bytes(leaf);
    base->peak_bytes = set_back ? -1 : peak_now_bytes(leaf);
    leaf->last_known = false;
}

void cgroup_meters_forget_pids(struct cgroup_leaf *leaf)
{
    leaf->last.pids = 0;
    leaf->last.pids_hits = 0;
}

static int64_t grown(int64_t now, int64_t base)
{
    return now < 0 || base < 0 ? -1 : now > base ? now - base : 0;
}

void cgroup_leaf_meters(struct cgroup_leaf *leaf, struct cgroup_meters *ret)
{
    struct leaf_base now = {.cpu_us = cpu_now_us(leaf), .oom_kills = oom_kills_now(leaf), .pids = pids_now(leaf),
                            .peak_bytes = peak_now_bytes(leaf)};
    const struct leaf_base *base = &leaf->base;
    now.pids_hits = pids_hits_now(leaf, now.pids);
    read_limited(leaf, &now);
    leaf->last = now;
    leaf->last_known = true;
    *ret = (struct cgroup_meters){
        .cpu_us = grown(now.cpu_us, base->cpu_us), .throttled_us = grown(now.throttled_us, base->throttled_us),
        .read_bytes = grown(now.read_bytes, base->read_bytes), .written_bytes = grown(now.written_bytes, base->written_bytes),
        .peak_bytes = now.peak_bytes > base->peak_bytes ? grown(now.peak_bytes, base->held_bytes) : -1,
        .peak_pids = now.pids > base->pids || now.pids == 1 ? now.pids : -1,
        .oom_kills = now.oom_kills - base->oom_kills, .memory_hits = now.memory_hits - base->memory_hits,
        .pids_hits = now.pids_hits - base->pids_hits};
}
