/* The table of the audit trail: it goes on where it ended, is written with its turn, and stays chained when old records go. */
#include <criterion/criterion.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
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

TestSuite(store_audit, .init = make_dir, .fini = remove_dir);

static struct store *open_keeping(uint64_t audit_bytes, int64_t keep_us, uint64_t max_bytes)
{
    struct store_options o = {.create = true, .max_bytes = max_bytes, .reserve_bytes = 1 << 20, .audit_bytes = audit_bytes,
                              .audit_keep_us = keep_us};
    struct bf_error err = {0};
    struct store *s = NULL;
    cr_assert_eq(store_open(dir, &o, &s, &err), BF_OK, "%s", err.text);
    return s;
}

static struct store *open_store(void)
{
    return open_keeping(0, 0, 64 << 20);
}

/* One turn with n records, `n_text` bytes each, at this moment. */
static enum bf_rc put(struct store *s, size_t n, size_t n_text, int64_t at_us, struct bf_error *err)
{
    struct store_audit a[64];
    struct store_audit_ends ends;
    char *text = malloc(n_text + 1);
    store_audit_ends(s, &ends);
    memset(text, 'x', n_text);
    for (size_t i = 0; i < n; i++) {
        a[i] = (struct store_audit){.at_us = at_us, .entry = {.index = ends.head.index + 1, .text = text, .n = n_text}};
        memcpy(a[i].entry.prev, ends.head.hash, AUDIT_HASH_BYTES);
        ends.head = audit_next(&ends.head, text, n_text);
        memcpy(a[i].entry.hash, ends.head.hash, AUDIT_HASH_BYTES);
    }
    struct store_write w = {.seq = store_last_seq(s) + 1, .turn = "turn", .turn_bytes = 4, .audit = a, .n_audit = n};
    enum bf_rc rc = store_commit(s, &w, err);
    free(text);
    return rc;
}

static void put_some(struct store *s, size_t n, size_t n_text, int64_t at_us)
{
    struct bf_error err = {0};
    cr_assert_eq(put(s, n, n_text, at_us, &err), BF_OK, "%s", err.text);
}

static void told(void *arg, const char *problem)
{
    bf_buf_printf(arg, "%s|", problem);
}

/* The whole trail is chained, from the anchor to the head; gives how many records there are. */
static uint64_t verify(uint64_t first, uint64_t last)
{
    struct bf_buf said = {0};
    struct audit_check c = {.told = told, .arg = &said};
    struct store_meta meta;
    struct store_audit_ends ends;
    struct bf_error err = {0};
    cr_assert_eq(store_verify_audit(dir, &c, &meta, &ends, &err), BF_OK, "%s", err.text);
    cr_expect_str_eq(bf_buf_cstr(&said), "");
    cr_expect_eq(c.first, first);
    cr_expect_eq(c.at.index, last);
    cr_expect_eq(ends.head.index, last);
    cr_expect_eq(ends.anchor.index, first ? first - 1 : 0);
    bf_buf_free(&said);
    return c.seen;
}

struct walked { uint64_t n, first, last, enough; };

static bool visit(void *arg, const struct store_audit *a)
{
    struct walked *w = arg;
    w->first = w->n++ ? w->first : a->entry.index;
    w->last = a->entry.index;
    return w->n < w->enough;
}

static void expect_walk(struct store *s, uint64_t from, bool backward, int64_t until_us, struct walked expected, uint64_t next)
{
    struct walked w = {.enough = expected.enough};
    struct bf_error err = {0};
    uint64_t to = 99;
    cr_assert_eq(store_walk_audit(s, from, backward, until_us, visit, &w, &to, &err), BF_OK, "%s", err.text);
    cr_expect(w.n == expected.n && w.first == expected.first && w.last == expected.last, "%llu records, %llu to %llu",
              (unsigned long long)w.n,
              (unsigned long long)w.first, (unsigned long long)w.last);
    cr_expect_eq(to, next);
}

Test(store_audit, it_goes_on_where_it_ended)
{
    struct store *s = open_store();
    cr_expect_eq(verify(0, 0), 0u);
    put_some(s, 3, 10, 1);
    store_close(s);
    s = open_store();
    put_some(s, 2, 10, 2);
    expect_walk(s, 0, false, INT64_MAX, (struct walked){5, 1, 5, 100}, 0);
    expect_walk(s, 0, true, INT64_MAX, (struct walked){5, 5, 1, 100}, 0);
    expect_walk(s, 2, false, INT64_MAX, (struct walked){2, 2, 3, 2}, 4);
    expect_walk(s, 4, true, INT64_MAX, (struct walked){2, 4, 3, 2}, 2);
    expect_walk(s, 40, true, INT64_MAX, (struct walked){5, 5, 1, 100}, 0);
    expect_walk(s, 40, false, INT64_MAX, (struct walked){0, 0, 0, 100}, 0);
    put_some(s, 64, 10, 3);
    put_some(s, 64, 10, 3);
    expect_walk(s, 0, false, 0, (struct walked){64, 1, 64, 1000}, 65);
    store_close(s);
    cr_expect_eq(verify(1, 133), 133u);
}

Test(store_audit, what_is_not_chained_to_the_head_is_refused)
{
    struct store *s = open_store();
    struct bf_error err = {0};
    put_some(s, 1, 10, 1);
    struct store_audit a = {.entry = {.index = 3, .text = "x", .n = 1}};
    struct store_write w = {.seq = 2, .turn = "turn", .turn_bytes = 4, .audit = &a, .n_audit = 1};
    cr_expect_eq(store_commit(s, &w, &err), BF_INTERNAL);
    a.entry.index = 2;
    cr_expect_eq(store_commit(s, &w, &err), BF_INTERNAL, "the hash before it is another");
    cr_expect_eq(store_last_seq(s), 1u);
    put_some(s, 1, 10, 1);
    store_close(s);
    cr_expect_eq(verify(1, 2), 2u);
}

Test(store_audit, the_oldest_go_but_nothing_that_is_young)
{
    struct store *s = open_keeping(1 << 20, 1000, 256 << 20);
    for (int i = 0; i < 200; i++)
        put_some(s, 8, 1000, 5000);
    cr_expect_eq(verify(1, 1600), 1600u, "over its size, and all of it is young");
    for (int i = 0; i < 100; i++)
        put_some(s, 8, 1000, 6000);
    store_close(s);
    struct bf_error err = {0};
    cr_expect_eq(store_fsck(dir, NULL, told, &(struct bf_buf){0}, &err), BF_OK, "%s", err.text);
    s = open_keeping(1 << 20, 1000, 256 << 20);
    struct store_audit_ends ends;
    store_audit_ends(s, &ends);
    cr_expect_gt(ends.anchor.index, 500u);
    cr_expect_leq(ends.anchor.index, 1600u, "only what is older than 1000 us");
    put_some(s, 1, 10, 6000);
    store_close(s);
    uint64_t first = ends.anchor.index + 1;
    s = open_keeping(1 << 20, 1000, 256 << 20);
    store_audit_ends(s, &ends);
    store_close(s);
    cr_expect_geq(ends.anchor.index + 1, first);
    verify(ends.anchor.index + 1, 2401);
}

Test(store_audit, its_part_of_the_room_is_never_passed)
{
    struct store *s = open_keeping(0, 0, 16 << 20);      /* an eighth of 15 MiB */
    struct store_audit_ends ends;
    for (int i = 0; i < 400; i++)
        put_some(s, 10, 1500, 5000 + i);
    store_audit_ends(s, &ends);
    cr_expect_gt(ends.anchor.index, 2000u, "young as they are");
    cr_expect_eq(ends.head.index, 4000u);
    store_close(s);
    cr_expect_lt(verify(ends.anchor.index + 1, 4000), 1500u);
}

/* A store of a version that knew no audit: it opens, and its trail begins. */
Test(store_audit, an_old_store_gets_the_table)
{
    struct store *s = open_store();
    struct bf_error err = {0};
    store_close(s);
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    cr_assert_eq(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, 8);
    cr_assert_eq(mdb_env_open(env, dir, 0, 0600), 0);
    cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    cr_assert_eq(mdb_dbi_open(txn, "audit", 0, &dbi), 0);
    cr_assert_eq(mdb_drop(txn, dbi, 1), 0);
    store_fixture_format_1(txn);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    cr_expect_eq(verify(0, 0), 0u);
    cr_expect_eq(store_fsck(dir, NULL, told, &(struct bf_buf){0}, &err), BF_OK, "%s", err.text);
    s = open_store();
    put_some(s, 2, 10, 1);
    store_close(s);
    cr_expect_eq(verify(1, 2), 2u);
}

/* A write that did not fit leaves the trail as it was, and so does a process that ended before its commit. */
Test(store_audit, a_turn_that_is_not_kept_keeps_no_records)
{
    struct store *s = open_keeping(0, 0, 4 << 20);
    struct bf_error err = {0};
    struct store_audit_ends before, after;
    put_some(s, 1, 10, 1);
    store_audit_ends(s, &before);
    cr_expect_eq(put(s, 64, 100000, 2, &err), BF_FULL);
    store_audit_ends(s, &after);
    cr_expect_eq(before.head.index, after.head.index);
    put_some(s, 1, 10, 3);
    store_close(s);
    cr_expect_eq(verify(1, 2), 2u);
}
