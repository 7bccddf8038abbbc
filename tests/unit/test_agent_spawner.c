/* Threads that start real processes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "agent/spawner.h"
#include "tests/support/dead_mount.h"

#define LIMIT_MS 20000

static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};

static struct spawn_job job_of(const char *program, const char *const *argv, int fd)
{
    return (struct spawn_job){.req = {.program = program, .path = "/bin", .argv = argv, .env = env, .in_fd = fd, .out_fd = fd, .err_fd = fd}};
}

static struct spawn_job *await(struct spawner *s)
{
    struct pollfd p = {spawner_fd(s), POLLIN, 0};
    struct spawn_job *job;
    while (!(job = spawner_done(s)))
        cr_assert_eq(poll(&p, 1, LIMIT_MS), 1, "nothing is done within %d ms", LIMIT_MS);
    return job;
}

static int null_fd(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    cr_assert_gt(fd, 2);
    return fd;
}

static int end_of(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0)
        cr_assert_eq(errno, EINTR);
    return status;
}

Test(agent_spawner, each_job_is_done_once_with_its_own_outcome)
{
    enum { JOBS = 200 };
    static const char *const yes[] = {"true", NULL}, *const no[] = {"none", NULL};
    struct spawner *s = spawner_new(3);
    struct spawn_job jobs[JOBS];
    bool seen[JOBS] = {0};
    int fd = null_fd();
    size_t n = 0;
    cr_assert_not_null(s);
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = i % 3 ? job_of("true", yes, fd) : job_of("/no/such/program", no, fd);
        cr_assert(spawner_add(s, &jobs[i]));
    }
    while (n < JOBS)
        for (struct spawn_job *j = await(s); j; j = spawner_done(s), n++) {
            size_t i = (size_t)(j - jobs);
            cr_assert(i < JOBS && !seen[i]);
            seen[i] = true;
            cr_assert_gt(j->began_us, 0);
            cr_assert_eq(j->errnum, i % 3 ? 0 : ENOENT);
            if (j->errnum == 0) {
                cr_assert_eq(end_of(j->process.pid), 0);
                close(j->process.pidfd);
            }
        }
    cr_expect_null(spawner_done(s));
    spawner_free(s);
    close(fd);
}

/* Of those that end while their thread starts others.  epoll_wait is not begun again by the kernel, not even after a signal that is
 * ignored. */
Test(agent_spawner, the_end_of_a_child_interrupts_nobody)
{
    enum { JOBS = 300 };
    static const char *const argv[] = {"true", NULL};
    static struct spawn_job jobs[JOBS];
    struct spawner *s = spawner_new(2);
    struct epoll_event ev = {.events = EPOLLIN};
    int fd = null_fd(), epoll_fd = epoll_create1(EPOLL_CLOEXEC), interrupted = 0;
    cr_assert_not_null(s);
    cr_assert_neq(signal(SIGCHLD, SIG_DFL), SIG_ERR);
    cr_assert_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, spawner_fd(s), &ev), 0);
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = job_of("/bin/true", argv, fd);
        cr_assert(spawner_add(s, &jobs[i]));
    }
    for (size_t n = 0; n < JOBS;) {
        interrupted += epoll_wait(epoll_fd, &ev, 1, LIMIT_MS) < 0;
        for (struct spawn_job *job; (job = spawner_done(s)) != NULL; n++)
            cr_assert_eq(job->errnum, 0);
    }
    cr_expect_eq(interrupted, 0, "%d times", interrupted);
    for (size_t i = 0; i < JOBS; i++)
        cr_assert_eq(end_of(jobs[i].process.pid), 0);
    spawner_free(s);
}

/* Its child waits to write into a full pipe, where it would join its control group, until somebody reads. */
struct held { int pipe[2]; };

static void hold(struct held *h, struct spawn_job *job)
{
    static const char page[4096];
    cr_assert_eq(pipe2(h->pipe, O_CLOEXEC | O_NONBLOCK), 0);
    while (write(h->pipe[1], page, sizeof page) > 0)
        ;
    cr_assert_eq(fcntl(h->pipe[1], F_SETFL, 0), 0);
    job->req.procs_fds = &h->pipe[1];
    job->req.n_procs_fds = 1;
}

/* Until the test has a child: it is under way. */
static void await_child(void)
{
    siginfo_t info;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        sched_yield();
}

static void let_go(struct held *h)
{
    static char page[4096];
    cr_assert_gt(read(h->pipe[0], page, sizeof page), 0);
}

Test(agent_spawner, a_start_that_hangs_holds_no_other_up)
{
    static const char *const argv[] = {"true", NULL};
    struct spawner *s = spawner_new(2);
    int fd = null_fd();
    struct spawn_job first = job_of("/bin/true", argv, fd), second = first;
    struct held held;
    cr_assert_not_null(s);
    hold(&held, &first);
    cr_assert(spawner_add(s, &first));
    cr_assert(spawner_add(s, &second));
    cr_assert_eq(await(s), &second);
    let_go(&held);
    cr_assert_eq(await(s), &first);
    cr_expect_eq(first.errnum, 0);
    cr_expect_eq(end_of(first.process.pid), 0);
    cr_expect_eq(end_of(second.process.pid), 0);
    spawner_free(s);
}

Test(agent_spawner, a_thread_more_begins_what_waits_behind_a_start_that_hangs)
{
    static const char *const argv[] = {"true", NULL};
    struct spawner *s = spawner_new(1);
    int fd = null_fd();
    struct spawn_job first = job_of("/bin/true", argv, fd), second = first, third = first;
    struct held held, also_held;
    cr_assert_not_null(s);
    hold(&held, &first);
    hold(&also_held, &second);
    cr_assert(spawner_add(s, &first));
    cr_assert(spawner_add(s, &second));
    cr_assert(spawner_add(s, &third));
    await_child();
    spawner_grow(s, 3);
    spawner_grow(s, 3);
    cr_assert_eq(await(s), &third);
    let_go(&held);
    cr_assert_eq(await(s), &first);
    let_go(&also_held);
    cr_assert_eq(await(s), &second);
    for (struct spawn_job *const all[] = {&first, &second, &third}, *const *j = all; j < all + 3; j++)
        cr_expect_eq(end_of((*j)->process.pid), 0);
    spawner_free(s);
}

/* Given up when it is under way, and while it waits for the thread. */
Test(agent_spawner, what_is_given_up_before_it_executes_never_does)
{
    static const char *const argv[] = {"true", NULL};
    struct spawner *s = spawner_new(1);
    int fd = null_fd();
    atomic_bool given_up = false;
    struct spawn_job other = job_of("/bin/true", argv, fd), first = other;
    first.req.given_up = &given_up;
    struct spawn_job second = first;
    struct held held;
    cr_assert_not_null(s);
    hold(&held, &first);
    cr_assert(spawner_add(s, &first));
    cr_assert(spawner_add(s, &second));
    cr_assert(spawner_add(s, &other));
    await_child();
    atomic_store(&given_up, true);
    let_go(&held);
    cr_assert_eq(await(s), &first);
    cr_assert_eq(await(s), &second);
    cr_expect(first.errnum == ECANCELED && second.errnum == ECANCELED, "%d, %d", first.errnum, second.errnum);
    cr_assert_eq(await(s), &other);
    cr_expect_eq(other.errnum, 0);
    cr_expect_eq(end_of(other.process.pid), 0);
    spawner_free(s);
}

Test(agent_spawner, what_waits_is_withdrawn_and_what_hangs_is_killed)
{
    static const char *const argv[] = {"true", NULL};
    struct spawner *s = spawner_new(1);
    int fd = null_fd();
    atomic_bool given_up = false;
    atomic_int pid = 0;
    struct spawn_job first = job_of("/bin/true", argv, fd), second = first;
    struct held held;
    first.req.given_up = &given_up;
    first.req.pid = &pid;
    cr_assert_not_null(s);
    hold(&held, &first);
    cr_assert(spawner_add(s, &first));
    cr_assert(spawner_add(s, &second));
    while (atomic_load(&pid) == 0 || getsid(atomic_load(&pid)) != atomic_load(&pid))
        sched_yield();                       /* what is given up before it has a session of its own ends by itself */
    cr_expect_not(spawner_withdraw(&first), "it was begun");
    cr_expect(spawner_withdraw(&second));
    cr_expect_not(spawner_withdraw(&second), "twice");
    atomic_store(&given_up, true);
    spawn_kill(&pid);
    cr_assert_eq(await(s), &first);
    cr_assert_eq(await(s), &second);
    cr_expect_eq(second.began_us, 0, "it was begun all the same");
    cr_assert_eq(first.errnum, 0);
    cr_expect_eq(end_of(first.process.pid), SIGKILL);
    spawner_free(s);
}

#ifdef __SANITIZE_ADDRESS__
/* Of the stack below the caller's frame, as deep as a child's. */
__attribute__((noinline, no_sanitize("address"))) static bool stack_is_clean(void)
{
    char below[80000];
    __asm__ volatile("" : : "r"(below) : "memory");
    return !__asan_region_is_poisoned(below + 256, sizeof below - 512);
}
#else
static bool stack_is_clean(void) { return true; }
#endif

static void *kill_what_hangs(void *arg)
{
    cr_assert(dead_await(LIMIT_MS));
    spawn_kill(arg);
    return NULL;
}

/* Where it looks for its program; the thread that started it goes on with its stack. */
Test(agent_spawner, what_is_killed_before_it_executes_leaves_nothing_on_the_stack)
{
    static const char *const argv[] = {"true", NULL};
    char away[] = "/tmp/bf-spawner-XXXXXX";
    atomic_int pid = 0;
    struct spawn_job job = job_of("true", argv, null_fd());
    pthread_t killer;
    cr_assert_not_null(mkdtemp(away));
    bool there = dead_mount(away);
    if (there) {
        job.req.path = away;
        job.req.pid = &pid;
        cr_assert_eq(pthread_create(&killer, NULL, kill_what_hangs, &pid), 0);
        spawn_job_run(&job);
        cr_assert_eq(pthread_join(killer, NULL), 0);
        cr_assert_eq(job.errnum, 0);
        cr_expect_eq(end_of(job.process.pid), SIGKILL);
        cr_expect(stack_is_clean());
        dead_unmount(away);
    }
    (void)rmdir(away);
    if (!there)
        cr_skip("no file system can be mounted here");
}

Test(agent_spawner, once_stopped_nothing_begins_and_what_is_under_way_is_told)
{
    static const char *const argv[] = {"true", NULL};
    struct spawner *s = spawner_new(1);
    int fd = null_fd();
    struct spawn_job other = job_of("/bin/true", argv, fd), first = other, second = other;
    struct held held;
    cr_assert_not_null(s);
    cr_assert(spawner_add(s, &other));
    cr_assert_eq(await(s), &other);
    cr_expect_eq(end_of(other.process.pid), 0);
    hold(&held, &first);
    cr_assert(spawner_add(s, &first));
    cr_assert(spawner_add(s, &second));
    await_child();
    cr_expect_not(spawner_stop(s), "the first is under way");
    let_go(&held);
    cr_assert_eq(await(s), &first);
    cr_expect(spawner_stop(s));
    cr_assert_eq(await(s), &second);
    cr_expect(second.errnum == ECANCELED && second.began_us == 0, "it was begun all the same");
    cr_expect_eq(end_of(first.process.pid), 0);
    spawner_free(s);
}
