/* What the protocols share: an attempt with its session, its script and its row in the fence, and how it ends.  Private to run.c,
 * swap.c, warehouse.c, and to its own parts attempt.c, claim.c and statements.c. */
#ifndef BF_AGENT_SQL_ATTEMPT_H
#define BF_AGENT_SQL_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sql/bounds.h"
#include "agent/sql/check.h"
#include "agent/sql/fence.h"
#include "agent/sql/run.h"
#include "agent/sql/script.h"
#include "agent/sql/session.h"

struct attempt {
    const struct sql_request *request;
    struct run_result *result;
    struct sql_session session;
    bool prepared;                             /* script and fence hold something */
    struct sql_script script;
    struct sql_checks checks;
    struct sql_bounds bounds;
    struct fence fence;
    bool claimed;                              /* the row was ours once */
    bool in_transaction;                       /* ours, that of transaction: true */
    bool script_in_transaction;                /* without it: the script has begun one */
    char transaction_id[SQL_CELL_MAX];
    char hash[SQL_CONTENT_HASH_MAX];
    char backend[FENCE_BACKEND_MAX];
};

/* Each of these sets the result and returns false, for `return attempt_…()` in the steps of a protocol. */
bool attempt_end(struct attempt *x, enum run_end end, const char *fmt, ...) BF_PRINTF(3, 4);
bool attempt_fault(struct attempt *x, const char *where, const struct sql_fault *fault);
/* It is not known whether the work was published, or known that it was, and only the next attempt can say so.  Its class is that of a
 * lost connection whatever was heard, because an attempt more is needed. */
bool attempt_undecided(struct attempt *x, const char *where, const struct sql_fault *heard);
bool attempt_refused(struct attempt *x, const struct bf_error *err);
/* The row is not ours (any more). */
bool attempt_not_ours(struct attempt *x, const struct fence_row *row);

/* Texts are cut by bytes; this takes half a character at the end away. */
void attempt_cut_text(char *s);

/* The steps.  false: the result is set. */
bool attempt_open(struct attempt *x);
bool attempt_prepare(struct attempt *x);
/* Raise the row to our token, after the session of whoever holds it was ended; then those of the instance's other runs, so that nobody
 * with a lower token can commit any more.  before_raise (may be NULL) is called with each row that was seen, to repair what its holder
 * left; it may find the work of that run done, and sets *ret_done then. */
typedef bool attempt_repair_fn(struct attempt *x, const struct fence_row *seen, bool *ret_done);
bool attempt_claim(struct attempt *x, attempt_repair_fn *before_raise);
/* Do all tables that the script writes, and the fence, take part in transactions?  Asked before anything runs. */
bool attempt_check_engines(struct attempt *x);
/* All statements, one by one. */
bool attempt_run_statements(struct attempt *x);
/* Checks of the data that the statements made. */
bool attempt_check(struct attempt *x);
/* Begin the work's transaction; and see that no statement has ended it. */
bool attempt_begin(struct attempt *x);
bool attempt_still_in_transaction(struct attempt *x, const char *where);
/* false: the database said that not all of it could be undone. */
bool attempt_rollback(struct attempt *x);
/* Say so in the result, which is set. */
void attempt_tell_not_undone(struct attempt *x);

/* Is there a table of the (dotted) name?  Only where the dialect can tell. */
enum bf_rc attempt_table_exists(struct attempt *x, const char *table, bool *ret, struct sql_fault *fault) BF_MUST_CHECK;

/* A fault in the middle may be our successor's doing, who ended our session: then we are stale, and the result says that. */
void attempt_explain(struct attempt *x);
/* The row, read in a new session, which ends the old one before it reads. */
bool attempt_read_again(struct attempt *x, struct fence_row *ret);

/* Let go of everything.  When the attempt was stopped, its session is gone from the server afterwards. */
void attempt_close(struct attempt *x);

#endif
