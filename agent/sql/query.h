/* Queries of several rows, for evidence: few rows, short cells, NULL told from "". */
#ifndef BF_AGENT_SQL_QUERY_H
#define BF_AGENT_SQL_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sql/connection.h"

#define SQL_COLUMN_NAME_MAX 256
#define SQL_COLUMN_TYPE_MAX 128
#define SQL_COLUMNS_MAX 1600u                  /* described; the rest is passed over */

struct sql_column {
    char name[SQL_COLUMN_NAME_MAX];            /* UTF-8, cut at a character */
    char type[SQL_COLUMN_TYPE_MAX];            /* as ODBC describes it: "varchar(10)", "timestamp" */
    bool nullable;
};

/* text is what came, byte by byte, NUL-terminated behind len; NULL for NULL. */
struct sql_cell { char *text; size_t len; bool cut; };

/* All-zero is empty. */
struct sql_rows {
    struct sql_column *columns;
    size_t n_columns;
    struct sql_cell *cells;                    /* row by row */
    size_t n_rows;
};

struct sql_rows_limit { size_t rows, columns, cell_bytes; };

/* Run a query and keep what the limit lets through.  BF_FAILED with *fault filled; *ret untouched then. */
enum bf_rc sql_query_rows(struct sql_connection *c, const char *text, struct sql_rows_limit limit, struct sql_rows *ret,
                          struct sql_fault *fault) BF_MUST_CHECK;
void sql_rows_done(struct sql_rows *r);
const struct sql_cell *sql_rows_cell(const struct sql_rows *r, size_t row, size_t column);

#endif
