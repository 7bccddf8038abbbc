/* The table of the audit trail.
 *
 * Key: index.  Value: version, index, hash of the one before, own hash, time, text.  The chain is made by the caller (proto/audit.h);
 * here it is kept: a record is written only where the trail ends.  Meta "audit" says where it ends and where it begins: the head, so
 * that a tail that was cut shows, and the anchor, the last record that was let go, so that what is left is still chained to something.
 *
 * What goes: the oldest, when the table is over audit_bytes, but nothing younger than audit_keep_us before the newest; and whatever
 * its age, when the table has its part of the room (audit_most), which one that may write could fill else. */
#include "coordinator/store/store_state.h"

#include <string.h>

#include "common/clock.h"

enum { AUDIT_VERSION = 1, HEAD_BYTES = 81, TRIM_MORE = 32, LOOK_EVERY = 64 };

static const char audit_note[] = "audit";

/* ---- values ---- */

void store_audit_open(const MDB_val *key, const MDB_val *value, struct store_audit *ret)
{
    const uint8_t *p, *hash;
    size_t n;
    struct bf_error err;
    *ret = (struct store_audit){.entry = {.text = ""}};
    ret->entry.index = key->mv_size == 8 ? store_get_be64(key->mv_data) : 0;
    ret->damaged = store_open_value(TABLE_AUDIT, key, value, &p, &n, &err) != BF_OK;
    struct bf_reader in = {.p = (const uint8_t *)value->mv_data + STORE_ENVELOPE_BYTES, .left = value->mv_size - STORE_ENVELOPE_BYTES};
    if (value->mv_size < STORE_ENVELOPE_BYTES + HEAD_BYTES || in.p[0] != AUDIT_VERSION) {
        ret->damaged = true;
        return;
    }
    uint8_t version;
    uint64_t index, at_us;
    bf_take_u8(&in, &version);
    bf_take_u64(&in, &index);
    bf_take_bytes(&in, AUDIT_HASH_BYTES, &hash);
    memcpy(ret->entry.prev, hash, AUDIT_HASH_BYTES);
    bf_take_bytes(&in, AUDIT_HASH_BYTES, &hash);
    memcpy(ret->entry.hash, hash, AUDIT_HASH_BYTES);
    bf_take_u64(&in, &at_us);
    ret->at_us = (int64_t)at_us;
    ret->entry.text = (const char *)in.p;
    ret->entry.n = in.left;
    ret->damaged |= index != ret->entry.index;
}

static int put_one(struct store *s, MDB_txn *txn, const struct store_audit *a, struct bf_buf *b)
{
    uint8_t name[8];
    MDB_val key = {sizeof name, name};
    store_put_be64(name, a->entry.index);
    bf_buf_clear(b);
    bf_buf_put_u8(b, AUDIT_VERSION);
    bf_buf_put_u64(b, a->entry.index);
    bf_buf_put(b, a->entry.prev, sizeof a->entry.prev);
    bf_buf_put(b, a->entry.hash, sizeof a->entry.hash);
    bf_buf_put_u64(b, (uint64_t)a->at_us);
    bf_buf_put(b, a->entry.text, a->entry.n);
    return store_put_value(s, txn, TABLE_AUDIT, &key, b->data, b->len, MDB_APPEND);
}

/* ---- where it begins and ends ---- */

static void put_head(struct bf_buf *b, const struct audit_head *h)
{
    bf_buf_put_u64(b, h->index);
    bf_buf_put(b, h->hash, sizeof h->hash);
}

static bool take_head(struct bf_reader *in, struct audit_head *ret)
{
    const uint8_t *hash;
    if (!bf_take_u64(in, &ret->index) || !bf_take_bytes(in, AUDIT_HASH_BYTES, &hash))
        return false;
    memcpy(ret->hash, hash, AUDIT_HASH_BYTES);
    return true;
}

static int put_ends(struct store *s, MDB_txn *txn, const struct store_audit_ends *e)
{
    struct bf_buf b = {0};
    bf_buf_put_u8(&b, AUDIT_VERSION);
    put_head(&b, &e->head);
    put_head(&b, &e->anchor);
    int rc = store_put_note(s, txn, audit_note, &b);
    bf_buf_free(&b);
    return rc;
}

enum bf_rc store_read_audit_ends(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], const struct store_meta *meta, struct store_audit_ends *ret,
                                 struct bf_error *err)
{
    struct bf_reader in;
    uint8_t version = 0;
    enum bf_rc rc = store_read_note(txn, dbi, audit_note, &in, err);
    *ret = (struct store_audit_ends){.head = audit_genesis(meta->cluster), .anchor = audit_genesis(meta->cluster)};
    if (rc != BF_OK || !in.p)
        return rc;
    if (!bf_take_u8(&in, &version) || version != AUDIT_VERSION)
        return bf_fail(err, BF_UNSUPPORTED, "store: the head of the audit trail is of no known version: use the version that wrote it");
    if (!take_head(&in, &ret->head) || !take_head(&in, &ret->anchor))
        return bf_fail(err, BF_CORRUPT, "store: the head of the audit trail is cut short");
    ret->known = true;
    return BF_OK;
}

/* A trail that ends elsewhere than its head says was tampered with.  It goes on behind whichever is later, so that what is missing stays
 * missing, and a check says so. */
enum bf_rc store_find_audit(struct store *s, MDB_txn *txn, struct bf_error *err)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    enum bf_rc result = store_read_audit_ends(txn, s->dbi, &s->meta, &s->audit, err);
    if (result != BF_OK)
        return result;
    int rc = mdb_cursor_open(txn, s->dbi[TABLE_AUDIT], &cursor);
    if (rc)
        return store_fail(err, rc, "reading the audit trail");
    if ((rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST)) == 0) {
        struct store_audit last;
        store_audit_open(&key, &value, &last);
        s->audit_at_us = last.at_us;
        if (last.entry.index > s->audit.head.index) {
            s->audit.head.index = last.entry.index;
            memcpy(s->audit.head.hash, last.entry.hash, sizeof last.entry.hash);
        }
    }
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? store_fail(err, rc, "reading the audit trail") : BF_OK;
}

void store_audit_ends(const struct store *s, struct store_audit_ends *ret)
{
    *ret = s->audit;
}

/* ---- writing ---- */

static bool is_over(const struct store *s, MDB_txn *txn, const struct store_audit *oldest)
{
    uint64_t bytes = store_table_bytes(s, txn, TABLE_AUDIT);
    return bytes > s->options.audit_most || (bytes > s->options.audit_bytes && oldest->at_us + s->options.audit_keep_us <= s->audit_at_us);
}

/* Twice what was written and a few more; the newest stays.  *deleted grows by what went. */
int store_trim_audit(struct store *next, MDB_txn *txn, size_t written, size_t *deleted)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    size_t before = *deleted;
    int rc = mdb_cursor_open(txn, next->dbi[TABLE_AUDIT], &cursor);
    if (rc)
        return rc;
    for (size_t i = 0; !rc && i < 2 * written + TRIM_MORE; i++) {
        struct store_audit oldest;
        if ((rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) != 0)
            break;
        store_audit_open(&key, &value, &oldest);
        if (oldest.entry.index >= next->audit.head.index || !is_over(next, txn, &oldest))
            break;
        next->audit.anchor.index = oldest.entry.index;
        memcpy(next->audit.anchor.hash, oldest.entry.hash, sizeof oldest.entry.hash);
        rc = mdb_cursor_del(cursor, 0);
        *deleted += !rc;
    }
    mdb_cursor_close(cursor);
    rc = rc == MDB_NOTFOUND ? 0 : rc;
    return !rc && *deleted > before ? put_ends(next, txn, &next->audit) : rc;
}

int store_put_audit(struct store *next, MDB_txn *txn, const struct store_write *w)
{
    struct bf_buf b = {0};
    size_t deleted = 0;
    int rc = 0;
    for (size_t i = 0; !rc && i < w->n_audit; i++) {
        rc = put_one(next, txn, &w->audit[i], &b);
        next->audit.head.index = w->audit[i].entry.index;
        memcpy(next->audit.head.hash, w->audit[i].entry.hash, AUDIT_HASH_BYTES);
        next->audit_at_us = w->audit[i].at_us;
    }
    bf_buf_free(&b);
    next->audit.known = true;
    if (!rc)
        rc = store_trim_audit(next, txn, w->n_audit, &deleted);
    return rc ? rc : put_ends(next, txn, &next->audit);
}

bool store_audit_follows(const struct store *s, const struct store_write *w)
{
    struct audit_head at = s->audit.head;
    for (size_t i = 0; i < w->n_audit; i++) {
        const struct audit_entry *e = &w->audit[i].entry;
        if (e->index != at.index + 1 || memcmp(e->prev, at.hash, sizeof at.hash) != 0)
            return false;
        at.index = e->index;
        memcpy(at.hash, e->hash, sizeof at.hash);
    }
    return true;
}

/* ---- walking ---- */

enum bf_rc store_walk_audit(struct store *s, uint64_t from, bool backward, int64_t until_us, store_audit_visit *visit, void *arg,
                            uint64_t *ret_next, struct bf_error *err)
{
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    uint8_t name[8];
    MDB_val key = {sizeof name, name}, value;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return store_fail(err, rc, "reading the audit trail");
    store_put_be64(name, from);
    rc = mdb_cursor_open(txn, s->dbi[TABLE_AUDIT], &cursor);
    if (!rc)
        rc = mdb_cursor_get(cursor, &key, &value, from ? MDB_SET_RANGE : backward ? MDB_LAST : MDB_FIRST);
    if (rc == MDB_NOTFOUND && backward && cursor)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    *ret_next = 0;
    bool enough = false;
    for (unsigned seen = 0; !rc; seen++) {
        struct store_audit a;
        store_audit_open(&key, &value, &a);
        if (enough || (seen > 0 && seen % LOOK_EVERY == 0 && bf_boottime_us() >= until_us)) {
            *ret_next = a.entry.index;
            break;
        }
        if ((!backward || !from || a.entry.index <= from) && (!s->until_us || a.at_us <= s->until_us))
            enough = !visit(arg, &a);
        rc = mdb_cursor_get(cursor, &key, &value, backward ? MDB_PREV : MDB_NEXT);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return rc && rc != MDB_NOTFOUND ? store_fail(err, rc, "reading the audit trail") : BF_OK;
}
