/* How long the fence takes: from the deadline of the lease to the death of the last process, measured from outside.
 *
 *   fence_trials MODE TRIALS STEPS GRANDCHILDREN        one line a trial: microseconds after the deadline
 *   fence_trials step N                                 a step: ignores SIGTERM, N grandchildren in sessions of their own
 *
 * MODE is how the guardian finds the processes: auto, v2, v1, off (the weak fence: a walk of /proc).  A small agent of ours starts the
 * steps under the real guardian, shortens its lease on request and is stopped at once: the guardian is alone.  Every process of the
 * steps holds a FIFO open, so the moment of the last death is the end of that FIFO. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guardian.h"
#include "agent/runner.h"
#include "common/clock.h"
#include "common/log.h"

enum { LIMIT_MS = 60000, LEASE_MS = 30000, STEPS_MAX = 64 };

/* Shared between the measuring process, the guardian and the agent. */
struct trial {
    char dir[64];
    const char *self, *grandchildren;
    int n_steps, go_fd;
    enum cgroup_mode mode;
    _Atomic pid_t agent;
    _Atomic int64_t deadline_ms;
    int64_t left_ms;                         /* of the lease, when it is shortened */
};

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- the step ---- */

static int run_step(int grandchildren)
{
    signal(SIGTERM, SIG_IGN);
    int life = open("life", O_WRONLY);
    if (life < 0)
        give_up("life");
    for (int i = 0; i < grandchildren; i++)
        if (fork() == 0) {
            setsid();
            if (fork() != 0)
                _exit(0);
            signal(SIGHUP, SIG_IGN);
            if (write(life, "u", 1) != 1)
                _exit(1);
            for (;;)
                pause();
        }
    if (write(life, "u", 1) != 1)
        give_up("life");
    for (;;)
        pause();
}

/* ---- the agent ---- */

static void on_started(void *arg, struct attempt_ref ref, int64_t at_us)
{
    (void)arg, (void)ref, (void)at_us;
}

static void on_failed(void *arg, const struct assignment *a, const struct outcome *why)
{
    (void)arg, (void)a, (void)why;
    _exit(90);
}

static void no_end(void *arg, struct attempt_ref ref, const struct outcome *o, const char *note, int64_t at_us)
{
    (void)arg, (void)ref, (void)o, (void)note, (void)at_us;
}

static void set_deadline(const struct agent_start *start, int64_t deadline_ms)
{
    uint64_t one = 1;
    atomic_store(&start->page->deadline_ms, deadline_ms);
    if (write(start->page->wake_fd, &one, sizeof one) != (ssize_t)sizeof one)
        _exit(92);
}

static int small_agent(const struct agent_start *start, void *arg)
{
    static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
    struct trial *t = arg;
    struct agent_config config = {.name = "fence", .sql_helper = "/bin/cat"};
    const struct runner_setup setup = {
        .config = &config, .cgroups = start->cgroups, .page = start->page, .own_env = env, .work_dir = t->dir, .result_dir = t->dir,
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .started = on_started,
        .failed = on_failed, .ended = no_end};
    struct runner *runner = runner_new(&setup);
    const char *argv[] = {t->self, "step", t->grandchildren};
    uint64_t count;
    atomic_store(&t->agent, getpid());
    set_deadline(start, bf_boottime_ms() + LEASE_MS);
    for (int i = 0; i < t->n_steps; i++) {
        const struct attempt_ref ref = {(uint64_t)i + 1, (uint64_t)i + 1};
        const struct assignment a = {.ref = ref, .kind = STEP_RUN, .step = "s", .run_id = "r", .argv = argv, .n_argv = 3};
        runner_start(runner, &a);
        runner_run(runner, bf_boottime_ms());
    }
    if (read(t->go_fd, &count, sizeof count) != (ssize_t)sizeof count)
        return 91;
    int64_t deadline_ms = bf_boottime_ms() + t->left_ms;
    set_deadline(start, deadline_ms);
    atomic_store(&t->deadline_ms, deadline_ms);
    raise(SIGSTOP);
    for (;;)
        pause();
}

/* ---- the measurement ---- */

static pid_t start_guardian(struct trial *t)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct bf_error err = {0};
    int status = 99;
    const struct guardian_setup setup = {.name = "fence", .state_dir = t->dir, .cgroup_mode = t->mode};
    enum bf_rc rc = guardian_run(&setup, small_agent, t, &status, &err);
    if (rc != BF_OK)
        fprintf(stderr, "fence_trials: %s\n", err.text);
    _exit(rc == BF_OK ? status : 100);
}

static void wait_readable(int fd, const char *what)
{
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, LIMIT_MS) != 1)
        give_up(what);
}

/* Until every process of every step has said that it is up. */
static void wait_up(int life, int processes)
{
    char words[256];
    while (processes > 0) {
        wait_readable(life, "the steps do not come up");
        ssize_t n = read(life, words, sizeof words);
        processes -= n > 0 ? (int)n : 0;
    }
}

static int64_t one_trial(struct trial *t, int processes)
{
    char path[96], words[128];
    uint64_t one = 1;
    snprintf(t->dir, sizeof t->dir, "/tmp/bf-fence-XXXXXX");
    if (!mkdtemp(t->dir))
        give_up("a folder");
    snprintf(path, sizeof path, "%s/life", t->dir);
    if (mkfifo(path, 0600) != 0)
        give_up(path);
    int life = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    atomic_store(&t->deadline_ms, 0);
    pid_t guardian = start_guardian(t);
    wait_up(life, processes);
    if (write(t->go_fd, &one, sizeof one) != (ssize_t)sizeof one)
        give_up("the agent");
    wait_readable(life, "the steps do not die");
    int64_t us = bf_boottime_us() - atomic_load(&t->deadline_ms) * 1000;
    if (read(life, words, sizeof words) != 0 || atomic_load(&t->deadline_ms) == 0)
        give_up("a step speaks when it should be dead");
    kill(atomic_load(&t->agent), SIGKILL);
    while (waitpid(guardian, NULL, 0) < 0 && errno == EINTR)
        ;
    close(life);
    snprintf(words, sizeof words, "rm -rf %s", t->dir);
    return system(words) == 0 ? us : INT64_MAX;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "step") == 0)
        return run_step(atoi(argv[2]));
    struct trial *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static char self[4096];
    if (argc != 5 || t == MAP_FAILED || readlink("/proc/self/exe", self, sizeof self - 1) <= 0 || !cgroup_mode_parse(argv[1], &t->mode)) {
        fprintf(stderr, "usage: fence_trials auto|v2|v1|off TRIALS STEPS GRANDCHILDREN\n");
        return 2;
    }
    t->self = self;
    t->n_steps = atoi(argv[3]) < STEPS_MAX ? atoi(argv[3]) : STEPS_MAX;
    t->grandchildren = argv[4];
    t->go_fd = eventfd(0, EFD_CLOEXEC);
    bf_log_max = BF_LOG_ERROR;
    for (int i = 0; i < atoi(argv[2]); i++) {
        t->left_ms = 5 + i % 40;
        printf("%" PRId64 "\n", one_trial(t, t->n_steps * (1 + atoi(argv[4]))));
        fflush(stdout);
    }
    return 0;
}
