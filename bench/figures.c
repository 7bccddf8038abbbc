#include "bench/figures.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double clock_s(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double figures_now_s(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

double figures_cpu_s(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

size_t figures_allocated(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

size_t figures_resident(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    int n = fscanf(f, "%lu %lu", &pages, &resident);
    fclose(f);
    return n == 2 ? resident * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

void figures_add(struct figures *f, double value)
{
    if (f->n < FIGURES_MAX)
        f->at[f->n++] = value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double figures_quantile(const struct figures *f, double q)
{
    double sorted[FIGURES_MAX];
    if (f->n == 0)
        return 0;
    memcpy(sorted, f->at, f->n * sizeof *sorted);
    qsort(sorted, f->n, sizeof *sorted, by_value);
    return sorted[(size_t)(q * (double)(f->n - 1) + 0.5)];
}

void figures_json(FILE *out, const char *name, const struct figures *f)
{
    fprintf(out, ",\"%s\":{\"median\":%.6g,\"least\":%.6g,\"most\":%.6g,\"runs\":%zu}", name, figures_quantile(f, 0.5),
            figures_quantile(f, 0), figures_quantile(f, 1), f->n);
}
