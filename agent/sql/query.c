/* The reader of rows.  Every cell is taken as text, because that is what evidence shows; a cell is fetched once, into a buffer of the
 * limit, and what does not fit stays with the driver. */
#include "agent/sql/query.h"

#include <sql.h>
#include <sqlext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/connection_private.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/vec.h"

static const struct { SQLSMALLINT code; const char *name; bool length, scale; } type_names[] = {
    {SQL_CHAR, "char", true, false},          {SQL_WCHAR, "char", true, false},       {SQL_VARCHAR, "varchar", true, false},
    {SQL_WVARCHAR, "varchar", true, false},   {SQL_LONGVARCHAR, "text", false, false}, {SQL_WLONGVARCHAR, "text", false, false},
    {SQL_DECIMAL, "numeric", true, true},     {SQL_NUMERIC, "numeric", true, true},   {SQL_SMALLINT, "smallint", false, false},
    {SQL_INTEGER, "integer", false, false},   {SQL_TINYINT, "tinyint", false, false}, {SQL_BIGINT, "bigint", false, false},
    {SQL_REAL, "real", false, false},         {SQL_FLOAT, "double precision", false, false},
    {SQL_DOUBLE, "double precision", false, false}, {SQL_BIT, "boolean", false, false}, {SQL_TYPE_DATE, "date", false, false},
    {SQL_TYPE_TIME, "time", false, false},    {SQL_TYPE_TIMESTAMP, "timestamp", false, false}, {SQL_GUID, "uuid", false, false},
    {SQL_BINARY, "binary", false, false},     {SQL_VARBINARY, "binary", false, false}, {SQL_LONGVARBINARY, "binary", false, false},
};

/* Databases name their type with a zone in words of their own; its code is that of the type without. */
static bool names_a_zone(SQLHSTMT stmt, SQLUSMALLINT number)
{
    char name[SQL_COLUMN_TYPE_MAX] = "";
    SQLSMALLINT len = 0;
    if (!SQL_SUCCEEDED(SQLColAttribute(stmt, number, SQL_DESC_TYPE_NAME, name, sizeof name, &len, NULL)))
        return false;
    for (char *p = name; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
    return strstr(name, "tz") || strstr(name, "with time zone") || strstr(name, "with local time zone");
}

static void name_type(SQLHSTMT stmt, SQLUSMALLINT number, SQLSMALLINT code, SQLULEN size, SQLSMALLINT scale, char ret[SQL_COLUMN_TYPE_MAX])
{
    snprintf(ret, SQL_COLUMN_TYPE_MAX, "type %d", (int)code);
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (type_names[i].code != code)
            continue;
        if (type_names[i].scale)
            snprintf(ret, SQL_COLUMN_TYPE_MAX, "%s(%lu,%d)", type_names[i].name, (unsigned long)size, (int)scale);
        else if (type_names[i].length)
            snprintf(ret, SQL_COLUMN_TYPE_MAX, "%s(%lu)", type_names[i].name, (unsigned long)size);
        else
            snprintf(ret, SQL_COLUMN_TYPE_MAX, "%s", type_names[i].name);
    }
    if (code == SQL_TYPE_TIMESTAMP && names_a_zone(stmt, number))
        snprintf(ret, SQL_COLUMN_TYPE_MAX, "timestamp with time zone");
}

static bool describe(SQLHSTMT stmt, SQLUSMALLINT number, struct sql_column *ret)
{
    SQLCHAR name[SQL_COLUMN_NAME_MAX] = "";
    SQLSMALLINT len = 0, code = 0, scale = 0, nullable = SQL_NULLABLE_UNKNOWN;
    SQLULEN size = 0;
    if (!SQL_SUCCEEDED(SQLDescribeCol(stmt, number, name, sizeof name, &len, &code, &size, &scale, &nullable)))
        return false;
    name[sizeof name - 1] = '\0';
    *ret = (struct sql_column){.nullable = nullable != SQL_NO_NULLS};
    memcpy(ret->name, name, bf_utf8_cut((const char *)name, sizeof name - 1));
    name_type(stmt, number, code, size, scale, ret->type);
    return true;
}

static bool describe_all(SQLHSTMT stmt, size_t max, struct sql_rows *ret)
{
    SQLSMALLINT n = 0;
    if (!SQL_SUCCEEDED(SQLNumResultCols(stmt, &n)))
        return false;
    size_t keep = n < 0 ? 0 : (size_t)n;
    keep = keep < max ? keep : max;
    ret->columns = bf_xcalloc(keep + 1, sizeof *ret->columns);
    for (; ret->n_columns < keep; ret->n_columns++)
        if (!describe(stmt, (SQLUSMALLINT)(ret->n_columns + 1), &ret->columns[ret->n_columns]))
            return false;
    return true;
}

static bool read_cell(SQLHSTMT stmt, SQLUSMALLINT number, char *buffer, size_t size, struct sql_cell *ret)
{
    SQLLEN len = 0;
    buffer[0] = '\0';
    SQLRETURN rc = SQLGetData(stmt, number, SQL_C_CHAR, buffer, (SQLLEN)size, &len);
    if (rc == SQL_NO_DATA)
        len = 0;                               /* how a driver may say "" */
    else if (!SQL_SUCCEEDED(rc))
        return false;
    *ret = (struct sql_cell){0};
    if (len == SQL_NULL_DATA)
        return true;
    ret->cut = len == SQL_NO_TOTAL || (size_t)len > size - 1;
    ret->len = ret->cut ? size - 1 : (size_t)len;
    ret->text = bf_xmalloc(ret->len + 1);
    memcpy(ret->text, buffer, ret->len);
    ret->text[ret->len] = '\0';
    return true;
}

static bool fetch_all(SQLHSTMT stmt, struct sql_rows_limit limit, struct sql_rows *ret)
{
    BF_AUTO_FREE char *buffer = bf_xmalloc(limit.cell_bytes + 1);
    ret->cells = bf_xcalloc(limit.rows * ret->n_columns + 1, sizeof *ret->cells);
    while (ret->n_rows < limit.rows && ret->n_columns) {
        SQLRETURN rc = SQLFetch(stmt);
        if (rc == SQL_NO_DATA)
            return true;
        if (!SQL_SUCCEEDED(rc))
            return false;
        struct sql_cell *row = ret->cells + ret->n_rows * ret->n_columns;
        for (size_t i = 0; i < ret->n_columns; i++)
            if (!read_cell(stmt, (SQLUSMALLINT)(i + 1), buffer, limit.cell_bytes + 1, &row[i])) {
                ret->n_rows++;                 /* so that its cells are freed */
                return false;
            }
        ret->n_rows++;
    }
    return true;
}

enum bf_rc sql_query_rows(struct sql_connection *c, const char *text, struct sql_rows_limit limit, struct sql_rows *ret,
                          struct sql_fault *fault)
{
    SQLHSTMT stmt = SQL_NULL_HSTMT;
    void *dbc = sql_connection_handle(c);
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, dbc, &stmt)))
        return sql_connection_fail(c, SQL_HANDLE_DBC, dbc, fault);
    struct sql_rows rows = {0};
    sql_connection_runs(c, stmt);
    SQLRETURN done = SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)text, SQL_NTS);
    bool ok = SQL_SUCCEEDED(done) || done == SQL_NO_DATA;
    ok = ok && describe_all(stmt, limit.columns < SQL_COLUMNS_MAX ? limit.columns : SQL_COLUMNS_MAX, &rows);
    ok = ok && fetch_all(stmt, limit, &rows);
    sql_connection_runs(c, NULL);
    enum bf_rc rc = ok ? BF_OK : sql_connection_fail(c, SQL_HANDLE_STMT, stmt, fault);
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
    if (rc == BF_OK)
        *ret = rows;
    else
        sql_rows_done(&rows);
    return rc;
}

void sql_rows_done(struct sql_rows *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->cells && i < r->n_rows * r->n_columns; i++)
        free(r->cells[i].text);
    free(r->cells);
    free(r->columns);
    *r = (struct sql_rows){0};
}

const struct sql_cell *sql_rows_cell(const struct sql_rows *r, size_t row, size_t column)
{
    return &r->cells[row * r->n_columns + column];
}
