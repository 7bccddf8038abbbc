/* A DDSketch: quantiles of very many whole numbers in little memory, each within a fixed part of the true one.
 *
 * Source: Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019, with the
 * mapping that interpolates linearly between powers of two in place of a logarithm.  A value v >= 1, with e = floor(log2 v), falls into
 * bucket
 *
 *     32 e + floor(32 (v - 2^e) / 2^e)
 *
 * A bucket's bounds are at most a factor of 1 + 1/32 apart, so its middle is within 1/64 (1.6 %) of each value in it: that is the
 * relative accuracy, and values below 64 are exact.  All of it is integer arithmetic: the same values give the same bytes everywhere.
 *
 * Bounded: of more than BF_SKETCH_BUCKETS buckets the lowest two become one ("collapsing lowest" of the paper), so that what loses its
 * accuracy is the low end of values spread over more than four powers of two.  Zeros, the smallest and the largest are kept beside. */
#ifndef BF_COMMON_SKETCH_H
#define BF_COMMON_SKETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

#define BF_SKETCH_BUCKETS 128u
#define BF_SKETCH_VALUE_MAX ((UINT64_C(1) << 56) - 1)         /* larger values count as this */

struct bf_sketch_bucket { uint32_t index, n; };

/* All-zero is empty.  Buckets ascend by index.  Read n, min and max freely; the last two say nothing while n is 0. */
struct bf_sketch {
    uint64_t n, zeros, min, max;
    struct bf_sketch_bucket *at; uint32_t n_at, room;         /* owned */
};

void bf_sketch_add(struct bf_sketch *s, uint64_t value);
/* As if all that `from` has heard had been added to `into`. */
void bf_sketch_merge(struct bf_sketch *into, const struct bf_sketch *from);
/* The value of nearest rank: at least so many millionths of the values are no larger.  0 of an empty one. */
uint64_t bf_sketch_quantile(const struct bf_sketch *s, uint32_t millionths);
void bf_sketch_done(struct bf_sketch *s);

/* Its bytes, the same for the same values in the same order.  take: false, and *ret empty, for what put does not write. */
void bf_sketch_put(const struct bf_sketch *s, struct bf_buf *ret);
bool bf_sketch_take(struct bf_reader *r, struct bf_sketch *ret);

#endif
