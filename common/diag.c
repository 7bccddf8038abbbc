/* Kept to BF_DIAG_MAX: what is over is counted, not stored.  A note belongs to the error or warning before it, so a group of one
 * and its notes is kept, dropped and moved as one.  Sorted when they are printed, because a plan is read in several passes.
 * Texts are made printable when they come in: they quote what somebody wrote. */
#include "common/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/excerpt.h"
#include "common/mem.h"
#include "common/vec.h"

enum { TEXT_MAX = 1024 };

static char *format(const char *fmt, va_list args)
{
    char text[TEXT_MAX];
    int n = vsnprintf(text, sizeof text, fmt, args);
    size_t len = n < 0 ? 0 : strnlen(text, sizeof text);
    bool cut = n >= TEXT_MAX;
    /* Not half a character at the cut. */
    while (cut && len > 0 && ((uint8_t)text[len - 1] & 0xc0) == 0x80)
        len--;
    len -= cut && len > 0 && (uint8_t)text[len - 1] >= 0xc0;
    struct bf_buf clean = {0};
    bf_put_printable(&clean, text, len);
    bf_buf_put_str(&clean, cut ? "..." : "");
    char *ret = bf_xstrndup(bf_buf_cstr(&clean), clean.len);
    bf_buf_free(&clean);
    return ret;
}

static void release(struct bf_diag *one)
{
    free(one->text);
    free(one->fix);
}

static bool same_place(const struct bf_diag *a, const struct bf_diag *b)
{
    return a->mark.line == b->mark.line && a->mark.column == b->mark.column && a->source.text == b->source.text;
}

/* Was it said before?  A note is compared with those of its own group only: two keys may both be twice the same one. */
static bool is_repeated(const struct bf_diags *d, const struct bf_diag *one)
{
    for (size_t i = d->n; i-- > 0;) {
        const struct bf_diag *other = &d->at[i];
        if (one->severity == BF_DIAG_NOTE && other->severity != BF_DIAG_NOTE)
            return false;
        if (other->severity == one->severity && same_place(other, one) && strcmp(other->text, one->text) == 0)
            return true;
    }
    return false;
}

/* Make room by giving up the last warning and its notes; false when there is none. */
static bool drop_a_warning(struct bf_diags *d)
{
    size_t i = d->n_warnings > 0 ? d->n : 0;
    while (i > 0 && d->at[i - 1].severity != BF_DIAG_WARNING)
        i--;
    if (i == 0)
        return false;
    size_t end = i--;
    while (end < d->n && d->at[end].severity == BF_DIAG_NOTE)
        end++;
    for (size_t k = i; k < end; k++)
        release(&d->at[k]);
    memmove(&d->at[i], &d->at[end], (d->n - end) * sizeof *d->at);
    d->n -= end - i;
    d->n_left_out++;
    return true;
}

static bool has_room(struct bf_diags *d, enum bf_severity severity)
{
    return d->n < BF_DIAG_MAX || (severity == BF_DIAG_ERROR && drop_a_warning(d));
}

static void add(struct bf_diags *d, struct bf_diag one, const char *fmt, va_list args)
{
    bool is_note = one.severity == BF_DIAG_NOTE;
    d->last_dropped = true;
    if (is_note && d->group_dropped)
        return;
    bool room = has_room(d, one.severity);
    if (room)
        one.text = format(fmt, args);
    bool repeated = room && is_repeated(d, &one);
    d->last_dropped = !room || repeated;
    if (!is_note)
        d->group_dropped = d->last_dropped;
    if (repeated) {
        release(&one);
        return;
    }
    d->n_errors += one.severity == BF_DIAG_ERROR;
    d->n_warnings += one.severity == BF_DIAG_WARNING;
    d->n_left_out += !room && !is_note;
    if (room)
        bf_vec_push(d, one);
}

void bf_diag_add(struct bf_diags *d, enum bf_severity severity, struct bf_mark mark, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(d, (struct bf_diag){.severity = severity, .mark = mark}, fmt, args);
    va_end(args);
}

void bf_diag_add_in(struct bf_diags *d, const struct bf_diag_source *source, enum bf_severity severity, struct bf_mark mark,
                    const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(d, (struct bf_diag){.severity = severity, .mark = mark, .source = *source}, fmt, args);
    va_end(args);
}

void bf_diag_fix(struct bf_diags *d, const char *fmt, ...)
{
    if (d->n == 0 || d->last_dropped)
        return;
    va_list args;
    va_start(args, fmt);
    free(d->at[d->n - 1].fix);
    d->at[d->n - 1].fix = format(fmt, args);
    va_end(args);
}

/* --- order --- */

struct group { size_t first, n; const struct bf_diag *head; };

static int by_place(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    const char *file_x = x->head->source.file, *file_y = y->head->source.file;
    int files = file_x && file_y ? strcmp(file_x, file_y) : (file_x != NULL) - (file_y != NULL);
    if (files != 0)
        return files;
    struct bf_mark p = x->head->mark, q = y->head->mark;
    if (p.line != q.line)
        return p.line < q.line ? -1 : 1;
    if (p.column != q.column)
        return p.column < q.column ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

void bf_diags_sort(struct bf_diags *d)
{
    if (d->n == 0)
        return;
    BF_AUTO_FREE struct group *groups = bf_xcalloc(d->n, sizeof *groups);
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (n == 0 || d->at[i].severity != BF_DIAG_NOTE)
            groups[n++] = (struct group){.first = i, .head = &d->at[i]};
        groups[n - 1].n++;
    }
    qsort(groups, n, sizeof *groups, by_place);
    struct bf_diag *sorted = bf_xcalloc(d->cap, sizeof *sorted);
    size_t filled = 0;
    for (size_t g = 0; g < n; g++)
        for (size_t i = 0; i < groups[g].n; i++)
            sorted[filled++] = d->at[groups[g].first + i];
    free(d->at);
    d->at = sorted;
}

/* --- printing --- */

struct bf_diag_source bf_diag_source_of(const struct bf_diags *d, const struct bf_diag *one)
{
    if (one->source.file)
        return one->source;
    return (struct bf_diag_source){.file = d->file ? d->file : "-", .text = d->source, .len = d->source_len};
}

const char *bf_severity_name(enum bf_severity severity)
{
    static const char *const names[] = {"error", "warning", "note"};
    return names[severity];
}

static void put_diag(const struct bf_diags *d, const struct bf_diag *one, struct bf_excerpt_cursor *cursor, struct bf_buf *ret)
{
    struct bf_diag_source source = bf_diag_source_of(d, one);
    bf_put_printable(ret, source.file, strlen(source.file));
    if (one->mark.line > 0)
        bf_buf_printf(ret, ":%u", one->mark.line);
    if (one->mark.line > 0 && one->mark.column > 0)
        bf_buf_printf(ret, ":%u", one->mark.column);
    bf_buf_printf(ret, ": %s: ", bf_severity_name(one->severity));
    bf_buf_put_str(ret, one->text);
    bf_buf_put_str(ret, "\n");
    bf_excerpt_put(cursor, &source, one->mark, ret);
    if (one->fix)
        bf_buf_printf(ret, "    fix: %s\n", one->fix);
}

void bf_diags_print(struct bf_diags *d, struct bf_buf *ret)
{
    bf_diags_sort(d);
    /* Notes point backwards, so they search by themselves. */
    struct bf_excerpt_cursor cursor = {0}, notes_cursor = {0};
    for (size_t i = 0; i < d->n; i++)
        put_diag(d, &d->at[i], d->at[i].severity == BF_DIAG_NOTE ? &notes_cursor : &cursor, ret);
    if (d->n_left_out > 0) {
        const char *file = d->file ? d->file : "-";
        bf_put_printable(ret, file, strlen(file));
        bf_buf_printf(ret, ": note: %zu more were left out; mend these first\n", d->n_left_out);
    }
}

void bf_diags_done(struct bf_diags *d)
{
    for (size_t i = 0; i < d->n; i++)
        release(&d->at[i]);
    bf_vec_free(d);
    d->n_errors = d->n_warnings = d->n_left_out = 0;
    d->group_dropped = d->last_dropped = false;
}
