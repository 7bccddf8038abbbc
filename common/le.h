/* Integers as little-endian bytes, whatever the host's order and alignment are. */
#ifndef BF_COMMON_LE_H
#define BF_COMMON_LE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t bf_le_order(uint64_t v)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : __builtin_bswap64(v);
}

/* The low n bytes of v, at most 8: one store where n is a constant. */
static inline void bf_le_put(uint8_t *p, uint64_t v, size_t n)
{
    uint64_t bytes = bf_le_order(v);
    memcpy(p, &bytes, n);
}

static inline uint64_t bf_le_get(const uint8_t *p, size_t n)
{
    uint64_t bytes = 0;
    memcpy(&bytes, p, n);
    return bf_le_order(bytes);
}

#endif
