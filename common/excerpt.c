/* Excerpts count in characters, as marks do; wide characters are taken as one cell, and a tab takes TAB_CELLS blanks.
 * Lines end as in YAML: at LF, CR LF or a lone CR. */
#include "common/excerpt.h"

#include <string.h>

#include "common/text.h"

enum {
    SHOWN_MAX = 120,                           /* characters of a line */
    KEPT_BEHIND = 40,                          /* of them behind the mark, before the window moves to the right */
    CHAR_MAX_BYTES = 4, TAB_CELLS = 4,
    WORD_MAX_BYTES = SHOWN_MAX * CHAR_MAX_BYTES
};

static const char REPLACEMENT[] = "\xef\xbf\xbd";

size_t bf_utf8_take(const char *p, const char *end, uint32_t *ret)
{
    uint8_t lead = (uint8_t)*p;
    if (lead < 0x80) {
        *ret = lead;
        return 1;
    }
    size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (n > (size_t)(end - p) || !bf_utf8_valid(p, n)) {
        *ret = UINT32_MAX;
        return 1;
    }
    uint32_t code = lead & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        code = code << 6 | ((uint8_t)p[i] & 0x3f);
    *ret = code;
    return n;
}

bool bf_is_unprintable(uint32_t code)
{
    return code < ' ' || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

void bf_put_printable(struct bf_buf *ret, const char *s, size_t n)
{
    const char *end = s + n;
    while (s < end) {
        uint32_t code = 0;
        size_t bytes = bf_utf8_take(s, end, &code);
        if (code == UINT32_MAX)
            bf_buf_put_str(ret, REPLACEMENT);
        else if (code == '\n' || code == '\t')
            bf_buf_put_str(ret, code == '\n' ? "\\n" : "\\t");
        else if (bf_is_unprintable(code))
            bf_buf_printf(ret, code < 0x80 ? "\\x%02x" : "\\u%04x", code);
        else
            bf_buf_put(ret, s, bytes);
        s += bytes;
    }
}

/* --- finding the place --- */

/* The end of the line that begins at p, without its line end. */
static const char *line_end(const char *p, const char *end)
{
    const char *lf = memchr(p, '\n', (size_t)(end - p));
    if (lf)
        end = lf;
    const char *cr = memchr(p, '\r', (size_t)(end - p));
    return cr ? cr : end;
}

static const char *after_line_end(const char *p, const char *end)
{
    return p + (*p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 1);
}

static void begin_line(struct bf_excerpt_cursor *c, const char *p, const char *end, uint32_t line)
{
    c->line_start = c->at = (size_t)(p - c->text);
    c->line_end = (size_t)(line_end(p, end) - c->text);
    c->line = line;
    c->column = 1;
}

/* Move to a line; false when there is none. */
static bool seek_line(struct bf_excerpt_cursor *c, const struct bf_diag_source *source, uint32_t line)
{
    const char *text = source->text, *end = text + source->len;
    if (c->text != text || c->line == 0 || line < c->line) {
        bool bom = source->len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
        c->text = text;
        begin_line(c, text + (bom ? 3 : 0), end, 1);
    }
    while (c->line < line) {
        if (text + c->line_end == end)
            return false;
        begin_line(c, after_line_end(text + c->line_end, end), end, c->line + 1);
    }
    return true;
}

/* Move to a column of the line, or to its end. */
static void seek_column(struct bf_excerpt_cursor *c, uint32_t column)
{
    if (column < c->column) {
        c->at = c->line_start;
        c->column = 1;
    }
    const char *p = c->text + c->at, *stop = c->text + c->line_end;
    for (; c->column < column && p < stop; c->column++) {
        uint32_t code = 0;
        p += bf_utf8_take(p, stop, &code);
    }
    c->at = (size_t)(p - c->text);
}

/* --- what is underlined --- */

static bool is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c >= 0x80;
}

/* Signs that join words: Europe/Berlin, 05:00+01:00, and the / that begins a path. */
static bool joins(const char *p, const char *limit)
{
    return (*p == '/' || *p == ':' || *p == '+') && p + 1 < limit && is_word((uint8_t)p[1]);
}

/* The end of the word or of the string in quotes that begins at p; one character where there is neither. */
static const char *word_end(const char *p, const char *stop)
{
    const char *q = p, *limit = stop - p > WORD_MAX_BYTES ? p + WORD_MAX_BYTES : stop;
    if (p < stop && (*p == '"' || *p == '\'')) {
        for (q = p + 1; q < limit; q++) {
            if (*q == '\\' && *p == '"') {
                q++;
            } else if (*q == *p) {
                if (*p == '"' || q + 1 == stop || q[1] != '\'')
                    return q + 1;
                q++;                           /* '' within '…' */
            }
        }
        return limit < stop ? limit : p + 1;
    }
    while (q < limit && (is_word((uint8_t)*q) || ((q > p || *q == '/') && joins(q, limit))))
        q++;
    return q > p ? q : p + 1;
}

/* --- writing --- */

/* One character of the line, and cells of the line below it. */
static size_t put_char(const char *p, const char *stop, struct bf_buf *ret, size_t *ret_cells)
{
    uint32_t code = 0;
    size_t bytes = bf_utf8_take(p, stop, &code);
    *ret_cells = code == '\t' ? TAB_CELLS : 1;
    if (code == '\t')
        bf_buf_put_str(ret, "    ");
    else if (code == UINT32_MAX || bf_is_unprintable(code))
        bf_buf_put_str(ret, REPLACEMENT);
    else
        bf_buf_put(ret, p, bytes);
    return bytes;
}

static void put_n(struct bf_buf *ret, char c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bf_buf_put_u8(ret, (uint8_t)c);
}

/* n characters before at, at most up to the line's beginning. */
static const char *back(const char *line, const char *at, size_t n)
{
    for (; n > 0 && at > line; n--) {
        const char *p = at - 1;
        while (p > line && at - p < CHAR_MAX_BYTES && ((uint8_t)*p & 0xc0) == 0x80)
            p--;
        uint32_t code = 0;
        at = p + bf_utf8_take(p, at, &code) == at ? p : at - 1;
    }
    return at;
}

void bf_excerpt_put(struct bf_excerpt_cursor *c, const struct bf_diag_source *source, struct bf_mark mark, struct bf_buf *ret)
{
    if (!source->text || mark.line == 0 || mark.column == 0 || !seek_line(c, source, mark.line))
        return;
    const char *line = source->text + c->line_start, *stop = source->text + c->line_end;
    if (line == stop)
        return;
    seek_column(c, mark.column);
    const char *at = source->text + c->at;
    const char *word = word_end(at, stop);
    const char *p = c->column > SHOWN_MAX - KEPT_BEHIND ? back(line, at, SHOWN_MAX - KEPT_BEHIND) : line;
    struct bf_buf below = {0};
    bf_buf_put_str(ret, p > line ? "    ..." : "    ");
    put_n(&below, ' ', p > line ? 7 : 4);
    for (size_t shown = 0; shown < SHOWN_MAX && p < stop; shown++) {
        size_t cells = 1;
        const char *from = p;
        p += put_char(p, stop, ret, &cells);
        if (from == at)
            bf_buf_put_u8(&below, '^');
        else if (from < word)
            put_n(&below, from < at ? ' ' : '~', cells);
    }
    if (at == stop)
        bf_buf_put_u8(&below, '^');
    bf_buf_put_str(ret, p < stop ? "...\n" : "\n");
    bf_buf_put(ret, below.data, below.len);
    bf_buf_put_str(ret, "\n");
    bf_buf_free(&below);
}
