/* ODBC, as little of it as is needed.  The driver is left in autocommit and transactions are statements of ours, because drivers
 * begin theirs too late and too weakly (a deferred BEGIN deadlocks two writers of SQLite). */
#include "agent/sql/connection.h"

#include <sql.h>
#include <sqlext.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/query.h"
#include "agent/sql/scrub.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/text.h"

struct sql_connection {
    SQLHENV env;
    SQLHDBC dbc;
    bool connected;
    char dbms[SQL_DBMS_MAX];
    struct scrub scrub;
};

enum { MESSAGE_MAX = 8192 };

/* The first message of a handle, without secrets. */
static enum bf_rc fail(const struct sql_connection *c, SQLSMALLINT type, SQLHANDLE handle, struct sql_fault *ret)
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
        scrub_put(&c->scrub, (const char *)message, strnlen((const char *)message, MESSAGE_MAX), rc == SQL_SUCCESS_WITH_INFO, &text);
        size_t n = text.len < sizeof f.text - 1 ? text.len : sizeof f.text - 1;
        while (n && !bf_utf8_valid(text.data, n))
            n--;
        if (n)
            memcpy(f.text, text.data, n);
        /* Before the connection stands the driver names itself only here: "[SQLite]database is locked". */
        if (!*f.dbms && strstr((const char *)message, "[SQLite]"))
            memcpy(f.dbms, "SQLite", sizeof "SQLite");
    } else {
        memcpy(f.text, "the driver gives no reason", sizeof "the driver gives no reason");
    }
    *ret = f;
    return BF_FAILED;
}

/* The string with our settings around it.  The first of two equal attributes counts: what stands in front cannot be changed by the
 * user, what stands behind is a default.
 *
 * StepAPI: with it SQLite's driver does not run WITH … INSERT at all, and says that it did.
 * SyncPragma: without it the driver weakens the file to synchronous=NORMAL. */
static char *complete(const char *odbc, int64_t lock_wait_ms)
{
    return bf_xasprintf("StepAPI=0;%s;Timeout=%lld;SyncPragma=FULL", odbc, (long long)lock_wait_ms);
}

static enum bf_rc read_dbms(struct sql_connection *c, struct sql_fault *fault)
{
    SQLCHAR name[SQL_DBMS_MAX] = "";
    SQLSMALLINT len = 0;
    if (!SQL_SUCCEEDED(SQLGetInfo(c->dbc, SQL_DBMS_NAME, name, sizeof name, &len)))
        return fail(c, SQL_HANDLE_DBC, c->dbc, fault);
    name[sizeof name - 1] = '\0';
    memcpy(c->dbms, name, sizeof c->dbms);
    return BF_OK;
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

static enum bf_rc open_connection(struct sql_connection *c, const char *odbc, int64_t lock_wait_ms, struct sql_fault *fault)
{
    enum bf_rc rc = open_handles(c, fault);
    if (rc != BF_OK)
        return rc;
    char *full = complete(odbc, lock_wait_ms);
    SQLRETURN done = SQLDriverConnect(c->dbc, NULL, (SQLCHAR *)full, SQL_NTS, NULL, 0, NULL, SQL_DRIVER_NOPROMPT);
    explicit_bzero(full, strlen(full));
    free(full);
    if (!SQL_SUCCEEDED(done))
        return fail(c, SQL_HANDLE_DBC, c->dbc, fault);
    c->connected = true;
    return read_dbms(c, fault);
}

enum bf_rc sql_connect(const char *odbc, int64_t lock_wait_ms, struct sql_connection **ret, struct sql_fault *fault)
{
    if (strlen(odbc) > SQL_ODBC_MAX_BYTES) {
        *fault = (struct sql_fault){.sqlstate = "HY090", .text = "the connection string is too long"};
        return BF_FAILED;
    }
    struct sql_connection *c = bf_xcalloc(1, sizeof *c);
    scrub_init(&c->scrub, odbc);
    enum bf_rc rc = open_connection(c, odbc, lock_wait_ms, fault);
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
    free(c);
}

const char *sql_connection_dbms(const struct sql_connection *c)
{
    return c->dbms;
}

/* SQL_NO_DATA is how a driver says that an UPDATE met no row. */
static bool ran(SQLRETURN rc)
{
    return SQL_SUCCEEDED(rc) || rc == SQL_NO_DATA;
}

static SQLRETURN start(SQLHSTMT stmt, const char *text)
{
    return SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)text, SQL_NTS);
}

enum bf_rc sql_execute(struct sql_connection *c, const char *text, int64_t *ret_rows, struct sql_fault *fault)
{
    SQLHSTMT stmt = SQL_NULL_HSTMT;
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, c->dbc, &stmt)))
        return fail(c, SQL_HANDLE_DBC, c->dbc, fault);
    SQLRETURN done = start(stmt, text);
    enum bf_rc rc = ran(done) ? BF_OK : fail(c, SQL_HANDLE_STMT, stmt, fault);
    SQLLEN rows = 0;
    if (rc == BF_OK && ret_rows) {
        if (done == SQL_NO_DATA || !SQL_SUCCEEDED(SQLRowCount(stmt, &rows)) || rows < 0)
            rows = 0;
        *ret_rows = rows;
    }
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
    return rc;
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
    SQLHSTMT stmt = SQL_NULL_HSTMT;
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, c->dbc, &stmt)))
        return fail(c, SQL_HANDLE_DBC, c->dbc, fault);
    SQLRETURN done = start(stmt, text);
    if (SQL_SUCCEEDED(done))
        done = SQLFetch(stmt);
    bool found = SQL_SUCCEEDED(done), ok = ran(done);
    for (size_t i = 0; found && ok && i < n; i++)
        ok = read_cell(stmt, (SQLUSMALLINT)(i + 1), cells[i]);
    enum bf_rc rc = ok ? BF_OK : fail(c, SQL_HANDLE_STMT, stmt, fault);
    if (rc == BF_OK)
        *ret_found = found;
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
    return rc;
}

void *sql_connection_handle(const struct sql_connection *c)
{
    return c->dbc;
}

enum bf_rc sql_connection_fail(const struct sql_connection *c, int type, void *handle, struct sql_fault *ret)
{
    return fail(c, (SQLSMALLINT)type, handle, ret);
}
