/* Showing rows. */
#include "bfctl/view.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/render.h"
#include "common/mem.h"

void view_name_id(const json_t *row, struct bf_buf *ret)
{
    bf_buf_put_str(ret, render_text(row, "id"));
}

void view_name_name(const json_t *row, struct bf_buf *ret)
{
    bf_buf_put_str(ret, render_text(row, "name"));
}

void view_name_instance(const json_t *row, struct bf_buf *ret)
{
    const char *partition = render_text(row, "partition");
    bf_buf_put_str(ret, render_text(row, "step"));
    if (*partition)
        bf_buf_printf(ret, "[%s]", partition);
}

static void put_cell(struct table *t, const struct view_column *c, const json_t *row)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    if (c->put)
        c->put(row, &text);
    if (c->put)
        table_cell(t, bf_buf_cstr(&text));
    else if (c->kind == VIEW_NUMBER)
        table_cellf(t, "%" PRId64, render_number(row, c->key));
    else if (c->kind == VIEW_TIME)
        table_time(t, render_text(row, c->key));
    else if (c->kind == VIEW_STATE)
        table_state(t, render_text(row, c->key));
    else
        table_cell(t, render_text(row, c->key));
}

static void print_table(const struct view *v, const json_t *rows, bool wide, bool no_headers, size_t *widths)
{
    struct table_column columns[VIEW_COLUMNS_MAX];
    const struct view_column *shown[VIEW_COLUMNS_MAX];
    size_t n = 0, i;
    assert(v->n_columns <= VIEW_COLUMNS_MAX);
    for (i = 0; i < v->n_columns; i++) {
        const struct view_column *c = &v->columns[i];
        if (c->wide && !wide)
            continue;
        columns[n] = (struct table_column){c->name, c->kind == VIEW_NUMBER || c->kind == VIEW_RIGHT, c->cut && !wide};
        shown[n++] = c;
    }
    struct table *t = table_new(columns, n, no_headers);
    if (widths)
        table_keep_widths(t, widths);
    json_t *row;
    json_array_foreach((json_t *)rows, i, row) {
        table_row(t);
        for (size_t k = 0; k < n; k++)
            put_cell(t, shown[k], row);
    }
    table_print(t, v->what);
}

static void print_names(const struct view *v, const json_t *rows)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
    BF_AUTO_FREE char *before = NULL;
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row) {
        bf_buf_clear(&name);
        v->name(row, &name);
        const char *text = render_safe(bf_buf_cstr(&name));
        if (before && strcmp(before, text) == 0)
            continue;
        puts(text);
        free(before);
        before = bf_xstrdup(text);
    }
}

void view_print(const struct view *v, const json_t *rows, enum ctl_output output, bool no_headers, size_t *widths)
{
    if (output == CTL_NAME)
        print_names(v, rows);
    else
        print_table(v, rows, output == CTL_WIDE, no_headers, widths);
}
