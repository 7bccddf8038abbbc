/* See spawn.h.  The child's stack is a part of the caller's: CLONE_VFORK holds that thread until the child has executed or ended. */
#include "agent/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* clone by the name that the thread sanitizer does not take over: it holds what comes out of clone for a copy of the process, and marks the
 * thread, which here is the caller's own, as one whose locks it no longer sees. */
extern int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);

#define STACK_BYTES 65536u

struct job {
    const struct spawn_request *req;
    pid_t parent;
    int errnum;                              /* written by the child through the shared memory */
    const char *what;
};

/* Where its pid is read by others and where it is about to be reaped, after which it may be another process's. */
static pthread_mutex_t reaping = PTHREAD_MUTEX_INITIALIZER;

void spawn_kill(const atomic_int *pid)
{
    pthread_mutex_lock(&reaping);
    int now = atomic_load(pid);
    if (now > 0)
        (void)kill(now, SIGKILL);
    pthread_mutex_unlock(&reaping);
}

/* What runs in the child may end anywhere, by a SIGKILL too.  The sanitizers would count it as a call that never comes back, and its
 * variables as ones that whoever uses this stack next must not touch. */
#define IN_CHILD __attribute__((no_sanitize("thread"), no_sanitize("address")))

/* "DIR/name"; an empty DIR is the working folder.  false: too long. */
IN_CHILD static bool join(const char *dir, size_t n, const char *name, char *ret, size_t size)
{
    size_t len = strlen(name), head = n > 0 ? n : 1;
    if (head + 1 + len + 1 > size)
        return false;
    memcpy(ret, n > 0 ? dir : ".", head);
    ret[head] = '/';
    memcpy(ret + head + 1, name, len + 1);
    return true;
}

/* The program that a name means with this PATH: the name itself when it has a slash.  NULL with errno (ENOENT, EACCES). */
IN_CHILD static const char *find(const struct spawn_request *req, char *ret, size_t size)
{
    int errnum = ENOENT;
    if (!req->path || strchr(req->program, '/'))
        return req->program;
    for (const char *p = *req->program ? req->path : NULL; p; p = *p ? p + 1 : NULL) {
        size_t n = strcspn(p, ":");
        struct stat st;
        if (join(p, n, req->program, ret, size) && stat(ret, &st) == 0 && S_ISREG(st.st_mode)) {
            if (access(ret, X_OK) == 0)
                return ret;
            errnum = EACCES;
        }
        p += n;
    }
    errno = errnum;
    return NULL;
}

IN_CHILD static int fail(struct job *job, const char *what)
{
    job->errnum = errno;
    job->what = what;
    return 127;
}

IN_CHILD static bool past_deadline(const _Atomic int64_t *deadline_ms)
{
    struct timespec t;
    if (!deadline_ms)
        return false;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 >= atomic_load(deadline_ms);
}

IN_CHILD static bool given_up(const struct spawn_request *req)
{
    return req->given_up && atomic_load(req->given_up);
}

/* The kernel's own form: glibc's calls leave out signals 32 and 33, and a parent (make) may have had them ignored. */
struct kernel_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static uint64_t signal_bit(int sig) { return 1ull << (sig - 1); }

/* The signals that the agent ignores, as bits: the only dispositions that survive execve.  Looked up once; the agent sets its own
 * before its first spawn. */
static uint64_t ignored;

static void look_up_ignored(void)
{
    struct kernel_sigaction act;
    for (int sig = 1; sig < NSIG; sig++)
        if (syscall(SYS_rt_sigaction, sig, NULL, &act, sizeof act.mask) == 0 && act.handler == SIG_IGN)
            ignored |= signal_bit(sig);
}

IN_CHILD static void reset_signals(void)
{
    const struct kernel_sigaction act = {.handler = SIG_DFL};
    for (int sig = 1; sig < NSIG; sig++)
        if (ignored & signal_bit(sig))
            (void)syscall(SYS_rt_sigaction, sig, &act, NULL, sizeof act.mask);
}

IN_CHILD static bool give_up_rights(const struct spawn_request *req)
{
    return syscall(SYS_setgroups, 1, &req->gid) == 0 && syscall(SYS_setresgid, req->gid, req->gid, req->gid) == 0 &&
           syscall(SYS_setresuid, req->uid, req->uid, req->uid) == 0;
}

/* Runs on the agent's memory: nothing but system calls. */
IN_CHILD static int child(void *arg)
{
    struct job *job = arg;
    const struct spawn_request *req = job->req;
    char found[PATH_MAX];
    if (req->pid)
        atomic_store(req->pid, getpid());
    /* Looked at twice: what is given up before the pid is there is not killed. */
    errno = ECANCELED;
    if (given_up(req))
        return fail(job, "an order to end it");
    if (setsid() < 0)
        return fail(job, "a session of its own");
    for (size_t i = 0; i < req->n_procs_fds; i++)
        if (write(req->procs_fds[i], "0", 1) != 1)
            return fail(job, "joining its control group");
    reset_signals();
    if (syscall(SYS_dup3, req->in_fd, 0, 0) < 0 || syscall(SYS_dup3, req->out_fd, 1, 0) < 0 || syscall(SYS_dup3, req->err_fd, 2, 0) < 0)
        return fail(job, "its standard files");
    /* At once and not by execve: what follows may wait for a file server, and a copy of ours keeps a pipe open, or a closed socket watched. */
    if (syscall(SYS_close_range, 3u, ~0u, 0u) != 0 && errno != ENOSYS)
        return fail(job, "closing files");
    struct rlimit nofile;
    if (req->nofile_soft > 0 && getrlimit(RLIMIT_NOFILE, &nofile) == 0) {
        nofile.rlim_cur = req->nofile_soft < nofile.rlim_max ? req->nofile_soft : nofile.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &nofile);
    }
    if (req->no_core && setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) != 0)
        return fail(job, "refusing core files");
    if (req->switch_user && !give_up_rights(req))
        return fail(job, "changing to the user of steps");
    if (req->dir && chdir(req->dir) != 0)
        return fail(job, SPAWN_DIR);
    /* After the change of user, which would clear it.  A parent that died in between would never be noticed. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return fail(job, "its ties to the agent");
    errno = ESRCH;
    if (getppid() != job->parent)
        return fail(job, "its ties to the agent");
    const char *program = find(req, found, sizeof found);
    if (!program)
        return fail(job, SPAWN_EXECUTING);
    errno = ESTALE;
    if (past_deadline(req->deadline_ms))
        return fail(job, "the lease");
    errno = ECANCELED;
    if (given_up(req))
        return fail(job, "an order to end it");
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(program, (char *const *)(uintptr_t)req->argv, (char *const *)(uintptr_t)req->env);
    return fail(job, SPAWN_EXECUTING);
}

static void forget_pid(const struct spawn_request *req)
{
    pthread_mutex_lock(&reaping);
    if (req->pid)
        atomic_store(req->pid, 0);
    pthread_mutex_unlock(&reaping);
}

int spawn_process(const struct spawn_request *req, struct spawned *ret, const char **ret_what)
{
    _Alignas(16) char stack[STACK_BYTES];
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct job job = {.req = req, .parent = getpid()};
    sigset_t all, before;
    int pidfd = -1;
    pthread_once(&once, look_up_ignored);
    /* No handler of the agent may run in the child.  SIGCHLD has none; held back by the thread that a child was started by, it would be no
     * longer ignored, and interrupt what another thread is at. */
    sigfillset(&all);
    sigdelset(&all, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t pid = __clone(child, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &job, &pidfd);
    int errnum = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        *ret_what = "a new process";
        return errnum;
    }
    if (job.errnum != 0) {
        forget_pid(req);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        close(pidfd);
        *ret_what = job.what;
        return job.errnum;
    }
    *ret = (struct spawned){pid, pidfd};
    return 0;
}
