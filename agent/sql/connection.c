/* ODBC, as little of it as is needed.  The driver is left in autocommit and transactions are statements of ours, because drivers
 * begin theirs too late and too weakly (a deferred BEGIN deadlocks two writers of SQLite).
 *
 * One thread runs statements.  Another may cancel the one that runs; the lock holds its handle still meanwhile. */
#include "agent/sql/connection.h"

#include <pthread.h>
#include <sql.h>
#include <sqlext.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/connect_fault.h"
#include "agent/sql/connection_private.h"
#include "agent/sql/request.h"
#include "agent/sql/scrub.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/text.h"

struct sql_connection {
    SQLHENV env;
    SQLHDBC dbc;
    bool connected, lost;
    bool ended;                                /* the server said that it ends the session */
    bool steps;                                /* the driver gives rows one by one where the cursor says so */
    char dbms[SQL_DBMS_MAX];
    struct scrub scrub;
    pthread_mutex_t lock;                      /* over running */
    SQLHSTMT running;
};

enum { MESSAGE_MAX = 8192, PATIENCE_S = 10 };

static void set_text(struct sql_fault *f, const char *text, size_t len)
{
    size_t n = bf_utf8_cut(text, len < sizeof f->text - 1 ? len : sizeof f->text - 1);
    if (n)
        memcpy(f->text, text, n);
    f->text[n] = '\0';
}

/* psqlODBC ends each message with what the user knows already. */
static size_t useful_length(const char *message)
{
    static const char *const tails[] = {";\nError while executing the query", ";\nThe connection has been lost"};
    size_t n = strnlen(message, MESSAGE_MAX);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        size_t len = strlen(tails[i]);
        if (n >= len && memcmp(message + n - len, tails[i], len) == 0)
            n -= len;
    }
    while (n && strchr(" \t\r\n", message[n - 1]))
        n--;
    return n;
}

/* MariaDB's driver says some of them without a SQLSTATE of their class. */
static bool is_loss(const struct sql_fault *f)
{
    enum { SERVER_GONE = 2006, SERVER_LOST = 2013 };
    return strncmp(f->sqlstate, "08", 2) == 0 || (strcmp(f->sqlstate, "HY000") == 0 && (f->native == SERVER_GONE || f->native == SERVER_LOST));
}

/* The first message of a handle, without secrets. */
static enum bf_rc fail(struct sql_connection *c, SQLSMALLINT type, SQLHANDLE handle, struct sql_fault *ret)
{
    SQLCHAR state[6] = "HY000", message[MESSAGE_MAX] = "";
    SQLINTEGER native = 0;
    SQLSMALLINT len = 0;
    SQLRETURN rc = SQLGetDiagRec(type, handle, 1, state, &native, message, MESSAGE_MAX, &len);
    struct sql_fault f = {.native = (int32_t)native};
    memcpy(f.dbms, c->dbms, sizeof f.dbms);
    memcpy(f.sqlstate, state, 5);
    if (SQL_SUCCEEDED(rc)) {
        BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
        scrub_put(&c->scrub, (const char *)message, useful_length((const char *)message), rc == SQL_SUCCESS_WITH_INFO, &text);
        set_text(&f, (const char *)text.data, text.len);
    } else {
        memcpy(f.text, "the driver gives no reason", sizeof "the driver gives no reason");
        /* It happens when the driver knows that its connection is gone. */
        if (c->connected)
            memcpy(f.sqlstate, "08S01", sizeof "08S01");
    }
    c->ended = c->ended || strncmp(f.sqlstate, "57P", 3) == 0;
    c->lost = c->lost || (c->connected && !c->ended && is_loss(&f));
    *ret = f;
    return BF_FAILED;
}

enum bf_rc sql_fail_plain(const struct sql_connection *c, const char *sqlstate, const char *text, struct sql_fault *fault)
{
    struct sql_fault f = {0};
    if (c)
        memcpy(f.dbms, c->dbms, sizeof f.dbms);
    memcpy(f.sqlstate, sqlstate, 5);
    set_text(&f, text, strlen(text));
    *fault = f;
    return BF_FAILED;
}

/* The string with our settings around it.  SQLite's driver takes the first of two equal attributes, the others take the last.
 *
 * StepAPI       lets SQLite's driver give rows one by one; see start().
 * SyncPragma    without it that driver weakens the file to synchronous=NORMAL.
 * Protocol      psqlODBC would set a savepoint before each statement and go back to it when one fails, so that a commit kept the rest.
 * UseDeclareFetch   psqlODBC would run a query only as far as it is fetched.
 * AUTO_RECONNECT    MariaDB's driver would go on outside of the transaction on a new connection. */
static char *complete(const struct sql_connect_spec *spec)
{
    if (spec->plain)
        return bf_xstrdup(spec->odbc);
    return bf_xasprintf("StepAPI=1;%s;Timeout=%lld;SyncPragma=FULL;Protocol=7.4-0;UseDeclareFetch=0;"
                       "OPTION=0;AUTO_RECONNECT=0;CHARSET=utf8mb4",
                        spec->odbc, (long long)spec->lock_wait_ms);
}

static void read_info(struct sql_connection *c, SQLUSMALLINT what, char *ret, size_t size)
{
    SQLSMALLINT len = 0;
    ret[0] = '\0';
    if (!SQL_SUCCEEDED(SQLGetInfo(c->dbc, what, ret, (SQLSMALLINT)size, &len)))
        ret[0] = '\0';
    ret[size - 1] = '\0';
}

void sql_connection_info(struct sql_connection *c, struct sql_connection_info *ret)
{
    read_info(c, SQL_DBMS_VER, ret->version, sizeof ret->version);
    read_info(c, SQL_DRIVER_NAME, ret->driver, sizeof ret->driver);
    read_info(c, SQL_DRIVER_VER, ret->driver_version, sizeof ret->driver_version);
    read_info(c, SQL_USER_NAME, ret->user, sizeof ret->user);
}

static enum bf_rc open_handles(struct sql_connection *c, struct sql_fault *fault)
{
    if (SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &c->env) != SQL_SUCCESS)
        return fail(c, SQL_HANDLE_ENV, c->env, fault);
    if (!SQL_SUCCEEDED(SQLSetEnvAttr(c->env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0)))
        return fail(c, SQL_HANDLE_ENV, c->env, fault);
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_DBC, c->env, &c->dbc)))
        return fail(c, SQL_HANDLE_ENV, c->env, fault);
    return BF_OK;
}

/* Names of the drivers that unixODBC knows here, with commas between. */
static void put_drivers(struct bf_buf *ret)
{
    SQLHENV env = SQL_NULL_HENV;
    size_t before = ret->len;
    if (SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &env) == SQL_SUCCESS) {
        (void)SQLSetEnvAttr(env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
        SQLCHAR name[128], attributes[512];
        SQLSMALLINT n = 0;
        for (SQLUSMALLINT from = SQL_FETCH_FIRST; SQL_SUCCEEDED(SQLDrivers(env, from, name, sizeof name, &n, attributes, sizeof attributes,
                                                                           &n));
             from = SQL_FETCH_NEXT)
            bf_buf_printf(ret, "%s%s", ret->len > before ? ", " : "", (const char *)name);
        SQLFreeHandle(SQL_HANDLE_ENV, env);
    }
    if (ret->len == before)
        bf_buf_put_str(ret, "none");
}

/* Why it could not connect. */
static enum bf_rc fail_connect(struct sql_connection *c, const char *odbc, struct sql_fault *fault)
{
    (void)fail(c, SQL_HANDLE_DBC, c->dbc, fault);
    const char *dbms = connect_fault_dbms(fault->text, odbc);
    memcpy(fault->dbms, dbms, strlen(dbms) + 1);
    connect_fault_refine(fault);
    if (connect_fault_no_driver(fault->text)) {
        BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
        bf_buf_printf(&b, "the ODBC driver is not installed on this host, or the string names none (%.300s); installed are: ", fault->text);
        put_drivers(&b);
        set_text(fault, bf_buf_cstr(&b), b.len);
        memcpy(fault->sqlstate, "IM002", sizeof "IM002");
    }
    return BF_FAILED;
}

static enum bf_rc open_connection(struct sql_connection *c, const struct sql_connect_spec *spec, struct sql_fault *fault)
{
    enum bf_rc rc = open_handles(c, fault);
    if (rc != BF_OK)
        return rc;
    int64_t patience_s = spec->patience_ms > 0 ? (spec->patience_ms + 999) / 1000 : PATIENCE_S;
    (void)SQLSetConnectAttr(c->dbc, SQL_ATTR_LOGIN_TIMEOUT, (SQLPOINTER)(uintptr_t)patience_s, SQL_IS_UINTEGER);
    char *full = complete(spec);
    SQLRETURN done = SQLDriverConnect(c->dbc, NULL, (SQLCHAR *)full, SQL_NTS, NULL, 0, NULL, SQL_DRIVER_NOPROMPT);
    explicit_bzero(full, strlen(full));
    free(full);
    if (!SQL_SUCCEEDED(done))
        return fail_connect(c, spec->odbc, fault);
    c->connected = true;
    read_info(c, SQL_DBMS_NAME, c->dbms, sizeof c->dbms);
    c->steps = strcmp(c->dbms, "SQLite") == 0;
    return BF_OK;
}

enum bf_rc sql_connect(const struct sql_connect_spec *spec, struct sql_connection **ret, struct sql_fault *fault)
{
    if (strlen(spec->odbc) > SQL_ODBC_MAX_BYTES)
        return sql_fail_plain(NULL, "HY090", "the connection string is too long", fault);
    struct sql_connection *c = bf_xcalloc(1, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    scrub_init(&c->scrub, spec->odbc);
    for (size_t i = 0; i < spec->n_substituted; i++)
        scrub_add(&c->scrub, spec->substituted[i].value, spec->substituted[i].secret);
    enum bf_rc rc = open_connection(c, spec, fault);
    if (rc == BF_OK)
        *ret = c;
    else
        sql_connection_free(c);
    return rc;
}

void sql_connection_free(struct sql_connection *c)
{
    if (!c)
        return;
    if (c->connected)
        SQLDisconnect(c->dbc);
    if (c->dbc)
        SQLFreeHandle(SQL_HANDLE_DBC, c->dbc);
    if (c->env)
        SQLFreeHandle(SQL_HANDLE_ENV, c->env);
    scrub_done(&c->scrub);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

bool sql_connection_lost(const struct sql_connection *c)
{
    return c->lost;
}

const char *sql_connection_dbms(const struct sql_connection *c)
{
    return c->dbms;
}

void sql_cancel(struct sql_connection *c)
{
    pthread_mutex_lock(&c->lock);
    if (c->running != SQL_NULL_HSTMT)
        (void)SQLCancel(c->running);
    pthread_mutex_unlock(&c->lock);
}

void sql_connection_runs(struct sql_connection *c, void *stmt)
{
    pthread_mutex_lock(&c->lock);
    c->running = stmt;
    pthread_mutex_unlock(&c->lock);
}

/* SQL_NO_DATA is how a driver says that an UPDATE met no row. */
static bool ran(SQLRETURN rc)
{
    return SQL_SUCCEEDED(rc) || rc == SQL_NO_DATA;
}

static bool allocate(struct sql_connection *c, SQLHSTMT *ret)
{
    *ret = SQL_NULL_HSTMT;
    return SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, c->dbc, ret));
}

/* With a cursor that goes forward only, SQLite's driver runs a statement row by row as they are fetched, and what gives no rows (WITH …
 * INSERT) not at all; with a static one it runs it to the end at once. */
static SQLRETURN start(struct sql_connection *c, SQLHSTMT stmt, const char *text, bool step)
{
    if (c->steps)
        (void)SQLSetStmtAttr(stmt, SQL_ATTR_CURSOR_TYPE, (SQLPOINTER)(uintptr_t)(step ? SQL_CURSOR_FORWARD_ONLY : SQL_CURSOR_STATIC), 0);
    sql_connection_runs(c, stmt);
    return SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)text, SQL_NTS);
}

static enum bf_rc finish(struct sql_connection *c, SQLHSTMT stmt, bool ok, struct sql_fault *fault)
{
    sql_connection_runs(c, SQL_NULL_HSTMT);
    enum bf_rc rc = ok ? BF_OK : fail(c, SQL_HANDLE_STMT, stmt, fault);
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
    return rc;
}

enum bf_rc sql_execute(struct sql_connection *c, const char *text, int64_t *ret_rows, struct sql_fault *fault)
{
    SQLHSTMT stmt;
    if (!allocate(c, &stmt))
        return fail(c, SQL_HANDLE_DBC, c->dbc, fault);
    SQLRETURN done = start(c, stmt, text, false);
    SQLLEN rows = 0;
    SQLSMALLINT columns = 0;
    if (ran(done) && ret_rows) {
        if (done == SQL_NO_DATA || !SQL_SUCCEEDED(SQLRowCount(stmt, &rows)) || rows < 0)
            rows = 0;
        if (SQL_SUCCEEDED(SQLNumResultCols(stmt, &columns)) && columns > 0)
            rows = -1;
        *ret_rows = rows;
    }
    return finish(c, stmt, ran(done), fault);
}

static bool read_cell(SQLHSTMT stmt, SQLUSMALLINT column, char ret[SQL_CELL_MAX])
{
    SQLLEN len = 0;
    ret[0] = '\0';
    if (!SQL_SUCCEEDED(SQLGetData(stmt, column, SQL_C_CHAR, ret, SQL_CELL_MAX, &len)))
        return false;
    if (len == SQL_NULL_DATA)
        ret[0] = '\0';
    return true;
}

enum bf_rc sql_query_row(struct sql_connection *c, const char *text, char (*cells)[SQL_CELL_MAX], size_t n, bool *ret_found,
                         struct sql_fault *fault)
{
    SQLHSTMT stmt;
    if (!allocate(c, &stmt))
        return fail(c, SQL_HANDLE_DBC, c->dbc, fault);
    SQLRETURN done = start(c, stmt, text, false);
    if (SQL_SUCCEEDED(done))
        done = SQLFetch(stmt);
    bool found = SQL_SUCCEEDED(done), ok = ran(done);
    for (size_t i = 0; found && ok && i < n; i++)
        ok = read_cell(stmt, (SQLUSMALLINT)(i + 1), cells[i]);
    if (ok)
        *ret_found = found;
    return finish(c, stmt, ok, fault);
}

/* Does the statement give columns?  Asked of a handle of its own, because a cursor's kind is chosen before. */
static enum bf_rc ask_columns(struct sql_connection *c, const char *text, bool *ret, struct sql_fault *fault)
{
    SQLHSTMT stmt;
    if (!allocate(c, &stmt))
        return fail(c, SQL_HANDLE_DBC, c->dbc, fault);
    SQLSMALLINT columns = 0;
    bool ok = SQL_SUCCEEDED(SQLPrepare(stmt, (SQLCHAR *)(uintptr_t)text, SQL_NTS)) && SQL_SUCCEEDED(SQLNumResultCols(stmt, &columns));
    if (ok)
        *ret = columns > 0;
    return finish(c, stmt, ok, fault);
}

enum bf_rc sql_step_query(struct sql_connection *c, const char *text, bool *ret_is_query, struct sql_fault *fault)
{
    enum bf_rc rc = ask_columns(c, text, ret_is_query, fault);
    if (rc != BF_OK || !*ret_is_query)
        return rc;
    SQLHSTMT stmt;
    if (!allocate(c, &stmt))
        return fail(c, SQL_HANDLE_DBC, c->dbc, fault);
    SQLRETURN done = start(c, stmt, text, true);
    while (SQL_SUCCEEDED(done))
        done = SQLFetch(stmt);
    return finish(c, stmt, ran(done), fault);
}

void *sql_connection_handle(const struct sql_connection *c)
{
    return c->dbc;
}

enum bf_rc sql_connection_fail(struct sql_connection *c, int type, void *handle, struct sql_fault *ret)
{
    return fail(c, (SQLSMALLINT)type, handle, ret);
}
