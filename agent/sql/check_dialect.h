/* What differs between databases for checks.  A row a database; one without a row of its own gets the last, which is careful.
 *
 * What is more than a word or a form is not here: catalogues (check_columns.c), types (check_types.c) and times (check_inside.c,
 * check_grain.c, check_text.c) have a branch a database. */
#ifndef BF_AGENT_SQL_CHECK_DIALECT_H
#define BF_AGENT_SQL_CHECK_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum check_dbms { CHECK_POSTGRESQL, CHECK_MARIADB, CHECK_SQLITE, CHECK_ANSI, CHECK_DBMS_COUNT };

struct check_dialect {
    enum check_dbms dbms;
    const char *name;                          /* as SQL_DBMS_NAME says it */
    const char *begin, *savepoint, *undo, *release;    /* undo: back to the savepoint */
    const char *limit_rows;                    /* format of an unsigned int, behind a query */
    const char *table_sample;                  /* format of a percentage, behind the table; NULL: none */
    const char *row_sample;                    /* format of a fraction, a condition; NULL: none */
    const char *truth[2];                      /* literals of false and true */
    /* A text column or value of it, so that comparisons are by bytes and case counts: around the name. */
    const char *bytes_before, *bytes_after;
    bool bytes_in_ranges;                      /* text is compared by bytes also where it is looked for in a range */
    const char *concat_begin, *concat_glue;    /* texts joined: begin a glue b ) */
    const char *remainder;                     /* format of an expression and two int64_t: (expression + first) modulo second is 0 */
    const char *now_epoch;                     /* seconds since 1970, now and not when the transaction began; NULL: unknown */
    bool reads_zoned;                          /* instants from text with an offset */
    bool whole_epochs;                         /* seconds of such text lose their fraction */

    bool exact_names;                          /* names in quotes have a case; elsewhere it is forgiven */
    bool described;                            /* columns are what the driver says of an empty query; else a catalogue gives them as rows */
    bool types_by_value;                       /* a column holds values of any type, and they are compared by it */

    /* The time that a query may take. */
    const char *set_limit;                     /* format of an int64_t in ms; NULL: it cannot be told */
    const char *ask_limit, *restore_limit;     /* where it outlives a savepoint: a query, and a format of its answer; NULL: it does not */
    int32_t limit_native;                      /* its error, beside SQLSTATE 57014 */
};

const struct check_dialect *check_dialect_find(const char *dbms);

/* How a column is compared. */
enum column_class { COLUMN_OTHER, COLUMN_NUMBER, COLUMN_TEXT, COLUMN_BOOLEAN, COLUMN_DATE, COLUMN_WALL, COLUMN_INSTANT };

#define CHECK_TYPE_MAX 128

/* A type in the one spelling of its dialect: what is equal has equal members.  args is "" where the type has none, or none that count. */
struct check_type {
    char name[CHECK_TYPE_MAX], args[32];
    enum column_class class;
};

/* text is how the database or the plan spells it, nullability left out.  Unknown types keep their own spelling, in lower case. */
void check_type_parse(const struct check_dialect *d, const char *text, struct check_type *ret);
/* Is found what the plan wants?  A plan that gives no length, precision or scale takes any. */
bool check_type_meets(const struct check_type *wanted, const struct check_type *found);

#endif
