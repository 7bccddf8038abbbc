/* Meters of the control group count every process of the attempt; rusage misses children that nobody waited for, and its peak is no
 * less than what the agent itself had in memory when it spawned (the child begins on the agent's memory), so such a peak is unknown.
 * Block I/O comes from rusage, in units of 512 bytes (getrusage(2)), where the attempt is in no group that counts it. */
#include "agent/usage.h"

static int64_t us(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static void take(uint64_t *to, int64_t measured)
{
    if (measured >= 0)
        *to = (uint64_t)measured;
}

static uint64_t peak_beyond_own(const struct rusage *ru)
{
    struct rusage own;
    return getrusage(RUSAGE_SELF, &own) == 0 && ru->ru_maxrss > own.ru_maxrss ? (uint64_t)ru->ru_maxrss * 1024 : 0;
}

void usage_of(const struct cgroup_tree *tree, const struct cgroup_meters *m, const struct rusage *ru, int64_t wall_us,
              struct attempt_usage *ret)
{
    *ret = (struct attempt_usage){.wall_us = wall_us, .cpu_us = us(ru->ru_utime) + us(ru->ru_stime), .measured_by = 1};
    ret->read_bytes = (uint64_t)ru->ru_inblock * 512;
    ret->written_bytes = (uint64_t)ru->ru_oublock * 512;
    if (!m || m->peak_bytes < 0)
        ret->peak_memory_bytes = peak_beyond_own(ru);
    if (!m)
        return;
    if (m->cpu_us >= 0)
        ret->cpu_us = m->cpu_us;
    take(&ret->peak_memory_bytes, m->peak_bytes);
    take(&ret->read_bytes, m->read_bytes);
    take(&ret->written_bytes, m->written_bytes);
    ret->throttled_us = m->throttled_us > 0 ? m->throttled_us : 0;
    ret->peak_pids = m->peak_pids > 0 ? (uint32_t)m->peak_pids : 0;
    ret->limits_hit = (uint8_t)((m->throttled_us > 0 ? HOST_CPU : 0) | (m->memory_hits > 0 && m->oom_kills > 0 ? HOST_MEMORY : 0) |
                                (m->pids_hits > 0 ? HOST_PIDS : 0));
    if (m->cpu_us >= 0 || m->peak_bytes >= 0)
        ret->measured_by = cgroup_measured_by(tree);
}
