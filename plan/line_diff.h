/* What changed between two texts, line by line, with a little around it.  Pure. */
#ifndef BF_PLAN_LINE_DIFF_H
#define BF_PLAN_LINE_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#define PLAN_LINE_CONTEXT 2u                     /* equal lines shown before and after a change */
#define PLAN_LINE_CELLS_MAX (1u << 22)           /* of the table: changed stretch of one text times that of the other, in lines */

struct plan_line {
    char sign;                   /* ' ' in both, '-' only in the old, '+' only in the new, '@' some equal lines are left out here */
    const char *text;            /* borrowed from the texts, without its newline; NULL for '@' */
    size_t len;                  /* bytes; lines for '@' */
    bool unended;                /* the text ends without a newline here */
};

/* Owned; released by plan_lines_done(). */
struct plan_lines {
    struct plan_line *at;
    size_t n, cap;
    size_t n_differ;             /* lines that differ, at least */
    bool too_large;              /* over PLAN_LINE_CELLS_MAX: there are no lines, only n_differ */
};

/* *ret is all-zero before.  Deterministic. */
void plan_line_diff(const char *old_text, size_t old_len, const char *new_text, size_t new_len, struct plan_lines *ret);
void plan_lines_done(struct plan_lines *lines);

#endif
