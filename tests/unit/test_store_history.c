/* Older checkpoints: kept as far as the journal reaches, within their size; and a store that is only read. */
#include <criterion/criterion.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "coordinator/store/store.h"

static char dir[64];

static void make_dir(void)
{
    strcpy(dir, "/tmp/bf-history-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void remove_dir(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(store_history, .init = make_dir, .fini = remove_dir);

static struct store *open_store(uint64_t journal_turns)
{
    struct store_options o = {.create = true, .max_bytes = 64 << 20, .reserve_bytes = 1 << 20, .journal_turns = journal_turns,
                              .journal_bytes = 1 << 20};
    struct bf_error err = {0};
    struct store *s = NULL;
    cr_assert_eq(store_open(dir, &o, &s, &err), BF_OK, "%s", err.text);
    return s;
}

static void commit_turns(struct store *s, unsigned n)
{
    struct bf_error err = {0};
    for (unsigned i = 0; i < n; i++) {
        struct store_write w = {.seq = store_last_seq(s) + 1, .turn = "t", .turn_bytes = 1};
        cr_assert_eq(store_commit(s, &w, &err), BF_OK, "%s", err.text);
    }
}

/* As of the last turn, of two chunks that begin with its number. */
static void commit_checkpoint(struct store *s, size_t bytes)
{
    struct bf_error err = {0};
    char *p = calloc(1, bytes + 24);
    sprintf(p, "%llu", (unsigned long long)store_last_seq(s));
    struct store_chunk chunks[2] = {{0, p, bytes}, {1, p, bytes}};
    struct store_write w = {.checkpoint_begin = true, .checkpoint_seq = store_last_seq(s), .chunks = chunks, .n_chunks = 2,
                            .checkpoint_end = true};
    cr_assert_eq(store_commit(s, &w, &err), BF_OK, "%s", err.text);
    free(p);
}

static enum bf_rc append(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)hash;
    (void)err;
    bf_buf_printf(arg, "%llu=%.*s ", (unsigned long long)key, (int)n, (const char *)p);
    return BF_OK;
}

static void count(void *arg, const char *text)
{
    (void)text;
    ++*(int *)arg;
}

/* "4 8 12": as of which turns there are checkpoints; each must have its own chunks. */
static void expect_checkpoints(struct store *s, const char *expected)
{
    struct store_checkpoint at[STORE_CHECKPOINTS_MAX];
    struct bf_buf list = {0};
    size_t n = store_checkpoints(s, at);
    for (size_t i = 0; i < n; i++) {
        struct bf_error err = {0};
        struct bf_buf chunks = {0};
        char seq[24], want[64];
        snprintf(seq, sizeof seq, "%llu", (unsigned long long)at[i].seq);
        snprintf(want, sizeof want, "0=%s 1=%s ", seq, seq);
        cr_assert_eq(store_each_chunk_of(s, at[i].generation, append, &chunks, &err), BF_OK, "%s", err.text);
        cr_assert_str_eq(bf_buf_cstr(&chunks), want);
        bf_buf_free(&chunks);
        bf_buf_printf(&list, "%s%s", i ? " " : "", seq);
    }
    cr_assert_str_eq(bf_buf_cstr(&list), expected);
    bf_buf_free(&list);
}

static void expect_clean(void)
{
    struct bf_error err = {0};
    int problems = 0;
    cr_assert_eq(store_fsck(dir, NULL, count, &problems, &err), BF_OK, "%s", err.text);
}

Test(store_history, older_checkpoints_stay_and_survive_a_restart)
{
    struct store *s = open_store(1000);
    for (int i = 0; i < 3; i++) {
        commit_turns(s, 4);
        commit_checkpoint(s, 3);
    }
    expect_checkpoints(s, "4 8 12");
    store_close(s);
    s = open_store(1000);
    expect_checkpoints(s, "4 8 12");
    commit_turns(s, 4);
    commit_checkpoint(s, 3);
    expect_checkpoints(s, "4 8 12 16");
    store_close(s);
    expect_clean();
}

Test(store_history, one_that_the_journal_does_not_reach_goes)
{
    struct store *s = open_store(10);            /* turns that are kept */
    for (int i = 0; i < 6; i++) {
        commit_turns(s, 4);
        commit_checkpoint(s, 3);
    }
    /* Turns 15 to 24 are kept, so 12 is of no use, and 16 is. */
    commit_turns(s, 1);
    expect_checkpoints(s, "16 20 24");
    store_close(s);
    expect_clean();
}

Test(store_history, past_their_size_the_way_gets_longer_and_the_reach_stays)
{
    struct store *s = open_store(1000);
    struct store_room room;
    struct store_checkpoint at[STORE_CHECKPOINTS_MAX];
    for (int i = 0; i < 20; i++) {
        commit_turns(s, 4);
        commit_checkpoint(s, 150 << 10);         /* 300 KiB each: three older ones are within 1 MiB */
    }
    cr_assert_eq(store_checkpoints(s, at), 4);
    cr_assert_eq(at[0].seq, 4);
    cr_assert_eq(at[3].seq, 80);
    cr_assert_geq(at[2].seq - at[1].seq, 12, "those that are left are spread");
    commit_turns(s, 4);
    store_room(s, &room);
    cr_assert_lt(room.used_bytes, 3u << 20, "%llu bytes are in use", (unsigned long long)room.used_bytes);
    store_close(s);
    expect_clean();
}

Test(store_history, their_number_is_bounded)
{
    struct store *s = open_store(1000);
    struct store_checkpoint at[STORE_CHECKPOINTS_MAX];
    for (int i = 0; i < 150; i++) {
        commit_turns(s, 1);
        commit_checkpoint(s, 4);
    }
    size_t n = store_checkpoints(s, at);
    cr_assert_leq(n, STORE_CHECKPOINTS_MAX);
    cr_assert_geq(n, STORE_CHECKPOINTS_MAX - 2);
    cr_assert_eq(at[0].seq, 1);
    store_close(s);
    expect_clean();
}

Test(store_history, fsck_names_one_that_lost_a_chunk)
{
    struct store *s = open_store(1000);
    for (int i = 0; i < 2; i++) {
        commit_turns(s, 4);
        commit_checkpoint(s, 3);
    }
    store_close(s);
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    uint8_t name[8] = {0, 0, 0, 1, 0, 0, 0, 1};
    MDB_val key = {sizeof name, name};
    cr_assert(!mdb_env_create(&env) && !mdb_env_set_maxdbs(env, 8) && !mdb_env_open(env, dir, 0, 0600) &&
              !mdb_txn_begin(env, NULL, 0, &txn));
    cr_assert(!mdb_dbi_open(txn, "checkpoint", 0, &dbi) && !mdb_del(txn, dbi, &key, NULL) && !mdb_txn_commit(txn));
    mdb_env_close(env);
    struct bf_error err = {0};
    int problems = 0;
    cr_assert_eq(store_fsck(dir, NULL, count, &problems, &err), BF_CORRUPT);
    cr_assert_eq(problems, 1);
}

Test(store_history, a_store_is_read_beside_its_coordinator)
{
    struct store *s = open_store(1000), *reader = NULL;
    struct bf_error err = {0};
    struct bf_buf turns = {0};
    commit_turns(s, 2);
    commit_checkpoint(s, 3);
    cr_assert_eq(store_open_reading(dir, &reader, &err), BF_OK, "%s", err.text);
    commit_turns(s, 1);
    cr_assert_eq(store_turns_from(reader, 1, append, &turns, &err), BF_OK, "%s", err.text);
    cr_assert_str_eq(bf_buf_cstr(&turns), "1=t 2=t 3=t ");
    cr_assert_eq(store_last_seq(reader), 2, "as of the opening");
    expect_checkpoints(reader, "2");
    struct store_write w = {.seq = 3, .turn = "x", .turn_bytes = 1};
    cr_assert_eq(store_commit(reader, &w, &err), BF_INTERNAL);
    bf_buf_free(&turns);
    store_close(reader);
    store_close(s);
    cr_assert_eq(store_open_reading("/nowhere", &reader, &err), BF_NOT_FOUND);
}

Test(store_history, a_checkpoint_that_goes_while_it_is_read_is_no_damage)
{
    struct store *s = open_store(10), *reader = NULL;        /* turns that are kept */
    struct store_checkpoint at[STORE_CHECKPOINTS_MAX];
    struct bf_error err = {0};
    struct bf_buf chunks = {0};
    commit_turns(s, 4);
    commit_checkpoint(s, 3);
    cr_assert_eq(store_open_reading(dir, &reader, &err), BF_OK, "%s", err.text);
    cr_assert_eq(store_checkpoints(reader, at), 1);
    for (int i = 0; i < 5; i++) {
        commit_turns(s, 4);
        commit_checkpoint(s, 3);
    }
    commit_turns(s, 1);
    cr_assert_eq(store_each_chunk_of(reader, at[0].generation, append, &chunks, &err), BF_CONFLICT, "%s", err.text);
    bf_buf_free(&chunks);
    store_close(reader);
    store_close(s);
    expect_clean();
}

/* What was told after the moment that is looked back to is not seen. */
static bool take_attempt(void *arg, const struct store_details *d)
{
    bf_buf_printf(arg, "%llu ", (unsigned long long)d->attempt);
    return true;
}

static void expect_details(struct store *s, int64_t until_us, const char *expected)
{
    struct store_details_range range = {.backfill = 1, .step = 0, .first = 0, .n = 1, .newest = true};
    struct bf_buf seen = {0};
    struct bf_error err = {0};
    uint32_t next;
    store_look_back(s, until_us);
    cr_assert_eq(store_walk_details(s, &range, INT64_MAX, take_attempt, &seen, &next, &err), BF_OK, "%s", err.text);
    cr_assert_str_eq(bf_buf_cstr(&seen), expected);
    bf_buf_free(&seen);
}

Test(store_history, details_are_those_of_the_moment)
{
    struct store *s = open_store(1000);
    struct bf_error err = {0};
    struct store_details details[2] = {{.backfill = 1, .attempt = 7, .at_us = 100, .bytes = "{}", .n = 2},
                                       {.backfill = 1, .attempt = 9, .at_us = 200, .bytes = "{}", .n = 2}};
    struct store_write w = {.seq = 1, .turn = "t", .turn_bytes = 1, .details = details, .n_details = 2};
    cr_assert_eq(store_commit(s, &w, &err), BF_OK, "%s", err.text);
    expect_details(s, 0, "9 ");
    expect_details(s, 200, "9 ");
    expect_details(s, 199, "7 ");
    expect_details(s, 99, "");
    store_close(s);
}
