/* A store that is only looked at: a backup, the store of a coordinator that is away, or that of one at work.
 *
 * Like fsck it takes a reader's slot and no lock, and leaves nothing in the folder of a backup.  Every walk is a transaction of its own;
 * whoever reads much asks for a bounded part at a time (store_turns_from), because a coordinator cannot use a page again while a reader
 * holds it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/files.h"
#include "common/mem.h"
#include "coordinator/store/store_state.h"

/* As in open_content() of store.c, but nothing that is missing is made. */
static enum bf_rc read_content(struct store *s, MDB_txn *txn, struct bf_error *err)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    enum bf_rc result = store_open_tables(txn, false, s->dbi, err);
    if (result == BF_OK)
        result = store_read_meta(txn, s->dbi, &s->meta, &s->pointer, err);
    if (result == BF_OK)
        result = store_read_history(txn, s->dbi, &s->history, err);
    if (result == BF_OK)
        result = store_read_audit_ends(txn, s->dbi, &s->meta, &s->audit, err);
    if (result != BF_OK)
        return result;
    int rc = mdb_cursor_open(txn, s->dbi[TABLE_JOURNAL], &cursor);
    if (rc)
        return store_fail(err, rc, "reading the journal");
    s->last_seq = s->pointer.seq;
    if ((rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST)) == 0 && key.mv_size == 8 && store_get_be64(key.mv_data) > s->last_seq)
        s->last_seq = store_get_be64(key.mv_data);
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? store_fail(err, rc, "reading the journal") : BF_OK;
}

/* LMDB would end in SIGBUS behind the end of a file that was cut. */
static enum bf_rc check_length(struct store *s, const char *path, struct bf_error *err)
{
    MDB_envinfo info;
    MDB_stat st;
    struct stat file;
    mdb_env_info(s->env, &info);
    mdb_env_stat(s->env, &st);
    if (stat(path, &file) != 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot look at %s", path);
    if (info.me_last_pgno > 1 && (uint64_t)file.st_size < (uint64_t)(info.me_last_pgno + 1) * st.ms_psize)
        return bf_fail(err, BF_CORRUPT, "store: %s is cut short: restore a backup", path);
    return BF_OK;
}

static enum bf_rc open_env(struct store *s, const char *dir, const char *path, struct bf_error *err)
{
    MDB_txn *txn;
    int rc = store_open_reader(dir, &s->env);
    if (!rc)
        rc = mdb_env_set_assert(s->env, store_page_damaged);
    if (rc)
        return bf_fail(err, rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_VERSION_MISMATCH ? BF_CORRUPT : BF_IO,
                       "store: cannot open %s: %s", path, mdb_strerror(rc));
    enum bf_rc result = check_length(s, path, err);
    if (result != BF_OK)
        return result;
    if ((rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn)) != 0)
        return store_fail(err, rc, "opening");
    result = read_content(s, txn, err);
    if (result == BF_OK && (rc = mdb_txn_commit(txn)) != 0)      /* keeps the handles of the tables */
        return store_fail(err, rc, "opening");
    if (result != BF_OK)
        mdb_txn_abort(txn);
    return result;
}

enum bf_rc store_need_file(const char *dir, const char *path, uint64_t *ret_bytes, struct bf_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR ? bf_fail(err, BF_NOT_FOUND, "there is no store in %s", dir)
                                                   : bf_fail_errno(err, BF_NOT_FOUND, errno, "there is no store in %s", dir);
    if (!S_ISREG(st.st_mode))
        return bf_fail(err, BF_CORRUPT, "store: %s is no file: restore a backup", path);
    *ret_bytes = (uint64_t)st.st_size;
    return BF_OK;
}

enum bf_rc store_open_reading(const char *dir, struct store **ret, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, "data.mdb");
    uint64_t bytes;
    enum bf_rc rc = store_need_file(dir, path, &bytes, err);
    if (rc == BF_OK && bytes == 0)
        rc = bf_fail(err, BF_NOT_FOUND, "there is no store in %s", dir);
    if (rc != BF_OK)
        return rc;
    struct store *s = bf_xcalloc(1, sizeof *s);
    s->lock_fd = s->data_fd = -1;
    s->reading = true;
    rc = open_env(s, dir, path, err);
    if (rc != BF_OK) {
        store_close(s);
        return rc;
    }
    *ret = s;
    return BF_OK;
}

void store_look_back(struct store *s, int64_t at_us)
{
    s->until_us = at_us;
}
