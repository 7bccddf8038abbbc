/* See runner.h.
 *
 *     STARTING (being spawned) -> ALIVE (leader runs) -> SWEEPING (leader reaped, others are being killed) -> GONE (told; freed at the end
 *       ^                                                  |                                                   of the turn)
 *       |___ (its end is known, and it left a session: ____|
 *             a helper closes it)
 *
 * The end of an attempt is told once its leader is reaped and its control group is empty (without one: a walk of /proc finds
 * nothing).  Children that a step leaves behind die with it.  A session that an SQL step left at its server is ended before the end is told,
 * by a helper that is run, watched and killed as the step was, for a bounded time (ending.h).  That wait is cut short by an order to kill, and
 * does not begin without a lease: no fence waits for a server.  Pipes are read dry before the end is told, so that the last words of
 * standard error stand in the outcome. */
#include "agent/runner.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/ending.h"
#include "agent/prober.h"
#include "agent/proctree.h"
#include "agent/start.h"
#include "agent/usage.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"

#define TAIL_BYTES 2048u
#define LAST_READS 64u                       /* more than a pipe holds: a writer that got away does not hold the agent */
#define SWEEP_FIRST_MS 1
#define MEMORY_LEAST (UINT64_C(4) << 20)
#define POLL_MS 20                           /* between looks at what epoll does not watch */
#define SAMPLE_MS 500                        /* between looks at what attempts without a control group hold */
#define SWEEP_MOST_MS 50
#define START_WAIT_MS 1000                   /* a start that waits longer for a thread gets another one */
#define START_LONG_MS 10000                  /* one that takes longer is told */
#define NO_LEADER (-1)

enum run_state { RUN_STARTING, RUN_ALIVE, RUN_SWEEPING, RUN_GONE };

struct run {
    struct runner *runner;
    struct attempt_ref ref;
    enum run_state state;
    struct start *start;                     /* while it is STARTING */
    int signal_wanted;                       /* meanwhile; 0: none */
    struct spawned process;
    struct cgroup_leaf *leaf;                /* NULL: weak fence */
    struct source leader, streams[2];        /* stdout, stderr */
    int fds[2];                              /* read ends; -1: closed */
    bool watched[2];
    bool polled;                             /* nothing wakes us for it (epoll took no more): it is looked at now and then */
    struct step_log *log;                    /* NULL: logs go nowhere */
    char tail[TAIL_BYTES];                   /* the end of standard error */
    size_t tail_len;
    char *result_path;
    int64_t begin_us;
    uint64_t fences;                         /* of the page, when it was started */
    int status;
    struct rusage rusage;
    int64_t sweep_at_ms, sweep_wait_ms;
    enum step_kind kind;
    const struct assignment *assignment;     /* of whoever started it, until the end is told */
    struct ending *ending;                   /* its end is known, and what runs closes its session; NULL: it does its work */
    struct cgroup_limits limits;             /* those that its host enforces */
    struct proctree_hold most;               /* without a control group: the most that was seen */
};

struct runner {
    struct runner_setup setup;
    BF_VEC_TYPE(struct run *) runs;
    struct bf_map by_attempt;                /* attempt -> index in runs */
    int null_fd;
    struct spawner *spawner;                 /* NULL: the caller's own thread */
    struct spawn_job *begun;                 /* without it: not told yet */
    struct source spawned;
    int64_t sample_at_ms;                    /* INT64_MAX: nothing is to be looked at */
    uint8_t chunk[LOGSHIP_CHUNK_BYTES];
};

struct runner *runner_new(const struct runner_setup *setup)
{
    struct runner *r = bf_xcalloc(1, sizeof *r);
    r->setup = *setup;
    r->sample_at_ms = INT64_MAX;
    r->null_fd = child_null();              /* -1: tried again when a step begins */
    r->spawned = (struct source){SOURCE_SPAWNER, r};
    r->spawner = setup->n_spawners > 0 ? spawner_new(setup->n_spawners) : NULL;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &r->spawned};
    if (r->spawner && epoll_ctl(setup->epoll_fd, EPOLL_CTL_ADD, spawner_fd(r->spawner), &ev) != 0) {
        spawner_free(r->spawner);
        r->spawner = NULL;
    }
    return r;
}

void runner_free(struct runner *r)
{
    if (!r)
        return;
    assert(r->runs.n == 0);
    spawner_free(r->spawner);
    bf_close_cleanup(&r->null_fd);
    bf_vec_free(&r->runs);
    bf_map_free(&r->by_attempt);
    free(r);
}

static struct run *find(const struct runner *r, struct attempt_ref ref)
{
    uint64_t index;
    if (!bf_map_get(&r->by_attempt, ref.attempt, &index))
        return NULL;
    struct run *run = r->runs.at[index];
    return run->ref.token == ref.token && run->state != RUN_GONE ? run : NULL;
}

/* --- pipes ------------------------------------------------------------------------------------------------------------ */

static void watch(struct run *run, size_t i, bool on)
{
    if (run->fds[i] < 0 || run->watched[i] == on)
        return;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &run->streams[i]};
    if (epoll_ctl(run->runner->setup.epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, run->fds[i], &ev) == 0)
        run->watched[i] = on;
}

static void close_stream(struct run *run, size_t i)
{
    watch(run, i, false);
    bf_close_cleanup(&run->fds[i]);
    run->fds[i] = -1;
}

static void keep_tail(struct run *run, const uint8_t *p, size_t n)
{
    if (n >= TAIL_BYTES) {
        memcpy(run->tail, p + n - TAIL_BYTES, TAIL_BYTES);
        run->tail_len = TAIL_BYTES;
        return;
    }
    size_t kept = run->tail_len + n > TAIL_BYTES ? TAIL_BYTES - n : run->tail_len;
    memmove(run->tail, run->tail + run->tail_len - kept, kept);
    memcpy(run->tail + kept, p, n);
    run->tail_len = kept + n;
}

/* One read.  false: nothing now, or closed. */
static bool read_stream(struct run *run, size_t i)
{
    uint8_t *chunk = run->runner->chunk;
    ssize_t n = run->fds[i] < 0 ? -1 : read(run->fds[i], chunk, LOGSHIP_CHUNK_BYTES);
    if (n < 0) {
        if (run->fds[i] >= 0 && errno != EAGAIN && errno != EINTR)
            close_stream(run, i);
        return false;
    }
    if (n == 0) {
        close_stream(run, i);
        return false;
    }
    if (i == 1)
        keep_tail(run, chunk, (size_t)n);
    if (run->log) {
        step_log_write(run->log, (uint8_t)(i + 1), chunk, (size_t)n, bf_realtime_us(), bf_boottime_ms());
        if (!step_log_has_room(run->log))
            for (size_t k = 0; k < 2; k++)
                watch(run, k, false);
    }
    return true;
}

void runner_room(void *owner)
{
    struct run *run = owner;
    for (size_t i = 0; i < 2; i++)
        watch(run, i, true);
}

/* --- starting --------------------------------------------------------------------------------------------------------- */

/* A child that joins its group is still on the agent's memory.  If its arguments had no room there, the kernel would kill all that share
 * that memory, the agent too: so there is room for them. */
static uint64_t memory_limit(const struct assignment *a)
{
    return a->limits.memory_bytes > 0 && a->limits.memory_bytes < MEMORY_LEAST ? MEMORY_LEAST : a->limits.memory_bytes;
}

static struct cgroup_limits enforced_limits(const struct runner *r, const struct assignment *a)
{
    uint32_t bits = cgroup_enforces(r->setup.cgroups);
    return (struct cgroup_limits){
        .cpu_milli = bits & HOST_CPU && a->limits.cpu_milli < r->setup.cpu_milli ? a->limits.cpu_milli : 0,
        .memory_bytes = bits & HOST_MEMORY ? memory_limit(a) : 0, .io_bytes_s = bits & HOST_IO ? a->limits.io_bytes_s : 0,
        .pids = bits & HOST_PIDS ? (uint64_t)r->setup.config->step_pids : 0};
}

static struct run *new_run(struct runner *r, const struct assignment *a)
{
    struct run *run = bf_xcalloc(1, sizeof *run);
    run->runner = r;
    run->ref = a->ref;
    run->kind = a->kind;
    run->assignment = a;
    run->leader = (struct source){SOURCE_LEADER, run};
    run->streams[0] = (struct source){SOURCE_STDOUT, run};
    run->streams[1] = (struct source){SOURCE_STDERR, run};
    run->fds[0] = run->fds[1] = -1;
    run->sweep_at_ms = INT64_MAX;
    run->fences = atomic_load(&r->setup.page->fences);
    run->limits = enforced_limits(r, a);
    run->result_path = bf_xasprintf("%s/%" PRIu64 "-%" PRIu64, r->setup.result_dir, a->ref.attempt, a->ref.token);
    return run;
}

static void free_run(struct run *run)
{
    cgroup_give(run->runner->setup.cgroups, run->leaf);
    ending_free(run->ending);
    free(run->result_path);
    free(run);
}

/* A limit that is asked for and not enforced is said where the step's words are. */
static void tell_unenforced(struct run *run, const struct assignment *a)
{
    uint32_t bits = cgroup_enforces(run->runner->setup.cgroups);
    const struct { const char *name; uint64_t asked; uint32_t bit; } all[] = {
        {"cpu", a->limits.cpu_milli, HOST_CPU}, {"memory", a->limits.memory_bytes, HOST_MEMORY}, {"io", a->limits.io_bytes_s, HOST_IO}};
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    for (size_t i = 0; run->log && i < sizeof all / sizeof all[0]; i++)
        if (all[i].asked > 0 && !(bits & all[i].bit))
            bf_buf_printf(&text, "its limit of %s is not enforced on this host, only measured\n", all[i].name);
    if (text.len > 0)
        step_log_write(run->log, 3, text.data, text.len, bf_realtime_us(), bf_boottime_ms());
}

/* To its process and its pipes. */
static void listen_to(struct run *run, struct child_pipes *pipes)
{
    struct runner *r = run->runner;
    for (size_t i = 0; i < 2; i++) {
        run->fds[i] = pipes->read[i];
        pipes->read[i] = -1;
    }
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &run->leader};
    bool watched = epoll_ctl(r->setup.epoll_fd, EPOLL_CTL_ADD, run->process.pidfd, &ev) == 0;
    for (size_t i = 0; i < 2; i++) {
        watch(run, i, true);
        watched = watched && run->watched[i];
    }
    run->polled = !watched;                      /* it runs: what it does must be seen all the same */
    if (run->polled)
        run->sweep_at_ms = bf_boottime_ms() + POLL_MS;
}

/* Its first process executes. */
static void started(struct run *run)
{
    struct runner *r = run->runner;
    run->begin_us = run->start->job.began_us;
    if (r->setup.logs)
        run->log = step_log_new(r->setup.logs, run->ref, run);
    listen_to(run, &run->start->pipes);
    if (!run->leaf && r->sample_at_ms == INT64_MAX)
        r->sample_at_ms = bf_boottime_ms() + SAMPLE_MS;
    tell_unenforced(run, run->assignment);
    r->setup.started(r->setup.arg, run->ref, run->start->job.executed_us);
}

static void failed(struct run *run, const char *text)
{
    struct runner *r = run->runner;
    struct verdict why;
    verdict_of_spawn(run->start->job.errnum, text, &why);
    if (run->start->job.errnum == ESTALE)
        why.outcome.source = OUTCOME_FENCED;
    run->state = RUN_GONE;
    r->setup.failed(r->setup.arg, run->assignment, &why.outcome);
}

static struct start_of start_of(const struct run *run)
{
    const struct runner *r = run->runner;
    return (struct start_of){.setup = &r->setup, .assignment = run->assignment, .result_path = run->result_path,
                             .close_ms = run->ending ? run->ending->wait_ms : 0, .null_fd = r->null_fd};
}

static void tell_next_turn(struct run *run)
{
    run->start->job.next = run->runner->begun;
    run->runner->begun = &run->start->job;
}

/* What is done here and now, or cannot be done at all, is told with the next turn. */
static void begin(struct run *run)
{
    struct runner *r = run->runner;
    if (r->null_fd < 0)
        r->null_fd = child_null();
    const struct start_of of = start_of(run);
    run->state = RUN_STARTING;
    run->sweep_wait_ms = START_WAIT_MS;
    run->sweep_at_ms = bf_boottime_ms() + run->sweep_wait_ms;
    run->start = start_new(&of);
    run->start->job.owner = run;
    if (!start_begin(run->start, r->setup.cgroups, &run->limits, r->spawner, &run->leaf))
        tell_next_turn(run);
}

void runner_start(struct runner *r, const struct assignment *a)
{
    struct run *run = new_run(r, a);
    bf_map_put(&r->by_attempt, run->ref.attempt, r->runs.n);
    bf_vec_push(&r->runs, run);
    begin(run);
}

/* --- killing and ending ----------------------------------------------------------------------------------------------- */

/* What does not execute by now never does: it may have waited for a thread beyond the lease, and its work be with another agent.  One that
 * still waits has ended: the threads may hang in other starts for as long as a file server is away. */
static void give_up(struct run *run, int signal)
{
    run->signal_wanted = signal;
    if (start_give_up(run->start))
        tell_next_turn(run);
}

void runner_term(struct runner *r, struct attempt_ref ref)
{
    struct run *run = find(r, ref);
    if (run && run->state == RUN_STARTING && run->signal_wanted == 0 && !run->ending)
        give_up(run, SIGTERM);
    else if (run && run->state == RUN_ALIVE && !run->ending)
        (void)syscall(SYS_pidfd_send_signal, run->process.pidfd, SIGTERM, NULL, 0u);
}

/* Kill what is there now.  true: nothing was left. */
static bool sweep(struct run *run)
{
    if (run->leaf) {
        if (run->state != RUN_ALIVE && cgroup_leaf_empty(run->leaf))
            return true;
        cgroup_leaf_kill(run->leaf);
        return false;
    }
    const struct proctree_attempt one = {run->process.pid, run->ref};
    return proctree_kill_attempts(&one, 1, getppid()) == 0;
}

static void kill_all_of(struct run *run)
{
    if (run->state == RUN_STARTING) {        /* its process dies at once; what that has left too, in its group, and else when it is known */
        give_up(run, SIGKILL);
        spawn_kill(&run->start->pid);
        if (run->leaf)
            cgroup_leaf_kill(run->leaf);
        return;
    }
    if (run->state == RUN_ALIVE)
        (void)syscall(SYS_pidfd_send_signal, run->process.pidfd, SIGKILL, NULL, 0u);
    (void)sweep(run);
}

void runner_kill(struct runner *r, struct attempt_ref ref)
{
    struct run *run = find(r, ref);
    if (!run)
        return;
    if (run->ending)
        run->ending->cut = atomic_load(&r->setup.page->deadline_ms) <= bf_boottime_ms()
                           ? "the wait for it was cut short, because the lease of the agent ran out"
                           : "the wait for it was cut short, because the coordinator had given the attempt up";
    kill_all_of(run);
}

/* Those without a control group, by their processes.  Of one that is being started nobody knows that yet, so it leads no session; but it may
 * execute, and have left some that carry its token. */
static size_t weak_attempts(const struct runner *r, struct proctree_attempt *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < r->runs.n; i++) {
        const struct run *run = r->runs.at[i];
        if (!run->leaf)
            ret[n++] = (struct proctree_attempt){run->state == RUN_STARTING ? NO_LEADER : run->process.pid, run->ref};
    }
    return n;
}

/* true: nothing was left.  Orphans went to whoever is the agent's parent now. */
static bool end_pass(const struct runner *r, const struct prober *also, struct proctree_attempt *weak)
{
    bool steps_still = !r->spawner || spawner_stop(r->spawner), still = (!also || prober_stop(also)) && steps_still;
    bool empty = cgroup_all_empty(r->setup.cgroups);
    size_t n_weak = weak_attempts(r, weak), n;
    if (!empty)
        cgroup_kill_all(r->setup.cgroups);
    n = proctree_kill_descendants(getpid(), 0);
    if (n_weak > 0)
        n += proctree_kill_attempts(weak, n_weak, getppid());
    return still && empty && n == 0;
}

bool runner_end_all(struct runner *r, const struct prober *also, int64_t limit_ms)
{
    BF_AUTO_FREE struct proctree_attempt *weak = bf_xcalloc(r->runs.n + 1, sizeof *weak);
    int64_t until_ms = bf_boottime_ms() + limit_ms;
    while (!end_pass(r, also, weak)) {
        if (bf_boottime_ms() >= until_ms)
            return false;
        (void)poll(NULL, 0, SWEEP_FIRST_MS);
    }
    return true;
}

size_t runner_n_runs(const struct runner *r)
{
    return r->runs.n;
}

/* What the kernel said of its limits, also as remarks for its log: a step that coped with it, or was ended for another reason, has its
 * cause there. */
static struct verdict_limits limits_told(const struct run *run, const struct cgroup_meters *m, struct bf_buf *remarks)
{
    if (m->oom_kills > 0)
        bf_buf_printf(remarks, "the kernel killed %" PRIu64 " of its processes for want of memory\n", m->oom_kills);
    if (m->pids_hits > 0)
        bf_buf_printf(remarks, "it reached its limit of %" PRIu64 " processes: %" PRIu64 " more were refused (step_pids of the agent)\n",
                      run->limits.pids, m->pids_hits);
    return (struct verdict_limits){
        .oom = m->oom_kills > 0, .own = run->limits.memory_bytes > 0 && m->memory_hits > 0, .memory_bytes = run->limits.memory_bytes,
        .peak_bytes = m->peak_bytes > 0 ? (uint64_t)m->peak_bytes : 0, .host_bytes = run->runner->setup.memory_bytes,
        .pids = run->limits.pids, .pids_hits = m->pids_hits};
}

static void drain(struct run *run)
{
    for (size_t i = 0; i < 2; i++) {
        for (size_t n = 0; n < LAST_READS && read_stream(run, i); n++)
            ;
        close_stream(run, i);
    }
}

/* What the end of the attempt's own process means. */
static struct ending *judge(struct run *run)
{
    struct runner *r = run->runner;
    struct step_result result;
    struct cgroup_meters meters;
    struct verdict_limits limits = {0};
    struct bf_buf remarks = {0};
    result_take(run->result_path, run->kind, &result, &remarks);
    if (run->leaf) {
        cgroup_leaf_meters(run->leaf, &meters);
        limits = limits_told(run, &meters, &remarks);
    }
    struct ending *e = ending_new(run->status, &result, run->tail, run->tail_len, &limits);
    e->remarks = remarks;
    if (e->verdict.outcome.source == OUTCOME_SIGNAL && atomic_load(&r->setup.page->fences) != run->fences) {
        e->verdict.outcome.source = OUTCOME_FENCED;
        snprintf(e->verdict.text, sizeof e->verdict.text, "fenced: the guardian killed it when the lease ran out");
    }
    struct attempt_usage *usage = &e->verdict.outcome.usage;
    usage_of(r->setup.cgroups, run->leaf ? &meters : NULL, &run->rusage, bf_boottime_us() - run->begin_us, usage);
    if (run->most.rss_bytes > usage->peak_memory_bytes)
        usage->peak_memory_bytes = run->most.rss_bytes;
    if (!run->leaf)
        usage->peak_pids = run->most.threads;
    result_done(&result);
    return e;
}

static void tell_end(struct run *run)
{
    struct runner *r = run->runner;
    struct ending *e = run->ending;
    if (run->log) {
        if (e->remarks.len > 0)
            step_log_write(run->log, 3, e->remarks.data, e->remarks.len, bf_realtime_us(), bf_boottime_ms());
        step_log_end(run->log, bf_boottime_ms());
        run->log = NULL;
    }
    run->state = RUN_GONE;
    run->sweep_at_ms = INT64_MAX;
    r->setup.ended(r->setup.arg, run->ref, &e->verdict.outcome, e->note, bf_realtime_us());
}

/* A leaf without the limits of the step: it may have died of them.  false: it is not even tried, and the ending says so. */
static bool begin_closing(struct run *run)
{
    struct runner *r = run->runner;
    struct ending *e = run->ending;
    if (e->verdict.outcome.source == OUTCOME_FENCED || atomic_load(&r->setup.page->deadline_ms) <= bf_boottime_ms()) {
        ending_session_assumed_gone(e, "nobody looked for it, because the lease of the agent had run out");
        return false;
    }
    cgroup_give(r->setup.cgroups, run->leaf);
    run->leaf = NULL;
    run->limits = (struct cgroup_limits){.pids = run->limits.pids};
    e->wait_ms = r->setup.config->session_wait_ms;
    e->until_ms = bf_boottime_ms() + e->wait_ms;
    begin(run);
    return true;
}

static void closing(struct run *run)
{
    struct ending *e = run->ending;
    e->began_ms = bf_boottime_ms();
    e->until_ms = e->began_ms + e->wait_ms;
    listen_to(run, &run->start->pipes);
    run->runner->setup.closing(run->runner->setup.arg, run->ref);
}

static void closing_failed(struct run *run, const char *text)
{
    ending_session_assumed_gone(run->ending, run->ending->cut ? run->ending->cut : text);
    tell_end(run);
}

/* Its start is done: what was asked for meanwhile is asked of its process now. */
static void take_start(struct run *run)
{
    const struct start_of of = start_of(run);
    int signal_wanted = run->signal_wanted;
    char text[OUTCOME_TEXT_MAX];
    bool runs = run->start->job.errnum == 0;
    run->signal_wanted = 0;
    if (runs) {
        run->process = run->start->job.process;
        run->state = RUN_ALIVE;
        run->sweep_at_ms = INT64_MAX;
        (run->ending ? closing : started)(run);
    } else {
        start_explain(run->start, &of, text, sizeof text);
        (run->ending ? closing_failed : failed)(run, text);
    }
    start_free(BF_TAKE(run->start));
    if (runs && signal_wanted == SIGKILL)
        kill_all_of(run);
    else if (runs && signal_wanted == SIGTERM)
        (void)syscall(SYS_pidfd_send_signal, run->process.pidfd, SIGTERM, NULL, 0u);
}

/* Nothing of what ran is left. */
static void take_end(struct run *run)
{
    drain(run);
    if (run->ending) {
        struct step_result said;
        result_take(run->result_path, run->kind, &said, &run->ending->remarks);
        ending_session_told(run->ending, &said);
        result_done(&said);
        tell_end(run);
        return;
    }
    run->ending = judge(run);
    if (!run->ending->session_open || !begin_closing(run))
        tell_end(run);
}

static void try_end(struct run *run, int64_t now_ms)
{
    if (sweep(run)) {
        take_end(run);
        return;
    }
    run->sweep_at_ms = now_ms + run->sweep_wait_ms;
    if (run->sweep_wait_ms < SWEEP_MOST_MS)
        run->sweep_wait_ms *= 2;
}

static void reap(struct run *run)
{
    pid_t pid = wait4(run->process.pid, &run->status, WNOHANG, &run->rusage);
    if (pid == 0 || (pid < 0 && errno == EINTR))
        return;
    assert(pid == run->process.pid);
    /* Closing alone would not take it out of epoll: a child that was just spawned wakes us before it has closed its copies. */
    (void)epoll_ctl(run->runner->setup.epoll_fd, EPOLL_CTL_DEL, run->process.pidfd, NULL);
    close(run->process.pidfd);
    run->process.pidfd = -1;
    run->state = RUN_SWEEPING;
    run->sweep_wait_ms = SWEEP_FIRST_MS;
    try_end(run, bf_boottime_ms());
}

/* As its events would have it: what it says while there is room for that, and its end. */
static void look_at(struct run *run, int64_t now_ms)
{
    run->sweep_at_ms = now_ms + POLL_MS;
    for (size_t i = 0; i < 2; i++)
        for (size_t n = 0; n < LAST_READS && (!run->log || step_log_has_room(run->log)) && read_stream(run, i); n++)
            ;
    reap(run);
}

void runner_event(struct runner *r, const struct source *s)
{
    if (s->kind == SOURCE_SPAWNER) {
        for (struct spawn_job *job; (job = spawner_done(r->spawner)) != NULL;)
            if (start_back(job))
                take_start(job->owner);
        return;
    }
    struct run *run = s->owner;
    assert(run->runner == r);
    if (run->state == RUN_GONE)
        return;                              /* an event of the same turn, after its end */
    if (s->kind == SOURCE_LEADER && run->state == RUN_ALIVE)
        reap(run);
    else if (s->kind == SOURCE_STDOUT || s->kind == SOURCE_STDERR)
        (void)read_stream(run, s->kind == SOURCE_STDERR);
}

static void remove_run(struct runner *r, size_t i)
{
    struct run *run = r->runs.at[i];
    bf_map_del(&r->by_attempt, run->ref.attempt);
    struct run *moved = r->runs.at[--r->runs.n];
    if (moved != run) {
        r->runs.at[i] = moved;
        bf_map_put(&r->by_attempt, moved->ref.attempt, i);
    }
    free_run(run);
}

/* It holds its thread.  Where all threads are held so, those that wait would stand still with it: there is one more then for each of them. */
static void look_at_start(struct run *run, int64_t now_ms)
{
    struct runner *r = run->runner;
    if (run->sweep_wait_ms == START_WAIT_MS) {
        if (r->spawner && !atomic_load(&run->start->job.taken))
            spawner_grow(r->spawner, (unsigned)r->runs.n);
        run->sweep_wait_ms = START_LONG_MS - START_WAIT_MS;
        run->sweep_at_ms = now_ms + run->sweep_wait_ms;
        return;
    }
    run->sweep_at_ms = INT64_MAX;
    bf_warn("start_hangs", "attempt=%" PRIu64 " step=%s text=\"its program is not executed yet: the file system of it, or of "
            "its secrets, does not answer, or other starts hold all threads for it\"", run->ref.attempt, bf_log_quote(run->assignment->step));
}

/* Without control groups peaks are what is seen now and then. */
static void sample(struct runner *r, int64_t now_ms)
{
    BF_AUTO_FREE struct proctree_attempt *weak = bf_xcalloc(r->runs.n + 1, sizeof *weak);
    BF_AUTO_FREE struct proctree_hold *holds = bf_xcalloc(r->runs.n + 1, sizeof *holds);
    size_t n = weak_attempts(r, weak), k = 0;
    r->sample_at_ms = n > 0 ? now_ms + SAMPLE_MS : INT64_MAX;
    if (n == 0)
        return;
    proctree_measure(weak, n, holds);
    for (size_t i = 0; i < r->runs.n; i++) {
        struct run *run = r->runs.at[i];
        if (run->leaf)
            continue;
        const struct proctree_hold *now = &holds[k++];
        run->most.rss_bytes = now->rss_bytes > run->most.rss_bytes ? now->rss_bytes : run->most.rss_bytes;
        run->most.threads = now->threads > run->most.threads ? now->threads : run->most.threads;
    }
}

void runner_run(struct runner *r, int64_t now_ms)
{
    for (struct spawn_job *job; (job = r->begun) != NULL;) {
        r->begun = job->next;
        take_start(job->owner);
    }
    if (r->sample_at_ms <= now_ms)
        sample(r, now_ms);
    for (size_t i = r->runs.n; i-- > 0;) {
        struct run *run = r->runs.at[i];
        if (run->ending && run->ending->until_ms <= now_ms && (run->state == RUN_ALIVE || run->state == RUN_STARTING)) {
            kill_all_of(run);                /* what it said last tells why */
            run->ending->until_ms = INT64_MAX;
        }
        if (run->state == RUN_ALIVE && run->polled && run->sweep_at_ms <= now_ms)
            look_at(run, now_ms);
        else if (run->state == RUN_SWEEPING && run->sweep_at_ms <= now_ms)
            try_end(run, now_ms);
        else if (run->state == RUN_STARTING && run->sweep_at_ms <= now_ms)
            look_at_start(run, now_ms);
        if (run->state == RUN_GONE)
            remove_run(r, i);
    }
}

int64_t runner_next_ms(const struct runner *r)
{
    int64_t at = r->begun ? 0 : r->sample_at_ms;
    for (size_t i = 0; i < r->runs.n; i++) {
        const struct run *run = r->runs.at[i];
        at = run->sweep_at_ms < at ? run->sweep_at_ms : at;
        if (run->ending && (run->state == RUN_ALIVE || run->state == RUN_STARTING) && run->ending->until_ms < at)
            at = run->ending->until_ms;
    }
    return at;
}
