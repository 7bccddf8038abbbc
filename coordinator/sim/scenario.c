/* Random plans: a few steps over hours, days, weeks, months or nothing, also over a change of the clock; every mapping, shared pools,
 * weights, steps in the warehouse, datasets that other plans write too, and earlier backfills that have to have succeeded. */
#include <stdio.h>

#include "coordinator/sim/world.h"

enum { STEPS_MAX = 5 };

static const char *const priorities[] = {"critical", "high", "normal", "low"};

/* What is drawn of a plan. */
struct sketch {
    enum plan_grain grain, coarse;           /* of the plan; what steps may have instead */
    enum plan_grain grains[STEPS_MAX];
    bool strict;                             /* requires the success of what lies outside */
    uint64_t family;                         /* plans of one name, which write the same datasets */
};

static void put_outside(struct world *w, struct bf_buf *b, const struct sketch *k, uint32_t percent)
{
    bf_buf_printf(b, ", outside: %s}", k->strict && world_chance(w, percent) ? "require_success" : "assume");
}

/* The step itself, and one that is strict: only what comes before. */
static void put_window(struct world *w, struct bf_buf *b, const struct sketch *k, uint32_t up, bool self)
{
    int64_t to = self ? -1 - (int64_t)world_random(w, 2) : (int64_t)world_random(w, k->strict ? 4 : 5) - 3;
    int64_t from = to - (int64_t)world_random(w, 4);
    bf_buf_printf(b, "{s%u: window %lld..%lld", up, (long long)from, (long long)to);
    put_outside(w, b, k, 70);
}

static void put_need(struct world *w, struct bf_buf *b, const struct sketch *k, uint32_t step, uint32_t up)
{
    enum plan_grain own = k->grains[step], its = k->grains[up];
    if (own == its && own != PLAN_NONE && world_chance(w, 35)) {
        put_window(w, b, k, up, false);
    } else if (own == its) {
        bf_buf_printf(b, "{s%u: %s}", up, own == PLAN_NONE || world_chance(w, 60) ? "same" : world_chance(w, 50) ? "all" : "previous 2");
    } else if (plan_grain_nests(own, its)) {
        bf_buf_printf(b, "{s%u: containing}", up);
    } else if (plan_grain_nests(its, own)) {
        bf_buf_printf(b, "{s%u: contained", up);
        put_outside(w, b, k, 15);
    } else {
        bf_buf_printf(b, "{s%u: all}", up);
    }
}

static void needs_line(struct world *w, struct bf_buf *b, const struct sketch *k, uint32_t step)
{
    bf_buf_put_str(b, "    needs: [");
    const char *comma = "";
    for (uint32_t u = 0; u < step; u++) {
        if (!world_chance(w, 50))
            continue;
        bf_buf_put_str(b, comma);
        put_need(w, b, k, step, u);
        comma = ", ";
    }
    if (k->grains[step] != PLAN_NONE && world_chance(w, 20)) {
        bf_buf_put_str(b, comma);
        put_window(w, b, k, step, true);
    }
    bf_buf_put_str(b, "]\n");
}

static void step_lines(struct world *w, struct bf_buf *b, const struct sketch *k, uint32_t i)
{
    if (world_chance(w, 35))
        bf_buf_printf(b, "  s%u:\n    sql: {connection: wh, transaction: true, text: \"select %u\"}\n", i, i);
    else
        bf_buf_printf(b, "  s%u:\n    run: [work, \"%u\"]\n", i, i);
    if (k->grains[i] != k->grain)
        bf_buf_printf(b, "    partitions: {grain: %s}\n", plan_grain_name(k->grains[i]));
    bf_buf_printf(b, "    outputs: [d%llu.%u]\n    priority: %s\n", (unsigned long long)k->family, i, priorities[world_random(w, 4)]);
    if (world_chance(w, 30))
        bf_buf_printf(b, "    weight: %llu\n", (unsigned long long)world_random(w, 100));
    bool slow = world_chance(w, 20);
    bf_buf_printf(b, "    retry: {max: %llu, backoff: {initial: %s, factor: 2, max: %s, jitter: full}}\n",
                  (unsigned long long)(1 + world_random(w, 4)), slow ? "20s" : "100ms", slow ? "60s" : "2s");
    if (world_chance(w, 30))
        bf_buf_printf(b, "    timebox: {limit: 3s, then: %s}\n", world_chance(w, 50) ? "kill_and_retry" : "kill_and_fail");
    if (world_chance(w, 60))
        bf_buf_printf(b, "    pool: %s\n", world_chance(w, 50) ? "fixed" : "own");
    if (w->guardians_tell && world_chance(w, 20))
        bf_buf_put_str(b, "    on_lost: wait_for_fence\n");
    needs_line(w, b, k, i);
}

/* Strict ones begin later, where others of the family have been.  Hours: the days on which Berlin changes its clock. */
static void range_line(struct world *w, struct bf_buf *b, const struct sketch *k, bool whole_month)
{
    if (k->grain == PLAN_HOUR) {
        const char *day = world_chance(w, 50) ? "2024-03-31" : "2024-10-27";
        uint64_t from = world_random(w, 2) + (k->strict ? 4 : 0), to = from + 4 + world_random(w, 6);
        bf_buf_printf(b, "partitions: {grain: hour, from: %sT%02llu, to: %sT%02llu, timezone: Europe/Berlin, partial: allow}\n", day,
                      (unsigned long long)from, day, (unsigned long long)to);
    } else if (k->grain == PLAN_DAY && whole_month) {
        bf_buf_put_str(b, "partitions: {grain: day, from: 2024-02-01, to: 2024-02-29, partial: allow}\n");
    } else if (k->grain == PLAN_DAY) {
        uint64_t from = (k->strict ? 6 : 1) + world_random(w, 5), to = (k->strict ? 10 : 5) + world_random(w, 10);
        bf_buf_printf(b, "partitions: {grain: day, from: 2024-02-%02llu, to: 2024-02-%02llu, partial: allow}\n", (unsigned long long)from,
                      (unsigned long long)to);
    }
}

void scenario_plan(struct world *w, struct bf_buf *ret)
{
    static const enum plan_grain coarse[] = {PLAN_WEEK, PLAN_MONTH};
    uint32_t n = 1 + (uint32_t)world_random(w, STEPS_MAX), most = w->options.schedule ? w->options.schedule->steps_max : 0;
    n = most && n > most ? most : n;
    struct sketch k = {.family = world_random(w, w->options.seed % 2 ? 2 : 4)};
    k.strict = w->creates_sent > 0 && world_chance(w, 35);
    bool whole_month = world_chance(w, 30);
    k.grain = world_chance(w, 20) ? PLAN_NONE : world_chance(w, 25) ? PLAN_HOUR : PLAN_DAY;
    k.coarse = k.grain == PLAN_HOUR ? PLAN_DAY : coarse[world_random(w, 2)];
    bf_buf_printf(ret, "apiVersion: backfill/v1\nkind: Plan\nname: p%llu\n", (unsigned long long)k.family);
    range_line(w, ret, &k, whole_month);
    bf_buf_printf(ret, "pools: {fixed: {slots: 3}, own: {slots: %llu}}\n", (unsigned long long)(1 + world_random(w, 4)));
    /* Whether its load is measured does not come from the dice, which other choices hang on. */
    bf_buf_printf(ret, "connections: {wh: {odbc: \"${secret:wh}\"%s}}\ndatasets:\n",
                  w->options.seed % 3 ? ", probe: {sql: \"select 1\", every: 2s, target: 100ms, limit: 1s}" : "");
    for (uint32_t i = 0; i < n; i++)
        bf_buf_printf(ret, "  d%llu.%u: {connection: wh, table: t%u}\n", (unsigned long long)k.family, i, i);
    bf_buf_put_str(ret, "steps:\n");
    for (uint32_t i = 0; i < n; i++) {
        k.grains[i] = k.grain == PLAN_NONE || world_chance(w, 75) ? k.grain : world_chance(w, 70) ? k.coarse : PLAN_NONE;
        step_lines(w, ret, &k, i);
    }
}

/* A TZif file without transitions, whose clock changes come from its rule alone (RFC 9636). */
void scenario_zone(struct bf_buf *ret)
{
    static const char rule[] = "\nCET-1CEST,M3.5.0,M10.5.0/3\n";
    static const uint8_t zeros[15], counts[24] = {[19] = 1, [23] = 4};             /* one type, four characters of names */
    static const uint8_t type[] = {0, 0, 0x0e, 0x10, 0, 0, 'C', 'E', 'T', 0};      /* 3,600 s east */
    for (int part = 0; part < 2; part++) {
        bf_buf_put(ret, "TZif2", 5);
        bf_buf_put(ret, zeros, sizeof zeros);
        bf_buf_put(ret, counts, sizeof counts);
        bf_buf_put(ret, type, sizeof type);
    }
    bf_buf_put(ret, rule, sizeof rule - 1);
}
