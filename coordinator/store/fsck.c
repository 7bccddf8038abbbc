/* fsck: every page and every value, read in a child process, because a damaged page can end LMDB in a signal.
 *
 * First the pages without LMDB (pages.h), each value's checksum with them; then, if the pages are a tree, the chain of the audit trail
 * through LMDB.  It takes a reader's slot, not the store's lock, so it works beside a live coordinator; a folder without lock.mdb, as a
 * backup is, is nobody's and gets none. */
#include "coordinator/store/store_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"
#include "coordinator/store/child.h"
#include "coordinator/store/pages.h"

enum { HEADERS_BYTES = 2 * 65536, TRIES = 100 };

struct check {
    FILE *out;                                  /* problems, one a line */
    unsigned n;
    unsigned n_pages;                           /* of them, of pages: LMDB is not to follow these */
    store_describe *describe;
    struct store_meta meta;
    struct store_pointer pointer;
    uint64_t next_seq;                          /* of the journal; 0: any */
    uint32_t chunks;                            /* of the current generation */
    struct store_history history;               /* chunks: not seen yet */
};

static void problem(struct check *c, const char *text)
{
    fprintf(c->out, "%s\n", text);
    c->n++;
}

static void page_problem(void *arg, const char *text)
{
    char line[300];
    snprintf(line, sizeof line, "store: %s", text);
    problem(arg, line);
    ((struct check *)arg)->n_pages++;
}

/* ---- values ---- */

static void check_order(struct check *c, enum store_table table, const MDB_val *key)
{
    char text[160];
    if (table == TABLE_JOURNAL && key->mv_size == 8) {
        uint64_t seq = store_get_be64(key->mv_data);
        if (c->next_seq && seq != c->next_seq) {
            snprintf(text, sizeof text, "store: journal %llu is missing (found %llu)", (unsigned long long)c->next_seq,
                     (unsigned long long)seq);
            problem(c, text);
        }
        if (!c->next_seq && seq > c->pointer.seq + 1) {
            snprintf(text, sizeof text, "store: journal begins at %llu, after the checkpoint's %llu", (unsigned long long)seq,
                     (unsigned long long)c->pointer.seq);
            problem(c, text);
        }
        c->next_seq = seq + 1;
    }
    if (table == TABLE_CHECKPOINT && key->mv_size == 8 && store_get_be32(key->mv_data) == c->pointer.generation)
        c->chunks++;
    for (size_t i = 0; table == TABLE_CHECKPOINT && key->mv_size == 8 && i < c->history.n; i++)
        c->history.at[i].chunks -= store_get_be32(key->mv_data) == c->history.at[i].generation;
}

static enum store_kind kind_of(enum store_table table)
{
    switch (table) {
    case TABLE_PLAN: return STORE_PLAN;
    case TABLE_CHECKPOINT: return STORE_CHUNK;
    case TABLE_JOURNAL: return STORE_TURN;
    default: return STORE_OTHER;
    }
}

/* What a value is about, as far as its bytes still say so.  sound: their checksum is right, so that it is no news when they can be read. */
static void describe(struct check *c, enum store_table table, const char *why, const MDB_val *value, uint64_t at, bool sound)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0}, words = {0};
    const uint8_t *p = (const uint8_t *)value->mv_data + STORE_ENVELOPE_BYTES;
    size_t n = value->mv_size > STORE_ENVELOPE_BYTES ? value->mv_size - STORE_ENVELOPE_BYTES : 0;
    bool readable = c->describe && kind_of(table) != STORE_OTHER && c->describe(kind_of(table), p, n, &words);
    if (sound && (readable || !c->describe || kind_of(table) == STORE_OTHER))
        return;
    bf_buf_printf(&text, "%s (offset %" PRIu64 " of data.mdb, %zu bytes)", why, at, value->mv_size);
    if (words.len)
        bf_buf_printf(&text, ": %s", bf_buf_cstr(&words));
    problem(c, bf_buf_cstr(&text));
}

static void check_value(void *arg, const char *name, const MDB_val *key, const MDB_val *value, uint64_t at)
{
    struct check *c = arg;
    struct bf_error err = {0};
    enum store_table table = TABLE_META;
    const uint8_t *p;
    size_t n;
    char why[120], words[80];
    while (table < TABLE_COUNT && strcmp(store_table_names[table], name) != 0)
        table++;
    if (store_open_value(table, key, value, &p, &n, &err) != BF_OK) {
        describe(c, table, err.text, value, at, false);
    } else {
        store_key_words(table, key, words, sizeof words);
        snprintf(why, sizeof why, "store: %s cannot be read", words);
        describe(c, table, why, value, at, true);
        if (table == TABLE_DETAILS && !store_details_valid(key, p, n))
            problem(c, "store: details of an attempt are of no known version");
    }
    check_order(c, table, key);
}

static void audit_problem(void *arg, const char *text)
{
    char line[400];
    snprintf(line, sizeof line, "store: audit: %s", text);
    problem(arg, line);
}

static void check_audit(struct check *c, MDB_txn *txn, const MDB_dbi *dbi)
{
    struct bf_error err = {0};
    struct store_audit_ends ends;
    struct audit_check audit = {.told = audit_problem, .arg = c};
    if (store_check_audit(txn, dbi, &c->meta, &audit, &ends, &err) != BF_OK)
        problem(c, err.text);
}

/* ---- the file ---- */

static void check_pages(struct check *c, int fd, uint64_t txn, const uint8_t **ret_map, uint64_t *ret_bytes, bool *ret_moved)
{
    const struct pages_calls calls = {.told = page_problem, .visit = check_value, .arg = c, .tables = store_table_names,
                                      .n_tables = TABLE_COUNT};
    struct stat st = {0};
    *ret_moved = false;
    if (fstat(fd, &st) != 0 || (*ret_map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED) {
        *ret_map = NULL;
        problem(c, "store: data.mdb cannot be mapped");
        return;
    }
    *ret_bytes = (uint64_t)st.st_size;
    pages_check(*ret_map, *ret_bytes, txn, false, &calls, ret_moved);
}

/* Tables and meta through LMDB, so that what it reads and what stands in the pages is the same; then pages and values. */
static void check_snapshot(struct check *c, MDB_txn *txn, int fd, bool *ret_moved)
{
    struct bf_error err = {0};
    MDB_dbi dbi[TABLE_COUNT];
    char text[160];
    const uint8_t *map = NULL;
    uint64_t bytes = 0;
    unsigned before = c->n;
    enum bf_rc rc = store_open_tables(txn, false, dbi, &err);
    if (rc == BF_OK)
        rc = store_read_meta(txn, dbi, &c->meta, &c->pointer, &err);
    if (rc == BF_OK)
        rc = store_read_history(txn, dbi, &c->history, &err);
    if (rc == BF_UNSUPPORTED) {
        problem(c, err.text);
        return;
    }
    check_pages(c, fd, mdb_txn_id(txn), &map, &bytes, ret_moved);
    if (map)
        munmap((void *)(uintptr_t)map, bytes);
    if (*ret_moved)
        return;
    if (rc != BF_OK && c->n == before)
        problem(c, err.text);
    for (int i = 0; rc == BF_OK && c->meta.format >= 2 && i < TABLE_COUNT; i++)
        if (dbi[i] == STORE_NO_TABLE)
            page_problem(c, "a table is missing");
    if (rc == BF_OK && c->n_pages == 0)
        check_audit(c, txn, dbi);
    if (c->chunks != c->pointer.chunks && c->pointer.generation && rc == BF_OK) {
        snprintf(text, sizeof text, "store: checkpoint %u has %u chunks of %u", c->pointer.generation, c->chunks, c->pointer.chunks);
        problem(c, text);
    }
    for (size_t i = 0; rc == BF_OK && i < c->history.n; i++)
        if (c->history.at[i].chunks) {
            snprintf(text, sizeof text, "store: older checkpoint %u does not have its chunks: replay cannot begin there",
                     c->history.at[i].generation);
            problem(c, text);
        }
    if (rc == BF_OK && c->pointer.seq && c->next_seq && c->next_seq <= c->pointer.seq) {
        snprintf(text, sizeof text, "store: journal ends at %llu, before the checkpoint's %llu", (unsigned long long)(c->next_seq - 1),
                 (unsigned long long)c->pointer.seq);
        problem(c, text);
    }
}

static void ignore(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

/* Of a live store a header may be met while it is written: only what is wrong twice is wrong. */
static bool headers_are_good(struct check *c, int fd)
{
    const struct pages_calls silent = {.told = ignore}, calls = {.told = page_problem, .arg = c};
    BF_AUTO_FREE uint8_t *head = bf_xcalloc(1, HEADERS_BYTES);
    struct stat st = {0};
    bool good = false;
    for (int i = 0; i < 2 && !good; i++) {
        ssize_t n = pread(fd, head, HEADERS_BYTES, 0);
        if (n < 0 || fstat(fd, &st) != 0) {
            problem(c, "store: data.mdb cannot be read");
            return false;
        }
        good = pages_headers(head, (uint64_t)n, (uint64_t)st.st_size, i == 0 ? &silent : &calls);
    }
    return good;
}

int store_open_reader(const char *dir, MDB_env **ret)
{
    BF_AUTO_FREE char *lock = bf_path_join(dir, "lock.mdb");
    unsigned flags = MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD | (access(lock, F_OK) != 0 ? MDB_NOLOCK : 0);
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (!rc)
        rc = mdb_env_set_maxdbs(env, TABLE_COUNT);
    if (!rc)
        rc = mdb_env_open(env, dir, flags, 0600);
    if (rc)
        mdb_env_close(env);
    else
        *ret = env;
    return rc;
}

/* ---- before it is opened ---- */

static void keep_first(void *arg, const char *text)
{
    struct bf_error *err = arg;
    if (!*err->text)
        bf_fail(err, BF_CORRUPT, "store: %s: restore a backup; bfctl fsck tells more", text);
}

enum bf_rc store_look_at_pages(const char *path, struct bf_error *err)
{
    struct bf_error first = {0};
    const struct pages_calls calls = {.told = keep_first, .arg = &first, .tables = store_table_names, .n_tables = TABLE_COUNT};
    struct stat st;
    bool moved = false;
    BF_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);       /* should it be a pipe */
    if (fd < 0 || fstat(fd, &st) != 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot open %s", path);
    const uint8_t *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot map %s", path);
    if (pages_headers(map, (uint64_t)st.st_size, (uint64_t)st.st_size, &calls))
        pages_check(map, (uint64_t)st.st_size, pages_newest(map), true, &calls, &moved);
    munmap((void *)(uintptr_t)map, (size_t)st.st_size);
    return *first.text ? bf_fail(err, BF_CORRUPT, "%s", first.text) : BF_OK;
}

/* ---- the whole, in a child ---- */

/* The child: its exit status is 0 (clean), 1 (problems told), 2 (cannot open). */
static int check_dir(const char *dir, store_describe *describe_value, FILE *out)
{
    struct check c = {.out = out, .describe = describe_value};
    struct bf_error err = {0};
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    bool moved = true;
    BF_AUTO_FREE char *path = bf_path_join(dir, "data.mdb");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !headers_are_good(&c, fd)) {
        if (fd < 0)
            problem(&c, "store: data.mdb cannot be opened");
        return 1;
    }
    int rc = store_open_reader(dir, &env);
    for (int i = 0; !rc && moved && i < TRIES; i++) {
        if ((rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)) != 0)
            break;
        check_snapshot(&c, txn, fd, &moved);
        mdb_txn_abort(txn);
    }
    if (rc) {
        store_fail(&err, rc, path);
        problem(&c, err.text);
    } else if (moved) {
        problem(&c, "store: the headers of data.mdb do not name the transaction that LMDB reads");
    }
    /* The slot of the reader goes back to a live coordinator at once, rather than when it next looks for dead readers. */
    mdb_env_close(env);
    close(fd);
    return rc ? 2 : c.n ? 1 : 0;
}

struct fsck_run { const char *dir; store_describe *describe; store_fsck_told *told; void *arg; unsigned n; };

static int fsck_child(void *arg, int to)
{
    const struct fsck_run *run = arg;
    FILE *out = fdopen(to, "w");
    if (!out)
        return 2;
    setvbuf(out, NULL, _IOLBF, 0);
    int status = check_dir(run->dir, run->describe, out);
    fclose(out);
    return status;
}

static void read_problems(void *arg, int from)
{
    struct fsck_run *run = arg;
    char line[1200];
    int own = fcntl(from, F_DUPFD_CLOEXEC, 0);
    FILE *in = own < 0 ? NULL : fdopen(own, "r");
    while (in && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = 0;
        run->told(run->arg, line);
        run->n++;
    }
    if (in)
        fclose(in);
    else if (own >= 0)
        close(own);
}

enum bf_rc store_fsck(const char *dir, store_describe *describe_value, store_fsck_told *told, void *arg, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, "data.mdb");
    struct fsck_run run = {.dir = dir, .describe = describe_value, .told = told, .arg = arg};
    struct child_end end;
    uint64_t bytes;
    enum bf_rc rc = store_need_file(dir, path, &bytes, err);
    if (rc == BF_OK)
        rc = child_run(fsck_child, read_problems, &run, &end, err);
    if (rc != BF_OK)
        return rc;
    if (end.signal)
        return bf_fail(err, BF_CORRUPT, "store: a page of %s is damaged (the check ended by signal %d after %u problems)", path, end.signal,
                       run.n);
    if (end.status)
        return bf_fail(err, BF_CORRUPT, "store: %u problem%s in %s: restore a backup", run.n, run.n == 1 ? "" : "s", path);
    return BF_OK;
}
