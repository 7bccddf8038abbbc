/* Recovery reads here, each table in the order of its keys, every envelope checked before its bytes are seen. */
#include "coordinator/store/store_state.h"

#include <string.h>

struct walk {
    enum store_table table;
    uint8_t from[8];
    size_t from_bytes;                          /* 0: from the first key */
    uint32_t generation;                        /* CHECKPOINT: only this one */
    bool any_first;                             /* JOURNAL: whatever comes first, and from there without gaps */
    uint64_t expect;                            /* JOURNAL: next sequence number; CHECKPOINT: next index */
};

static enum bf_rc visit_one(struct walk *k, const MDB_val *key, const MDB_val *value, store_visit *visit, void *arg, bool *ret_done,
                            struct bf_error *err)
{
    const uint8_t *p, *name = key->mv_data;
    size_t n;
    if (k->table == TABLE_CHECKPOINT && key->mv_size == 8 && store_get_be32(name) != k->generation) {
        *ret_done = true;
        return BF_OK;
    }
    enum bf_rc rc = store_open_value(k->table, key, value, &p, &n, err);
    if (rc != BF_OK)
        return rc;
    if (k->table == TABLE_PLAN)
        return visit(arg, 0, name, p, n, err);
    uint64_t number = k->table == TABLE_JOURNAL ? store_get_be64(name) : store_get_be32(name + 4);
    if (k->any_first)
        k->expect = number;
    k->any_first = false;
    if (number != k->expect)
        return bf_fail(err, BF_CORRUPT, "store: %s %llu is missing (found %llu)", store_table_names[k->table],
                       (unsigned long long)k->expect, (unsigned long long)number);
    k->expect++;
    return visit(arg, number, NULL, p, n, err);
}

static enum bf_rc walk(struct store *s, struct walk *k, store_visit *visit, void *arg, struct bf_error *err)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key = {k->from_bytes, k->from}, value;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return store_fail(err, rc, "reading");
    rc = mdb_cursor_open(txn, s->dbi[k->table], &cursor);
    if (rc) {
        mdb_txn_abort(txn);
        return store_fail(err, rc, "reading");
    }
    enum bf_rc result = BF_OK;
    bool done = false;
    rc = mdb_cursor_get(cursor, &key, &value, k->from_bytes ? MDB_SET_RANGE : MDB_FIRST);
    while (!rc && result == BF_OK && !done) {
        result = visit_one(k, &key, &value, visit, arg, &done, err);
        if (result == BF_OK && !done)
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    if (result == BF_OK && rc && rc != MDB_NOTFOUND)
        return store_fail(err, rc, "reading");
    return result;
}

enum bf_rc store_each_plan(struct store *s, store_visit *visit, void *arg, struct bf_error *err)
{
    struct walk k = {.table = TABLE_PLAN};
    return walk(s, &k, visit, arg, err);
}

/* Whether the store, as it is now, does not name this checkpoint any more: who only reads one knows those of the opening. */
static bool was_let_go(struct store *s, uint32_t generation)
{
    struct store_meta meta;
    struct store_pointer pointer;
    struct store_history history;
    struct bf_error err = {0};
    MDB_txn *txn;
    if (!s->reading || mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn))
        return false;
    bool known = store_read_meta(txn, s->dbi, &meta, &pointer, &err) == BF_OK && store_read_history(txn, s->dbi, &history, &err) == BF_OK;
    mdb_txn_abort(txn);
    return known && pointer.generation != generation && !store_history_has(&history, generation);
}

static enum bf_rc walk_chunks(struct store *s, const struct store_pointer *p, store_visit *visit, void *arg, struct bf_error *err)
{
    struct walk k = {.table = TABLE_CHECKPOINT, .from_bytes = 8, .generation = p->generation};
    store_put_be32(k.from, k.generation);
    enum bf_rc rc = walk(s, &k, visit, arg, err);
    if ((rc == BF_CORRUPT || (rc == BF_OK && k.expect != p->chunks)) && was_let_go(s, k.generation))
        return bf_fail(err, BF_CONFLICT, "the coordinator let go of checkpoint %u meanwhile: run it again", k.generation);
    if (rc == BF_OK && k.expect != p->chunks)
        rc = bf_fail(err, BF_CORRUPT, "store: checkpoint %u has %llu chunks of %u", k.generation, (unsigned long long)k.expect, p->chunks);
    return rc;
}

enum bf_rc store_each_chunk(struct store *s, store_visit *visit, void *arg, struct bf_error *err)
{
    return s->pointer.generation ? walk_chunks(s, &s->pointer, visit, arg, err) : BF_OK;
}

static const struct store_pointer *find_checkpoint(const struct store *s, uint32_t generation)
{
    if (generation == s->pointer.generation)
        return &s->pointer;
    for (size_t i = 0; i < s->history.n; i++)
        if (s->history.at[i].generation == generation)
            return &s->history.at[i];
    return NULL;
}

enum bf_rc store_each_chunk_of(struct store *s, uint32_t generation, store_visit *visit, void *arg, struct bf_error *err)
{
    const struct store_pointer *at = generation ? find_checkpoint(s, generation) : NULL;
    if (!at)
        return bf_fail(err, BF_NOT_FOUND, "store: checkpoint %u is not kept", generation);
    return walk_chunks(s, at, visit, arg, err);
}

enum bf_rc store_each_turn(struct store *s, store_visit *visit, void *arg, struct bf_error *err)
{
    struct walk k = {.table = TABLE_JOURNAL, .from_bytes = 8, .expect = s->pointer.seq + 1};
    store_put_be64(k.from, k.expect);
    return walk(s, &k, visit, arg, err);
}

enum bf_rc store_turns_from(struct store *s, uint64_t seq, store_visit *visit, void *arg, struct bf_error *err)
{
    struct walk k = {.table = TABLE_JOURNAL, .from_bytes = 8, .any_first = true};
    store_put_be64(k.from, seq);
    return walk(s, &k, visit, arg, err);
}
