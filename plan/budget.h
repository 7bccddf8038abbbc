/* Figures of pools and of what draws on them, as they are written in plans, in the configuration and on the command line.  Pure. */
#ifndef BF_PLAN_BUDGET_H
#define BF_PLAN_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/pool.h"

/* dimension: "cpu" (thousandths), "memory" (bytes), "io" (bytes a second); else the name of a unit.  false: it does not fit, and *ret is
 * untouched; plan_budget_form() says what would. */
bool plan_budget_parse(const char *dimension, const char *text, uint64_t *ret);
/* Is it the name of a unit?  A pool has slots, cpu, memory and io beside its units. */
bool plan_budget_is_unit(const char *dimension);
/* "a number from 0.001 to 1000000 with at most three places". */
const char *plan_budget_form(const char *dimension);
/* "5/s", "30/m", "0.5/h": so many thousandths of a start in *ret_ms. */
bool plan_start_rate_parse(const char *text, uint32_t *ret_milli, uint32_t *ret_ms);
#define PLAN_START_RATE_FORM "a rate like `5/s`, `30/m` or `100/h`, from 0.001 to 1000000"

/* The same for people: "1.5", "512 MiB", "400 MiB/s", "20"; and "5/s". */
#define PLAN_BUDGET_TEXT_MAX 64
void plan_budget_format(const char *dimension, uint64_t n, char ret[PLAN_BUDGET_TEXT_MAX]);
/* For `bfctl pool set`, with nothing rounded: "--cpu 1.5", "--memory 16Mi", "--slots 20", "--unit connections=20".  false: it is more
 * than a pool can have. */
#define PLAN_BUDGET_OPTION_MAX 224
bool plan_budget_option(const char *dimension, uint64_t n, char ret[PLAN_BUDGET_OPTION_MAX]);
void plan_start_rate_format(uint32_t milli, uint32_t ms, char ret[PLAN_BUDGET_TEXT_MAX]);

#endif
