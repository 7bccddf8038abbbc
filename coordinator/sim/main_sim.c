/* bfsim: seeds in, violations out.  Last line: one JSON object. */
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/options.h"
#include "common/plant.h"
#include "common/text.h"
#include "coordinator/sim/curves.h"
#include "coordinator/sim/jobs.h"
#include "coordinator/sim/shrink.h"
#include "coordinator/sim/story.h"

enum { JOBS_MAX = 256, PROGRESS_S = 60 };

struct values {
    const char *seed, *seeds, *events, *jobs, *plant, *at_least, *without, *only, *agents_max, *steps_max, *curves;
    bool governor, trace, calm, unchecked, coverage, json, shrink, progress, help;
};

static const struct bf_option options[] = {
    {"seed", 0, BF_OPT_STRING, offsetof(struct values, seed), "N", "first seed (default 1)"},
    {"seeds", 0, BF_OPT_STRING, offsetof(struct values, seeds), "N", "how many seeds to run (default 1)"},
    {"events", 0, BF_OPT_STRING, offsetof(struct values, events), "N", "run seeds until there were so many events, instead"},
    {"jobs", 0, BF_OPT_STRING, offsetof(struct values, jobs), "N", "processes to share the seeds (default 1)"},
    {"coverage", 0, BF_OPT_FLAG, offsetof(struct values, coverage), NULL, "print what was reached: records, moves, faults by state"},
    {"json", 0, BF_OPT_FLAG, offsetof(struct values, json), NULL, "print that as a line of JSON"},
    {"at-least", 0, BF_OPT_STRING, offsetof(struct values, at_least), "N", "fail when something was reached less often"},
    {"shrink", 0, BF_OPT_FLAG, offsetof(struct values, shrink), NULL, "look for the least of a failing seed that still fails"},
    {"only", 0, BF_OPT_STRING, offsetof(struct values, only), "LIST", "leave out every injection but these: f12,o3,n1-0.33,p2.7"},
    {"without", 0, BF_OPT_STRING, offsetof(struct values, without), "LIST", "leave out these injections; n* is all of a kind"},
    {"agents-max", 0, BF_OPT_STRING, offsetof(struct values, agents_max), "N", "at most so many agents"},
    {"steps-max", 0, BF_OPT_STRING, offsetof(struct values, steps_max), "N", "at most so many steps in a plan"},
    {"plant", 0, BF_OPT_STRING, offsetof(struct values, plant), "BUG", "switch on a planted bug (builds with BF_PLANTS only)"},
    {"trace", 0, BF_OPT_FLAG, offsetof(struct values, trace), NULL, "tell what happens, on standard error"},
    {"calm", 0, BF_OPT_FLAG, offsetof(struct values, calm), NULL, "inject no faults"},
    {"unchecked", 0, BF_OPT_FLAG, offsetof(struct values, unchecked), NULL, "leave out the checks after each turn, to measure"},
    {"governor", 0, BF_OPT_FLAG, offsetof(struct values, governor), NULL, "run load curves against the governor of pools, instead"},
    {"curves", 0, BF_OPT_STRING, offsetof(struct values, curves), "N", "how many (default 1000)"},
    {"progress", 0, BF_OPT_FLAG, offsetof(struct values, progress), NULL, "say how far it is each minute, on standard error"},
    {"help", 'h', BF_OPT_FLAG, offsetof(struct values, help), NULL, "this page"},
};
enum { N_OPTIONS = sizeof options / sizeof *options };

/* What the options come to. */
struct run {
    struct values v;
    int64_t seed, seeds, events, jobs, at_least, agents_max, steps_max, curves;
    struct schedule schedule;
    struct sim_stats sum;
    struct coverage coverage;
    int64_t ran;
    char violation[512];                         /* of the first seed that has one: */
    uint64_t violated_seed;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

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
    for (size_t i = 0; i < SIM_FAULTS_N; i++)
        sum->by_fault[i] += s->by_fault[i];
}

static bool is_over(const struct run *r)
{
    return stopped || *r->violation || (r->events ? r->sum.events >= (uint64_t)r->events : r->ran >= r->seeds);
}

static void say_progress(const struct run *r, int64_t began_us, int64_t *next_us)
{
    int64_t now_us = bf_boottime_us();
    if (!r->v.progress || now_us < *next_us)
        return;
    *next_us = now_us + PROGRESS_S * 1000000ll;
    fprintf(stderr, "bfsim: %" PRId64 " seeds, %" PRIu64 " events, %.0f events/s\n", r->ran, r->sum.events,
            (double)r->sum.events / ((double)(now_us - began_us + 1) / 1e6));
}

/* Seeds in their order, until one is violated; those behind it do not count, however many ran at once. */
static enum bf_rc run_seeds(struct run *r, int64_t began_us, struct bf_error *err)
{
    int64_t next_us = began_us + PROGRESS_S * 1000000ll;
    struct jobs_settings s = {.first = (uint64_t)r->seed, .jobs = (uint32_t)r->jobs, .coverage = r->v.coverage || r->v.json || r->at_least,
                              .sim = {.trace = r->v.trace ? stderr : NULL, .calm = r->v.calm, .unchecked = r->v.unchecked,
                                      .schedule = &r->schedule}};
    struct jobs *jobs = NULL;
    struct seed_result *one = bf_xcalloc(1, sizeof *one);
    enum bf_rc rc = jobs_start(&s, &jobs, err);
    while (rc == BF_OK && !is_over(r) && (rc = jobs_next(jobs, one, err)) == BF_OK) {
        r->ran++;
        add(&r->sum, &one->stats);
        coverage_add(&r->coverage, &one->coverage);
        if (!one->clean) {
            memcpy(r->violation, one->violation, sizeof r->violation);
            r->violated_seed = one->seed;
        }
        say_progress(r, began_us, &next_us);
    }
    jobs_free(jobs);
    free(one);
    return stopped ? BF_OK : rc;
}

/* ---- options ---- */

static int usage(const char *text)
{
    fprintf(stderr, "bfsim: error: %s\n", text);
    return 2;
}

/* What would be ignored: NULL, or what to write instead. */
static const char *without_meaning(const struct values *v)
{
    bool of_many = v->seeds || v->events;
    bool told = v->coverage || v->json || v->at_least;
    bool of_seed = v->only || v->without || v->agents_max || v->steps_max || v->trace || v->shrink || v->calm || v->unchecked;
    if (v->curves && !v->governor)
        return "--curves belongs to --governor: write bfsim --governor --curves N";
    if (v->governor && (of_many || told || of_seed || v->jobs || v->progress))
        return "--governor runs load curves, not seeds: write bfsim --governor [--seed N] [--curves N]";
    if (v->seeds && v->events)
        return "--seeds and --events do not go together: say how many seeds, or how many events";
    if (v->coverage && v->json)
        return "--coverage and --json do not go together: say a table, or a line of JSON";
    if (v->only && v->without)
        return "--only and --without do not go together: say what stays, or what is left out";
    if (v->only && of_many)
        return "--only names injections of one seed: give it with --seed, and leave out --seeds and --events";
    if (v->shrink && (of_many || told || v->jobs || v->trace || v->unchecked || v->progress))
        return "--shrink looks at one seed, and tells its story: write bfsim --seed N --shrink";
    if (v->trace && (of_many || v->jobs))
        return "--trace tells the story of one seed: write bfsim --seed N --trace";
    return NULL;
}

static enum bf_rc take(const char *name, const char *text, int64_t least, int64_t most, int64_t *ret, struct bf_error *err)
{
    if (!text || bf_parse_int(text, least, most, ret))
        return BF_OK;
    return bf_fail(err, BF_INVALID, "--%s takes a whole number from %" PRId64 " to %" PRId64 ", not '%s'", name, least, most, text);
}

static enum bf_rc take_numbers(struct run *r, struct bf_error *err)
{
    const struct { const char *name, *text; int64_t least, most, *ret; } numbers[] = {
        {"seed", r->v.seed, 0, INT64_MAX, &r->seed}, {"seeds", r->v.seeds, 1, 1000000000, &r->seeds},
        {"events", r->v.events, 1, INT64_MAX, &r->events}, {"jobs", r->v.jobs, 1, JOBS_MAX, &r->jobs},
        {"at-least", r->v.at_least, 1, INT64_MAX, &r->at_least}, {"agents-max", r->v.agents_max, 1, SIM_AGENTS_MAX, &r->agents_max},
        {"steps-max", r->v.steps_max, 1, 1000, &r->steps_max}, {"curves", r->v.curves, 1, 1000000, &r->curves}};
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; rc == BF_OK && i < sizeof numbers / sizeof *numbers; i++)
        rc = take(numbers[i].name, numbers[i].text, numbers[i].least, numbers[i].most, numbers[i].ret, err);
    return rc;
}

/* NULL, or what is wrong. */
static const char *take_options(struct run *r, struct bf_error *err)
{
    const struct values *v = &r->v;
    const char *wrong = without_meaning(v);
    r->seed = r->seeds = r->jobs = 1;
    r->curves = 1000;
    if (wrong)
        return wrong;
    if (take_numbers(r, err) != BF_OK)
        return err->text;
    r->schedule.only = v->only != NULL;
    r->schedule.agents_max = (uint32_t)r->agents_max;
    r->schedule.steps_max = (uint32_t)r->steps_max;
    const char *list = v->only ? v->only : v->without ? v->without : "";
    if (choices_parse(list, &r->schedule.listed, err) != BF_OK)
        return err->text;
#ifdef BF_PLANTS
    bf_plant = v->plant;
#else
    if (v->plant)
        return "--plant needs a build with BF_PLANTS=ON";
#endif
    return NULL;
}

/* ---- what is told ---- */

/* How to have this run again. */
static void print_command(const struct run *r, const struct schedule *s, uint64_t seed, FILE *to)
{
    struct bf_buf list = {0};
    choices_print(s->listed.at, s->listed.n, &list);
    fprintf(to, "bfsim --seed %" PRIu64, seed);
    if (r->v.plant)
        fprintf(to, " --plant %s", r->v.plant);
    if (r->v.calm)
        fprintf(to, " --calm");
    if (s->agents_max)
        fprintf(to, " --agents-max %u", s->agents_max);
    if (s->steps_max)
        fprintf(to, " --steps-max %u", s->steps_max);
    if (s->only || s->listed.n)
        fprintf(to, " --%s '%s'", s->only ? "only" : "without", bf_buf_cstr(&list));
    fprintf(to, " --trace\n");
    bf_buf_free(&list);
}

static void print_summary(const struct run *r, double seconds)
{
    printf("{\"seeds\":%" PRId64 ",\"first_seed\":%" PRId64 ",\"events\":%" PRIu64 ",\"turns\":%" PRIu64 ",\"records\":%" PRIu64
           ",\"attempts\":%" PRIu64 ",\"crashes\":%" PRIu64 ",\"faults\":%" PRIu64 ",\"faults_by_kind\":{",
           r->ran, r->seed, r->sum.events, r->sum.turns, r->sum.records, r->sum.attempts, r->sum.crashes, r->sum.faults);
    const char *comma = "";
    for (int i = 0; i < SIM_FAULTS_N; i++) {
        if (r->sum.by_fault[i] == 0)
            continue;
        printf("%s\"%s\":%" PRIu64, comma, sim_fault_name((enum sim_fault)i), r->sum.by_fault[i]);
        comma = ",";
    }
    printf("},\"simulated_hours\":%.1f,\"violations\":%" PRIu64 ",\"jobs\":%" PRId64 ",\"seconds\":%.2f,\"events_per_second\":%.0f}\n",
           (double)r->sum.virtual_ms / 3600000, r->sum.violations, r->jobs, seconds, seconds > 0 ? (double)r->sum.events / seconds : 0);
}

/* Whether everything was reached as often as was asked for. */
static bool print_coverage(const struct run *r)
{
    struct cover_items items = {0};
    struct bf_buf text = {0};
    bool enough = true;
    coverage_items(&r->coverage, &items);
    if (r->v.json)
        coverage_json(&items, (uint64_t)r->at_least, &text);
    else if (r->v.coverage || r->at_least)
        coverage_print(&items, (uint64_t)r->at_least, &text);
    for (size_t i = 0; i < items.n; i++)
        enough = enough && !coverage_is_short(&items.at[i], (uint64_t)r->at_least);
    fputs(bf_buf_cstr(&text), stdout);
    bf_vec_free(&items);
    bf_buf_free(&text);
    return enough;
}

static int shrink_seed(struct run *r)
{
    struct shrink_result least;
    struct bf_error err = {0};
    struct sim_options o = {.seed = (uint64_t)r->seed, .calm = r->v.calm, .schedule = &r->schedule};
    enum bf_rc rc = shrink(&o, &least, &err);
    if (rc != BF_OK) {
        fprintf(stderr, "bfsim: error: %s\n", err.text);
        return rc == BF_NOT_FOUND ? 0 : 2;
    }
    struct sim_options again = {.seed = o.seed, .calm = o.calm, .schedule = &least.schedule, .trace = stdout};
    struct seed_result *last = bf_xcalloc(1, sizeof *last);
    rc = jobs_try(&again, last, &err);           /* tells the story; also one that ends in an abort */
    free(last);
    printf("%zu of %" PRIu64 " injections are needed (%" PRIu64 " runs): %s\nrun it again with: ", least.schedule.listed.n,
           least.injections, least.runs, least.violation);
    print_command(r, &least.schedule, o.seed, stdout);
    schedule_done(&least.schedule);
    return rc == BF_OK ? 1 : 2;
}

static int run_and_tell(struct run *r)
{
    struct bf_error err = {0};
    int64_t began_us = bf_boottime_us();
    struct sigaction act = {.sa_handler = on_signal};        /* no SA_RESTART: a read ends */
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    if (run_seeds(r, began_us, &err) != BF_OK)
        return usage(err.text);
    double seconds = (double)(bf_boottime_us() - began_us) / 1e6;
    if (*r->violation) {
        fprintf(stderr, "bfsim: seed %" PRIu64 ": %s\nbfsim: run it again with: ", r->violated_seed, r->violation);
        print_command(r, &r->schedule, r->violated_seed, stderr);
    }
    bool enough = print_coverage(r);
    print_summary(r, seconds);
    return *r->violation || !enough ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct run r;
    struct bf_error err = {0};
    size_t n_positional;
    if (sodium_init() < 0)                       /* without it hashes are made the slow way */
        return usage("libsodium does not start");
    if (bf_options_parse(argc - 1, argv + 1, options, N_OPTIONS, &r.v, NULL, 0, &n_positional, NULL, NULL, &err) != BF_OK)
        return usage(err.text);
    if (r.v.help) {
        printf("usage: bfsim [--seed N] [--seeds N | --events N] [--jobs N] [--coverage | --json] [--at-least N]\n"
               "       bfsim --seed N [--only LIST | --without LIST] [--trace | --shrink]\n"
               "       bfsim --governor [--seed N] [--curves N]\n");
        bf_options_help(options, N_OPTIONS);
        return 0;
    }
    const char *wrong = take_options(&r, &err);
    int status = wrong ? usage(wrong) : r.v.governor ? !curves_report((uint64_t)r.seed, (uint64_t)r.curves)
                 : r.v.shrink ? shrink_seed(&r) : run_and_tell(&r);
    schedule_done(&r.schedule);
    return status;
}
