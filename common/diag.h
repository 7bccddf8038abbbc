/* Diagnostics with positions: collected, sorted by place, shown as compilers do. */
#ifndef BF_COMMON_DIAG_H
#define BF_COMMON_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum bf_severity { BF_DIAG_ERROR, BF_DIAG_WARNING, BF_DIAG_NOTE };

struct bf_mark { uint32_t line, column; };               /* from 1; 0 when the place is the whole file */

/* A text that diagnostics point into.  Borrowed. */
struct bf_diag_source { const char *file; const char *text; size_t len; };

struct bf_diag {
    enum bf_severity severity;
    struct bf_mark mark;
    struct bf_diag_source source;                        /* file NULL: the list's own */
    char *text;                                          /* one sentence, owned */
    char *fix;                                           /* what to do about it, as one short imperative; owned; NULL: none */
};

#define BF_DIAG_MAX 200                                  /* past that, one line says how many were left out */

/* All-zero plus file/source is ready for use.  file and source are borrowed and outlive the list. */
struct bf_diags {
    const char *file;
    const char *source;
    size_t source_len;
    struct bf_diag *at;
    size_t n, cap, n_errors, n_warnings, n_left_out;
    bool group_dropped, last_dropped;                    /* the error or warning, the diagnostic, that came last was not kept */
};

/* Said again at the same place, a diagnostic is dropped with its notes.  Past BF_DIAG_MAX an error still takes a warning's place. */
void bf_diag_add(struct bf_diags *d, enum bf_severity severity, struct bf_mark mark, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same in another text than the list's own, such as a SQL file. */
void bf_diag_add_in(struct bf_diags *d, const struct bf_diag_source *source, enum bf_severity severity, struct bf_mark mark,
                    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Give the fix of the diagnostic that was added last, "write `previous 1`"; nothing happens when that one was left out. */
void bf_diag_fix(struct bf_diags *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Order by place; a note stays behind its error or warning.  Printing does it by itself. */
void bf_diags_sort(struct bf_diags *d);
/* The text that a diagnostic of the list points into; file is never NULL. */
struct bf_diag_source bf_diag_source_of(const struct bf_diags *d, const struct bf_diag *one);
const char *bf_severity_name(enum bf_severity severity);    /* "error", "warning", "note" */
/* "file:line:column: error: text", the source line and a caret, and "fix: …" where there is one, for each in order of place. */
void bf_diags_print(struct bf_diags *d, struct bf_buf *ret);
void bf_diags_done(struct bf_diags *d);

#endif
