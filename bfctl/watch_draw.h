/* The pages of `watch`, drawn on cells from the documents and the state of the view.  Pure but for what the view learns of its own
 * size (rows, what is on top).  watch_draw.c has the frame and the text pages' mechanism, watch_steps.c the first page,
 * watch_lists.c the lists, watch_texts.c the texts. */
#ifndef BFCTL_WATCH_DRAW_H
#define BFCTL_WATCH_DRAW_H

#include "bfctl/watch_cells.h"
#include "bfctl/watch_view.h"

#define WATCH_WIDTH_MIN 30u
#define WATCH_HEIGHT_MIN 6u

/* The whole screen; one that is too small only says so. */
void watch_draw(struct watch_view *v, const struct watch_data *d, struct cells *c);

/* ---- for the pages: rows [row, until) are theirs ---- */
void watch_draw_steps(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until);
void watch_draw_step(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until);
void watch_draw_agents(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until);
void watch_draw_pools(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until);
void watch_draw_waits(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until);
/* Texts of their pages, in lines. */
void watch_text_instance(const struct watch_view *v, const struct watch_data *d, struct bf_buf *ret);
void watch_text_failures(const struct watch_data *d, struct bf_buf *ret);
void watch_text_help(struct bf_buf *ret);

/* n rows, of which `shown` fit: keeps the cursor in range and in view.  Gives the first to draw. */
size_t watch_scroll(struct watch_view *v, size_t n, size_t shown);
/* "####....  3/8" in [col, until): a bar, and the numbers behind it. */
void watch_bar(struct cells *c, size_t row, size_t col, size_t until, int64_t used, int64_t of, enum cell_look look);
/* A strip of states in exactly [col, col + width); gives the column behind it. */
size_t watch_strip(struct cells *c, size_t row, size_t col, size_t width, const char *strip);

#endif
