/* What the kinds of check have in common: names in queries, queries with their limits, evidence.
 *
 * Values of masked columns leave this file only as "***", and a message of the database about data goes away where a column is masked,
 * because messages quote values. */
#include "agent/sql/check_run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/sql/check_words.h"
#include "agent/sql/script.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/sql_class.h"
#include "common/text.h"

/* --- ends --------------------------------------------------------------------------------------------------------------- */

bool check_stop(struct check_run *x, const char *fmt, ...)
{
    struct sql_check_result *r = x->result;
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->text, sizeof r->text, fmt, args);
    va_end(args);
    r->text[bf_utf8_cut(r->text, sizeof r->text - 1)] = '\0';
    r->status = CHECK_COULD_NOT_RUN;
    r->fault = (struct sql_fault){.sqlstate = "42000"};
    snprintf(r->fault.dbms, sizeof r->fault.dbms, "%s", sql_connection_dbms(x->place->connection));
    snprintf(r->fault.text, sizeof r->fault.text, "%s", r->text);
    return false;
}

bool check_end(struct check_run *x, bool passed, const char *fmt, ...)
{
    struct sql_check_result *r = x->result;
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->text, sizeof r->text, fmt, args);
    va_end(args);
    r->text[bf_utf8_cut(r->text, sizeof r->text - 1)] = '\0';
    r->status = passed ? CHECK_PASSED : CHECK_FAILED;
    return true;
}

const char *check_label(const struct check_run *x, char ret[160])
{
    const struct sql_check *c = x->check;
    /* Those that are about no table are told apart by their name only. */
    bool named = c->kind == CHECK_RECONCILE || c->kind == CHECK_SQL, names = c->kind != CHECK_SCHEMA && c->columns.n > 0;
    int n = snprintf(ret, 160, "%.90s", named ? c->name : sql_check_kind_word(c->kind));
    for (size_t i = 0; names && i < c->columns.n && n < 90; i++)
        n += snprintf(ret + n, 160 - (size_t)n, "%s%.40s", i ? ", " : "(", c->columns.at[i]);
    if (names)
        n += snprintf(ret + n, 160 - (size_t)n, ")");
    if (*c->dataset && n < 150)
        snprintf(ret + n, 160 - (size_t)n, " of %.60s", c->dataset);
    ret[bf_utf8_cut(ret, 160 - 1)] = '\0';
    return ret;
}

/* A failure of the database, whose message may quote masked values. */
static bool stop_by_fault(struct check_run *x, const struct sql_fault *fault)
{
    struct sql_check_result *r = x->result;
    char label[160];
    bool quiet = x->place->n_mask && bf_sql_may_quote_data(fault->dbms, fault->native, fault->sqlstate);
    const char *said = quiet ? "an error whose words may hold masked values and are left out" : fault->text;
    r->status = CHECK_COULD_NOT_RUN;
    r->fault = *fault;
    if (quiet)
        snprintf(r->fault.text, sizeof r->fault.text, "%s", said);
    snprintf(r->text, sizeof r->text, "%s could not run: %s says: %.300s", check_label(x, label), fault->dbms, said);
    r->text[bf_utf8_cut(r->text, sizeof r->text - 1)] = '\0';
    return false;
}

static bool stop_by_time(struct check_run *x)
{
    char limit[32], label[160];
    bf_format_duration(x->check->timeout_ms, limit, sizeof limit);
    return check_stop(x, "%s could not run: it took longer than its limit of %s; give it a longer timeout, a sample or an index",
                      check_label(x, label), limit);
}

/* --- text of queries ----------------------------------------------------------------------------------------------------- */

static void put_literal(struct check_run *x, enum value_type type, const char *v, size_t len, struct bf_buf *b)
{
    struct bf_error err = {0};
    if (sql_literal(x->place->dialect, type, v, len, b, &err) != BF_OK && x->trouble.rc == BF_OK)
        x->trouble = err;
}

void check_put_name(struct check_run *x, const char *name, struct bf_buf *b)
{
    put_literal(x, VALUE_IDENT, name, strlen(name), b);
}

void check_put_string(struct check_run *x, const char *s, struct bf_buf *b)
{
    put_literal(x, VALUE_STRING, s, strlen(s), b);
}

const char *check_stand_in(const struct check_run *x, const char *table)
{
    for (size_t i = 0; i < x->place->n_stand_ins; i++)
        if (strcmp(x->place->stand_ins[i].table, table) == 0)
            return x->place->stand_ins[i].staged;
    return table;
}

void check_put_table(struct check_run *x, const char *table, struct bf_buf *b)
{
    table = check_stand_in(x, table);
    for (;;) {
        size_t n = strcspn(table, ".");
        put_literal(x, VALUE_IDENT, table, n, b);
        if (!table[n])
            return;
        bf_buf_put_str(b, ".");
        table += n + 1;
    }
}

void check_put_limit(const struct check_run *x, unsigned rows, struct bf_buf *b)
{
    char text[64];
    snprintf(text, sizeof text, x->dialect->limit_rows, rows);
    bf_buf_put_str(b, text);
}

void check_put_from(struct check_run *x, bool sample, struct bf_buf *b)
{
    char text[96];
    bf_buf_put_str(b, " from ");
    check_put_table(x, x->check->table, b);
    bf_buf_put_str(b, " bf_t");
    if (sample && x->dialect->table_sample) {
        snprintf(text, sizeof text, x->dialect->table_sample, x->check->sample * 100);
        bf_buf_put_str(b, text);
    }
}

void check_put_row_sample(const struct check_run *x, bool sample, struct bf_buf *b)
{
    char text[96];
    if (!sample || !x->dialect->row_sample)
        return;
    snprintf(text, sizeof text, x->dialect->row_sample, x->check->sample);
    bf_buf_put_str(b, " and ");
    bf_buf_put_str(b, text);
}

/* A staged table is the one that stands in, as in the script. */
static struct sql_request_piece *place_pieces(const struct check_run *x, const struct sql_pieces *pieces)
{
    struct sql_request_piece *placed = bf_xcalloc(pieces->n + 1, sizeof *placed);
    for (size_t i = 0; i < pieces->n; i++) {
        placed[i] = pieces->at[i];
        if (placed[i].value && placed[i].type == VALUE_STAGED) {
            placed[i].type = VALUE_TABLE;
            placed[i].text = (char *)(uintptr_t)check_stand_in(x, placed[i].text);
            placed[i].len = strlen(placed[i].text);
        }
    }
    return placed;
}

bool check_put_query(struct check_run *x, const struct sql_pieces *pieces, const char *what, struct bf_buf *b)
{
    struct sql_script script = {0};
    struct bf_error err = {0};
    BF_AUTO_FREE struct sql_request_piece *placed = place_pieces(x, pieces);
    if (sql_script_prepare(x->place->dialect, placed, pieces->n, true, &script, &err) != BF_OK)
        return check_stop(x, "%s cannot be run as a query: %s", what, err.text);
    static const char *const verbs[] = {"SELECT", "WITH", "VALUES", "TABLE", "("};
    const struct sql_statement *s = &script.at[0];
    bool query = false, ok = false;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        query = query || strcmp(s->verb, verbs[i]) == 0;
    if (script.n != 1)
        check_stop(x, "%s has %zu statements; a check is one query", what, script.n);
    else if (!query)
        check_stop(x, "%s begins with %s; a check is one query, and begins with SELECT or WITH", what, s->verb);
    else if (s->gives != SQL_GIVES_ROWS || s->body)
        check_stop(x, "%s does more than read; a check may not change data", what);
    else
        ok = true;
    if (ok)
        bf_buf_put(b, s->text, s->len);
    sql_script_done(&script);
    return ok;
}

/* --- queries ------------------------------------------------------------------------------------------------------------- */

/* What is left of the check's own limit, told to the database where it can hear it.  The savepoint takes PostgreSQL's setting back. */
static bool limit_time(struct check_run *x)
{
    if (!x->check->timeout_ms)
        return true;
    int64_t left_ms = x->check->timeout_ms - (bf_boottime_ms() - x->began_ms);
    if (left_ms <= 0)
        return stop_by_time(x);
    char text[96] = "";
    struct sql_fault fault;
    if (x->dialect->set_limit)
        snprintf(text, sizeof text, x->dialect->set_limit, left_ms);
    if (*text && sql_execute(x->place->connection, text, NULL, &fault) != BF_OK)
        return stop_by_fault(x, &fault);
    return true;
}

/* 57014 is query_canceled. */
static bool is_time_limit(const struct check_run *x, const struct sql_fault *fault)
{
    if (!x->check->timeout_ms || bf_boottime_ms() - x->began_ms < x->check->timeout_ms)
        return false;                          /* cancelled by others, at the end of the attempt's time */
    return strcmp(fault->sqlstate, "57014") == 0 || (x->dialect->limit_native && fault->native == x->dialect->limit_native);
}

bool check_query_limited(struct check_run *x, struct bf_buf *sql, struct sql_rows_limit limit, struct sql_rows *ret)
{
    if (x->trouble.rc != BF_OK)
        return check_stop(x, "the check cannot be written for this database: %s", x->trouble.text);
    struct sql_fault fault;
    struct sql_rows rows = {0};
    if (!limit_time(x))
        return false;
    if (sql_query_rows(x->place->connection, bf_buf_cstr(sql), limit, &rows, &fault) != BF_OK) {
        if (!is_time_limit(x, &fault))
            return stop_by_fault(x, &fault);
        (void)stop_by_time(x);
        snprintf(fault.text, sizeof fault.text, "%s", x->result->text);
        x->result->fault = fault;
        return false;
    }
    /* A database that cannot be told its limit is at least not believed for what came late. */
    if (x->check->timeout_ms && bf_boottime_ms() - x->began_ms > x->check->timeout_ms) {
        sql_rows_done(&rows);
        return stop_by_time(x);
    }
    *ret = rows;
    return true;
}

bool check_query(struct check_run *x, struct bf_buf *sql, bool shown, struct sql_rows *ret)
{
    if (shown) {
        free(x->result->sql);
        x->result->sql = bf_xstrdup(bf_buf_cstr(sql));
    }
    return check_query_limited(x, sql, (struct sql_rows_limit){CHECK_OFFENDING_MAX, CHECK_COLUMNS_SHOWN_MAX, CHECK_VALUE_MAX}, ret);
}

bool check_query_counts(struct check_run *x, struct bf_buf *sql, bool shown, int64_t *ret, size_t n)
{
    struct sql_rows rows = {0};
    if (!check_query(x, sql, shown, &rows))
        return false;
    bool ok = rows.n_rows == 1 && rows.n_columns == n;
    for (size_t i = 0; ok && i < n; i++) {
        const struct sql_cell *cell = sql_rows_cell(&rows, 0, i);
        ret[i] = 0;
        /* Sums of counts come as decimals from some. */
        if (cell->text && cell->len > 2 && strspn(strrchr(cell->text, '.') ? strrchr(cell->text, '.') : "x", ".0") > 1)
            *strrchr(cell->text, '.') = '\0';
        ok = !cell->text || bf_parse_int(cell->text, 0, INT64_MAX, &ret[i]);
    }
    sql_rows_done(&rows);
    return ok ? true : check_stop(x, "the database did not answer a count with a whole number");
}

/* Quoted in sentences; a check's own number is never masked. */
static bool stop_by_answer(struct check_run *x, const char *what, const struct sql_rows *rows)
{
    if (rows->n_columns != 1)
        return check_stop(x, "%s gave %zu columns where one number is expected", what, rows->n_columns);
    if (rows->n_rows == 0)
        return check_stop(x, "%s gave no row where one number is expected", what);
    if (rows->n_rows > 1)
        return check_stop(x, "%s gave two rows or more where one number is expected", what);
    const struct sql_cell *cell = sql_rows_cell(rows, 0, 0);
    if (!cell->text)
        return check_stop(x, "%s gave NULL where a number is expected; wrap it in coalesce(…, 0) if that is what it means", what);
    if (x->place->n_mask)
        return check_stop(x, "%s gave something that is no finite number", what);
    bool readable = bf_utf8_valid(cell->text, cell->len);
    return check_stop(x, "%s gave %s%.60s%s, which is no finite number", what, readable ? "\"" : "", readable ? cell->text : "bytes",
                      readable ? "\"" : "");
}

bool check_query_number(struct check_run *x, const struct sql_pieces *pieces, const char *what, bool shown, char ret[DECIMAL_TEXT_MAX + 1],
                        bool *ret_null)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf sql = {0};
    struct sql_rows rows = {0};
    struct decimal parsed;
    bf_buf_put_str(&sql, "select * from (");
    if (!check_put_query(x, pieces, what, &sql))
        return false;
    bf_buf_put_str(&sql, ") bf_q");
    check_put_limit(x, 2, &sql);
    if (!check_query(x, &sql, shown, &rows))
        return false;
    const struct sql_cell *cell = rows.n_rows == 1 && rows.n_columns == 1 ? sql_rows_cell(&rows, 0, 0) : NULL;
    bool null = cell && !cell->text, ok = false;
    if (null && ret_null)
        ok = true;
    else if (cell && cell->text && !cell->cut && decimal_parse(cell->text, cell->len, &parsed))
        ok = true;
    else
        stop_by_answer(x, what, &rows);
    if (ok) {
        snprintf(ret, DECIMAL_TEXT_MAX + 1, "%s", null ? "" : cell->text + strspn(cell->text, " "));
        if (ret_null)
            *ret_null = null;
    }
    sql_rows_done(&rows);
    return ok;
}

/* --- evidence ------------------------------------------------------------------------------------------------------------ */

/* Text that JSON can carry: bytes that are no UTF-8, and NUL, as \xNN; cut with an ellipsis. */
static json_t *cell_json(const struct sql_cell *cell)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    if (!cell->text)
        return json_null();
    for (size_t i = 0; i < cell->len;) {
        size_t n = 1;
        while (n < 4 && i + n < cell->len && !bf_utf8_valid(cell->text + i, n))
            n++;
        bool ok = bf_utf8_valid(cell->text + i, n);
        size_t wide = ok ? n : strlen("\\xNN");
        if (b.len + wide > CHECK_VALUE_MAX - strlen("…") && (cell->cut || i + n < cell->len || b.len + wide > CHECK_VALUE_MAX)) {
            bf_buf_put_str(&b, "…");
            return json_stringn((const char *)b.data, b.len);
        }
        if (ok)
            bf_buf_put(&b, cell->text + i, n);
        else
            bf_buf_printf(&b, "\\x%02X", (unsigned char)cell->text[i]);
        i += ok ? n : 1;
    }
    if (cell->cut)
        bf_buf_put_str(&b, "…");
    return json_stringn(b.len ? (const char *)b.data : "", b.len);
}

static bool is_masked(const struct check_run *x, const char *column)
{
    for (size_t i = 0; i < x->place->n_mask; i++)
        if (strcasecmp(x->place->mask[i], column) == 0)
            return true;
    return false;
}

bool check_query_offending(struct check_run *x, struct bf_buf *sql)
{
    struct sql_rows rows = {0};
    check_put_limit(x, CHECK_OFFENDING_MAX, sql);
    if (!check_query(x, sql, false, &rows))
        return false;
    for (size_t i = 0; i < rows.n_rows; i++) {
        json_t *row = json_object();
        for (size_t k = 0; k < rows.n_columns; k++) {
            const char *name = rows.columns[k].name;
            json_t *v = is_masked(x, name) ? json_string("***") : cell_json(sql_rows_cell(&rows, i, k));
            json_object_set_new(row, *name ? name : "?", v);
        }
        json_array_append_new(x->result->offending, row);
    }
    sql_rows_done(&rows);
    return true;
}

const char *check_example(const struct check_run *x, char ret[96])
{
    json_t *row = json_array_get(x->result->offending, 0);
    void *first = json_object_iter(row);
    const char *value = first ? json_string_value(json_object_iter_value(first)) : NULL;
    ret[0] = '\0';
    if (value && strcmp(value, "***") != 0 && *value)
        snprintf(ret, 96, ", e.g. %.60s", value);
    ret[bf_utf8_cut(ret, 96 - 1)] = '\0';
    return ret;
}

void check_figure(struct check_run *x, const char *name, int64_t value)
{
    json_object_set_new(x->result->figures, name, json_integer(value));
}

void check_figure_decimal(struct check_run *x, const char *name, const char *decimal)
{
    int64_t whole = 0;
    if (bf_parse_int(decimal, INT64_MIN, INT64_MAX, &whole))
        check_figure(x, name, whole);
    else
        json_object_set_new(x->result->figures, name, json_real(strtod(decimal, NULL)));
}
