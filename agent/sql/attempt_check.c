/* The checks of an attempt: between its work and its marker, on what the work made. */
#include <stdlib.h>
#include <string.h>

#include "agent/sql/attempt.h"
#include "agent/sql/check.h"
#include "agent/sql/check_report.h"
#include "agent/sql/supervise.h"
#include "common/mem.h"

/* The request's checks, read. */
struct reading {
    struct sql_checks checks;
    struct sql_bounds bounds;
    const char **mask;
    struct sql_stand_in *stand_ins;
};

static void reading_done(struct reading *r)
{
    sql_checks_done(&r->checks);
    free(r->mask);
    free(r->stand_ins);
}

static enum bf_rc read_checks(const struct sql_request *q, struct reading *ret, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    if (q->bounds)
        rc = sql_bounds_parse(q->bounds, &ret->bounds, err);
    if (rc == BF_OK && q->checks)
        rc = sql_checks_parse(q->checks, &ret->checks, err);
    size_t n = json_array_size(q->mask);
    ret->mask = bf_xcalloc(n + 1, sizeof *ret->mask);
    for (size_t i = 0; rc == BF_OK && i < n; i++) {
        ret->mask[i] = json_string_value(json_array_get(q->mask, i));
        if (!ret->mask[i])
            rc = bf_fail(err, BF_INVALID, "the request's \"mask\" is no list of names");
    }
    ret->stand_ins = bf_xcalloc(q->n_outputs + 1, sizeof *ret->stand_ins);
    for (size_t i = 0; i < q->n_outputs; i++)
        ret->stand_ins[i] = (struct sql_stand_in){q->outputs[i].table, q->outputs[i].staged};
    return rc;
}

bool attempt_read_checks(struct attempt *x)
{
    BF_CLEANUP(reading_done) struct reading r = {0};
    struct bf_error err = {0};
    return read_checks(x->request, &r, &err) == BF_OK || attempt_refused(x, &err);
}

static bool end_by(struct attempt *x, const struct sql_check_results *results)
{
    if (results->end == CHECKS_LET_THROUGH)
        return true;
    if (results->end == CHECKS_FAILED)
        return attempt_end(x, RUN_CHECK_FAILED, "%s", results->text);
    if (supervise_stopped() != SUPERVISE_RUNNING)
        return attempt_fault(x, "in the checks", &results->fault);
    x->result->fault = results->fault;
    x->result->transient = x->session.dialect->transient(results->fault.native, results->fault.sqlstate);
    return attempt_end(x, RUN_FAULT, "%s", results->text);
}

bool attempt_check(struct attempt *x)
{
    BF_CLEANUP(reading_done) struct reading r = {0};
    BF_CLEANUP(sql_check_results_done) struct sql_check_results results = {0};
    struct bf_error err = {0};
    if (json_array_size(x->request->checks) == 0)
        return true;
    if (read_checks(x->request, &r, &err) != BF_OK)
        return attempt_refused(x, &err);
    struct sql_check_place place = {
        .connection = x->session.connection, .dialect = x->session.dialect, .bounds = x->request->bounds ? &r.bounds : NULL,
        .mask = r.mask, .n_mask = json_array_size(x->request->mask), .stand_ins = r.stand_ins,
        .n_stand_ins = x->request->swap ? x->request->n_outputs : 0, .transaction = x->in_transaction,
    };
    sql_checks_run(&r.checks, &place, &results);
    sql_check_report_lines(&results, &x->result->lines);
    return end_by(x, &results);
}
