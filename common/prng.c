#include "common/prng.h"

#include <assert.h>

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void bf_prng_seed(struct bf_prng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        r->s[i] = bf_mix64(seed);
        seed += 0x9e3779b97f4a7c15u;
    }
}

uint64_t bf_prng_next(struct bf_prng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t bf_prng_below(struct bf_prng *r, uint64_t n)
{
    assert(n > 0);
    /* Values under 2^64 mod n would make the low results likelier; they are drawn again. */
    uint64_t threshold = (0 - n) % n;
    uint64_t x = bf_prng_next(r);
    while (x < threshold)
        x = bf_prng_next(r);
    return x % n;
}
