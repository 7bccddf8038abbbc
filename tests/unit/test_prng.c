#include "common/prng.h"

#include <criterion/criterion.h>
#include <string.h>

/* Reference values: splitmix64.c and xoshiro256starstar.c of prng.di.unimi.it, seeded as here. */
Test(prng, splitmix64_reference)
{
    cr_expect_eq(bf_mix64(0), UINT64_C(0xe220a8397b1dcdaf));
    cr_expect_eq(bf_mix64(UINT64_C(0x9e3779b97f4a7c15)), UINT64_C(0x6e789e6aa1b965f4));
}

Test(prng, xoshiro_reference)
{
    struct bf_prng r = {{1, 2, 3, 4}};
    static const uint64_t want[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    for (int i = 0; i < 4; i++)
        cr_expect_eq(bf_prng_next(&r), want[i], "value %d", i);
}

Test(prng, a_seed_repeats_and_seeds_differ)
{
    struct bf_prng a, b, c;
    bf_prng_seed(&a, 42);
    bf_prng_seed(&b, 42);
    bf_prng_seed(&c, 43);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = bf_prng_next(&a);
        cr_assert_eq(x, bf_prng_next(&b));
        same += x == bf_prng_next(&c);
    }
    cr_expect_eq(same, 0);
}

Test(prng, below_stays_below_and_is_even)
{
    struct bf_prng r;
    bf_prng_seed(&r, 7);
    static const uint64_t limits[] = {1, 2, 3, 10, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        for (int k = 0; k < 1000; k++)
            cr_assert_lt(bf_prng_below(&r, limits[i]), limits[i]);
    int count[10] = {0};
    for (int k = 0; k < 100000; k++)
        count[bf_prng_below(&r, 10)]++;
    for (int d = 0; d < 10; d++) /* five standard deviations of 95 */
        cr_expect(count[d] > 9525 && count[d] < 10475, "digit %d came %d times", d, count[d]);
}

/* 2^64 is four thirds of n: without a second draw the lowest third would come half of the time. */
Test(prng, below_has_no_bias_near_the_top)
{
    struct bf_prng r;
    bf_prng_seed(&r, 8);
    uint64_t third = UINT64_C(1) << 62;
    int low = 0;
    for (int k = 0; k < 90000; k++)
        low += bf_prng_below(&r, 3 * third) < third;
    cr_expect(low > 29300 && low < 30700, "%d of 90000 are in the lowest third", low);
}
