/* What attempts take, as it is measured, and the limits that they are held to. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/runner_bench.h"

Test(agent_runner_limits, usage_is_measured)
{
    struct bench *b = bench_new(CGROUP_AUTO);
    bench_run(b, "(i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done) & wait");
    const struct attempt_usage *u = &b->verdict.outcome.usage;
    cr_expect_gt(u->cpu_us, 5000);
    cr_expect_geq(u->wall_us, 5000);
    cr_expect_eq(u->measured_by, cgroup_fence(b->cgroups) == FENCE_WEAK ? 1 : cgroup_measured_by(b->cgroups));
    bench_free(b);
}

Test(agent_runner_limits, without_control_groups_it_is_measured_from_proc)
{
    struct bench *b = bench_new(CGROUP_OFF);
    bench_run(b, "perl -e '$x = \"x\" x (40 << 20); sleep 2' & sleep 2 & wait");
    cr_expect_gt(b->verdict.outcome.usage.peak_memory_bytes, 30u << 20);
    cr_expect_geq(b->verdict.outcome.usage.peak_pids, 3);
    cr_expect_eq(b->verdict.outcome.usage.measured_by, 1);
    bench_free(b);
}

/* Groups are used again, and what one attempt did is not counted for the next. */
Test(agent_runner_limits, groups_are_recycled)
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
    struct assignment a = bench_script(b, argv, text);
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

Test(agent_runner_limits, a_step_that_takes_too_much_memory_is_named)
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

Test(agent_runner_limits, a_step_that_forks_too_much_is_named)
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

Test(agent_runner_limits, a_step_that_wants_more_processor_time_is_throttled)
{
    struct bench *b = bench_that_limits(CGROUP_AUTO, HOST_CPU);
    if (!b)
        cr_skip_test("no control group here holds a step to its processors");
    bench_of_cpus(b, 64000);
    bench_run_limited(b, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done", (struct step_limits){.cpu_milli = 50});
    cr_expect_gt(b->verdict.outcome.usage.throttled_us, 0);
    cr_expect(b->verdict.outcome.usage.limits_hit & HOST_CPU);
    bench_free(b);
}

Test(agent_runner_limits, a_limit_that_is_not_enforced_is_told_in_the_log)
{
    struct bench *b = bench_new(CGROUP_OFF);
    bench_run_limited(b, "true", (struct step_limits){.memory_bytes = 64u << 20, .cpu_milli = 500});
    cr_expect_eq(b->verdict.outcome.source, OUTCOME_OK);
    cr_expect(strstr(b->remarks, "its limit of cpu is not enforced on this host, only measured"), "%s", b->remarks);
    cr_expect(strstr(b->remarks, "its limit of memory is not enforced on this host, only measured"), "%s", b->remarks);
    bench_free(b);
}
