/* See probe.h.
 *
 * The connection stays: users have theirs, and setting one up is not what they wait for.  The first measurement after connecting is not
 * counted, because it pays for that too (catalogue caches, a plan).  The session only reads, as far as the database lets that be said, and
 * a canary that takes longer than its limit is ended by the server itself where it can be, so that none is left behind there when the agent
 * kills this process. */
#include "agent/sql/probe.h"

#include <stdio.h>
#include <string.h>

#include "agent/probe_value.h"
#include "agent/sql/connection.h"
#include "agent/sql/dialect.h"
#include "agent/sql/query.h"
#include "common/clock.h"
#include "common/mem.h"

enum { VALUE_BYTES = 255, ROWS_MAX = 1000, NAME_BYTES = 50, LOCK_WAIT_MS = 1000 };

struct canary {
    const struct sql_request *r;
    struct sql_connection *connection;         /* NULL: none */
    bool warm;                                 /* the first measurement on it is over */
};

static void set(struct canary *c, const char *statement)
{
    struct sql_fault ignored;
    (void)!sql_execute(c->connection, statement, NULL, &ignored);      /* an older server may not know it */
}

/* What it cannot change, it cannot break; what it leaves running, the server ends. */
static void settle_canary(struct canary *c, const struct sql_dialect *d)
{
    char text[128];
    if (d == &sql_dialect_postgresql) {
        snprintf(text, sizeof text, "set statement_timeout = %lld", (long long)c->r->probe.limit_ms);
        set(c, text);
        set(c, "set default_transaction_read_only = on");
    } else if (d == &sql_dialect_mariadb) {
        snprintf(text, sizeof text, "set session max_statement_time = %.3f", (double)c->r->probe.limit_ms / 1000);
        set(c, text);
        set(c, "set session transaction read only");
    } else if (d == &sql_dialect_sqlite) {
        set(c, "pragma query_only = on");
    }
}

static enum bf_rc connect_canary(struct canary *c, bool *ret_refused, struct sql_fault *fault)
{
    const struct sql_request *r = c->r;
    const struct sql_dialect *d = NULL;
    struct bf_error err = {0};
    char name[SQL_SESSION_NAME_MAX];
    struct sql_connect_spec spec = {.odbc = r->odbc, .substituted = r->substituted, .n_substituted = r->n_substituted,
                                    .plain = strcmp(r->dialect, "ansi") == 0, .lock_wait_ms = LOCK_WAIT_MS,
                                    .patience_ms = r->probe.limit_ms};
    *ret_refused = false;
    enum bf_rc rc = sql_connect(&spec, &c->connection, fault);
    if (rc != BF_OK) {
        /* IM002, IM003: the driver is not on this host. */
        *ret_refused = strcmp(fault->sqlstate, "IM002") == 0 || strcmp(fault->sqlstate, "IM003") == 0;
        return rc;
    }
    if (sql_dialect_find(sql_connection_dbms(c->connection), r->dialect, &d, &err) != BF_OK) {
        *ret_refused = true;
        return sql_fail_plain(c->connection, "42000", err.text, fault);
    }
    snprintf(name, sizeof name, "bf-probe-%.*s", NAME_BYTES, r->connection);
    rc = d->settle(c->connection, &(struct sql_session_spec){.name = name, .lock_wait_ms = LOCK_WAIT_MS}, fault);
    if (rc == BF_OK)
        settle_canary(c, d);
    return rc;
}

static void disconnect(struct canary *c)
{
    sql_connection_free(c->connection);
    c->connection = NULL;
    c->warm = false;
}

/* The number in the first cell. */
static enum bf_rc read_value(const struct sql_rows *rows, int64_t *ret, struct bf_error *err)
{
    if (rows->n_columns == 0)
        return bf_fail(err, BF_INVALID, "it gave no rows: it is no query");
    if (rows->n_rows == 0)
        return bf_fail(err, BF_INVALID, "it gave no rows");
    const struct sql_cell *cell = sql_rows_cell(rows, 0, 0);
    if (!cell->text)
        return bf_fail(err, BF_INVALID, "it gave NULL");
    return probe_value_read(cell->text, cell->len, ret, err);
}

static enum bf_rc measure(struct canary *c, int64_t *ret, char *why, size_t why_size)
{
    const struct sql_probe *probe = &c->r->probe;
    struct sql_rows rows = {0};
    struct sql_fault fault = {0};
    struct bf_error err = {0};
    const struct sql_rows_limit limit = {.rows = probe->value ? 1 : ROWS_MAX, .columns = 1, .cell_bytes = VALUE_BYTES};
    int64_t began_us = bf_boottime_us();
    enum bf_rc rc = sql_query_rows(c->connection, probe->text, limit, &rows, &fault);
    int64_t took_us = bf_boottime_us() - began_us;
    if (rc != BF_OK) {
        snprintf(why, why_size, "%s", fault.text);
        /* An error of the query leaves the session as it was; one of the session does not answer this. */
        if (sql_execute(c->connection, "select 1", NULL, &fault) != BF_OK)
            disconnect(c);
        return rc;
    }
    *ret = took_us;
    if (probe->value)
        rc = read_value(&rows, ret, &err);
    if (rc != BF_OK)
        snprintf(why, why_size, "%s", err.text);
    sql_rows_done(&rows);
    return rc;
}

/* BF_IO: nobody reads. */
static enum bf_rc turn(struct canary *c)
{
    struct sql_fault fault = {0};
    char why[sizeof fault.text] = "";
    bool refused = false;
    int64_t got = 0;
    if (!c->connection && connect_canary(c, &refused, &fault) != BF_OK) {
        disconnect(c);
        return probe_value_tell(refused ? "refused" : "why", fault.text);
    }
    if (!c->warm) {
        /* What it finds wrong is found again by the one that counts. */
        (void)!measure(c, &got, why, sizeof why);
        c->warm = c->connection != NULL;
        if (probe_value_tell("warm", "") != BF_OK)
            return BF_IO;
        if (!c->connection)
            return probe_value_tell("why", why);
    }
    return measure(c, &got, why, sizeof why) == BF_OK ? probe_value_tell_got(got) : probe_value_tell("why", why);
}

void sql_probe_run(const struct sql_request *r)
{
    struct canary c = {.r = r};
    int64_t at_ms = bf_boottime_ms();
    while (turn(&c) == BF_OK) {
        int64_t now_ms = bf_boottime_ms();
        at_ms = at_ms + r->probe.every_ms > now_ms ? at_ms + r->probe.every_ms : now_ms;
        probe_value_sleep_until(at_ms);
    }
    disconnect(&c);
}
