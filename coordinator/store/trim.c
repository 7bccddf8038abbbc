/* What goes again: old journal, chunks of checkpoints that are not kept (history.c), and details and audit over their limits.
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
static int trim(const struct store *s, MDB_txn *txn, enum store_table table,
                bool (*old)(const struct store *, MDB_txn *, const uint8_t *key), size_t *deleted)
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

static bool is_kept(const struct store *s, uint32_t generation)
{
    return generation == s->pointer.generation || generation >= s->top_generation || store_history_has(&s->history, generation);
}

/* Chunks of generations that are not kept; what is kept is stepped over.  With none left, no turn looks again until some are made old. */
static int trim_chunks(struct store *s, MDB_txn *txn, size_t *deleted)
{
    MDB_cursor *cursor;
    uint8_t from[8] = {0};
    MDB_val key = {sizeof from, from}, value;
    int rc = mdb_cursor_open(txn, s->dbi[TABLE_CHECKPOINT], &cursor), left = DELETES_PER_COMMIT;
    if (rc)
        return rc;
    while (left > 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE)) == 0 && key.mv_size == 8) {
        uint32_t generation = store_get_be32(key.mv_data);
        if (is_kept(s, generation)) {
            store_put_be32(from, generation + 1);
        } else {
            if ((rc = mdb_cursor_del(cursor, 0)) != 0)
                break;
            left--;
            ++*deleted;
        }
        key = (MDB_val){sizeof from, from};
    }
    mdb_cursor_close(cursor);
    if (rc == MDB_NOTFOUND)
        s->chunks_old = false;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* In a store that is low, what is kept for replay alone goes first. */
static int give_up_history(struct store *s, MDB_txn *txn)
{
    if (!s->low || s->history.n == 0)
        return 0;
    store_history_prune(s, 0);
    s->chunks_old = true;
    return store_put_history(s, txn, &s->history);
}

int store_trim(struct store *s, MDB_txn *txn, size_t *deleted)
{
    int rc = trim(s, txn, TABLE_JOURNAL, turn_is_old, deleted);
    if (!rc)
        rc = give_up_history(s, txn);
    return rc || !s->chunks_old ? rc : trim_chunks(s, txn, deleted);
}

enum bf_rc store_tidy(struct store *s, bool *ret_more, struct bf_error *err)
{
    MDB_txn *txn;
    size_t deleted = 0;
    struct store next = *s;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc)
        return store_fail(err, rc, "tidying");
    rc = store_trim(&next, txn, &deleted);
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
