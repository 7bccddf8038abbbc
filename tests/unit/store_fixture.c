/* The meta value by its bytes, not by the store's code: {magic, CRC-32C over table, key and bytes}, then the format first. */
#include "tests/unit/store_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/crc32c.h"

void store_fixture_format_1(MDB_txn *txn)
{
    MDB_dbi meta;
    MDB_val key = {4, (void *)(uintptr_t)"meta"}, value;
    uint8_t bytes[256] = {0}, table = 0;
    cr_assert_eq(mdb_dbi_open(txn, "meta", 0, &meta), 0);
    cr_assert_eq(mdb_get(txn, meta, &key, &value), 0);
    size_t n = value.mv_size;
    memcpy(bytes, value.mv_data, n);
    memcpy(bytes + 8, &(uint32_t){1}, 4);
    uint32_t crc = bf_crc32c(bf_crc32c(bf_crc32c(0, &table, 1), "meta", 4), bytes + 8, n - 8);
    memcpy(bytes + 4, &crc, 4);
    cr_assert_eq(mdb_put(txn, meta, &key, &(MDB_val){n, bytes}, 0), 0);
}
