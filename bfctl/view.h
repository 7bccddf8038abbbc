/* How objects of a kind are shown: as rows of a table, and by the names that other commands take. */
#ifndef BFCTL_VIEW_H
#define BFCTL_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "bfctl/ctl.h"
#include "common/buf.h"

enum view_kind { VIEW_TEXT, VIEW_NUMBER /* right-aligned */, VIEW_RIGHT /* text, so */, VIEW_TIME, VIEW_STATE /* has a colour */ };

/* A column: the value of a key, or what put() makes of the row. */
struct view_column {
    const char *name, *key;
    void (*put)(const json_t *row, struct bf_buf *ret);
    enum view_kind kind;
    bool wide;                       /* of -o wide alone */
    bool cut;                        /* may be shortened to fit a terminal, but not with -o wide */
};

#define VIEW_COLUMNS_MAX 24u

struct view {
    const char *what;                                    /* "backfills" */
    const struct view_column *columns; size_t n_columns;
    void (*name)(const json_t *row, struct bf_buf *ret); /* for -o name */
};

/* Names that many kinds have. */
void view_name_id(const json_t *row, struct bf_buf *ret);        /* its "id" */
void view_name_name(const json_t *row, struct bf_buf *ret);      /* its "name" */
void view_name_instance(const json_t *row, struct bf_buf *ret);  /* its "step", with "partition" in brackets where it has one */

/* Rows on standard output.  CTL_NAME: a line each, what stands in the line before left out; else a table.  widths: as for
 * table_keep_widths(), or NULL. */
void view_print(const struct view *v, const json_t *rows, enum ctl_output output, bool no_headers, size_t *widths);

#endif
