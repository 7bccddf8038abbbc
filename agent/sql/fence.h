/* The table bf_fence in the warehouse: one row for each (cluster, backfill, step, partition, run).  It says which token may commit,
 * and whether the work is done.  It lives beside the data, so that one transaction carries both.
 *
 *     (no row) --claim T--> claimed by T --marker of T--> done          claim of a higher T: claimed by it; the lower one finds no
 *                                                                       row to mark, and rolls back
 */
#ifndef BF_AGENT_SQL_FENCE_H
#define BF_AGENT_SQL_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sql/connection.h"
#include "agent/sql/dialect.h"
#include "agent/sql/request.h"

#define FENCE_BACKEND_MAX 96

/* Who claims.  All borrowed. */
struct fence {
    const struct sql_dialect *dialect;
    const struct sql_request *request;
    const char *hash;                          /* of the statements */
    const char *backend;                       /* this process: host and pid */
};

enum fence_state {
    FENCE_OURS,                                /* claimed by our token */
    FENCE_DONE,                                /* done, by whatever token */
    FENCE_STALE                                /* claimed by another token, or gone */
};

struct fence_row {
    enum fence_state state;
    int64_t token;                             /* of the row; 0 when there is none */
};

/* Make the table where it is missing. */
enum bf_rc fence_create(struct sql_connection *c, const struct fence *f, struct sql_fault *fault) BF_MUST_CHECK;
/* Raise the row to our token if its token is lower and it is not done; committed by itself.  *ret says whose it is now. */
enum bf_rc fence_claim(struct sql_connection *c, const struct fence *f, struct fence_row *ret, struct sql_fault *fault) BF_MUST_CHECK;
/* Last statement of the work: done, if the row is still ours.  *ret_rows is 1 then, else 0. */
enum bf_rc fence_mark(struct sql_connection *c, const struct fence *f, int64_t *ret_rows, struct sql_fault *fault) BF_MUST_CHECK;
enum bf_rc fence_read(struct sql_connection *c, const struct fence *f, struct fence_row *ret, struct sql_fault *fault) BF_MUST_CHECK;

#endif
