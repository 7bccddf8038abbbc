/* Diagnostics with positions: collected, sorted by place, shown as compilers do. */
#ifndef BF_COMMON_DIAG_H
#define BF_COMMON_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum bf_severity { BF_DIAG_ERROR, BF_DIAG_WARNING, BF_DIAG_NOTE };

struct bf_mark { uint32_t line, column; };               /* from 1; 0 when the place is the whole file */

struct bf_diag {
    enum bf_severity severity;
    struct bf_mark mark;
    char *text;                                          /* one sentence, owned */
};

#define BF_DIAG_MAX 200                                  /* past that, one line says how many were left out */

/* All-zero plus file/source is ready for use.  file and source are borrowed and outlive the list. */
struct bf_diags {
    const char *file;
    const char *source;
    size_t source_len;
    struct bf_diag *at;
    size_t n, cap, n_errors, n_warnings, n_left_out;
};

void bf_diag_add(struct bf_diags *d, enum bf_severity severity, struct bf_mark mark, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* "file:line:column: error: text", the source line and a caret, for each, in order of place (a note stays behind its error). */
void bf_diags_print(const struct bf_diags *d, struct bf_buf *ret);
void bf_diags_done(struct bf_diags *d);

#endif
