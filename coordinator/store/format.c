/* Formats of a store, the value that names them, and how one becomes the next.
 *
 *     1  tables meta, plan, checkpoint, journal; details and audit came later under the same number, so a store may lack them
 *     2  all six tables; meta "restored"; the journal may have records of a restore, which a program of format 1 would not know.  Meta
 *        "clock" came later under the same number: who does not know it leaves it, and it counts on
 *
 * A store of an older format is migrated when it is opened, format by format, in the transaction that opens it: it is of the old format
 * or of the new one, never between.  A newer format is refused by name (store_read_meta). */
#include "coordinator/store/store_state.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"

enum { RESTORED_VERSION = 1, CLOCK_VERSION = 1 };

static const char clock_note[] = "clock", restored_note[] = "restored";

/* ---- notes: small values of meta, by name ---- */

int store_put_note(struct store *s, MDB_txn *txn, const char *name, const struct bf_buf *b)
{
    MDB_val key = {strlen(name), (void *)(uintptr_t)name};
    return store_put_value(s, txn, TABLE_META, &key, b->data, b->len, 0);
}

enum bf_rc store_read_note(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], const char *name, struct bf_reader *ret, struct bf_error *err)
{
    MDB_val key = {strlen(name), (void *)(uintptr_t)name}, value;
    char doing[40];
    int rc = mdb_get(txn, dbi[TABLE_META], &key, &value);
    *ret = (struct bf_reader){0};
    if (rc == MDB_NOTFOUND)
        return BF_OK;
    snprintf(doing, sizeof doing, "reading meta %s", name);
    return rc ? store_fail(err, rc, doing) : store_open_value(TABLE_META, &key, &value, &ret->p, &ret->left, err);
}

/* ---- meta ---- */

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
    bf_buf_put_u8(&b, RESTORED_VERSION);
    bf_buf_put_u32(&b, r->epoch);
    put_text(&b, r->by);
    put_text(&b, r->reason);
    put_text(&b, r->told);
    return store_put_note(s, txn, restored_note, &b);
}

enum bf_rc store_read_restored(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], struct store_restored *ret, struct bf_error *err)
{
    struct store_restored r = {0};
    struct bf_reader in;
    uint8_t version = 0;
    enum bf_rc rc = store_read_note(txn, dbi, restored_note, &in, err);
    *ret = r;
    if (rc != BF_OK || !in.p)
        return rc;
    if (!bf_take_u8(&in, &version) || version != RESTORED_VERSION)
        return bf_fail(err, BF_UNSUPPORTED, "store: what the last restore left is of no known version: use the version that wrote it");
    if (!bf_take_u32(&in, &r.epoch) || !take_text(&in, r.by, sizeof r.by) || !take_text(&in, r.reason, sizeof r.reason) ||
        !take_text(&in, r.told, sizeof r.told))
        return bf_fail(err, BF_CORRUPT, "store: what the last restore left is cut short");
    *ret = r;
    return BF_OK;
}

/* ---- the clock ---- */

int store_put_clock(struct store *s, MDB_txn *txn, const struct engine_clock *clock)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_put_u8(&b, CLOCK_VERSION);
    put_text(&b, clock->boot_id);
    bf_buf_put_u64(&b, (uint64_t)clock->boot_ms);
    bf_buf_put_u64(&b, (uint64_t)clock->engine_ms);
    return store_put_note(s, txn, clock_note, &b);
}

enum bf_rc store_read_clock(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], struct engine_clock *ret, struct bf_error *err)
{
    struct bf_reader in;
    uint8_t version = 0;
    uint64_t boot_ms = 0, engine_ms = 0;
    enum bf_rc rc = store_read_note(txn, dbi, clock_note, &in, err);
    *ret = (struct engine_clock){0};
    if (rc != BF_OK || !in.p)
        return rc;
    if (!bf_take_u8(&in, &version) || version != CLOCK_VERSION)
        return bf_fail(err, BF_UNSUPPORTED, "store: its clock is of no known version: use the version that wrote it");
    if (!take_text(&in, ret->boot_id, sizeof ret->boot_id) || !bf_take_u64(&in, &boot_ms) || !bf_take_u64(&in, &engine_ms) ||
        boot_ms > INT64_MAX / 4 || engine_ms > INT64_MAX / 4)
        return bf_fail(err, BF_CORRUPT, "store: its clock is cut short, or shows a time that cannot be");
    ret->boot_ms = (int64_t)boot_ms;
    ret->engine_ms = (int64_t)engine_ms;
    return BF_OK;
}
