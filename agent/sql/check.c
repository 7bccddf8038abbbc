/* Running checks, and the verdict over them.
 *
 *     savepoint → check → back to the savepoint → release          in the attempt's transaction
 *     begin → check → rollback                                     where the attempt has none
 *
 * Going back is done after checks that passed as well: what a query of a plan changed in spite of everything is taken back, a setting
 * of the check ends with it, and an error of PostgreSQL does not stay with the transaction.  When going back fails the transaction is
 * lost: nothing of it may commit, whatever the severities say. */
#include "agent/sql/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/check_run.h"
#include "agent/sql/check_words.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

static check_kind_fn *const kinds[CHECK_KIND_COUNT] = {
    [CHECK_ROW_COUNT] = check_row_count, [CHECK_NOT_NULL] = check_not_null, [CHECK_UNIQUE] = check_unique,
    [CHECK_ACCEPTED_VALUES] = check_accepted_values, [CHECK_RELATIONSHIPS] = check_relationships, [CHECK_FRESHNESS] = check_freshness,
    [CHECK_ALIGNED] = check_aligned, [CHECK_SCHEMA] = check_schema, [CHECK_RECONCILE] = check_reconcile, [CHECK_SQL] = check_sql,
};

/* The run over all checks. */
struct suite {
    const struct sql_check_place *place;
    const struct check_dialect *dialect;
    struct check_tables tables;
    char time_limit[SQL_CELL_MAX];             /* the session's own limit, to be put back; "" when none was changed */
    const struct sql_check_result *lost_by;    /* the transaction is lost, by this check; NULL: it is not */
    struct sql_fault lost_fault;
};

static bool say(struct suite *s, const char *text, struct sql_fault *fault)
{
    return sql_execute(s->place->connection, text, NULL, fault) == BF_OK;
}

static bool enter(struct suite *s, struct sql_fault *fault)
{
    return say(s, s->place->transaction ? s->dialect->savepoint : s->dialect->begin, fault);
}

static bool leave(struct suite *s, struct sql_fault *fault)
{
    if (!s->place->transaction)
        return say(s, "rollback", fault);
    return say(s, s->dialect->undo, fault) && say(s, s->dialect->release, fault);
}

/* Where the setting is the session's, it outlives the savepoint. */
static void keep_time_limit(struct suite *s, const struct sql_check *c)
{
    char cells[1][SQL_CELL_MAX];
    bool found = false;
    struct sql_fault ignored;
    if (!s->dialect->ask_limit || !c->timeout_ms || *s->time_limit)
        return;
    if (sql_query_row(s->place->connection, s->dialect->ask_limit, cells, 1, &found, &ignored) == BF_OK && found)
        memcpy(s->time_limit, cells[0], sizeof s->time_limit);
}

static void restore_time_limit(struct suite *s)
{
    char text[SQL_CELL_MAX + 64];
    struct sql_fault ignored;
    if (!*s->time_limit || s->lost_by)
        return;
    snprintf(text, sizeof text, s->dialect->restore_limit, s->time_limit);
    (void)!say(s, text, &ignored);
    s->time_limit[0] = '\0';
}

static void lose(struct suite *s, struct check_run *x, const struct sql_fault *fault)
{
    s->lost_by = x->result;
    /* The first thing that went wrong is the cause: a deadlock takes the savepoint with it. */
    s->lost_fault = x->result->status == CHECK_COULD_NOT_RUN && *x->result->fault.sqlstate ? x->result->fault : *fault;
    if (x->result->status == CHECK_COULD_NOT_RUN && *x->result->text)
        return;
    x->result->status = CHECK_COULD_NOT_RUN;
    x->result->fault = *fault;
    snprintf(x->result->text, sizeof x->result->text, "%.100s could not run: the transaction is lost: %.300s", x->check->name, fault->text);
}

static void skip(struct check_run *x, const char *why)
{
    (void)check_stop(x, "%.100s was not run: %s", x->check->name, why);
}

/* Behind the savepoint, and back. */
static void run_guarded(struct suite *s, struct check_run *x)
{
    struct sql_fault fault = {0};
    if (!enter(s, &fault)) {
        lose(s, x, &fault);
        return;
    }
    keep_time_limit(s, x->check);
    (void)kinds[x->check->kind](x);
    restore_time_limit(s);
    if (!leave(s, &fault))
        lose(s, x, &fault);
}

static void run_one(struct suite *s, const struct sql_check *check, struct sql_check_result *ret)
{
    struct check_run x = {.place = s->place, .dialect = s->dialect, .check = check, .result = ret, .tables = &s->tables,
                          .began_ms = bf_boottime_ms()};
    *ret = (struct sql_check_result){.check = check, .status = CHECK_COULD_NOT_RUN, .sql = bf_xstrdup(""), .figures = json_object(),
                                     .offending = json_array()};
    if (s->lost_by)
        skip(&x, "the transaction was lost before");
    else if (s->place->deadline_ms && x.began_ms >= s->place->deadline_ms)
        skip(&x, "the time of the attempt is up");
    else
        run_guarded(s, &x);
    ret->ms = bf_boottime_ms() - x.began_ms;
}

/* --- verdict ------------------------------------------------------------------------------------------------------------- */

static void name_check(const struct sql_check *c, char ret[200])
{
    snprintf(ret, 200, "%.100s%s%.80s", c->name, *c->dataset ? " of " : "", c->dataset);
}

/* A sentence begins with what the check is; behind the check's name only the rest is news. */
static const char *without_label(const char *sentence)
{
    const char *colon = strstr(sentence, ": ");
    return colon ? colon + 2 : sentence;
}

static void judge_failed(struct sql_check_results *r)
{
    const struct sql_check_result *worst = NULL;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (r->at[i].status != CHECK_FAILED || r->at[i].check->severity == SQL_CHECK_WARN)
            continue;
        n++;
        if (!worst || r->at[i].check->severity > worst->check->severity)
            worst = &r->at[i];
    }
    if (!worst)
        return;
    char name[200], others[64] = "";
    name_check(worst->check, name);
    if (n > 1)
        snprintf(others, sizeof others, " (and %zu other check%s failed)", n - 1, n == 2 ? "" : "s");
    r->end = CHECKS_FAILED;
    r->severity = worst->check->severity;
    snprintf(r->text, sizeof r->text - sizeof others, "check %s failed: %s", name, without_label(worst->text));
    r->text[bf_utf8_cut(r->text, sizeof r->text - 1)] = '\0';
    strcat(r->text, others);
}

static void judge_could_not_run(struct sql_check_results *r, const struct sql_check_result *which, const struct sql_fault *fault)
{
    char name[200];
    name_check(which->check, name);
    r->end = CHECKS_COULD_NOT_RUN;
    r->fault = *fault;
    static const char before[] = " could not run: ";
    const char *rest = strstr(which->text, before);
    snprintf(r->text, sizeof r->text, "check %s could not run: %s", name, rest ? rest + strlen(before) : which->text);
    r->text[bf_utf8_cut(r->text, sizeof r->text - 1)] = '\0';
    snprintf(r->fault.text, sizeof r->fault.text, "%s", r->text);
}

/* Data known to be wrong outranks a check that could not look; a lost transaction outranks both, since it ends the attempt anyhow and
 * says whether another try may help. */
static void judge(const struct suite *s, struct sql_check_results *r)
{
    const struct sql_check_result *first = NULL;
    for (size_t i = 0; i < r->n && !first; i++)
        if (r->at[i].status == CHECK_COULD_NOT_RUN && (s->lost_by || r->at[i].check->severity != SQL_CHECK_WARN))
            first = &r->at[i];
    if (s->lost_by && first) {                 /* told of the one that lost it, not of one that could not run before */
        judge_could_not_run(r, s->lost_by, &s->lost_fault);
        return;
    }
    judge_failed(r);
    if (r->end != CHECKS_FAILED && first)
        judge_could_not_run(r, first, &first->fault);
}

void sql_checks_run(const struct sql_checks *checks, const struct sql_check_place *place, struct sql_check_results *ret)
{
    struct suite s = {.place = place, .dialect = check_dialect_find(place->dialect->dbms)};
    struct sql_check_results r = {.at = bf_xcalloc(checks->n + 1, sizeof *r.at)};
    for (; r.n < checks->n; r.n++)
        run_one(&s, &checks->at[r.n], &r.at[r.n]);
    judge(&s, &r);
    for (size_t i = 0; i < s.tables.n; i++)
        check_table_done(&s.tables.at[i]);
    bf_vec_free(&s.tables);
    *ret = r;
}

void sql_check_results_done(struct sql_check_results *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++) {
        free(r->at[i].sql);
        json_decref(r->at[i].figures);
        json_decref(r->at[i].offending);
    }
    free(r->at);
    *r = (struct sql_check_results){0};
}
