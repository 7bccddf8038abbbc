/* store_state STORE              what a coordinator would recover from it, as one line of JSON; 1 and a sentence when it refuses
 * store_state STORE format N     write into its meta that it is of format N
 * store_state STORE old          make it one of format 1 as the first programs wrote it: without details and audit
 *
 * store_state STORE values       a hash over every key and value of every table, as LMDB reads them
 *
 * For tests; the store is not in use. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/engine/view.h"
#include "coordinator/store/store_state.h"
#include "coordinator/turn.h"

static struct turns *turns;
static crypto_generichash_state values;

static enum bf_rc load_plan(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)arg;
    (void)key;
    crypto_generichash_update(&values, p, n);
    return turns_load_plan(turns, hash, p, n, err);
}

static enum bf_rc load_chunk(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)arg;
    (void)key;
    (void)hash;
    return turns_load_chunk(turns, p, n, err);
}

static enum bf_rc load_turn(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)arg;
    (void)key;
    (void)hash;
    return turns_load_turn(turns, p, n, err);
}

static int fail(const struct bf_error *err)
{
    fprintf(stderr, "%s\n", err->text);
    return 1;
}

static int show(const char *dir)
{
    struct bf_error err = {0};
    struct store *s;
    char cluster[33], state[65], plans[65];
    uint8_t hash[32];
    const struct store_options o = {.create = false};
    store_guard_reads(true);
    if (store_open(dir, &o, &s, &err) != BF_OK)
        return fail(&err);
    const struct store_meta *meta = store_meta(s);
    bf_hex(meta->cluster, sizeof meta->cluster, cluster);
    const struct turn_settings settings = {.lease = {.agent_ms = 60000, .fence_ms = 5000, .coordinator_ms = 66000, .heartbeat_ms = 5000},
                                           .engine = {.seed = meta->seed}, .cluster = cluster};
    turns = turns_new(&settings, &(struct turn_ports){0}, meta->epoch);
    crypto_generichash_init(&values, NULL, 0, sizeof hash);
    enum bf_rc rc = store_each_plan(s, load_plan, NULL, &err);
    if (rc == BF_OK)
        rc = store_each_chunk(s, load_chunk, NULL, &err);
    if (rc == BF_OK)
        rc = store_each_turn(s, load_turn, NULL, &err);
    if (rc == BF_OK)
        rc = turns_recovered(turns, 1000, &err);
    if (rc != BF_OK)
        return fail(&err);
    crypto_generichash_final(&values, hash, sizeof hash);
    bf_hex(hash, sizeof hash, plans);
    engine_state_hash(turn_engine(turns), hash);
    bf_hex(hash, sizeof hash, state);
    struct store_audit_ends ends;
    store_audit_ends(s, &ends);
    printf("{\"state\":\"%s\",\"plans\":\"%s\",\"turn\":%llu,\"epoch\":%u,\"lease_ms\":%lld,\"cluster\":\"%s\",\"audit\":%llu,"
           "\"was_format\":%u,\"format\":%u,\"backfills\":%u}\n",
           state, plans, (unsigned long long)store_last_seq(s), meta->epoch, (long long)meta->lease_ms, cluster,
           (unsigned long long)ends.head.index, store_was_format(s), meta->format, engine_latest_backfill(turn_engine(turns)));
    turns_free(turns);
    store_close(s);
    return 0;
}

static void must(int rc, const char *what)
{
    if (!rc)
        return;
    fprintf(stderr, "store_state: %s: %s\n", what, mdb_strerror(rc));
    exit(1);
}

static int change(const char *dir, const char *what, uint32_t format)
{
    struct store s = {0};
    struct bf_error err = {0};
    MDB_txn *txn;
    must(mdb_env_create(&s.env), "open");
    must(mdb_env_set_maxdbs(s.env, TABLE_COUNT), "open");
    must(mdb_env_open(s.env, dir, 0, 0600), "open");
    must(mdb_txn_begin(s.env, NULL, 0, &txn), "open");
    if (store_open_tables(txn, false, s.dbi, &err) != BF_OK || store_read_meta(txn, s.dbi, &s.meta, &s.pointer, &err) != BF_OK)
        return fail(&err);
    for (int i = TABLE_DETAILS; strcmp(what, "old") == 0 && i < TABLE_COUNT; i++)
        must(mdb_drop(txn, s.dbi[i], 1), "drop");
    MDB_val head = {5, (void *)(uintptr_t)"audit"};
    if (strcmp(what, "old") == 0)
        mdb_del(txn, s.dbi[TABLE_META], &head, NULL);
    s.meta.format = format;
    must(store_put_meta(&s, txn), "put");
    must(mdb_txn_commit(txn), "commit");
    mdb_env_close(s.env);
    return 0;
}

static void hash_table(MDB_txn *txn, MDB_dbi dbi, enum store_table table)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc;
    must(mdb_cursor_open(txn, dbi, &cursor), "cursor");
    crypto_generichash_update(&values, (const uint8_t *)store_table_names[table], strlen(store_table_names[table]));
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        crypto_generichash_update(&values, (const uint8_t *)&key.mv_size, sizeof key.mv_size);
        crypto_generichash_update(&values, key.mv_data, key.mv_size);
        crypto_generichash_update(&values, (const uint8_t *)&value.mv_size, sizeof value.mv_size);
        crypto_generichash_update(&values, value.mv_data, value.mv_size);
    }
    must(rc == MDB_NOTFOUND ? 0 : rc, "read");
    mdb_cursor_close(cursor);
}

static int show_values(const char *dir)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi[TABLE_COUNT];
    struct bf_error err = {0};
    uint8_t hash[32];
    char hex[65];
    must(store_open_reader(dir, &env), "open");
    must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "open");
    if (store_open_tables(txn, false, dbi, &err) != BF_OK)
        return fail(&err);
    crypto_generichash_init(&values, NULL, 0, sizeof hash);
    for (int i = 0; i < TABLE_COUNT; i++)
        if (dbi[i] != STORE_NO_TABLE)
            hash_table(txn, dbi[i], (enum store_table)i);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    crypto_generichash_final(&values, hash, sizeof hash);
    bf_hex(hash, sizeof hash, hex);
    puts(hex);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[2], "values") == 0)
        return show_values(argv[1]);
    if (argc == 2)
        return show(argv[1]);
    if (argc == 3 && strcmp(argv[2], "old") == 0)
        return change(argv[1], "old", 1);
    if (argc == 4 && strcmp(argv[2], "format") == 0)
        return change(argv[1], "format", (uint32_t)strtoul(argv[3], NULL, 10));
    fputs("usage: store_state STORE [format N | old | values]\n", stderr);
    return 2;
}
