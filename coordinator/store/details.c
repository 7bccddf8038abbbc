/* The table of details: what single attempts told beside their end.
 *
 * Key: backfill, step, index, attempt.  Value: version, marks, run, number of the attempt, time, then the bytes as they came.  A walk
 * reads marks without opening the rest.  An attempt's number grows, so the newest of an instance stands last.
 * Two limits, both kept with the turn that writes: attempts of an instance, and the pages of the table, from whose front is deleted. */
#include "coordinator/store/store_state.h"

#include <string.h>

#include "common/clock.h"

enum { DETAILS_VERSION = 1, HEAD_BYTES = 18, AT_OFFSET = 10, TRIM_MORE = 32, LOOK_EVERY = 16 };

static void put_prefix(uint8_t *key, uint32_t backfill, uint32_t step, uint32_t index)
{
    store_put_be32(key, backfill);
    store_put_be32(key + 4, step);
    store_put_be32(key + 8, index);
}

bool store_details_valid(const MDB_val *key, const uint8_t *p, size_t n)
{
    return key->mv_size == STORE_DETAILS_KEY_BYTES && n >= HEAD_BYTES && p[0] == DETAILS_VERSION;
}

/* ---- writing ---- */

static int put_one(struct store *s, MDB_txn *txn, const struct store_details *d, uint8_t name[STORE_DETAILS_KEY_BYTES], struct bf_buf *b)
{
    put_prefix(name, d->backfill, d->step, d->index);
    store_put_be64(name + 12, d->attempt);
    MDB_val key = {STORE_DETAILS_KEY_BYTES, name};
    bf_buf_clear(b);
    bf_buf_put_u8(b, DETAILS_VERSION);
    bf_buf_put_u8(b, d->marks);
    bf_buf_put_u32(b, d->run);
    bf_buf_put_u32(b, d->attempt_no);
    bf_buf_put_u64(b, (uint64_t)d->at_us);
    bf_buf_put(b, d->bytes, d->n);
    return store_put_value(s, txn, TABLE_DETAILS, &key, b->data, b->len, 0);
}

/* Go back from the newest; what stands behind the last that is kept goes. */
static int trim_instance(MDB_cursor *cursor, const uint8_t name[STORE_DETAILS_KEY_BYTES])
{
    MDB_val key = {STORE_DETAILS_KEY_BYTES, (void *)(uintptr_t)name}, value;
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY);
    for (unsigned i = 0; !rc && i < STORE_DETAILS_ATTEMPTS; i++) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_PREV);
        if (!rc && memcmp(key.mv_data, name, 12) != 0)
            return 0;
    }
    if (!rc)
        rc = mdb_cursor_del(cursor, 0);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Twice what was written and a few more, so that it falls below the limit again after that was lowered. */
int store_trim_details(const struct store *s, MDB_txn *txn, size_t written, size_t *deleted)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(txn, s->dbi[TABLE_DETAILS], &cursor);
    if (rc)
        return rc;
    for (size_t i = 0; !rc && i < 2 * written + TRIM_MORE && store_table_bytes(s, txn, TABLE_DETAILS) > s->options.details_bytes; i++) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        if (!rc)
            rc = mdb_cursor_del(cursor, 0);
        *deleted += !rc;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int store_put_details(struct store *s, MDB_txn *txn, const struct store_write *w)
{
    MDB_cursor *cursor;
    struct bf_buf b = {0};
    uint8_t name[STORE_DETAILS_KEY_BYTES];
    size_t deleted = 0;
    int rc = mdb_cursor_open(txn, s->dbi[TABLE_DETAILS], &cursor);
    if (rc)
        return rc;
    for (size_t i = 0; !rc && i < w->n_details; i++) {
        rc = put_one(s, txn, &w->details[i], name, &b);
        if (!rc)
            rc = trim_instance(cursor, name);
    }
    mdb_cursor_close(cursor);
    bf_buf_free(&b);
    return rc ? rc : store_trim_details(s, txn, w->n_details, &deleted);
}

/* ---- walking ---- */

struct walk {
    const struct store_details_range *r;
    store_details_visit *visit;
    void *arg;
    MDB_cursor *cursor;
    MDB_val key, value;                          /* where the cursor stands */
    int64_t until_us;                            /* not later than this; 0: all */
    bool enough;
};

/* Within the range. */
static bool is_inside(const struct walk *k, uint32_t *ret_index)
{
    const uint8_t *p = k->key.mv_data;
    if (k->key.mv_size != STORE_DETAILS_KEY_BYTES || store_get_be32(p) != k->r->backfill || store_get_be32(p + 4) != k->r->step)
        return false;
    *ret_index = store_get_be32(p + 8);
    return *ret_index - k->r->first < k->r->n;
}

static bool is_wanted(const struct walk *k, const MDB_val *value)
{
    const uint8_t *p = value->mv_data;
    return !k->r->marks || value->mv_size < STORE_ENVELOPE_BYTES + HEAD_BYTES || (p[STORE_ENVELOPE_BYTES + 1] & k->r->marks);
}

static enum bf_rc visit_one(struct walk *k, const MDB_val *key, const MDB_val *value, struct bf_error *err)
{
    const uint8_t *p, *name = key->mv_data;
    size_t n;
    if (!is_wanted(k, value))
        return BF_OK;
    enum bf_rc rc = store_open_value(TABLE_DETAILS, key, value, &p, &n, err);
    if (rc != BF_OK)
        return rc;
    if (!store_details_valid(key, p, n))
        return bf_fail(err, BF_UNSUPPORTED, "store: details of an attempt are of no known version: use the version that wrote them");
    struct bf_reader in = {.p = p + 1, .left = n - 1};
    struct store_details d = {.backfill = store_get_be32(name), .step = store_get_be32(name + 4), .index = store_get_be32(name + 8),
                              .attempt = store_get_be64(name + 12)};
    uint64_t at_us = 0;
    bf_take_u8(&in, &d.marks);
    bf_take_u32(&in, &d.run);
    bf_take_u32(&in, &d.attempt_no);
    bf_take_u64(&in, &at_us);
    d.at_us = (int64_t)at_us;
    d.bytes = in.p;
    d.n = in.left;
    k->enough |= !k->visit(k->arg, &d);
    return BF_OK;
}

/* Told before the moment that is looked back to. */
static bool is_past(const struct walk *k, const MDB_val *value)
{
    const uint8_t *p = value->mv_data;
    struct bf_reader in = {.p = p + STORE_ENVELOPE_BYTES + AT_OFFSET, .left = 8};
    uint64_t at_us = 0;
    if (!k->until_us || value->mv_size < STORE_ENVELOPE_BYTES + HEAD_BYTES)
        return true;                             /* what is damaged is told by whoever opens it */
    return bf_take_u64(&in, &at_us) && (int64_t)at_us <= k->until_us;
}

/* All attempts of the instance at the cursor, or its newest; the cursor then stands behind it. */
static enum bf_rc walk_instance(struct walk *k, uint32_t index, int *ret_rc, struct bf_error *err)
{
    enum bf_rc result = BF_OK;
    MDB_val key = k->key, value = k->value;
    bool any = false;
    for (uint32_t here = index; !*ret_rc && result == BF_OK && is_inside(k, &here) && here == index;) {
        if (is_past(k, &k->value)) {
            any = true;
            key = k->key;
            value = k->value;
            if (!k->r->newest)
                result = visit_one(k, &key, &value, err);
        }
        *ret_rc = mdb_cursor_get(k->cursor, &k->key, &k->value, MDB_NEXT);
    }
    return result == BF_OK && k->r->newest && any ? visit_one(k, &key, &value, err) : result;
}

static enum bf_rc walk_range(struct walk *k, int64_t until_us, uint32_t *ret_next, struct bf_error *err)
{
    uint8_t name[STORE_DETAILS_KEY_BYTES] = {0};
    enum bf_rc result = BF_OK;
    uint32_t index = 0;
    put_prefix(name, k->r->backfill, k->r->step, k->r->first);
    k->key = (MDB_val){sizeof name, name};
    int rc = mdb_cursor_get(k->cursor, &k->key, &k->value, MDB_SET_RANGE);
    *ret_next = k->r->first + k->r->n;
    for (unsigned seen = 0; !rc && result == BF_OK && is_inside(k, &index); seen++) {
        if (k->enough || (seen > 0 && seen % LOOK_EVERY == 0 && bf_boottime_us() >= until_us)) {
            *ret_next = index;
            break;
        }
        result = walk_instance(k, index, &rc, err);
    }
    return result == BF_OK && rc && rc != MDB_NOTFOUND ? store_fail(err, rc, "reading details") : result;
}

enum bf_rc store_walk_details(struct store *s, const struct store_details_range *r, int64_t until_us, store_details_visit *visit, void *arg,
                              uint32_t *ret_next, struct bf_error *err)
{
    struct walk k = {.r = r, .visit = visit, .arg = arg, .until_us = s->until_us};
    MDB_txn *txn;
    if (s->dbi[TABLE_DETAILS] == STORE_NO_TABLE) {     /* an old store that is only read */
        *ret_next = r->first + r->n;
        return BF_OK;
    }
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return store_fail(err, rc, "reading details");
    rc = mdb_cursor_open(txn, s->dbi[TABLE_DETAILS], &k.cursor);
    enum bf_rc result = rc ? store_fail(err, rc, "reading details") : walk_range(&k, until_us, ret_next, err);
    if (!rc)
        mdb_cursor_close(k.cursor);
    mdb_txn_abort(txn);
    return result;
}
