/* Checking the trail of a store, read without its lock and without changing it: for fsck, and for `bfctl audit verify --store`. */
#include "coordinator/store/store_state.h"


#include "common/files.h"
#include "common/mem.h"

static bool has_problem(const struct audit_check *c, uint64_t before)
{
    return c->problems > before;
}

enum bf_rc store_check_audit(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], const struct store_meta *meta, struct audit_check *c,
                             struct store_audit_ends *ret, struct bf_error *err)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    enum bf_rc result = store_read_audit_ends(txn, dbi, meta, ret, err);
    if (result != BF_OK || dbi[TABLE_AUDIT] == STORE_NO_TABLE)
        return result;
    int rc = mdb_cursor_open(txn, dbi[TABLE_AUDIT], &cursor);
    if (rc)
        return store_fail(err, rc, "reading the audit trail");
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct store_audit a;
        uint64_t before = c->problems;
        store_audit_open(&key, &value, &a);
        if (c->seen == 0)
            audit_check_first(c, &a.entry, &ret->anchor);
        else
            audit_check_next(c, &a.entry);
        if (a.damaged && !has_problem(c, before))
            audit_check_tell(c, a.entry.index, "was changed: its checksum does not fit");
    }
    mdb_cursor_close(cursor);
    if (rc != MDB_NOTFOUND)
        return store_fail(err, rc, "reading the audit trail");
    if (ret->known)
        audit_check_end(c, &ret->head);
    else
        audit_check_end(c, c->seen ? NULL : &ret->anchor);
    if (!ret->known && c->seen)
        audit_check_tell(c, c->at.index, "is the last, and the store has no head that says so: it was taken away");
    return BF_OK;
}

static enum bf_rc check_env(MDB_env *env, const char *dir, struct audit_check *c, struct store_meta *ret_meta, struct store_audit_ends *ret,
                            struct bf_error *err)
{
    MDB_txn *txn;
    MDB_dbi dbi[TABLE_COUNT];
    struct store_pointer pointer;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return store_fail(err, rc, dir);
    enum bf_rc result = store_open_tables(txn, false, dbi, err);
    if (result == BF_OK)
        result = store_read_meta(txn, dbi, ret_meta, &pointer, err);
    if (result == BF_OK)
        result = store_check_audit(txn, dbi, ret_meta, c, ret, err);
    mdb_txn_abort(txn);
    return result;
}

enum bf_rc store_verify_audit(const char *dir, struct audit_check *c, struct store_meta *ret_meta, struct store_audit_ends *ret,
                              struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, "data.mdb");
    uint64_t bytes;
    MDB_env *env;
    enum bf_rc result = store_need_file(dir, path, &bytes, err);
    if (result != BF_OK)
        return result;
    int rc = store_open_reader(dir, &env);
    if (rc)
        return store_fail(err, rc, dir);
    result = check_env(env, dir, c, ret_meta, ret, err);
    mdb_env_close(env);
    return result;
}
