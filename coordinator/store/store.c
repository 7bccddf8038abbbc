/* Opening, and the one durable transaction of a turn.
 *
 * Order of a commit: journal value, plans, chunks, details, audit, pointer, then bounded deletes of what the pointer has made old; then
 * fsync by LMDB.  No NOSYNC, NOMETASYNC or WRITEMAP, ever.  MDB_MAP_FULL before the commit leaves the store as it was; every error of
 * the commit itself leaves the outcome unknown. */
#include "coordinator/store/store_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/store/backup.h"

enum { SHARE = 4, AUDIT_SHARE = 8 };             /* details, and the journal behind the checkpoint, each get one part in so many */
#define DEFAULT_MAX_BYTES (16ull << 30)
#define DEFAULT_RESERVE_BYTES (64ull << 20)
#define DEFAULT_JOURNAL_TURNS 100000u
#define DEFAULT_JOURNAL_BYTES (1ull << 30)
#define DEFAULT_DETAILS_BYTES (1ull << 30)
#define DEFAULT_AUDIT_BYTES (1ull << 30)
#define DEFAULT_AUDIT_KEEP_US (30ll * 86400 * 1000000)

/* ---- opening ---- */

/* Filesystems on which neither flock nor mmap keep their promises: <linux/magic.h>. */
enum bf_rc store_refuse_network(const char *dir, struct bf_error *err)
{
    static const struct { long magic; const char *name; } refused[] = {
        {0x6969, "NFS"}, {0xff534d42l, "CIFS"}, {0xfe534d42l, "SMB"}, {0x01021997, "9p"}, {0x00c36400, "Ceph"}};
    struct statfs fs;
    if (statfs(dir, &fs) != 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot look at the filesystem of %s", dir);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if ((long)fs.f_type == refused[i].magic)
            return bf_fail(err, BF_UNSUPPORTED, "store: %s lies on %s, which cannot keep a store: use a local disk", dir, refused[i].name);
    return BF_OK;
}

enum bf_rc store_lock_dir(const char *dir, int *ret_fd, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, "lock");
    char pid[24] = "";
    BF_AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? n : 0] = 0;
        pid[strcspn(pid, "\n")] = 0;
        return bf_fail(err, BF_CONFLICT, "store: %s is in use by process %s: end it first, a store is for one at a time", dir, *pid ? pid : "?");
    }
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot write %s", path);
    *ret_fd = fd;
    fd = -1;
    return BF_OK;
}

int store_put_value(struct store *s, MDB_txn *txn, enum store_table table, MDB_val *key, const void *p, size_t n, unsigned flags)
{
    MDB_val value = {n + STORE_ENVELOPE_BYTES, NULL};
    int rc = mdb_put(txn, s->dbi[table], key, &value, flags | MDB_RESERVE);
    if (rc)
        return rc;
    uint32_t head[2] = {STORE_MAGIC, store_checksum(table, key, p, n)};
    memcpy(value.mv_data, head, sizeof head);
    if (n > 0)                                   /* an empty list has no bytes to point to */
        memcpy((uint8_t *)value.mv_data + sizeof head, p, n);
    return 0;
}

static int put_pointer(struct store *s, MDB_txn *txn, const struct store_pointer *p)
{
    struct bf_buf b = {0};
    MDB_val key = {7, (void *)(uintptr_t)"pointer"};
    bf_buf_put_u32(&b, p->generation);
    bf_buf_put_u32(&b, p->chunks);
    bf_buf_put_u64(&b, p->seq);
    bf_buf_put_u64(&b, p->bytes);
    int rc = store_put_value(s, txn, TABLE_META, &key, b.data, b.len, 0);
    bf_buf_free(&b);
    return rc;
}

/* The highest generation ever written, so that chunks of one that was never finished are not taken for its successor's. */
static enum bf_rc find_top_generation(struct store *s, MDB_txn *txn, struct bf_error *err)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(txn, s->dbi[TABLE_CHECKPOINT], &cursor);
    if (!rc) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
        if (!rc && key.mv_size == 8)
            s->top_generation = store_get_be32(key.mv_data);
        mdb_cursor_close(cursor);
    }
    if (s->top_generation < s->pointer.generation)
        s->top_generation = s->pointer.generation;
    return rc && rc != MDB_NOTFOUND ? store_fail(err, rc, "reading checkpoints") : BF_OK;
}

/* The journal has no gaps, so its ends say how many turns it has: a page of it that is an older one is seen here. */
static enum bf_rc find_last_seq(struct store *s, MDB_txn *txn, struct bf_error *err)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_stat st = {0};
    uint64_t first = 0;
    int rc = mdb_cursor_open(txn, s->dbi[TABLE_JOURNAL], &cursor);
    if (rc)
        return store_fail(err, rc, "reading the journal");
    if ((rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) == 0 && key.mv_size == 8)
        first = store_get_be64(key.mv_data);
    if (!rc && (rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST)) == 0 && key.mv_size == 8)
        s->last_seq = store_get_be64(key.mv_data);
    mdb_cursor_close(cursor);
    if ((rc && rc != MDB_NOTFOUND) || (rc = mdb_stat(txn, s->dbi[TABLE_JOURNAL], &st)) != 0)
        return store_fail(err, rc, "reading the journal");
    if (st.ms_entries && s->last_seq - first + 1 != st.ms_entries)
        return bf_fail(err, BF_CORRUPT, "store: the journal has %llu turns, and should from %llu to %llu: restore a backup",
                       (unsigned long long)st.ms_entries, (unsigned long long)first, (unsigned long long)s->last_seq);
    if (s->last_seq < s->pointer.seq)
        s->last_seq = s->pointer.seq;
    return BF_OK;
}

/* Tables and meta: made in a new store, read in an old one. */
static enum bf_rc open_content(struct store *s, bool fresh, struct bf_error *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc)
        return store_fail(err, rc, "opening");
    enum bf_rc result = store_open_tables(txn, fresh, s->dbi, err);
    if (result == BF_OK && fresh) {
        s->meta = (struct store_meta){.format = STORE_FORMAT, .epoch = 1};
        randombytes_buf(s->meta.cluster, sizeof s->meta.cluster);
        randombytes_buf(&s->meta.seed, sizeof s->meta.seed);
        if ((rc = store_put_meta(s, txn)) != 0 || (rc = put_pointer(s, txn, &s->pointer)) != 0)
            result = store_fail(err, rc, "writing meta");
    } else if (result == BF_OK) {
        result = store_read_meta(txn, s->dbi, &s->meta, &s->pointer, err);
    }
    if (result == BF_OK)
        result = store_migrate(s, txn, err);
    if (result == BF_OK)
        result = store_read_restored(txn, s->dbi, &s->restored, err);
    if (result == BF_OK)
        result = store_read_clock(txn, s->dbi, &s->clock, err);
    if (result == BF_OK)
        result = find_last_seq(s, txn, err);
    if (result == BF_OK)
        result = find_top_generation(s, txn, err);
    if (result == BF_OK)
        result = store_read_history(txn, s->dbi, &s->history, err);
    s->chunks_old = true;
    if (result == BF_OK)
        result = store_find_audit(s, txn, err);
    if (result != BF_OK) {
        mdb_txn_abort(txn);
        return result;
    }
    rc = mdb_txn_commit(txn);
    return rc ? store_fail(err, rc, "opening") : BF_OK;
}

/* A page that no check saw leads LMDB out of its map. */
static void read_failed(int sig)
{
    static const char sentence[] = "store: a page of data.mdb is damaged: run `bfctl fsck` on the store and restore a backup\n";
    (void)sig;
    (void)!write(STDERR_FILENO, sentence, sizeof sentence - 1);
    _exit(1);
}

void store_guard_reads(bool on)
{
    const struct sigaction action = {.sa_handler = on ? read_failed : SIG_DFL};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

/* LMDB met a page that cannot be: nothing in memory is to be trusted, and the process ends with a sentence that helps. */
void store_page_damaged(MDB_env *env, const char *text)
{
    (void)env;
    (void)text;
    static const char sentence[] = "store: a page of data.mdb is damaged: run `bfctl fsck` on the store and restore a backup\n";
    (void)!write(STDERR_FILENO, sentence, sizeof sentence - 1);
    abort();
}

static enum bf_rc open_env(struct store *s, const char *dir, bool fresh, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, "data.mdb");
    enum bf_rc result = fresh ? BF_OK : store_look_at_pages(path, err);
    if (result != BF_OK)
        return result;
    int rc = mdb_env_create(&s->env);
    if (!rc)
        rc = mdb_env_set_assert(s->env, store_page_damaged);
    if (!rc)
        rc = mdb_env_set_maxdbs(s->env, TABLE_COUNT);
    if (!rc)
        rc = mdb_env_set_mapsize(s->env, s->options.max_bytes);
    if (!rc)
        rc = mdb_env_open(s->env, dir, MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (rc)
        return bf_fail(err, rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_VERSION_MISMATCH ? BF_CORRUPT : BF_IO,
                       "store: cannot open %s: %s", path, mdb_strerror(rc));
    s->data_fd = open(path, O_RDWR | O_CLOEXEC);
    if (s->data_fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot open %s", path);
    return open_content(s, fresh, err);
}

static uint64_t page_bytes(struct store *s)
{
    MDB_stat st;
    mdb_env_stat(s->env, &st);
    return st.ms_psize;
}

/* The end of the pages that were ever used; the file does not shrink. */
static uint64_t end_bytes(struct store *s)
{
    MDB_envinfo info;
    mdb_env_info(s->env, &info);
    return (uint64_t)(info.me_last_pgno + 1) * page_bytes(s);
}

/* Pages that LMDB will use again: its own table 0 lists them, a count and that many numbers a value. */
static uint64_t free_bytes(struct store *s)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t pages = 0;
    if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn))
        return 0;
    if (mdb_cursor_open(txn, 0, &cursor) == 0) {
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            size_t n;
            memcpy(&n, value.mv_data, sizeof n);
            pages += n;
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return pages * page_bytes(s);
}

/* Keep reserve_bytes allocated beyond what is in use, so that results and cancels still fit when the disk is full. */
static void grow_ahead(struct store *s)
{
    uint64_t used = end_bytes(s), reserve = s->options.reserve_bytes;
    if (used + reserve > s->options.max_bytes) {
        s->low = used + reserve > s->options.max_bytes + free_bytes(s);
        return;
    }
    s->low = false;
    if (used + reserve <= s->reserved_bytes)
        return;
    uint64_t target = used + 2 * reserve < s->options.max_bytes ? used + 2 * reserve : s->options.max_bytes;
    if (fallocate(s->data_fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)target) == 0 || errno == EOPNOTSUPP)
        s->reserved_bytes = target;
    else if (fallocate(s->data_fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)(used + reserve)) == 0)
        s->reserved_bytes = used + reserve;
    else
        s->low = true;
}

/* What is kept for people may take its share of the room and no more, whatever it was told: the rest is for state and results. */
static struct store_options options_in_force(const struct store_options *o)
{
    struct store_options ret = *o;
    ret.max_bytes = o->max_bytes ? o->max_bytes : DEFAULT_MAX_BYTES;
    ret.reserve_bytes = o->reserve_bytes ? o->reserve_bytes : DEFAULT_RESERVE_BYTES;
    ret.journal_turns = o->journal_turns ? o->journal_turns : DEFAULT_JOURNAL_TURNS;
    ret.journal_bytes = o->journal_bytes ? o->journal_bytes : DEFAULT_JOURNAL_BYTES;
    ret.details_bytes = o->details_bytes ? o->details_bytes : DEFAULT_DETAILS_BYTES;
    uint64_t share = (ret.max_bytes > ret.reserve_bytes ? ret.max_bytes - ret.reserve_bytes : ret.max_bytes) / SHARE;
    if (ret.journal_bytes > share)
        ret.journal_bytes = share;
    if (ret.details_bytes > share)
        ret.details_bytes = share;
    ret.history_bytes = ret.journal_bytes < share / 2 ? ret.journal_bytes : share / 2;
    ret.audit_bytes = o->audit_bytes ? o->audit_bytes : DEFAULT_AUDIT_BYTES;
    ret.audit_keep_us = o->audit_keep_us ? o->audit_keep_us : DEFAULT_AUDIT_KEEP_US;
    ret.audit_most = share * SHARE / AUDIT_SHARE;
    if (ret.audit_bytes > ret.audit_most)
        ret.audit_bytes = ret.audit_most;
    return ret;
}

/* Only a file that is not there is a store that was never made: a cluster begun beside a lost one would give its tokens out again. */
static enum bf_rc look_for(const char *dir, bool create, bool *ret_fresh, struct bf_error *err)
{
    BF_AUTO_FREE char *data = bf_path_join(dir, "data.mdb"), *restoring = bf_path_join(dir, STORE_RESTORING);
    struct stat st;
    if (access(restoring, F_OK) == 0)
        return bf_fail(err, BF_CONFLICT, "store: a restore into %s was not finished: run bfctl restore again", dir);
    *ret_fresh = stat(data, &st) != 0;
    if (*ret_fresh && errno != ENOENT)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot look at %s: mend that, or restore a backup", data);
    if (*ret_fresh && !create)
        return bf_fail(err, BF_NOT_FOUND, "there is no store in %s", dir);
    if (!*ret_fresh && st.st_size == 0)
        return bf_fail(err, BF_CORRUPT, "store: %s has 0 bytes, so the store is lost: restore a backup; where no coordinator ever worked "
                       "with it, remove it", data);
    return BF_OK;
}

enum bf_rc store_open(const char *dir, const struct store_options *o, struct store **ret, struct bf_error *err)
{
    if (sodium_init() < 0)
        return bf_fail(err, BF_INTERNAL, "store: libsodium does not start");
    if (o->create) {
        enum bf_rc made = bf_mkdirs(dir, 0700, err);
        if (made != BF_OK)
            return made;
    }
    bool fresh = false;
    enum bf_rc rc = look_for(dir, o->create, &fresh, err);
    if (rc != BF_OK)
        return rc;
    struct store *s = bf_xcalloc(1, sizeof *s);
    s->lock_fd = s->data_fd = -1;
    s->options = options_in_force(o);
    s->fresh = fresh;
    rc = store_refuse_network(dir, err);
    if (rc == BF_OK)
        rc = store_lock_dir(dir, &s->lock_fd, err);
    if (rc == BF_OK)
        rc = open_env(s, dir, fresh, err);
    if (rc != BF_OK) {
        store_close(s);
        return rc;
    }
    grow_ahead(s);
    *ret = s;
    return BF_OK;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->env)
        mdb_env_close(s->env);
    if (s->data_fd >= 0)
        close(s->data_fd);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}

const struct store_meta *store_meta(const struct store *s)
{
    return &s->meta;
}

const struct store_restored *store_restored(const struct store *s)
{
    return &s->restored;
}

bool store_is_new(const struct store *s)
{
    return s->fresh;
}

uint32_t store_was_format(const struct store *s)
{
    return s->was_format;
}

enum bf_rc store_keep_lease(struct store *s, int64_t coordinator_ms, struct bf_error *err)
{
    if (coordinator_ms <= s->meta.lease_ms)
        return BF_OK;
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc)
        return store_fail(err, rc, "keeping the lease");
    s->meta.lease_ms = coordinator_ms;
    rc = store_put_meta(s, txn);
    if (rc)
        mdb_txn_abort(txn);
    else
        rc = mdb_txn_commit(txn);
    return rc ? store_fail(err, rc, "keeping the lease") : BF_OK;
}

const struct engine_clock *store_clock(const struct store *s)
{
    return &s->clock;
}

enum bf_rc store_keep_clock(struct store *s, const struct engine_clock *clock, struct bf_error *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc)
        return bf_fail(err, BF_IO, "store: beginning a transaction: %s", mdb_strerror(rc));
    rc = store_put_clock(s, txn, clock);
    if (rc) {
        mdb_txn_abort(txn);
        return store_fail(err, rc, "keeping the clock");
    }
    rc = mdb_txn_commit(txn);
    if (rc)
        return bf_fail(err, BF_IO, "store: keeping the clock failed, its outcome is unknown: %s", mdb_strerror(rc));
    s->clock = *clock;
    return BF_OK;
}

void store_keep(struct store *s, uint64_t journal_bytes, uint64_t details_bytes)
{
    struct store_options o = s->options;
    o.journal_bytes = journal_bytes;
    o.details_bytes = details_bytes;
    s->options = options_in_force(&o);
}

uint64_t store_journal_bytes(const struct store *s)
{
    return s->options.journal_bytes;
}

uint64_t store_last_seq(const struct store *s)
{
    return s->last_seq;
}

uint64_t store_checkpoint_seq(const struct store *s)
{
    return s->pointer.seq;
}

void store_room(struct store *s, struct store_room *ret)
{
    struct stat st = {0};
    struct statfs fs = {0};
    fstat(s->data_fd, &st);
    fstatfs(s->data_fd, &fs);
    int dead_readers;
    (void)mdb_reader_check(s->env, &dead_readers);               /* a killed fsck would hold old pages for ever */
    grow_ahead(s);
    *ret = (struct store_room){.file_bytes = (uint64_t)st.st_size, .used_bytes = end_bytes(s) - free_bytes(s),
                               .disk_free_bytes = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize, .low = s->low};
}

/* ---- committing ---- */

static int put_turn(struct store *s, MDB_txn *txn, const struct store_write *w)
{
    uint8_t seq[8];
    store_put_be64(seq, w->seq);
    MDB_val key = {sizeof seq, seq};
    return store_put_value(s, txn, TABLE_JOURNAL, &key, w->turn, w->turn_bytes, MDB_APPEND);
}

static int put_plans(struct store *s, MDB_txn *txn, const struct store_write *w)
{
    for (size_t i = 0; i < w->n_plans; i++) {
        MDB_val key = {sizeof w->plans[i].key, (void *)(uintptr_t)w->plans[i].key};
        int rc = store_put_value(s, txn, TABLE_PLAN, &key, w->plans[i].bytes, w->plans[i].n, MDB_NOOVERWRITE);
        if (rc && rc != MDB_KEYEXIST)
            return rc;
    }
    return 0;
}

static int put_chunks(struct store *s, MDB_txn *txn, const struct store_write *w, uint32_t generation)
{
    for (size_t i = 0; i < w->n_chunks; i++) {
        uint8_t name[8];
        store_put_be32(name, generation);
        store_put_be32(name + 4, w->chunks[i].index);
        MDB_val key = {sizeof name, name};
        int rc = store_put_value(s, txn, TABLE_CHECKPOINT, &key, w->chunks[i].bytes, w->chunks[i].n, 0);
        if (rc)
            return rc;
    }
    return 0;
}

/* A checkpoint is whole: it is the current one, and the one before it is history. */
static int flip(struct store *next, MDB_txn *txn)
{
    uint64_t first_seq;
    int rc = store_first_seq(next, txn, &first_seq);
    if (!rc)
        rc = put_pointer(next, txn, &next->pointer);
    if (rc)
        return rc;
    store_history_prune(next, first_seq);
    return store_put_history(next, txn, &next->history);
}

static int write_all(struct store *s, MDB_txn *txn, const struct store_write *w, struct store *next)
{
    size_t deleted = 0;
    int rc = w->turn_bytes ? put_turn(s, txn, w) : 0;
    if (!rc)
        rc = put_plans(s, txn, w);
    if (!rc)
        rc = put_chunks(s, txn, w, next->top_generation);
    if (!rc && w->turn_bytes && w->n_details)
        rc = store_put_details(s, txn, w);
    if (!rc && w->turn_bytes && w->n_audit)
        rc = store_put_audit(next, txn, w);
    if (!rc && w->checkpoint_end)
        rc = flip(next, txn);
    return rc ? rc : store_trim(next, txn, &deleted);
}

/* What the store's own memory will be once this write is durable. */
static struct store after(const struct store *s, const struct store_write *w)
{
    struct store next = *s;
    if (w->turn_bytes)
        next.last_seq = w->seq;
    if (w->checkpoint_begin) {
        next.writing = next.top_generation = s->top_generation + 1;
        next.writing_chunks = 0;
        next.writing_bytes = 0;
        next.chunks_old = true;
        next.writing_seq = w->checkpoint_seq;
    }
    next.writing_chunks += (uint32_t)w->n_chunks;
    for (size_t i = 0; i < w->n_chunks; i++)
        next.writing_bytes += w->chunks[i].n;
    if (w->checkpoint_end) {
        store_history_add(&next, &s->pointer);
        next.pointer = (struct store_pointer){.generation = next.writing, .chunks = next.writing_chunks, .seq = next.writing_seq,
                                              .bytes = next.writing_bytes};
        next.chunks_old = true;
        next.writing = 0;
    }
    return next;
}

enum bf_rc store_commit(struct store *s, const struct store_write *w, struct bf_error *err)
{
    if (s->reading)
        return bf_fail(err, BF_INTERNAL, "store: it was opened to read only");
    if (w->turn_bytes && w->seq != s->last_seq + 1)
        return bf_fail(err, BF_INTERNAL, "store: turn %llu after %llu", (unsigned long long)w->seq, (unsigned long long)s->last_seq);
    if ((w->n_chunks || w->checkpoint_end) && !s->writing && !w->checkpoint_begin)
        return bf_fail(err, BF_INTERNAL, "store: a chunk without the beginning of its checkpoint");
    if (!store_audit_follows(s, w))
        return bf_fail(err, BF_INTERNAL, "store: audit records that do not follow record %llu", (unsigned long long)s->audit.head.index);
    struct store next = after(s, w);
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc)
        return bf_fail(err, BF_IO, "store: beginning a transaction: %s", mdb_strerror(rc));
    rc = write_all(s, txn, w, &next);
    if (rc) {
        mdb_txn_abort(txn);
        return store_fail(err, rc, "writing a turn");
    }
    rc = mdb_txn_commit(txn);
    if (rc)
        return bf_fail(err, BF_IO, "store: the commit of turn %llu failed, its outcome is unknown: %s", (unsigned long long)w->seq,
                       mdb_strerror(rc));
    *s = next;
    grow_ahead(s);
    return BF_OK;
}
