/* See backup.h.
 *
 * LMDB's copy does not fsync and makes its file readable for all; so it writes to a descriptor of ours.  It dies of a damaged page like
 * every reader, so it runs in a child; and so does the look at what a store holds.
 *
 * Changing the file under LMDB: lock.mdb carries the number of the last transaction from process to process, and must not outlive the file
 * that it counts for.  A process has the environment open while it holds a lock (fcntl) on the first byte of lock.mdb, and waits for
 * that lock when it opens; so the swap takes it alone, renames, and removes lock.mdb before it lets go. */
#include "coordinator/store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"
#include "coordinator/store/child.h"
#include "coordinator/store/store_state.h"

/* As much as there is, of n bytes at most. */
static size_t read_all(int from, void *to, size_t n)
{
    size_t have = 0;
    for (ssize_t got = 1; have < n && got > 0; have += got > 0 ? (size_t)got : 0)
        got = read(from, (char *)to + have, n - have);
    return have;
}

/* ---- what it holds ---- */

static uint64_t count_entries(MDB_txn *txn, MDB_dbi dbi)
{
    MDB_stat st;
    return dbi == STORE_NO_TABLE || mdb_stat(txn, dbi, &st) ? 0 : (uint64_t)st.ms_entries;
}

static uint64_t last_turn(MDB_txn *txn, MDB_dbi dbi, uint64_t at_least)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t seq = 0;
    if (mdb_cursor_open(txn, dbi, &cursor))
        return at_least;
    if (mdb_cursor_get(cursor, &key, &value, MDB_LAST) == 0 && key.mv_size == 8)
        seq = store_get_be64(key.mv_data);
    mdb_cursor_close(cursor);
    return seq > at_least ? seq : at_least;
}

static uint64_t count_free(MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t pages = 0;
    if (mdb_cursor_open(txn, 0, &cursor))
        return 0;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        size_t n = 0;
        memcpy(&n, value.mv_data, value.mv_size < sizeof n ? value.mv_size : sizeof n);
        pages += n;
    }
    mdb_cursor_close(cursor);
    return pages;
}

static enum bf_rc read_facts(MDB_env *env, MDB_txn *txn, struct store_facts *f, struct bf_error *err)
{
    MDB_dbi dbi[TABLE_COUNT];
    MDB_envinfo info;
    MDB_stat st;
    struct store_pointer pointer;
    enum bf_rc rc = store_open_tables(txn, false, dbi, err);
    if (rc == BF_OK)
        rc = store_read_meta(txn, dbi, &f->meta, &pointer, err);
    if (rc == BF_OK)
        rc = store_read_restored(txn, dbi, &f->restored, err);
    if (rc == BF_OK)
        rc = store_read_audit_ends(txn, dbi, &f->meta, &f->audit, err);
    if (rc != BF_OK)
        return rc;
    f->checkpoint_seq = pointer.seq;
    f->last_seq = last_turn(txn, dbi[TABLE_JOURNAL], pointer.seq);
    f->turns = count_entries(txn, dbi[TABLE_JOURNAL]);
    f->plans = count_entries(txn, dbi[TABLE_PLAN]);
    f->details = count_entries(txn, dbi[TABLE_DETAILS]);
    f->audit_records = count_entries(txn, dbi[TABLE_AUDIT]);
    mdb_env_info(env, &info);
    mdb_env_stat(env, &st);
    f->used_bytes = ((uint64_t)info.me_last_pgno + 1 - count_free(txn)) * st.ms_psize;
    return BF_OK;
}

static enum bf_rc look_up_facts(const char *dir, const char *path, struct store_facts *f, struct bf_error *err)
{
    MDB_env *env;
    MDB_txn *txn;
    int rc = store_open_reader(dir, &env);
    if (rc)
        return store_fail(err, rc, path);
    rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    enum bf_rc result = rc ? store_fail(err, rc, path) : read_facts(env, txn, f, err);
    if (!rc)
        mdb_txn_abort(txn);
    mdb_env_close(env);
    return result;
}

/* What the child found, through a pipe: less than a pipe holds. */
struct facts_answer { enum bf_rc rc; struct bf_error err; struct store_facts facts; };
struct facts_run { const char *dir, *path; struct facts_answer answer; bool whole; };

static int facts_child(void *arg, int to)
{
    const struct facts_run *run = arg;
    struct facts_answer answer;
    memset(&answer, 0, sizeof answer);
    answer.rc = look_up_facts(run->dir, run->path, &answer.facts, &answer.err);
    return write(to, &answer, sizeof answer) == (ssize_t)sizeof answer ? 0 : 1;
}

static void read_answer(void *arg, int from)
{
    struct facts_run *run = arg;
    run->whole = read_all(from, &run->answer, sizeof run->answer) == sizeof run->answer;
}

enum bf_rc store_facts(const char *dir, struct store_facts *ret, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, "data.mdb");
    struct facts_run run = {.dir = dir, .path = path};
    struct child_end end;
    uint64_t bytes;
    enum bf_rc rc = store_need_file(dir, path, &bytes, err);
    if (rc == BF_OK && bytes == 0)
        rc = bf_fail(err, BF_NOT_FOUND, "there is no store in %s", dir);
    if (rc == BF_OK)
        rc = child_run(facts_child, read_answer, &run, &end, err);
    if (rc != BF_OK)
        return rc;
    if (end.signal || !run.whole)
        return bf_fail(err, BF_CORRUPT, "store: a page of %s is damaged (reading it ended by signal %d): bfctl fsck says which", dir,
                       end.signal);
    if (run.answer.rc != BF_OK) {
        *err = run.answer.err;
        return run.answer.rc;
    }
    *ret = run.answer.facts;
    ret->file_bytes = bytes;
    return BF_OK;
}

/* ---- the copy ---- */

static void write_sentence(int fd, const char *text)
{
    (void)!write(fd, text, strlen(text));
}

struct copy_run { const char *dir; int fd; char why[200]; };

/* What went wrong goes through the pipe. */
static int copy_child(void *arg, int told)
{
    const struct copy_run *run = arg;
    MDB_env *env;
    int rc = store_open_reader(run->dir, &env);
    if (!rc) {
        rc = mdb_env_copyfd2(env, run->fd, MDB_CP_COMPACT);
        mdb_env_close(env);
    }
    if (rc) {
        write_sentence(told, mdb_strerror(rc));
        return 1;
    }
    if (fsync(run->fd) != 0) {
        write_sentence(told, strerror(errno));
        return 1;
    }
    return 0;
}

static void read_why(void *arg, int from)
{
    struct copy_run *run = arg;
    run->why[read_all(from, run->why, sizeof run->why - 1)] = '\0';
}

enum bf_rc store_copy(const char *dir, const char *to, struct bf_error *err)
{
    BF_AUTO_CLOSE int fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct copy_run run = {.dir = dir, .fd = fd};
    struct child_end end;
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot make %s", to);
    enum bf_rc rc = child_run(copy_child, read_why, &run, &end, err);
    if (rc == BF_OK && end.signal)
        rc = bf_fail(err, BF_CORRUPT, "store: a page of %s is damaged (the copy ended by signal %d): bfctl fsck says which", dir,
                     end.signal);
    else if (rc == BF_OK && end.status)
        rc = bf_fail(err, BF_IO, "store: copying %s to %s: %s", dir, to, run.why);
    return rc;
}

/* ---- a higher epoch ---- */

static enum bf_rc raise_in(struct store *s, MDB_txn *txn, const struct store_restored *r, int64_t lease_ms, struct bf_error *err)
{
    struct engine_clock clock;
    enum bf_rc rc = store_open_tables(txn, false, s->dbi, err);
    if (rc == BF_OK)
        rc = store_read_meta(txn, s->dbi, &s->meta, &s->pointer, err);
    if (rc == BF_OK && r->epoch <= s->meta.epoch)
        rc = bf_fail(err, BF_INVALID, "the backup is of epoch %u; the restored store needs a higher one than %u", s->meta.epoch, r->epoch);
    if (rc == BF_OK)
        rc = store_migrate(s, txn, err);
    if (rc == BF_OK)
        rc = store_read_clock(txn, s->dbi, &clock, err);
    if (rc != BF_OK)
        return rc;
    clock.boot_id[0] = '\0';                     /* the time since the backup is not this store's, wherever it goes on */
    s->meta.epoch = r->epoch;
    if (lease_ms > s->meta.lease_ms)
        s->meta.lease_ms = lease_ms;
    int code = store_put_meta(s, txn);
    if (!code)
        code = store_put_restored(s, txn, r);
    if (!code)
        code = store_put_clock(s, txn, &clock);
    return code ? store_fail(err, code, "raising the epoch") : BF_OK;
}

enum bf_rc store_raise(const char *path, const struct store_restored *r, int64_t lease_ms, struct bf_error *err)
{
    struct store s = {0};
    MDB_txn *txn;
    int code = mdb_env_create(&s.env);
    if (!code)
        code = mdb_env_set_maxdbs(s.env, TABLE_COUNT);
    if (!code)
        code = mdb_env_open(s.env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (!code)
        code = mdb_txn_begin(s.env, NULL, 0, &txn);
    if (code) {
        mdb_env_close(s.env);
        return store_fail(err, code, path);
    }
    enum bf_rc rc = raise_in(&s, txn, r, lease_ms, err);
    if (rc != BF_OK)
        mdb_txn_abort(txn);
    else if ((code = mdb_txn_commit(txn)) != 0)
        rc = store_fail(err, code, "raising the epoch");
    mdb_env_close(s.env);
    return rc;
}

/* ---- folders ---- */

static bool has_store(const char *dir)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, "data.mdb");
    struct stat st;
    return stat(path, &st) == 0 && st.st_size > 0;
}

enum bf_rc store_claim(const char *dir, int *ret_fd, struct bf_error *err)
{
    BF_AUTO_CLOSE int fd = -1;
    enum bf_rc rc = bf_mkdirs(dir, 0700, err);
    if (rc == BF_OK)
        rc = store_refuse_network(dir, err);
    if (rc == BF_OK)
        rc = store_lock_dir(dir, &fd, err);
    if (rc == BF_OK && has_store(dir))
        rc = bf_fail(err, BF_CONFLICT, "there is a store in %s already: move it away first, and keep it", dir);
    if (rc != BF_OK)
        return rc;
    *ret_fd = fd;
    fd = -1;
    return BF_OK;
}

enum bf_rc store_claim_stopped(const char *dir, int *ret_fd, struct bf_error *err)
{
    if (!has_store(dir))
        return bf_fail(err, BF_NOT_FOUND, "there is no store in %s", dir);
    enum bf_rc rc = store_refuse_network(dir, err);
    return rc == BF_OK ? store_lock_dir(dir, ret_fd, err) : rc;
}

/* The lock that LMDB holds while an environment is open.  *ret_fd -1: there is no lock.mdb, so nobody has it open. */
static enum bf_rc lock_out_readers(const char *dir, const char *lock, int *ret_fd, struct bf_error *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    BF_AUTO_CLOSE int fd = open(lock, O_RDWR | O_CLOEXEC);
    *ret_fd = -1;
    if (fd < 0)
        return errno == ENOENT ? BF_OK : bf_fail_errno(err, BF_IO, errno, "store: cannot open %s", lock);
    if (fcntl(fd, F_SETLK, &whole) != 0) {
        fcntl(fd, F_GETLK, &whole);
        return bf_fail(err, BF_CONFLICT, "store: process %ld reads %s just now: try again when it has ended", (long)whole.l_pid, dir);
    }
    *ret_fd = fd;
    fd = -1;
    return BF_OK;
}

enum bf_rc store_swap(const char *dir, const char *from, struct bf_error *err)
{
    BF_AUTO_FREE char *to = bf_path_join(dir, "data.mdb"), *lock = bf_path_join(dir, "lock.mdb");
    BF_AUTO_CLOSE int lock_fd = -1;
    BF_AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot open %s", dir);
    enum bf_rc rc = lock_out_readers(dir, lock, &lock_fd, err);
    if (rc != BF_OK)
        return rc;
    if (rename(from, to) != 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot put %s in its place", to);
    if ((unlink(lock) != 0 && errno != ENOENT) || fsync(dir_fd) != 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot make the change of %s durable", dir);
    return BF_OK;
}
