/* The statements of an attempt, one by one: counted, watched, and placed in the script when they fail. */
#include <stdio.h>
#include <string.h>

#include "agent/sql/attempt.h"
#include "agent/sql/failpoint.h"
#include "agent/sql/supervise.h"
#include "common/sql_class.h"
#include "common/text.h"

/* Rows changed on this connection so far. */
static bool count_rows(struct attempt *x, int64_t *ret)
{
    struct sql_fault fault;
    char cells[1][SQL_CELL_MAX];
    bool found = false;
    *ret = 0;
    if (!x->session.dialect->rows)
        return true;
    if (sql_query_row(x->session.connection, x->session.dialect->rows, cells, 1, &found, &fault) != BF_OK)
        return attempt_fault(x, "cannot count the rows that were changed", &fault);
    if (found && !bf_parse_int(cells[0], 0, INT64_MAX, ret))
        *ret = 0;
    return true;
}

static bool one_of(const char *verb, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(verb, *words) == 0)
            return true;
    return false;
}

/* Drivers give a count for every statement; only of these it is rows that were changed. */
static bool changes_rows(const struct sql_statement *s)
{
    static const char *const verbs[] = {"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "WITH", NULL};
    return one_of(s->verb, verbs);
}

static enum bf_rc run_statement(struct attempt *x, const struct sql_statement *s, struct sql_fault *fault)
{
    const struct sql_dialect *d = x->session.dialect;
    bool is_query = false;
    int64_t rows = 0;
    if (d->discard && s->gives == SQL_GIVES_ROWS) {
        enum bf_rc rc = d->discard(x->session.connection, s->text, x->in_transaction || x->script_in_transaction, &is_query, fault);
        if (rc != BF_OK || is_query)
            return rc;
    }
    enum bf_rc rc = sql_execute(x->session.connection, s->text, &rows, fault);
    if (rc == BF_OK && !d->rows && changes_rows(s) && rows > 0)
        x->result->rows += rows;
    return rc;
}

/* The number behind words in a message; 0 when it is not there. */
static uint32_t number_behind(const char *text, const char *words)
{
    const char *at = strstr(text, words);
    int64_t n = 0;
    char digits[12] = "";
    if (!at)
        return 0;
    at += strlen(words);
    size_t len = strspn(at, "0123456789");
    if (len == 0 || len >= sizeof digits)
        return 0;
    memcpy(digits, at, len);
    return bf_parse_int(digits, 1, INT32_MAX, &n) ? (uint32_t)n : 0;
}

/* Where in the script the database found the error: a line, and a column when it says so ("at line 3", "at character 17"). */
static void locate(const struct sql_statement *s, const char *message, uint32_t *ret_line, uint32_t *ret_column)
{
    uint32_t line = number_behind(message, " at line "), at = number_behind(message, " at character ");
    *ret_line = s->line + (line ? line - 1 : 0);
    *ret_column = 0;
    if (!at)
        return;
    *ret_column = 1;
    const char *p = s->text;
    for (uint32_t left = at - 1; left && *p; left--) {
        *ret_line += *p == '\n';
        *ret_column = *p == '\n' ? 1 : *ret_column + 1;
        do
            p++;
        while (((unsigned char)*p & 0xC0) == 0x80);
    }
}

static void keep_place(struct attempt *x, const struct sql_statement *s, uint32_t line, uint32_t column)
{
    struct run_result *r = x->result;
    r->statement = s->number;
    r->line = line;
    r->column = column;
    snprintf(r->excerpt, sizeof r->excerpt, "%.*s", (int)sizeof r->excerpt - 1, s->text);
    attempt_cut_text(r->excerpt);
}

static bool statement_failed(struct attempt *x, const struct sql_statement *s, const struct sql_fault *fault)
{
    char where[80];
    uint32_t line, column;
    locate(s, fault->text, &line, &column);
    keep_place(x, s, line, column);
    if (column)
        snprintf(where, sizeof where, "statement %u (line %u, column %u) failed", s->number, line, column);
    else
        snprintf(where, sizeof where, "statement %u (line %u) failed", s->number, line);
    struct sql_fault told = *fault;
    if (json_array_size(x->request->mask) > 0 && bf_sql_may_quote_data(fault->dbms, fault->native, fault->sqlstate))
        snprintf(told.text, sizeof told.text, "an error whose words may hold masked values and are left out");
    return attempt_fault(x, where, &told);
}

bool attempt_run_statements(struct attempt *x)
{
    struct sql_fault fault;
    int64_t before = 0, after = 0;
    if (!count_rows(x, &before))
        return false;
    for (size_t i = 0; i < x->script.n; i++) {
        const struct sql_statement *s = &x->script.at[i];
        if (run_statement(x, s, &fault) != BF_OK)
            return statement_failed(x, s, &fault);
        if (supervise_stopped() != SUPERVISE_RUNNING) {
            /* Some statements end well when they are cancelled (SLEEP of MariaDB), having done less than they were to do. */
            (void)sql_fail_plain(x->session.connection, "57014", "", &fault);
            return statement_failed(x, s, &fault);
        }
        char where[80];
        snprintf(where, sizeof where, "after statement %u (line %u)", s->number, s->line);
        if (x->in_transaction && x->session.dialect->ask_after_each && !attempt_still_in_transaction(x, where)) {
            keep_place(x, s, s->line, 0);
            return false;
        }
        x->script_in_transaction = !x->in_transaction && sql_script_open_after(x->session.dialect, s, x->script_in_transaction);
        if (!x->in_transaction)
            sql_failpoint("after_statement");
    }
    if (!count_rows(x, &after))
        return false;
    x->result->rows += after - before;
    sql_failpoint("after_work");
    return true;
}
