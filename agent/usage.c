/* Meters of the control group count every process of the attempt; rusage misses children that nobody waited for, and its peak is no
 * less than what the agent itself had in memory when it spawned (the child begins on the agent's memory), so such a peak is unknown.
 * Block I/O comes from rusage, in units of 512 bytes (getrusage(2)). */
#include "agent/usage.h"

static int64_t us(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

void usage_of(const struct cgroup_tree *tree, const struct cgroup_leaf *leaf, const struct rusage *ru, int64_t wall_us,
              struct attempt_usage *ret)
{
    struct rusage own;
    *ret = (struct attempt_usage){.wall_us = wall_us, .cpu_us = us(ru->ru_utime) + us(ru->ru_stime), .measured_by = 1};
    ret->read_bytes = (uint64_t)ru->ru_inblock * 512;
    ret->written_bytes = (uint64_t)ru->ru_oublock * 512;
    if (getrusage(RUSAGE_SELF, &own) == 0 && ru->ru_maxrss > own.ru_maxrss)
        ret->peak_memory_bytes = (uint64_t)ru->ru_maxrss * 1024;
    if (!leaf)
        return;
    bool cpu = cgroup_leaf_cpu_us(leaf, &ret->cpu_us);
    bool peak = cgroup_leaf_peak_bytes(leaf, &ret->peak_memory_bytes);
    if (cpu || peak)
        ret->measured_by = cgroup_measured_by(tree);
}
