/* The checks of an attempt: between its work and its marker, on what the work made. */
#include <stdlib.h>
#include <string.h>

#include "agent/sql/attempt.h"
#include "agent/sql/check.h"
#include "agent/sql/check_report.h"
#include "agent/sql/failpoint.h"
#include "agent/sql/supervise.h"
#include "common/mem.h"

enum bf_rc attempt_prepare_checks(struct attempt *x, struct bf_error *err)
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
    const struct sql_request *r = x->request;
    BF_CLEANUP(sql_check_results_done) struct sql_check_results results = {0};
    if (x->checks.n == 0)
        return true;
    size_t n_mask = json_array_size(r->mask);
    BF_AUTO_FREE const char **mask = bf_xcalloc(n_mask + 1, sizeof *mask);
    for (size_t i = 0; i < n_mask; i++)
        mask[i] = json_string_value(json_array_get(r->mask, i));
    BF_AUTO_FREE struct sql_stand_in *stand_ins = bf_xcalloc(r->n_outputs + 1, sizeof *stand_ins);
    for (size_t i = 0; i < r->n_outputs; i++)
        stand_ins[i] = (struct sql_stand_in){r->outputs[i].table, r->outputs[i].staged};
    const struct sql_check_place place = {
        .connection = x->session.connection, .dialect = x->session.dialect, .bounds = r->bounds ? &x->bounds : NULL, .mask = mask,
        .n_mask = n_mask, .stand_ins = stand_ins, .n_stand_ins = r->swap ? r->n_outputs : 0, .deadline_ms = supervise_deadline_ms(),
        .transaction = x->in_transaction,
    };
    sql_checks_run(&x->checks, &place, &results);
    sql_check_report_lines(&results, &x->result->lines);
    if (!end_by(x, &results))
        return false;
    sql_failpoint("after_checks");
    return true;
}
