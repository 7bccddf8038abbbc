/* How long operators wait for an answer while the coordinator works.
 *
 *     bench_query CONFIG BACKFILL STEP [--seconds N] [--pause-ms N]
 *
 * One connection, as bfctl's, over which `status`, `why` of an instance and a page of 100 of `steps` are asked in turn, with a pause
 * between them.  The last line is one JSON object; milliseconds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/figures.h"
#include "bench/words.h"
#include "bfctl/client.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/text.h"

enum { QUERIES = 3, PAGE = 100, ANSWERS_MAX = 200000 };
static const char *const names[QUERIES] = {"status", "why", "steps"};
static const enum op_verb verbs[QUERIES] = {OP_STATUS, OP_WHY, OP_STEPS};

struct options { const char *seconds, *pause_ms; bool help; };
static const struct bf_option table[] = {
    {"seconds", 0, BF_OPT_STRING, offsetof(struct options, seconds), "N", "how long (default 5)"},
    {"pause-ms", 0, BF_OPT_STRING, offsetof(struct options, pause_ms), "N", "between two questions (default 5)"},
    {"help", 'h', BF_OPT_FLAG, offsetof(struct options, help), NULL, "print this page"},
};

struct answers { double *ms; size_t n; };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(struct answers *a, double q)
{
    qsort(a->ms, a->n, sizeof *a->ms, by_value);
    return a->n ? a->ms[(size_t)(q * (double)(a->n - 1) + 0.5)] : 0;
}

static void ask(struct client *c, int query, uint32_t backfill, const char *const *instance, struct answers *a)
{
    struct op_request req;
    struct op_reply reply = {0};
    struct bf_error err = {0};
    client_request(&req, verbs[query]);
    req.backfill = backfill;
    req.selectors = instance;
    req.n_selectors = verbs[query] == OP_WHY;
    req.page_limit = verbs[query] == OP_STEPS ? PAGE : 0;
    double began_s = figures_now_s();
    if (client_call(c, &req, &reply, &err) != BF_OK)
        bench_fail(names[query], err.text);
    if (reply.rc != BF_OK)
        bench_fail(names[query], reply.text);
    if (a->n < ANSWERS_MAX)
        a->ms[a->n++] = 1e3 * (figures_now_s() - began_s);
    op_reply_done(&reply);
}

static void print_all(struct answers a[QUERIES])
{
    printf("%-8s %8s %9s %9s %9s %9s\n", "query", "answers", "p50 ms", "p95 ms", "p99 ms", "most ms");
    for (int q = 0; q < QUERIES; q++)
        printf("%-8s %8zu %9.2f %9.2f %9.2f %9.2f\n", names[q], a[q].n, quantile(&a[q], 0.5), quantile(&a[q], 0.95),
               quantile(&a[q], 0.99), quantile(&a[q], 1));
    printf("{\"bench\":\"query\"");
    for (int q = 0; q < QUERIES; q++)
        printf(",\"%s\":{\"answers\":%zu,\"p50\":%.4g,\"p99\":%.4g,\"most\":%.4g}", names[q], a[q].n, quantile(&a[q], 0.5),
               quantile(&a[q], 0.99), quantile(&a[q], 1));
    printf("}\n");
}

int main(int argc, char **argv)
{
    static const char usage[] = "CONFIG BACKFILL STEP[PARTITION] [--seconds N] [--pause-ms N]";
    struct options o = {0};
    struct client_settings settings = {0};
    struct client *client = NULL;
    struct answers answers[QUERIES];
    struct bf_error err = {0};
    const char *words[3] = {0};
    size_t n = 0;
    int64_t backfill = 0;
    enum bf_rc rc = bf_options_parse(argc - 1, argv + 1, table, sizeof table / sizeof *table, &o, words, 3, &n, NULL, NULL, &err);
    if (rc == BF_OK && o.help)
        bench_help(usage, table, sizeof table / sizeof *table);
    if (rc != BF_OK || n != 3 ||
        strncmp(words[1], "bf-", 3) != 0 || !bf_parse_int(words[1] + 3, 1, UINT32_MAX, &backfill)) {
        fprintf(stderr, "usage: bench_query %s\n", usage);
        return 2;
    }
    if (client_settings_read(words[0], &settings, &err) != BF_OK || client_open(&settings, &client, &err) != BF_OK)
        bench_fail(words[0], err.text);
    for (int q = 0; q < QUERIES; q++)
        answers[q] = (struct answers){bf_xcalloc(ANSWERS_MAX, sizeof(double)), 0};
    int64_t pause_ms = bench_number(o.pause_ms, 5, 0, 1000000);
    const struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000};
    double until_s = figures_now_s() + (double)bench_number(o.seconds, 5, 0, 1000000);
    do
        for (int q = 0; q < QUERIES; q++) {
            ask(client, q, (uint32_t)backfill, &words[2], &answers[q]);
            nanosleep(&pause, NULL);
        }
    while (figures_now_s() < until_s);
    print_all(answers);
    for (int q = 0; q < QUERIES; q++)
        free(answers[q].ms);
    client_close(client);
    client_settings_done(&settings);
    return 0;
}
