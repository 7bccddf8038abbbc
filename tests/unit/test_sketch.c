/* Quantile sketches: the accuracy that is promised, against the sorted values; that merging is adding; what is bounded; bytes. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/prng.h"
#include "common/sketch.h"

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t rank_value(const uint64_t *sorted, size_t n, uint32_t millionths)
{
    size_t rank = (n * millionths + 999999) / 1000000;
    return sorted[rank ? rank - 1 : 0];
}

static void check_accuracy(struct bf_sketch *s, uint64_t *values, size_t n, const char *what)
{
    static const uint32_t at[] = {0, 10000, 250000, 500000, 800000, 950000, 999000, 1000000};
    qsort(values, n, sizeof *values, by_size);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        uint64_t want = rank_value(values, n, at[i]), got = bf_sketch_quantile(s, at[i]), off = got > want ? got - want : want - got;
        cr_assert_leq(off, want / 64 + (want % 64 != 0), "%s: at %u it says %llu for %llu", what, at[i], (unsigned long long)got,
                      (unsigned long long)want);
    }
}

/* Values between 2^low and 2^(low + octaves). */
static uint64_t draw(struct bf_prng *p, unsigned low, unsigned octaves)
{
    uint64_t base = UINT64_C(1) << (low + bf_prng_below(p, octaves));
    return base + bf_prng_below(p, base);
}

Test(sketch, is_as_accurate_as_it_says)
{
    for (unsigned low = 0; low < 52; low++) {
        struct bf_prng p;
        struct bf_sketch s = {0};
        enum { N = 2000 };
        uint64_t values[N];
        bf_prng_seed(&p, 7 + low);
        for (size_t i = 0; i < N; i++) {
            values[i] = draw(&p, low, 4);
            bf_sketch_add(&s, values[i]);
        }
        check_accuracy(&s, values, N, "four powers of two");
        cr_assert(s.n == N && s.min == values[0] && s.max == values[N - 1]);
        bf_sketch_done(&s);
    }
}

Test(sketch, small_values_are_exact)
{
    for (uint64_t v = 0; v < 64; v++) {
        struct bf_sketch s = {0};
        bf_sketch_add(&s, 0);
        for (int i = 0; i < 9; i++)
            bf_sketch_add(&s, v);
        bf_sketch_add(&s, 1000);
        cr_assert_eq(bf_sketch_quantile(&s, 500000), v);
        bf_sketch_done(&s);
    }
}

Test(sketch, what_is_spread_wide_loses_its_low_end_alone)
{
    struct bf_prng p;
    struct bf_sketch s = {0};
    enum { N = 20000 };
    uint64_t *values = bf_xcalloc(N, sizeof *values);
    bf_prng_seed(&p, 3);
    for (size_t i = 0; i < N; i++) {
        values[i] = draw(&p, 1, 50);
        bf_sketch_add(&s, values[i]);
        cr_assert_leq(s.n_at, BF_SKETCH_BUCKETS);
    }
    qsort(values, N, sizeof *values, by_size);
    for (uint32_t q = 950000; q <= 1000000; q += 10000) {
        uint64_t want = rank_value(values, N, q), got = bf_sketch_quantile(&s, q);
        cr_assert_leq(got > want ? got - want : want - got, want / 64 + 1);
    }
    cr_assert_eq(bf_sketch_quantile(&s, 0), values[0]);
    cr_assert_geq(bf_sketch_quantile(&s, 100000), rank_value(values, N, 100000), "the low end is told too high, never too low");
    free(values);
    bf_sketch_done(&s);
}

Test(sketch, merging_is_adding)
{
    struct bf_prng p;
    struct bf_sketch a = {0}, b = {0}, all = {0};
    struct bf_buf x = {0}, y = {0};
    bf_prng_seed(&p, 11);
    for (int i = 0; i < 5000; i++) {
        uint64_t v = i % 50 ? draw(&p, 10, 3) : 0;
        bf_sketch_add(i % 3 ? &a : &b, v);
        bf_sketch_add(&all, v);
    }
    bf_sketch_merge(&a, &b);
    bf_sketch_put(&a, &x);
    bf_sketch_put(&all, &y);
    cr_assert(x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
    bf_buf_free(&x);
    bf_buf_free(&y);
    bf_sketch_done(&a);
    bf_sketch_done(&b);
    bf_sketch_done(&all);
}

Test(sketch, its_bytes_come_back_and_others_are_refused)
{
    struct bf_sketch s = {0}, back;
    struct bf_buf bytes = {0}, again = {0};
    for (uint64_t v = 0; v < 300; v++)
        bf_sketch_add(&s, v * v * 977);
    bf_sketch_add(&s, UINT64_MAX);
    cr_assert_eq(s.max, BF_SKETCH_VALUE_MAX);
    bf_sketch_put(&s, &bytes);
    struct bf_reader r = {.p = bytes.data, .left = bytes.len};
    cr_assert(bf_sketch_take(&r, &back) && r.left == 0);
    bf_sketch_put(&back, &again);
    cr_assert(bytes.len == again.len && memcmp(bytes.data, again.data, again.len) == 0);
    bf_sketch_done(&back);
    for (size_t cut = 0; cut < bytes.len; cut++) {
        r = (struct bf_reader){.p = bytes.data, .left = cut};
        cr_assert_not(bf_sketch_take(&r, &back), "cut at %zu", cut);
    }
    memset(bytes.data + 34, 0xff, 2);            /* the first bucket's number */
    r = (struct bf_reader){.p = bytes.data, .left = bytes.len};
    cr_assert(!bf_sketch_take(&r, &back) && back.at == NULL);
    bf_buf_free(&bytes);
    bf_buf_free(&again);
    bf_sketch_done(&s);
}
