/* The store on a real folder: what is committed is read back, in order; what is damaged is named. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/mem.h"
#include "coordinator/store/backup.h"
#include "coordinator/store/store.h"
#include "tests/unit/store_fixture.h"

static char dir[64];

static void make_dir(void)
{
    strcpy(dir, "/tmp/bf-store-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void remove_dir(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(store, .init = make_dir, .fini = remove_dir);

static struct store *open_keeping(uint64_t max_bytes, uint64_t journal_turns, uint64_t journal_bytes)
{
    struct store_options o = {.create = true, .max_bytes = max_bytes, .reserve_bytes = 1 << 20, .journal_turns = journal_turns,
                              .journal_bytes = journal_bytes};
    struct bf_error err = {0};
    struct store *s = NULL;
    cr_assert_eq(store_open(dir, &o, &s, &err), BF_OK, "%s", err.text);
    return s;
}

static struct store *open_store(uint64_t max_bytes)
{
    return open_keeping(max_bytes, 10, 0);
}

static void commit_turn(struct store *s, uint64_t seq, const char *text)
{
    struct bf_error err = {0};
    struct store_write w = {.seq = seq, .turn = text, .turn_bytes = strlen(text)};
    cr_assert_eq(store_commit(s, &w, &err), BF_OK, "%s", err.text);
}

static enum bf_rc append(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)hash;
    (void)err;
    bf_buf_printf(arg, "%llu=%.*s ", (unsigned long long)key, (int)n, (const char *)p);
    return BF_OK;
}

static void expect_walk(enum bf_rc (*walk)(struct store *, store_visit *, void *, struct bf_error *), struct store *s, const char *expected)
{
    struct bf_error err = {0};
    struct bf_buf b = {0};
    cr_assert_eq(walk(s, append, &b, &err), BF_OK, "%s", err.text);
    cr_assert_str_eq(bf_buf_cstr(&b), expected);
    bf_buf_free(&b);
}

static void count(void *arg, const char *text)
{
    (void)text;
    ++*(int *)arg;
}

Test(store, turns_come_back_in_order)
{
    struct store *s = open_store(0);
    commit_turn(s, 1, "one");
    commit_turn(s, 2, "two");
    uint8_t cluster[16];
    memcpy(cluster, store_meta(s)->cluster, sizeof cluster);
    store_close(s);
    s = open_store(0);
    cr_assert_eq(store_last_seq(s), 2);
    cr_assert_arr_eq(store_meta(s)->cluster, cluster, sizeof cluster);
    expect_walk(store_each_turn, s, "1=one 2=two ");
    store_close(s);
}

Test(store, a_gap_in_the_sequence_is_refused)
{
    struct store *s = open_store(0);
    struct bf_error err = {0};
    struct store_write w = {.seq = 2, .turn = "x", .turn_bytes = 1};
    cr_assert_eq(store_commit(s, &w, &err), BF_INTERNAL);
    cr_assert_eq(store_last_seq(s), 0);
    store_close(s);
}

Test(store, recovery_reads_the_flipped_checkpoint_and_what_follows)
{
    struct store *s = open_store(0);
    struct bf_error err = {0};
    commit_turn(s, 1, "one");
    struct store_chunk a = {.index = 0, .bytes = "A", .n = 1}, b = {.index = 1, .bytes = "B", .n = 1};
    struct store_write begin = {.checkpoint_begin = true, .checkpoint_seq = 1, .chunks = &a, .n_chunks = 1};
    cr_assert_eq(store_commit(s, &begin, &err), BF_OK, "%s", err.text);
    commit_turn(s, 2, "two");
    expect_walk(store_each_chunk, s, "");
    expect_walk(store_each_turn, s, "1=one 2=two ");
    struct store_write end = {.seq = 3, .turn = "three", .turn_bytes = 5, .chunks = &b, .n_chunks = 1, .checkpoint_end = true};
    cr_assert_eq(store_commit(s, &end, &err), BF_OK, "%s", err.text);
    store_close(s);
    s = open_store(0);
    cr_assert_eq(store_checkpoint_seq(s), 1);
    expect_walk(store_each_chunk, s, "0=A 1=B ");
    expect_walk(store_each_turn, s, "2=two 3=three ");
    store_close(s);
}

Test(store, an_unfinished_checkpoint_leaves_no_trace_in_the_next)
{
    struct store *s = open_store(0);
    struct bf_error err = {0};
    commit_turn(s, 1, "one");
    struct store_chunk stale[3] = {{0, "x", 1}, {1, "y", 1}, {2, "z", 1}}, good = {0, "A", 1};
    struct store_write w = {.checkpoint_begin = true, .checkpoint_seq = 1, .chunks = stale, .n_chunks = 3};
    cr_assert_eq(store_commit(s, &w, &err), BF_OK);
    store_close(s);
    s = open_store(0);
    struct store_write whole = {.checkpoint_begin = true, .checkpoint_seq = 1, .chunks = &good, .n_chunks = 1, .checkpoint_end = true};
    cr_assert_eq(store_commit(s, &whole, &err), BF_OK);
    store_close(s);
    s = open_store(0);
    expect_walk(store_each_chunk, s, "0=A ");
    int problems = 0;
    store_close(s);
    cr_assert_eq(store_fsck(dir, NULL, count, &problems, &err), BF_OK, "%s", err.text);
    cr_assert_eq(problems, 0);
}

Test(store, old_turns_are_trimmed_behind_the_checkpoint_only)
{
    struct store *s = open_store(0);
    struct bf_error err = {0};
    for (uint64_t seq = 1; seq <= 40; seq++)
        commit_turn(s, seq, "t");
    struct store_chunk a = {0, "A", 1};
    struct store_write w = {.checkpoint_begin = true, .checkpoint_seq = 40, .chunks = &a, .n_chunks = 1, .checkpoint_end = true};
    cr_assert_eq(store_commit(s, &w, &err), BF_OK);
    commit_turn(s, 41, "t");
    commit_turn(s, 42, "u");
    expect_walk(store_each_turn, s, "41=t 42=u ");
    store_close(s);
    int problems = 0;
    cr_assert_eq(store_fsck(dir, NULL, count, &problems, &err), BF_OK, "%s", err.text);
}

Test(store, two_processes_cannot_share_it)
{
    struct store *s = open_store(0), *other = NULL;
    struct bf_error err = {0};
    struct store_options o = {.create = true};
    cr_assert_eq(store_open(dir, &o, &other, &err), BF_CONFLICT);
    cr_assert_not_null(strstr(err.text, "in use by process"), "%s", err.text);
    cr_assert_null(other);
    store_close(s);
}

Test(store, a_full_map_writes_nothing_and_stays_good)
{
    struct store *s = open_store(4 << 20);
    struct bf_error err = {0};
    char *big = calloc(1, 256 << 10);
    uint64_t seq = 0;
    enum bf_rc rc = BF_OK;
    bool was_low = false;
    while (rc == BF_OK && seq < 1000) {
        struct store_write w = {.seq = seq + 1, .turn = big, .turn_bytes = 256 << 10};
        struct store_room room;
        rc = store_commit(s, &w, &err);
        seq += rc == BF_OK;
        store_room(s, &room);
        was_low = was_low || (rc == BF_OK && room.low);
    }
    free(big);
    cr_assert_eq(rc, BF_FULL);
    cr_assert(was_low, "low water must be told before the store is full");
    cr_assert_eq(store_last_seq(s), seq);
    store_close(s);
    s = open_store(4 << 20);
    cr_assert_eq(store_last_seq(s), seq);
    store_close(s);
}

static void flip_text(const char *text)
{
    char path[96];
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    FILE *f = fopen(path, "r+");
    char *bytes = malloc(1 << 20);
    size_t n = fread(bytes, 1, 1 << 20, f);
    char *at = memmem(bytes, n, text, strlen(text));
    cr_assert_not_null(at);
    fseek(f, at - bytes, SEEK_SET);
    fputc('T', f);
    fclose(f);
    free(bytes);
}

/* Every byte of a value's content is covered: flip one and both recovery and fsck name it. */
Test(store, a_flipped_byte_is_named)
{
    struct store *s = open_store(0);
    commit_turn(s, 1, "a-turn-with-a-text-to-be-found");
    store_close(s);
    flip_text("text-to-be");
    struct bf_error err = {0};
    int problems = 0;
    cr_assert_eq(store_fsck(dir, NULL, count, &problems, &err), BF_CORRUPT);
    cr_assert_eq(problems, 1);
    s = open_store(0);
    struct bf_buf b = {0};
    cr_assert_eq(store_each_turn(s, append, &b, &err), BF_CORRUPT);
    cr_assert_not_null(strstr(err.text, "journal 1 is damaged"), "%s", err.text);
    bf_buf_free(&b);
    store_close(s);
}

Test(store, a_truncated_file_is_refused)
{
    struct store *s = open_store(0);
    for (uint64_t seq = 1; seq <= 50; seq++)
        commit_turn(s, seq, "some bytes");
    store_close(s);
    char path[96];
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    cr_assert_eq(truncate(path, 3 * 4096), 0);
    struct store_options o = {0};
    struct bf_error err = {0};
    cr_assert_eq(store_open(dir, &o, &s, &err), BF_CORRUPT);
    cr_assert_not_null(strstr(err.text, "cut short"), "%s", err.text);
}

Test(store, a_lost_file_is_no_new_store)
{
    struct store *s = open_store(0);
    cr_assert(store_is_new(s));
    store_close(s);
    s = open_store(0);
    cr_assert_not(store_is_new(s));
    store_close(s);
    char path[96];
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    cr_assert_eq(truncate(path, 0), 0);
    struct store_options o = {.create = true};
    struct bf_error err = {0};
    cr_assert_eq(store_open(dir, &o, &s, &err), BF_CORRUPT);
    cr_assert_not_null(strstr(err.text, "0 bytes, so the store is lost: restore a backup"), "%s", err.text);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("data.mdb", path), 0);             /* stat() gives ELOOP */
    cr_assert_eq(store_open(dir, &o, &s, &err), BF_IO);
    cr_assert_not_null(strstr(err.text, "restore a backup"), "%s", err.text);
}

Test(store, the_largest_lease_is_kept)
{
    struct bf_error err = {0};
    struct store *s = open_store(0);
    cr_assert_eq(store_meta(s)->lease_ms, 0);
    cr_assert_eq(store_keep_lease(s, 66000, &err), BF_OK, "%s", err.text);
    cr_assert_eq(store_keep_lease(s, 13000, &err), BF_OK, "%s", err.text);
    store_close(s);
    s = open_store(0);
    cr_assert_eq(store_meta(s)->lease_ms, 66000);
    store_close(s);
}

/* What a trimmed journal gives back counts as room. */
Test(store, low_water_ends_when_old_turns_are_gone)
{
    struct store *s = open_store(8 << 20);
    struct bf_error err = {0};
    struct store_room room = {0};
    char *big = calloc(1, 256 << 10);
    uint64_t seq = 0;
    while (!room.low && seq < 100) {
        struct store_write w = {.seq = ++seq, .turn = big, .turn_bytes = 256 << 10};
        cr_assert_eq(store_commit(s, &w, &err), BF_OK, "%s", err.text);
        store_room(s, &room);
    }
    cr_assert(room.low);
    free(big);
    struct store_chunk a = {0, "A", 1};
    struct store_write end = {.checkpoint_begin = true, .checkpoint_seq = seq, .chunks = &a, .n_chunks = 1, .checkpoint_end = true};
    cr_assert_eq(store_commit(s, &end, &err), BF_OK, "%s", err.text);
    for (uint64_t last = seq + 20; seq < last;)
        commit_turn(s, ++seq, "t");
    store_room(s, &room);
    cr_assert_not(room.low, "%llu bytes are in use", (unsigned long long)room.used_bytes);
    store_close(s);
}

static void commit_checkpoint(struct store *s, uint64_t seq)
{
    struct bf_error err = {0};
    struct store_chunk a = {0, "A", 1};
    struct store_write w = {.checkpoint_begin = true, .checkpoint_seq = seq, .chunks = &a, .n_chunks = 1, .checkpoint_end = true};
    cr_assert_eq(store_commit(s, &w, &err), BF_OK, "%s", err.text);
}

static uint64_t commit_turns(struct store *s, unsigned n, size_t bytes)
{
    struct bf_error err = {0};
    char *big = calloc(1, bytes);
    for (unsigned i = 0; i < n; i++) {
        struct store_write w = {.seq = store_last_seq(s) + 1, .turn = big, .turn_bytes = bytes};
        cr_assert_eq(store_commit(s, &w, &err), BF_OK, "%s", err.text);
    }
    free(big);
    return store_last_seq(s);
}

/* A turn may be a hundred bytes or a megabyte: the journal is kept by both. */
Test(store, old_turns_are_trimmed_by_their_bytes_too)
{
    struct store *s = open_keeping(64 << 20, 1000, 1 << 20);
    struct bf_error err = {0};
    struct store_room room;
    uint64_t seq = commit_turns(s, 200, 32 << 10);     /* 7 MiB, and no checkpoint: nothing may go */
    store_room(s, &room);
    cr_expect_gt(room.used_bytes, 7u << 20);
    commit_checkpoint(s, seq - 10);
    for (unsigned i = 0; i < 10; i++)            /* a slice with each */
        commit_turn(s, ++seq, "t");
    store_room(s, &room);
    cr_expect_lt(room.used_bytes, 3u << 19, "%llu bytes are in use", (unsigned long long)room.used_bytes);
    cr_expect_gt(room.used_bytes, 1u << 19, "more is gone than must");
    store_close(s);
    int problems = 0;
    cr_assert_eq(store_fsck(dir, NULL, count, &problems, &err), BF_OK, "%s", err.text);
}

/* Where the checkpoint is far behind, what recovery needs stays, however much it is. */
Test(store, what_recovery_needs_is_not_trimmed)
{
    struct store *s = open_keeping(64 << 20, 1000, 1 << 20);
    struct bf_error err = {0};
    bool more = true;
    commit_turns(s, 100, 32 << 10);
    commit_checkpoint(s, 3);
    while (more)
        cr_assert_eq(store_tidy(s, &more, &err), BF_OK, "%s", err.text);
    store_close(s);
    s = open_keeping(64 << 20, 1000, 1 << 20);
    struct bf_buf b = {0};
    cr_assert_eq(store_each_turn(s, append, &b, &err), BF_OK, "%s", err.text);
    cr_expect_eq(strncmp(bf_buf_cstr(&b), "4=", 2), 0);
    bf_buf_free(&b);
    store_close(s);
}

/* Nothing is granted, so no turn comes that would trim it. */
Test(store, low_water_ends_without_turns)
{
    struct store *s = open_keeping(8 << 20, 1000, 1 << 20);
    struct bf_error err = {0};
    struct store_room room = {0};
    bool more = true;
    while (!room.low) {
        cr_assert_lt(store_last_seq(s), 2000u, "it is never low");
        commit_turns(s, 1, 7000);
        store_room(s, &room);
    }
    commit_turns(s, 80, 7000);                   /* results still come */
    commit_checkpoint(s, store_last_seq(s));
    store_room(s, &room);
    cr_assert(room.low, "one slice is not enough here");
    unsigned slices = 0;
    for (; more; slices++)
        cr_assert_eq(store_tidy(s, &more, &err), BF_OK, "%s", err.text);
    store_room(s, &room);
    cr_expect_not(room.low, "%llu bytes are in use", (unsigned long long)room.used_bytes);
    cr_expect_geq(slices, 4u, "each is bounded");
    store_close(s);
}

/* ---- details ---- */

static void drop_details_table(void)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    cr_assert_eq(mdb_env_create(&env), 0);
    cr_assert_eq(mdb_env_set_maxdbs(env, 8), 0);
    cr_assert_eq(mdb_env_open(env, dir, 0, 0600), 0);
    cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    cr_assert_eq(mdb_dbi_open(txn, "details", 0, &dbi), 0);
    cr_assert_eq(mdb_drop(txn, dbi, 1), 0);
    store_fixture_format_1(txn);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void put_details(struct store *s, uint32_t backfill, uint32_t step, uint32_t index, uint64_t attempt, uint8_t marks,
                        const char *text)
{
    struct bf_error err = {0};
    struct store_details d = {.backfill = backfill, .step = step, .index = index, .run = 1, .attempt_no = 2, .attempt = attempt,
                              .at_us = -5,
                              .marks = marks, .bytes = text, .n = strlen(text)};
    struct store_write w = {.seq = store_last_seq(s) + 1, .turn = "t", .turn_bytes = 1, .details = &d, .n_details = 1};
    cr_assert_eq(store_commit(s, &w, &err), BF_OK, "%s", err.text);
}

struct told { struct bf_buf text; size_t enough; };      /* enough: visits after which it wants no more; 0: all */

static bool tell_details(void *arg, const struct store_details *d)
{
    struct told *t = arg;
    cr_expect(d->run == 1 && d->attempt_no == 2 && d->at_us == -5);
    bf_buf_printf(&t->text, "%u/%u/%u/%llu=%.*s ", d->backfill, d->step, d->index, (unsigned long long)d->attempt, (int)d->n,
                  (const char *)d->bytes);
    return t->enough == 0 || --t->enough > 0;
}

static void expect_details(struct store *s, struct store_details_range r, size_t enough, const char *expected, uint32_t next)
{
    struct told t = {.enough = enough};
    struct bf_error err = {0};
    uint32_t got = 0;
    cr_assert_eq(store_walk_details(s, &r, INT64_MAX, tell_details, &t, &got, &err), BF_OK, "%s", err.text);
    cr_assert_str_eq(bf_buf_cstr(&t.text), expected);
    cr_assert_eq(got, next, "next is %u", got);
    bf_buf_free(&t.text);
}

Test(store, details_are_walked_by_instance_and_attempt)
{
    struct store *s = open_store(0);
    put_details(s, 1, 0, 2, 7, 1, "c");
    put_details(s, 1, 0, 0, 3, 1, "a");
    put_details(s, 1, 0, 0, 256, 2, "b");        /* big-endian: after 3 */
    put_details(s, 1, 1, 0, 5, 2, "other step");
    put_details(s, 2, 0, 0, 6, 2, "other backfill");
    put_details(s, 1, 0, 4, 8, 2, "d");
    store_close(s);
    s = open_store(0);
    expect_details(s, (struct store_details_range){1, 0, 0, 10, false, 0}, 0, "1/0/0/3=a 1/0/0/256=b 1/0/2/7=c 1/0/4/8=d ", 10);
    expect_details(s, (struct store_details_range){1, 0, 0, 10, true, 0}, 0, "1/0/0/256=b 1/0/2/7=c 1/0/4/8=d ", 10);
    expect_details(s, (struct store_details_range){1, 0, 0, 10, true, 2}, 0, "1/0/0/256=b 1/0/4/8=d ", 10);
    expect_details(s, (struct store_details_range){1, 0, 0, 10, true, 1}, 0, "1/0/2/7=c ", 10);
    expect_details(s, (struct store_details_range){1, 0, 1, 2, true, 0}, 0, "1/0/2/7=c ", 3);
    expect_details(s, (struct store_details_range){1, 0, 3, 1, true, 0}, 0, "", 4);
    expect_details(s, (struct store_details_range){1, 0, 0, 10, false, 0}, 1, "1/0/0/3=a 1/0/0/256=b ", 2);
    expect_details(s, (struct store_details_range){1, 0, 2, 8, false, 0}, 1, "1/0/2/7=c ", 4);
    expect_details(s, (struct store_details_range){1, 0, 4, 6, false, 0}, 1, "1/0/4/8=d ", 10);
    expect_details(s, (struct store_details_range){3, 0, 0, UINT32_MAX, false, 0}, 0, "", UINT32_MAX);
    int problems = 0;
    struct bf_error err = {0};
    store_close(s);
    cr_assert_eq(store_fsck(dir, NULL, count, &problems, &err), BF_OK, "%s", err.text);
}

Test(store, a_walk_of_details_ends_in_time)
{
    struct store *s = open_store(0);
    struct told t = {0};
    struct bf_error err = {0};
    uint32_t next = 0;
    for (uint32_t i = 0; i < 100; i++)
        put_details(s, 1, 0, i, i + 1, 0, "x");
    struct store_details_range r = {1, 0, 0, 100, true, 0};
    for (unsigned pages = 0; next < 100; pages++) {
        cr_assert_lt(pages, 100u);
        r = (struct store_details_range){1, 0, next, 100 - next, true, 0};
        cr_assert_eq(store_walk_details(s, &r, 0, tell_details, &t, &next, &err), BF_OK, "%s", err.text);
        cr_assert_gt(next, r.first, "it gets on, whatever the time");
        cr_assert(r.first > 0 || next < 100, "it stops when its time is over");
    }
    bf_buf_free(&t.text);
    store_close(s);
}

Test(store, of_an_instance_the_newest_attempts_are_kept)
{
    struct store *s = open_store(0);
    struct told t = {0};
    struct bf_error err = {0};
    uint32_t next;
    put_details(s, 1, 0, 0, 1, 0, "neighbour");
    for (uint64_t attempt = 2; attempt < 40; attempt++)
        put_details(s, 1, 0, 1, attempt, 0, "x");
    put_details(s, 1, 0, 2, 40, 0, "neighbour");
    struct store_details_range r = {1, 0, 0, 3, false, 0};
    cr_assert_eq(store_walk_details(s, &r, INT64_MAX, tell_details, &t, &next, &err), BF_OK);
    struct bf_buf expected = {0};
    bf_buf_put_str(&expected, "1/0/0/1=neighbour ");
    for (uint64_t attempt = 40 - STORE_DETAILS_ATTEMPTS; attempt < 40; attempt++)
        bf_buf_printf(&expected, "1/0/1/%llu=x ", (unsigned long long)attempt);
    bf_buf_put_str(&expected, "1/0/2/40=neighbour ");
    cr_assert_str_eq(bf_buf_cstr(&t.text), bf_buf_cstr(&expected));
    bf_buf_free(&t.text);
    bf_buf_free(&expected);
    store_close(s);
}

/* The table stays within its bytes, so that it never takes the room that results need. */
Test(store, old_details_give_way)
{
    struct store *s = open_store(16 << 20);      /* a quarter: 4 MiB */
    char *big = calloc(1, 30001);
    struct told t = {0};
    struct bf_error err = {0};
    struct store_room room;
    memset(big, 'x', 30000);
    for (uint32_t i = 0; i < 600; i += 20) {
        struct store_details d[20];
        for (uint32_t k = 0; k < 20; k++)
            d[k] = (struct store_details){.backfill = 1 + i / 100, .index = (i + k) % 100, .run = 1, .attempt_no = 2, .attempt = i + k + 1,
                                          .at_us = -5, .bytes = big, .n = 30000};
        struct store_write w = {.seq = store_last_seq(s) + 1, .turn = "t", .turn_bytes = 1, .details = d, .n_details = 20};
        cr_assert_eq(store_commit(s, &w, &err), BF_OK, "%s", err.text);
    }
    store_room(s, &room);
    cr_assert_not(room.low);
    cr_assert_lt(room.used_bytes, 6u << 20, "%llu bytes are in use", (unsigned long long)room.used_bytes);
    uint32_t next;
    struct store_details_range oldest = {1, 0, 0, 100, true, 0}, newest = {6, 0, 90, 10, true, 0};
    cr_assert_eq(store_walk_details(s, &oldest, INT64_MAX, tell_details, &t, &next, &err), BF_OK);
    cr_assert_eq(t.text.len, 0, "of the oldest backfill nothing is left");
    cr_assert_eq(store_walk_details(s, &newest, INT64_MAX, tell_details, &t, &next, &err), BF_OK);
    cr_assert_gt(t.text.len, 300000u, "of the newest all is there");
    bf_buf_free(&t.text);
    free(big);
    store_close(s);
}

/* A slot that stayed would keep old pages from being used again until the coordinator next looks for dead readers. */
Test(store, a_check_gives_its_slot_of_a_reader_back)
{
    struct store *s = open_store(0);
    commit_turn(s, 1, "one");
    store_close(s);
    MDB_env *env;                                /* as the coordinator's: who opens a store alone clears the slots */
    cr_assert_eq(mdb_env_create(&env), 0);
    cr_assert_eq(mdb_env_open(env, dir, 0, 0600), 0);
    struct bf_error err = {0};
    int problems = 0, dead = -1;
    cr_assert_eq(store_fsck(dir, NULL, count, &problems, &err), BF_OK, "%s", err.text);
    cr_assert_eq(mdb_reader_check(env, &dead), 0);
    cr_assert_eq(dead, 0);
    mdb_env_close(env);
}

/* A store of a version that knew no details: it opens, and takes them. */
Test(store, an_old_store_gets_the_table)
{
    struct store *s = open_store(0);
    commit_turn(s, 1, "one");
    store_close(s);
    drop_details_table();
    int problems = 0;
    struct bf_error err = {0};
    cr_assert_eq(store_fsck(dir, NULL, count, &problems, &err), BF_OK, "%s", err.text);
    s = open_store(0);
    expect_walk(store_each_turn, s, "1=one ");
    expect_details(s, (struct store_details_range){1, 0, 0, 1, true, 0}, 0, "", 1);
    put_details(s, 1, 0, 0, 1, 0, "x");
    expect_details(s, (struct store_details_range){1, 0, 0, 1, true, 0}, 0, "1/0/0/1=x ", 1);
    store_close(s);
}

Test(store, damaged_details_are_named)
{
    struct store *s = open_store(0);
    put_details(s, 1, 2, 3, 77, 0, "details-with-a-text-to-be-found");
    store_close(s);
    flip_text("text-to-be");
    struct bf_error err = {0};
    int problems = 0;
    cr_assert_eq(store_fsck(dir, NULL, count, &problems, &err), BF_CORRUPT);
    cr_assert_eq(problems, 1);
    s = open_store(0);                           /* recovery does not read them */
    struct told t = {0};
    uint32_t next;
    struct store_details_range r = {1, 2, 0, 9, true, 0};
    cr_assert_eq(store_walk_details(s, &r, INT64_MAX, tell_details, &t, &next, &err), BF_CORRUPT);
    cr_assert_not_null(strstr(err.text, "details bf-1/2/3 a-77 is damaged"), "%s", err.text);
    store_close(s);
}

static enum bf_rc append_one(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    return ((struct bf_buf *)arg)->len ? BF_LIMIT : append(arg, key, hash, p, n, err);
}

Test(store, turns_are_read_from_any_that_is_kept)
{
    static const struct { uint64_t from; const char *says; } rows[] = {{1, "1=one 2=two 3=three "}, {0, "1=one 2=two 3=three "},
                                                                       {3, "3=three "}, {4, ""}};
    struct store *s = open_store(0);
    struct bf_error err = {0};
    struct bf_buf b = {0};
    commit_turn(s, 1, "one");
    commit_turn(s, 2, "two");
    commit_turn(s, 3, "three");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bf_buf_clear(&b);
        cr_assert_eq(store_turns_from(s, rows[i].from, append, &b, &err), BF_OK, "row %zu: %s", i, err.text);
        cr_expect_str_eq(bf_buf_cstr(&b), rows[i].says, "row %zu: %s", i, bf_buf_cstr(&b));
    }
    bf_buf_clear(&b);
    cr_expect_eq(store_turns_from(s, 2, append_one, &b, &err), BF_LIMIT, "a visitor that has had enough");
    cr_expect_str_eq(bf_buf_cstr(&b), "2=two ");
    bf_buf_free(&b);
    store_close(s);
}

/* The same as at the opening, but later. */
Test(store, what_is_kept_can_be_changed)
{
    struct store *s = open_keeping(64 << 20, 1000, 8 << 20);
    struct bf_error err = {0};
    struct bf_buf b = {0};
    uint64_t seq = commit_turns(s, 200, 32 << 10);
    commit_checkpoint(s, seq - 10);
    commit_turn(s, ++seq, "t");
    cr_assert_eq(store_turns_from(s, 0, append_one, &b, &err), BF_LIMIT);
    cr_expect_eq(bf_buf_cstr(&b)[0], '1', "nothing may be gone yet");
    store_keep(s, 1 << 20, 1 << 20);
    cr_expect_eq(store_journal_bytes(s), 1u << 20);
    for (unsigned i = 0; i < 10; i++)
        commit_turn(s, ++seq, "t");
    bf_buf_clear(&b);
    cr_assert_eq(store_turns_from(s, 0, append_one, &b, &err), BF_LIMIT);
    cr_expect_gt(strtoull(bf_buf_cstr(&b), NULL, 10), 100u, "the oldest are gone: %.20s", bf_buf_cstr(&b));
    store_keep(s, UINT64_MAX, 1 << 20);
    cr_expect_eq(store_journal_bytes(s), ((64u << 20) - (1u << 20)) / 4, "held to its share of the room");
    bf_buf_free(&b);
    store_close(s);
}

/* ---- the clock ---- */

Test(store, the_clock_is_kept_beside_the_turns)
{
    const struct engine_clock clock = {"11111111-2222-3333-4444-555555555555", 123456, 7890}, *kept;
    struct bf_error err = {0};
    struct store *s = open_store(0);
    cr_assert(!*store_clock(s)->boot_id && store_clock(s)->engine_ms == 0, "a new store knows of none");
    commit_turn(s, 1, "a");
    cr_assert_eq(store_keep_clock(s, &clock, &err), BF_OK, "%s", err.text);
    commit_turn(s, 2, "b");
    store_close(s);
    s = open_store(0);
    kept = store_clock(s);
    cr_expect(strcmp(kept->boot_id, clock.boot_id) == 0 && kept->boot_ms == 123456 && kept->engine_ms == 7890);
    expect_walk(store_each_turn, s, "1=a 2=b ");
    store_close(s);
    BF_CLEANUP(bf_buf_free) struct bf_buf path = {0};
    bf_buf_printf(&path, "%s/data.mdb", dir);
    cr_assert_eq(store_raise(bf_buf_cstr(&path), &(struct store_restored){.epoch = 2, .by = "nora"}, 0, &err), BF_OK, "%s", err.text);
    s = open_store(0);
    kept = store_clock(s);
    cr_expect(*kept->boot_id == '\0' && kept->engine_ms == 7890, "the time since a backup is not that of the store which is restored");
    store_close(s);
}
