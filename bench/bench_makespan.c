/* How long real workflows take under the engine's order, in virtual time, on fleets of several sizes.
 *
 * Each WfFormat file becomes a plan (plan/import.h), each task a step that takes its measured run time.  The real engine grants; an attempt
 * ends when its time is over, and what that frees is granted in the same instant.  Beside it:
 *   - the bound: max(longest path, work / slots).  No order can be shorter, and often none can reach it (Graham 1969);
 *   - first come, first served: a free slot takes the task that has been ready for longest;
 *   - searched: the best of TRIALS orders that differ at random from the longest-way-first that the engine follows, each tried to its end
 *     with the true durations.  What is between it and the bound is mostly out of reach of any order.
 * Two series: with durations as the plan expects them, and with each drawn anew within a factor of SPREAD of what is expected, which is
 * all that the engine knows.  The table is for people; the last line is one JSON object.  Exit 1 when a workflow did not end well. */
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/words.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/prng.h"
#include "coordinator/engine/state.h"
#include "plan/import.h"

enum { AGENT_SLOTS = 4, FILE_MAX_BYTES = 64 << 20, SERIES = 2, REQUEST_KEY = 200, TRIALS = 1000 };
static const uint32_t fleets[] = {1, 2, 4, 8, 16, 32};                  /* agents of AGENT_SLOTS slots */
#define FLEETS (sizeof fleets / sizeof fleets[0])
#define SPREAD 1.5

struct result { double bound_ms, ours_ms, fcfs_ms, searched_ms; };

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static struct plan *import(const char *path)
{
    struct bf_buf json = {0}, yaml = {0}, said = {0};
    struct bf_error err = {0};
    struct bf_diags d = {0};
    if (bf_file_read(path, FILE_MAX_BYTES, &json, &err) != BF_OK ||
        plan_import_wfformat(bf_buf_cstr(&json), json.len, "workflow", 1.0, &yaml, &err) != BF_OK) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        exit(2);
    }
    const struct plan_source source = {.name = (char *)(uintptr_t)path, .text = (char *)(uintptr_t)bf_buf_cstr(&yaml),
                                       .text_len = yaml.len};
    struct plan *plan = plan_compile(&source, NULL, &d);
    if (!plan) {
        bf_diags_print(&d, &said);
        fprintf(stderr, "%s", bf_buf_cstr(&said));
        exit(2);
    }
    bf_diags_done(&d);
    bf_buf_free(&json);
    bf_buf_free(&yaml);
    return plan;
}

/* What each task takes in truth. */
static int64_t *durations(const struct plan *plan, bool drawn)
{
    int64_t *ret = bf_xcalloc(plan->n_steps, sizeof *ret);
    struct bf_prng random = {0};
    bf_prng_seed(&random, 3);
    for (size_t s = 0; s < plan->n_steps; s++) {
        double u = (double)bf_prng_below(&random, 1000001) / 1e6, factor = 1 / SPREAD + u * (SPREAD - 1 / SPREAD);
        ret[s] = drawn ? (int64_t)((double)plan->steps[s].expect_ms * factor) : plan->steps[s].expect_ms;
    }
    return ret;
}

static double bound(const struct plan *plan, const int64_t *ms, uint32_t slots)
{
    int64_t *end = bf_xcalloc(plan->n_steps, sizeof *end), longest = 0;
    double work = 0;
    for (size_t i = 0; i < plan->n_steps; i++) {
        uint32_t s = plan->order[i];
        for (size_t k = 0; k < plan->steps[s].n_edges; k++)
            end[s] = greater(end[s], end[plan->steps[s].edges[k].upstream]);
        end[s] += ms[s];
        longest = greater(longest, end[s]);
        work += (double)ms[s];
    }
    free(end);
    return work / slots > (double)longest ? work / slots : (double)longest;
}

/* ---- other orders ---- */

/* The longest way that hangs on each task, itself included. */
static double *ways(const struct plan *plan, const int64_t *ms)
{
    double *ret = bf_xcalloc(plan->n_steps, sizeof *ret);
    for (size_t i = plan->n_steps; i-- > 0;) {
        uint32_t s = plan->order[i];
        ret[s] += (double)ms[s];
        for (size_t k = 0; k < plan->steps[s].n_edges; k++) {
            double *up = &ret[plan->steps[s].edges[k].upstream];
            *up = ret[s] > *up ? ret[s] : *up;
        }
    }
    return ret;
}

/* Tasks by the one that they wait for: downstream of s are at[first[s]..first[s + 1]). */
struct downstream { uint32_t *first, *at; };

static struct downstream downstream_of(const struct plan *plan)
{
    struct downstream ret = {bf_xcalloc(plan->n_steps + 2, sizeof *ret.first), NULL};
    uint32_t *next = ret.first + 1, n = 0;
    for (uint32_t s = 0; s < plan->n_steps; s++)
        for (size_t k = 0; k < plan->steps[s].n_edges; k++)
            next[plan->steps[s].edges[k].upstream + 1]++;
    for (uint32_t s = 0; s <= plan->n_steps; s++)
        n = next[s] += n;
    ret.at = bf_xcalloc(n ? n : 1, sizeof *ret.at);
    for (uint32_t s = 0; s < plan->n_steps; s++)
        for (size_t k = 0; k < plan->steps[s].n_edges; k++)
            ret.at[next[plan->steps[s].edges[k].upstream]++] = s;
    return ret;
}

/* A free slot takes the least key of those that are ready; without keys, the one that has been ready for longest, those of one instant in
 * the order of the plan. */
static double in_order(const struct plan *plan, const struct downstream *down, const int64_t *ms, uint32_t slots, const uint64_t *keys)
{
    struct heap queue = {0}, running = {0};
    uint32_t *unmet = bf_xcalloc(plan->n_steps, sizeof *unmet);
    int64_t now_ms = 0;
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        unmet[s] = (uint32_t)plan->steps[s].n_edges;
        if (unmet[s] == 0)
            heap_push(&queue, keys ? keys[s] : 0, s);
    }
    while (queue.n > 0 || running.n > 0) {
        while (queue.n > 0 && running.n < slots) {
            uint32_t s = (uint32_t)heap_pop(&queue).b;
            heap_push(&running, (uint64_t)(now_ms + ms[s]), s);
        }
        now_ms = (int64_t)running.at[0].a;
        while (running.n > 0 && (int64_t)running.at[0].a == now_ms) {
            uint32_t ended = (uint32_t)heap_pop(&running).b;
            for (uint32_t i = down->first[ended]; i < down->first[ended + 1]; i++)
                if (--unmet[down->at[i]] == 0)
                    heap_push(&queue, keys ? keys[down->at[i]] : (uint64_t)now_ms, down->at[i]);
        }
    }
    heap_done(&queue);
    heap_done(&running);
    free(unmet);
    return (double)now_ms;
}

/* Each way times a factor between 1 - reach and 1 + reach, and the best so far is where the next ones start from. */
static double searched(const struct plan *plan, const struct downstream *down, const int64_t *ms, uint32_t slots)
{
    struct bf_prng random = {0};
    double *best = ways(plan, ms), *now = bf_xcalloc(plan->n_steps, sizeof *now), best_ms = 0;
    uint64_t *keys = bf_xcalloc(plan->n_steps, sizeof *keys);
    bf_prng_seed(&random, 5);
    for (int i = 0; i < TRIALS; i++) {
        double reach = i == 0 ? 0 : 0.5 / (1 + i % 8);
        for (size_t s = 0; s < plan->n_steps; s++) {
            now[s] = best[s] * (1 + reach * ((double)bf_prng_below(&random, 2000001) / 1e6 - 1));
            keys[s] = UINT64_MAX / 2 - (uint64_t)now[s];
        }
        double got = in_order(plan, down, ms, slots, keys);
        if (i > 0 && got >= best_ms)
            continue;
        best_ms = got;
        memcpy(best, now, plan->n_steps * sizeof *best);
    }
    free(keys);
    free(now);
    free(best);
    return best_ms;
}

/* ---- the engine ---- */

struct run {
    struct engine *e;
    struct engine_out out;
    struct heap running;                         /* end, attempt */
    int64_t now_ms;
};

static void step(struct run *r, const struct input *in)
{
    engine_step(r->e, in, r->now_ms, r->now_ms * 1000, &r->out);
}

static void hello(struct run *r, uint8_t number)
{
    char name[16];
    snprintf(name, sizeof name, "agent-%u", number);
    struct input_rare said = input_rare_none;
    struct input in = {.kind = INPUT_HELLO, .rare = &said, .incarnation = number, .key = {number}};
    said.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = name, .version = "1",
                                      .boot_id = "00000000-0000-0000-0000-000000000000", .slots = AGENT_SLOTS, .fence = FENCE_CGROUP_V2};
    step(r, &in);
}

static void create(struct run *r, const uint8_t hash[32])
{
    struct input_rare said = input_rare_none;
    struct input in = {.kind = INPUT_COMMAND, .rare = &said, .key = {REQUEST_KEY}};
    said.actor = "bench";
    said.command = (struct op_request){.verb = OP_CREATE, .id = {1}, .reason = "", .from = "", .to = "", .state = "", .name = ""};
    memcpy(said.command.plan_hash, hash, 32);
    step(r, &in);
}

/* The end of the turn; what was granted in it runs from now on. */
static void finish(struct run *r, const int64_t *ms)
{
    engine_finish_turn(r->e, r->now_ms, r->now_ms * 1000, &r->out);
    for (size_t i = 0; i < r->out.n_effects; i++) {
        struct attempt_view a;
        if (r->out.effects[i].kind == EFFECT_DISPATCH && engine_find_attempt(r->e, r->out.effects[i].ref.attempt, &a))
            heap_push(&r->running, (uint64_t)(r->now_ms + ms[a.step]), a.ref.attempt);
    }
    engine_out_clear(&r->out);
}

static void end_well(struct run *r, uint64_t attempt)
{
    struct attempt_view a;
    struct agent_view agent;
    if (!engine_find_attempt(r->e, attempt, &a) || !engine_agent(r->e, a.agent, &agent))
        return;
    struct input in = {.kind = INPUT_REPORT, .incarnation = agent.incarnation};
    memcpy(in.key, agent.key, sizeof in.key);
    in.report = (struct agent_report){a.ref, REPORT_ENDED, false, 1, 2, {.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .details = "",
                                                                .text = "", .rows = -1}};
    step(r, &in);
}

/* The plan is compiled for each run: an engine owns its plans. */
static double engine_makespan(const char *path, const int64_t *ms, uint32_t agents)
{
    static const struct engine_config config = {.seed = 1, .lost_attempts_max = 20, .grants_per_turn_max = 4096,
                                                .gate_openings_per_turn_max = 1 << 20, .replies_kept = 100};
    struct plan *plan = import(path);
    struct run r = {.e = engine_new(&config), .now_ms = 1};
    struct backfill_view b;
    uint8_t key[32];
    engine_plan_key(plan->source_hash, "", "", NULL, 0, key);
    engine_add_plan(r.e, key, plan);
    for (uint32_t i = 1; i <= agents; i++)
        hello(&r, (uint8_t)i);
    create(&r, plan->source_hash);
    finish(&r, ms);
    while (r.running.n > 0) {
        r.now_ms = (int64_t)r.running.at[0].a;
        while (r.running.n > 0 && (int64_t)r.running.at[0].a == r.now_ms)
            end_well(&r, heap_pop(&r.running).b);
        finish(&r, ms);
    }
    if (!engine_backfill(r.e, 1, &b) || b.state != BACKFILL_SUCCEEDED) {
        fprintf(stderr, "%s: the workflow did not succeed\n", path);
        exit(1);
    }
    double ret = (double)(r.now_ms - 1);
    heap_done(&r.running);
    engine_out_free(&r.out);
    engine_free(r.e);
    return ret;
}

/* ---- the table ---- */

struct sums { double ratio, worst, fcfs_ratio, searched_ratio; unsigned n, slower; };

static struct sums print_series(char **paths, int n, bool drawn)
{
    struct sums sums = {0};
    printf("%s\n%-46s %6s %6s %12s %8s %8s %8s\n",
           drawn ? "\ndurations within a factor of 1.5 of what is expected" : "durations as expected", "workflow", "tasks",
           "slots", "bound", "engine", "fcfs", "searched");
    for (int i = 0; i < n; i++) {
        struct plan *plan = import(paths[i]);
        int64_t *ms = durations(plan, drawn);
        struct downstream down = downstream_of(plan);
        for (size_t k = 0; k < FLEETS; k++) {
            uint32_t slots = fleets[k] * AGENT_SLOTS;
            struct result r = {bound(plan, ms, slots), engine_makespan(paths[i], ms, fleets[k]),
                               in_order(plan, &down, ms, slots, NULL), searched(plan, &down, ms, slots)};
            double ratio = r.ours_ms / r.bound_ms;
            printf("%-46s %6zu %6u %10.1f s %8.3f %8.3f %8.3f\n", basename(paths[i]), plan->n_steps, slots, r.bound_ms / 1e3, ratio,
                   r.fcfs_ms / r.bound_ms, r.searched_ms / r.bound_ms);
            sums.ratio += ratio;
            sums.searched_ratio += r.searched_ms / r.bound_ms;
            sums.fcfs_ratio += r.fcfs_ms / r.bound_ms;
            sums.worst = ratio > sums.worst ? ratio : sums.worst;
            sums.slower += r.ours_ms > r.fcfs_ms;
            sums.n++;
        }
        free(down.first);
        free(down.at);
        free(ms);
        plan_free(plan);
    }
    printf("mean %.4f of the bound (first come, first served: %.4f, searched: %.4f), worst %.4f; slower than first come, first served in "
           "%u of %u\n", sums.ratio / sums.n, sums.fcfs_ratio / sums.n, sums.searched_ratio / sums.n, sums.worst, sums.slower, sums.n);
    return sums;
}

int main(int argc, char **argv)
{
    bench_help_if_asked(argc, argv, "WORKFLOW.json...");
    if (argc < 2) {
        fprintf(stderr, "usage: bench_makespan WORKFLOW.json...\n");
        return 2;
    }
    struct sums s[SERIES];
    for (int i = 0; i < SERIES; i++)
        s[i] = print_series(argv + 1, argc - 1, i == 1);
    printf("{\"bench\":\"makespan\",\"value\":%.4f,\"unit\":\"mean of the bound\",\"fcfs\":%.4f,\"searched\":%.4f,\"worst\":%.4f,"
           "\"slower_than_fcfs\":%u,\"runs\":%u,\"drawn\":{\"value\":%.4f,\"fcfs\":%.4f,\"searched\":%.4f,\"worst\":%.4f,"
           "\"slower_than_fcfs\":%u}}\n",
           s[0].ratio / s[0].n, s[0].fcfs_ratio / s[0].n, s[0].searched_ratio / s[0].n, s[0].worst, s[0].slower, s[0].n,
           s[1].ratio / s[1].n, s[1].fcfs_ratio / s[1].n, s[1].searched_ratio / s[1].n, s[1].worst, s[1].slower);
    return 0;
}
