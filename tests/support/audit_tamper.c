/* audit_tamper STORE WHAT INDEX [OTHER]: what one with the right to write the file could do to an audit trail.  For tests; the store is
 * not in use.
 *
 *     edit I      change a letter of the record's text, with the right checksum
 *     rewrite I   the same, and its own hash made to fit
 *     remove I    the record
 *     swap I J    the values of two
 *     cut I       all behind I
 *     behead I    the same, and the head says that this is the end
 *     front I     all before I, and nothing says that they were let go
 *     forget I    the head */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "coordinator/store/store_state.h"

enum { HASH_AT = 41, TEXT_AT = 81 };             /* version, index, previous hash; own hash, time */

struct tamper { MDB_txn *txn; MDB_dbi dbi[TABLE_COUNT]; };

static void must(int rc, const char *what)
{
    if (!rc)
        return;
    fprintf(stderr, "audit_tamper: %s: %s\n", what, mdb_strerror(rc));
    exit(1);
}

static MDB_val key_of(uint8_t name[8], uint64_t index)
{
    store_put_be64(name, index);
    return (MDB_val){8, name};
}

static struct bf_buf read_value(struct tamper *t, uint64_t index)
{
    uint8_t name[8];
    struct bf_buf b = {0};
    MDB_val key = key_of(name, index), value;
    must(mdb_get(t->txn, t->dbi[TABLE_AUDIT], &key, &value), "no such record");
    bf_buf_put(&b, (uint8_t *)value.mv_data + STORE_ENVELOPE_BYTES, value.mv_size - STORE_ENVELOPE_BYTES);
    return b;
}

static void put(struct tamper *t, enum store_table table, MDB_val *key, const struct bf_buf *b)
{
    struct store s = {0};
    memcpy(s.dbi, t->dbi, sizeof s.dbi);
    must(store_put_value(&s, t->txn, table, key, b->data, b->len, 0), "put");
}

static void write_value(struct tamper *t, uint64_t index, const struct bf_buf *b)
{
    uint8_t name[8];
    MDB_val key = key_of(name, index);
    put(t, TABLE_AUDIT, &key, b);
}

static void edit(struct tamper *t, uint64_t index, bool fit)
{
    struct bf_buf b = read_value(t, index);
    b.data[b.len - 3] ^= 1;
    struct audit_head before = {.index = index - 1};
    memcpy(before.hash, b.data + 9, sizeof before.hash);
    struct audit_head fits = audit_next(&before, b.data + TEXT_AT, b.len - TEXT_AT);
    if (fit)
        memcpy(b.data + HASH_AT, fits.hash, sizeof fits.hash);
    write_value(t, index, &b);
    bf_buf_free(&b);
}

static void remove_range(struct tamper *t, uint64_t first, uint64_t last)
{
    uint8_t name[8];
    for (uint64_t i = first; i <= last; i++) {
        MDB_val key = key_of(name, i);
        int rc = mdb_del(t->txn, t->dbi[TABLE_AUDIT], &key, NULL);
        if (rc == MDB_NOTFOUND)
            return;
        must(rc, "remove");
    }
}

static void swap(struct tamper *t, uint64_t a, uint64_t b)
{
    struct bf_buf x = read_value(t, a), y = read_value(t, b);
    write_value(t, a, &y);
    write_value(t, b, &x);
    bf_buf_free(&x);
    bf_buf_free(&y);
}

/* The head in meta: version, head {index, hash}, anchor {index, hash}. */
static void set_head(struct tamper *t, uint64_t index)
{
    struct bf_buf last = read_value(t, index), b = {0};
    MDB_val key = {5, (void *)(uintptr_t)"audit"}, value;
    must(mdb_get(t->txn, t->dbi[TABLE_META], &key, &value), "no head");
    const uint8_t *p = (const uint8_t *)value.mv_data + STORE_ENVELOPE_BYTES;
    bf_buf_put_u8(&b, p[0]);
    bf_buf_put_u64(&b, index);
    bf_buf_put(&b, last.data + HASH_AT, AUDIT_HASH_BYTES);
    bf_buf_put(&b, p + 41, 40);
    put(t, TABLE_META, &key, &b);
    bf_buf_free(&last);
    bf_buf_free(&b);
}

static void tamper(struct tamper *t, const char *what, uint64_t index, uint64_t other)
{
    MDB_val head = {5, (void *)(uintptr_t)"audit"};
    if (strcmp(what, "edit") == 0 || strcmp(what, "rewrite") == 0)
        edit(t, index, *what == 'r');
    else if (strcmp(what, "remove") == 0)
        remove_range(t, index, index);
    else if (strcmp(what, "swap") == 0)
        swap(t, index, other);
    else if (strcmp(what, "cut") == 0 || strcmp(what, "behead") == 0)
        remove_range(t, index + 1, UINT64_MAX);
    else if (strcmp(what, "front") == 0)
        remove_range(t, 1, index - 1);
    else if (strcmp(what, "forget") == 0)
        must(mdb_del(t->txn, t->dbi[TABLE_META], &head, NULL), "forget");
    else
        exit(2);
    if (strcmp(what, "behead") == 0)
        set_head(t, index);
}

int main(int argc, char **argv)
{
    struct tamper t = {0};
    struct bf_error err = {0};
    MDB_env *env;
    if (argc < 4) {
        fputs("usage: audit_tamper STORE WHAT INDEX [OTHER]\n", stderr);
        return 2;
    }
    must(mdb_env_create(&env), "open");
    must(mdb_env_set_maxdbs(env, TABLE_COUNT), "open");
    must(mdb_env_open(env, argv[1], 0, 0600), "open");
    must(mdb_txn_begin(env, NULL, 0, &t.txn), "open");
    if (store_open_tables(t.txn, false, t.dbi, &err) != BF_OK) {
        fprintf(stderr, "audit_tamper: %s\n", err.text);
        return 1;
    }
    tamper(&t, argv[2], strtoull(argv[3], NULL, 10), argc > 4 ? strtoull(argv[4], NULL, 10) : 0);
    must(mdb_txn_commit(t.txn), "commit");
    mdb_env_close(env);
    return 0;
}
