/* What goes again: old journal, chunks of old checkpoints, and details and audit over their limits.
 *
 * Every write deletes a bounded slice beside what it adds, so that what was old at one moment is gone some turns later and no turn
 * takes long.  The journal goes from its front, behind the checkpoint only, while it has more turns or more bytes than are kept: by
 * turns, because replay wants a number of them; by bytes, because a turn may be a hundred bytes or a megabyte.  A store that is low
 * gets no writes that would trim it, so store_tidy() deletes slices on their own. */
#include "coordinator/store/store_state.h"

enum { DELETES_PER_COMMIT = 32 };

uint64_t store_table_bytes(const struct store *s, MDB_txn *txn, enum store_table table)
{
    MDB_stat st;
    if (mdb_stat(txn, s->dbi[table], &st))
        return 0;
    return (uint64_t)(st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) * st.ms_psize;
}

/* Delete from the front of a table while old says so, a bounded number at a time. */
static int trim(const struct store *s, MDB_txn *txn, enum store_table table, bool (*old)(const struct store *, MDB_txn *, const uint8_t *key),
                size_t *deleted)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(txn, s->dbi[table], &cursor);
    if (rc)
        return rc;
    for (int i = 0; i < DELETES_PER_COMMIT; i++) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        if (rc || key.mv_size != 8 || !old(s, txn, key.mv_data))
            break;
        if ((rc = mdb_cursor_del(cursor, 0)) != 0)
            break;
        ++*deleted;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static bool turn_is_old(const struct store *s, MDB_txn *txn, const uint8_t *key)
{
    uint64_t seq = store_get_be64(key);
    return seq <= s->pointer.seq && (seq + s->options.journal_turns <= s->last_seq ||
                                     store_table_bytes(s, txn, TABLE_JOURNAL) > s->options.journal_bytes);
}

static bool chunk_is_old(const struct store *s, MDB_txn *txn, const uint8_t *key)
{
    (void)txn;
    uint32_t generation = store_get_be32(key);
    return generation != s->pointer.generation && generation < s->top_generation;
}

int store_trim(const struct store *s, MDB_txn *txn, size_t *deleted)
{
    int rc = trim(s, txn, TABLE_JOURNAL, turn_is_old, deleted);
    return rc ? rc : trim(s, txn, TABLE_CHECKPOINT, chunk_is_old, deleted);
}

enum bf_rc store_tidy(struct store *s, bool *ret_more, struct bf_error *err)
{
    MDB_txn *txn;
    size_t deleted = 0;
    struct store next = *s;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc)
        return store_fail(err, rc, "tidying");
    rc = store_trim(s, txn, &deleted);
    if (!rc)
        rc = store_trim_details(s, txn, 0, &deleted);
    if (!rc)
        rc = store_trim_audit(&next, txn, 0, &deleted);
    if (rc || !deleted) {
        mdb_txn_abort(txn);
        *ret_more = false;
        return rc ? store_fail(err, rc, "tidying") : BF_OK;
    }
    rc = mdb_txn_commit(txn);
    if (rc)
        return bf_fail(err, BF_IO, "store: the commit of deletes failed, its outcome is unknown: %s", mdb_strerror(rc));
    *s = next;
    *ret_more = true;
    return BF_OK;
}
