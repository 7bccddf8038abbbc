/* See attempt.h.
 *
 * What we refuse ourselves counts as an access rule of the database (class 42): another try would end the same. */
#include "agent/sql/attempt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/sql/check_report.h"
#include "agent/sql/failpoint.h"
#include "agent/sql/supervise.h"
#include "agent/sql/targets.h"
#include "common/mem.h"
#include "common/sql_class.h"
#include "common/text.h"

bool attempt_end(struct attempt *x, enum run_end end, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    x->result->end = end;
    vsnprintf(x->result->text, sizeof x->result->text, fmt, args);
    va_end(args);
    return false;
}

void attempt_cut_text(char *s)
{
    s[bf_utf8_cut(s, SIZE_MAX)] = '\0';
}

/* Who cancelled is known here and nowhere else. */
static bool end_stopped(struct attempt *x, const char *where)
{
    struct run_result *r = x->result;
    snprintf(r->fault.text, sizeof r->fault.text, "%s: %s", where, supervise_reason());
    r->transient = true;
    return attempt_end(x, RUN_FAULT, "%s: %s; nothing was committed", where, supervise_reason());
}

bool attempt_fault(struct attempt *x, const char *where, const struct sql_fault *fault)
{
    struct run_result *r = x->result;
    r->fault = *fault;
    if (supervise_stopped() != SUPERVISE_RUNNING)
        return end_stopped(x, where);
    r->transient = bf_sql_class(fault->dbms, fault->native, fault->sqlstate) == BF_SQL_TRANSIENT;
    attempt_end(x, RUN_FAULT, "%s: %s says: %s (%s, native %d)", where, *fault->dbms ? fault->dbms : "the driver", fault->text,
                fault->sqlstate, fault->native);
    int n = snprintf(NULL, 0, "%s: ", where);
    snprintf(r->fault.text, sizeof r->fault.text, "%s: %.*s", where, (int)sizeof r->fault.text - n - 1, fault->text);
    attempt_cut_text(r->fault.text);
    attempt_cut_text(r->text);
    return false;
}

bool attempt_undecided(struct attempt *x, const char *where, const struct sql_fault *heard)
{
    struct run_result *r = x->result;
    r->fault = (struct sql_fault){.sqlstate = "08S01"};
    memcpy(r->fault.dbms, heard->dbms, sizeof r->fault.dbms);
    snprintf(r->fault.text, sizeof r->fault.text, "%s: %.900s (%s, native %d)", where, heard->text, heard->sqlstate, heard->native);
    attempt_cut_text(r->fault.text);
    r->transient = true;
    return attempt_end(x, RUN_FAULT, "%s", r->fault.text);
}

bool attempt_refused(struct attempt *x, const struct bf_error *err)
{
    (void)sql_fail_plain(x->session.connection, "42000", err->text, &x->result->fault);
    x->result->transient = false;
    return attempt_end(x, RUN_FAULT, "%s; nothing was run", err->text);
}

bool attempt_not_ours(struct attempt *x, const struct fence_row *row)
{
    long long ours = (long long)x->request->token, theirs = (long long)row->token;
    if (row->state == FENCE_DONE)
        return x->claimed ? attempt_end(x, RUN_FENCED, "token %lld is stale: token %lld has done this step instance", ours, theirs)
                          : attempt_end(x, RUN_ALREADY_DONE, "already done by token %lld", theirs);
    if (row->state == FENCE_NONE)
        return attempt_end(x, RUN_FENCED, "the row of this attempt in %s is gone; token %lld may not commit", x->request->fence_table,
                           ours);
    return attempt_end(x, RUN_FENCED, "token %lld is stale: token %lld has claimed this step instance", ours, theirs);
}

bool attempt_open(struct attempt *x)
{
    struct sql_fault fault;
    char where[160];
    if (session_open(x->request, &x->session, &fault) == BF_OK)
        return true;
    snprintf(where, sizeof where, "cannot connect to %.100s", x->request->connection);
    return attempt_fault(x, where, &fault);
}

/* Bounds, checks and mask; what is wrong with them is known before anything runs. */
static enum bf_rc prepare_checks(struct attempt *x, struct bf_error *err)
{
    const struct sql_request *r = x->request;
    for (size_t i = 0; i < json_array_size(r->mask); i++)
        if (!json_is_string(json_array_get(r->mask, i)))
            return bf_fail(err, BF_INVALID, "the request's \"mask\" is no list of names");
    enum bf_rc rc = r->bounds ? sql_bounds_parse(r->bounds, &x->bounds, err) : BF_OK;
    if (rc == BF_OK && r->checks)
        rc = sql_checks_parse(r->checks, &x->checks, err);
    return rc;
}

/* Values become literals, and what may not run is refused. */
static enum bf_rc prepare_work(struct attempt *x, struct bf_error *err)
{
    const struct sql_request *r = x->request;
    bool whole = r->swap ? !x->session.dialect->ddl_commits : r->transaction;
    enum bf_rc rc = sql_script_prepare(x->session.dialect, r->script.at, r->script.n, whole, &x->script, err);
    return rc == BF_OK ? prepare_checks(x, err) : rc;
}

bool attempt_prepare(struct attempt *x)
{
    struct bf_error err = {0};
    const struct sql_request *r = x->request;
    x->fence = (struct fence){.dialect = x->session.dialect, .request = r, .hash = x->hash, .backend = x->backend};
    x->prepared = true;
    if ((r->what == SQL_DO_RUN ? prepare_work(x, &err) : r->what == SQL_DO_LOOK ? prepare_checks(x, &err) : BF_OK) != BF_OK)
        return attempt_refused(x, &err);
    sql_script_hash(&x->script, x->hash);
    char host[64] = "";
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    snprintf(x->backend, sizeof x->backend, "%s:%ld%s%s", host, (long)getpid(), *x->session.id ? " session " : "", x->session.id);
    return fence_init(&x->fence, &err) == BF_OK || attempt_refused(x, &err);
}

enum bf_rc attempt_table_exists(struct attempt *x, const char *table, bool *ret, struct sql_fault *fault)
{
    const char *dot = strrchr(table, '.');
    BF_AUTO_FREE char *schema = bf_xstrndup(table, dot ? (size_t)(dot - table) : 0);
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    char cells[1][SQL_CELL_MAX];
    if (session_put(x->session.dialect, &b, x->session.dialect->table_exists, schema, dot ? dot + 1 : table, fault) != BF_OK)
        return BF_FAILED;
    return sql_query_row(x->session.connection, bf_buf_cstr(&b), cells, 1, ret, fault);
}

/* *ret_engine is "" when the table takes part in transactions, is a view, or is none. */
static enum bf_rc ask_engine(struct attempt *x, const char *schema, const char *table, char ret_engine[SQL_CELL_MAX], bool *ret_view,
                             struct sql_fault *fault)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    char cells[2][SQL_CELL_MAX] = {"", ""};
    bool found = false;
    enum bf_rc rc = session_put(x->session.dialect, &b, x->session.dialect->engine_of, schema, table, fault);
    if (rc == BF_OK)
        rc = sql_query_row(x->session.connection, bf_buf_cstr(&b), cells, 2, &found, fault);
    ret_engine[0] = '\0';
    *ret_view = rc == BF_OK && found && strcmp(cells[1], "VIEW") == 0;
    if (rc == BF_OK && found && !*ret_view && strcmp(cells[1], "YES") != 0)
        memcpy(ret_engine, cells[0], SQL_CELL_MAX);
    return rc;
}

static bool check_targets(struct attempt *x, const struct sql_statement *s, const struct sql_targets *targets)
{
    struct sql_fault fault;
    struct bf_error err = {0};
    char engine[SQL_CELL_MAX];
    bool view = false;
    for (size_t i = 0; i < targets->n; i++) {
        const char *schema = targets->at[i].schema ? targets->at[i].schema : "", *table = targets->at[i].table;
        if (ask_engine(x, schema, table, engine, &view, &fault) != BF_OK)
            return attempt_fault(x, "cannot ask for the engines of tables", &fault);
        if (view) {
            bf_fail(&err, BF_DENIED, "statement %u (line %u) writes %.100s, which is a view, so that it is not known whether what lies "
                    "behind it could be rolled back; name the table itself, and when the statement only "
                    "reads the view, do so in a subquery", s->number, s->line, table);
            return attempt_refused(x, &err);
        }
        if (*engine) {
            bf_fail(&err, BF_DENIED, "statement %u (line %u) writes %.100s, whose engine %.40s knows no transactions, so that nothing "
                    "could be rolled back; change it to InnoDB, use publish: swap, or leave transaction: true out", s->number, s->line,
                    table, engine);
            return attempt_refused(x, &err);
        }
    }
    return true;
}

bool attempt_check_engines(struct attempt *x)
{
    bool ok = true;
    for (size_t i = 0; x->session.dialect->engine_of && ok && i < x->script.n; i++) {
        struct sql_targets targets = {0};
        sql_statement_targets(x->session.dialect->lexis, &x->script.at[i], &targets);
        ok = check_targets(x, &x->script.at[i], &targets);
        sql_targets_done(&targets);
    }
    return ok;
}

static bool take_verdict(struct attempt *x, const struct sql_check_results *results)
{
    sql_check_report_lines(results, &x->result->lines);
    if (results->end == CHECKS_FAILED)
        return attempt_end(x, RUN_CHECK_FAILED, "%.*s", (int)sizeof x->result->text - 1, results->text);
    if (results->end != CHECKS_COULD_NOT_RUN)
        return true;
    if (supervise_stopped() != SUPERVISE_RUNNING)
        return attempt_fault(x, "in the checks", &results->fault);
    x->result->fault = results->fault;
    x->result->transient = bf_sql_class(results->fault.dbms, results->fault.native, results->fault.sqlstate) == BF_SQL_TRANSIENT;
    return attempt_end(x, RUN_FAULT, "%.*s", (int)sizeof x->result->text - 1, results->text);
}

bool attempt_check(struct attempt *x)
{
    const struct sql_request *r = x->request;
    if (x->checks.n == 0)
        return true;
    size_t n_mask = json_array_size(r->mask);
    BF_AUTO_FREE const char **mask = bf_xcalloc(n_mask + 1, sizeof *mask);
    for (size_t i = 0; i < n_mask; i++)
        mask[i] = json_string_value(json_array_get(r->mask, i));
    BF_AUTO_FREE struct sql_stand_in *stand_ins = bf_xcalloc(r->n_outputs + 1, sizeof *stand_ins);
    for (size_t i = 0; i < r->n_outputs; i++)
        stand_ins[i] = (struct sql_stand_in){.table = r->outputs[i].table, .staged = r->outputs[i].staged};
    struct sql_check_place place = {.connection = x->session.connection, .dialect = x->session.dialect, .bounds = r->bounds
                                    ? &x->bounds : NULL,
                                    .mask = mask, .n_mask = n_mask, .stand_ins = stand_ins, .n_stand_ins = r->swap ? r->n_outputs : 0,
                                    .deadline_ms = supervise_deadline_ms(), .transaction = x->in_transaction};
    struct sql_check_results results = {0};
    sql_checks_run(&x->checks, &place, &results);
    bool ok = take_verdict(x, &results);
    sql_check_results_done(&results);
    if (ok)
        sql_failpoint("after_checks");
    return ok;
}

/* --- the transaction --------------------------------------------------------------------------------------------------- */

static enum bf_rc read_transaction_id(struct attempt *x, char ret[SQL_CELL_MAX], struct sql_fault *fault)
{
    char cells[1][SQL_CELL_MAX] = {""};
    bool found = false;
    enum bf_rc rc = sql_query_row(x->session.connection, x->session.dialect->transaction_id, cells, 1, &found, fault);
    if (rc == BF_OK)
        memcpy(ret, cells[0], SQL_CELL_MAX);
    return rc;
}

bool attempt_begin(struct attempt *x)
{
    struct sql_fault fault;
    enum bf_rc rc = sql_execute(x->session.connection, x->session.dialect->begin, NULL, &fault);
    if (rc == BF_OK && x->session.dialect->transaction_id)
        rc = read_transaction_id(x, x->transaction_id, &fault);
    if (rc != BF_OK)
        return attempt_fault(x, "cannot begin the transaction", &fault);
    x->in_transaction = true;
    return true;
}

bool attempt_still_in_transaction(struct attempt *x, const char *where)
{
    const struct sql_dialect *d = x->session.dialect;
    struct sql_fault fault;
    char now[SQL_CELL_MAX] = "";
    if (d == &sql_dialect_ansi)
        return true;
    if (d->transaction_id) {
        if (read_transaction_id(x, now, &fault) != BF_OK)
            return attempt_fault(x, where, &fault);
        if (strcmp(now, x->transaction_id) == 0)
            return true;
    } else if (sql_execute(x->session.connection, d->begin, NULL, &fault) != BF_OK) {
        return true;
    }
    (void)sql_fail_plain(x->session.connection, "25000", d->ddl_commits
                         ? "a statement ended the transaction, as DDL does on this database, so that what came before it is committed; the "
                           "marker was not set; use publish: swap"
                         : "a statement ended the transaction; the marker was not set", &fault);
    return attempt_fault(x, where, &fault);
}

bool attempt_rollback(struct attempt *x)
{
    const struct sql_dialect *d = x->session.dialect;
    struct sql_fault ignored;
    char cells[3][SQL_CELL_MAX] = {"", "", ""};
    bool warned = false;
    if (x->session.connection && x->in_transaction && sql_execute(x->session.connection, "rollback", NULL, &ignored) == BF_OK &&
        d->warnings &&
        sql_query_row(x->session.connection, d->warnings, cells, 3, &warned, &ignored) != BF_OK)
        warned = false;
    x->in_transaction = false;
    return !warned || strcmp(cells[1], d->not_undone) != 0;
}

static void append(char *text, size_t size, const char *note)
{
    size_t room = size - strlen(note) - 1;
    if (strlen(text) > room) {
        text[room] = '\0';
        attempt_cut_text(text);
    }
    size_t len = strlen(text);
    snprintf(text + len, size - len, "%s", note);
}

void attempt_tell_not_undone(struct attempt *x)
{
    static const char note[] = "; rows of tables without transactions stayed: a trigger or a function may have "
                               "written them, see to them by hand";
    append(x->result->text, sizeof x->result->text, note);
    append(x->result->fault.text, sizeof x->result->fault.text, note);
}

bool attempt_read_again(struct attempt *x, struct fence_row *ret)
{
    struct sql_fault fault;
    struct run_result kept = *x->result;
    session_close(&x->session);
    bool ok = attempt_open(x) && fence_read(x->session.connection, &x->fence, ret, &fault) == BF_OK;
    *x->result = kept;
    return ok;
}

void attempt_explain(struct attempt *x)
{
    struct fence_row row;
    if (x->result->end != RUN_FAULT || !x->claimed || supervise_stopped() != SUPERVISE_RUNNING)
        return;
    if (attempt_read_again(x, &row) && (row.state == FENCE_LATER || row.state == FENCE_DONE || row.state == FENCE_NONE))
        (void)attempt_not_ours(x, &row);
}

void attempt_close(struct attempt *x)
{
    bool stopped = supervise_stopped() != SUPERVISE_RUNNING;
    session_close(&x->session);
    if (stopped && x->session.dialect && *x->session.name) {
        const struct sql_request *r = x->request;
        struct sql_connect_spec spec = {.odbc = r->odbc, .substituted = r->substituted, .n_substituted = r->n_substituted,
                                        .plain = strcmp(r->dialect, "ansi") == 0};
        if (session_bury(&spec, x->session.dialect, x->session.name) && x->session.told)
            session_told(false, "");
    }
    if (x->prepared) {
        sql_script_done(&x->script);
        sql_checks_done(&x->checks);
        fence_done(&x->fence);
    }
}
