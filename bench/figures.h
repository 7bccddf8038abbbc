/* What the programs of bench/ share: clocks, medians, memory, and the last line, which is one JSON object. */
#ifndef BF_BENCH_FIGURES_H
#define BF_BENCH_FIGURES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FIGURES_MAX 101

/* One figure, measured over and over. */
struct figures { double at[FIGURES_MAX]; size_t n; };

double figures_now_s(void);                      /* CLOCK_MONOTONIC */
double figures_cpu_s(void);                      /* of this process, all threads */
size_t figures_allocated(void);                  /* bytes that malloc has given out */
size_t figures_resident(void);                   /* bytes of this process in memory; 0: not known */
/* Adds one; those past FIGURES_MAX are left out. */
void figures_add(struct figures *f, double value);
/* The q-th part in order: 0.5 is the median; 0 of none. */
double figures_quantile(const struct figures *f, double q);
/* ,"NAME":{"median":…,"least":…,"most":…,"runs":…} */
void figures_json(FILE *out, const char *name, const struct figures *f);

#endif
