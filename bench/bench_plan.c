/* A large plan: 1,000 steps by 1,000 daily partitions, each step over a window of seven of three others and after its own last partition.
 *
 * Measured: time to compile, memory of the compiled plan and of the edges (which are rules, not stored for each partition), time to
 * create the backfill in the engine.  Then part of it is run, and the counters of a sample of instances are compared with a count
 * made here from the plan's own words.  The table is for people; the last line is one JSON object.  Exit 1 on a difference. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/figures.h"
#include "bench/words.h"
#include "common/prng.h"
#include "coordinator/engine/state.h"

enum { STEPS = 1000, DAYS = 1000, NEEDS = 3, REPEATS = 5, SLOTS = 4096, TURNS = 60, SAMPLE = 100000 };

static size_t allocated(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void write_plan(struct bf_buf *b)
{
    struct bf_prng random = {0};
    bf_prng_seed(&random, 7);
    bf_buf_put_str(b, "apiVersion: backfill/v1\nkind: Plan\nname: large\n"
                      "partitions: {grain: day, from: 2022-01-01, to: 2024-09-26}\nsteps:\n");
    for (uint32_t s = 0; s < STEPS; s++) {
        bf_buf_printf(b, "  s%u:\n    noop: true\n    needs:\n      - s%u: previous 1\n", s, s);
        for (uint32_t i = 0; s > NEEDS && i < NEEDS; i++)
            bf_buf_printf(b, "      - s%u: window -6..0\n", (uint32_t)(bf_prng_below(&random, s / NEEDS) + i * (s / NEEDS)));
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct plan *compile(const struct plan_source *source, double *ret_s, size_t *ret_bytes)
{
    struct plan *plan = NULL;
    double s[REPEATS];
    for (int i = 0; i < REPEATS; i++) {
        struct bf_diags d = {0};
        struct bf_buf said = {0};
        plan_free(plan);
        size_t before = allocated();
        double start = figures_now_s();
        plan = plan_compile(source, NULL, &d);
        s[i] = figures_now_s() - start;
        *ret_bytes = allocated() - before;
        if (!plan) {
            bf_diags_print(&d, &said);
            fprintf(stderr, "%s", bf_buf_cstr(&said));
            exit(1);
        }
        bf_diags_done(&d);
    }
    qsort(s, REPEATS, sizeof *s, by_value);
    *ret_s = s[REPEATS / 2];
    return plan;
}

static void step(struct engine *e, struct input *in, struct engine_out *out)
{
    engine_step(e, in, 1000, 1000000, out);
}

static void hello(struct engine *e, struct engine_out *out)
{
    struct input_rare said = input_rare_none;
    struct input in = {.kind = INPUT_HELLO, .rare = &said, .incarnation = 1, .key = {1}};
    said.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "bench", .version = "1",
                                      .boot_id = "00000000-0000-0000-0000-000000000000", .slots = SLOTS, .fence = FENCE_CGROUP_V2};
    step(e, &in, out);
}

static void create(struct engine *e, const uint8_t hash[32], struct engine_out *out)
{
    struct input_rare said = input_rare_none;
    struct input in = {.kind = INPUT_COMMAND, .rare = &said, .key = {2}};
    said.actor = "bench";
    said.command = (struct op_request){.verb = OP_CREATE, .id = {1}, .reason = "", .from = "", .to = "", .state = "", .name = ""};
    memcpy(said.command.plan_hash, hash, 32);
    step(e, &in, out);
}

/* One turn: what was granted before ends well, and more is granted. */
static void turn(struct engine *e, struct engine_out *out)
{
    static struct attempt_ref granted[2 * SLOTS];
    size_t n = 0;
    for (size_t i = 0; i < out->n_effects; i++)
        if (out->effects[i].kind == EFFECT_DISPATCH)
            granted[n++] = out->effects[i].ref;
    engine_out_clear(out);
    for (size_t i = 0; i < n; i++) {
        struct input in = {.kind = INPUT_REPORT, .incarnation = 1, .key = {1}};
        in.report = (struct agent_report){granted[i], REPORT_ENDED, false, 1, 2, {.source = OUTCOME_OK, .sqlstate = "", .dbms = "",
                                                                           .details = "", .text = "", .rows = -1}};
        step(e, &in, out);
    }
    engine_finish_turn(e, 1000, 1000000, out);
}

/* From the words of the plan alone: every partition that a need names, and that has not succeeded. */
static uint32_t count_unmet(const struct engine *e, const struct plan *plan, uint32_t s, uint32_t index)
{
    uint32_t unmet = 0;
    for (size_t i = 0; i < plan->steps[s].n_edges; i++) {
        const struct plan_edge *edge = &plan->steps[s].edges[i];
        for (int64_t k = (int64_t)index + edge->from; k <= (int64_t)index + edge->to; k++) {
            struct instance_view v;
            if (k >= 0 && k < DAYS && engine_instance(e, 1, edge->upstream, (uint32_t)k, &v))
                unmet += v.state != INSTANCE_SUCCEEDED;
        }
    }
    return unmet;
}

static uint32_t compare(const struct engine *e, const struct plan *plan)
{
    struct bf_prng random = {0};
    uint32_t differences = 0;
    const struct backfill *b = e->backfills.at[0];
    bf_prng_seed(&random, 11);
    for (int i = 0; i < SAMPLE; i++) {
        uint32_t s = (uint32_t)bf_prng_below(&random, STEPS), index = (uint32_t)bf_prng_below(&random, DAYS);
        differences += b->instances[b->topology->first[s] + index].unmet != count_unmet(e, plan, s, index);
    }
    return differences;
}

static const struct engine_config config = {.seed = 1, .lost_attempts_max = 20, .grants_per_turn_max = 4096,
                                            .gate_openings_per_turn_max = 4096, .replies_kept = 100};

static struct plan_source source_of(struct bf_buf *text)
{
    return (struct plan_source){.name = (char *)"large.yaml", .text = (char *)(uintptr_t)bf_buf_cstr(text), .text_len = text->len};
}

static void add_plan(struct engine *e, struct plan *plan)
{
    uint8_t key[32];
    engine_plan_key(plan->source_hash, "", "", NULL, 0, key);
    engine_add_plan(e, key, plan);
}

/* Time to create 2 steps x 100,000 partitions, one over a window of the other: counters are derived in one walk whatever the width. */
static double create_wide(int width)
{
    struct bf_buf text = {0};
    struct engine_out out = {0};
    double ignored_s;
    size_t ignored_bytes;
    bf_buf_printf(&text, "apiVersion: backfill/v1\nkind: Plan\nname: wide\npartitions: {grain: hour, from: 2013-01-01, to: 2024-05-28}\n"
                         "steps:\n  a: {noop: true}\n  b: {noop: true, needs: [{a: window %d..0}]}\n", 1 - width);
    const struct plan_source source = source_of(&text);
    struct plan *plan = compile(&source, &ignored_s, &ignored_bytes);
    struct engine *e = engine_new(&config);
    add_plan(e, plan);
    double start = figures_now_s();
    create(e, plan->source_hash, &out);
    double s = figures_now_s() - start;
    engine_out_free(&out);
    engine_free(e);
    bf_buf_free(&text);
    return s;
}

int main(int argc, char **argv)
{
    bench_help_if_asked(argc, argv, "");
    if (argc > 1)
        bench_fail(argv[1], "nothing is expected after the name of the program");
    struct bf_buf text = {0};
    write_plan(&text);
    const struct plan_source source = source_of(&text);
    double compile_s;
    size_t plan_bytes;
    struct plan *plan = compile(&source, &compile_s, &plan_bytes);
    size_t before = allocated();
    struct topology *t = topology_new(plan);
    size_t edge_bytes = allocated() - before;
    topology_free(t);

    double narrow_s = create_wide(1), wide_s = create_wide((int)PLAN_WINDOW_MAX);
    struct engine *e = engine_new(&config);
    struct engine_out out = {0};
    add_plan(e, plan);
    hello(e, &out);
    before = allocated();
    double start = figures_now_s();
    create(e, plan->source_hash, &out);
    double create_s = figures_now_s() - start;
    size_t engine_bytes = allocated() - before;
    start = figures_now_s();
    for (int i = 0; i < TURNS; i++)
        turn(e, &out);
    double run_s = figures_now_s() - start;
    uint64_t done = e->backfills.at[0]->count[INSTANCE_SUCCEEDED];
    uint32_t differences = compare(e, plan);

    uint64_t edges = (uint64_t)(STEPS - NEEDS - 1) * NEEDS * 7 * DAYS + (uint64_t)STEPS * DAYS;
    printf("%u steps x %u partitions, about %" PRIu64 " edges\n", STEPS, DAYS, edges);
    printf("compile            %10.1f ms\nplan in memory     %10.1f KiB\nedges in memory    %10.1f KiB\n", compile_s * 1e3,
           (double)plan_bytes / 1024, (double)edge_bytes / 1024);
    printf("create             %10.1f ms\nbackfill in memory %10.1f MiB (%.1f bytes an instance)\n", create_s * 1e3,
           (double)engine_bytes / 1048576, (double)engine_bytes / (STEPS * DAYS));
    printf("ran                %10" PRIu64 " instances, %.2f us each\ncounters           %10d compared, %u differences\n", done,
           run_s * 1e6 / (double)(done ? done : 1), SAMPLE, differences);
    printf("create, 100,000 h  %10.1f ms with a window of 1, %.1f ms with one of %u\n", narrow_s * 1e3, wide_s * 1e3, PLAN_WINDOW_MAX);
    printf("{\"bench\":\"plan\",\"value\":%.1f,\"unit\":\"ms to compile 1,000 steps x 1,000 partitions\",\"plan_bytes\":%zu,"
           "\"edge_bytes\":%zu,\"create_ms\":%.1f,\"instance_bytes\":%.1f,\"wide_to_narrow\":%.2f,\"compared\":%d,\"differences\":%u}\n",
           compile_s * 1e3, plan_bytes, edge_bytes, create_s * 1e3, (double)engine_bytes / (STEPS * DAYS), wide_s / narrow_s, SAMPLE,
           differences);
    engine_out_free(&out);
    engine_free(e);
    bf_buf_free(&text);
    return differences > 0;
}
