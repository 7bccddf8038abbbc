/* See loop.h.
 *
 * A turn: wait; hear the sockets, the processes, the signals and the time; step the core for each, and carry out its actions.  A step of
 * the core ends the life of the actions before it, so nothing that an action brings about is told while they are carried out.
 *
 * The guardian is watched too.  Once it is dead nobody else would kill the steps when the lease ends, so the agent kills them now,
 * within K, and exits without a word to the coordinator: the next life says what is known (guardian.c tells what remains open). */
#include "agent/loop.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent/capacity.h"
#include "agent/core.h"
#include "agent/prober.h"
#include "agent/runner.h"
#include "agent/session.h"
#include "common/clock.h"
#include "common/files.h"
#include "common/least.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/vec.h"

#define EVENTS_PER_TURN 64
#define MESSAGES_PER_TURN 256
#define LEAVE_MS 3000                        /* for the last logs of ended attempts */
#define BYE_LINGER_MS 500
#define OWN_FILES 48                         /* sockets, their threads' ends */
#define FILES_PER_CHILD 6                    /* of a step or a probe: pipes and their other ends while spawning, pidfd, input */
#define SPAWNERS_MAX 4
#define PROBE_SPAWNERS 2                     /* a probe whose start hangs is killed when its limit is over: others with less go on */
#define STARTED_PAUSE_MS 20                  /* nobody sees a step run for less */
#define ENDED_PAUSE_MS 5                     /* what an end waits for others, where it holds nobody up */
#define FENCE_DEFAULT_MS 2000                /* K before WELCOME told it */

struct loop {
    const struct agent_setup *setup;
    struct fence_page *page;
    struct agent_core *core;
    struct session *session;
    struct runner *runner;
    struct prober *prober;
    struct logship *logs;                    /* NULL: not configured */
    struct agent_label *labels;
    char boot_id[37];
    enum agent_fence fence;
    int epoll_fd, signal_fd, timer_fd;
    struct source sockets[SESSION_FDS_MAX];  /* by number of session_fds */
    unsigned generation;
    struct source guardian;                  /* its pidfd */
    struct source own;                       /* for descriptors that need no more than a look */
    int64_t armed_ms;
    int64_t leave_at_ms;                     /* INT64_MAX: not leaving */
    int64_t fence_ms;                        /* K */
    uint64_t cpu_milli, memory_bytes;        /* capacity */
    bool announced;                          /* the line on standard output that says it works */
    bool silence_told;
};

/* --- the core and its actions ----------------------------------------------------------------------------------------- */

static void set_deadline(struct loop *l, int64_t deadline_ms)
{
    int64_t before = atomic_exchange(&l->page->deadline_ms, deadline_ms);
    uint64_t one = 1;
    if (before <= bf_boottime_ms())
        (void)!write(l->page->wake_fd, &one, sizeof one);
}

static void carry_out(struct loop *l, const struct core_action *a)
{
    switch (a->kind) {
    case ACTION_SEND: session_send(l->session, a->msg); return;
    case ACTION_SPAWN: runner_start(l->runner, a->assignment); return;
    case ACTION_TERM: runner_term(l->runner, a->ref); return;
    case ACTION_KILL: runner_kill(l->runner, a->ref); return;
    case ACTION_DEADLINE: set_deadline(l, a->deadline_ms); return;
    case ACTION_LEAVE:
        l->leave_at_ms = bf_boottime_ms() + LEAVE_MS;
        prober_set(l->prober, NULL, 0);
        return;
    }
}

static void tell_core(struct loop *l, const struct core_event *ev)
{
    struct core_actions *actions;
    core_step(l->core, ev, bf_boottime_ms(), &actions);
    for (size_t i = 0; i < actions->n; i++)
        carry_out(l, &actions->at[i]);
}

static void on_started(void *arg, struct attempt_ref ref, int64_t at_us)
{
    bf_debug("started", "attempt=%" PRIu64, ref.attempt);
    tell_core(arg, &(struct core_event){.kind = CORE_SPAWNED, .ref = ref, .at_us = at_us});
}

static void on_failed(void *arg, const struct assignment *a, const struct outcome *why)
{
    bool asked_for = why->source == OUTCOME_FENCED || (why->source == OUTCOME_SPAWN && why->code == ECANCELED);
    BF_LOG(asked_for ? BF_LOG_INFO : BF_LOG_WARN, "spawn_failed", "attempt=%" PRIu64 " step=%s text=%s", a->ref.attempt,
           bf_log_quote(a->step), bf_log_quote(why->text));
    tell_core(arg, &(struct core_event){.kind = CORE_ENDED, .ref = a->ref, .outcome = why, .at_us = bf_realtime_us()});
}

static void on_ended(void *arg, struct attempt_ref ref, const struct outcome *outcome, const char *note, int64_t at_us)
{
    struct loop *l = arg;
    const struct core_event ev = {.kind = CORE_ENDED, .ref = ref, .outcome = outcome, .note = note, .at_us = at_us};
    bf_debug("ended", "attempt=%" PRIu64 " source=%d code=%d text=%s", ref.attempt, outcome->source, outcome->code,
             bf_log_quote(outcome->text));
    if (outcome->usage.session == SESSION_ASSUMED_GONE)
        bf_warn("assumed_gone", "attempt=%" PRIu64 " text=%s", ref.attempt, bf_log_quote(note));
    else if (*note)
        bf_info("session_ended", "attempt=%" PRIu64 " text=%s", ref.attempt, bf_log_quote(note));
    tell_core(l, &ev);
}

static void on_closing(void *arg, struct attempt_ref ref)
{
    bf_info("session_left", "attempt=%" PRIu64 " text=\"its helper died; its session at the server is being ended\"", ref.attempt);
    tell_core(arg, &(struct core_event){.kind = CORE_CLOSING, .ref = ref, .at_us = bf_realtime_us()});
}

/* One message for each: readings are few. */
static void on_read(void *arg, const struct probe_reading *reading)
{
    struct loop *l = arg;
    struct probe_reading one = *reading;
    struct agent_msg m = {.kind = AGENT_PROBED, .incarnation = l->page->incarnation, .text = "", .probed = &one, .n_probed = 1};
    session_send(l->session, &m);
}

/* Probes are of a lease, as steps are: without one nothing is probed. */
static void hear_probes(struct loop *l, const struct agent_msg *m)
{
    if (m->kind == AGENT_PROBE && m->incarnation == l->page->incarnation && core_deadline_ms(l->core) > bf_boottime_ms())
        prober_set(l->prober, m->probes, m->n_probes);
}

/* --- sockets ---------------------------------------------------------------------------------------------------------- */

static bool send_log(void *arg, const struct log_msg *msg)
{
    struct loop *l = arg;
    return session_send_log(l->session, msg);
}

static void watch(struct loop *l, int fd, struct source *source)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = source};
    int rc = epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    assert(rc == 0);
}

/* Sockets that were made anew have new descriptors; closed ones have left epoll by themselves. */
static void watch_session(struct loop *l)
{
    int fds[SESSION_FDS_MAX];
    unsigned generation;
    session_fds(l->session, fds, &generation);
    if (generation == l->generation)
        return;
    l->generation = generation;
    for (size_t i = 0; i < SESSION_FDS_MAX; i++) {
        l->sockets[i] = (struct source){SOURCE_SOCKET, NULL};
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &l->sockets[i]};
        if (fds[i] >= 0 && epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fds[i], &ev) != 0 && errno != EEXIST)
            bf_error_log("watch_failed", "text=%s", bf_log_quote(strerror(errno)));
    }
}

static const char *fence_word(enum agent_fence fence)
{
    return fence == FENCE_CGROUP_V2 ? "cgroup_v2" : fence == FENCE_CGROUP_V1 ? "cgroup_v1" : "weak";
}

/* One line for whoever started this agent: it has a lease. */
static void announce(struct loop *l)
{
    if (l->announced || core_deadline_ms(l->core) == INT64_MIN)
        return;
    l->announced = true;
    printf("ready name=%s fence=%s\n", l->setup->config->name, fence_word(l->fence));
    fflush(stdout);
}

static void log_message(const struct loop *l, const struct agent_msg *m)
{
    if (m->kind == AGENT_REFUSE)
        bf_error_log("refused", "text=%s", bf_log_quote(m->text));
    else if (m->kind == AGENT_WELCOME && core_deadline_ms(l->core) == INT64_MIN)
        bf_info("welcomed", "lease_ms=%" PRId64 " heartbeat_ms=%" PRId64, m->lease_ms, m->heartbeat_ms);
    else if (m->kind == AGENT_DRAIN)
        bf_info("draining", "by=coordinator");
    if (m->kind == AGENT_DRAIN)
        atomic_store(&l->page->draining, true);
}

static void hear_session(struct loop *l)
{
    struct agent_msg msg;
    struct log_msg log;
    if (session_run(l->session, bf_boottime_ms()))
        tell_core(l, &(struct core_event){.kind = CORE_CONNECTED, .at_us = bf_realtime_us()});
    for (size_t n = 0; n < MESSAGES_PER_TURN && session_receive(l->session, &msg); n++) {
        log_message(l, &msg);
        if (msg.kind == AGENT_WELCOME && msg.fence_ms > 0)
            l->fence_ms = msg.fence_ms;
        if (msg.kind != AGENT_PROBE)
            tell_core(l, &(struct core_event){.kind = CORE_MESSAGE, .msg = &msg, .at_us = bf_realtime_us()});
        hear_probes(l, &msg);
        agent_msg_done(&msg);
        announce(l);
    }
    for (size_t n = 0; n < MESSAGES_PER_TURN && session_receive_log(l->session, &log); n++) {
        if (log.kind == LOG_CREDIT && l->logs)
            logship_credit(l->logs, &log, bf_boottime_ms());
        log_msg_done(&log);
    }
}

/* --- the turn --------------------------------------------------------------------------------------------------------- */

static void arm(struct loop *l)
{
    int64_t at = bf_least(core_next_timer_ms(l->core), runner_next_ms(l->runner));
    at = bf_least(at, session_next_ms(l->session));
    at = bf_least(at, prober_next_ms(l->prober));
    if (l->logs)
        at = bf_least(at, logship_next_ms(l->logs));
    at = bf_least(at, l->leave_at_ms);
    at = bf_least(at, atomic_load(&l->page->turned_ms) + l->page->turn_within_ms);
    if (at == l->armed_ms)
        return;
    l->armed_ms = at;
    struct itimerspec when = {0};            /* all zero: never */
    if (at < INT64_MAX / 2)
        when.it_value = (struct timespec){.tv_sec = at > 0 ? at / 1000 : 0, .tv_nsec = at > 0 ? at % 1000 * 1000000 + 1 : 1};
    int rc = timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    assert(rc == 0);
}

static void hear_time(struct loop *l)
{
    uint64_t count;
    int64_t now_ms = bf_boottime_ms();
    if (read(l->timer_fd, &count, sizeof count) > 0)
        l->armed_ms = INT64_MIN;             /* it fired: set it again even for the same moment */
    if (core_next_timer_ms(l->core) <= now_ms)
        tell_core(l, &(struct core_event){.kind = CORE_TIMER, .at_us = bf_realtime_us()});
    if (core_deadline_ms(l->core) <= now_ms)
        prober_set(l->prober, NULL, 0);
}

/* Told once; it is over with the next answer. */
static void tell_silence(struct loop *l)
{
    bool silent = core_silent(l->core);
    if (silent && !l->silence_told)
        bf_warn("silent", "endpoint=%s text=%s", l->setup->config->coordinator,
                bf_log_quote("the coordinator does not answer; is it up, and does it still know this agent's key?"));
    l->silence_told = silent;
}

static bool guardian_died(const struct loop *l, const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++)
        if (events[i].data.ptr == &l->guardian)
            return true;
    return false;
}

/* Exits at once: what waits in the sockets must not be sent any more. */
_Noreturn static void end_alone(struct loop *l)
{
    int64_t begin_ms = bf_boottime_ms();
    bf_error_log("guardian_died", "incarnation=%" PRIu64 " attempts=%zu text=\"all steps are killed, and the agent exits\"",
                 l->page->incarnation, runner_n_runs(l->runner));
    if (runner_end_all(l->runner, l->prober, l->fence_ms))
        bf_warn("fenced", "incarnation=%" PRIu64 " ms=%" PRId64, l->page->incarnation, bf_boottime_ms() - begin_ms);
    else
        bf_error_log("steps_do_not_die", "ms=%" PRId64, bf_boottime_ms() - begin_ms);
    _exit(EXIT_FAILURE);
}

static void hear_signals(struct loop *l)
{
    struct signalfd_siginfo info;
    while (read(l->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            agent_config_reload(l->setup->config, l->setup->config_path);
            continue;
        }
        bf_info("draining", "by=signal attempts=%zu", core_n_attempts(l->core));
        atomic_store(&l->page->draining, true);
        tell_core(l, &(struct core_event){.kind = CORE_DRAIN, .at_us = bf_realtime_us()});
    }
}

/* For the guardian, who tells the supervisor that the loop turns, and for probes. */
static void count_turn(struct loop *l)
{
    atomic_store(&l->page->turned_ms, bf_boottime_ms());
    atomic_store(&l->page->attempts, (uint32_t)core_n_attempts(l->core));
    atomic_fetch_add(&l->page->turns, 1);
}

static void turn(struct loop *l)
{
    struct epoll_event events[EVENTS_PER_TURN];
    count_turn(l);
    watch_session(l);
    arm(l);
    int n = epoll_wait(l->epoll_fd, events, EVENTS_PER_TURN, session_ready(l->session) ? 0 : -1);
    assert(n >= 0 || errno == EINTR);
    if (guardian_died(l, events, n))
        end_alone(l);
    /* Time first: an agent that slept past its deadline fences before it looks at anything else. */
    hear_time(l);
    for (int i = 0; i < n; i++) {
        const struct source *s = events[i].data.ptr;
        if (s->kind >= SOURCE_PROBE_LEADER)
            prober_event(l->prober, s);
        else if (s->kind == SOURCE_SOCKET)
            session_woke(l->session, (size_t)(s - l->sockets));
        else if (s->kind != SOURCE_LOOP)
            runner_event(l->runner, s);
    }
    hear_session(l);
    tell_silence(l);
    if (l->logs)
        logship_run(l->logs, bf_boottime_ms());
    hear_signals(l);
    runner_run(l->runner, bf_boottime_ms());
    prober_run(l->prober, bf_boottime_ms());
}

static bool done(const struct loop *l)
{
    return l->leave_at_ms != INT64_MAX && (!l->logs || logship_idle(l->logs) || bf_boottime_ms() >= l->leave_at_ms);
}

/* --- opening ---------------------------------------------------------------------------------------------------------- */

static enum bf_rc give_to_steps(const struct agent_config *c, const char *dir, mode_t mode, struct bf_error *err)
{
    if (bf_mkdirs(dir, mode, err) != BF_OK)
        return BF_IO;
    if (c->switch_user && chown(dir, c->step_uid, c->step_gid) != 0)
        return bf_fail_errno(err, BF_IO, errno, "%s cannot be given to %s", dir, c->step_user);
    return BF_OK;
}

static void tell_limits(const struct loop *l, uint32_t bits)
{
    static const struct { const char *name; uint32_t bit; } all[] = {
        {"cpu", HOST_CPU}, {"memory", HOST_MEMORY}, {"io", HOST_IO}, {"pids", HOST_PIDS}};
    BF_CLEANUP(bf_buf_free) struct bf_buf enforced = {0}, measured = {0};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct bf_buf *list = bits & all[i].bit ? &enforced : &measured;
        bf_buf_printf(list, "%s%s", list->len ? "," : "", all[i].name);
    }
    bf_info("limits", "enforced=%s measured_only=%s cpu_milli=%" PRIu64 " memory_bytes=%" PRIu64,
            enforced.len ? bf_buf_cstr(&enforced) : "-", measured.len ? bf_buf_cstr(&measured) : "-", l->cpu_milli, l->memory_bytes);
}

/* One for each processor that it may use, as long as the kernel's own locks do not make them wait for each other. */
static unsigned n_spawners(const struct loop *l)
{
    uint64_t n = l->cpu_milli / 1000;
    return n < 1 ? 1 : n > SPAWNERS_MAX ? SPAWNERS_MAX : (unsigned)n;
}

static enum bf_rc open_runner(struct loop *l, struct cgroup_tree *cgroups, char **ret_work, char **ret_results, struct bf_error *err)
{
    const struct agent_config *c = l->setup->config;
    if (give_to_steps(c, c->work_dir, 0755, err) != BF_OK)
        return BF_IO;
    *ret_work = realpath(c->work_dir, NULL);
    if (!*ret_work)
        return bf_fail_errno(err, BF_IO, errno, "work_dir %s", c->work_dir);
    *ret_results = bf_path_join(*ret_work, "attempt");
    if (give_to_steps(c, *ret_results, 0700, err) != BF_OK)
        return BF_IO;
    cgroup_use_disk_of(cgroups, *ret_work);
    l->cpu_milli = capacity_cpu_milli();
    l->memory_bytes = capacity_memory_bytes();
    tell_limits(l, cgroup_enforces(cgroups));
    /* Many slots need many descriptors; steps get back the limit that the agent was started with. */
    struct rlimit nofile = {0};
    (void)getrlimit(RLIMIT_NOFILE, &nofile);
    uint64_t soft = nofile.rlim_cur;
    nofile.rlim_cur = nofile.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &nofile);
    uint64_t children = AGENT_PROBES_MAX + (uint64_t)c->slots, files = OWN_FILES + FILES_PER_CHILD * children;
    if (nofile.rlim_max < files)
        return bf_fail(err, BF_LIMIT, "%" PRId64 " slots need %" PRIu64 " open files, and the limit of this process is %" PRIu64
                       ": raise it (ulimit -n, LimitNOFILE=) or lower `slots`", c->slots, files, (uint64_t)nofile.rlim_max);
    /* Steps without processes take none of these, so it may well be enough; where it is not, the step that finds none says so. */
    if (nofile.rlim_max < files + CGROUP_LEAF_FILES * children)
        bf_warn("few_files", "slots=%" PRId64 " limit=%" PRIu64 " text=%s", c->slots, (uint64_t)nofile.rlim_max,
                bf_log_quote("too few open files for so many programs at once: raise the limit (ulimit -n, LimitNOFILE=) or lower "
                             "`slots`"));
    const struct runner_setup setup = {
        .config = c, .cgroups = cgroups, .logs = l->logs, .page = l->page, .own_env = l->setup->own_env, .work_dir = *ret_work,
        .result_dir = *ret_results, .epoll_fd = l->epoll_fd, .nofile_soft = soft, .cpu_milli = l->cpu_milli,
        .memory_bytes = l->memory_bytes, .n_spawners = n_spawners(l), .started = on_started, .failed = on_failed, .closing = on_closing,
        .ended = on_ended, .arg = l};
    l->runner = runner_new(&setup);
    const struct prober_setup probes = {
        .config = c, .cgroups = cgroups, .page = l->page, .own_env = l->setup->own_env, .work_dir = *ret_work, .epoll_fd = l->epoll_fd,
        .n_spawners = PROBE_SPAWNERS, .nofile_soft = soft, .read = on_read, .arg = l};
    l->prober = prober_new(&probes);
    return BF_OK;
}

static void open_core(struct loop *l, const struct agent_start *start)
{
    const struct agent_config *c = l->setup->config;
    bf_boot_id(l->boot_id);
    l->labels = bf_xcalloc(c->labels.n + 1, sizeof *l->labels);
    for (size_t i = 0; i < c->labels.n; i++)
        l->labels[i] = (struct agent_label){c->labels.keys[i], c->labels.values[i]};
    l->labels[c->labels.n] = (struct agent_label){AGENT_NAME_LABEL, c->name};
    const struct core_settings settings = {
        .incarnation = start->page->incarnation, .hello_retry_ms = 1000, .started_pause_ms = STARTED_PAUSE_MS,
        .ended_pause_ms = ENDED_PAUSE_MS,
        .hello = {.protocol = AGENT_PROTOCOL_VERSION, .name = c->name, .version = BF_VERSION, .boot_id = l->boot_id,
                  .previous = start->previous, .slots = (uint32_t)c->slots, .labels = l->labels, .n_labels = c->labels.n + 1,
                  .fence = cgroup_fence(start->cgroups), .separate_uid = c->switch_user,
                  .cpu_milli = l->cpu_milli, .memory_bytes = l->memory_bytes, .enforced = cgroup_enforces(start->cgroups)}};
    l->core = core_new(&settings);
}

static enum bf_rc open_descriptors(struct loop *l, int guardian_fd, struct bf_error *err)
{
    sigset_t set;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);                 /* of a terminal: the guardian hears it */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);                 /* the guardian hands it on */
    sigprocmask(SIG_SETMASK, &set, NULL);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    l->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (l->epoll_fd < 0 || l->signal_fd < 0 || l->timer_fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "the agent's descriptors");
    watch(l, l->signal_fd, &l->own);
    watch(l, l->timer_fd, &l->own);
    watch(l, guardian_fd, &l->guardian);
    return BF_OK;
}

static void close_loop(struct loop *l)
{
    session_close(l->session, BYE_LINGER_MS);
    prober_free(l->prober);
    runner_free(l->runner);
    logship_free(l->logs);
    core_free(l->core);
    free(l->labels);
    bf_close_cleanup(&l->epoll_fd);
    bf_close_cleanup(&l->signal_fd);
    bf_close_cleanup(&l->timer_fd);
}

int agent_loop(const struct agent_start *start, void *arg)
{
    const struct agent_setup *setup = arg;
    struct loop l = {.setup = setup, .page = start->page, .epoll_fd = -1, .signal_fd = -1, .timer_fd = -1, .own = {SOURCE_LOOP, NULL},
                     .guardian = {SOURCE_LOOP, NULL}, .fence = cgroup_fence(start->cgroups), .fence_ms = FENCE_DEFAULT_MS,
                     .armed_ms = INT64_MIN, .leave_at_ms = INT64_MAX, .generation = UINT_MAX};
    struct bf_error err = {0};
    BF_AUTO_FREE char *work = NULL, *results = NULL;
    const struct session_options options = {
        .coordinator = setup->config->coordinator, .logs = setup->config->logs,
        .server_keys = (const char *const *)setup->config->server_keys.at, .n_server_keys = setup->config->server_keys.n,
        .public_key = setup->keys->public_key, .secret_key = setup->keys->secret_key};
    if (setup->config->logs)
        l.logs = logship_new(setup->config->log_bytes_max, send_log, runner_room, &l);
    enum bf_rc rc = open_descriptors(&l, start->guardian_fd, &err);
    if (rc == BF_OK)
        rc = open_runner(&l, start->cgroups, &work, &results, &err);
    if (rc == BF_OK)
        rc = session_open(&options, &l.session, &err);
    if (rc == BF_OK) {
        open_core(&l, start);
        while (!done(&l))
            turn(&l);
        bf_info("left", "incarnation=%" PRIu64, start->page->incarnation);
    } else {
        bf_error_log("start_failed", "text=%s", bf_log_quote(err.text));
    }
    close_loop(&l);
    return bf_rc_exit(rc);
}
