/* Seeded randomness.  xoshiro256** seeded by splitmix64 (Blackman, Vigna: prng.di.unimi.it).  Pure. */
#ifndef BF_COMMON_PRNG_H
#define BF_COMMON_PRNG_H
#include <stdint.h>
struct bf_prng { uint64_t s[4]; };
void bf_prng_seed(struct bf_prng *r, uint64_t seed);
uint64_t bf_prng_next(struct bf_prng *r);
uint64_t bf_prng_below(struct bf_prng *r, uint64_t n);     /* 0..n-1 without bias; n > 0 */
/* One splitmix64 step: a well-mixed 64-bit hash of x. */
static inline uint64_t bf_mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
#endif
