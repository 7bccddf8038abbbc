/* The loop of `bfctl dev`: children that end, signals, output, and requests to start a program again.
 *
 * A program that ends by itself is told of in the log and stays down until somebody asks for it: whoever tests a crash decides
 * when the restart comes. */
#include "bfctl/dev.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bfctl/client.h"
#include "bfctl/dev_control.h"
#include "bfctl/session.h"
#include "bfctl/render.h"
#include "common/clock.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"

#define RESTART_MS 60000
#define STOP_MS 10000
#define STOP_ALONE_MS 2000            /* agents without a coordinator cannot say goodbye */
#define ASK_MS 1000
#define ASK_EVERY_MS 20

BF_PRINTF(2, 3) static void dev_log(struct dev *d, const char *fmt, ...)
{
    char at[BF_TIME_MAX];
    bf_format_time(bf_realtime_us(), at);
    va_list args;
    va_start(args, fmt);
    fprintf(d->log, "%s ", at);
    vfprintf(d->log, fmt, args);
    fputc('\n', d->log);
    fflush(d->log);
    va_end(args);
}

/* ---- opening ---- */

static enum bf_rc catch_signals(struct dev *d, struct bf_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    const int signals[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaddset(&set, signals[i]);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (d->signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return bf_fail_errno(err, BF_INTERNAL, errno, "cannot watch over processes");
    return BF_OK;
}

enum bf_rc dev_open(struct dev *d, struct bf_error *err)
{
    d->signal_fd = d->lock_fd = d->listen_fd = d->asker_fd = -1;
    enum bf_rc rc = dev_control_open(d->cluster.dir, &d->lock_fd, &d->listen_fd, err);
    if (rc == BF_OK)
        rc = catch_signals(d, err);
    if (rc != BF_OK)
        return rc;
    BF_AUTO_FREE char *log = bf_path_join(d->cluster.dir, "log/dev.log");
    d->log = fopen(log, "ae");
    if (!d->log)
        return bf_fail_errno(err, BF_IO, errno, "cannot write %s", log);
    BF_AUTO_FREE char *programs = cluster_program_dir();
    d->n_processes = d->agents + 1;
    d->processes = bf_xcalloc(d->n_processes, sizeof *d->processes);
    dev_process_init(&d->processes[0], d->cluster.dir, programs, "bfcoordinator", "coordinator");
    for (unsigned i = 1; i <= d->agents; i++) {
        BF_AUTO_FREE char *name = bf_xasprintf("agent-%u", i);
        dev_process_init(&d->processes[i], d->cluster.dir, programs, "bfagent", name);
    }
    return BF_OK;
}

void dev_close(struct dev *d)
{
    for (size_t i = 0; i < d->n_processes; i++)
        dev_process_done(&d->processes[i]);
    free(d->processes);
    if (d->log)
        fclose(d->log);
    int *fds[] = {&d->signal_fd, &d->listen_fd, &d->asker_fd, &d->lock_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (*fds[i] >= 0)
            close(*fds[i]);
}

/* ---- children that end ---- */

static void describe(int status, char *ret, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(ret, size, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(ret, size, "exit status %d", WEXITSTATUS(status));
}

static void answer_asker(struct dev *d, const char *status, const char *text)
{
    dev_control_answer(d->asker_fd, status, text);
    close(d->asker_fd);
    d->asker_fd = -1;
    d->restarting = NULL;
}

static void start_again(struct dev *d)
{
    struct bf_error err = {0};
    if (dev_process_start(d->restarting, &err) != BF_OK)
        answer_asker(d, "error", err.text);
    else
        dev_log(d, "%s started again pid=%d", d->restarting->name, (int)d->restarting->pid);
}

static void process_ended(struct dev *d, struct dev_process *p, int status)
{
    char how[96];
    describe(status, how, sizeof how);
    bool asked = p->kill_at_ms > 0;
    dev_process_ended(p);
    dev_log(d, "%s ended: %s%s", p->name, how, asked ? " (asked to)" : "");
    if (!asked && d->command == 0 && d->stop_signal == 0)
        fprintf(stderr, "bfctl: %s ended: %s; see %s\n", p->name, how, p->log_file);
    if (p != d->restarting)
        return;
    if (asked) {
        start_again(d);
        return;
    }
    char text[160];
    snprintf(text, sizeof text, "%s ended before it was ready: %s", p->name, how);
    answer_asker(d, "error", text);
}

static void reap(struct dev *d)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == d->command) {
            d->command = 0;
            d->command_status = status;
            continue;
        }
        for (size_t i = 0; i < d->n_processes; i++)
            if (d->processes[i].pid == pid)
                process_ended(d, &d->processes[i], status);
    }
}

/* ---- requests ---- */

static struct dev_process *find_process(struct dev *d, const char *name)
{
    for (size_t i = 0; i < d->n_processes; i++)
        if (strcmp(d->processes[i].name, name) == 0)
            return &d->processes[i];
    return NULL;
}

static void take_request(struct dev *d)
{
    int fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    char name[64], failpoint[128], text[160];
    struct bf_error err = {0};
    d->asker_fd = fd;
    if (dev_control_read(fd, name, failpoint, &err) != BF_OK) {
        answer_asker(d, "error", err.text);
        return;
    }
    struct dev_process *p = find_process(d, name);
    if (!p) {
        snprintf(text, sizeof text, "there is no program '%s' in this cluster; there are coordinator, and agent-1 to agent-%u", name,
                 d->agents);
        answer_asker(d, "unknown", text);
        return;
    }
    if (failpoint[0])
        setenv("BF_FAILPOINT", failpoint, 1);
    else
        unsetenv("BF_FAILPOINT");
    reap(d);                                     /* it may be dead and not yet known to be: that is not the end of what is started now */
    d->restarting = p;
    d->restart_until_ms = bf_boottime_ms() + RESTART_MS;
    if (p->pid > 0)
        dev_process_stop(p, STOP_MS);            /* start_again() when it has ended */
    else
        start_again(d);
}

static void check_restart(struct dev *d)
{
    struct dev_process *p = d->restarting;
    if (!p)
        return;
    char text[160];
    if (p->pid > 0 && p->ready && p->kill_at_ms == 0) {
        snprintf(text, sizeof text, "%s is ready, pid %d", p->name, (int)p->pid);
        answer_asker(d, "ok", text);
    } else if (bf_boottime_ms() >= d->restart_until_ms) {
        snprintf(text, sizeof text, "%s was started and is not ready after %d s", p->name, RESTART_MS / 1000);
        answer_asker(d, "error", text);
    }
}

/* ---- the loop ---- */

static void take_signals(struct dev *d)
{
    struct signalfd_siginfo s;
    while (read(d->signal_fd, &s, sizeof s) == (ssize_t)sizeof s) {
        if (s.ssi_signo == SIGCHLD)
            continue;
        d->n_stop_signals++;
        if (d->stop_signal == 0)
            d->stop_signal = (int)s.ssi_signo;
        if (d->command > 0)
            kill(d->command, d->n_stop_signals > 1 ? SIGKILL : (int)s.ssi_signo);
    }
    reap(d);
}

/* Time until something is due, at most wait_ms. */
static int due_ms(const struct dev *d, int64_t wait_ms)
{
    int64_t now_ms = bf_boottime_ms(), due = wait_ms < 0 ? INT64_MAX : now_ms + wait_ms;
    if (d->restarting && d->restart_until_ms < due)
        due = d->restart_until_ms;
    for (size_t i = 0; i < d->n_processes; i++)
        if (d->processes[i].pid > 0 && d->processes[i].kill_at_ms > 0 && d->processes[i].kill_at_ms < due)
            due = d->processes[i].kill_at_ms;
    if (due == INT64_MAX)
        return -1;
    return due <= now_ms ? 0 : (int)(due - now_ms);
}

void dev_step(struct dev *d, int64_t wait_ms)
{
    struct pollfd fds[2 + CLUSTER_AGENTS_MAX + 1];
    nfds_t n = 0;
    fds[n++] = (struct pollfd){.fd = d->signal_fd, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = d->asker_fd < 0 ? d->listen_fd : -1, .events = POLLIN};
    for (size_t i = 0; i < d->n_processes; i++)
        fds[n++] = (struct pollfd){.fd = d->processes[i].out, .events = POLLIN};
    if (poll(fds, n, due_ms(d, wait_ms)) < 0)
        return;
    for (size_t i = 0; i < d->n_processes; i++)
        if (fds[2 + i].revents)
            dev_process_read(&d->processes[i]);
    take_signals(d);
    if (fds[1].revents)
        take_request(d);
    for (size_t i = 0; i < d->n_processes; i++)
        dev_process_tick(&d->processes[i], bf_boottime_ms());
    check_restart(d);
}

/* ---- starting ---- */

/* Nobody asked us to end, and all that was started still runs. */
static enum bf_rc check_alive(const struct dev *d, struct bf_error *err)
{
    if (d->stop_signal)
        return bf_fail(err, BF_FAILED, "interrupted");
    for (size_t i = 0; i < d->n_processes; i++) {
        const struct dev_process *p = &d->processes[i];
        if (!p->started || p->pid != 0)
            continue;
        char why[DEV_LAST_WORDS_MAX];
        dev_process_last_words(p, why);
        return bf_fail(err, BF_FAILED, "%s ended at its start; see %s%s%s", p->name, p->log_file, *why ? ", which says: " : "",
                       render_safe(why));
    }
    return BF_OK;
}

static enum bf_rc wait_coordinator(struct dev *d, int64_t deadline_ms, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    while (rc == BF_OK && !d->processes[0].ready) {
        rc = check_alive(d, err);
        int64_t left_ms = deadline_ms - bf_boottime_ms();
        if (rc == BF_OK && left_ms <= 0)
            rc = bf_fail(err, BF_TIMED_OUT, "the coordinator is not ready after %d s; see %s", (int)(d->start_ms / 1000),
                         d->processes[0].log_file);
        if (rc == BF_OK)
            dev_step(d, left_ms);
    }
    return rc;
}

static unsigned count_connected(const json_t *agents)
{
    unsigned n = 0;
    size_t i;
    json_t *agent;
    json_array_foreach(agents, i, agent)
        n += strcmp(render_text(agent, "state"), "connected") == 0 || !json_is_null(json_object_get(agent, "quarantine"));
    return n;
}

/* The coordinator itself says that all are there. */
static enum bf_rc wait_connected(struct dev *d, int64_t deadline_ms, struct bf_error *err)
{
    const struct ctl_common common = {.config = d->cluster.bfctl_conf};
    SESSION_AUTO struct session s = {0};
    enum bf_rc rc = session_open(&common, &s, err);
    s.settings.request_timeout_ms = ASK_MS;
    while (rc == BF_OK) {
        ANSWER_AUTO struct answer a = {0};
        struct op_request req;
        client_request(&req, OP_AGENTS);
        enum bf_rc asked = session_query(&s, &req, &a, err);
        if (asked == BF_OK && count_connected(a.json) >= d->agents)
            return BF_OK;
        if (asked != BF_OK && asked != BF_UNREACHABLE)
            return asked;
        rc = check_alive(d, err);
        if (rc == BF_OK && bf_boottime_ms() >= deadline_ms)
            rc = bf_fail(err, BF_TIMED_OUT, "not all agents are connected after %d s; see %s/log/agent-*.log", (int)(d->start_ms / 1000),
                         d->cluster.dir);
        if (rc == BF_OK)
            dev_step(d, ASK_EVERY_MS);
    }
    return rc;
}

enum bf_rc dev_start(struct dev *d, struct bf_error *err)
{
    int64_t deadline_ms = bf_boottime_ms() + d->start_ms;
    enum bf_rc rc = dev_process_start(&d->processes[0], err);
    if (rc == BF_OK)
        rc = wait_coordinator(d, deadline_ms, err);
    for (size_t i = 1; i < d->n_processes && rc == BF_OK; i++)
        rc = dev_process_start(&d->processes[i], err);
    if (rc == BF_OK)
        rc = wait_connected(d, deadline_ms, err);
    if (rc == BF_OK)
        dev_log(d, "ready agents=%u", d->agents);
    return rc;
}

/* ---- stopping ---- */

static void wait_stopped(struct dev *d, size_t from, size_t until)
{
    unsigned signals = d->n_stop_signals;
    for (;;) {
        size_t alive = 0;
        for (size_t i = from; i < until; i++) {
            alive += d->processes[i].pid > 0;
            if (d->n_stop_signals > signals && d->processes[i].pid > 0)
                kill(d->processes[i].pid, SIGKILL);      /* asked again: at once */
        }
        if (alive == 0)
            return;
        dev_step(d, -1);
    }
}

void dev_stop(struct dev *d)
{
    if (d->asker_fd >= 0)
        answer_asker(d, "error", "the cluster stops");
    close(d->listen_fd);
    d->listen_fd = -1;
    bool hurry = d->n_stop_signals > 1;
    int64_t grace_ms = hurry ? 0 : d->processes[0].pid > 0 ? STOP_MS : STOP_ALONE_MS;
    for (size_t i = 1; i < d->n_processes; i++)
        dev_process_stop(&d->processes[i], grace_ms);
    wait_stopped(d, 1, d->n_processes);
    dev_process_stop(&d->processes[0], hurry ? 0 : STOP_MS);
    wait_stopped(d, 0, 1);
    dev_kill_all();
    dev_log(d, "stopped");
}
