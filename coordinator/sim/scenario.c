/* Random plans: a few steps over hours, days, weeks, months or nothing, also over a change of the clock; every mapping, shared pools,
 * weights, breakers, steps in the warehouse, datasets that other plans write too, and earlier backfills that have to have succeeded. */
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
    bool reads[STEPS_MAX];                   /* of the step that is drawn now: a dependency that lineage explains */
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

static void put_need(struct world *w, struct bf_buf *b, struct sketch *k, uint32_t step, uint32_t up)
{
    enum plan_grain own = k->grains[step], its = k->grains[up];
    k->reads[up] = own != its;
    if (own == its && own != PLAN_NONE && world_chance(w, 35)) {
        put_window(w, b, k, up, false);
    } else if (own == its) {
        bool same = own == PLAN_NONE || world_chance(w, 60);
        k->reads[up] = same;
        bf_buf_printf(b, "{s%u: %s}", up, same ? "same" : world_chance(w, 50) ? "all" : "previous 2");
    } else if (plan_grain_nests(own, its)) {
        bf_buf_printf(b, "{s%u: containing}", up);
    } else if (plan_grain_nests(its, own)) {
        bf_buf_printf(b, "{s%u: contained", up);
        put_outside(w, b, k, 15);
    } else {
        bf_buf_printf(b, "{s%u: all}", up);
    }
}

static void reads_nothing(struct sketch *k)
{
    for (uint32_t u = 0; u < STEPS_MAX; u++)
        k->reads[u] = false;
}

static void needs_line(struct world *w, struct bf_buf *b, struct sketch *k, uint32_t step)
{
    reads_nothing(k);
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

/* By its inputs, or spread over zones, or both. */
static void place_lines(struct world *w, struct bf_buf *b, const struct sketch *k, uint32_t step)
{
    const char *comma = "";
    bool any = false;
    for (uint32_t u = 0; u < step; u++)
        any |= k->reads[u];
    bool prefer = any && world_chance(w, 80), spread = world_chance(w, prefer ? 30 : 60);
    bf_buf_put_str(b, any ? "    inputs: [" : "");
    for (uint32_t u = 0; u < step; u++)
        if (k->reads[u]) {
            bf_buf_printf(b, "%sd%llu.%u", comma, (unsigned long long)k->family, u);
            comma = ", ";
        }
    bf_buf_put_str(b, any ? "]\n" : "");
    if (!prefer && !spread)
        return;
    bf_buf_printf(b, "    agents: {%s", prefer ? "prefer: inputs" : "");
    if (prefer && world_chance(w, 75))
        bf_buf_printf(b, ", wait: %llums", 200 + (unsigned long long)world_random(w, 6000));
    bf_buf_printf(b, "%s%s}\n", prefer && spread ? ", " : "", spread ? "spread: zone" : "");
}

/* Breakers that open soon and for a short time; their presets never would here. */
static void put_breaker(struct world *w, struct bf_buf *b)
{
    uint64_t window = 4 + world_random(w, 8);
    bf_buf_printf(b, "{window: %llu, period: %llus, minimum: %llu, rate: %llu%%, open: %llums, growth: %llu, open_max: %llus, probes: %llu",
                  (unsigned long long)window, (unsigned long long)(10 + world_random(w, 50)),
                  (unsigned long long)(2 + world_random(w, window - 2)), (unsigned long long)(40 + world_random(w, 60)),
                  (unsigned long long)(500 + world_random(w, 6000)), (unsigned long long)(1 + world_random(w, 3)),
                  (unsigned long long)(10 + world_random(w, 20)), (unsigned long long)(1 + world_random(w, 3)));
    bf_buf_printf(b, ", slow_rate: %llu%%, slow_factor: 3}", (unsigned long long)(world_chance(w, 50) ? 0 : 20 + world_random(w, 60)));
}

static void breakers_line(struct world *w, struct bf_buf *b)
{
    static const char *const kinds[] = {"pool", "step", "dataset", "connection"};
    bf_buf_put_str(b, "breakers: {");
    const char *comma = "";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!world_chance(w, 70))
            continue;
        bf_buf_printf(b, "%s%s: ", comma, kinds[i]);
        put_breaker(w, b);
        comma = ", ";
    }
    bf_buf_put_str(b, "}\n");
}

/* Where much is given ahead, every second world has no units: nothing that draws on a pool with some is. */
static bool has_units(const struct world *w)
{
    return !w->brisk || w->options.seed % 2;
}

/* Now and then both pools, and what of them; never more than the smallest pool of any plan has, so that all of it can run. */
static void pool_line(struct world *w, struct bf_buf *b)
{
    if (!world_chance(w, 60))
        return;
    bool both = world_chance(w, 25), fixed = world_chance(w, 50);
    bf_buf_printf(b, "    pool: %s\n", both ? (fixed ? "[fixed, own]" : "[own, fixed]") : fixed ? "fixed" : "own");
    if (!world_chance(w, 50))
        return;
    bf_buf_printf(b, "    resources: {cpu: %s, memory: %lluMi%s}\n", world_chance(w, 50) ? "0.5" : "2",
                  4 + (unsigned long long)world_random(w, 8) * 64,
                  (both || fixed) && has_units(w) && world_chance(w, 50) ? ", units: {conn: 2}" : ", io: 2Mi/s");
}

static void kind_lines(struct world *w, struct bf_buf *b, uint32_t i, bool sensor)
{
    if (sensor) {
        bf_buf_printf(b, "  s%u:\n    sensor: {dataset: outside, every: %llus", i, (unsigned long long)(1 + world_random(w, 4)));
        if (world_chance(w, 60))
            bf_buf_printf(b, ", timeout: %llus", (unsigned long long)(5 + world_random(w, 15)));
        bf_buf_put_str(b, "}\n");
    } else if (world_chance(w, 35)) {
        bf_buf_printf(b, "  s%u:\n    sql: {connection: wh, transaction: true, text: \"select %u\"}\n", i, i);
    } else {
        bf_buf_printf(b, "  s%u:\n    run: [work, \"%u\"]\n", i, i);
    }
}

static void step_lines(struct world *w, struct bf_buf *b, struct sketch *k, uint32_t i)
{
    bool sensor = w->sensors && world_chance(w, 40);
    kind_lines(w, b, i, sensor);
    if (k->grains[i] != k->grain)
        bf_buf_printf(b, "    partitions: {grain: %s}\n", plan_grain_name(k->grains[i]));
    if (!sensor)
        bf_buf_printf(b, "    outputs: [d%llu.%u]\n", (unsigned long long)k->family, i);
    bf_buf_printf(b, "    priority: %s\n", priorities[world_random(w, 4)]);
    if (world_chance(w, 30))
        bf_buf_printf(b, "    weight: %llu\n", (unsigned long long)world_random(w, 100));
    bool slow = world_chance(w, 20);
    bf_buf_printf(b, "    retry: {max: %llu, backoff: {initial: %s, factor: 2, max: %s, jitter: full}%s}\n",
                  (unsigned long long)(1 + world_random(w, 4)), slow ? "20s" : "100ms", slow ? "60s" : "2s",
                  world_chance(w, 25) ? ", budget: 1%" : "");
    if (world_chance(w, 30))
        bf_buf_printf(b, "    timebox: {limit: 3s, then: %s}\n",
                      world_chance(w, 50) ? "kill_and_retry" : world_chance(w, 50) ? "kill_and_fail" : "warn");
    if (w->windows && world_chance(w, 40))
        bf_buf_printf(b, "    expect: {duration: %llus}\n", (unsigned long long)(5 + world_random(w, 120)));
    else if (world_chance(w, 40))
        bf_buf_printf(b, "    expect: {duration: %s}\n", w->brisk ? "12ms" : "500ms");
    pool_line(w, b);
    bool waits = w->guardians_tell && world_chance(w, 20);
    if (waits)
        bf_buf_put_str(b, "    on_lost: wait_for_fence\n");
    if (!waits && !sensor && w->options.seed % 3 == 1)       /* without a draw: all else of a seed stays as it was */
        bf_buf_put_str(b, "    on_straggler: rerun\n");
    if (world_chance(w, 10)) {
        bf_buf_put_str(b, "    breaker: ");
        put_breaker(w, b);
        bf_buf_put_str(b, "\n");
    }
    if (!w->brisk || world_chance(w, 40))        /* much is ready at a time */
        needs_line(w, b, k, i);
    else
        reads_nothing(k);
    if (w->placed)
        place_lines(w, b, k, i);
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

/* Peaks on weekdays, and short freezes: in the minutes in which a run begins, in UTC and by the clock of Berlin, and at other hours,
 * which a clock that is set may come to. */
static void window_lines(struct world *w, struct bf_buf *b)
{
    static const char *const scopes[] = {"", "pool: own, ", "pool: fixed, "};
    static const char *const days[] = {"mon-fri", "\"sat,sun\"", "[tue, thu]", "fri-mon"};
    static const unsigned budgets[] = {20, 34, 50, 67};
    uint64_t n = 1 + world_random(w, 6);
    bf_buf_put_str(b, "windows:\n");
    for (uint64_t i = 0; i < n; i++) {
        unsigned budget = world_chance(w, 65) ? 0 : budgets[world_random(w, 4)];
        bf_buf_printf(b, "  - {name: w%llu, %s", (unsigned long long)i, scopes[world_random(w, 3)]);
        if (budget > 0 && world_chance(w, 60)) {
            bf_buf_printf(b, "days: %s, ", days[world_random(w, 4)]);
        } else {
            unsigned hour = world_chance(w, 80) ? 22 + (unsigned)world_random(w, 2) : (unsigned)world_random(w, 24);
            unsigned minute = hour >= 22 ? 13 + (unsigned)world_random(w, 6) : (unsigned)world_random(w, 56);
            bf_buf_printf(b, "from: \"%02u:%02u\", to: \"%02u:%02u\", ", hour, minute, hour, minute + 1 + (unsigned)world_random(w, 3));
        }
        bf_buf_printf(b, "budget: %u%%}\n", budget);
    }
}

void scenario_plan(struct world *w, struct bf_buf *ret)
{
    static const enum plan_grain coarse[] = {PLAN_WEEK, PLAN_MONTH};
    static const char *const thens[] = {"pause", "cancel", "warn"};
    uint32_t n = 1 + (uint32_t)world_random(w, STEPS_MAX), most = w->options.schedule ? w->options.schedule->steps_max : 0;
    n = most && n > most ? most : n;
    struct sketch k = {.family = world_random(w, w->options.seed % 2 ? 2 : 4)};
    k.strict = w->creates_sent > 0 && world_chance(w, 35);
    bool whole_month = world_chance(w, 30) || w->brisk;
    k.grain = world_chance(w, 20) ? PLAN_NONE : world_chance(w, 25) ? PLAN_HOUR : PLAN_DAY;
    k.grain = w->brisk ? PLAN_DAY : k.grain;
    k.coarse = k.grain == PLAN_HOUR ? PLAN_DAY : coarse[world_random(w, 2)];
    bf_buf_printf(ret, "apiVersion: backfill/v1\nkind: Plan\nname: p%llu\n", (unsigned long long)k.family);
    range_line(w, ret, &k, whole_month);
    bool rate = world_chance(w, 25);
    uint32_t own = (w->brisk ? 6 : 1) + (uint32_t)world_random(w, w->probe.on ? 8 : 4), fixed = w->brisk ? 8 : 3;
    unsigned long long conn = 2 + world_random(w, 4), cpu = 2 + world_random(w, 3);
    bf_buf_printf(ret, "pools: {fixed: {slots: %u, cpu: %llu", fixed, cpu);
    if (has_units(w))
        bf_buf_printf(ret, ", units: {conn: %llu}", conn);
    sim_probe_throttle(w, fixed, ret);
    bf_buf_printf(ret, "}, own: {slots: %u, memory: 1Gi, io: %lluMi/s%s", own, 2 + (unsigned long long)world_random(w, 3),
                  rate ? world_chance(w, 50) ? ", start_rate: 4/s" : ", start_rate: 90/m" : "");
    sim_probe_throttle(w, own, ret);
    bf_buf_put_str(ret, "}}\n");
    if (w->windows && world_chance(w, 25))
        bf_buf_printf(ret, "timebox: {limit: %llus, then: %s}\n", (unsigned long long)(5 + world_random(w, 90)), thens[world_random(w, 3)]);
    if (w->windows && world_chance(w, 80))
        window_lines(w, ret);
    breakers_line(w, ret);
    bf_buf_put_str(ret, "connections: {wh: {odbc: \"${secret:wh}\"");
    sim_probe_words(w, ret);
    bf_buf_put_str(ret, "}}\ndatasets:\n");
    for (uint32_t i = 0; i < n; i++)
        bf_buf_printf(ret, "  d%llu.%u: {connection: wh, table: t%u}\n", (unsigned long long)k.family, i, i);
    if (w->sensors)
        bf_buf_put_str(ret, "  outside: {external: true, connection: wh, partition_column: day}\n");
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
