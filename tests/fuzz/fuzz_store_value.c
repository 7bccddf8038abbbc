/* Values of the store: table (a byte), length of the key (a byte), key, value.  Whatever lies in a file is answered by a sentence; what is
 * put into an envelope for this key is found again, and under another key it is not. */
#include <assert.h>
#include <string.h>

#include "coordinator/store/store_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void seal(enum store_table table, const MDB_val *key, const uint8_t *p, size_t n, struct bf_buf *ret)
{
    const uint32_t head[2] = {STORE_MAGIC, store_checksum(table, key, p, n)};
    bf_buf_put(ret, head, sizeof head);
    bf_buf_put(ret, p, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n < 3 || n - 2 < p[1])
        return 0;
    enum store_table table = (enum store_table)(p[0] % TABLE_COUNT);
    MDB_val key = {p[1], (void *)(uintptr_t)(p + 2)}, value = {n - 2 - p[1], (void *)(uintptr_t)(p + 2 + p[1])};
    struct bf_error err = {0};
    struct bf_buf sealed = {0};
    const uint8_t *inside;
    size_t n_inside;
    struct store_audit entry;
    if (store_open_value(table, &key, &value, &inside, &n_inside, &err) != BF_OK)
        assert(err.rc == BF_CORRUPT && *err.text);
    store_audit_open(&key, &value, &entry);
    (void)store_details_valid(&key, value.mv_data, value.mv_size);

    seal(table, &key, value.mv_data, value.mv_size, &sealed);
    const MDB_val whole = {sealed.len, sealed.data};
    enum bf_rc rc = store_open_value(table, &key, &whole, &inside, &n_inside, NULL);
    assert(rc == BF_OK && n_inside == value.mv_size && (n_inside == 0 || memcmp(inside, value.mv_data, n_inside) == 0));
    sealed.data[sealed.len - 1] ^= 1;
    assert(store_open_value(table, &key, &whole, &inside, &n_inside, NULL) == BF_CORRUPT);
    bf_buf_free(&sealed);
    return 0;
}
