/* The statements of the fence.  Each is one statement, so that in autocommit each is one transaction. */
#include "agent/sql/fence.h"

#include <assert.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

/* s was checked when it was read, so it has a literal. */
static void put_string(const struct fence *f, struct bf_buf *b, const char *s)
{
    enum bf_rc rc = sql_literal(f->dialect, VALUE_STRING, s, strlen(s), b, NULL);
    assert(rc == BF_OK);
}

static void put_now(const struct fence *f, struct bf_buf *b)
{
    char now[BF_TIME_MAX];
    bf_format_time(bf_realtime_us(), now);
    put_string(f, b, now);
}

static void put_key_condition(const struct fence *f, struct bf_buf *b)
{
    const struct sql_request *r = f->request;
    bf_buf_printf(b, " where bf_fence.backfill = %lld and bf_fence.run = %lld and bf_fence.cluster = ", (long long)r->backfill,
                  (long long)r->run);
    put_string(f, b, r->cluster);
    bf_buf_put_str(b, " and bf_fence.step = ");
    put_string(f, b, r->step);
    bf_buf_put_str(b, " and bf_fence.\"partition\" = ");
    put_string(f, b, r->partition);
}

enum bf_rc fence_create(struct sql_connection *c, const struct fence *f, struct sql_fault *fault)
{
    return sql_execute(c, f->dialect->create_fence, NULL, fault);
}

static void put_claim(const struct fence *f, struct bf_buf *b)
{
    const struct sql_request *r = f->request;
    bf_buf_put_str(b, "insert into bf_fence (cluster, step, \"partition\", backend, content_hash, claimed_at, backfill, run, token, attempt, "
                      "state) values (");
    const char *const words[] = {r->cluster, r->step, r->partition, f->backend, f->hash};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        put_string(f, b, words[i]);
        bf_buf_put_str(b, ", ");
    }
    put_now(f, b);
    bf_buf_printf(b, ", %lld, %lld, %lld, %lld, 'claimed') ", (long long)r->backfill, (long long)r->run, (long long)r->token,
                  (long long)r->attempt);
    bf_buf_put_str(b, "on conflict (cluster, backfill, step, \"partition\", run) do update set token = excluded.token, "
                      "attempt = excluded.attempt, backend = excluded.backend, content_hash = excluded.content_hash, "
                      "claimed_at = excluded.claimed_at where bf_fence.token < excluded.token and bf_fence.state <> 'done'");
}

enum bf_rc fence_claim(struct sql_connection *c, const struct fence *f, struct fence_row *ret, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    put_claim(f, &b);
    enum bf_rc rc = sql_execute(c, bf_buf_cstr(&b), NULL, fault);
    if (rc != BF_OK)
        return rc;
    /* The row itself says who won; counts of changed rows differ between drivers when an upsert changes nothing. */
    return fence_read(c, f, ret, fault);
}

enum bf_rc fence_mark(struct sql_connection *c, const struct fence *f, int64_t *ret_rows, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    bf_buf_put_str(&b, "update bf_fence set state = 'done', done_at = ");
    put_now(f, &b);
    put_key_condition(f, &b);
    bf_buf_printf(&b, " and bf_fence.token = %lld and bf_fence.state <> 'done'", (long long)f->request->token);
    return sql_execute(c, bf_buf_cstr(&b), ret_rows, fault);
}

enum bf_rc fence_read(struct sql_connection *c, const struct fence *f, struct fence_row *ret, struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    char cells[2][SQL_CELL_MAX];
    bool found = false;
    bf_buf_put_str(&b, "select bf_fence.token, bf_fence.state from bf_fence");
    put_key_condition(f, &b);
    enum bf_rc rc = sql_query_row(c, bf_buf_cstr(&b), cells, 2, &found, fault);
    if (rc != BF_OK)
        return rc;
    struct fence_row row = {.state = FENCE_STALE};
    /* A token that is no number is nobody's: the row stays foreign. */
    if (found && bf_parse_int(cells[0], 1, INT64_MAX, &row.token)) {
        if (strcmp(cells[1], "done") == 0)
            row.state = FENCE_DONE;
        else if (row.token == f->request->token)
            row.state = FENCE_OURS;
    }
    *ret = row;
    return BF_OK;
}
