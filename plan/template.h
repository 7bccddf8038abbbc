/* Templates: "{{ name }}" and "{{ name | ident }}" compiled once, checked when the plan is validated.  Pure.
 *
 * There is no raw splice.  In argv and env an expression becomes text.  In SQL the compiled pieces and typed values travel to
 * bf-sql, which writes a literal of the type in the dialect of the database. */
#ifndef BF_PLAN_TEMPLATE_H
#define BF_PLAN_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/diag.h"
#include "common/map.h"
#include "plan/partition.h"

enum template_var {
    TEMPLATE_TEXT,               /* a literal piece, not an expression */
    TEMPLATE_PARTITION_START,    /* date: first local day; grain hour: timestamp with its offset */
    TEMPLATE_PARTITION_END,      /* date: local day after the last; grain hour: timestamp */
    TEMPLATE_PARTITION_DATE,     /* date: grain hour and day */
    TEMPLATE_PARTITION_HOUR,     /* string YYYY-MM-DDTHH: grain hour */
    TEMPLATE_PARTITION_WEEK,     /* string YYYY-Www: grain hour, day, week */
    TEMPLATE_PARTITION_MONTH,    /* string YYYY-MM: grain hour, day, month */
    TEMPLATE_PARTITION_KEY,      /* string */
    TEMPLATE_PARTITION_INDEX,    /* integer from 0 within the step's range */
    TEMPLATE_PARAM,              /* string */
    TEMPLATE_RUN_ID,             /* string: backfill/step/partition/run */
    TEMPLATE_RUN_ATTEMPT,        /* integer from 1 */
    TEMPLATE_RUN_TOKEN,          /* integer */
    TEMPLATE_DATASET,            /* identifier or string: the dataset's name; in SQL its table */
    TEMPLATE_STAGED              /* staged: the table that stands in for a dataset's until it is published */
};

enum template_type { TEMPLATE_STRING, TEMPLATE_INTEGER, TEMPLATE_DATE, TEMPLATE_TIMESTAMP, TEMPLATE_IDENT, TEMPLATE_STAGED_TABLE };

struct template_piece {
    enum template_var var;
    bool ident;                  /* "| ident" */
    char *text;                  /* the literal, or the name of a param or dataset; owned */
    size_t text_len;
    uint32_t place;              /* of a param, or a dataset: in the scope's list; a param's also in that of the values */
};

struct template {
    struct template_piece *pieces;
    size_t n;
};

/* What a template may name.  Borrowed. */
struct template_scope {
    enum plan_grain grain;
    bool grain_bad;              /* not known: every partition.… is taken */
    const char *const *params; size_t n_params;
    const char *const *datasets; size_t n_datasets;
    const struct bf_smap *param_index, *dataset_index;   /* the same names -> place + 1; NULL: the lists are searched */
    const uint32_t *staged; size_t n_staged;             /* places of the datasets that are staged; NULL: nothing is */
    bool text_only;              /* argv, env and the like: "| ident" is refused */
    bool own_transactions;       /* the script may begin and end transactions */
    bool query;                  /* one statement, which must change nothing: of a check */
};

/* Where a template's text stands, so that an error can point into it. */
struct template_place {
    struct bf_mark mark;         /* of the first character of the text */
    const struct bf_diag_source *source;   /* not NULL: the text is the whole of another file; mark then is where that is named */
    bool block;                  /* a literal block: its lines are lines of the document, from mark.line on */
    uint32_t indent;             /* of these lines, in columns */
    bool whole;                  /* characters cannot be placed (escapes, folded lines): errors stand at mark */
};

/* Values for one instance; the parameters are those of the scope, in its order.  Borrowed. */
struct template_values {
    const struct plan_partitions *partitions;    /* of the step */
    uint32_t index;                          /* partition */
    const char *const *params; const char *const *param_values; size_t n_params;
    const char *run_id;
    uint32_t attempt;
    uint64_t token;
};

/* One rendered value of a SQL template. */
struct template_value {
    enum template_type type;
    char *text;                              /* "2024-01-31", "2024-01-31T05:00:00+01:00", "42", "raw text"; owned */
};

/* Compile text, UTF-8 without NUL; errors go to d, at the place of what is wrong as far as that is known.  false on error. */
bool template_compile_at(const char *text, size_t len, const struct template_place *place,
                         const struct template_scope *scope, struct bf_diags *d, struct template *ret);
/* Where the character at an offset of such a text stands, as far as that is known. */
struct bf_mark template_mark(const struct template_place *place, const char *text, size_t offset);
/* Append the text form (argv, env). */
void template_render(const struct template *t, const struct template_values *v, struct bf_buf *ret);
/* Typed value of one expression piece. */
struct template_value template_piece_value(const struct template_piece *p, const struct template_values *v);
/* Does partition.… mean something for a grain, and its value; for what is no partition.… : false, and must not be asked. */
bool template_var_fits(enum template_var var, enum plan_grain grain);
struct template_value template_partition_value(enum template_var var, const struct plan_partitions *partitions, uint32_t index);
/* "2024-01-31T05:00:00+01:00", by that offset of the clock; the caller frees. */
char *template_timestamp_text(int64_t utc_s, int32_t offset_s);
/* The names that templates know, as the reference writes them: "partition.start", …, "params.NAME"; NULL past the last. */
const char *template_name(size_t i);
void template_done(struct template *t);

#endif
