/* Limits: what is written into the files of control groups of both versions, and what a reused group keeps of the one before. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/capacity.h"
#include "agent/cgroup_tree.h"

static void put(const char *dir, const char *file, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static const char *got(const char *dir, const char *file)
{
    static char text[256];
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = '\0';
    if (f)
        fclose(f);
    return text;
}

/* Plain files stand for those of the kernel: they show what is written last. */
Test(agent_limits, files)
{
    static const struct { enum limit limit; bool v2; uint64_t value; const char *file, *text; } cases[] = {
        {LIMIT_CPU, true, 1500, "cpu.max", "150000 100000"},
        {LIMIT_CPU, true, 1, "cpu.max", "1000 1000000"},
        {LIMIT_CPU, true, 0, "cpu.max", "max 100000"},
        {LIMIT_CPU, false, 250, "cpu.cfs_quota_us", "25000"},
        {LIMIT_CPU, false, 250, "cpu.cfs_period_us", "100000"},
        {LIMIT_CPU, false, 0, "cpu.cfs_quota_us", "-1"},
        {LIMIT_MEMORY, true, 512u << 20, "memory.max", "536870912"},
        {LIMIT_MEMORY, true, 512u << 20, "memory.swap.max", "0"},
        {LIMIT_MEMORY, true, 512u << 20, "memory.oom.group", "1"},
        {LIMIT_MEMORY, true, 0, "memory.max", "max"},
        {LIMIT_MEMORY, true, 0, "memory.swap.max", "max"},
        {LIMIT_MEMORY, true, 0, "memory.oom.group", "0"},
        {LIMIT_MEMORY, false, 64u << 20, "memory.limit_in_bytes", "67108864"},
        {LIMIT_MEMORY, false, 64u << 20, "memory.memsw.limit_in_bytes", "67108864"},
        {LIMIT_MEMORY, false, 0, "memory.limit_in_bytes", "-1"},
        {LIMIT_IO, true, 20u << 20, "io.max", "8:16 rbps=20971520 wbps=20971520"},
        {LIMIT_IO, true, 0, "io.max", "8:16 rbps=max wbps=max"},
        {LIMIT_IO, false, 7, "blkio.throttle.write_bps_device", "8:16 7"},
        {LIMIT_IO, false, 0, "blkio.throttle.read_bps_device", "8:16 0"},
        {LIMIT_PIDS, true, 64, "pids.max", "64"},
        {LIMIT_PIDS, false, 0, "pids.max", "max"},
    };
    static const char *const files[] = {"cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", "memory.max", "memory.swap.max",
                                        "memory.oom.group", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "io.max",
                                        "blkio.throttle.write_bps_device", "blkio.throttle.read_bps_device", "pids.max"};
    const struct cgroup_tree t = {.disk_major = 8, .disk_minor = 16};
    char dir[] = "/tmp/bf-limits-XXXXXX", path[256];
    cr_assert_not_null(mkdtemp(dir));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t k = 0; k < sizeof files / sizeof files[0]; k++)
            put(dir, files[k], "");
        cr_expect(cgroup_limit_write(cases[i].limit, cases[i].v2, dir, cases[i].value, &t), "%zu", i);
        const char *text = got(dir, cases[i].file);
        /* A plain file keeps the end of a longer text that was written before. */
        cr_expect_eq(strncmp(text, cases[i].text, strlen(cases[i].text)), 0, "%zu: %s has `%s`", i, cases[i].file, text);
    }
    snprintf(path, sizeof path, "%s/pids.max", dir);
    unlink(path);
    cr_expect_not(cgroup_limit_write(LIMIT_PIDS, true, dir, 64, &t), "a file that is not there");
    for (size_t k = 0; k < sizeof files / sizeof files[0]; k++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[k]);
        unlink(path);
    }
    rmdir(dir);
}

/* The real files, where this host has them. */
static uint64_t in_force(const struct cgroup_leaf *leaf, enum limit limit, const char *v2, const char *v1)
{
    const struct hierarchy *h = &leaf->tree->at[leaf->tree->home[limit]];
    char *path = cgroup_leaf_path(h, leaf->number);
    uint64_t value = strtoull(got(path, hierarchy_is(h, MOUNT_V2) ? v2 : v1), NULL, 10);
    free(path);
    return value;
}

Test(agent_limits, of_a_group_end_with_its_attempt)
{
    static const enum cgroup_mode modes[] = {CGROUP_AUTO, CGROUP_V1};
    for (size_t m = 0; m < 2; m++) {
        struct cgroup_tree *t;
        struct cgroup_leaf *leaf, *again;
        struct bf_error err = {0};
        const struct cgroup_limits some = {.cpu_milli = 100, .memory_bytes = 64u << 20, .pids = 33}, none = {0};
        if (cgroup_open(modes[m], "limits", "/tmp/limits", &t, &err) != BF_OK)
            continue;
        if ((cgroup_enforces(t) & (HOST_MEMORY | HOST_PIDS | HOST_CPU)) == (HOST_MEMORY | HOST_PIDS | HOST_CPU)) {
            cr_assert_eq(cgroup_take(t, &some, &leaf, &err), BF_OK, "%s", err.text);
            cr_expect_eq(in_force(leaf, LIMIT_MEMORY, "memory.max", "memory.limit_in_bytes"), 64u << 20);
            cr_expect_eq(in_force(leaf, LIMIT_PIDS, "pids.max", "pids.max"), 33);
            cgroup_give(t, leaf);
            cr_assert_eq(cgroup_take(t, &none, &again, &err), BF_OK, "%s", err.text);
            cr_expect_eq(again, leaf, "not the same group again");
            uint64_t memory = in_force(again, LIMIT_MEMORY, "memory.max", "memory.limit_in_bytes");
            cr_expect(memory == 0 || memory > UINT64_C(1) << 60, "%llu", (unsigned long long)memory);
            cr_expect_eq(in_force(again, LIMIT_PIDS, "pids.max", "pids.max"), 0, "it says max");
            cgroup_give(t, again);
        }
        cgroup_close(t);
    }
}

Test(agent_limits, capacity_is_bounded_by_the_machine)
{
    long processors = sysconf(_SC_NPROCESSORS_CONF);
    cr_expect_gt(capacity_cpu_milli(), 0);
    cr_expect_leq(capacity_cpu_milli(), (uint64_t)processors * 1000);
    cr_expect_gt(capacity_memory_bytes(), 1u << 20);
    cr_expect_leq(capacity_memory_bytes(), (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE));
}

/* n processes in the leaf at once, all ended and reaped. */
static void run_in(const struct cgroup_leaf *leaf, size_t n)
{
    int procs[CGROUP_FDS_MAX], go[2], in[2];
    size_t n_procs = cgroup_leaf_procs(leaf, procs);
    char byte;
    cr_assert(pipe(go) == 0 && pipe(in) == 0);
    for (size_t i = 0; i < n; i++) {
        if (fork() != 0)
            continue;
        close(go[1]);
        for (size_t k = 0; k < n_procs; k++)
            if (write(procs[k], "0", 1) != 1)
                _exit(1);
        _exit(write(in[1], "", 1) == 1 && read(go[0], &byte, 1) == 0 ? 0 : 1);
    }
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(read(in[0], &byte, 1), 1);
    close(go[1]);
    for (size_t i = 0; i < n; i++) {
        int status = -1;
        cr_assert(wait(&status) > 0);
        cr_expect_eq(status, 0);
    }
    close(go[0]);
    close(in[0]);
    close(in[1]);
}

/* A peak of one need not be forgotten, any other must: each attempt hears of its own only. */
Test(agent_limits, peaks_are_of_one_attempt_each)
{
    static const size_t processes[] = {1, 1, 3, 1, 2, 1};
    struct cgroup_tree *t;
    struct bf_error err = {0};
    cr_assert_eq(cgroup_open(CGROUP_AUTO, "peaks", "/tmp/peaks", &t, &err), BF_OK);
    size_t home = t->home[LIMIT_PIDS];
    ino_t before = 0;
    for (size_t i = 0; home != CGROUP_NO_HOME && i < sizeof processes / sizeof processes[0]; i++) {
        struct cgroup_leaf *leaf;
        struct cgroup_meters m;
        struct stat st;
        cr_assert_eq(cgroup_take(t, &(struct cgroup_limits){.pids = 50}, &leaf, &err), BF_OK, "%s", err.text);
        bool counts = leaf->files[home].pids >= 0, renews = t->at[home].kinds == 1u << MOUNT_V1_PIDS && !t->at[home].fences;
        cr_assert(fstat(leaf->files[home].procs, &st) == 0);
        if (counts && renews && i > 0)
            cr_expect_eq(st.st_ino == before, processes[i - 1] == 1, "%zu: made anew when it need not be, or not when it must", i);
        before = st.st_ino;
        run_in(leaf, processes[i]);
        while (!cgroup_leaf_empty(leaf))
            cgroup_leaf_kill(leaf);
        cgroup_leaf_meters(leaf, &m);
        if (counts && renews)
            cr_expect_eq(m.peak_pids, (int64_t)processes[i], "%zu: %lld", i, (long long)m.peak_pids);
        cr_expect_eq(m.pids_hits, 0);
        cr_expect(m.cpu_us >= 0 && m.cpu_us < 10000000, "%zu: %lld", i, (long long)m.cpu_us);
        cgroup_give(t, leaf);
    }
    cgroup_close(t);
}
