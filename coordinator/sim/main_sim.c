/* bfsim: seeds in, violations out.  Last line: one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/options.h"
#include "common/plant.h"
#include "common/text.h"
#include "coordinator/sim/world.h"

struct values { const char *seed, *seeds, *plant; bool trace, calm, help; };

static const struct bf_option options[] = {
    {"seed", 0, BF_OPT_STRING, offsetof(struct values, seed), "N", "first seed (default 1)"},
    {"seeds", 0, BF_OPT_STRING, offsetof(struct values, seeds), "N", "how many seeds to run (default 1)"},
    {"plant", 0, BF_OPT_STRING, offsetof(struct values, plant), "BUG", "switch on a planted bug (builds with BF_PLANTS only)"},
    {"trace", 0, BF_OPT_FLAG, offsetof(struct values, trace), NULL, "tell what happens, on standard error"},
    {"calm", 0, BF_OPT_FLAG, offsetof(struct values, calm), NULL, "inject no faults"},
    {"help", 'h', BF_OPT_FLAG, offsetof(struct values, help), NULL, "this page"},
};
enum { N_OPTIONS = sizeof options / sizeof *options };

static void add(struct sim_stats *sum, const struct sim_stats *s)
{
    sum->events += s->events;
    sum->turns += s->turns;
    sum->records += s->records;
    sum->crashes += s->crashes;
    sum->faults += s->faults;
    sum->attempts += s->attempts;
    sum->violations += s->violations;
    sum->virtual_ms += s->virtual_ms;
}

/* Runs seeds until one is violated; gives the number that were run. */
static int64_t run_seeds(const struct values *v, int64_t first, int64_t n, struct sim_stats *sum)
{
    for (int64_t i = 0; i < n; i++) {
        struct sim_options o = {.seed = (uint64_t)(first + i), .trace = v->trace ? stderr : NULL, .calm = v->calm};
        struct sim_stats stats = {0};
        char violation[512] = "";
        bool clean = sim_run(&o, &stats, violation);
        add(sum, &stats);
        if (!clean) {
            fprintf(stderr, "bfsim: seed %lld: %s\nbfsim: run it again with: bfsim --seed %lld%s%s --trace\n", (long long)(first + i), violation,
                    (long long)(first + i), v->plant ? " --plant " : "", v->plant ? v->plant : "");
            return i + 1;
        }
    }
    return n;
}

static int usage(const char *text)
{
    fprintf(stderr, "bfsim: error: %s\n", text);
    return 2;
}

int main(int argc, char **argv)
{
    struct values v = {0};
    struct bf_error err = {0};
    size_t n_positional;
    int64_t seed = 1, seeds = 1;
    if (bf_options_parse(argc - 1, argv + 1, options, N_OPTIONS, &v, NULL, 0, &n_positional, NULL, NULL, &err) != BF_OK)
        return usage(err.text);
    if (v.help) {
        printf("usage: bfsim [--seed N] [--seeds N] [--plant BUG] [--trace] [--calm]\n");
        bf_options_help(options, N_OPTIONS);
        return 0;
    }
    if ((v.seed && !bf_parse_int(v.seed, 0, INT64_MAX, &seed)) || (v.seeds && !bf_parse_int(v.seeds, 1, 1000000000, &seeds)))
        return usage("--seed and --seeds take whole numbers");
#ifdef BF_PLANTS
    bf_plant = v.plant;
#else
    if (v.plant)
        return usage("--plant needs a build with BF_PLANTS=ON");
#endif
    struct sim_stats sum = {0};
    int64_t began_us = bf_boottime_us();
    int64_t ran = run_seeds(&v, seed, seeds, &sum);
    double seconds = (double)(bf_boottime_us() - began_us) / 1e6;
    printf("{\"seeds\":%lld,\"first_seed\":%lld,\"events\":%llu,\"turns\":%llu,\"records\":%llu,\"attempts\":%llu,\"faults\":%llu,\"crashes\":%llu,"
           "\"simulated_hours\":%.1f,\"violations\":%llu,\"seconds\":%.2f}\n",
           (long long)ran, (long long)seed, (unsigned long long)sum.events, (unsigned long long)sum.turns, (unsigned long long)sum.records,
           (unsigned long long)sum.attempts, (unsigned long long)sum.faults, (unsigned long long)sum.crashes, (double)sum.virtual_ms / 3600000,
           (unsigned long long)sum.violations, seconds);
    return sum.violations ? 1 : 0;
}
