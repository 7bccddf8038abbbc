/* Formats of a store, the value that names them, and how one becomes the next.
 *
 *     1  tables meta, plan, checkpoint, journal; details and audit came later under the same number, so a store may lack them
 *     2  all six tables; meta "restored"; the journal may have records of a restore, which a program of format 1 would not know
 *
 * A store of an older format is migrated when it is opened, format by format, in the transaction that opens it: it is of the old format
 * or of the new one, never between.  A newer format is refused by name (store_read_meta). */
#include "coordinator/store/store_state.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"

enum { RESTORED_VERSION = 1 };

static const MDB_val restored_key = {8, (void *)(uintptr_t)"restored"};

int store_put_meta(struct store *s, MDB_txn *txn)
{
    struct bf_buf b = {0};
    MDB_val key = {4, (void *)(uintptr_t)"meta"};
    bf_buf_put_u32(&b, s->meta.format);
    bf_buf_put(&b, s->meta.cluster, sizeof s->meta.cluster);
    bf_buf_put_u64(&b, s->meta.seed);
    bf_buf_put_u32(&b, s->meta.epoch);
    bf_buf_put_u64(&b, (uint64_t)s->meta.lease_ms);
    int rc = store_put_value(s, txn, TABLE_META, &key, b.data, b.len, 0);
    bf_buf_free(&b);
    return rc;
}

/* ---- from one format to the next ---- */

static int add_tables(struct store *s, MDB_txn *txn)
{
    for (int i = TABLE_DETAILS; i < TABLE_COUNT; i++) {
        int rc = s->dbi[i] == STORE_NO_TABLE ? mdb_dbi_open(txn, store_table_names[i], MDB_CREATE, &s->dbi[i]) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

/* steps[n]: what makes a store of format n one of format n + 1. */
static int (*const steps[STORE_FORMAT])(struct store *s, MDB_txn *txn) = {[1] = add_tables};

enum bf_rc store_migrate(struct store *s, MDB_txn *txn, struct bf_error *err)
{
    s->was_format = s->meta.format;
    while (s->meta.format < STORE_FORMAT) {
        int rc = steps[s->meta.format](s, txn);
        s->meta.format++;
        if (!rc)
            rc = store_put_meta(s, txn);
        if (rc)
            return store_fail(err, rc, "migrating the store to a newer format");
    }
    for (int i = TABLE_DETAILS; i < TABLE_COUNT; i++)
        if (s->dbi[i] == STORE_NO_TABLE)
            return bf_fail(err, BF_CORRUPT, "store: table %s is missing", store_table_names[i]);
    return BF_OK;
}

/* ---- the last restore ---- */

static void put_text(struct bf_buf *b, const char *text)
{
    bf_buf_put_u16(b, (uint16_t)strlen(text));
    bf_buf_put_str(b, text);
}

static bool take_text(struct bf_reader *in, char *ret, size_t size)
{
    uint16_t n;
    const uint8_t *p;
    if (!bf_take_u16(in, &n) || n >= size || !bf_take_bytes(in, n, &p))
        return false;
    memcpy(ret, p, n);
    ret[n] = '\0';
    return true;
}

int store_put_restored(struct store *s, MDB_txn *txn, const struct store_restored *r)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    MDB_val key = restored_key;
    bf_buf_put_u8(&b, RESTORED_VERSION);
    bf_buf_put_u32(&b, r->epoch);
    put_text(&b, r->by);
    put_text(&b, r->reason);
    put_text(&b, r->told);
    return store_put_value(s, txn, TABLE_META, &key, b.data, b.len, 0);
}

enum bf_rc store_read_restored(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], struct store_restored *ret, struct bf_error *err)
{
    MDB_val key = restored_key, value;
    const uint8_t *p;
    size_t n;
    struct store_restored r = {0};
    int rc = mdb_get(txn, dbi[TABLE_META], &key, &value);
    *ret = r;
    if (rc == MDB_NOTFOUND)
        return BF_OK;
    if (rc)
        return store_fail(err, rc, "reading what the last restore left");
    enum bf_rc result = store_open_value(TABLE_META, &key, &value, &p, &n, err);
    if (result != BF_OK)
        return result;
    struct bf_reader in = {.p = p, .left = n};
    uint8_t version = 0;
    if (!bf_take_u8(&in, &version) || version != RESTORED_VERSION)
        return bf_fail(err, BF_UNSUPPORTED, "store: what the last restore left is of no known version: use the version that wrote it");
    if (!bf_take_u32(&in, &r.epoch) || !take_text(&in, r.by, sizeof r.by) || !take_text(&in, r.reason, sizeof r.reason) ||
        !take_text(&in, r.told, sizeof r.told))
        return bf_fail(err, BF_CORRUPT, "store: what the last restore left is cut short");
    *ret = r;
    return BF_OK;
}
