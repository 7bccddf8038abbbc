/* Showing documents: tables, JSON, YAML, times. */
#ifndef BFCTL_RENDER_H
#define BFCTL_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "plan/plan.h"

/* Fields of a document; what is absent or of another type is "" or 0. */
const char *render_text(const json_t *o, const char *key);
int64_t render_number(const json_t *o, const char *key);

/* "2024-01-31 06:00:00Z" from RFC 3339; "-" from NULL or "". */
#define RENDER_TIME_MAX 32
const char *render_time(const char *rfc3339, char ret[RENDER_TIME_MAX]);
/* Milliseconds since 1970 of an RFC 3339 time in UTC; -1 when it is none. */
int64_t render_time_ms(const char *rfc3339);

/* The moment that documents are of, for "in 5m": now, or the one that `replay` looks back to. */
int64_t render_now_us(void);
void render_as_of(int64_t wall_us);

/* A hash for a table, cut to what tells plans apart; in a document it is whole. */
#define RENDER_HASH_CHARS 12
struct render_hash { char text[RENDER_HASH_CHARS + 1]; };
struct render_hash render_hash(const uint8_t hash[PLAN_HASH_BYTES]);
json_t *render_hash_json(const uint8_t hash[PLAN_HASH_BYTES]);

/* A table on standard output; every cell is text, NULL or "" shows as "-". */
struct table;                                /* opaque */
struct table_column { const char *name; bool right; bool cut; };   /* cut: may be shortened to fit the terminal */
struct table *table_new(const struct table_column *columns, size_t n, bool no_headers);
/* Columns at least as wide as these, one number for each; they grow to the widths of this table, for the next one. */
void table_keep_widths(struct table *t, size_t *widths);
void table_row(struct table *t);
void table_cell(struct table *t, const char *text);              /* the next cell of the row */
void table_cellf(struct table *t, const char *fmt, ...) BF_PRINTF(2, 3);
void table_time(struct table *t, const char *rfc3339);
void table_state(struct table *t, const char *state);            /* in its colour, on a terminal that has colours */
/* Print and free; without a row, "no WHAT" goes to standard error instead. */
void table_print(struct table *t, const char *what);

/* The document on standard output, as JSON or in the form that render_as() set: indented, keys in the order in which they came. */
enum bf_rc render_json(const json_t *document, struct bf_error *err) BF_MUST_CHECK;
/* The same where more documents follow: JSON in one line, YAML behind a line "---". */
enum bf_rc render_json_next(const json_t *document, struct bf_error *err) BF_MUST_CHECK;
/* The form of documents for the rest of this run; ctl_output() sets it from -o. */
enum render_form { RENDER_JSON, RENDER_YAML };
void render_as(enum render_form form);
#define RENDER_REAL_DIGITS 15                    /* what a figure was made of; the 17th is the rounding of its binary form */
/* Append a document as JSON, with flags of jansson.  Characters that a terminal acts on, which JSON lets stand, are escaped too. */
void render_put_json(const json_t *document, size_t flags, struct bf_buf *ret);
/* Append a whole number; a size, "4.0 MiB", of bytes >= 0 (less counts as 0). */
void render_put_count(int64_t n, struct bf_buf *ret);
void render_put_size(int64_t bytes, struct bf_buf *ret);
/* Append text from outside for a terminal: control characters become '?'; those that are not ASCII, and those that turn the direction
 * of writing, are written out as \u202e. */
void render_put_safe(const char *s, size_t n, struct bf_buf *ret);
/* The same in a rotating static buffer (4 calls); cut at 400 bytes. */
const char *render_safe(const char *s);
/* The same, with each row of blanks and line ends as one blank: SQL in a line of a table. */
const char *render_folded(const char *s);

#endif
