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
    TEMPLATE_PARTITION_START,    /* date: first day (time zone UTC) */
    TEMPLATE_PARTITION_END,      /* date: day after the last */
    TEMPLATE_PARTITION_DATE,     /* date: grain day only */
    TEMPLATE_PARTITION_MONTH,    /* string YYYY-MM: grain day or month */
    TEMPLATE_PARTITION_KEY,      /* string */
    TEMPLATE_PARTITION_INDEX,    /* integer from 0 within the step's range */
    TEMPLATE_PARAM,              /* string */
    TEMPLATE_RUN_ID,             /* string: backfill/step/partition/run */
    TEMPLATE_RUN_ATTEMPT,        /* integer from 1 */
    TEMPLATE_RUN_TOKEN,          /* integer */
    TEMPLATE_DATASET             /* identifier or string: the dataset's name */
};

enum template_type { TEMPLATE_STRING, TEMPLATE_INTEGER, TEMPLATE_DATE, TEMPLATE_IDENT };

struct template_piece {
    enum template_var var;
    bool ident;                  /* "| ident" */
    char *text;                  /* the literal, or the name of a param or dataset; owned */
    size_t text_len;
};

struct template {
    struct template_piece *pieces;
    size_t n;
};

/* What a template may name.  Borrowed. */
struct template_scope {
    enum plan_grain grain;
    const char *const *params; size_t n_params;
    const char *const *datasets; size_t n_datasets;
    const struct bf_smap *param_index, *dataset_index;   /* sets of the same names; NULL: the lists are searched */
    bool text_only;              /* argv and env: "| ident" is refused */
};

/* Where a template's text stands, so that an error can point into it. */
struct template_place {
    struct bf_mark mark;         /* of the first character of the text */
    const char *file;            /* not NULL: the text is another file's; its own line and column go into the sentence */
    bool block;                  /* a literal block: its lines are lines of the document, from mark.line on */
    uint32_t indent;             /* of these lines, in columns */
    bool whole;                  /* characters cannot be placed (escapes, folded lines): errors stand at mark */
};

/* Values for one instance.  Borrowed. */
struct template_values {
    struct plan_range range;                 /* of the step */
    int32_t ordinal;                         /* partition */
    const char *const *params; const char *const *param_values; size_t n_params;
    const char *run_id;
    uint32_t attempt;
    uint64_t token;
};

/* One rendered value of a SQL template. */
struct template_value {
    enum template_type type;
    char *text;                              /* "2024-01-31", "42", "raw text"; owned */
};

/* Compile text; errors go to d at mark (columns inside the text are added for one-line scalars).  false on error. */
bool template_compile(const char *text, size_t len, struct bf_mark mark, const struct template_scope *scope,
                      struct bf_diags *d, struct template *ret);
/* The same for a text whose place is known better.  Writes *ret only when true. */
bool template_compile_at(const char *text, size_t len, const struct template_place *place,
                         const struct template_scope *scope, struct bf_diags *d, struct template *ret);
/* Append the text form (argv, env). */
void template_render(const struct template *t, const struct template_values *v, struct bf_buf *ret);
/* Typed value of one expression piece. */
struct template_value template_piece_value(const struct template_piece *p, const struct template_values *v);
void template_done(struct template *t);

#endif
