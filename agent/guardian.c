/* See guardian.h.
 *
 * Protocol.  The agent writes the deadline of its lease into the shared page; the guardian has a timer on it.  A deadline that passes
 * un-renewed is fenced once: `fences` is counted up, then everything but the agent is killed until nothing is left.  While the lease
 * stays expired the guardian keeps looking, because a stopped agent may have been in the middle of starting a step.  A step whose
 * agent has died is killed at once, whatever the lease says; only when none is left does `ended` name the incarnation.
 *
 * When the guardian itself is killed, the agent is the second line.  It watches the guardian by a pidfd that is opened before the fork,
 * so that no death is missed; it then kills every step, reports nothing and exits (loop.c).  A stopped agent could not do that, so the
 * kernel sends it SIGCONT at the guardian's death.  What is left: when both are killed, or the agent cannot be woken (a frozen
 * control group, a debugger), the leading process of each step dies with the agent, and nobody kills what those had started.  With control
 * groups the next start on this host does; under a weak fence nobody does.  The lock of the folder is held by the agent too, so that
 * the next life waits until the agent of the last has done its work.
 *
 * The guardian speaks to the supervisor (supervisor.h), and it alone: it is the process that the supervisor started and whose end counts,
 * and with NotifyAccess=main no step can speak in its name.  But the work is the agent's.  So the agent counts its turns in the page, and
 * the guardian passes a beat on only when they have grown: a stopped guardian and a stopped agent both end the beats.  No word to the
 * supervisor ever waits, so one that hangs does not delay a fence.
 *
 * The guardian is a subreaper: steps that leave their parents come to it and are found below it.  It stays small, allocates next to
 * nothing while it waits, and has no sockets. */
#include "agent/guardian.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/probe.h"
#include "agent/proctree.h"
#include "agent/state.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/supervisor.h"

#define SWEEP_PAUSE_MS 1                     /* between two looks while killing */
#define RECHECK_MS 500                       /* while the lease stays expired */
#define LEFTOVERS_MS 30000                   /* of an earlier life, at the start */
#define LOCK_WAIT_MS 3000                    /* for an agent whose guardian was killed */
#define LOCK_PAUSE_MS 10
#define SLOW_KILL_MS 10000                   /* told in the log: something does not die */

struct guardian {
    const struct guardian_setup *setup;
    struct cgroup_tree *cgroups;
    struct fence_page *page;
    int signal_fd, timer_fd;
    int self_fd;                             /* pidfd of this process, for the agent */
    int page_fd;                             /* kept open for probes */
    pid_t agent;                             /* 0: has ended */
    int agent_status;
    unsigned stops;                          /* SIGTERM, SIGINT so far */
    int64_t fenced_ms;                       /* the deadline that was fenced last */
    bool speaks;                             /* it knows that all earlier lives are dead, so its own word covers them */
    struct bf_supervisor *supervisor;
    uint64_t turns_told;                     /* of the agent, at the last beat */
    bool ready;                              /* said to the supervisor */
};

/* --- the supervisor --------------------------------------------------------------------------------------------------- */

static void say_status(struct guardian *g)
{
    int64_t deadline_ms = atomic_load(&g->page->deadline_ms);
    unsigned attempts = atomic_load(&g->page->attempts);
    const char *drains = g->stops > 0 || atomic_load(&g->page->draining) ? "draining: " : "";
    if (g->agent == 0)
        bf_supervisor_status(g->supervisor, "the agent has ended; its steps are being killed");
    else if (deadline_ms == INT64_MIN)
        bf_supervisor_status(g->supervisor, "%swaiting for a lease from the coordinator", drains);
    else if (deadline_ms <= bf_boottime_ms())
        bf_supervisor_status(g->supervisor, "%sthe lease has run out and all steps were killed; waiting for the coordinator", drains);
    else
        bf_supervisor_status(g->supervisor, "%sworking under a lease, %u attempt%s", drains, attempts, attempts == 1 ? "" : "s");
}

/* Ready is the first lease.  Once the agent has ended, the killing of what it left is the work. */
static void tell_supervisor(struct guardian *g)
{
    uint64_t turns = atomic_load(&g->page->turns);
    if (!g->ready && atomic_load(&g->page->deadline_ms) != INT64_MIN) {
        g->ready = true;
        bf_supervisor_ready(g->supervisor);
    }
    say_status(g);
    if (bf_supervisor_turn(g->supervisor, g->agent == 0 || turns != g->turns_told, bf_boottime_ms()))
        g->turns_told = turns;
}

/* For poll.  Waiting is for the supervisor alone: the fence has its own timer. */
static int supervisor_ms(const struct guardian *g)
{
    int64_t at_ms = bf_supervisor_next_ms(g->supervisor), now_ms = bf_boottime_ms();
    if (at_ms == INT64_MAX)
        return -1;
    return at_ms <= now_ms ? 0 : at_ms - now_ms < INT32_MAX ? (int)(at_ms - now_ms) : INT32_MAX;
}

/* --- killing ---------------------------------------------------------------------------------------------------------- */

static void reap(struct guardian *g)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == g->agent) {
            g->agent = 0;
            g->agent_status = status;
        }
}

/* One pass over everything but the agent.  true: nothing was left. */
static bool kill_pass(struct guardian *g)
{
    bool empty = cgroup_all_empty(g->cgroups);
    if (!empty)
        cgroup_kill_all(g->cgroups);
    /* Also behind control groups: a privileged step may have left its own. */
    size_t n = proctree_kill_descendants(getpid(), g->agent);
    reap(g);
    return empty && n == 0;
}

static void pause_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

/* Kill until nothing is left.  With a lease in the page again the agent minds its own: then one pass over everything is enough. */
static void kill_all(struct guardian *g, bool stop_when_renewed)
{
    int64_t begin_ms = bf_boottime_ms(), told_ms = begin_ms;
    while (!kill_pass(g)) {
        int64_t now_ms = bf_boottime_ms();
        if (stop_when_renewed && atomic_load(&g->page->deadline_ms) > now_ms)
            return;
        if (now_ms - told_ms >= SLOW_KILL_MS) {
            told_ms = now_ms;
            bf_error_log("steps_do_not_die", "seconds=%" PRId64, (now_ms - begin_ms) / 1000);
        }
        tell_supervisor(g);
        pause_ms(SWEEP_PAUSE_MS);
    }
}

static void fence(struct guardian *g, int64_t deadline_ms)
{
    bool again = deadline_ms == g->fenced_ms;
    if (!again) {
        g->fenced_ms = deadline_ms;
        atomic_fetch_add(&g->page->fences, 1);
    }
    kill_all(g, true);
    if (again)
        return;
    int64_t us = bf_boottime_us() - deadline_ms * 1000;
    atomic_store(&g->page->fence_last_us, us);
    if (us > atomic_load(&g->page->fence_worst_us))
        atomic_store(&g->page->fence_worst_us, us);
    bf_warn("fenced", "incarnation=%" PRIu64 " latency_us=%" PRId64, g->page->incarnation, us);
}

/* --- waiting ---------------------------------------------------------------------------------------------------------- */

static void arm(const struct guardian *g, int64_t at_ms)
{
    const struct itimerspec at = {.it_value = {.tv_sec = at_ms / 1000, .tv_nsec = (at_ms % 1000) * 1000000 + 1}};
    int rc = timerfd_settime(g->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    assert(rc == 0);
}

static void check_deadline(struct guardian *g)
{
    int64_t deadline_ms = atomic_load(&g->page->deadline_ms), now_ms = bf_boottime_ms();
    if (deadline_ms == INT64_MIN)
        return;                              /* no lease yet, so no steps; the agent wakes us at the first */
    if (deadline_ms <= now_ms) {
        fence(g, deadline_ms);
        deadline_ms = atomic_load(&g->page->deadline_ms);
    }
    arm(g, deadline_ms > now_ms ? deadline_ms : now_ms + RECHECK_MS);
}

/* The first SIGTERM or SIGINT lets the agent drain, the second ends all now. */
static void stop(struct guardian *g)
{
    g->stops++;
    bf_supervisor_stopping(g->supervisor);
    bf_info("stopping", "how=%s", g->stops == 1 ? "drain" : "now");
    if (g->agent > 0)
        kill(g->agent, g->stops == 1 ? SIGTERM : SIGKILL);
}

static void read_signals(struct guardian *g)
{
    struct signalfd_siginfo info;
    while (read(g->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            stop(g);
        else if (info.ssi_signo == SIGHUP && g->agent > 0)
            kill(g->agent, SIGHUP);          /* it reads its configuration again */
    reap(g);
}

static void drop_count(int fd)
{
    uint64_t count;
    (void)!read(fd, &count, sizeof count);
}

static void guard(struct guardian *g)
{
    while (g->agent > 0) {
        tell_supervisor(g);
        struct pollfd fds[] = {{g->signal_fd, POLLIN, 0}, {g->timer_fd, POLLIN, 0}, {g->page->wake_fd, POLLIN, 0}};
        if (poll(fds, 3, supervisor_ms(g)) < 0 && errno != EINTR)
            return;
        if (fds[1].revents)
            drop_count(g->timer_fd);
        if (fds[2].revents)
            drop_count(g->page->wake_fd);
        if (fds[1].revents || fds[2].revents)
            check_deadline(g);
        if (fds[0].revents)
            read_signals(g);
    }
}

/* --- starting --------------------------------------------------------------------------------------------------------- */

/* An agent whose guardian was killed holds the lock while it kills its steps. */
static enum bf_rc lock_folder(const char *state_dir, int *ret_fd, struct bf_error *err)
{
    int64_t until_ms = bf_boottime_ms() + LOCK_WAIT_MS;
    for (;;) {
        struct bf_error why = {0};
        enum bf_rc rc = state_lock(state_dir, ret_fd, &why);
        if (rc == BF_OK)
            return BF_OK;
        if (rc != BF_CONFLICT || bf_boottime_ms() >= until_ms) {
            if (err)
                *err = why;
            return rc;
        }
        pause_ms(LOCK_PAUSE_MS);
    }
}

static enum bf_rc clear_leftovers(struct guardian *g, struct bf_error *err)
{
    int64_t until_ms = bf_boottime_ms() + LEFTOVERS_MS;
    bool any = false;
    while (!cgroup_all_empty(g->cgroups)) {
        any = true;
        cgroup_kill_all(g->cgroups);
        if (bf_boottime_ms() >= until_ms)
            return bf_fail(err, BF_CONFLICT, "steps of an earlier agent do not die within %d s (%s); look for processes in state D",
                           LEFTOVERS_MS / 1000, cgroup_describe(g->cgroups));
        pause_ms(SWEEP_PAUSE_MS);
    }
    if (any)
        bf_warn("leftovers_killed", "cgroups=%s", cgroup_describe(g->cgroups));
    return BF_OK;
}

static enum bf_rc begin_life(struct guardian *g, uint64_t *ret_previous, struct bf_error *err)
{
    struct last_life last;
    char boot_id[37];
    enum agent_fence kind = cgroup_fence(g->cgroups);
    bf_boot_id(boot_id);
    if (state_read(g->setup->state_dir, &last, err) != BF_OK || clear_leftovers(g, err) != BF_OK)
        return err ? err->rc : BF_IO;
    *ret_previous = state_previous(&last, boot_id, kind == last.fence);
    g->page->incarnation = state_next_incarnation(&last, randombytes_random() | 1);
    g->speaks = *ret_previous != 0 || last.incarnation == 0;
    return state_write_begun(g->setup->state_dir, g->page->incarnation, kind, boot_id, err);
}

static enum bf_rc open_guardian(struct guardian *g, struct bf_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    g->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    g->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    g->self_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (g->signal_fd < 0 || g->timer_fd < 0 || g->self_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        return bf_fail_errno(err, BF_IO, errno, "the guardian cannot be set up");
    if (probe_page_make(&g->page, &g->page_fd, err) != BF_OK)
        return BF_IO;
    int64_t within_ms = bf_supervisor_beat_ms(g->supervisor) / 2;
    g->page->turn_within_ms = within_ms > 0 && within_ms < PROBE_TURN_MS ? within_ms : PROBE_TURN_MS;
    atomic_store(&g->page->deadline_ms, INT64_MIN);
    g->page->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (g->page->wake_fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "the guardian cannot be set up");
    return BF_OK;
}

static void close_guardian(struct guardian *g)
{
    if (g->page) {
        bf_close_cleanup(&g->page->wake_fd);
        munmap(g->page, sizeof *g->page);
    }
    bf_close_cleanup(&g->signal_fd);
    bf_close_cleanup(&g->timer_fd);
    bf_close_cleanup(&g->self_fd);
    bf_close_cleanup(&g->page_fd);
}

/* A probe, which may be of this user and without any right, finds the shared page among the guardian's descriptors (probe.h).  So the
 * guardian, unlike the agent, may be looked at, and has nothing to hide any more. */
static void be_seen(const struct guardian *g)
{
    if (g->setup->forget)
        g->setup->forget(g->setup->arg);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    (void)prctl(PR_SET_DUMPABLE, 1);
}

/* The guardian is still tiny here, so fork costs nothing. */
static enum bf_rc start_agent(struct guardian *g, uint64_t previous, int (*run)(const struct agent_start *, void *), void *arg,
                              struct bf_error *err)
{
    pid_t self = getpid(), pid = fork();
    if (pid < 0)
        return bf_fail_errno(err, BF_IO, errno, "the agent's process");
    if (pid > 0) {
        g->agent = pid;
        be_seen(g);
        return BF_OK;
    }
    /* Wakes a stopped agent; one that runs ignores it and sees the pidfd. */
    if (prctl(PR_SET_PDEATHSIG, SIGCONT, 0, 0, 0) != 0 || getppid() != self)
        _exit(1);
    close(g->signal_fd);
    close(g->timer_fd);
    close(g->page_fd);
    bf_supervisor_close(g->supervisor);
    const struct agent_start start = {.page = g->page, .cgroups = g->cgroups, .previous = previous, .guardian_fd = g->self_fd};
    exit(run(&start, arg));
}

/* 128 + signal for a crash, as shells have it; a stop by order counts as SIGTERM. */
static int exit_status(const struct guardian *g)
{
    if (WIFEXITED(g->agent_status))
        return WEXITSTATUS(g->agent_status);
    return 128 + (g->stops > 1 ? SIGTERM : WTERMSIG(g->agent_status));
}

static enum bf_rc end_life(struct guardian *g, struct bf_error *err)
{
    if (WIFSIGNALED(g->agent_status) && g->stops < 2)
        bf_error_log("agent_died", "signal=%s", sigabbrev_np(WTERMSIG(g->agent_status)));
    kill_all(g, false);
    return g->speaks ? state_write_ended(g->setup->state_dir, g->page->incarnation, err) : BF_OK;
}

enum bf_rc guardian_run(const struct guardian_setup *setup, int (*run)(const struct agent_start *start, void *arg), void *arg,
                        int *ret_status, struct bf_error *err)
{
    struct guardian g = {.setup = setup, .signal_fd = -1, .timer_fd = -1, .self_fd = -1, .page_fd = -1, .fenced_ms = INT64_MIN,
                         .supervisor = bf_supervisor_open()};
    BF_AUTO_CLOSE int lock_fd = -1;
    uint64_t previous = 0;
    enum bf_rc rc = lock_folder(setup->state_dir, &lock_fd, err);
    if (rc == BF_OK)
        rc = state_lock_sign(lock_fd, err);
    if (rc == BF_OK)
        rc = cgroup_open(setup->cgroup_mode, setup->name, setup->state_dir, &g.cgroups, err);
    if (rc == BF_OK)
        rc = open_guardian(&g, err);
    if (rc == BF_OK)
        rc = begin_life(&g, &previous, err);
    if (rc == BF_OK)
        rc = start_agent(&g, previous, run, arg, err);
    if (rc == BF_OK) {
        bf_info("guarding", "pid=%d incarnation=%" PRIu64 " previous=%" PRIu64 " cgroups=%s", g.agent, g.page->incarnation, previous,
                cgroup_describe(g.cgroups));
        guard(&g);
        rc = end_life(&g, err);
        *ret_status = exit_status(&g);
    }
    cgroup_close(g.cgroups);
    close_guardian(&g);
    bf_supervisor_close(g.supervisor);
    return rc;
}
