/* The claim: the row of this run is raised to our token, and those of the instance's other runs, and of other backfills that write the same,
 * are put out of the way.  See fence.h for what of two claims at the same time becomes, and run.c for where the claim stands in the
 * protocol.
 *
 * Sessions of all who may hold something come first, because what follows waits for locks that they may have. */
#include "agent/sql/attempt.h"
#include "agent/sql/failpoint.h"

enum { CLAIM_ROUNDS_MAX = 100 };

/* The session that holds the row goes before the row is raised, because it may have locked it. */
static bool end_holder(struct attempt *x, const struct fence_row *row)
{
    struct sql_fault fault;
    char name[SQL_SESSION_NAME_MAX];
    session_name(x->request->cluster, row->attempt, name);
    if (session_end_others(&x->session, name, &fault) == BF_OK)
        return true;
    return attempt_fault(x, "cannot begin before the session of an earlier attempt is gone", &fault);
}

/* Those of other runs' attempts, all of them before anything waits for what one of them holds. */
static bool end_other_holders(struct attempt *x)
{
    struct sql_fault fault;
    struct fence_row row = {0};
    bool found = true;
    while (found) {
        if (fence_read_left(x->session.connection, &x->fence, row.token, &row, &found, &fault) != BF_OK)
            return attempt_fault(x, "cannot read the rows of earlier runs and backfills in the fence", &fault);
        if (found && !end_holder(x, &row))
            return false;
    }
    return true;
}

/* One round: look, end the session of who holds the row, raise.  *ret_again: the row changed meanwhile. */
static bool claim_once(struct attempt *x, attempt_repair_fn *before_raise, bool *ret_again)
{
    struct sql_fault fault;
    struct fence_row row;
    *ret_again = false;
    if (fence_read(x->session.connection, &x->fence, &row, &fault) != BF_OK)
        return attempt_fault(x, "cannot read the row of this step instance in the fence", &fault);
    if (!fence_may_raise(row.state))
        return attempt_not_ours(x, &row);
    if (row.state == FENCE_EARLIER && !end_holder(x, &row))
        return false;
    bool done = false;
    if (before_raise && !before_raise(x, &row, &done))
        return false;
    if (done) {
        *ret_again = true;
        return true;
    }
    if (fence_raise(x->session.connection, &x->fence, &row, &fault) != BF_OK)
        return attempt_fault(x, "cannot claim the step instance in the fence", &fault);
    if (fence_read(x->session.connection, &x->fence, &row, &fault) != BF_OK)
        return attempt_fault(x, "cannot read the row of this step instance in the fence", &fault);
    *ret_again = row.state != FENCE_OURS;
    return true;
}

/* The row of another run that is not done, and which nobody has put out of the way. */
static bool supersede(struct attempt *x, attempt_repair_fn *before_raise, const struct fence_row *left)
{
    struct sql_fault fault;
    bool done = false;
    if (!end_holder(x, left) || (before_raise && !before_raise(x, left, &done)))
        return false;
    if (!done && fence_supersede(x->session.connection, &x->fence, left, &fault) != BF_OK)
        return attempt_fault(x, "cannot put an earlier run of the step instance out of the way in the fence", &fault);
    return true;
}

/* After our own row is raised, so that a run which claims at this moment meets it. */
static bool claim_from_other_runs(struct attempt *x, attempt_repair_fn *before_raise)
{
    struct sql_fault fault;
    struct fence_row row = {0};
    bool found = false;
    if (fence_read_later(x->session.connection, &x->fence, &row, &found, &fault) != BF_OK)
        return attempt_fault(x, "cannot read the rows of later runs and backfills in the fence", &fault);
    if (found)
        return attempt_end(x, RUN_FENCED, "token %lld is stale: token %lld of a later run or backfill has %s this partition",
                           (long long)x->request->token, (long long)row.token, row.state == FENCE_DONE ? "done" : "claimed");
    for (int round = 0; round < CLAIM_ROUNDS_MAX; round++) {
        if (fence_read_left(x->session.connection, &x->fence, 0, &row, &found, &fault) != BF_OK)
            return attempt_fault(x, "cannot read the rows of earlier runs and backfills in the fence", &fault);
        if (!found)
            return true;
        if (!supersede(x, before_raise, &row))
            return false;
    }
    (void)sql_fail_plain(x->session.connection, "40001", "other runs claim it at the same time", &fault);
    return attempt_fault(x, "cannot claim the step instance in the fence", &fault);
}

bool attempt_claim(struct attempt *x, attempt_repair_fn *before_raise)
{
    struct sql_fault fault;
    bool again = true;
    if (fence_create(x->session.connection, &x->fence, &fault) != BF_OK)
        return attempt_fault(x, "cannot create the table of the fence (bfctl warehouse init makes it under a role that may)", &fault);
    if (fence_resolve(x->session.connection, &x->fence, &fault) != BF_OK)
        return attempt_fault(x, "cannot tell where the table of the fence is", &fault);
    if (!end_other_holders(x))
        return false;
    for (int round = 0; again && round < CLAIM_ROUNDS_MAX; round++)
        if (!claim_once(x, before_raise, &again))
            return false;
    if (again) {
        (void)sql_fail_plain(x->session.connection, "40001", "other attempts claim it at the same time", &fault);
        return attempt_fault(x, "cannot claim the step instance in the fence", &fault);
    }
    if (!claim_from_other_runs(x, before_raise))
        return false;
    x->claimed = true;
    sql_failpoint("after_claim");
    return true;
}
