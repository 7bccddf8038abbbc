#include "tests/support/runner_bench.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

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

unsigned bench_spawners;
bool bench_epoll_takes_none;
const enum cgroup_mode bench_modes[4] = {CGROUP_AUTO, CGROUP_OFF, CGROUP_AUTO, CGROUP_OFF};

static struct runner *runner_of(struct bench *b, uint64_t cpu_milli)
{
    const struct runner_setup setup = {
        .config = &b->config, .cgroups = b->cgroups, .logs = b->logs, .page = &b->page, .own_env = own_env, .work_dir = b->dir,
        .result_dir = b->results, .epoll_fd = b->epoll_fd, .nofile_soft = 256, .cpu_milli = cpu_milli, .n_spawners = bench_spawners,
        .started = on_started, .failed = on_failed, .closing = on_closing, .ended = on_ended, .arg = b};
    return runner_new(&setup);
}

struct bench *bench_new(enum cgroup_mode mode)
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
    b->epoll_fd = bench_epoll_takes_none ? -1 : epoll_create1(EPOLL_CLOEXEC);
    cr_assert(bench_epoll_takes_none || b->epoll_fd >= 0);
    b->runner = runner_of(b, 0);
    b->ref = (struct attempt_ref){41, 4100};
    return b;
}

void bench_free(struct bench *b)
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

void bench_of_cpus(struct bench *b, uint64_t cpu_milli)
{
    runner_free(b->runner);
    b->runner = runner_of(b, cpu_milli);
}

void bench_turn(struct bench *b)
{
    struct epoll_event events[8];
    int64_t next = runner_next_ms(b->runner), now = bf_boottime_ms();
    int wait = next == INT64_MAX ? BENCH_LIMIT_MS : next > now ? (int)(next - now) : 0;
    errno = 0;
    int n = bench_epoll_takes_none ? poll(NULL, 0, wait) : epoll_wait(b->epoll_fd, events, 8, wait);
    cr_assert(n > 0 || next != INT64_MAX || errno == EINTR, "nothing happened within %d ms", BENCH_LIMIT_MS);
    for (int i = 0; i < n; i++)
        runner_event(b->runner, events[i].data.ptr);
    runner_run(b->runner, bf_boottime_ms());
}

void bench_finish(struct bench *b)
{
    while (!b->ended)
        bench_turn(b);
    b->out[b->out_len] = '\0';
}

bool bench_start(struct bench *b, const struct assignment *a)
{
    b->started = b->failed = false;
    runner_start(b->runner, a);
    while (!b->started && !b->failed)
        bench_turn(b);
    return b->started;
}

struct assignment bench_script(const struct bench *b, const char *argv[3], const char *text)
{
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = text;
    return (struct assignment){.ref = b->ref, .kind = STEP_RUN, .cluster = "c", .plan = "p", .step = "load", .partition = "2024-01-01",
                               .run_id = "1/load/2024-01-01/1", .run = 2, .argv = argv, .n_argv = 3, .spec = ""};
}

void bench_run(struct bench *b, const char *text)
{
    const char *argv[3];
    struct assignment a = bench_script(b, argv, text);
    cr_assert(bench_start(b, &a), "%s", b->verdict.text);
    bench_finish(b);
}
