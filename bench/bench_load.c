/* The coordinator's work for a step, without sockets and processes: engine, journal, checkpoints, codecs (turn_load.h).
 *
 *     bench_load [--shape flat|chain|layers|windows] [--templates N] [--partitions N] [--agents N] [--slots N] [--repeats N]
 *                [--step-ms N] [--wire] [--store DIR] [--create] [--die-at PART] [--checkpoint-mib N] [--plan]
 *
 * What a run costs is told by part.  --step-ms is what each step takes by the run's own clock, which moves by nothing else.  --store makes
 * DIR (which is not there yet; with repeats each gets a number) and commits for good;
 * --create ends when the backfill runs; --die-at leaves a store as kill -9 does just before a checkpoint's flip; --plan prints the plan.
 * The last line is one JSON object. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/figures.h"
#include "bench/turn_load.h"
#include "bench/words.h"
#include "common/options.h"

struct options {
    const char *shape, *templates, *partitions, *agents, *slots, *repeats, *step_ms, *store, *die_at, *checkpoint_mib;
    bool wire, create, plan, help;
};

static const struct bf_option table[] = {
    {"shape", 0, BF_OPT_STRING, offsetof(struct options, shape), "SHAPE", "flat, chain, layers or windows (default flat)"},
    {"templates", 0, BF_OPT_STRING, offsetof(struct options, templates), "N", "steps of the plan (default 10)"},
    {"partitions", 0, BF_OPT_STRING, offsetof(struct options, partitions), "N", "of each (default 1000)"},
    {"agents", 0, BF_OPT_STRING, offsetof(struct options, agents), "N", "default 2"},
    {"slots", 0, BF_OPT_STRING, offsetof(struct options, slots), "N", "of each agent (default 2048)"},
    {"repeats", 0, BF_OPT_STRING, offsetof(struct options, repeats), "N", "default 3"},
    {"step-ms", 0, BF_OPT_STRING, offsetof(struct options, step_ms), "N", "of virtual time that a step takes (default 1)"},
    {"store", 0, BF_OPT_STRING, offsetof(struct options, store), "DIR", "commit to a store in it"},
    {"die-at", 0, BF_OPT_STRING, offsetof(struct options, die_at), "PERCENT", "of the steps, before a flip"},
    {"checkpoint-mib", 0, BF_OPT_STRING, offsetof(struct options, checkpoint_mib), "N", "journal between checkpoints"},
    {"wire", 0, BF_OPT_FLAG, offsetof(struct options, wire), NULL, "encode and decode every message"},
    {"create", 0, BF_OPT_FLAG, offsetof(struct options, create), NULL, "no further than running"},
    {"plan", 0, BF_OPT_FLAG, offsetof(struct options, plan), NULL, "print the plan and end"},
    {"help", 'h', BF_OPT_FLAG, offsetof(struct options, help), NULL, "print this page"},
};
#define N_OPTIONS (sizeof table / sizeof *table)

static enum load_shape shape_of(const char *word)
{
    static const char *const words[] = {"flat", "chain", "layers", "windows"};
    for (size_t i = 0; word && i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], word) == 0)
            return (enum load_shape)i;
    if (word) {
        fprintf(stderr, "%s: flat, chain, layers or windows is possible\n", word);
        exit(2);
    }
    return LOAD_FLAT;
}

static void read_options(int argc, char **argv, struct options *o, struct load_options *ret)
{
    struct bf_error err = {0};
    size_t positional = 0;
    if (bf_options_parse(argc - 1, argv + 1, table, N_OPTIONS, o, NULL, 0, &positional, NULL, NULL, &err) != BF_OK) {
        fprintf(stderr, "bench_load: %s\n", err.text);
        exit(2);
    }
    *ret = (struct load_options){
        .shape = shape_of(o->shape), .templates = (uint32_t)bench_number(o->templates, 10, 0, 10000),
        .partitions = (uint32_t)bench_number(o->partitions, 1000, 0, 10000000), .agents = (uint32_t)bench_number(o->agents, 2, 0, 20000),
        .slots = (uint32_t)bench_number(o->slots, 2048, 0, 100000),
        .step_ms = bench_number(o->step_ms, 1, 1, 3600000), .wire = o->wire, .create_only = o->create,
        .die_at = (double)bench_number(o->die_at, 0, 0, 100) / 100,
        .checkpoint_bytes = (uint64_t)bench_number(o->checkpoint_mib, 0, 0, 65536) << 20};
}

struct all { struct figures rate, step_us, create_s, compile_s, commit, wire, engine, bytes, longest_ms; };

static void add(struct all *a, const struct load_result *r, uint64_t instances)
{
    figures_add(&a->rate, r->total_s > 0 ? (double)r->steps / r->total_s : 0);
    figures_add(&a->step_us, 1e6 * r->total_s / (double)instances);
    figures_add(&a->create_s, r->create_s);
    figures_add(&a->compile_s, r->compile_s);
    figures_add(&a->commit, r->commit_s / r->total_s);
    figures_add(&a->wire, r->wire_s / r->total_s);
    figures_add(&a->engine, r->engine_s / r->total_s);
    figures_add(&a->bytes, r->bytes_per_instance);
    figures_add(&a->longest_ms, 1e3 * r->longest_turn_s);
}

static void print_run(const struct load_result *r, uint64_t instances)
{
    printf("%10" PRIu64 " %9.3f %9.0f %8.3f %7.0f%% %6.0f%% %6.0f%% %8" PRIu64 " %8.1f %5" PRIu64 " %8.1f %8.1f\n", instances, r->total_s,
           (double)r->steps / r->total_s, r->create_s, 100 * r->engine_s / r->total_s, 100 * r->commit_s / r->total_s,
           100 * r->wire_s / r->total_s, r->turns, (double)r->journal_bytes / (double)instances, r->checkpoints, r->bytes_per_instance,
           1e3 * r->longest_turn_s);
    fflush(stdout);
}

static void print_json(const struct all *a, const struct load_options *o, const char *shape, const struct load_result *last)
{
    printf("{\"bench\":\"load\",\"shape\":\"%s\",\"instances\":%" PRIu64 ",\"agents\":%" PRIu32 ",\"durable\":%s,\"checkpoints\":%" PRIu64
           ",\"turns\":%" PRIu64 ",\"journal_bytes\":%" PRIu64 ",\"checkpoint_bytes\":%" PRIu64 ",\"resident_bytes\":%zu",
           shape ? shape : "flat", (uint64_t)o->templates * o->partitions, o->agents, o->store ? "true" : "false", last->checkpoints,
           last->turns, last->journal_bytes, last->checkpoint_bytes, last->resident_bytes);
    printf(",\"virtual_s\":%.3f", last->virtual_s);
    figures_json(stdout, "steps_per_s", &a->rate);
    figures_json(stdout, "step_us", &a->step_us);
    figures_json(stdout, "create_s", &a->create_s);
    figures_json(stdout, "compile_s", &a->compile_s);
    figures_json(stdout, "engine_part", &a->engine);
    figures_json(stdout, "store_part", &a->commit);
    figures_json(stdout, "wire_part", &a->wire);
    figures_json(stdout, "bytes_per_instance", &a->bytes);
    figures_json(stdout, "longest_turn_ms", &a->longest_ms);
    printf("}\n");
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct load_options o;
    struct load_result r = {0};
    struct all all = {0};
    read_options(argc, argv, &options, &o);
    if (options.help)
        bench_help("[--shape flat|chain|layers|windows] [OPTION]...", table, N_OPTIONS);
    if (options.plan) {
        struct bf_buf text = {0};
        load_plan(&o, &text);
        fputs(bf_buf_cstr(&text), stdout);
        bf_buf_free(&text);
        return 0;
    }
    int64_t repeats = bench_number(options.repeats, 3, 0, FIGURES_MAX);
    printf("%10s %9s %9s %8s %8s %7s %7s %8s %8s %5s %8s %8s\n", "instances", "s", "steps/s", "create", "engine", "store", "wire", "turns",
           "B/step", "ckpts", "B/inst", "turn ms");
    for (int64_t i = 0; i < repeats; i++) {
        char dir[4096];
        snprintf(dir, sizeof dir, repeats > 1 ? "%s-%" PRId64 : "%s", options.store ? options.store : "", i);
        o.store = options.store ? dir : NULL;
        load_run(&o, &r);
        print_run(&r, (uint64_t)o.templates * o.partitions);
        add(&all, &r, (uint64_t)o.templates * o.partitions);
    }
    print_json(&all, &o, options.shape, &r);
    return 0;
}
