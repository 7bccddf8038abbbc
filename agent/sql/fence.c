/* The statements of the fence, in the SQL that all databases share.  Each is one statement, so that in autocommit each is one
 * transaction; a claim is raised from the token that was seen, so that two claims cannot both win. */
#include "agent/sql/fence.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/session.h"
#include "common/clock.h"
#include "common/crc32c.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/token.h"

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The same for the same set of tables, whatever their order. */
static void sum_outputs(const struct sql_request *r, char ret[9])
{
    BF_AUTO_FREE const char **tables = bf_xcalloc(r->n_outputs + 1, sizeof *tables);
    uint32_t crc = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < r->n_outputs; i++)
        tables[i] = r->outputs[i].table;
    if (r->n_outputs > 1)
        qsort(tables, r->n_outputs, sizeof *tables, by_text);
    for (size_t i = 0; i < r->n_outputs; i++)
        crc = bf_crc32c(crc, tables[i], strlen(tables[i]) + 1);
    if (r->n_outputs)
        snprintf(ret, 9, "%08x", crc);
}

enum bf_rc fence_init(struct fence *f, struct bf_error *err)
{
    const char *name = f->request->fence_table;
    struct bf_error why = {0};
    if (sql_literal(f->dialect, VALUE_TABLE, name, strlen(name), &f->table, &why) != BF_OK ||
        sql_literal(f->dialect, VALUE_IDENT, "partition", strlen("partition"), &f->partition, &why) != BF_OK)
        return bf_fail(err, BF_INVALID, "the fence_table of the connection: %s", why.text);
    const char *const words[] = {f->request->cluster, f->request->step, f->request->partition, f->backend, f->hash};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        BF_CLEANUP(bf_buf_free) struct bf_buf ignored = {0};
        if (sql_literal(f->dialect, VALUE_STRING, words[i], strlen(words[i]), &ignored, &why) != BF_OK)
            return bf_fail(err, BF_INVALID, "a part of the key of the fence: %s", why.text);
    }
    bf_buf_cstr(&f->table);
    bf_buf_cstr(&f->partition);
    sum_outputs(f->request, f->writes);
    return BF_OK;
}

void fence_done(struct fence *f)
{
    bf_buf_free(&f->table);
    bf_buf_free(&f->partition);
}

static const char *table(const struct fence *f)
{
    return (const char *)f->table.data;
}

static const char *partition(const struct fence *f)
{
    return (const char *)f->partition.data;
}

/* fence_init() has seen that every text has a literal. */
static void put_string(const struct fence *f, struct bf_buf *b, const char *s)
{
    enum bf_rc rc = sql_literal(f->dialect, VALUE_STRING, s, strlen(s), b, NULL);
    assert(rc == BF_OK);
    (void)rc;
}

static void put_now(const struct fence *f, struct bf_buf *b)
{
    char now[BF_TIME_MAX];
    bf_format_time(bf_realtime_us(), now);
    put_string(f, b, now);
}

/* Rows of the cluster for the partition; the primary key begins with both. */
static void put_partition_condition(const struct fence *f, struct bf_buf *b)
{
    bf_buf_put_str(b, " where cluster = ");
    put_string(f, b, f->request->cluster);
    bf_buf_printf(b, " and %s = ", partition(f));
    put_string(f, b, f->request->partition);
}

static void put_instance(const struct fence *f, struct bf_buf *b)
{
    bf_buf_printf(b, "backfill = %lld and step = ", (long long)f->request->backfill);
    put_string(f, b, f->request->step);
}

/* Of the step instance in all of its runs, and of other backfills that write the same tables.  A coordinator that was restored may give the
 * number of a backfill that was lost to another one: so what writes the same under a token of another epoch is another's too. */
static void put_family_condition(const struct fence *f, struct bf_buf *b)
{
    put_partition_condition(f, b);
    bf_buf_put_str(b, " and (");
    put_instance(f, b);
    if (*f->writes) {
        long long below = (1LL << TOKEN_EPOCH_SHIFT) - 1, last = f->request->token | below;
        bf_buf_printf(b, " or (backfill <> %lld or token < %lld or token > %lld) and writes = ", (long long)f->request->backfill,
                      last - below, last);
        put_string(f, b, f->writes);
    }
    bf_buf_put_str(b, ")");
}

static void put_key_condition(const struct fence *f, struct bf_buf *b)
{
    put_partition_condition(f, b);
    bf_buf_put_str(b, " and ");
    put_instance(f, b);
    bf_buf_printf(b, " and run = %lld", (long long)f->request->run);
}

enum bf_rc fence_probe(struct sql_connection *c, const struct fence *f, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    char cells[1][SQL_CELL_MAX];
    bool found = false;
    bf_buf_printf(&b, "select cluster, backfill, step, %s, run, token, attempt, backend, state, content_hash, claimed_at, done_at from %s "
                  "where 1 = 0", partition(f), table(f));
    return sql_query_row(c, bf_buf_cstr(&b), cells, 1, &found, fault);
}

/* Asked first, because a role that may not create is refused even when the table is there. */
enum bf_rc fence_create(struct sql_connection *c, const struct fence *f, struct sql_fault *fault)
{
    struct sql_fault first, ignored;
    if (fence_probe(c, f, &first) == BF_OK)
        return BF_OK;
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    const char *hole = strstr(f->dialect->create_fence, "%s"), *next = strstr(hole + 2, "%s");
    bf_buf_put(&b, f->dialect->create_fence, (size_t)(hole - f->dialect->create_fence));
    bf_buf_put_str(&b, table(f));
    bf_buf_put(&b, hole + 2, (size_t)(next - hole) - 2);
    bf_buf_printf(&b, "%s%s", partition(f), next + 2);
    enum bf_rc rc = sql_execute(c, bf_buf_cstr(&b), NULL, fault);
    /* Whoever came at the same time has made it. */
    if (rc != BF_OK && fence_probe(c, f, &ignored) == BF_OK)
        rc = BF_OK;
    return rc;
}

enum bf_rc fence_resolve(struct sql_connection *c, struct fence *f, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf query = {0}, whole = {0};
    char cells[1][SQL_CELL_MAX] = {""};
    bool found = false;
    if (!f->dialect->fence_schema || strchr(f->request->fence_table, '.'))
        return BF_OK;
    enum bf_rc rc = session_put(f->dialect, &query, f->dialect->fence_schema, table(f), NULL, fault);
    if (rc == BF_OK)
        rc = sql_query_row(c, bf_buf_cstr(&query), cells, 1, &found, fault);
    if (rc != BF_OK)
        return rc;
    if (!found || sql_literal(f->dialect, VALUE_IDENT, cells[0], strlen(cells[0]), &whole, NULL) != BF_OK)
        return sql_fail_plain(c, "42000", "no schema holds the table of the fence; give the connection a fence_table with its schema",
                              fault);
    bf_buf_printf(&whole, ".%s", table(f));
    bf_buf_cstr(&whole);
    bf_buf_free(&f->table);
    f->table = whole;
    whole = (struct bf_buf){0};
    return BF_OK;
}

/* The first row of a query that asks for COLUMNS. */
#define COLUMNS "token, state, attempt"
static enum bf_rc read_row(struct sql_connection *c, const struct fence *f, struct bf_buf *query, struct fence_row *ret, bool *ret_found,
                           struct sql_fault *fault)
{
    char cells[3][SQL_CELL_MAX];
    bool found = false;
    enum bf_rc rc = sql_query_row(c, bf_buf_cstr(query), cells, 3, &found, fault);
    if (rc != BF_OK)
        return rc;
    *ret_found = found;
    if (!found)
        return BF_OK;
    struct fence_row row = {0};
    /* A token that is no number is nobody's: nobody gets past it. */
    if (!bf_parse_int(cells[0], 1, INT64_MAX, &row.token))
        row.token = INT64_MAX;
    if (!bf_parse_int(cells[2], 1, INT64_MAX, &row.attempt))
        row.attempt = 0;
    row.state = fence_judge(strcmp(cells[1], "done") == 0, row.token, f->request->token);
    *ret = row;
    return BF_OK;
}

enum bf_rc fence_read(struct sql_connection *c, const struct fence *f, struct fence_row *ret, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bool found = false;
    bf_buf_printf(&b, "select " COLUMNS " from %s", table(f));
    put_key_condition(f, &b);
    struct fence_row row = {.state = FENCE_NONE};
    enum bf_rc rc = read_row(c, f, &b, &row, &found, fault);
    row.own = true;
    if (rc == BF_OK)
        *ret = row;
    return rc;
}

enum bf_rc fence_read_later(struct sql_connection *c, const struct fence *f, struct fence_row *ret, bool *ret_found,
                            struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_printf(&b, "select " COLUMNS " from %s", table(f));
    put_family_condition(f, &b);
    bf_buf_printf(&b, " and token > %lld order by token desc", (long long)f->request->token);
    return read_row(c, f, &b, ret, ret_found, fault);
}

enum bf_rc fence_read_left(struct sql_connection *c, const struct fence *f, int64_t behind, struct fence_row *ret, bool *ret_found,
                           struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_printf(&b, "select " COLUMNS " from %s", table(f));
    put_family_condition(f, &b);
    bf_buf_printf(&b, " and token > %lld and token < %lld and attempt <> 0 and state <> 'done' order by token", (long long)behind,
                  (long long)f->request->token);
    return read_row(c, f, &b, ret, ret_found, fault);
}

/* A row that somebody holds is named by its token: no two of a cluster have the same. */
static void put_held_condition(const struct fence *f, int64_t token, struct bf_buf *b)
{
    put_partition_condition(f, b);
    bf_buf_printf(b, " and token = %lld and attempt <> 0 and state <> 'done'", (long long)token);
}

enum bf_rc fence_supersede(struct sql_connection *c, const struct fence *f, const struct fence_row *left, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_printf(&b, "update %s set token = %lld, attempt = 0", table(f), (long long)f->request->token);
    put_held_condition(f, left->token, &b);
    return sql_execute(c, bf_buf_cstr(&b), NULL, fault);
}

static enum bf_rc insert(struct sql_connection *c, const struct fence *f, struct sql_fault *fault)
{
    const struct sql_request *r = f->request;
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_printf(&b, "insert into %s (cluster, step, %s, backend, content_hash, writes, claimed_at, backfill, run, "
                      "token, attempt, state) values (",
                  table(f), partition(f));
    const char *const words[] = {r->cluster, r->step, r->partition, f->backend, f->hash, f->writes};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        put_string(f, &b, words[i]);
        bf_buf_put_str(&b, ", ");
    }
    put_now(f, &b);
    bf_buf_printf(&b, ", %lld, %lld, %lld, %lld, 'claimed')", (long long)r->backfill, (long long)r->run, (long long)r->token,
                  (long long)r->attempt);
    enum bf_rc rc = sql_execute(c, bf_buf_cstr(&b), NULL, fault);
    if (rc == BF_OK)
        return BF_OK;
    struct sql_fault ignored;
    struct fence_row row = {0};
    /* Somebody was faster: that is no error, the row tells who. */
    return fence_read(c, f, &row, &ignored) == BF_OK && row.state != FENCE_NONE ? BF_OK : rc;
}

enum bf_rc fence_raise(struct sql_connection *c, const struct fence *f, const struct fence_row *seen, struct sql_fault *fault)
{
    if (seen->state == FENCE_NONE)
        return insert(c, f, fault);
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_printf(&b, "update %s set token = %lld, attempt = %lld, backend = ", table(f), (long long)f->request->token,
                  (long long)f->request->attempt);
    put_string(f, &b, f->backend);
    bf_buf_put_str(&b, ", content_hash = ");
    put_string(f, &b, f->hash);
    bf_buf_put_str(&b, ", claimed_at = ");
    put_now(f, &b);
    put_key_condition(f, &b);
    bf_buf_printf(&b, " and token = %lld and state <> 'done'", (long long)seen->token);
    return sql_execute(c, bf_buf_cstr(&b), NULL, fault);
}

enum bf_rc fence_unshadow(struct sql_connection *c, const struct fence *f, struct sql_fault *fault)
{
    if (!f->dialect->unshadow)
        return BF_OK;
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    const char *hole = strstr(f->dialect->unshadow, "%s");
    bf_buf_put(&b, f->dialect->unshadow, (size_t)(hole - f->dialect->unshadow));
    bf_buf_printf(&b, "%s%s", table(f), hole + 2);
    return sql_execute(c, bf_buf_cstr(&b), NULL, fault);
}

enum bf_rc fence_mark(struct sql_connection *c, const struct fence *f, int64_t token, int64_t *ret_rows, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_printf(&b, "update %s set state = 'done', done_at = ", table(f));
    put_now(f, &b);
    put_held_condition(f, token, &b);
    enum bf_rc rc = fence_unshadow(c, f, fault);
    return rc == BF_OK ? sql_execute(c, bf_buf_cstr(&b), ret_rows, fault) : rc;
}
