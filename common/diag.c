/* Kept to BF_DIAG_MAX: what is over is counted, not stored.  Sorted when they are printed, because a plan is read in several passes. */
#include "common/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/vec.h"

enum { TEXT_MAX = 1024, LINE_SHOWN_MAX = 160 };

void bf_diag_add(struct bf_diags *d, enum bf_severity severity, struct bf_mark mark, const char *fmt, ...)
{
    d->n_errors += severity == BF_DIAG_ERROR;
    d->n_warnings += severity == BF_DIAG_WARNING;
    if (d->n >= BF_DIAG_MAX) {
        d->n_left_out++;
        return;
    }
    char text[TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    va_end(args);
    bf_vec_push(d, (struct bf_diag){.severity = severity, .mark = mark, .text = bf_xstrdup(text)});
}

/* A note belongs to the diagnostic before it, so a group moves as one. */
struct group { size_t first, n; struct bf_mark mark; };

static int by_place(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->mark.line != y->mark.line)
        return x->mark.line < y->mark.line ? -1 : 1;
    if (x->mark.column != y->mark.column)
        return x->mark.column < y->mark.column ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Line number `line` of the source, without its end; false when there is none. */
static bool source_line(const struct bf_diags *d, uint32_t line, const char **ret, size_t *ret_n)
{
    if (!d->source || line == 0)
        return false;
    const char *p = d->source, *end = d->source + d->source_len;
    for (uint32_t i = 1; i < line; i++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            return false;
        p++;
    }
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    size_t n = (size_t)((stop ? stop : end) - p);
    if (n > 0 && p[n - 1] == '\r')
        n--;
    *ret = p;
    *ret_n = n;
    return n > 0;
}

static void put_excerpt(const struct bf_diags *d, struct bf_mark mark, struct bf_buf *ret)
{
    const char *line = NULL;
    size_t n = 0;
    if (mark.column == 0 || !source_line(d, mark.line, &line, &n) || mark.column > LINE_SHOWN_MAX)
        return;
    bf_buf_put_str(ret, "    ");
    size_t shown = 0;
    for (; shown < n && shown < LINE_SHOWN_MAX; shown++) {
        uint8_t c = (uint8_t)line[shown];
        bf_buf_put_u8(ret, c < ' ' || c == 0x7f ? ' ' : c); /* control bytes would play with the terminal */
    }
    /* Not half a character at the cut. */
    if (shown < n)
        while (shown > 0 && ((uint8_t)line[shown] & 0xc0) == 0x80) {
            ret->len--;
            shown--;
        }
    bf_buf_put_str(ret, shown < n ? "...\n    " : "\n    ");
    /* Columns count characters; the caret stands under the column-th one. */
    for (uint32_t i = 1; i < mark.column; i++)
        bf_buf_put_u8(ret, ' ');
    bf_buf_put_str(ret, "^\n");
}

static void put_diag(const struct bf_diags *d, const struct bf_diag *one, struct bf_buf *ret)
{
    static const char *const words[] = {"error", "warning", "note"};
    bf_buf_put_str(ret, d->file ? d->file : "-");
    if (one->mark.line > 0)
        bf_buf_printf(ret, ":%u", one->mark.line);
    if (one->mark.line > 0 && one->mark.column > 0)
        bf_buf_printf(ret, ":%u", one->mark.column);
    bf_buf_printf(ret, ": %s: %s\n", words[one->severity], one->text);
    put_excerpt(d, one->mark, ret);
}

void bf_diags_print(const struct bf_diags *d, struct bf_buf *ret)
{
    if (d->n == 0)
        return;
    BF_AUTO_FREE struct group *groups = bf_xcalloc(d->n, sizeof *groups);
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (n == 0 || d->at[i].severity != BF_DIAG_NOTE)
            groups[n++] = (struct group){.first = i, .mark = d->at[i].mark};
        groups[n - 1].n++;
    }
    qsort(groups, n, sizeof *groups, by_place);
    for (size_t g = 0; g < n; g++)
        for (size_t i = 0; i < groups[g].n; i++)
            put_diag(d, &d->at[groups[g].first + i], ret);
    if (d->n_left_out > 0)
        bf_buf_printf(ret, "%s: note: %zu more were left out; mend these first\n", d->file ? d->file : "-", d->n_left_out);
}

void bf_diags_done(struct bf_diags *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->at[i].text);
    bf_vec_free(d);
    d->n_errors = d->n_warnings = d->n_left_out = 0;
}
