/* fsck: every value of every table, read in a child process, because a damaged page of the tree can end LMDB in a signal.
 *
 * It takes a reader's slot, not the store's lock, so it works beside a live coordinator. */
#include "coordinator/store/store_state.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"

struct check {
    FILE *out;                                  /* problems, one a line */
    unsigned n;
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

static void check_order(struct check *c, enum store_table table, const MDB_val *key)
{
    char text[160];
    if (table == TABLE_JOURNAL && key->mv_size == 8) {
        uint64_t seq = store_get_be64(key->mv_data);
        if (c->next_seq && seq != c->next_seq) {
            snprintf(text, sizeof text, "store: journal %llu is missing (found %llu)", (unsigned long long)c->next_seq, (unsigned long long)seq);
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

static void check_table(struct check *c, MDB_txn *txn, MDB_dbi dbi, enum store_table table)
{
    struct bf_error err = {0};
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    const uint8_t *p;
    size_t n;
    int rc = mdb_cursor_open(txn, dbi, &cursor);
    while (!rc && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (store_open_value(table, &key, &value, &p, &n, &err) != BF_OK)
            problem(c, err.text);
        else if (table == TABLE_DETAILS && !store_details_valid(&key, p, n))
            problem(c, "store: details of an attempt are of no known version");
        check_order(c, table, &key);
    }
    if (cursor)
        mdb_cursor_close(cursor);               /* the end of a read transaction does not */
    if (rc != MDB_NOTFOUND) {
        store_fail(&err, rc, store_table_names[table]);
        problem(c, err.text);
    }
}

static void audit_problem(void *arg, const char *text)
{
    char line[400];
    snprintf(line, sizeof line, "store: audit: %s", text);
    problem(arg, line);
}

static void check_audit(struct check *c, MDB_txn *txn, const MDB_dbi *dbi, const struct store_meta *meta)
{
    struct bf_error err = {0};
    struct store_audit_ends ends;
    struct audit_check audit = {.told = audit_problem, .arg = c};
    if (store_check_audit(txn, dbi, meta, &audit, &ends, &err) != BF_OK)
        problem(c, err.text);
}

static void check_tables(struct check *c, MDB_txn *txn)
{
    struct bf_error err = {0};
    struct store_meta meta;
    MDB_dbi dbi[TABLE_COUNT];
    char text[160];
    if (store_open_tables(txn, false, dbi, &err) != BF_OK || store_read_meta(txn, dbi, &meta, &c->pointer, &err) != BF_OK ||
        store_read_history(txn, dbi, &c->history, &err) != BF_OK) {
        problem(c, err.text);
        return;
    }
    for (int table = 0; table < TABLE_COUNT; table++)
        if (dbi[table] != STORE_NO_TABLE)
            check_table(c, txn, dbi[table], (enum store_table)table);
    check_audit(c, txn, dbi, &meta);
    if (c->chunks != c->pointer.chunks && c->pointer.generation) {
        snprintf(text, sizeof text, "store: checkpoint %u has %u chunks of %u", c->pointer.generation, c->chunks, c->pointer.chunks);
        problem(c, text);
    }
    for (size_t i = 0; i < c->history.n; i++)
        if (c->history.at[i].chunks) {
            snprintf(text, sizeof text, "store: older checkpoint %u does not have its chunks: replay cannot begin there", c->history.at[i].generation);
            problem(c, text);
        }
}

static bool cut_short(MDB_env *env, const char *path)
{
    MDB_envinfo info;
    MDB_stat st;
    struct stat file;
    mdb_env_info(env, &info);
    mdb_env_stat(env, &st);
    return stat(path, &file) == 0 && info.me_last_pgno > 1 && (uint64_t)file.st_size < (uint64_t)(info.me_last_pgno + 1) * st.ms_psize;
}

/* The child: its exit status is 0 (clean), 1 (problems told), 2 (cannot open). */
static int check_dir(const char *dir, FILE *out)
{
    struct check c = {.out = out};
    struct bf_error err = {0};
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    BF_AUTO_FREE char *path = bf_path_join(dir, "data.mdb");
    int rc = mdb_env_create(&env);
    if (!rc)
        rc = mdb_env_set_maxdbs(env, TABLE_COUNT);
    if (!rc)
        rc = mdb_env_open(env, dir, MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (!rc)
        rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc) {
        store_fail(&err, rc, path);
        problem(&c, err.text);
    } else if (cut_short(env, path)) {
        problem(&c, "store: data.mdb is cut short");
    } else {
        check_tables(&c, txn);
    }
    /* The slot of the reader goes back to a live coordinator at once, rather than when it next looks for dead readers. */
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return rc ? 2 : c.n ? 1 : 0;
}

static unsigned read_problems(FILE *in, store_fsck_told *told, void *arg)
{
    char line[1200];
    unsigned n = 0;
    while (fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = 0;
        told(arg, line);
        n++;
    }
    return n;
}

enum bf_rc store_fsck(const char *dir, store_fsck_told *told, void *arg, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, "data.mdb");
    struct stat st;
    if (stat(path, &st) != 0)
        return bf_fail_errno(err, BF_NOT_FOUND, errno, "store: there is none in %s", dir);
    int ends[2];
    if (pipe(ends) != 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot make a pipe");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        FILE *out = fdopen(ends[1], "w");
        setvbuf(out, NULL, _IOLBF, 0);
        int status = check_dir(dir, out);
        fclose(out);
        _exit(status);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    unsigned n = read_problems(in, told, arg);
    fclose(in);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return bf_fail_errno(err, BF_IO, errno, "store: cannot run the check");
    if (WIFSIGNALED(status))
        return bf_fail(err, BF_CORRUPT, "store: a page of %s is damaged (the check ended by signal %d after %u problems)", path, WTERMSIG(status), n);
    if (WEXITSTATUS(status))
        return bf_fail(err, BF_CORRUPT, "store: %u problem%s in %s: restore a backup", n, n == 1 ? "" : "s", path);
    return BF_OK;
}
