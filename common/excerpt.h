/* The line of a text that a diagnostic is about, with what it points at underlined, and text made fit for a terminal.  Pure. */
#ifndef BF_COMMON_EXCERPT_H
#define BF_COMMON_EXCERPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/diag.h"

/* Where the last search in a text ended: marks that come in order of place cost one pass over the text.  All-zero to begin. */
struct bf_excerpt_cursor {
    const char *text;
    size_t line_start, line_end, at;           /* offsets: of the line, of its line end, and of the column in it */
    uint32_t line, column;
};

/* Two lines, each behind four blanks: the source line, or a window of it around the mark, and a caret under the mark that runs on
 * under the word or quoted string that begins there.  Nothing when the mark has no line or column, or the text has no such line. */
void bf_excerpt_put(struct bf_excerpt_cursor *c, const struct bf_diag_source *source, struct bf_mark mark, struct bf_buf *ret);

/* Bytes of the character at p < end, 1 when it is no UTF-8; *ret is its code point, or UINT32_MAX. */
size_t bf_utf8_take(const char *p, const char *end, uint32_t *ret);
/* Control characters, line separators, and what changes the direction of writing: text could pose as another. */
bool bf_is_unprintable(uint32_t code);
/* n bytes with control characters, and those that turn the direction of writing, as \x1b or \u202e; what is no UTF-8 becomes U+FFFD. */
void bf_put_printable(struct bf_buf *ret, const char *s, size_t n);

#endif
