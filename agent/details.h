/* What an attempt tells beside its end: results of checks, metrics, the statement that failed, the state of a warehouse.
 *
 * It is gathered from BF_RESULT, where anything may stand: only what the contract names is taken, within these bounds, and rendered as
 * one JSON object of printable ASCII that is fit for outcome.details:
 *   {"checks": [{"name","kind","severity","dataset","status","text","sql","figures","offending","ms","sample"}],
 *    "metrics": {NAME: number}, "sql": {"statement","line","column","excerpt"}, "warehouse": [{"topic","status","text","remedy"}], "cut":
 *    true} */
#ifndef BF_AGENT_DETAILS_H
#define BF_AGENT_DETAILS_H

#include <jansson.h>
#include <stdbool.h>

#define DETAILS_CHECKS_MAX 1000u
#define DETAILS_METRICS_MAX 64u
#define DETAILS_TOPICS_MAX 16u               /* of a warehouse */
#define DETAILS_ROWS_MAX 10u                 /* offending ones of a check */
#define DETAILS_COLUMNS_MAX 64u              /* of such a row */
#define DETAILS_VALUE_MAX 200u               /* bytes of one value in it */
#define DETAILS_SQL_MAX 2000u                /* bytes of a check's query */
#define DETAILS_EXCERPT_MAX 400u             /* bytes of a statement */

/* All-zero is empty. */
struct details {
    json_t *checks, *metrics, *sql, *warehouse;      /* NULL: nothing */
    bool cut;                                /* something was left out */
};

/* Take the value of a line.  NULL, or what is wrong with it; then it is left out. */
const char *details_add_check(struct details *d, const json_t *check);
const char *details_add_metric(struct details *d, const json_t *metric);
const char *details_set_warehouse(struct details *d, const json_t *topics);
const char *details_set_statement(struct details *d, const json_t *sql);     /* the parts of `sql` that say where; the last one counts */

/* At most OUTCOME_DETAILS_MAX bytes, "" when there is nothing; the caller frees.  Takes out of *d what has no room: offending rows first,
 * then the queries of checks, then checks, then topics; each from the end, and of checks that passed before those of others. */
char *details_render(struct details *d);
void details_done(struct details *d);

#endif
