/* The least and the most of two numbers. */
#ifndef BF_LEAST_H
#define BF_LEAST_H

#include <stdint.h>

static inline int64_t bf_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t bf_most(int64_t a, int64_t b) { return a > b ? a : b; }

#endif
