/* CRC-32C.  Two ways to the same number: the processor's instruction, and a table of 8 x 256 entries (slicing by eight,
 * Kounavis and Berry 2005) built once.  The choice is made once and is safe from any thread: both writers store the same
 * bytes before the flag. */
#include "common/crc32c.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HAVE_SSE42 1
#endif

#define POLY_REFLECTED 0x82f63b78u

static _Atomic uint32_t table[8][256];
static atomic_bool table_ready;

static void make_table(void)
{
    uint32_t t[8][256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? (c >> 1) ^ POLY_REFLECTED : c >> 1;
        t[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xff];
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 0; k < 8; k++)
            atomic_store_explicit(&table[k][i], t[k][i], memory_order_relaxed);
    atomic_store_explicit(&table_ready, true, memory_order_release);
}

static uint32_t entry(int k, uint32_t i)
{
    return atomic_load_explicit(&table[k][i & 0xff], memory_order_relaxed);
}

uint32_t bf_crc32c_by_table(uint32_t crc, const uint8_t *p, size_t n);
uint32_t bf_crc32c_by_table(uint32_t crc, const uint8_t *p, size_t n)
{
    if (!atomic_load_explicit(&table_ready, memory_order_acquire))
        make_table();
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = entry(7, a) ^ entry(6, a >> 8) ^ entry(5, a >> 16) ^ entry(4, a >> 24) ^
              entry(3, p[4]) ^ entry(2, p[5]) ^ entry(1, p[6]) ^ entry(0, p[7]);
    }
    for (; n > 0; n--, p++)
        crc = (crc >> 8) ^ entry(0, crc ^ *p);
    return crc;
}

#ifdef HAVE_SSE42
__attribute__((target("sse4.2"))) static uint32_t by_hardware(uint32_t crc, const uint8_t *p, size_t n)
{
    uint64_t c = crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        c = _mm_crc32_u64(c, v);
    }
    uint32_t c32 = (uint32_t)c;
    for (; n > 0; n--, p++)
        c32 = _mm_crc32_u8(c32, *p);
    return c32;
}
#endif

uint32_t bf_crc32c(uint32_t crc, const void *p, size_t n)
{
    crc = ~crc;
#ifdef HAVE_SSE42
    if (__builtin_cpu_supports("sse4.2"))
        return ~by_hardware(crc, p, n);
#endif
    return ~bf_crc32c_by_table(crc, p, n);
}
