/* A screen as cells: what the pages of `watch` draw on, and what the terminal or a test reads.  Pure. */
#ifndef BFCTL_WATCH_CELLS_H
#define BFCTL_WATCH_CELLS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#include "common/buf.h"
#include "common/error.h"

/* How a cell looks.  What it means is told by its characters too: there may be no colour. */
enum cell_look { LOOK_PLAIN, LOOK_BOLD, LOOK_DIM, LOOK_TITLE, LOOK_DONE, LOOK_RUNNING, LOOK_READY, LOOK_RETRY, LOOK_FAILED, LOOK_BLOCKED,
                 LOOK_NOTICE, LOOK_COUNT };

struct cell { wchar_t ch; uint8_t look; bool selected; };     /* ch 0: the right half of a wide character */
struct cells { size_t width, height; struct cell *at; };      /* row by row; owned */

void cells_init(struct cells *c, size_t width, size_t height);        /* blank; release with cells_done() */
void cells_done(struct cells *c);
/* Text from outside, made safe for a terminal and cut at column `until` ("…"); gives the next column.  A line end is a blank; what has
 * no width of its own is left out.  Outside of the screen nothing is drawn. */
size_t cells_put(struct cells *c, size_t row, size_t col, size_t until, enum cell_look look, const char *text);
size_t cells_putf(struct cells *c, size_t row, size_t col, size_t until, enum cell_look look, const char *fmt, ...) BF_PRINTF(6, 7);
/* The same, ending before column `until`. */
void cells_put_right(struct cells *c, size_t row, size_t col, size_t until, enum cell_look look, const char *text);
void cells_fill(struct cells *c, size_t row, size_t col, size_t until, enum cell_look look, char ch);
void cells_select(struct cells *c, size_t row, size_t col, size_t until);
/* The look of a character of a strip. */
enum cell_look cells_state_look(char state);
/* Columns that a text takes. */
size_t cells_width(const char *text);
/* How much of a text fits into so many columns, in bytes, broken behind a blank where there is one. */
size_t cells_break(const char *text, size_t width);
/* As lines of text without blanks at their ends. */
void cells_text(const struct cells *c, struct bf_buf *ret);

#endif
