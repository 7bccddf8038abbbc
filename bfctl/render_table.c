/* Tables by libsmartcols.  Cells are made safe here; colours are of the states alone, and only where a terminal shows them. */
#include "bfctl/render.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/terminal.h"
#include "common/buf.h"
#include "common/mem.h"

struct table {
    struct libscols_table *scols;
    struct libscols_line *row;
    size_t cell;
    size_t *widths;                              /* table_keep_widths() */
};

/* smartcols fails for want of memory only. */
static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

struct table *table_new(const struct table_column *columns, size_t n, bool no_headers)
{
    struct table *t = bf_xcalloc(1, sizeof *t);
    struct terminal terminal = terminal_of(stdout);
    t->scols = must(scols_new_table());
    scols_table_enable_noheadings(t->scols, no_headers);
    scols_table_enable_ascii(t->scols, 1);
    scols_table_set_column_separator(t->scols, "  ");
    scols_table_enable_colors(t->scols, terminal.color);
    if (terminal.width > 0) {
        scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_ALWAYS);
        scols_table_set_termwidth(t->scols, terminal.width);
    } else {
        scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_NEVER);
    }
    for (size_t i = 0; i < n; i++)
        must(scols_table_new_column(t->scols, columns[i].name, 0,
                                    (columns[i].right ? SCOLS_FL_RIGHT : 0) | (columns[i].cut ? SCOLS_FL_TRUNC : 0)));
    return t;
}

void table_keep_widths(struct table *t, size_t *widths)
{
    t->widths = widths;
}

void table_row(struct table *t)
{
    t->row = must(scols_table_new_line(t->scols, NULL));
    t->cell = 0;
}

void table_cell(struct table *t, const char *text)
{
    /* The text may be a step's or a database's: no character that a terminal acts on, and one line. */
    BF_CLEANUP(bf_buf_free) struct bf_buf clean = {0};
    for (const char *at = text ? text : ""; *at;) {
        size_t n = strcspn(at, "\r\n");
        render_put_safe(at, n, &clean);
        at += n;
        if (*at)
            bf_buf_put_str(&clean, " ");
        at += *at != '\0';
    }
    scols_line_set_data(t->row, t->cell++, clean.len ? bf_buf_cstr(&clean) : "-");
}

void table_cellf(struct table *t, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    table_cell(t, text);
}

void table_state(struct table *t, const char *state)
{
    static const struct { const char *state, *color; } colors[] = {
        {"succeeded", "green"}, {"skipped", "green"}, {"passed", "green"}, {"running", "cyan"}, {"assigned", "cyan"},
        {"connected", "green"},
        {"failed", "red"}, {"lost", "red"}, {"could_not_run", "red"}, {"partly_succeeded", "yellow"}, {"upstream_failed", "yellow"},
        {"backing_off", "yellow"}, {"warned", "yellow"}, {"draining", "yellow"}, {"paused", "yellow"}, {"cancelled", "darkgray"},
        {"left", "darkgray"}};
    const size_t word = strcspn(state, ",");     /* "running, held" has the colour of running */
    for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++)
        if (strncmp(colors[i].state, state, word) == 0 && strlen(colors[i].state) == word)
            scols_cell_set_color(must(scols_line_get_cell(t->row, t->cell)), colors[i].color);
    table_cell(t, state);
}

void table_time(struct table *t, const char *rfc3339)
{
    char text[RENDER_TIME_MAX];
    table_cell(t, render_time(rfc3339, text));
}

/* Characters of a cell, as many as columns of a terminal but for wide ones. */
static size_t mbs_cells(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Columns of a table that goes on below an earlier one stand where they stood. */
static void keep_widths(struct table *t)
{
    struct libscols_iter *iter = must(scols_new_iter(SCOLS_ITER_FORWARD));
    struct libscols_column *column;
    for (size_t i = 0; scols_table_next_column(t->scols, iter, &column) == 0; i++) {
        for (size_t row = 0; row < scols_table_get_nlines(t->scols); row++) {
            const char *data = scols_line_get_column_data(scols_table_get_line(t->scols, row), column);
            size_t n = data ? mbs_cells(data) : 0;
            t->widths[i] = n > t->widths[i] ? n : t->widths[i];
        }
        size_t head = strlen(scols_cell_get_data(scols_column_get_header(column)));
        t->widths[i] = head > t->widths[i] ? head : t->widths[i];
        scols_column_set_whint(column, (double)t->widths[i]);
    }
    scols_free_iter(iter);
}

void table_print(struct table *t, const char *what)
{
    if (t->widths)
        keep_widths(t);
    if (scols_table_get_nlines(t->scols) > 0)
        scols_print_table(t->scols);
    else
        fprintf(stderr, "bfctl: no %s\n", what);
    scols_unref_table(t->scols);
    free(t);
}
