/* A runner under test: it starts real processes, and what it tells of its one attempt is kept to be looked at.  What may not be told, such
 * as an end twice, aborts the test through Criterion. */
#ifndef BF_TESTS_RUNNER_BENCH_H
#define BF_TESTS_RUNNER_BENCH_H

#include "agent/ending.h"
#include "agent/runner.h"

#define BENCH_LIMIT_MS 20000                 /* nothing that a test waits for takes as long */

struct bench {
    char dir[64], results[96];               /* where steps work; where they put results */
    struct agent_config config;              /* the runner borrows it: to be changed before a start */
    struct cgroup_tree *cgroups;
    struct fence_page page;                  /* of a lease that never runs out */
    struct runner *runner;
    int epoll_fd;
    struct logship *logs;
    struct attempt_ref ref;                  /* of the attempt under way */
    bool started, failed, ended;
    int64_t started_us;
    struct verdict verdict;                  /* a copy of what was told */
    char out[1 << 16];                       /* stdout and stderr as shipped */
    size_t out_len;
    char remarks[4096], details[4096], note[ENDING_NOTE_MAX];
    bool closing;
};

/* Of runners made from now on. */
extern unsigned bench_spawners;
extern bool bench_epoll_takes_none;          /* as where the kernel has no room for one more watch */

/* With a control group and without, spawned by two threads and by the caller. */
extern const enum cgroup_mode bench_modes[4];
#define EACH_MODE(m) for (size_t m = 0; bench_spawners = m < 2 ? 2 : 0, m < 4; m++)

struct bench *bench_new(enum cgroup_mode mode);
/* Nothing of its attempts may be left. */
void bench_free(struct bench *b);
/* Its runner anew, on a host of so many processors. */
void bench_of_cpus(struct bench *b, uint64_t cpu_milli);

/* One round of the loop: waits for the next event or timer. */
void bench_turn(struct bench *b);
/* Until the attempt has ended; out is a string then. */
void bench_finish(struct bench *b);
/* true: it executes; else b->verdict says why not. */
bool bench_start(struct bench *b, const struct assignment *a);
/* A step that has the shell run text; argv is the caller's, and lives as long as the assignment. */
struct assignment bench_script(const struct bench *b, const char *argv[3], const char *text);
/* It starts, and ends. */
void bench_run(struct bench *b, const char *text);

#endif
