/* Real processes under the runner, once with control groups (where the host lets us) and once with the walk of /proc. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/ending.h"
#include "agent/runner.h"
#include "common/clock.h"

#define LIMIT_MS 20000

struct bench {
    char dir[64], results[96];
    struct agent_config config;
    struct cgroup_tree *cgroups;
    struct fence_page page;
    struct runner *runner;
    struct logship *logs;
    struct attempt_ref ref;
    bool started, failed, ended;
    int64_t started_us;
    struct verdict verdict;                  /* a copy of what was told */
    char out[1 << 16];                       /* stdout and stderr as shipped */
    size_t out_len;
    char remarks[4096], details[4096], note[ENDING_NOTE_MAX];
    bool closing;
};

static void on_started(void *arg, struct attempt_ref ref, int64_t at_us)
{
    struct bench *b = arg;
    cr_assert(!b->started && !b->failed && ref.attempt == b->ref.attempt);
    b->started = true;
    b->started_us = at_us;
}

static void on_failed(void *arg, const struct assignment *a, const struct outcome *why)
{
    struct bench *b = arg;
    cr_assert(!b->started && !b->failed && a->ref.attempt == b->ref.attempt);
    b->failed = true;
    b->verdict.outcome = *why;
    snprintf(b->verdict.text, sizeof b->verdict.text, "%s", why->text);
}

static void on_ended(void *arg, struct attempt_ref ref, const struct outcome *o, const char *note, int64_t at_us)
{
    struct bench *b = arg;
    cr_assert(!b->ended, "told twice");
    cr_assert_eq(ref.attempt, b->ref.attempt);
    cr_assert_gt(at_us, 0);
    b->ended = true;
    b->verdict.outcome = *o;
    snprintf(b->verdict.text, sizeof b->verdict.text, "%s", o->text);
    snprintf(b->details, sizeof b->details, "%s", o->details);
    snprintf(b->note, sizeof b->note, "%s", note);
}

static void on_closing(void *arg, struct attempt_ref ref)
{
    struct bench *b = arg;
    cr_assert(!b->closing && !b->ended && ref.attempt == b->ref.attempt);
    b->closing = true;
}

static bool on_log(void *arg, const struct log_msg *m)
{
    struct bench *b = arg;
    if (m->stream == 3 && m->n_bytes > 0)
        snprintf(b->remarks, sizeof b->remarks, "%.*s", (int)m->n_bytes, (const char *)m->bytes);
    else if (m->n_bytes > 0 && b->out_len + m->n_bytes < sizeof b->out) {
        memcpy(b->out + b->out_len, m->bytes, m->n_bytes);
        b->out_len += m->n_bytes;
    }
    return true;
}

static const char *const own_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/root", "LC_TIME=C", "SECRET=canary", "ALLOWED=yes", NULL};

static unsigned n_spawners;
static bool epoll_takes_none;                /* as where the kernel has no room for one more watch */

static struct bench *bench_new(enum cgroup_mode mode)
{
    struct bench *b = calloc(1, sizeof *b);
    static char *allowed[] = {"ALLOWED"};
    struct bf_error err = {0};
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    snprintf(b->dir, sizeof b->dir, "/tmp/bf-runner-XXXXXX");
    cr_assert_not_null(mkdtemp(b->dir));
    snprintf(b->results, sizeof b->results, "%s/attempt", b->dir);
    mkdir(b->results, 0777);
    b->config = (struct agent_config){.name = "bench", .allow_env = {allowed, 1}};
    atomic_store(&b->page.deadline_ms, INT64_MAX);
    cr_assert_eq(cgroup_open(mode, "unit", b->dir, &b->cgroups, &err), BF_OK, "%s", err.text);
    b->logs = logship_new(1 << 20, on_log, runner_room, b);
    const struct runner_setup setup = {
        .config = &b->config, .cgroups = b->cgroups, .logs = b->logs, .page = &b->page, .own_env = own_env, .work_dir = b->dir,
        .result_dir = b->results, .epoll_fd = epoll_takes_none ? -1 : epoll_create1(EPOLL_CLOEXEC), .nofile_soft = 256,
        .n_spawners = n_spawners, .started = on_started, .failed = on_failed, .closing = on_closing, .ended = on_ended, .arg = b};
    b->runner = runner_new(&setup);
    cr_assert(epoll_takes_none || setup.epoll_fd >= 0);
    b->ref = (struct attempt_ref){41, 4100};
    b->config.slots = setup.epoll_fd;        /* borrowed to find it again */
    return b;
}

static void bench_free(struct bench *b)
{
    runner_run(b->runner, bf_boottime_ms());
    runner_free(b->runner);
    logship_free(b->logs);
    cr_expect(cgroup_all_empty(b->cgroups));
    cgroup_close(b->cgroups);
    rmdir(b->results);
    char leftover[128];
    snprintf(leftover, sizeof leftover, "rm -rf %s", b->dir);
    (void)!system(leftover);
    free(b);
}

static void bench_turn(struct bench *b)
{
    struct epoll_event events[8];
    int64_t next = runner_next_ms(b->runner), now = bf_boottime_ms();
    int wait = next == INT64_MAX ? LIMIT_MS : next > now ? (int)(next - now) : 0;
    errno = 0;
    int n = epoll_takes_none ? poll(NULL, 0, wait) : epoll_wait((int)b->config.slots, events, 8, wait);
    cr_assert(n > 0 || next != INT64_MAX || errno == EINTR, "nothing happened within %d ms", LIMIT_MS);
    for (int i = 0; i < n; i++)
        runner_event(b->runner, events[i].data.ptr);
    runner_run(b->runner, bf_boottime_ms());
}

static void bench_finish(struct bench *b)
{
    while (!b->ended)
        bench_turn(b);
    b->out[b->out_len] = '\0';
}

/* true: it executes; else b->verdict says why not. */
static bool bench_start(struct bench *b, const struct assignment *a)
{
    b->started = b->failed = false;
    runner_start(b->runner, a);
    while (!b->started && !b->failed)
        bench_turn(b);
    return b->started;
}

static struct assignment script(struct bench *b, const char **argv, const char *text)
{
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = text;
    return (struct assignment){.ref = b->ref, .kind = STEP_RUN, .cluster = "c", .plan = "p", .step = "load", .partition = "2024-01-01",
                               .run_id = "1/load/2024-01-01/1", .run = 2, .argv = argv, .n_argv = 3, .spec = ""};
}

static void bench_run(struct bench *b, const char *text)
{
    const char *argv[3];
    struct assignment a = script(b, argv, text);
    cr_assert(bench_start(b, &a), "%s", b->verdict.text);
    bench_finish(b);
}

/* With a control group and without, spawned by two threads and by the caller. */
static const enum cgroup_mode modes[] = {CGROUP_AUTO, CGROUP_OFF, CGROUP_AUTO, CGROUP_OFF};
#define EACH_MODE(m) for (size_t m = 0; n_spawners = m < 2 ? 2 : 0, m < 4; m++)

Test(agent_runner, ends_are_told_in_words)
{
    static const struct { const char *script; enum outcome_source source; int code; const char *text; int64_t rows; } cases[] = {
        {"true", OUTCOME_OK, 0, "", -1},
        {"exit 3", OUTCOME_EXIT, 3, "exit status 3", -1},
        {"echo no such table >&2; echo >&2; exit 3", OUTCOME_EXIT, 3, "exit status 3: no such table", -1},
        {"kill -SEGV $$", OUTCOME_SIGNAL, SIGSEGV, "killed by SIGSEGV", -1},
        {"kill -TERM $$", OUTCOME_SIGNAL, SIGTERM, "killed by SIGTERM", -1},
        {"echo '{\"rows\": 120}' > $BF_RESULT", OUTCOME_OK, 0, "", 120},
        {"echo '{\"skip\": \"nothing new\"}' > $BF_RESULT", OUTCOME_SKIP, 0, "nothing new", -1},
        {"echo '{\"skip\": \"nothing new\"}' > $BF_RESULT; exit 4", OUTCOME_EXIT, 4, "exit status 4", -1},
        {"echo '{\"fenced\": \"token 9 is newer\"}' > $BF_RESULT; exit 1", OUTCOME_FENCED, 0, "token 9 is newer", -1},
        {"echo '{\"already_done\": true}' > $BF_RESULT", OUTCOME_OK, 0, "", -1},
        {"echo '{\"sql\": {\"dbms\": \"PostgreSQL\", \"sqlstate\": \"23505\", \"native\": 7, \"text\": "
         "\"duplicate key\"}}' > $BF_RESULT; exit 1",
         OUTCOME_SQL, 7, "duplicate key", -1},
    };
    EACH_MODE(m)
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            struct bench *b = bench_new(modes[m]);
            bench_run(b, cases[i].script);
            cr_expect_eq(b->verdict.outcome.source, cases[i].source, "%s: source %d", cases[i].script, b->verdict.outcome.source);
            cr_expect_eq(b->verdict.outcome.code, cases[i].code, "%s: code %d", cases[i].script, b->verdict.outcome.code);
            cr_expect_str_eq(b->verdict.text, cases[i].text, "%s: \"%s\"", cases[i].script, b->verdict.text);
            cr_expect_eq(b->verdict.outcome.rows, cases[i].rows);
            cr_expect_gt(b->verdict.outcome.usage.wall_us, 0);
            bench_free(b);
        }
}

Test(agent_runner, what_nothing_wakes_us_for_is_seen_all_the_same)
{
    epoll_takes_none = true;
    for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++) {
        struct bench *b = bench_new(modes[m]);
        const char *argv[4];
        struct assignment a = script(b, argv, "echo said; echo no such table >&2; exit 3");
        cr_assert(bench_start(b, &a));
        bench_finish(b);
        cr_expect_eq(b->verdict.outcome.source, OUTCOME_EXIT);
        cr_expect_str_eq(b->verdict.text, "exit status 3: no such table");
        cr_expect_not_null(strstr(b->out, "said"));
        bench_free(b);
    }
}

Test(agent_runner, a_program_that_is_not_there)
{
    static const struct { const char *name; int errnum; const char *text; } cases[] = {
        {"no-such-program-anywhere", ENOENT, "step program not found: no-such-program-anywhere"},
        {"/no/such/file", ENOENT, "step program or its interpreter not found: /no/such/file"},
        {"/etc/passwd", EACCES, "step program is not executable: /etc/passwd"},
        {"", ENOENT, "step program not found: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *b = bench_new(CGROUP_AUTO);
        const char *argv[3];
        struct assignment a = script(b, argv, "");
        argv[0] = cases[i].name;
        cr_assert(!bench_start(b, &a));
        cr_expect_eq(b->verdict.outcome.source, OUTCOME_SPAWN);
        cr_expect_eq(b->verdict.outcome.code, cases[i].errnum, "%s: %d", cases[i].name, b->verdict.outcome.code);
        verdict_line(b->remarks, sizeof b->remarks, cases[i].text);
        cr_expect_str_eq(b->verdict.text, b->remarks, "\"%s\"", b->verdict.text);
        bench_free(b);
    }
}

Test(agent_runner, an_expired_lease_starts_nothing)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    const char *argv[3];
    struct assignment a = script(b, argv, "true");
    atomic_store(&b->page.deadline_ms, bf_boottime_ms());
    cr_assert(!bench_start(b, &a));
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_FENCED);
    bench_free(b);
}

/* The grandchild holds a pipe of ours: its end is the end of the pipe. */
static int holder(int ret_pipe[2])
{
    cr_assert_eq(pipe(ret_pipe), 0);         /* not close-on-exec: but the runner closes what is not 0..2 */
    return ret_pipe[1];
}

Test(agent_runner, what_a_step_leaves_behind_is_dead_when_its_end_is_told)
{
    EACH_MODE(m) {
        /* The orphan's new parent is this process, as it is the guardian in life; under a weak fence it is told by its environment.
         * The runner looks below getppid(), so the bench runs in a child. */
        int fds[2];
        holder(fds);
        fcntl(fds[0], F_SETFL, O_NONBLOCK);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        pid_t agent = fork();
        if (agent == 0) {
            struct bench *b = bench_new(modes[m]);
            bench_run(b, "trap '' TERM; (setsid sh -c 'trap \"\" TERM HUP; echo $$; exec sleep 600' &) ; while ! [ -s pid ]; do sleep "
                         "0.01; done 2>/dev/null & (setsid sh -c 'trap \"\" TERM; echo $$ > pid; exec sleep 600' &); sleep 600 & exit 0");
            cr_assert_eq(b->verdict.outcome.source, OUTCOME_OK);
            bench_free(b);
            exit(0);
        }
        int status = -1;
        cr_assert_eq(waitpid(agent, &status, 0), agent);
        cr_assert_eq(status, 0);
        /* Orphans come to us: all that is left to be waited for must be dead by now. */
        siginfo_t info = {0};
        for (;;) {
            memset(&info, 0, sizeof info);
            if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0)
                break;
            cr_assert_neq(info.si_pid, 0, "a process of the step lives on (mode %zu)", m);
        }
        close(fds[0]);
        close(fds[1]);
    }
}

Test(agent_runner, kill_reaches_the_whole_tree)
{
    EACH_MODE(m) {
        struct bench *b = bench_new(modes[m]);
        const char *argv[3];
        struct assignment a = script(b, argv, "trap '' TERM; sleep 600 & echo ready; wait; wait; wait");
        cr_assert(bench_start(b, &a));
        while (b->out_len == 0)
            bench_turn(b);
        runner_term(b->runner, b->ref);      /* ignored */
        runner_kill(b->runner, b->ref);
        bench_finish(b);
        cr_expect_eq(b->verdict.outcome.source, OUTCOME_SIGNAL);
        cr_expect_str_eq(b->verdict.text, "killed by SIGKILL");
        bench_free(b);
    }
}

/* That it executes is told in a later turn: until then it is being started.  true: it did. */
static bool ends_while_it_starts(enum cgroup_mode mode, bool kill)
{
    struct bench *b = bench_new(mode);
    const char *argv[3];
    struct assignment a = script(b, argv, "exec sleep 600");
    runner_start(b->runner, &a);
    runner_term(b->runner, b->ref);
    if (kill)
        runner_kill(b->runner, b->ref);
    while (!b->ended && !b->failed)
        bench_turn(b);
    bool executed = b->started;
    cr_expect_str_eq(b->verdict.text, !executed ? "not started: it was to end before" : kill ? "killed by SIGKILL" : "killed by SIGTERM");
    cr_expect(executed || b->verdict.outcome.code == ECANCELED);
    bench_free(b);
    return executed;
}

/* Where a thread starts it the order nearly always comes in time. */
Test(agent_runner, what_is_to_end_while_it_starts_never_executes_or_ends)
{
    EACH_MODE(m)
        for (size_t i = 0; i < 2; i++) {
            int tries = 1;
            while (ends_while_it_starts(modes[m], i == 0) && tries < 100 && m < 2)
                tries++;
            cr_expect_lt(tries, 100, "mode %zu: it executed each time", m);
        }
}

/* Some execute, some are being started, some wait for a thread. */
Test(agent_runner, an_agent_that_ends_alone_leaves_nothing_behind)
{
    EACH_MODE(m) {
        struct bench *b = bench_new(modes[m]);
        const char *argv[3];
        struct assignment a[40];
        for (size_t i = 0; i < sizeof a / sizeof a[0]; i++) {
            a[i] = script(b, argv, "exec sleep 600");
            a[i].ref = (struct attempt_ref){100 + i, 100 + i};
            runner_start(b->runner, &a[i]);
        }
        cr_assert(runner_end_all(b->runner, LIMIT_MS));
        siginfo_t info = {0};
        size_t dead = 0;
        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0) {
            cr_assert_neq(info.si_pid, 0, "a process lives on (mode %zu)", m);
            dead++;
            info.si_pid = 0;
        }
        cr_expect(m < 2 || dead == sizeof a / sizeof a[0]);
    }
}

/* However late the loop hears of it: what a step took must not shrink. */
Test(agent_runner, a_start_is_of_the_moment_when_it_executed)
{
    EACH_MODE(m) {
        struct bench *b = bench_new(modes[m]);
        const char *argv[3];
        struct assignment a = script(b, argv, "true");
        struct pollfd done = {(int)b->config.slots, POLLIN, 0};
        runner_start(b->runner, &a);
        cr_assert(n_spawners == 0 || poll(&done, 1, LIMIT_MS) == 1);
        int64_t done_us = bf_realtime_us();
        bench_finish(b);
        cr_expect(b->started_us > 0 && b->started_us <= done_us, "mode %zu: %lld us late", m, (long long)(b->started_us - done_us));
        bench_free(b);
    }
}

/* Its process has executed, and the loop has not heard of it. */
Test(agent_runner, an_agent_that_ends_alone_kills_what_a_step_left_before_its_start_was_told)
{
    EACH_MODE(m) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        pid_t agent = fork();
        if (agent == 0) {
            struct bench *b = bench_new(modes[m]);
            const char *argv[3];
            char path[96], byte;
            snprintf(path, sizeof path, "%s/ready", b->dir);
            cr_assert_eq(mkfifo(path, 0600), 0);
            struct assignment a = script(b, argv, "(setsid sh -c 'trap \"\" TERM HUP; echo > ready; exec sleep 600' &); exec sleep 600");
            runner_start(b->runner, &a);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            cr_assert_eq(read(fd, &byte, 1), 1);
            _exit(runner_end_all(b->runner, LIMIT_MS) ? 0 : 1);
        }
        int status = -1;
        cr_assert_eq(waitpid(agent, &status, 0), agent);
        cr_assert_eq(status, 0);
        for (siginfo_t info = {0}; waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0; info.si_pid = 0)
            cr_assert_neq(info.si_pid, 0, "a process of the step lives on (mode %zu)", m);
    }
}

Test(agent_runner, term_is_heard)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    const char *argv[3];
    struct assignment a = script(b, argv, "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    cr_assert(bench_start(b, &a));
    while (b->out_len == 0)
        bench_turn(b);
    runner_term(b->runner, b->ref);
    bench_finish(b);
    cr_expect_eq(b->verdict.outcome.code, 7);
    bench_free(b);
}

Test(agent_runner, a_kill_by_the_guardian_is_told_as_fenced)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    const char *argv[3];
    struct assignment a = script(b, argv, "echo ready; sleep 600");
    cr_assert(bench_start(b, &a));
    while (b->out_len == 0)
        bench_turn(b);
    atomic_fetch_add(&b->page.fences, 1);
    runner_kill(b->runner, b->ref);
    bench_finish(b);
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_FENCED);
    cr_expect_str_eq(b->verdict.text, "fenced: the guardian killed it when the lease ran out");
    bench_free(b);
}

Test(agent_runner, environment_is_by_allow_list)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    const char *argv[3];
    struct assignment a = script(b, argv, "env | sort");
    struct step_env env[] = {{"TABLE", "orders"}, {"BF_PARTITION_DATE", "2024-01-01"}, {"BF_ATTEMPT", "forged"}};
    a.env = env;
    a.n_env = 3;
    a.timebox_ms = 60000;
    cr_assert(bench_start(b, &a));
    bench_finish(b);
    static const char *const there[] = {"ALLOWED=yes\n", "LC_TIME=C\n", "HOME=/root\n", "TABLE=orders\n", "BF_PARTITION_DATE=2024-01-01\n",
        "BF_ATTEMPT=41\n", "BF_FENCING_TOKEN=4100\n", "BF_STEP=load\n", "BF_RUN=2\n", "BF_IDEMPOTENCY_KEY=1/load/2024-01-01/1\n",
        "BF_RESULT=/tmp/", "BF_DEADLINE=20"};
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
        cr_expect(strstr(b->out, there[i]), "%s is missing in\n%s", there[i], b->out);
    cr_expect_null(strstr(b->out, "canary"));
    cr_expect_null(strstr(b->out, "forged"));
    bench_free(b);
}

Test(agent_runner, the_step_gets_three_files_and_clean_signals)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    int extra = open("/dev/null", O_RDONLY); /* without close-on-exec */
    cr_assert_gt(extra, 2);
    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    bench_run(b, "ls /proc/self/fd | wc -l; grep -E '^(SigBlk|SigIgn|NoNewPrivs)' /proc/self/status; ulimit "
                 "-n; readlink /proc/self/fd/0; pwd");
    /* ls has one more: the folder that it reads. */
    cr_expect_eq(strncmp(b->out, "4\n", 2), 0, "%s", b->out);
    cr_expect(strstr(b->out, "SigBlk:\t0000000000000000"), "%s", b->out);
    cr_expect(strstr(b->out, "SigIgn:\t0000000000000000"), "%s", b->out);
    cr_expect(strstr(b->out, "NoNewPrivs:\t1"), "%s", b->out);
    cr_expect(strstr(b->out, "\n256\n/dev/null\n/tmp/bf-runner-"), "%s", b->out);
    close(extra);
    bench_free(b);
}

Test(agent_runner, steps_run_under_another_user_when_root)
{
    if (geteuid() != 0)
        cr_skip("not root");
    struct bench *b = bench_new(CGROUP_AUTO);
    b->config.switch_user = true;
    b->config.step_uid = 65534;
    b->config.step_gid = 65534;
    chmod(b->dir, 0755);
    cr_assert_eq(chown(b->results, 65534, 65534), 0);
    bench_run(b, "id -u; id -g; id -G; echo '{\"rows\": 1}' > $BF_RESULT");
    cr_expect_str_eq(b->out, "65534\n65534\n65534\n", "%s", b->out);
    cr_expect_eq(b->verdict.outcome.rows, 1);
    cr_expect_eq(geteuid(), 0, "the agent keeps its own");
    bench_free(b);
}

Test(agent_runner, a_folder_that_the_step_user_may_not_enter_is_named)
{
    if (geteuid() != 0)
        cr_skip("not root");
    static char user[] = "nobody";
    struct bench *b = bench_new(CGROUP_AUTO);        /* mkdtemp: root alone may enter */
    const char *argv[3];
    char expected[256];
    b->config.switch_user = true;
    b->config.step_user = user;
    b->config.step_uid = b->config.step_gid = 65534;
    struct assignment a = script(b, argv, "true");
    cr_assert(!bench_start(b, &a));
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_SPAWN);
    cr_expect_eq(b->verdict.outcome.code, EACCES);
    snprintf(expected, sizeof expected, "step user nobody may not enter %s: ", b->dir);
    cr_expect_eq(strncmp(b->verdict.text, expected, strlen(expected)), 0, "\"%s\"", b->verdict.text);
    bench_free(b);
}

Test(agent_runner, a_helper_is_told_on_standard_input_and_its_environment_holds_no_secret)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    struct step_ref refs[] = {{"odbc", "DSN=x;PWD=${env:SECRET}"}};
    struct step_env env[] = {{"PLANNED", "of-the-plan"}};
    static char *for_connections[] = {"SECRET"};
    char helper[128];
    const char *argv[3];
    snprintf(helper, sizeof helper, "%s/helper", b->dir);
    FILE *f = fopen(helper, "w");
    fputs("#!/bin/sh\ncat\nenv | sort\nulimit -c\ntr '\\0' ' ' </proc/$$/cmdline\n", f);
    fclose(f);
    chmod(helper, 0755);
    struct assignment a = script(b, argv, "");
    a.kind = STEP_SQL;
    a.n_argv = 0;
    a.spec = "{\"connection\":\"lake\",\"pieces\":[]}";
    a.refs = refs;
    a.n_refs = 1;
    a.env = env;
    a.n_env = 1;
    b->config.sql_helper = helper;
    b->config.connection_env = (struct bf_strings){for_connections, 1};
    cr_assert(bench_start(b, &a), "%s", b->verdict.text);
    bench_finish(b);
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_OK, "%s", b->verdict.text);
    cr_expect(strstr(b->out, "\"resolved\":{\"odbc\":\"DSN=x;PWD=canary\"}"), "%s", b->out);
    cr_expect(strstr(b->out, "\"pieces\":[]"), "%s", b->out);
    cr_expect(strstr(b->out, "\"token\":4100"), "%s", b->out);
    cr_expect(strstr(b->out, "BF_FENCING_TOKEN=4100\n"), "%s", b->out);
    const char *behind = strstr(b->out, "BF_ATTEMPT=");      /* the environment, the limit, the words of its command */
    cr_assert_not_null(behind);
    cr_expect_null(strstr(behind, "canary"), "%s", behind);
    cr_expect_null(strstr(b->out, "of-the-plan"), "%s", b->out);
    cr_expect_null(strstr(b->out, "ALLOWED"), "%s", b->out);
    cr_expect(strstr(behind, "\n0\n"), "core files are refused: %s", behind);
    bench_free(b);
}

Test(agent_runner, a_helper_that_cannot_be_told_or_started)
{
    static char *for_connections[] = {"ALLOWED"};
    static struct step_ref denied[] = {{"odbc", "${env:SECRET}"}};
    static const struct { enum step_kind kind; size_t n_refs; int errnum; const char *says; } cases[] = {
        {STEP_SQL, 1, EPERM, "SECRET is not allowed on agent bench: list it in `connection_env`"},
        {STEP_SQL, 0, ENOENT, "agent bench cannot execute its helper /no/bf-sql: No such file or directory; "
                              "`sql_helper` in its configuration"},
        {STEP_HTTP, 0, EACCES, "agent bench cannot execute its helper /etc/passwd: Permission denied; `http_helper`"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *b = bench_new(CGROUP_AUTO);
        static char no_sql[] = "/no/bf-sql", no_http[] = "/etc/passwd";
        const char *argv[3];
        struct assignment a = script(b, argv, "");
        a.kind = cases[i].kind;
        a.n_argv = 0;
        a.spec = "{}";
        a.refs = denied;
        a.n_refs = cases[i].n_refs;
        b->config.sql_helper = no_sql;
        b->config.http_helper = no_http;
        b->config.connection_env = (struct bf_strings){for_connections, 1};
        cr_assert(!bench_start(b, &a));
        cr_expect_eq(b->verdict.outcome.source, OUTCOME_SPAWN);
        cr_expect_eq(b->verdict.outcome.code, cases[i].errnum, "case %zu: %d", i, b->verdict.outcome.code);
        cr_expect(strstr(b->verdict.text, cases[i].says), "%s", b->verdict.text);
        bench_free(b);
    }
}

/* A helper cancels in its server when it is told to end, and has the grace for it; only its leader is told. */
Test(agent_runner, a_helper_hears_term_and_what_it_says_then_is_kept)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    char helper[128];
    const char *argv[3];
    snprintf(helper, sizeof helper, "%s/helper", b->dir);
    FILE *f = fopen(helper, "w");
    fputs("#!/bin/sh\ntrap 'echo \"{\\\"sql\\\":{\\\"text\\\":\\\"stopped\\\",\\\"statement\\\":3}}\" > $BF_RESULT; exit 75' TERM\n"
          "(trap 'echo the child too' TERM; echo ready; while :; do sleep 0.05; done) &\nwhile :; do wait; done\n", f);
    fclose(f);
    chmod(helper, 0755);
    struct assignment a = script(b, argv, "");
    a.kind = STEP_SQL;
    a.n_argv = 0;
    a.spec = "{}";
    b->config.sql_helper = helper;
    cr_assert(bench_start(b, &a), "%s", b->verdict.text);
    while (b->out_len == 0)
        bench_turn(b);
    runner_term(b->runner, b->ref);
    bench_finish(b);
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_SQL, "%s", b->verdict.text);
    cr_expect_str_eq(b->details, "{\"sql\":{\"statement\":3}}");
    cr_expect_null(strstr(b->out, "the child too"), "%s", b->out);
    bench_free(b);
}

Test(agent_runner, usage_is_measured)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    bench_run(b, "(i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done) & wait");
    const struct attempt_usage *u = &b->verdict.outcome.usage;
    cr_expect_gt(u->cpu_us, 5000);
    cr_expect_geq(u->wall_us, 5000);
    cr_expect_eq(u->measured_by, cgroup_fence(b->cgroups) == FENCE_WEAK ? 1 : cgroup_measured_by(b->cgroups));
    bench_free(b);
}

Test(agent_runner, a_result_that_is_not_understood_is_told_in_the_log)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    bench_run(b, "echo '{\"check\": {\"name\": \"n\"}}' > $BF_RESULT; echo 'no json' >> $BF_RESULT; "
                 "echo '{\"metric\": {\"name\": \"n\", \"value\": 0.25}}' >> $BF_RESULT; echo hello");
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_OK);
    cr_expect_str_eq(b->details, "{\"metrics\":{\"n\":0.25}}");
    cr_expect(strstr(b->remarks, "line 1: not supported yet: check"), "%s", b->remarks);
    cr_expect(strstr(b->remarks, "line 2: not a JSON object"), "%s", b->remarks);
    bench_free(b);
}

/* Groups are used again, and what one attempt did is not counted for the next. */
Test(agent_runner, groups_are_recycled)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    for (unsigned i = 0; i < 20; i++) {
        b->ref = (struct attempt_ref){100 + i, 200 + i};
        b->ended = false;
        bench_run(b, i == 0 ? "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done" : "true");
        if (i > 0)
            cr_expect_lt(b->verdict.outcome.usage.cpu_us, 100000);
    }
    bench_free(b);
}

/* With limits; the host's own capacity is told as it is, so that none is passed over. */
static void bench_run_limited(struct bench *b, const char *text, struct step_limits limits)
{
    const char *argv[3];
    struct assignment a = script(b, argv, text);
    a.limits = limits;
    cr_assert(bench_start(b, &a), "%s", b->verdict.text);
    bench_finish(b);
}

static const enum cgroup_mode limiting[] = {CGROUP_AUTO, CGROUP_V1};

/* NULL where the host does not enforce it. */
static struct bench *bench_that_limits(enum cgroup_mode mode, uint32_t bits)
{
    struct cgroup_tree *t;
    struct bf_error err = {0};
    if (cgroup_open(mode, "limits", "/tmp/bf-limits", &t, &err) != BF_OK)
        return NULL;
    bool enforces = (cgroup_enforces(t) & bits) == bits;
    cgroup_close(t);
    return enforces ? bench_new(mode) : NULL;
}

Test(agent_runner, a_step_that_takes_too_much_memory_is_named)
{
    unsigned held = 0;
    for (size_t m = 0; m < 2; m++) {
        struct bench *b = bench_that_limits(limiting[m], HOST_MEMORY);
        if (!b)
            continue;
        held++;
        bench_run_limited(b, "exec perl -e '$x = \"x\" x (200 << 20)'", (struct step_limits){.memory_bytes = 32u << 20});
        cr_expect_eq(b->verdict.outcome.source, OUTCOME_OOM, "%s", b->verdict.text);
        cr_expect_eq(b->verdict.outcome.code, OOM_OWN_LIMIT);
        cr_expect(strstr(b->verdict.text, "killed: out of memory at 32 MiB, peak 3"), "%s", b->verdict.text);
        cr_expect(strstr(b->verdict.text, "; try 48Mi"), "%s", b->verdict.text);
        cr_expect_gt(b->verdict.outcome.usage.peak_memory_bytes, 28u << 20);
        cr_expect_leq(b->verdict.outcome.usage.peak_memory_bytes, 32u << 20);
        cr_expect(b->verdict.outcome.usage.limits_hit & HOST_MEMORY);
        /* The same group, without a limit: nothing of it is left. */
        b->ref = (struct attempt_ref){42, 4200};
        b->ended = false;
        bench_run_limited(b, "exec perl -e '$x = \"x\" x (60 << 20)'", (struct step_limits){0});
        cr_expect_eq(b->verdict.outcome.source, OUTCOME_OK, "%s", b->verdict.text);
        cr_expect_gt(b->verdict.outcome.usage.peak_memory_bytes, 50u << 20);
        cr_expect_eq(b->verdict.outcome.usage.limits_hit, 0);
        bench_free(b);
    }
    if (held == 0)
        cr_skip_test("no control group here holds a step to its memory");
}

Test(agent_runner, a_step_that_forks_too_much_is_named)
{
    unsigned held = 0;
    for (size_t m = 0; m < 2; m++) {
        struct bench *b = bench_that_limits(limiting[m], HOST_PIDS);
        if (!b)
            continue;
        held++;
        b->config.step_pids = 12;
        bench_run(b, "i=0; while [ $i -lt 40 ]; do sleep 30 & i=$((i+1)); done; exit 3");
        cr_expect(strstr(b->verdict.text, "it reached its limit of 12 processes ("), "%s", b->verdict.text);
        cr_expect_eq(b->verdict.outcome.usage.peak_pids, 12);
        cr_expect(b->verdict.outcome.usage.limits_hit & HOST_PIDS);
        cr_expect(strstr(b->remarks, "it reached its limit of 12 processes"), "%s", b->remarks);
        b->ref = (struct attempt_ref){42, 4200};
        b->ended = false;
        b->config.step_pids = 0;
        bench_run(b, "true");
        cr_expect_eq(b->verdict.outcome.source, OUTCOME_OK, "%s", b->verdict.text);
        cr_expect_eq(b->verdict.outcome.usage.limits_hit, 0);
        bench_free(b);
    }
    if (held == 0)
        cr_skip_test("no control group here holds a step to its number of processes");
}

Test(agent_runner, a_step_that_wants_more_processor_time_is_throttled)
{
    struct bench *b = bench_that_limits(CGROUP_AUTO, HOST_CPU);
    if (!b)
        cr_skip_test("no control group here holds a step to its processors");
    runner_free(b->runner);
    const struct runner_setup setup = {
        .config = &b->config, .cgroups = b->cgroups, .logs = b->logs, .page = &b->page, .own_env = own_env, .work_dir = b->dir,
        .result_dir = b->results, .epoll_fd = (int)b->config.slots, .nofile_soft = 256, .cpu_milli = 64000,
        .started = on_started, .failed = on_failed, .ended = on_ended, .arg = b};
    b->runner = runner_new(&setup);
    bench_run_limited(b, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done", (struct step_limits){.cpu_milli = 50});
    cr_expect_gt(b->verdict.outcome.usage.throttled_us, 0);
    cr_expect(b->verdict.outcome.usage.limits_hit & HOST_CPU);
    bench_free(b);
}

Test(agent_runner, a_limit_that_is_not_enforced_is_told_in_the_log)
{
    struct bench *b = bench_new(CGROUP_OFF);
    bench_run_limited(b, "true", (struct step_limits){.memory_bytes = 64u << 20, .cpu_milli = 500});
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_OK);
    cr_expect(strstr(b->remarks, "its limit of cpu is not enforced on this host, only measured"), "%s", b->remarks);
    cr_expect(strstr(b->remarks, "its limit of memory is not enforced on this host, only measured"), "%s", b->remarks);
    bench_free(b);
}

Test(agent_runner, without_control_groups_it_is_measured_from_proc)
{
    struct bench *b = bench_new(CGROUP_OFF);
    bench_run(b, "perl -e '$x = \"x\" x (40 << 20); sleep 2' & sleep 2 & wait");
    cr_expect_gt(b->verdict.outcome.usage.peak_memory_bytes, 30u << 20);
    cr_expect_geq(b->verdict.outcome.usage.peak_pids, 3);
    cr_expect_eq(b->verdict.outcome.usage.measured_by, 1);
    bench_free(b);
}

/* --- sessions that bf-sql leaves ---------------------------------------------------------------------------------------- */

/* A stand-in for bf-sql: its work ends as the specification says, and so does the end of its session. */
static const char helper_text[] =
    "#!/bin/sh\n"
    "said=$(cat)\n"
    "tell() { echo \"{\\\"session\\\":{\\\"state\\\":\\\"$1\\\",\\\"text\\\":\\\"$2\\\"}}\" >> $BF_RESULT; }\n"
    "case $said in\n"
    "*close_ms*) ;;\n"
    "*never_open*) kill -9 $$ ;;\n"
    "*in_order*) tell open; tell closed; exit 1 ;;\n"
    "*gave_up*) tell open; exit 75 ;;\n"
    "*) tell open; kill -9 $$ ;;\n"
    "esac\n"
    "case $said in\n"
    "*ended*) tell open 'session 7 is still there'; tell closed 'session 7 was ended in 3 ms' ;;\n"
    "*was_gone*) tell closed ;;\n"
    "*refused*) tell open 'session 7 (role owner), which this role may not end; to allow it: grant more'; exit 75 ;;\n"
    "*hangs*) tell open 'its server does not answer'; sleep 1000 & wait ;;\n"
    "esac\n";

static struct bench *bench_of_sessions(enum cgroup_mode mode, char helper[128])
{
    struct bench *b = bench_new(mode);
    snprintf(helper, 128, "%s/helper", b->dir);
    FILE *f = fopen(helper, "w");
    fputs(helper_text, f);
    fclose(f);
    chmod(helper, 0755);
    b->config.sql_helper = helper;
    b->config.session_wait_ms = LIMIT_MS;
    return b;
}

static struct assignment of_sql(const struct bench *b, const char *spec)
{
    return (struct assignment){.ref = b->ref, .kind = STEP_SQL, .cluster = "c", .plan = "p", .step = "load", .partition = "", .run_id = "1",
                               .run = 1, .spec = spec};
}

Test(agent_runner, an_attempt_that_leaves_a_session_ends_when_that_is_gone)
{
    static const struct { const char *spec; bool closing; enum session_end session; const char *note; } cases[] = {
        {"{\"a\":\"never_open\"}", false, SESSION_CLOSED, ""},
        {"{\"a\":\"in_order\"}", false, SESSION_CLOSED, ""},
        {"{\"a\":\"ended\"}", true, SESSION_ENDED, "its session 7 was ended in 3 ms"},
        {"{\"a\":\"gave_up ended\"}", true, SESSION_ENDED, "its session 7 was ended in 3 ms"},
        {"{\"a\":\"was_gone\"}", true, SESSION_CLOSED, ""},
        {"{\"a\":\"refused\"}", true, SESSION_ASSUMED_GONE, "which this role may not end; to allow it: grant more"},
        {"{\"a\":\"dies\"}", true, SESSION_ASSUMED_GONE, "what was to end it died"},
    };
    EACH_MODE(m)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char helper[128];
        struct bench *b = bench_of_sessions(modes[m], helper);
        struct assignment a = of_sql(b, cases[i].spec);
        cr_assert(bench_start(b, &a), "%s", b->verdict.text);
        bench_finish(b);
        cr_expect_eq(b->closing, cases[i].closing, "%s", cases[i].spec);
        cr_expect_eq(b->verdict.outcome.usage.session, cases[i].session, "%s: \"%s\"", cases[i].spec, b->note);
        cr_expect(*cases[i].note ? strstr(b->note, cases[i].note) != NULL : !*b->note, "%s: \"%s\"", cases[i].spec, b->note);
        bool killed = b->verdict.outcome.source == OUTCOME_SIGNAL && b->verdict.outcome.code == SIGKILL;
        cr_expect_eq(killed, strstr(cases[i].spec, "gave_up") == NULL && strstr(cases[i].spec, "in_order") == NULL, "%s: %s", cases[i].spec,
                     b->verdict.text);
        bench_free(b);
    }
}

Test(agent_runner, the_wait_for_a_session_is_bounded)
{
    EACH_MODE(m) {
        char helper[128];
        struct bench *b = bench_of_sessions(modes[m], helper);
        struct assignment a = of_sql(b, "{\"a\":\"hangs\"}");
        b->config.session_wait_ms = 1000;
        cr_assert(bench_start(b, &a), "%s", b->verdict.text);
        bench_finish(b);
        cr_expect_eq(b->verdict.outcome.usage.session, SESSION_ASSUMED_GONE);
        cr_expect_str_eq(b->note, "its session at the server is assumed gone after 1s: its server does not answer");
        bench_free(b);
    }
}

static void until_closing(struct bench *b)
{
    while (!b->closing && !b->ended)
        bench_turn(b);
    cr_assert(b->closing);
}

Test(agent_runner, an_order_to_kill_ends_the_wait_for_a_session)
{
    char helper[128];
    struct bench *b = bench_of_sessions(CGROUP_AUTO, helper);
    struct assignment a = of_sql(b, "{\"a\":\"hangs\"}");
    cr_assert(bench_start(b, &a), "%s", b->verdict.text);
    until_closing(b);
    runner_term(b->runner, b->ref);          /* of the attempt, which is dead: what closes its session goes on */
    runner_run(b->runner, bf_boottime_ms());
    cr_expect(!b->ended);
    runner_kill(b->runner, b->ref);
    bench_finish(b);
    cr_expect_eq(b->verdict.outcome.usage.session, SESSION_ASSUMED_GONE);
    cr_expect(strstr(b->note, "cut short"), "\"%s\"", b->note);
    bench_free(b);
}

Test(agent_runner, without_a_lease_nobody_looks_for_a_session)
{
    char helper[128];
    struct bench *b = bench_of_sessions(CGROUP_AUTO, helper);
    struct assignment a = of_sql(b, "{\"a\":\"ended\"}");
    cr_assert(bench_start(b, &a), "%s", b->verdict.text);
    atomic_store(&b->page.deadline_ms, bf_boottime_ms());
    bench_finish(b);
    cr_expect(!b->closing);
    cr_expect_eq(b->verdict.outcome.usage.session, SESSION_ASSUMED_GONE);
    cr_expect_str_eq(b->note, "its session at the server is assumed gone: nobody looked for it, because the lease of the agent had run out");
    bench_free(b);
}
