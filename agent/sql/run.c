/* The protocol, on one connection:
 *
 *   1. claim       raise the fence's row to our token, committed by itself.  A higher token there: we are stale.  Done: nothing to do.
 *   2. work        BEGIN, the statements one by one.  Any error: roll back, and throw the connection away.
 *   3. marker      as the last statement, set the row to done if it still bears our token; one row, or roll back: we are stale.
 *   4. commit      data and marker together.
 *
 * A death between two of these leaves either nothing but the claim, which the next token raises, or everything.  When the answer to
 * COMMIT is lost, the row, read on a new connection, is the answer. */
#include "agent/sql/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/sql/connection.h"
#include "agent/sql/dialect.h"
#include "agent/sql/failpoint.h"
#include "agent/sql/fence.h"
#include "agent/sql/script.h"
#include "common/text.h"

/* One wait for a lock; drivers may wait twice.  Longer queues belong to the coordinator, which can show them. */
enum { LOCK_WAIT_MS = 5000, LOCK_WAIT_LEAST_MS = 100 };

struct run {
    const struct sql_request *request;
    struct run_result *result;
    struct sql_connection *connection;
    const struct sql_dialect *dialect;
    struct sql_script script;
    struct fence fence;
    char hash[SQL_CONTENT_HASH_MAX];
    char backend[FENCE_BACKEND_MAX];
};

static int64_t lock_wait_ms(const struct sql_request *r)
{
    int64_t ms = LOCK_WAIT_MS;
    if (r->timebox_ms > 0 && r->timebox_ms / 4 < ms)
        ms = r->timebox_ms / 4;
    return ms < LOCK_WAIT_LEAST_MS ? LOCK_WAIT_LEAST_MS : ms;
}

/* Each of these sets the result and returns false, for `return end_…()` in the steps below. */
static bool end_with(struct run *x, enum run_end end, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static bool end_with(struct run *x, enum run_end end, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    x->result->end = end;
    vsnprintf(x->result->text, sizeof x->result->text, fmt, args);
    va_end(args);
    return false;
}

/* Texts are cut by bytes; half a character at the end goes too. */
static void cut_to_characters(char *s)
{
    size_t n = strlen(s);
    while (n && !bf_utf8_valid(s, n))
        n--;
    s[n] = '\0';
}

static bool end_fault(struct run *x, const char *where, const struct sql_fault *fault)
{
    struct run_result *r = x->result;
    r->fault = *fault;
    r->transient = x->dialect ? x->dialect->transient(fault->native, fault->sqlstate) : strncmp(fault->sqlstate, "08", 2) == 0;
    end_with(x, RUN_FAULT, "%s: %s says: %s (%s, native %d)", where, *fault->dbms ? fault->dbms : "the driver", fault->text, fault->sqlstate,
             fault->native);
    int n = snprintf(NULL, 0, "%s: ", where);
    snprintf(r->fault.text, sizeof r->fault.text, "%s: %.*s", where, (int)sizeof r->fault.text - n - 1, fault->text);
    cut_to_characters(r->fault.text);
    cut_to_characters(r->text);
    return false;
}

/* What we refuse ourselves counts as an access rule of the database (class 42): another try would end the same. */
static bool end_refused(struct run *x, const struct bf_error *err)
{
    struct sql_fault *f = &x->result->fault;
    *f = (struct sql_fault){.sqlstate = "42000"};
    if (x->connection)
        snprintf(f->dbms, sizeof f->dbms, "%s", sql_connection_dbms(x->connection));
    snprintf(f->text, sizeof f->text, "%s", err->text);
    x->result->transient = false;
    return end_with(x, RUN_FAULT, "%s; nothing was run", err->text);
}

static bool end_stale(struct run *x, const struct fence_row *row)
{
    if (row->token == 0)
        return end_with(x, RUN_FENCED, "the row of this attempt in bf_fence is gone; token %lld may not commit",
                        (long long)x->request->token);
    return end_with(x, RUN_FENCED, "token %lld is stale: token %lld has claimed this step instance", (long long)x->request->token,
                    (long long)row->token);
}

static bool end_already_done(struct run *x, const struct fence_row *row)
{
    return end_with(x, RUN_ALREADY_DONE, "already done by token %lld", (long long)row->token);
}

static bool open_connection(struct run *x)
{
    struct sql_fault fault;
    char where[160];
    if (sql_connect(x->request->odbc, lock_wait_ms(x->request), &x->connection, &fault) == BF_OK)
        return true;
    if (strcmp(fault.dbms, "SQLite") == 0) {
        struct bf_error ignored;
        (void)!sql_dialect_find(fault.dbms, &x->dialect, &ignored);
    }
    snprintf(where, sizeof where, "cannot connect to %.100s", x->request->connection);
    return end_fault(x, where, &fault);
}

static bool prepare(struct run *x)
{
    struct bf_error err = {0};
    if (sql_dialect_find(sql_connection_dbms(x->connection), &x->dialect, &err) != BF_OK)
        return end_refused(x, &err);
    if (sql_script_prepare(x->dialect, x->request->script.at, x->request->script.n, true, &x->script, &err) != BF_OK)
        return end_refused(x, &err);
    sql_script_hash(&x->script, x->hash);
    char host[64] = "";
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    snprintf(x->backend, sizeof x->backend, "%s:%ld", host, (long)getpid());
    x->fence = (struct fence){.dialect = x->dialect, .request = x->request, .hash = x->hash, .backend = x->backend};
    return true;
}

static bool claim(struct run *x)
{
    struct sql_fault fault;
    struct fence_row row;
    if (fence_create(x->connection, &x->fence, &fault) != BF_OK)
        return end_fault(x, "cannot create the table bf_fence", &fault);
    if (fence_claim(x->connection, &x->fence, &row, &fault) != BF_OK)
        return end_fault(x, "cannot claim the step instance in bf_fence", &fault);
    if (row.state == FENCE_DONE)
        return end_already_done(x, &row);
    if (row.state == FENCE_STALE)
        return end_stale(x, &row);
    sql_failpoint("after_claim");
    return true;
}

/* Rows changed on this connection so far. */
static bool count_rows(struct run *x, int64_t *ret)
{
    struct sql_fault fault;
    char cells[1][SQL_CELL_MAX];
    bool found = false;
    *ret = 0;
    if (!x->dialect->rows)
        return true;
    if (sql_query_row(x->connection, x->dialect->rows, cells, 1, &found, &fault) != BF_OK)
        return end_fault(x, "cannot count the rows that were changed", &fault);
    if (found && !bf_parse_int(cells[0], 0, INT64_MAX, ret))
        *ret = 0;
    return true;
}

static bool work(struct run *x)
{
    struct sql_fault fault;
    int64_t before = 0, after = 0;
    if (sql_execute(x->connection, x->dialect->begin, NULL, &fault) != BF_OK)
        return end_fault(x, "cannot begin the transaction", &fault);
    if (!count_rows(x, &before))
        return false;
    for (size_t i = 0; i < x->script.n; i++) {
        const struct sql_statement *s = &x->script.at[i];
        if (sql_execute(x->connection, s->text, NULL, &fault) != BF_OK) {
            char where[64];
            snprintf(where, sizeof where, "statement %u (line %u) failed", s->number, s->line);
            return end_fault(x, where, &fault);
        }
    }
    if (!count_rows(x, &after))
        return false;
    x->result->rows = after - before;
    sql_failpoint("after_work");
    return true;
}

static bool mark(struct run *x)
{
    struct sql_fault fault;
    /* Inside a transaction this must fail; when it does not, a statement has ended ours. */
    if (sql_execute(x->connection, x->dialect->begin, NULL, &fault) == BF_OK) {
        fault = (struct sql_fault){.sqlstate = "25000", .text = "a statement ended the transaction; the marker was not set"};
        memcpy(fault.dbms, x->dialect->dbms, strlen(x->dialect->dbms));
        return end_fault(x, "after the last statement", &fault);
    }
    int64_t rows = 0;
    if (fence_mark(x->connection, &x->fence, &rows, &fault) != BF_OK)
        return end_fault(x, "cannot mark the step instance as done in bf_fence", &fault);
    if (rows != 1) {
        struct fence_row row = {0};
        if (fence_read(x->connection, &x->fence, &row, &fault) != BF_OK)
            return end_fault(x, "cannot read bf_fence after the marker met no row", &fault);
        return end_stale(x, &row);
    }
    sql_failpoint("after_marker");
    return true;
}

/* The answer to COMMIT was an error, or none: the row tells.  commit_fault is what was heard. */
static bool decide(struct run *x, const struct sql_fault *commit_fault)
{
    struct sql_fault fault;
    struct fence_row row;
    sql_connection_free(x->connection);
    x->connection = NULL;
    if (!open_connection(x) || fence_read(x->connection, &x->fence, &row, &fault) != BF_OK) {
        (void)end_fault(x, "the answer to COMMIT was lost and bf_fence cannot be read; the next attempt will find out", commit_fault);
        x->result->transient = true;
        return false;
    }
    if (row.state == FENCE_DONE)
        return row.token == x->request->token ? true : end_already_done(x, &row);
    if (row.state == FENCE_STALE)
        return end_stale(x, &row);
    return end_fault(x, "the transaction was not committed", commit_fault);
}

static bool commit(struct run *x)
{
    struct sql_fault fault = {.sqlstate = "08S01", .text = "the answer to COMMIT was lost"};
    bool answered = !sql_failpoint_is("unsent_commit") && sql_execute(x->connection, "commit", NULL, &fault) == BF_OK;
    if (answered && sql_failpoint_is("lost_commit"))
        answered = false;
    if (!answered && !decide(x, &fault))
        return false;
    sql_failpoint("after_commit");
    return true;
}

/* Steps 2 to 4. */
static void work_and_commit(struct run *x)
{
    if (!work(x) || !mark(x)) {
        struct sql_fault ignored;
        (void)!sql_execute(x->connection, "rollback", NULL, &ignored);
        return;
    }
    if (commit(x))
        end_with(x, RUN_DONE, "done, %lld rows changed", (long long)x->result->rows);
}

void sql_run(const struct sql_request *r, struct run_result *ret)
{
    struct run x = {.request = r, .result = ret};
    *ret = (struct run_result){.end = RUN_FAULT};
    if (open_connection(&x) && prepare(&x) && claim(&x))
        work_and_commit(&x);
    sql_connection_free(x.connection);
    sql_script_done(&x.script);
}
