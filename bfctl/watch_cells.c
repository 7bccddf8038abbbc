/* Cells.  Text is UTF-8; what the locale of the terminal cannot show is a '?', and of our own few signs the nearest in ASCII. */
#include "bfctl/watch_cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/render.h"
#include "common/mem.h"

static wchar_t ellipsis(void)
{
    return wcwidth(L'…') == 1 ? L'…' : L'>';
}

/* One character of a valid UTF-8 text, as the terminal can show it; gives its bytes. */
static size_t decode(const char *s, wchar_t *ret)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t code = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (p[i] & 0x3f);
    *ret = (wchar_t)code;
    if (n > 1 && wcwidth(*ret) < 0)
        *ret = code == 0x2013 ? L'-' : code == 0x2026 ? L'>' : L'?';
    return n;
}

static int width_of(wchar_t ch)
{
    return ch < 0x80 ? 1 : wcwidth(ch);
}

void cells_init(struct cells *c, size_t width, size_t height)
{
    *c = (struct cells){.width = width, .height = height, .at = bf_xcalloc(width * height + 1, sizeof *c->at)};
    for (size_t i = 0; i < width * height; i++)
        c->at[i].ch = L' ';
}

void cells_done(struct cells *c)
{
    free(c->at);
    *c = (struct cells){0};
}

static void set(struct cells *c, size_t row, size_t col, enum cell_look look, wchar_t ch)
{
    if (row >= c->height || col >= c->width)
        return;
    struct cell *cell = &c->at[row * c->width + col];
    cell->ch = ch;
    cell->look = (uint8_t)look;
}

/* Safe, and in one line. */
static void clean(const char *text, struct bf_buf *ret)
{
    while (*text) {
        size_t n = strcspn(text, "\r\n\t");
        render_put_safe(text, n, ret);
        text += n;
        if (*text) {
            bf_buf_put_str(ret, " ");
            text++;
        }
    }
}

size_t cells_put(struct cells *c, size_t row, size_t col, size_t until, enum cell_look look, const char *text)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf safe = {0};
    clean(text, &safe);
    const char *s = bf_buf_cstr(&safe), *end = s + safe.len;
    size_t last = col;                           /* of the last character drawn */
    until = until < c->width ? until : c->width;
    while (s < end) {
        wchar_t ch;
        s += decode(s, &ch);
        size_t w = (size_t)width_of(ch);
        if (w == 0)
            continue;
        if (col + w > until) {
            if (until > last)
                cells_fill(c, row, last, until, look, ' ');
            if (until > 0 && col > 0 && last < until)
                set(c, row, last, look, ellipsis());
            return until;
        }
        last = col;
        set(c, row, col, look, ch);
        if (w == 2)
            set(c, row, col + 1, look, 0);
        col += w;
    }
    return col;
}

static size_t putv(struct cells *c, size_t row, size_t col, size_t until, enum cell_look look, const char *fmt, va_list args)
{
    char text[1024];
    vsnprintf(text, sizeof text, fmt, args);
    return cells_put(c, row, col, until, look, text);
}

size_t cells_putf(struct cells *c, size_t row, size_t col, size_t until, enum cell_look look, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t next = putv(c, row, col, until, look, fmt, args);
    va_end(args);
    return next;
}

void cells_put_right(struct cells *c, size_t row, size_t col, size_t until, enum cell_look look, const char *text)
{
    size_t n = cells_width(text);
    cells_put(c, row, until > col + n ? until - n : col, until, look, text);
}

void cells_fill(struct cells *c, size_t row, size_t col, size_t until, enum cell_look look, char ch)
{
    for (; col < until && col < c->width; col++)
        set(c, row, col, look, (wchar_t)ch);
}

void cells_select(struct cells *c, size_t row, size_t col, size_t until)
{
    for (; row < c->height && col < until && col < c->width; col++)
        c->at[row * c->width + col].selected = true;
}

enum cell_look cells_state_look(char state)
{
    switch (state) {
    case '#': return LOOK_DONE;
    case '>': return LOOK_RUNNING;
    case 'o': return LOOK_READY;
    case '!': return LOOK_RETRY;
    case 'x': return LOOK_FAILED;
    case '~': return LOOK_BLOCKED;
    default: return LOOK_DIM;
    }
}

size_t cells_width(const char *text)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf safe = {0};
    clean(text, &safe);
    size_t n = 0;
    wchar_t ch;
    for (const char *s = bf_buf_cstr(&safe), *end = s + safe.len; s < end;) {
        s += decode(s, &ch);
        n += (size_t)width_of(ch);
    }
    return n;
}

/* What is not safe is longer when it is shown: a line of such is cut at its end. */
size_t cells_break(const char *text, size_t width)
{
    size_t n = 0, cols = 0, blank = 0, len = strcspn(text, "\n");
    while (n < len) {
        wchar_t ch;
        size_t bytes = decode(text + n, &ch);
        bytes = bytes < len - n ? bytes : len - n;
        cols += ch < 0x20 ? 1 : (size_t)width_of(ch);
        if (cols > width && n > 0)
            return blank ? blank : n;
        n += bytes;
        if (ch == L' ')
            blank = n;
    }
    return n;
}

void cells_text(const struct cells *c, struct bf_buf *ret)
{
    for (size_t row = 0; row < c->height; row++) {
        for (size_t col = 0; col < c->width; col++) {
            uint32_t ch = (uint32_t)c->at[row * c->width + col].ch;
            if (ch == 0)
                continue;
            if (ch < 0x80) {
                bf_buf_put_u8(ret, (uint8_t)ch);
            } else {
                int more = ch < 0x800 ? 1 : ch < 0x10000 ? 2 : 3;
                bf_buf_put_u8(ret, (uint8_t)((0xf0u << (3 - more)) | ch >> (6 * more)));
                while (more-- > 0)
                    bf_buf_put_u8(ret, (uint8_t)(0x80 | (ch >> (6 * more) & 0x3f)));
            }
        }
        while (ret->len > 0 && ret->data[ret->len - 1] == ' ')
            ret->len--;
        bf_buf_put_str(ret, "\n");
    }
}
