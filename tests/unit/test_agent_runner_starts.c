/* How attempts start, what a step finds when it does, and why one does not start. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/dead_mount.h"
#include "tests/support/runner_bench.h"

Test(agent_runner_starts, a_program_that_is_not_there)
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
        struct assignment a = bench_script(b, argv, "");
        argv[0] = cases[i].name;
        cr_assert(!bench_start(b, &a));
        cr_expect_eq(b->verdict.outcome.source, OUTCOME_SPAWN);
        cr_expect_eq(b->verdict.outcome.code, cases[i].errnum, "%s: %d", cases[i].name, b->verdict.outcome.code);
        verdict_line(b->remarks, sizeof b->remarks, cases[i].text);
        cr_expect_str_eq(b->verdict.text, b->remarks, "\"%s\"", b->verdict.text);
        bench_free(b);
    }
}

Test(agent_runner_starts, an_expired_lease_starts_nothing)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    const char *argv[3];
    struct assignment a = bench_script(b, argv, "true");
    atomic_store(&b->page.deadline_ms, bf_boottime_ms());
    cr_assert(!bench_start(b, &a));
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_FENCED);
    bench_free(b);
}

/* That it executes is told in a later turn: until then it is being started.  true: it did. */
static bool ends_while_it_starts(enum cgroup_mode mode, bool kill)
{
    struct bench *b = bench_new(mode);
    const char *argv[3];
    struct assignment a = bench_script(b, argv, "exec sleep 600");
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
Test(agent_runner_starts, what_is_to_end_while_it_starts_never_executes_or_ends)
{
    EACH_MODE(m)
        for (size_t i = 0; i < 2; i++) {
            int tries = 1;
            while (ends_while_it_starts(bench_modes[m], i == 0) && tries < 100 && m < 2)
                tries++;
            cr_expect_lt(tries, 100, "mode %zu: it executed each time", m);
        }
}

/* Where the file system that its program lies on is away: the folder `away` in the bench's. */
static struct bench *bench_with_away(enum cgroup_mode mode)
{
    char away[96];
    struct bench *b = bench_new(mode);
    snprintf(away, sizeof away, "%s/away", b->dir);
    cr_assert_eq(mkdir(away, 0755), 0);
    if (!dead_mount(away))
        cr_skip("no file system can be mounted here");
    return b;
}

static void free_with_away(struct bench *b)
{
    char away[96];
    snprintf(away, sizeof away, "%s/away", b->dir);
    dead_unmount(away);
    bench_free(b);
}

static void kill_what_hangs(enum cgroup_mode mode, const char *program, struct step_env *path)
{
    struct bench *b = bench_with_away(mode);
    const char *argv[3];
    struct assignment a = bench_script(b, argv, "");
    argv[0] = program;
    a.env = path;
    a.n_env = path != NULL;
    runner_start(b->runner, &a);
    cr_assert(dead_await(BENCH_LIMIT_MS));
    runner_kill(b->runner, b->ref);
    while (!b->ended && !b->failed)
        bench_turn(b);
    free_with_away(b);
}

Test(agent_runner_starts, a_start_that_hangs_in_its_program_can_be_killed)
{
    bench_spawners = 2;
    for (size_t m = 0; m < 2; m++)
        kill_what_hangs(bench_modes[m], "away/program", NULL);
}

Test(agent_runner_starts, a_start_that_hangs_in_its_PATH_can_be_killed)
{
    struct step_env path = {"PATH", "away:/usr/bin:/bin"};
    bench_spawners = 2;
    for (size_t m = 0; m < 2; m++)
        kill_what_hangs(bench_modes[m], "true", &path);
}

/* One thread, which the first attempt holds; the second waits for it. */
static struct bench *bench_behind_hang(struct assignment *first, const char *hangs[3], struct assignment *second, const char *waits[3])
{
    struct bench *b = bench_with_away(CGROUP_AUTO);
    *first = bench_script(b, hangs, "");
    *second = bench_script(b, waits, "true");
    hangs[0] = "away/program";
    first->ref = (struct attempt_ref){40, 4000};
    bench_spawners = 1;
    bench_of_cpus(b, 0);
    runner_start(b->runner, first);
    cr_assert(dead_await(BENCH_LIMIT_MS));
    runner_start(b->runner, second);
    return b;
}

/* Nobody ends those that hang; others go on all the same. */
Test(agent_runner_starts, what_waits_behind_starts_that_hang_starts_a_little_later)
{
    const char *hangs[3], *waits[3];
    struct assignment first, second;
    struct bench *b = bench_behind_hang(&first, hangs, &second, waits);
    bench_finish(b);
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_OK, "%s", b->verdict.text);
    b->started = b->ended = false;
    b->ref = first.ref;
    runner_kill(b->runner, first.ref);
    bench_finish(b);
    free_with_away(b);
}

static struct step_ref dsn = {"odbc", "${secret:dsn}"};

/* The thread that starts the step waits for it, and nobody else. */
Test(agent_runner_starts, a_secret_that_hangs_holds_up_no_other_start, .timeout = 60)
{
    char away[96], *secrets[] = {"dsn"};
    struct bench *b = bench_with_away(CGROUP_AUTO);
    const char *argv[3];
    struct assignment first = bench_script(b, argv, ""), second = bench_script(b, argv, "true");
    snprintf(away, sizeof away, "%s/away", b->dir);
    b->config.secrets_dir = away;
    b->config.allow_secrets = (struct bf_strings){secrets, 1};
    b->config.sql_helper = "/bin/cat";
    first.ref = (struct attempt_ref){40, 4000};
    first.kind = STEP_SQL;
    first.spec = "{}";
    first.refs = &dsn;
    first.n_refs = 1;
    bench_spawners = 1;
    bench_of_cpus(b, 0);
    runner_start(b->runner, &first);
    runner_start(b->runner, &second);
    bench_finish(b);
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_OK, "%s", b->verdict.text);
    cr_expect_eq(runner_n_runs(b->runner), 1);
    b->started = b->ended = false;
    b->ref = first.ref;
    dead_unmount(away);
    while (!b->failed)
        bench_turn(b);
    cr_expect(strstr(b->verdict.text, "secret dsn"), "%s", b->verdict.text);
    b->config.secrets_dir = b->config.sql_helper = NULL;
    b->config.allow_secrets = (struct bf_strings){0};
    bench_free(b);
}

static size_t count_in(int fd, const char *word)
{
    char text[4096];
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    size_t n = 0;
    text[len > 0 ? len : 0] = '\0';
    for (const char *p = text; (p = strstr(p, word)); p++)
        n++;
    return n;
}

Test(agent_runner_starts, a_start_that_hangs_is_told_once)
{
    bench_spawners = 1;
    struct bench *b = bench_with_away(CGROUP_AUTO);
    const char *argv[3];
    struct assignment a = bench_script(b, argv, "");
    int log = memfd_create("log", MFD_CLOEXEC), saved = dup(STDERR_FILENO);
    int64_t now_ms = bf_boottime_ms();
    argv[0] = "away/program";
    runner_start(b->runner, &a);
    cr_assert(dead_await(BENCH_LIMIT_MS));
    dup2(log, STDERR_FILENO);
    runner_run(b->runner, now_ms + 2000);
    runner_run(b->runner, now_ms + 10000);
    size_t early = count_in(log, "start_hangs");
    runner_run(b->runner, now_ms + 60000);
    runner_run(b->runner, now_ms + 120000);
    dup2(saved, STDERR_FILENO);
    cr_expect_eq(early, 0u);
    cr_expect_eq(count_in(log, "level=warn component=backfill event=start_hangs attempt=41 step=load "), 1u);
    runner_kill(b->runner, b->ref);
    bench_finish(b);
    free_with_away(b);
    close(log);
    close(saved);
}

/* Of attempts that wait for a thread, behind starts that nobody ends. */
Test(agent_runner_starts, what_waits_behind_starts_that_hang_ends_when_it_is_told_to)
{
    const char *hangs[3], *waits[3];
    struct assignment first, second;
    struct bench *b = bench_behind_hang(&first, hangs, &second, waits);
    runner_term(b->runner, second.ref);
    while (!b->failed)
        bench_turn(b);
    cr_expect_str_eq(b->verdict.text, "not started: it was to end before");
    cr_expect_eq(b->verdict.outcome.code, ECANCELED);
    cr_expect_eq(runner_n_runs(b->runner), 1);
    b->failed = false;
    b->ref = first.ref;
    runner_kill(b->runner, first.ref);
    bench_finish(b);
    free_with_away(b);
}

/* Some execute, some are being started, some wait for a thread. */
Test(agent_runner_starts, an_agent_that_ends_alone_leaves_nothing_behind)
{
    static struct bench *ended[4];           /* it exits right after, and frees nothing */
    EACH_MODE(m) {
        struct bench *b = ended[m] = bench_new(bench_modes[m]);
        const char *argv[3];
        struct assignment a[40];
        for (size_t i = 0; i < sizeof a / sizeof a[0]; i++) {
            a[i] = bench_script(b, argv, "exec sleep 600");
            a[i].ref = (struct attempt_ref){100 + i, 100 + i};
            runner_start(b->runner, &a[i]);
        }
        cr_assert(runner_end_all(b->runner, NULL, BENCH_LIMIT_MS));
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
Test(agent_runner_starts, a_start_is_of_the_moment_when_it_executed)
{
    EACH_MODE(m) {
        struct bench *b = bench_new(bench_modes[m]);
        const char *argv[3];
        struct assignment a = bench_script(b, argv, "true");
        struct pollfd done = {b->epoll_fd, POLLIN, 0};
        runner_start(b->runner, &a);
        cr_assert(bench_spawners == 0 || poll(&done, 1, BENCH_LIMIT_MS) == 1);
        int64_t done_us = bf_realtime_us();
        bench_finish(b);
        cr_expect(b->started_us > 0 && b->started_us <= done_us, "mode %zu: %lld us late", m, (long long)(b->started_us - done_us));
        bench_free(b);
    }
}

/* Its process has executed, and the loop has not heard of it. */
Test(agent_runner_starts, an_agent_that_ends_alone_kills_what_a_step_left_before_its_start_was_told)
{
    EACH_MODE(m) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        pid_t agent = fork();
        if (agent == 0) {
            struct bench *b = bench_new(bench_modes[m]);
            const char *argv[3];
            char path[96], byte;
            snprintf(path, sizeof path, "%s/ready", b->dir);
            cr_assert_eq(mkfifo(path, 0600), 0);
            struct assignment a = bench_script(b, argv, "(setsid sh -c 'trap \"\" TERM HUP; echo > ready; exec sleep 600' &); "
                                                        "exec sleep 600");
            runner_start(b->runner, &a);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            cr_assert_eq(read(fd, &byte, 1), 1);
            _exit(runner_end_all(b->runner, NULL, BENCH_LIMIT_MS) ? 0 : 1);
        }
        int status = -1;
        cr_assert_eq(waitpid(agent, &status, 0), agent);
        cr_assert_eq(status, 0);
        for (siginfo_t info = {0}; waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0; info.si_pid = 0)
            cr_assert_neq(info.si_pid, 0, "a process of the step lives on (mode %zu)", m);
    }
}

Test(agent_runner_starts, environment_is_by_allow_list)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    const char *argv[3];
    struct assignment a = bench_script(b, argv, "env | sort");
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

Test(agent_runner_starts, the_step_gets_three_files_and_clean_signals)
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

Test(agent_runner_starts, steps_run_under_another_user_when_root)
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

Test(agent_runner_starts, a_folder_that_the_step_user_may_not_enter_is_named)
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
    struct assignment a = bench_script(b, argv, "true");
    cr_assert(!bench_start(b, &a));
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_SPAWN);
    cr_expect_eq(b->verdict.outcome.code, EACCES);
    snprintf(expected, sizeof expected, "step user nobody may not enter %s: ", b->dir);
    cr_expect_eq(strncmp(b->verdict.text, expected, strlen(expected)), 0, "\"%s\"", b->verdict.text);
    bench_free(b);
}

Test(agent_runner_starts, a_helper_is_told_on_standard_input_and_its_environment_holds_no_secret)
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
    struct assignment a = bench_script(b, argv, "");
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

Test(agent_runner_starts, a_helper_that_cannot_be_told_or_started)
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
        struct assignment a = bench_script(b, argv, "");
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
