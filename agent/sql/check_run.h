/* One check while it runs.  Private to the check_*.c files.
 *
 * Functions that return bool say whether the check may go on; on false the result is already set, so callers just return. */
#ifndef BF_AGENT_SQL_CHECK_RUN_H
#define BF_AGENT_SQL_CHECK_RUN_H

#include "agent/sql/check.h"
#include "agent/sql/check_dialect.h"
#include "agent/sql/decimal.h"
#include "agent/sql/query.h"
#include "common/buf.h"
#include "common/vec.h"

enum { CHECK_OFFENDING_MAX = 10, CHECK_COLUMNS_SHOWN_MAX = 64, CHECK_VALUE_MAX = 200 };

struct check_column { char name[SQL_COLUMN_NAME_MAX]; char type[SQL_COLUMN_TYPE_MAX]; bool not_null; enum column_class class; };
struct check_table { char *name; struct check_column *columns; size_t n; };

/* All-zero is empty. */
struct check_tables { struct check_table *at; size_t n, cap; };

struct check_run {
    const struct sql_check_place *place;
    const struct check_dialect *dialect;
    const struct sql_check *check;
    struct sql_check_result *result;
    struct check_tables *tables;               /* read so far, for all checks of the attempt */
    int64_t began_ms;
    struct bf_error trouble;                   /* a name or value that has no literal; told at the next query */
};

/* --- ends: each sets the status and the sentence; false, for `return …` --- */
bool check_stop(struct check_run *x, const char *fmt, ...) BF_PRINTF(2, 3);          /* could not run, for a reason of ours */
bool check_end(struct check_run *x, bool passed, const char *fmt, ...) BF_PRINTF(3, 4);
/* "not_null(a, b) of stg.orders" */
const char *check_label(const struct check_run *x, char ret[160]);

/* --- text of queries; names in quotes of the dialect --- */
void check_put_name(struct check_run *x, const char *name, struct bf_buf *b);
/* The table that stands in for it, or itself. */
const char *check_stand_in(const struct check_run *x, const char *table);
void check_put_table(struct check_run *x, const char *table, struct bf_buf *b);      /* the stand-in, where there is one */
void check_put_string(struct check_run *x, const char *s, struct bf_buf *b);
void check_put_limit(const struct check_run *x, unsigned rows, struct bf_buf *b);
/* "table bf_t", sampled where the check says so. */
void check_put_from(struct check_run *x, bool sample, struct bf_buf *b);
/* Condition of the sample, " and …", where the dialect samples by row. */
void check_put_row_sample(const struct check_run *x, bool sample, struct bf_buf *b);
/* One query of the plan in the dialect, without a semicolon at its end. */
bool check_put_query(struct check_run *x, const struct sql_pieces *pieces, const char *what, struct bf_buf *b);

/* --- queries --- */
/* shown: it is the check's own query, the evidence. */
bool check_query(struct check_run *x, struct bf_buf *sql, bool shown, struct sql_rows *ret);
bool check_query_limited(struct check_run *x, struct bf_buf *sql, struct sql_rows_limit limit, struct sql_rows *ret);
/* A row of n whole numbers; NULL reads as 0. */
bool check_query_counts(struct check_run *x, struct bf_buf *sql, bool shown, int64_t *ret, size_t n);
/* One number: one row, one column, no text; NULL where ret_null is not NULL.  what names the query in the sentence. */
bool check_query_number(struct check_run *x, const struct sql_pieces *pieces, const char *what, bool shown, char ret[DECIMAL_TEXT_MAX + 1],
                        bool *ret_null);
bool check_query_offending(struct check_run *x, struct bf_buf *sql);
/* Value of the first offending row, first column, in short, for ", e.g. 17"; "" when there is none or it is masked. */
const char *check_example(const struct check_run *x, char ret[96]);
void check_figure(struct check_run *x, const char *name, int64_t value);
void check_figure_decimal(struct check_run *x, const char *name, const char *decimal);

/* --- columns (check_columns.c) --- */
bool check_table_read(struct check_run *x, const char *table, const struct check_table **ret);
bool check_column_find(struct check_run *x, const char *table, const char *column, const struct check_column **ret);
/* Is name, of a table, the column that is wanted? */
bool check_is_named(const struct check_run *x, const char *wanted, const char *name);
void check_table_done(struct check_table *t);

/* --- time (check_inside.c, check_grain.c, check_text.c) --- */
/* Condition "bf_t.column is inside the bounds".  Probes the table where its values decide whether that can be told. */
bool check_put_inside(struct check_run *x, const char *column, const struct sql_bounds *b, struct bf_buf *ret);
/* Do values of a text column bear offsets, near the bounds?  When none does, conditions stay short. */
bool check_text_is_zoned(struct check_run *x, const char *name, const struct sql_bounds *b, bool *ret);
/* The partition of the check, or a condition that is true for all rows. */
bool check_put_partition(struct check_run *x, bool with_null, struct bf_buf *ret);
/* Condition "bf_t.column is the start of a grain". */
bool check_put_on_grain(struct check_run *x, const struct check_column *column, enum sql_grain grain, const struct sql_bounds *b,
                        struct bf_buf *ret);
/* Seconds since 1970 of a column, where values without a zone are read in the zone of the session. */
bool check_put_epoch(struct check_run *x, const struct check_column *column, struct bf_buf *ret);
/* For text in ISO forms: does it bear an offset; the instant of those that do; no fraction of a second. */
void check_put_zoned(const char *name, struct bf_buf *ret);
void check_put_zoned_epoch(const struct check_run *x, const char *name, struct bf_buf *ret);
void check_put_whole_second(const struct check_run *x, const char *name, struct bf_buf *ret);
/* Does the dialect read instants from text? */
bool check_reads_zoned(const struct check_run *x);

/* --- kinds --- */
typedef bool check_kind_fn(struct check_run *x);
check_kind_fn check_row_count, check_not_null, check_unique, check_accepted_values, check_relationships, check_freshness, check_aligned,
    check_schema, check_reconcile, check_sql;

#endif
