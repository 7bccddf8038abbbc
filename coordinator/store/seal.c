/* See seal.h. */
#include "coordinator/store/seal.h"

#include <string.h>

#include "common/buf.h"
#include "common/crc32c.h"
#include "common/plant.h"

uint32_t seal_checksum(uint8_t table, const void *key, size_t key_n, const void *p, size_t n)
{
    uint32_t crc = bf_crc32c(0, &table, 1);
    crc = bf_crc32c(crc, key, key_n);
    return bf_crc32c(crc, p, n);
}

void seal_head(uint8_t table, const void *key, size_t key_n, const void *p, size_t n, uint8_t ret[SEAL_BYTES])
{
    uint32_t head[2] = {SEAL_MAGIC, seal_checksum(table, key, key_n, p, n)};
    memcpy(ret, head, sizeof head);
}

enum seal seal_open(uint8_t table, const void *key, size_t key_n, const void *value, size_t value_n, const uint8_t **ret, size_t *ret_n)
{
    struct bf_reader r = {.p = value, .left = value_n};
    uint32_t magic, crc;
    if (!bf_take_u32(&r, &magic) || !bf_take_u32(&r, &crc) || magic != SEAL_MAGIC)
        return SEAL_FOREIGN;
    if (seal_checksum(table, key, key_n, r.p, r.left) != crc && !BF_PLANTED("damage_unseen"))
        return SEAL_BROKEN;
    *ret = r.p;
    *ret_n = r.left;
    return SEAL_WHOLE;
}
