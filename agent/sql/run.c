/* The protocol of `transaction: true`, on one session:
 *
 *   1. claim       raise the fence's row to our token, committed by itself, after the session of the attempt before is ended.  A higher
 *                  token there: we are stale.  Done: nothing to do.  Then the same with the rows of the instance's other runs, whose lost
 *                  attempts may still sleep somewhere.
 *   2. work        BEGIN, the statements one by one, the checks.  Any error: roll back, and throw the connection away.
 *   3. marker      as the last statement, set the row to done if it still bears our token; one row, or roll back: we are stale.
 *   4. commit      data and marker together.
 *
 * A death between two of these leaves either nothing but the claim, which the next token raises, or everything.  When the answer to
 * COMMIT is lost, the row, read in a new session after the old one is gone, is the answer.
 *
 * Where DDL is part of transactions, `publish: swap` is the same with one more step before the marker: the staged tables take their
 * places.  Elsewhere it is a protocol of its own (swap.c).
 *
 * Without a transaction the statements run one by one, each its own, and nothing is claimed: at least once. */
#include "agent/sql/run.h"

#include <string.h>

#include "agent/sql/attempt.h"
#include "agent/sql/failpoint.h"
#include "agent/sql/supervise.h"
#include "agent/sql/swap.h"
#include "agent/sql/warehouse.h"

static bool work(struct attempt *x)
{
    if (!attempt_begin(x) || !attempt_run_statements(x) || !attempt_check(x))
        return false;
    if (x->request->swap && !swap_in_transaction(x))
        return false;
    return attempt_still_in_transaction(x, "after the last statement");
}

static bool mark(struct attempt *x)
{
    struct sql_fault fault;
    int64_t rows = 0;
    if (fence_mark(x->session.connection, &x->fence, x->request->token, &rows, &fault) != BF_OK)
        return attempt_fault(x, "cannot mark the step instance as done in the fence", &fault);
    if (rows != 1) {
        struct fence_row row = {0};
        if (fence_read(x->session.connection, &x->fence, &row, &fault) != BF_OK)
            return attempt_fault(x, "cannot read the fence after the marker met no row", &fault);
        return attempt_not_ours(x, &row);
    }
    sql_failpoint("after_marker");
    return true;
}

/* The answer to COMMIT was an error, or none: the row tells.  commit_fault is what was heard. */
static bool decide(struct attempt *x, const struct sql_fault *commit_fault)
{
    struct fence_row row;
    if (!attempt_read_again(x, &row))
        return attempt_undecided(x, "COMMIT was not confirmed and the fence cannot be read; the next attempt will find out", commit_fault);
    if (row.state == FENCE_DONE && row.token == x->request->token)
        return true;
    if (row.state == FENCE_OURS)
        return attempt_fault(x, "the transaction was not committed", commit_fault);
    return attempt_not_ours(x, &row);
}

static bool commit(struct attempt *x)
{
    struct sql_fault fault = {.sqlstate = "08S01", .text = "the answer to COMMIT was lost"};
    supervise_hold();
    /* Told before it was held: what was cancelled last may have ended well. */
    if (supervise_stopped() != SUPERVISE_RUNNING)
        return attempt_fault(x, "before COMMIT", &fault);
    bool answered = !sql_failpoint_is("unsent_commit") && sql_execute(x->session.connection, "commit", NULL, &fault) == BF_OK;
    x->in_transaction = false;
    if (answered && sql_failpoint_is("lost_commit"))
        answered = false;
    if (!answered && !decide(x, &fault))
        return false;
    sql_failpoint("after_commit");
    return true;
}

static void run_in_transaction(struct attempt *x)
{
    if (!attempt_check_engines(x) || !attempt_claim(x, NULL))
        return;
    if (!work(x) || !mark(x)) {
        bool undone = attempt_rollback(x);
        attempt_explain(x);
        if (!undone)
            attempt_tell_not_undone(x);
        return;
    }
    if (commit(x))
        attempt_end(x, RUN_DONE, "done, %lld rows changed", (long long)x->result->rows);
}

static void run_each(struct attempt *x)
{
    if (attempt_run_statements(x) && attempt_check(x))
        attempt_end(x, RUN_DONE, "done, %lld rows changed", (long long)x->result->rows);
}

/* A sensor: its check is the question, and no answer of it is a failed check.  Only what keeps the question from being asked fails. */
static void look(struct attempt *x)
{
    bool there = attempt_check(x);
    bf_buf_clear(&x->result->lines);
    if (there)
        attempt_end(x, RUN_DONE, "it is there");
    else if (x->result->end == RUN_CHECK_FAILED)
        x->result->end = RUN_NOT_YET;
}

static void run(struct attempt *x)
{
    if (x->request->what != SQL_DO_RUN && x->request->what != SQL_DO_LOOK)
        warehouse_look(x);
    else if (!attempt_open(x) || !attempt_prepare(x) || (x->request->swap && !swap_check_names(x)))
        return;
    else if (x->request->what == SQL_DO_LOOK)
        look(x);
    else if (x->request->swap && x->session.dialect->ddl_commits)
        swap_run(x);
    else if (x->request->swap || x->request->transaction)
        run_in_transaction(x);
    else
        run_each(x);
}

void sql_run(const struct sql_request *r, struct run_result *ret)
{
    struct attempt x = {.request = r, .result = ret};
    *ret = (struct run_result){.end = RUN_FAULT};
    run(&x);
    attempt_close(&x);
}

void run_result_done(struct run_result *r)
{
    bf_buf_free(&r->lines);
}
