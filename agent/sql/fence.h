/* The table of the fence in the warehouse: one row for each (cluster, backfill, step, partition, run).  It says which token may commit,
 * and whether the work is done.  It lives beside the data, so that one transaction carries both.
 *
 *     (no row) --claim T--> claimed by T --marker of T--> done          claim of a higher T: claimed by it; the lower one finds no
 *                                                                       row to mark, and rolls back
 *
 * A step instance has one row for each of its runs, and other backfills that write the same tables in the same partition have theirs, so
 * a claim looks at the others too.  First it raises its own row; then it ends if another row bears a higher token, and raises those of
 * lower ones that are not done (attempt 0: nobody's any more).  Of two such claims at the same time, the lower one meets the row of the
 * higher one, or is met by it.  (At most one live backfill writes a table's partition, so a lower token there belongs to one that is over.) */
#ifndef BF_AGENT_SQL_FENCE_H
#define BF_AGENT_SQL_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sql/connection.h"
#include "agent/sql/dialect.h"
#include "agent/sql/fence_rule.h"
#include "agent/sql/request.h"
#include "common/buf.h"

#define FENCE_BACKEND_MAX 160

/* Who claims.  All borrowed but table. */
struct fence {
    const struct sql_dialect *dialect;
    const struct sql_request *request;
    const char *hash;                          /* of the statements */
    const char *backend;                       /* this process and its session */
    struct bf_buf table;                       /* the table's name as it stands in statements; owned */
    struct bf_buf partition;                   /* the column "partition"; owned */
    char writes[9];                            /* a checksum of the output tables, in hex; "" when there are none */
};

struct fence_row {
    enum fence_state state;
    bool own;                                  /* of our run; else of another run or backfill */
    int64_t token, attempt;                    /* both 0 when there is no row, and attempt when a higher token has put it out of the way */
};

/* BF_INVALID when the table's name is none, or a text has no literal in the dialect.  Set the other members, and what they point at, before. */
enum bf_rc fence_init(struct fence *f, struct bf_error *err) BF_MUST_CHECK;
void fence_done(struct fence *f);

/* Make the table where it is missing.  Harmless when two come at once. */
enum bf_rc fence_create(struct sql_connection *c, const struct fence *f, struct sql_fault *fault) BF_MUST_CHECK;
/* From here on the table is named with its schema, so that no table that a script makes, and no search path, stands before it.  It must
 * be there, and no script must have run. */
enum bf_rc fence_resolve(struct sql_connection *c, struct fence *f, struct sql_fault *fault) BF_MUST_CHECK;
/* Is it there, with its columns? */
enum bf_rc fence_probe(struct sql_connection *c, const struct fence *f, struct sql_fault *fault) BF_MUST_CHECK;
enum bf_rc fence_read(struct sql_connection *c, const struct fence *f, struct fence_row *ret, struct sql_fault *fault) BF_MUST_CHECK;
/* Raise the row from what was seen to our token; committed by itself.  Nothing happens when the row has changed since: read it again. */
enum bf_rc fence_raise(struct sql_connection *c, const struct fence *f, const struct fence_row *seen, struct sql_fault *fault) BF_MUST_CHECK;
/* Of other runs and backfills: a row that bears a higher token than ours; and the first behind a token (0: of all) that is claimed by a lower one.
 * *ret_found is false, and *ret untouched, when there is none. */
enum bf_rc fence_read_later(struct sql_connection *c, const struct fence *f, struct fence_row *ret, bool *ret_found,
                            struct sql_fault *fault) BF_MUST_CHECK;
enum bf_rc fence_read_left(struct sql_connection *c, const struct fence *f, int64_t behind, struct fence_row *ret, bool *ret_found,
                           struct sql_fault *fault) BF_MUST_CHECK;
/* Put such a claimed row out of the way: our token, nobody's attempt.  Nothing happens when it has changed since. */
enum bf_rc fence_supersede(struct sql_connection *c, const struct fence *f, const struct fence_row *left, struct sql_fault *fault) BF_MUST_CHECK;
/* Put away the temporary table that a script has made under the fence's name, where such a one stands before it whatever its schema. */
enum bf_rc fence_unshadow(struct sql_connection *c, const struct fence *f, struct sql_fault *fault) BF_MUST_CHECK;
/* Done, if the row is still claimed by the token: our own row, or that of another run or backfill, which its token names.  *ret_rows is 1 then, else 0.
 * Sees to fence_unshadow(). */
enum bf_rc fence_mark(struct sql_connection *c, const struct fence *f, int64_t token, int64_t *ret_rows, struct sql_fault *fault) BF_MUST_CHECK;

#endif
