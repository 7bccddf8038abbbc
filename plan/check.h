/* What must hold for the datasets of a `sql` step: the checks that run in it, after its script and before its marker.  Plain values.
 *
 * Checks stand in the order in which they run: those of the plan, then those that the step's datasets promise (`implied`).  Each has a
 * name of its own within the step: the one that the plan gives, else its kind, its kind and "-2", …  Indices are of the plan. */
#ifndef BF_PLAN_CHECK_H
#define BF_PLAN_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "plan/partition.h"
#include "plan/template.h"

enum plan_check_kind {
    PLAN_CHECK_ROW_COUNT, PLAN_CHECK_NOT_NULL, PLAN_CHECK_UNIQUE, PLAN_CHECK_ACCEPTED_VALUES, PLAN_CHECK_RELATIONSHIPS,
    PLAN_CHECK_FRESHNESS, PLAN_CHECK_ALIGNED, PLAN_CHECK_SCHEMA, PLAN_CHECK_RECONCILE, PLAN_CHECK_SQL
};
enum plan_severity { PLAN_WARN, PLAN_ERROR, PLAN_HALT };

enum plan_scalar_type { PLAN_SCALAR_TEXT, PLAN_SCALAR_NUMBER, PLAN_SCALAR_BOOL };
struct plan_scalar { enum plan_scalar_type type; char *text; };      /* a number or a boolean is spelled as JSON does */

struct plan_column { char *name, *type; };     /* "bigint not null" */

/* How near two figures are: one is at most so far from the other. */
enum plan_within_kind { PLAN_WITHIN_NONE, PLAN_WITHIN_RATIO, PLAN_WITHIN_AMOUNT };
struct plan_within { enum plan_within_kind kind; int64_t value; };   /* a ratio in millionths, an amount in thousandths */

#define PLAN_CHECK_QUERIES 2u                  /* reconcile: left, right; row_count: ratio_to; sql: the query */

struct plan_check {
    char *name;
    enum plan_check_kind kind;
    enum plan_severity severity;
    bool implied;                              /* by what the dataset promises */
    uint32_t dataset;
    int64_t timeout_ms;                        /* 0: the step's own */
    uint32_t sample_millionths;                /* 0: all rows */
    bool has_min, has_max;                     /* row_count */
    int64_t min, max;
    struct plan_within within;                 /* row_count with a query, reconcile; NONE: equal */
    char **columns; size_t n_columns;          /* not_null, unique; one: accepted_values, relationships, freshness, aligned */
    struct plan_scalar *values; size_t n_values;   /* accepted_values */
    uint32_t to; char *field;                  /* relationships: a dataset and its column */
    int64_t max_age_ms;                        /* freshness */
    enum plan_grain grain;                     /* aligned; PLAN_NONE: any */
    struct plan_column *types; size_t n_types; /* schema; sorted by name */
    struct template queries[PLAN_CHECK_QUERIES];   /* n 0: none */
    struct bf_mark mark;
};

const char *plan_check_kind_name(enum plan_check_kind k);    /* "row_count" */
const char *plan_severity_name(enum plan_severity s);        /* "warn" */

void plan_check_done(struct plan_check *check);
void plan_columns_free(struct plan_column *columns, size_t n);
void plan_scalars_free(struct plan_scalar *scalars, size_t n);
void plan_strings_free(char **strings, size_t n);

#endif
