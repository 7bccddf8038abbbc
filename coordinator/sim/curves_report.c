/* What many curves come to. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/sim/curves.h"

#define OVER_MOST 0.05
#define THROUGHPUT_LEAST 0.85

struct group { uint64_t n, moves; double over, throughput, settle_s; double *overs, *throughputs; };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add(struct group *g, const struct curve_result *r)
{
    g->overs[g->n] = r->over;
    g->throughputs[g->n++] = r->throughput;
    g->over += r->over;
    g->throughput += r->throughput;
    g->settle_s += r->settle_s < 0 ? 0 : r->settle_s;
    g->moves += r->moves;
}

static void print_group(struct group *g, const char *algorithm, const char *kind)
{
    if (g->n == 0)
        return;
    double n = (double)g->n;
    qsort(g->overs, g->n, sizeof *g->overs, compare);
    qsort(g->throughputs, g->n, sizeof *g->throughputs, compare);
    printf("%-9s %-7s %6" PRIu64 " %9.2f %% %8.2f %% %9.1f %% %8.1f %% %8.0f s %7.0f\n", algorithm, kind, g->n, 100 * g->over / n,
           100 * g->overs[g->n * 95 / 100], 100 * g->throughput / n, 100 * g->throughputs[g->n * 5 / 100], g->settle_s / n,
           (double)g->moves / n);
}

struct sum { double over, throughput; bool bounded; };

static struct sum run(uint64_t first, uint64_t n, enum throttle_algorithm algorithm)
{
    struct group groups[CURVE_KINDS + 1] = {0};
    struct sum sum = {.bounded = true};
    for (int k = 0; k <= CURVE_KINDS; k++) {
        groups[k].overs = bf_xcalloc(n, sizeof(double));
        groups[k].throughputs = bf_xcalloc(n, sizeof(double));
    }
    for (uint64_t i = 0; i < n; i++) {
        struct curve_result r;
        curve_run(first + i, algorithm, &r);
        add(&groups[r.kind], &r);
        add(&groups[CURVE_KINDS], &r);
        sum.bounded = sum.bounded && r.bounded;
    }
    for (int k = 0; k <= CURVE_KINDS; k++) {
        print_group(&groups[k], throttle_algorithm_name(algorithm), k < CURVE_KINDS ? curve_kind_name((enum curve_kind)k) : "all");
        free(groups[k].overs);
        free(groups[k].throughputs);
    }
    sum.over = groups[CURVE_KINDS].over / (double)n;
    sum.throughput = groups[CURVE_KINDS].throughput / (double)n;
    return sum;
}

static bool is_good(const struct sum *s)
{
    return s->bounded && s->over <= OVER_MOST && s->throughput >= THROUGHPUT_LEAST;
}

bool curves_report(uint64_t first, uint64_t n)
{
    printf("%-9s %-7s %6s %11s %10s %11s %10s %10s %7s\n", "", "users", "curves", "over target", "95th", "of oracle", "5th", "settled",
           "moves");
    struct sum gradient = run(first, n, THROTTLE_GRADIENT), aimd = run(first, n, THROTTLE_AIMD);
    printf("{\"curves\":%" PRIu64 ",\"first_seed\":%" PRIu64 ",\"gradient\":{\"over_target\":%.4f,\"of_oracle\":%.4f},"
           "\"aimd\":{\"over_target\":%.4f,\"of_oracle\":%.4f},\"bounded\":%s}\n", n, first, gradient.over, gradient.throughput,
           aimd.over, aimd.throughput, gradient.bounded && aimd.bounded ? "true" : "false");
    return is_good(&gradient) && is_good(&aimd);
}
