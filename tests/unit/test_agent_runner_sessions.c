/* Attempts end when the session that bf-sql leaves at its server is gone, or is assumed to be. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "tests/support/dead_mount.h"
#include "tests/support/runner_bench.h"

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
    b->config.session_wait_ms = BENCH_LIMIT_MS;
    return b;
}

static struct assignment of_sql(const struct bench *b, const char *spec)
{
    return (struct assignment){.ref = b->ref, .kind = STEP_SQL, .cluster = "c", .plan = "p", .step = "load", .partition = "", .run_id = "1",
                               .run = 1, .spec = spec};
}

Test(agent_runner_sessions, an_attempt_that_leaves_a_session_ends_when_that_is_gone)
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
        struct bench *b = bench_of_sessions(bench_modes[m], helper);
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

Test(agent_runner_sessions, the_wait_for_a_session_is_bounded)
{
    EACH_MODE(m) {
        char helper[128];
        struct bench *b = bench_of_sessions(bench_modes[m], helper);
        struct assignment a = of_sql(b, "{\"a\":\"hangs\"}");
        b->config.session_wait_ms = 1000;
        cr_assert(bench_start(b, &a), "%s", b->verdict.text);
        bench_finish(b);
        cr_expect_eq(b->verdict.outcome.usage.session, SESSION_ASSUMED_GONE);
        cr_expect_str_eq(b->note, "its session at the server is assumed gone after 1s: its server does not answer");
        bench_free(b);
    }
}

/* The file system that it lies on is gone by then. */
Test(agent_runner_sessions, the_wait_for_a_session_is_bounded_though_its_helper_never_executes)
{
    char helper[128], away[96], moved[128];
    bench_spawners = 1;
    struct bench *b = bench_of_sessions(CGROUP_AUTO, helper);
    struct assignment a = of_sql(b, "{\"a\":\"ended\"}");
    snprintf(away, sizeof away, "%s/away", b->dir);
    snprintf(moved, sizeof moved, "%s/helper", away);
    cr_assert_eq(mkdir(away, 0755), 0);
    if (!dead_mount(away))
        cr_skip("no file system can be mounted here");
    b->config.session_wait_ms = 1000;
    cr_assert(bench_start(b, &a), "%s", b->verdict.text);
    b->config.sql_helper = moved;
    bench_finish(b);
    cr_expect_eq(b->verdict.outcome.usage.session, SESSION_ASSUMED_GONE);
    cr_expect(strstr(b->note, "its session at the server is assumed gone"), "\"%s\"", b->note);
    dead_unmount(away);
    bench_free(b);
}

static void until_closing(struct bench *b)
{
    while (!b->closing && !b->ended)
        bench_turn(b);
    cr_assert(b->closing);
}

Test(agent_runner_sessions, an_order_to_kill_ends_the_wait_for_a_session)
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

Test(agent_runner_sessions, without_a_lease_nobody_looks_for_a_session)
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
