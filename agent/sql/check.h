/* Checks of data: what they are, and running them inside the transaction of an attempt, between its work and its marker.
 *
 * Each check runs behind a savepoint which is rolled back in any case, so that it neither changes data nor breaks the transaction.
 * Every check runs, even when an earlier one failed, unless the transaction itself is lost or time is up. */
#ifndef BF_AGENT_SQL_CHECK_H
#define BF_AGENT_SQL_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sql/bounds.h"
#include "agent/sql/connection.h"
#include "agent/sql/dialect.h"
#include "agent/sql/fault.h"
#include "agent/sql/pieces.h"
#include "common/error.h"

#define SQL_CHECK_SENTENCE_MAX 512

enum check_kind {
    CHECK_ROW_COUNT, CHECK_NOT_NULL, CHECK_UNIQUE, CHECK_ACCEPTED_VALUES, CHECK_RELATIONSHIPS, CHECK_FRESHNESS, CHECK_ALIGNED,
    CHECK_SCHEMA, CHECK_RECONCILE, CHECK_SQL, CHECK_KIND_COUNT
};
enum sql_check_severity { SQL_CHECK_WARN, SQL_CHECK_ERROR, SQL_CHECK_HALT, SQL_CHECK_SEVERITY_COUNT };
enum check_status { CHECK_PASSED, CHECK_FAILED, CHECK_COULD_NOT_RUN };

struct check_names { char **at; size_t n; };   /* owned */

enum check_value_type { CHECK_VALUE_STRING, CHECK_VALUE_NUMBER, CHECK_VALUE_BOOLEAN };
struct check_value { enum check_value_type type; char *text; };       /* owned; a number as its decimal, a boolean as "true", "false" */

enum check_within { WITHIN_EQUAL, WITHIN_RATIO, WITHIN_AMOUNT };

/* One check.  Members that its kind does not have are zero. */
struct sql_check {
    char *name;
    enum check_kind kind;
    enum sql_check_severity severity;
    char *dataset, *table;                     /* "" where the check has none (reconcile, sql) */
    char *partition_column;                    /* NULL: the whole table */
    int64_t timeout_ms;                        /* 0: none but the attempt's */
    double sample;                             /* a fraction of the rows; 0: all of them */
    bool has_min, has_max, has_ratio_to;       /* row_count */
    int64_t min, max;
    enum check_within within;
    char *within_text;                         /* a decimal; NULL when equal */
    struct check_names columns;                /* not_null, unique; one in the kinds that have "column" */
    struct check_value *values;                /* accepted_values */
    size_t n_values;
    char *to_table, *field;                    /* relationships */
    int64_t max_age_ms;                        /* freshness */
    enum sql_grain grain;                      /* aligned; SQL_GRAIN_NONE: not given */
    struct check_names types;                  /* schema: the type of columns.at[i] */
    struct sql_pieces query, right;            /* ratio_to, left, pieces; right of reconcile */
};

struct sql_checks { struct sql_check *at; size_t n; };

/* Parse the request's "checks".  Unknown keys, and keys of another kind, are errors.  *ret untouched on failure. */
enum bf_rc sql_checks_parse(const json_t *array, struct sql_checks *ret, struct bf_error *err) BF_MUST_CHECK;
void sql_checks_done(struct sql_checks *c);

/* A table that stands for another one: where an attempt stages its output, the checks look there. */
struct sql_stand_in { const char *table, *staged; };

/* Where checks run.  All borrowed. */
struct sql_check_place {
    struct sql_connection *connection;
    const struct sql_dialect *dialect;
    const struct sql_bounds *bounds;           /* NULL: no partition */
    const char *const *mask;                   /* columns whose values are never shown, whatever their case */
    size_t n_mask;
    const struct sql_stand_in *stand_ins;
    size_t n_stand_ins;
    int64_t deadline_ms;                       /* CLOCK_BOOTTIME, when the attempt's time is up; 0: none */
    bool transaction;                          /* a transaction is open: savepoints hold */
};

struct sql_check_result {
    const struct sql_check *check;             /* borrowed */
    enum check_status status;
    char text[SQL_CHECK_SENTENCE_MAX];         /* one sentence */
    char *sql;                                 /* the query as sent; "" when none was.  Owned */
    json_t *figures;                           /* object of numbers; owned */
    json_t *offending;                         /* list of objects; owned */
    int64_t ms;
    bool sampled;
    struct sql_fault fault;                    /* of could_not_run: the database's, or 42000 when the check itself is at fault */
};

enum checks_end {
    CHECKS_LET_THROUGH,                        /* all passed, or those that did not have the severity warn */
    CHECKS_FAILED,                             /* roll back; severity says whether the backfill stops too */
    CHECKS_COULD_NOT_RUN                       /* roll back; fault says why */
};

struct sql_check_results {
    struct sql_check_result *at;
    size_t n;                                  /* as many as checks, in their order */
    enum checks_end end;
    enum sql_check_severity severity;          /* of CHECKS_FAILED: error or halt */
    struct sql_fault fault;                    /* of CHECKS_COULD_NOT_RUN; its text begins with "check NAME could not run: " */
    char text[SQL_CHECK_SENTENCE_MAX + 128];   /* one sentence; "" when all passed */
};

/* Run all checks.  Never fails itself: what goes wrong is in the results. */
void sql_checks_run(const struct sql_checks *checks, const struct sql_check_place *place, struct sql_check_results *ret);
void sql_check_results_done(struct sql_check_results *r);

#endif
