/* Publication by names.  The script builds t__bf_CHECKSUM_TOKEN beside t; when the checks let it through, t is put aside as
 * t__bf_old_CHECKSUM_TOKEN and the staged table becomes t; the checksum is that of the step instance.  Owner, rights, indexes and comments
 * are those of the staged table: the script gives them.  Views follow the name on MariaDB and SQLite; on PostgreSQL they follow the table,
 * so that one that reads t makes the step fail, and nothing is changed.
 *
 * Where DDL is part of transactions, all of it is part of the work, and no step between can be seen or left behind.
 *
 * Where DDL commits (MariaDB), one RENAME TABLE publishes all outputs, and these are its steps:
 *
 *   1. claim       as ever, under a named lock of the step instance, after what the holder of the row left is repaired (below)
 *   2. build       the statements, each committed by itself; not begun when a rename would take something along, such as keys of others
 *   3. checks      of the staged tables
 *   4. publish     under the lock, when the row is still ours: RENAME TABLE t TO old, staged TO t, …; then the marker
 *   5. clean up    the old tables are dropped
 *
 * A stale attempt cannot publish after its successor's claim, because both hold the lock and the row tells.  A death before 4 leaves staged
 * tables, which the successor drops, be it of the same run or of a later one: those of the tokens in their rows, no others.  A death
 * between RENAME and marker leaves the old tables, which say that the holder published: the successor sets the marker for it.  So that
 * there is always one, an empty table stands in for one that did not exist.  A death after the marker leaves old tables, dropped by whoever
 * finds the work done. */
#include "agent/sql/swap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/failpoint.h"
#include "agent/sql/supervise.h"
#include "common/crc32c.h"
#include "common/mem.h"

enum { LOCK_WAIT_S = 5 };

static const char *last_part(const char *table)
{
    const char *dot = strrchr(table, '.');
    return dot ? dot + 1 : table;
}

static void put_table(struct attempt *x, struct bf_buf *b, const char *table)
{
    (void)!sql_literal(x->session.dialect, VALUE_TABLE, table, strlen(table), b, NULL);
}

/* Names are checked before anything is made, because databases cut what is too long without a word. */
bool swap_check_names(struct attempt *x)
{
    const struct sql_dialect *d = x->session.dialect;
    struct bf_error err = {0};
    if (!d->table_exists) {
        bf_fail(&err, BF_UNSUPPORTED, "publish: swap is not supported yet with dialect: ansi");
        return attempt_refused(x, &err);
    }
    for (size_t i = 0; i < x->request->n_outputs; i++) {
        const struct sql_output *o = &x->request->outputs[i];
        BF_AUTO_FREE char *longest = sql_request_table(x->request, o->table, "none_", x->request->token);
        if (strlen(last_part(longest)) > d->name_max) {
            bf_fail(&err, BF_INVALID, "the table's name %.100s is too long for publish: swap: with what is put "
                                      "behind it, it may have %zu bytes",
                    o->table, d->name_max);
            return attempt_refused(x, &err);
        }
        BF_CLEANUP(bf_buf_free) struct bf_buf ignored = {0};
        if (sql_literal(d, VALUE_TABLE, o->old, strlen(o->old), &ignored, &err) != BF_OK)
            return attempt_refused(x, &err);
    }
    return true;
}

static enum bf_rc drop(struct attempt *x, const char *table, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_put_str(&b, "drop table if exists ");
    put_table(x, &b, table);
    return sql_execute(x->session.connection, bf_buf_cstr(&b), NULL, fault);
}

static bool check_staged(struct attempt *x)
{
    for (size_t i = 0; i < x->request->n_outputs; i++) {
        struct sql_fault fault;
        bool found = false;
        if (attempt_table_exists(x, x->request->outputs[i].staged, &found, &fault) != BF_OK)
            return attempt_fault(x, "cannot look for the staged tables", &fault);
        if (!found) {
            char text[300];
            snprintf(text, sizeof text, "the script did not make the staged table of %.120s; it is written {{ staged('%.120s') }}",
                     x->request->outputs[i].table, x->request->outputs[i].table);
            (void)sql_fail_plain(x->session.connection, "42000", text, &fault);
            return attempt_fault(x, "cannot publish", &fault);
        }
    }
    return true;
}

/* --- in a transaction -------------------------------------------------------------------------------------------------- */

static enum bf_rc rename_one(struct attempt *x, const char *from, const char *to, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_put_str(&b, "alter table ");
    put_table(x, &b, from);
    bf_buf_put_str(&b, " rename to ");
    const char *name = last_part(to);
    (void)!sql_literal(x->session.dialect, VALUE_IDENT, name, strlen(name), &b, NULL);
    return sql_execute(x->session.connection, bf_buf_cstr(&b), NULL, fault);
}

static enum bf_rc swap_one(struct attempt *x, const struct sql_output *o, struct sql_fault *fault)
{
    bool found = false;
    enum bf_rc rc = attempt_table_exists(x, o->table, &found, fault);
    if (rc == BF_OK && found)
        rc = rename_one(x, o->table, o->old, fault);
    if (rc == BF_OK)
        rc = rename_one(x, o->staged, o->table, fault);
    if (rc == BF_OK && found)
        rc = drop(x, o->old, fault);
    return rc;
}

bool swap_in_transaction(struct attempt *x)
{
    struct sql_fault fault;
    const char *before = x->session.dialect->before_swap;
    if (!check_staged(x))
        return false;
    if (before && sql_execute(x->session.connection, before, NULL, &fault) != BF_OK)
        return attempt_fault(x, "cannot publish", &fault);
    for (size_t i = 0; i < x->request->n_outputs; i++) {
        if (swap_one(x, &x->request->outputs[i], &fault) != BF_OK) {
            char where[160];
            snprintf(where, sizeof where, "cannot put the staged table in the place of %.100s", x->request->outputs[i].table);
            return attempt_fault(x, where, &fault);
        }
    }
    return true;
}

/* --- where DDL commits ------------------------------------------------------------------------------------------------- */

/* Of the tables and the partition, whatever the run and the backfill: a stale attempt of an earlier one may still hold it. */
static void lock_name(const struct attempt *x, char ret[SQL_SESSION_NAME_MAX])
{
    BF_CLEANUP(bf_buf_free) struct bf_buf key = {0};
    bf_buf_printf(&key, "%s\n%s\n%s", x->request->cluster, x->request->partition, x->fence.writes);
    snprintf(ret, SQL_SESSION_NAME_MAX, "bf:publish:%08x", bf_crc32c(0, key.data, key.len));
}

/* Nested locks count, so a round of the claim that is repeated unlocks as often. */
static bool lock(struct attempt *x)
{
    struct sql_fault fault;
    char name[SQL_SESSION_NAME_MAX], wait[16], cells[1][SQL_CELL_MAX] = {""};
    bool found = false;
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    lock_name(x, name);
    snprintf(wait, sizeof wait, "%d", LOCK_WAIT_S);
    if (session_put(x->session.dialect, &b, x->session.dialect->lock, name, wait, &fault) != BF_OK ||
        sql_query_row(x->session.connection, bf_buf_cstr(&b), cells, 1, &found, &fault) != BF_OK)
        return attempt_fault(x, "cannot lock the publication", &fault);
    if (strcmp(cells[0], "1") == 0)
        return true;
    char text[80];
    snprintf(text, sizeof text, "another attempt publishes; it did not end in %d s", LOCK_WAIT_S);
    (void)sql_fail_plain(x->session.connection, "55P03", text, &fault);
    return attempt_fault(x, "cannot lock the publication", &fault);
}

static void unlock(struct attempt *x)
{
    struct sql_fault ignored;
    char name[SQL_SESSION_NAME_MAX], cells[1][SQL_CELL_MAX] = {""};
    bool found = false;
    lock_name(x, name);
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    if (session_put(x->session.dialect, &b, x->session.dialect->unlock, name, NULL, &ignored) != BF_OK)
        return;
    do
        cells[0][0] = '\0';
    while (x->session.connection && sql_query_row(x->session.connection, bf_buf_cstr(&b), cells, 1, &found, &ignored) == BF_OK &&
           strcmp(cells[0], "1") == 0);
}

/* May the tables be renamed away?  What depends on one would depend on the old table afterwards, and nobody would hear of it. */
static bool check_obstacles(struct attempt *x, const char *where)
{
    const char *const *queries = x->session.dialect->swap_obstacles;
    for (size_t i = 0; queries && i < x->request->n_outputs; i++) {
        const char *table = x->request->outputs[i].table, *dot = strrchr(table, '.');
        BF_AUTO_FREE char *schema = bf_xstrndup(table, dot ? (size_t)(dot - table) : 0);
        for (const char *const *query = queries; *query; query++) {
            struct sql_fault fault;
            BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
            char cells[2][SQL_CELL_MAX] = {"", ""};
            bool found = false;
            if (session_put(x->session.dialect, &b, *query, schema, last_part(table), &fault) != BF_OK ||
                sql_query_row(x->session.connection, bf_buf_cstr(&b), cells, 2, &found, &fault) != BF_OK)
                return attempt_fault(x, "cannot ask what depends on the outputs", &fault);
            if (!found)
                continue;
            BF_AUTO_FREE char *text = bf_xasprintf("%.130s cannot be replaced by publish: swap: %s; %s", table, cells[0], cells[1]);
            (void)sql_fail_plain(x->session.connection, "42000", text, &fault);
            return attempt_fault(x, where, &fault);
        }
    }
    return true;
}

/* Drop the tables that an attempt left, of the kinds in words ended by NULL; all that can be. */
static bool drop_left(struct attempt *x, int64_t token, const char *const *kinds)
{
    struct sql_fault fault;
    bool ok = true;
    for (size_t i = 0; i < x->request->n_outputs; i++) {
        for (const char *const *kind = kinds; *kind; kind++) {
            BF_AUTO_FREE char *name = sql_request_table(x->request, x->request->outputs[i].table, *kind, token);
            char where[300];
            snprintf(where, sizeof where, "cannot drop %.200s, which a publication left", name);
            if (drop(x, name, &fault) != BF_OK)
                ok = attempt_fault(x, where, &fault);
        }
    }
    return ok;
}

static const char *const staged_kinds[] = {"", "none_", NULL}, *const old_kinds[] = {"old_", NULL};

/* Before a row is raised, ours or an earlier run's: what did its holder leave?  The lock is held from here until the claim is over. */
static bool repair(struct attempt *x, const struct fence_row *seen, bool *ret_done)
{
    struct sql_fault fault;
    bool published = false;
    if (!lock(x))
        return false;
    if (seen->state == FENCE_NONE || seen->attempt == 0)
        return true;                           /* nobody's; its token is that of another run's row, which has its own repair */
    BF_AUTO_FREE char *old = sql_request_table(x->request, x->request->outputs[0].table, "old_", seen->token);
    if (attempt_table_exists(x, old, &published, &fault) != BF_OK)
        return attempt_fault(x, "cannot look for tables of an earlier attempt", &fault);
    if (!published)
        return drop_left(x, seen->token, staged_kinds);
    int64_t rows = 0;
    if (fence_mark(x->session.connection, &x->fence, seen->token, &rows, &fault) != BF_OK)
        return attempt_fault(x, "cannot mark what an earlier attempt published", &fault);
    *ret_done = true;
    /* Of our own run they go when the work is found done. */
    return seen->own || drop_left(x, seen->token, old_kinds);
}

/* t TO old, staged TO t, … of all outputs, in one statement. */
static bool publish_tables(struct attempt *x)
{
    struct sql_fault fault;
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_put_str(&b, "rename table ");
    for (size_t i = 0; i < x->request->n_outputs; i++) {
        const struct sql_output *o = &x->request->outputs[i];
        BF_AUTO_FREE char *none = sql_request_table(x->request, o->table, "none_", x->request->token);
        bool found = false;
        if (attempt_table_exists(x, o->table, &found, &fault) != BF_OK)
            return attempt_fault(x, "cannot look for the tables to publish", &fault);
        if (!found) {
            BF_CLEANUP(bf_buf_free) struct bf_buf make = {0};
            bf_buf_put_str(&make, "create table ");
            put_table(x, &make, none);
            bf_buf_put_str(&make, " (filler integer)");
            if (sql_execute(x->session.connection, bf_buf_cstr(&make), NULL, &fault) != BF_OK)
                return attempt_fault(x, "cannot make a place for the first publication", &fault);
        }
        const char *const moves[2][2] = {{found ? o->table : none, o->old}, {o->staged, o->table}};
        for (size_t k = 0; k < 2; k++) {
            bf_buf_put_str(&b, i || k ? ", " : "");
            put_table(x, &b, moves[k][0]);
            bf_buf_put_str(&b, " to ");
            put_table(x, &b, moves[k][1]);
        }
    }
    sql_failpoint("before_rename");
    supervise_hold();
    if (supervise_stopped() != SUPERVISE_RUNNING) {
        (void)sql_fail_plain(x->session.connection, "57014", "", &fault);
        return attempt_fault(x, "before the publication", &fault);
    }
    if (sql_execute(x->session.connection, bf_buf_cstr(&b), NULL, &fault) != BF_OK)
        return attempt_fault(x, "cannot put the staged tables in place", &fault);
    sql_failpoint("after_rename");
    return true;
}

static bool publish(struct attempt *x)
{
    struct sql_fault fault;
    struct fence_row row;
    int64_t rows = 0;
    if (!lock(x))
        return false;
    if (fence_unshadow(x->session.connection, &x->fence, &fault) != BF_OK ||
        fence_read(x->session.connection, &x->fence, &row, &fault) != BF_OK)
        return attempt_fault(x, "cannot read the fence before the publication", &fault);
    if (row.state != FENCE_OURS)
        return attempt_not_ours(x, &row);
    if (!check_obstacles(x, "cannot publish") || !publish_tables(x))
        return false;
    /* Under the lock the row cannot change, and who finds it unmarked sees the old tables and marks it. */
    if (fence_mark(x->session.connection, &x->fence, x->request->token, &rows, &fault) != BF_OK)
        return attempt_undecided(x, "published, but cannot mark it in the fence; the next attempt will", &fault);
    sql_failpoint("after_marker");
    unlock(x);
    return true;
}

/* Old tables that cannot be dropped are no failure of what is done, but somebody must see to them. */
static void drop_old(struct attempt *x)
{
    struct fence_row row;
    struct sql_fault ignored;
    struct run_result kept = *x->result;
    bool known = fence_read(x->session.connection, &x->fence, &row, &ignored) == BF_OK && row.state == FENCE_DONE;
    if (known && !drop_left(x, row.token, old_kinds))
        fprintf(stderr, "bf-sql: the work is done, but %s; drop it by hand\n", x->result->text);
    *x->result = kept;
}

/* What we staged goes with us, when there is still a connection; else the next attempt drops it. */
static void abandon(struct attempt *x)
{
    struct run_result kept = *x->result;
    if (x->session.connection && kept.end != RUN_FENCED && supervise_stopped() == SUPERVISE_RUNNING)
        (void)drop_left(x, x->request->token, staged_kinds);
    unlock(x);
    *x->result = kept;
}

void swap_run(struct attempt *x)
{
    bool claimed = attempt_claim(x, repair);
    unlock(x);
    if (!claimed) {
        if (x->result->end == RUN_ALREADY_DONE)
            drop_old(x);
        return;
    }
    if (!check_obstacles(x, "before the first statement") || !attempt_run_statements(x) || !check_staged(x) || !attempt_check(x) ||
        !publish(x)) {
        attempt_explain(x);
        abandon(x);
        return;
    }
    attempt_end(x, RUN_DONE, "done, %lld rows changed", (long long)x->result->rows);
    drop_old(x);
    sql_failpoint("after_commit");
}
