/* Random plans: a few steps over days, months or nothing, every mapping, shared pools, and datasets that other plans write too. */
#include <stdio.h>

#include "coordinator/sim/world.h"

enum { STEPS_MAX = 5 };

static const char *const priorities[] = {"critical", "high", "normal", "low"};

static void needs_line(struct world *w, struct bf_buf *b, char grain, const char *up_grains, uint32_t step)
{
    bf_buf_put_str(b, "    needs: [");
    const char *comma = "";
    for (uint32_t u = 0; u < step; u++) {
        if (!world_chance(w, 50))
            continue;
        bool same = up_grains[u] == grain;
        const char *mapping = !same ? (grain == 'd' ? "containing" : grain == 'n' ? "contained" : up_grains[u] == 'd' ? "contained" : "containing")
                              : grain == 'n' ? "same" : world_chance(w, 60) ? "same" : world_chance(w, 50) ? "all" : "previous 2";
        bf_buf_printf(b, "%s{s%u: %s}", comma, u, mapping);
        comma = ", ";
    }
    if (grain != 'n' && world_chance(w, 20))
        bf_buf_printf(b, "%s{s%u: previous 1}", comma, step);
    bf_buf_put_str(b, "]\n");
}

static void step_lines(struct world *w, struct bf_buf *b, uint32_t i, char plan_grain, char grain, const char *up_grains, uint64_t family)
{
    bf_buf_printf(b, "  s%u:\n    run: [work, \"%u\"]\n", i, i);
    if (grain != plan_grain)
        bf_buf_printf(b, "    partitions: {grain: %s}\n", grain == 'n' ? "none" : "month");
    bf_buf_printf(b, "    outputs: [d%llu.%u]\n    priority: %s\n", (unsigned long long)family, i, priorities[world_random(w, 4)]);
    bf_buf_printf(b, "    retry: {max: %llu, backoff: {initial: 100ms, factor: 2, max: 2s, jitter: full}}\n",
                  (unsigned long long)(1 + world_random(w, 4)));
    if (world_chance(w, 30))
        bf_buf_printf(b, "    timebox: {limit: 3s, then: %s}\n", world_chance(w, 50) ? "kill_and_retry" : "kill_and_fail");
    if (world_chance(w, 60))
        bf_buf_printf(b, "    pool: %s\n", world_chance(w, 50) ? "fixed" : "own");
    if (w->guardians_tell && world_chance(w, 20))
        bf_buf_put_str(b, "    on_lost: wait_for_fence\n");
    needs_line(w, b, grain, up_grains, i);
}

void scenario_plan(struct world *w, struct bf_buf *ret)
{
    uint32_t n = 1 + (uint32_t)world_random(w, STEPS_MAX);
    uint64_t family = world_random(w, 4);
    char grains[STEPS_MAX], plan_grain = world_chance(w, 80) ? 'd' : 'n';
    bool whole_month = world_chance(w, 30);
    bf_buf_printf(ret, "apiVersion: backfill/v1\nkind: Plan\nname: p%llu\n", (unsigned long long)family);
    if (plan_grain == 'd' && whole_month)
        bf_buf_put_str(ret, "partitions: {grain: day, from: 2024-02-01, to: 2024-02-29}\n");
    else if (plan_grain == 'd')
        bf_buf_printf(ret, "partitions: {grain: day, from: 2024-02-%02llu, to: 2024-02-%02llu}\n", (unsigned long long)(1 + world_random(w, 5)),
                      (unsigned long long)(5 + world_random(w, 10)));
    bf_buf_printf(ret, "pools: {fixed: {slots: 3}, own: {slots: %llu}}\ndatasets:\n", (unsigned long long)(1 + world_random(w, 4)));
    for (uint32_t i = 0; i < n; i++)
        bf_buf_printf(ret, "  d%llu.%u: {}\n", (unsigned long long)family, i);
    bf_buf_put_str(ret, "steps:\n");
    for (uint32_t i = 0; i < n; i++) {
        grains[i] = plan_grain == 'n' ? 'n' : world_chance(w, 75) ? 'd' : whole_month && world_chance(w, 60) ? 'm' : 'n';
        step_lines(w, ret, i, plan_grain, grains[i], grains, family);
    }
}
