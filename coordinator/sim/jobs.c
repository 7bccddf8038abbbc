/* See jobs.h. */
#include "coordinator/sim/jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"

struct worker { pid_t pid; int pipe; };

struct jobs {
    struct jobs_settings settings;
    uint64_t next;                               /* seeds asked for so far */
    struct worker *workers;                      /* NULL: this process does it */
};

static void run_seed(const struct jobs_settings *s, uint64_t seed, struct seed_result *ret)
{
    struct sim_options o = s->sim;
    memset(ret, 0, sizeof *ret);                 /* also what lies between the fields: it goes through a pipe */
    ret->seed = o.seed = seed;
    o.coverage = s->coverage ? &ret->coverage : NULL;
    ret->clean = sim_run(&o, &ret->stats, ret->violation);
}

/* ---- a worker ---- */

static bool write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

static _Noreturn void work(const struct jobs_settings *s, uint32_t k, int fd)
{
    struct seed_result *r = bf_xcalloc(1, sizeof *r);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);                     /* of a terminal: whoever reads decides when it is over */
    for (uint64_t i = k; s->count == 0 || i < s->count; i += s->jobs) {
        run_seed(s, s->first + i, r);
        if (s->sim.trace)
            fflush(s->sim.trace);
        if (!write_all(fd, r, sizeof *r))
            break;
    }
    _exit(0);
}

static enum bf_rc start_worker(struct jobs *j, uint32_t k, struct bf_error *err)
{
    int ends[2];
    if (pipe(ends) < 0)
        return bf_fail_errno(err, BF_IO, errno, "no pipe for a worker can be made");
    pid_t pid = fork();
    if (pid == 0) {
        for (uint32_t i = 0; i < k; i++)
            close(j->workers[i].pipe);
        close(ends[0]);
        work(&j->settings, k, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return bf_fail_errno(err, BF_IO, errno, "no worker can be started");
    }
    j->workers[k] = (struct worker){pid, ends[0]};
    return BF_OK;
}

/* ---- the reader ---- */

enum bf_rc jobs_start(const struct jobs_settings *s, struct jobs **ret, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    struct jobs *j = bf_xcalloc(1, sizeof *j);
    j->settings = *s;
    if (s->jobs > 1)
        j->workers = bf_xcalloc(s->jobs, sizeof *j->workers);
    for (uint32_t k = 0; j->workers && k < s->jobs && rc == BF_OK; k++)
        rc = start_worker(j, k, err);
    if (rc == BF_OK)
        *ret = j;
    else
        jobs_free(j);
    return rc;
}

/* It died at this seed: say how. */
static void tell_death(struct worker *w, uint64_t seed, struct seed_result *ret)
{
    int status = 0;
    memset(ret, 0, sizeof *ret);
    ret->seed = seed;
    ret->stats.violations = 1;
    waitpid(w->pid, &status, 0);
    w->pid = 0;
    if (WIFSIGNALED(status))
        snprintf(ret->violation, sizeof ret->violation, "abort: the process ended with signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(ret->violation, sizeof ret->violation, "abort: the process ended with status %d", WEXITSTATUS(status));
}

static enum bf_rc read_result(struct worker *w, uint64_t seed, struct seed_result *ret, struct bf_error *err)
{
    for (size_t have = 0; have < sizeof *ret;) {
        ssize_t n = read(w->pipe, (char *)ret + have, sizeof *ret - have);
        if (n < 0)
            return bf_fail_errno(err, BF_IO, errno, "the results of seed %llu cannot be read", (unsigned long long)seed);
        if (n == 0) {
            tell_death(w, seed, ret);
            return BF_OK;
        }
        have += (size_t)n;
    }
    return BF_OK;
}

enum bf_rc jobs_next(struct jobs *j, struct seed_result *ret, struct bf_error *err)
{
    uint64_t seed = j->settings.first + j->next;
    uint64_t turn = j->next++;
    if (j->workers)
        return read_result(&j->workers[turn % j->settings.jobs], seed, ret, err);
    run_seed(&j->settings, seed, ret);
    return BF_OK;
}

static void workers_done(struct jobs *j)
{
    for (uint32_t k = 0; j->workers && k < j->settings.jobs; k++) {
        if (j->workers[k].pid > 0)
            kill(j->workers[k].pid, SIGKILL);
        if (j->workers[k].pid > 0)
            waitpid(j->workers[k].pid, NULL, 0);
        if (j->workers[k].pipe > 0)
            close(j->workers[k].pipe);
    }
    free(j->workers);
}

void jobs_free(struct jobs *j)
{
    if (!j)
        return;
    workers_done(j);
    free(j);
}

enum bf_rc jobs_try(const struct sim_options *o, struct seed_result *ret, struct bf_error *err)
{
    struct jobs_settings s = {.sim = *o, .first = o->seed, .count = 1, .jobs = 1};
    struct jobs j = {.settings = s, .workers = bf_xcalloc(1, sizeof *j.workers)};
    enum bf_rc rc = start_worker(&j, 0, err);
    if (rc == BF_OK)
        rc = read_result(&j.workers[0], o->seed, ret, err);
    workers_done(&j);
    return rc;
}
