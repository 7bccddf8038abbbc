/* Keys, envelopes and the two meta values: the format of the store on disk. */
#include "coordinator/store/store_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/text.h"

const char *const store_table_names[TABLE_COUNT] = {"meta", "plan", "checkpoint", "journal", "details", "audit"};

void store_put_be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

void store_put_be64(uint8_t *p, uint64_t v)
{
    store_put_be32(p, (uint32_t)(v >> 32));
    store_put_be32(p + 4, (uint32_t)v);
}

uint32_t store_get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t store_get_be64(const uint8_t *p)
{
    return (uint64_t)store_get_be32(p) << 32 | store_get_be32(p + 4);
}

enum bf_rc store_fail(struct bf_error *err, int lmdb_rc, const char *doing)
{
    enum bf_rc rc = lmdb_rc == MDB_MAP_FULL ? BF_FULL : lmdb_rc == MDB_CORRUPTED || lmdb_rc == MDB_PAGE_NOTFOUND || lmdb_rc == MDB_INVALID
                        ? BF_CORRUPT : BF_IO;
    return bf_fail(err, rc, "store: %s: %s", doing, mdb_strerror(lmdb_rc));
}

uint32_t store_checksum(enum store_table table, const MDB_val *key, const void *p, size_t n)
{
    return seal_checksum((uint8_t)table, key->mv_data, key->mv_size, p, n);
}

/* A key in words: "journal 12", "checkpoint 3/0", "plan 0a1b…", "details bf-3/0/12 a-77", "meta pointer". */
void store_key_words(enum store_table table, const MDB_val *key, char *ret, size_t size)
{
    const uint8_t *k = key->mv_data;
    char hex[17] = "";
    if (table == TABLE_JOURNAL && key->mv_size == 8) {
        snprintf(ret, size, "journal %llu", (unsigned long long)store_get_be64(k));
    } else if (table == TABLE_AUDIT && key->mv_size == 8) {
        snprintf(ret, size, "audit %llu", (unsigned long long)store_get_be64(k));
    } else if (table == TABLE_CHECKPOINT && key->mv_size == 8) {
        snprintf(ret, size, "checkpoint %u/%u", store_get_be32(k), store_get_be32(k + 4));
    } else if (table == TABLE_PLAN && key->mv_size == 32) {
        bf_hex(k, 8, hex);
        snprintf(ret, size, "plan %s…", hex);
    } else if (table == TABLE_DETAILS && key->mv_size == STORE_DETAILS_KEY_BYTES) {
        snprintf(ret, size, "details bf-%u/%u/%u a-%llu", store_get_be32(k), store_get_be32(k + 4), store_get_be32(k + 8),
                 (unsigned long long)store_get_be64(k + 12));
    } else {
        snprintf(ret, size, "%s %.*s", store_table_names[table], (int)(key->mv_size > 32 ? 32 : key->mv_size), (const char *)k);
    }
}

enum bf_rc store_open_value(enum store_table table, const MDB_val *key, const MDB_val *value, const uint8_t **ret, size_t *ret_n,
                            struct bf_error *err)
{
    char words[80];
    store_key_words(table, key, words, sizeof words);
    switch (seal_open((uint8_t)table, key->mv_data, key->mv_size, value->mv_data, value->mv_size, ret, ret_n)) {
    case SEAL_FOREIGN: return bf_fail(err, BF_CORRUPT, "store: %s is no value of this format", words);
    case SEAL_BROKEN: return bf_fail(err, BF_CORRUPT, "store: %s is damaged: its checksum does not match", words);
    case SEAL_WHOLE: break;
    }
    return BF_OK;
}

enum bf_rc store_open_tables(MDB_txn *txn, bool create, MDB_dbi ret[TABLE_COUNT], struct bf_error *err)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        int rc = mdb_dbi_open(txn, store_table_names[i], create ? MDB_CREATE : 0, &ret[i]);
        if (rc == MDB_NOTFOUND && (i == TABLE_DETAILS || i == TABLE_AUDIT)) {      /* format.c says when that is right */
            ret[i] = STORE_NO_TABLE;
            continue;
        }
        if (rc)
            return bf_fail(err, rc == MDB_NOTFOUND ? BF_CORRUPT : BF_IO, "store: table %s: %s", store_table_names[i], mdb_strerror(rc));
    }
    return BF_OK;
}

static enum bf_rc read_one(MDB_txn *txn, MDB_dbi dbi, const char *name, const uint8_t **ret, size_t *ret_n, struct bf_error *err)
{
    MDB_val key = {strlen(name), (void *)(uintptr_t)name}, value;
    int rc = mdb_get(txn, dbi, &key, &value);
    if (rc == MDB_NOTFOUND)
        return bf_fail(err, BF_NOT_FOUND, "store: meta %s is missing", name);
    if (rc)
        return store_fail(err, rc, "reading meta");
    return store_open_value(TABLE_META, &key, &value, ret, ret_n, err);
}

enum bf_rc store_read_meta(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], struct store_meta *ret_meta, struct store_pointer *ret_pointer,
                           struct bf_error *err)
{
    const uint8_t *p, *cluster;
    size_t n;
    enum bf_rc rc = read_one(txn, dbi[TABLE_META], "meta", &p, &n, err);
    if (rc != BF_OK)
        return rc;
    struct bf_reader r = {.p = p, .left = n};
    struct store_meta meta = {0};
    uint64_t lease_ms;
    if (!bf_take_u32(&r, &meta.format))
        return bf_fail(err, BF_CORRUPT, "store: meta is cut short");
    if (meta.format > STORE_FORMAT)
        return bf_fail(err, BF_UNSUPPORTED, "store: it is of format %u, and this program knows up to %u: use a newer bfcoordinator and "
                       "bfctl", meta.format, STORE_FORMAT);
    if (meta.format == 0)
        return bf_fail(err, BF_CORRUPT, "store: it says that it is of format 0, which there never was");
    if (!bf_take_bytes(&r, sizeof meta.cluster, &cluster) || !bf_take_u64(&r, &meta.seed) || !bf_take_u32(&r, &meta.epoch) ||
        !bf_take_u64(&r, &lease_ms))
        return bf_fail(err, BF_CORRUPT, "store: meta is cut short");
    memcpy(meta.cluster, cluster, sizeof meta.cluster);
    meta.lease_ms = (int64_t)lease_ms;
    rc = read_one(txn, dbi[TABLE_META], "pointer", &p, &n, err);
    if (rc != BF_OK)
        return rc;
    r = (struct bf_reader){.p = p, .left = n};
    struct store_pointer pointer = {0};
    if (!bf_take_u32(&r, &pointer.generation) || !bf_take_u32(&r, &pointer.chunks) || !bf_take_u64(&r, &pointer.seq))
        return bf_fail(err, BF_CORRUPT, "store: pointer is cut short");
    (void)bf_take_u64(&r, &pointer.bytes);       /* not in stores of the first versions */
    *ret_meta = meta;
    *ret_pointer = pointer;
    return BF_OK;
}
