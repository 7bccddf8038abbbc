/* The guardian with real processes: a small agent of ours stands in for the real one, so that each fault can be made to happen. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guardian.h"
#include "agent/probe.h"
#include "agent/proctree.h"
#include "agent/runner.h"
#include "agent/state.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

#define LIMIT_MS 20000
#define FENCE_MS 2000                        /* K */
#define ALONE 70                             /* status of an agent whose guardian died and whose steps are dead */

/* Shared between the test, the guardian and the agent. */
struct stage {
    char dir[64];
    _Atomic pid_t agent;
    _Atomic int n_started;
    _Atomic uint64_t incarnation, previous, fences;
    _Atomic int64_t fence_us, deadline_ms;
    struct fence_page *page;
    int heard[2];                            /* the agent's word for each signal */
    enum cgroup_mode mode;
    int64_t lease_ms, last_lease_ms;         /* the lease at first; that which SIGUSR1 gives, and none after it */
    const char *script;
    int exit_status;                         /* of the agent, when it is not to wait */
};

static struct stage *stage_new(enum cgroup_mode mode)
{
    struct stage *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(s->dir, sizeof s->dir, "/tmp/bf-guardian-XXXXXX");
    cr_assert_not_null(mkdtemp(s->dir));
    s->mode = mode;
    s->exit_status = -1;
    s->lease_ms = LIMIT_MS;
    cr_assert_eq(pipe2(s->heard, O_CLOEXEC), 0);
    bf_log_max = BF_LOG_ERROR;
    return s;
}

static void stage_free(struct stage *s)
{
    char words[128];
    snprintf(words, sizeof words, "rm -rf %s", s->dir);
    (void)!system(words);
    close(s->heard[0]);
    close(s->heard[1]);
    munmap(s, sizeof *s);
}

/* The step's standard output is a FIFO that the test reads: it closes when the last process of the step is gone. */
static const char stubborn[] =
    "trap '' TERM; exec > life; (setsid sh -c 'trap \"\" TERM HUP INT; echo $$ > a; exec sleep 600' &); "
    "(setsid setsid sh -c 'trap \"\" TERM HUP INT; echo $$ > b; exec sleep 600' &); "
    "while ! [ -s a ] || ! [ -s b ]; do sleep 0.01; done; echo up; while :; do sleep 600; done";

static const char *const own_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

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

static void give_lease(struct stage *s, struct fence_page *page, int64_t lease_ms)
{
    uint64_t one = 1;
    atomic_store(&s->deadline_ms, bf_boottime_ms() + lease_ms);
    atomic_store(&page->deadline_ms, atomic_load(&s->deadline_ms));
    (void)!write(page->wake_fd, &one, sizeof one);
}

static int small_agent(const struct agent_start *start, void *arg)
{
    struct stage *s = arg;
    struct agent_config config = {.name = "g", .sql_helper = "/bin/cat"};
    atomic_store(&s->agent, getpid());
    atomic_store(&s->incarnation, start->page->incarnation);
    atomic_store(&s->previous, start->previous);
    s->page = start->page;
    if (s->exit_status >= 0)
        return s->exit_status;
    const struct runner_setup setup = {
        .config = &config, .cgroups = start->cgroups, .page = start->page, .own_env = own_env, .work_dir = s->dir, .result_dir = s->dir,
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .started = on_started,
        .failed = on_failed, .ended = no_end};
    struct runner *runner = runner_new(&setup);
    const char *argv[] = {"sh", "-c", s->script};
    const struct assignment a = {.ref = {1, 1}, .kind = STEP_RUN, .step = "s", .run_id = "r", .argv = argv, .n_argv = 3};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);                /* blocked, as the guardian left it */
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    give_lease(s, start->page, s->lease_ms);
    runner_start(runner, &a);
    runner_run(runner, bf_boottime_ms());
    struct signalfd_siginfo info;
    struct pollfd fds[] = {{signalfd(-1, &set, SFD_CLOEXEC), POLLIN, 0}, {start->guardian_fd, POLLIN, 0}};
    while (poll(fds, 2, -1) > 0 && !fds[1].revents)
        if (read(fds[0].fd, &info, sizeof info) == (ssize_t)sizeof info) {
            if (info.ssi_signo == SIGUSR1)
                give_lease(s, start->page, s->last_lease_ms);
            (void)!write(s->heard[1], "s", 1);
        }
    _exit(runner_end_all(runner, NULL, FENCE_MS) ? ALONE : 91);
}

static pid_t start_guardian(struct stage *s)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);        /* a test that fails leaves no guardian behind */
    struct bf_error err = {0};
    int status = 99;
    const struct guardian_setup setup = {.name = "unit", .state_dir = s->dir, .cgroup_mode = s->mode};
    enum bf_rc rc = guardian_run(&setup, small_agent, s, &status, &err);
    if (rc != BF_OK)
        fprintf(stderr, "%s\n", err.text);
    _exit(rc == BF_OK ? status : 100 + (int)rc);
}

static void wait_readable(int fd, const char *what)
{
    struct pollfd p = {fd, POLLIN, 0};
    cr_assert_eq(poll(&p, 1, LIMIT_MS), 1, "%s: not within %d ms", what, LIMIT_MS);
}

/* The FIFO of a stubborn step, once it is up. */
static int open_life(struct stage *s)
{
    char path[96];
    snprintf(path, sizeof path, "%s/life", s->dir);
    cr_assert_eq(mkfifo(path, 0600), 0);
    s->script = stubborn;
    return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static void wait_up(int life)
{
    char word[8] = "";
    wait_readable(life, "the step");
    cr_assert_eq(read(life, word, sizeof word), 3, "the step's word");
}

/* Every process of the step held the FIFO open. */
static void wait_all_dead(int life)
{
    char byte;
    struct pollfd p = {life, POLLIN, 0};
    cr_assert_eq(poll(&p, 1, LIMIT_MS), 1, "the step lives on");
    cr_assert_eq(read(life, &byte, 1), 0);
}

static int wait_exit(pid_t pid)
{
    int status = -1, pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    wait_readable(pidfd, "the guardian's end");
    close(pidfd);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "status %x", (unsigned)status);
    return WEXITSTATUS(status);
}

static uint64_t ended_mark(const struct stage *s)
{
    struct last_life last;
    struct bf_error err = {0};
    cr_assert_eq(state_read(s->dir, &last, &err), BF_OK, "%s", err.text);
    return last.ended;
}

static const enum cgroup_mode modes[] = {CGROUP_AUTO, CGROUP_V1, CGROUP_OFF};
#define EACH_MODE(m) for (size_t m = 0; m < 3; m++)

static bool mode_works(enum cgroup_mode mode)
{
    struct cgroup_tree *t;
    struct bf_error err = {0};
    if (cgroup_open(mode, "probe", "/tmp", &t, &err) != BF_OK)
        return false;
    cgroup_close(t);
    return true;
}

/* Where this user may make no control group, "auto" is the weak fence too. */
static bool mode_is_weak(enum cgroup_mode mode)
{
    return mode == CGROUP_OFF || (mode == CGROUP_AUTO && !mode_works(CGROUP_V2) && !mode_works(CGROUP_V1));
}

Test(agent_guardian, a_stopped_agent_does_not_stop_the_fence)
{
    EACH_MODE(m) {
        if (!mode_works(modes[m]))
            continue;
        struct stage *s = stage_new(modes[m]);
        s->last_lease_ms = 400;
        int life = open_life(s);
        pid_t guardian = start_guardian(s);
        wait_up(life);
        char word;
        cr_assert_eq(kill(atomic_load(&s->agent), SIGUSR1), 0);
        wait_readable(s->heard[0], "the last lease");
        cr_assert_eq(read(s->heard[0], &word, 1), 1);
        cr_assert_eq(kill(atomic_load(&s->agent), SIGSTOP), 0);
        wait_all_dead(life);
        int64_t late_ms = bf_boottime_ms() - atomic_load(&s->deadline_ms);
        cr_expect_geq(late_ms, 0, "fenced before the deadline");
        cr_expect_lt(late_ms, 5000, "fenced %" PRId64 " ms after the deadline", late_ms);
        cr_expect_eq(kill(atomic_load(&s->agent), 0), 0, "the agent itself is left alone");
        cr_expect_eq(waitpid(guardian, NULL, WNOHANG), 0);
        cr_expect_eq(ended_mark(s), 0, "the agent has not ended");

        kill(atomic_load(&s->agent), SIGKILL);
        cr_expect_eq(wait_exit(guardian), 128 + SIGKILL);
        cr_expect_eq(ended_mark(s), atomic_load(&s->incarnation));
        close(life);
        stage_free(s);
    }
}

Test(agent_guardian, a_dead_agent_leaves_nothing_alive)
{
    EACH_MODE(m) {
        if (!mode_works(modes[m]))
            continue;
        struct stage *s = stage_new(modes[m]);
        int life = open_life(s);
        pid_t guardian = start_guardian(s);
        wait_up(life);
        cr_assert_eq(kill(atomic_load(&s->agent), SIGKILL), 0);
        cr_expect_eq(wait_exit(guardian), 128 + SIGKILL);
        /* When the guardian has gone, the step has: no waiting here. */
        char byte;
        cr_expect_eq(read(life, &byte, 1), 0, "a process of the step outlived the guardian");
        cr_expect_eq(ended_mark(s), atomic_load(&s->incarnation));
        close(life);
        stage_free(s);
    }
}

/* The agent is the second line: it kills what double-forks and ignores SIGTERM, also when it was stopped at the time. */
Test(agent_guardian, a_killed_guardian_is_noticed_by_the_agent_which_ends_every_step)
{
    EACH_MODE(m) {
        for (int stopped = 0; mode_works(modes[m]) && stopped <= 1; stopped++) {
            struct stage *s = stage_new(modes[m]);
            prctl(PR_SET_CHILD_SUBREAPER, 1);
            int life = open_life(s), status = -1;
            pid_t guardian = start_guardian(s), agent;
            wait_up(life);
            agent = atomic_load(&s->agent);
            if (stopped)
                kill(agent, SIGSTOP);
            int64_t begin_ms = bf_boottime_ms();
            kill(guardian, SIGKILL);
            waitpid(guardian, NULL, 0);
            wait_all_dead(life);
            int64_t took_ms = bf_boottime_ms() - begin_ms;
            cr_expect_lt(took_ms, FENCE_MS, "mode %zu, stopped %d: dead after %" PRId64 " ms", m, stopped, took_ms);
            while (waitpid(agent, &status, 0) < 0 && errno == EINTR)
                ;
            cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == ALONE, "mode %zu, stopped %d: status %x", m, stopped, (unsigned)status);
            cr_expect_eq(ended_mark(s), 0, "it reports nothing");
            close(life);
            stage_free(s);
        }
    }
}

/* The small agent has a lease and a loop that never counts a turn. */
Test(agent_guardian, a_probe_reads_the_page_and_nobody_else_can_write_it)
{
    struct stage *s = stage_new(CGROUP_AUTO);
    struct bf_error err = {0};
    cr_expect_eq(probe_ask(s->dir, "live", &err), BF_FAILED, "nobody is there");
    int life = open_life(s);
    pid_t guardian = start_guardian(s);
    wait_up(life);
    cr_expect_eq(probe_ask(s->dir, "live", &err), BF_FAILED, "the loop does not turn");
    cr_expect_not_null(strstr(err.text, "has not turned"), "%s", err.text);
    cr_expect_eq(probe_ask(s->dir, "well", &err), BF_USAGE);

    char folder[64], path[128];
    int found = 0;
    snprintf(folder, sizeof folder, "/proc/%d/fd", (int)guardian);
    for (int fd = 0; fd < 64; fd++) {
        char target[64] = "";
        snprintf(path, sizeof path, "%s/%d", folder, fd);
        if (readlink(path, target, sizeof target - 1) <= 0 || !strstr(target, "memfd:bf-fence-page"))
            continue;
        found++;
        int page = open(path, O_RDWR | O_CLOEXEC);
        cr_expect_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0), MAP_FAILED, "a step could put its deadline off");
        cr_expect_eq(pwrite(page, "x", 1, 0), -1);
        cr_expect_eq(ftruncate(page, 0), -1);
        close(page);
    }
    cr_expect_eq(found, 1);
    kill(atomic_load(&s->agent), SIGKILL);
    wait_exit(guardian);
    cr_expect_eq(probe_ask(s->dir, "live", &err), BF_FAILED, "it has ended");
    close(life);
    stage_free(s);
}

Test(agent_guardian, the_answer_of_a_probe_follows_the_page)
{
    struct fence_page *page;
    struct bf_error err = {0};
    BF_AUTO_CLOSE int fd = -1, lock = -1;
    char dir[] = "/tmp/bf-probe-XXXXXX";
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(state_lock(dir, &lock, &err), BF_OK);
    cr_assert_eq(state_lock_sign(lock, &err), BF_OK);
    cr_assert_eq(state_lock_owner(dir), getpid());
    cr_assert_eq(probe_page_make(&page, &fd, &err), BF_OK, "%s", err.text);
    int64_t now_ms = bf_boottime_ms();
    const struct { int64_t turned_ms, deadline_ms; bool draining; enum bf_rc live, ready; } rows[] = {
        {now_ms, now_ms + 60000, false, BF_OK, BF_OK},
        {now_ms, INT64_MIN, false, BF_OK, BF_FAILED},
        {now_ms, now_ms - 1, false, BF_OK, BF_FAILED},
        {now_ms, now_ms + 60000, true, BF_OK, BF_FAILED},
        {now_ms - PROBE_LIVE_MS - 1000, now_ms + 60000, false, BF_FAILED, BF_FAILED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        atomic_store(&page->turned_ms, rows[i].turned_ms);
        atomic_store(&page->deadline_ms, rows[i].deadline_ms);
        atomic_store(&page->draining, rows[i].draining);
        cr_expect_eq(probe_ask(dir, "live", &err), rows[i].live, "row %zu", i);
        cr_expect_eq(probe_ask(dir, "ready", &err), rows[i].ready, "row %zu", i);
    }
    munmap(page, sizeof *page);
    char words[64];
    snprintf(words, sizeof words, "rm -rf %s", dir);
    (void)!system(words);
}

/* A guardian that starts while the agent of the last one still kills waits for the lock. */
Test(agent_guardian, the_next_life_waits_for_the_agent_of_the_last)
{
    struct stage *s = stage_new(CGROUP_AUTO);
    struct bf_error err = {0};
    int fd = -1, ends[2], status;
    char byte;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    s->exit_status = 0;
    pid_t holder = fork();
    if (holder == 0) {
        (void)!write(ends[1], state_lock(s->dir, &fd, &err) == BF_OK ? "l" : "x", 1);
        (void)poll(NULL, 0, 200);            /* the guardian below is started into this time */
        _exit(0);
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    cr_assert_eq(byte, 'l');
    cr_expect_eq(wait_exit(start_guardian(s)), 0, "it did not wait");
    cr_expect_eq(waitpid(holder, &status, 0), holder);
    stage_free(s);
}

Test(agent_guardian, when_both_are_killed_the_next_life_clears_up)
{
    EACH_MODE(m) {
        if (!mode_works(modes[m]))
            continue;
        struct stage *s = stage_new(modes[m]);
        prctl(PR_SET_CHILD_SUBREAPER, 1);    /* what is left comes to us, and must not stay */
        int life = open_life(s);
        pid_t guardian = start_guardian(s);
        wait_up(life);
        uint64_t first = atomic_load(&s->incarnation);
        int agent = (int)syscall(SYS_pidfd_open, atomic_load(&s->agent), 0);
        kill(guardian, SIGSTOP);             /* it must not see the agent's end */
        kill(atomic_load(&s->agent), SIGKILL);
        kill(guardian, SIGKILL);
        waitpid(guardian, NULL, 0);
        wait_readable(agent, "the agent's end");
        close(agent);
        cr_expect_eq(ended_mark(s), 0);
        while (waitpid(atomic_load(&s->agent), NULL, 0) < 0 && errno == EINTR)
            ;
        s->exit_status = 0;
        cr_expect_eq(wait_exit(start_guardian(s)), 0);
        bool weak = mode_is_weak(modes[m]);
        if (!weak)
            wait_all_dead(life);
        cr_expect_eq(atomic_load(&s->previous), weak ? 0 : first, "mode %zu: previous %" PRIu64, m, atomic_load(&s->previous));
        cr_expect_gt(atomic_load(&s->incarnation), first);

        /* The third life knows the second to have ended well; under a weak fence nobody can speak for the first any more. */
        uint64_t second = atomic_load(&s->incarnation);
        s->exit_status = 5;
        cr_expect_eq(wait_exit(start_guardian(s)), 5, "the agent's status is the guardian's");
        cr_expect_eq(atomic_load(&s->previous), weak ? 0 : second, "mode %zu", m);
        while (weak && proctree_kill_descendants(getpid(), 0) > 0)       /* orphans came to us */
            ;
        close(life);
        stage_free(s);
    }
}

Test(agent_guardian, sigterm_drains_then_stops)
{
    struct stage *s = stage_new(CGROUP_AUTO);
    int life = open_life(s);
    pid_t guardian = start_guardian(s);
    wait_up(life);
    char byte;
    kill(guardian, SIGTERM);
    wait_readable(s->heard[0], "the agent's SIGTERM");
    cr_expect_eq(read(life, &byte, 1), -1, "a drain kills nothing");
    cr_expect_eq(errno, EAGAIN);
    kill(guardian, SIGTERM);
    cr_expect_eq(wait_exit(guardian), 128 + SIGTERM);
    cr_expect_eq(read(life, &byte, 1), 0);
    close(life);
    stage_free(s);
}

Test(agent_guardian, a_second_agent_on_the_folder_is_refused)
{
    struct stage *s = stage_new(CGROUP_AUTO);
    int life = open_life(s);
    pid_t guardian = start_guardian(s);
    wait_up(life);
    struct bf_error err = {0};
    int status = 0;
    const struct guardian_setup setup = {.name = "unit", .state_dir = s->dir, .cgroup_mode = CGROUP_AUTO};
    cr_expect_eq(guardian_run(&setup, small_agent, s, &status, &err), BF_CONFLICT);
    cr_expect(strstr(err.text, "another agent runs with state_dir"), "%s", err.text);
    kill(atomic_load(&s->agent), SIGKILL);
    wait_exit(guardian);
    close(life);
    stage_free(s);
}
