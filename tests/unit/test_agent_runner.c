/* How attempts end, and what is told of it: real processes, with control groups (where the host lets us) and with the walk of /proc. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/runner_bench.h"

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
            struct bench *b = bench_new(bench_modes[m]);
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
    bench_epoll_takes_none = true;
    for (size_t m = 0; m < sizeof bench_modes / sizeof bench_modes[0]; m++) {
        struct bench *b = bench_new(bench_modes[m]);
        const char *argv[4];
        struct assignment a = bench_script(b, argv, "echo said; echo no such table >&2; exit 3");
        cr_assert(bench_start(b, &a));
        bench_finish(b);
        cr_expect_eq(b->verdict.outcome.source, OUTCOME_EXIT);
        cr_expect_str_eq(b->verdict.text, "exit status 3: no such table");
        cr_expect_not_null(strstr(b->out, "said"));
        bench_free(b);
    }
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
            struct bench *b = bench_new(bench_modes[m]);
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
        struct bench *b = bench_new(bench_modes[m]);
        const char *argv[3];
        struct assignment a = bench_script(b, argv, "trap '' TERM; sleep 600 & echo ready; wait; wait; wait");
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

Test(agent_runner, term_is_heard)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    const char *argv[3];
    struct assignment a = bench_script(b, argv, "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
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
    struct assignment a = bench_script(b, argv, "echo ready; sleep 600");
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
    struct assignment a = bench_script(b, argv, "");
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
