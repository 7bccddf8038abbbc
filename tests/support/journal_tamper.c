/* journal_tamper STORE [SEQ|words]: what one with the right to write the file could do to a journal: the agent of its first grant is
 * another, and the checksum is right; says in which turn.  With SEQ: all turns before it go, as if they had been trimmed.  With "words":
 * the text of its last answer is another, there and in checkpoints, as if another version had written it.  For tests; the store is not in
 * use. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/store/store_state.h"
#include "proto/turn.h"

static void must(int rc, const char *what)
{
    if (!rc)
        return;
    fprintf(stderr, "journal_tamper: %s: %s\n", what, mdb_strerror(rc));
    exit(1);
}

static const char other_words[] = "in other words";

static struct turn decode(const MDB_val *value)
{
    struct turn t = {0};
    struct bf_error err = {0};
    if (turn_decode((const uint8_t *)value->mv_data + STORE_ENVELOPE_BYTES, value->mv_size - STORE_ENVELOPE_BYTES, &t, &err) != BF_OK) {
        fprintf(stderr, "journal_tamper: %s\n", err.text);
        exit(1);
    }
    return t;
}

/* false: nothing was granted in this turn; or, for words, nothing was answered.  Of an answer, to whom and to what is in *ret_id. */
static bool change(const MDB_val *value, bool words, struct bf_buf *ret, uint64_t *ret_seq, uint8_t ret_id[OP_REQUEST_ID_BYTES])
{
    struct turn t = decode(value);
    bool changed = false;
    for (size_t i = 0; i < t.n_records && !changed; i++)
        if (t.records[i].kind == (words ? RECORD_REPLIED : RECORD_GRANTED)) {
            if (words)
                t.records[i].rare->text = other_words;
            else
                t.records[i].agent++;
            memcpy(ret_id, record_rare(&t.records[i])->request_id, OP_REQUEST_ID_BYTES);
            changed = true;
        }
    *ret_seq = t.seq;
    if (changed)
        turn_encode(&t, ret);
    turn_done(&t);
    return changed;
}

/* The same answer in the chunks of checkpoints. */
static void change_chunks(struct store *s, MDB_txn *txn, const uint8_t id[OP_REQUEST_ID_BYTES])
{
    MDB_cursor *cursor;
    MDB_val key, value;
    must(mdb_cursor_open(txn, s->dbi[TABLE_CHECKPOINT], &cursor), "checkpoint");
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        struct turn t = decode(&value);
        struct bf_buf bytes = {0}, name = {0};   /* a put moves what the cursor gave */
        bf_buf_put(&name, key.mv_data, key.mv_size);
        key.mv_data = name.data;
        for (size_t i = 0; i < t.n_records; i++) {
            if (t.records[i].kind != RECORD_REPLIED || memcmp(t.records[i].rare->request_id, id, OP_REQUEST_ID_BYTES) != 0)
                continue;
            t.records[i].rare->text = other_words;
            records_encode(t.records, t.n_records, &bytes);
            must(store_put_value(s, txn, TABLE_CHECKPOINT, &key, bytes.data, bytes.len, 0), "put");
            break;
        }
        bf_buf_free(&name);
        bf_buf_free(&bytes);
        turn_done(&t);
    }
    mdb_cursor_close(cursor);
}

/* The first grant, or the last answer. */
static void change_one(struct store *s, MDB_txn *txn, bool words)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    struct bf_buf bytes = {0};
    uint64_t seq = 0;
    uint8_t name[8], id[OP_REQUEST_ID_BYTES];
    must(mdb_cursor_open(txn, s->dbi[TABLE_JOURNAL], &cursor), "journal");
    do
        must(mdb_cursor_get(cursor, &key, &value, words ? MDB_PREV : MDB_NEXT), "there is none");
    while (!change(&value, words, &bytes, &seq, id));
    mdb_cursor_close(cursor);
    store_put_be64(name, seq);
    key = (MDB_val){sizeof name, name};
    must(store_put_value(s, txn, TABLE_JOURNAL, &key, bytes.data, bytes.len, 0), "put");
    if (words)
        change_chunks(s, txn, id);
    printf("%" PRIu64 "\n", seq);
    bf_buf_free(&bytes);
}

static void trim_before(struct store *s, MDB_txn *txn, uint64_t seq)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    must(mdb_cursor_open(txn, s->dbi[TABLE_JOURNAL], &cursor), "journal");
    while (mdb_cursor_get(cursor, &key, &value, MDB_FIRST) == 0 && store_get_be64(key.mv_data) < seq)
        must(mdb_cursor_del(cursor, 0), "delete");
    mdb_cursor_close(cursor);
}

int main(int argc, char **argv)
{
    struct bf_error err = {0};
    struct store s = {0};
    MDB_env *env;
    MDB_txn *txn;
    if (argc != 2 && argc != 3) {
        fputs("usage: journal_tamper STORE [SEQ|words]\n", stderr);
        return 2;
    }
    must(mdb_env_create(&env), "create");
    must(mdb_env_set_maxdbs(env, TABLE_COUNT), "tables");
    must(mdb_env_open(env, argv[1], 0, 0600), argv[1]);
    must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    if (store_open_tables(txn, false, s.dbi, &err) != BF_OK)
        must(EINVAL, err.text);
    if (argc == 3 && strcmp(argv[2], "words") == 0)
        change_one(&s, txn, true);
    else if (argc == 3)
        trim_before(&s, txn, strtoull(argv[2], NULL, 10));
    else
        change_one(&s, txn, false);
    must(mdb_txn_commit(txn), "commit");
    mdb_env_close(env);
    return 0;
}
