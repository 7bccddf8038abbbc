/* The parser tells where a value begins.  Whether its characters stand there as they are is found by looking: on that line, or line by line
 * behind an indent, as in a literal block. */
#include "plan/place.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void place_lines_init(struct place_lines *lines, const char *text, size_t len)
{
    size_t n = 1;
    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n';
    *lines = (struct place_lines){.text = text, .len = len, .at = bf_xcalloc(n, sizeof *lines->at), .n = 1};
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\n')
            lines->at[lines->n++] = i + 1;
}

void place_lines_done(struct place_lines *lines)
{
    free(lines->at);
    *lines = (struct place_lines){0};
}

/* Line number `line` of the document, without its end; false past the last. */
static bool document_line(const struct place_lines *lines, uint32_t line, const char **ret, size_t *ret_n)
{
    if (line == 0 || line > lines->n)
        return false;
    size_t from = lines->at[line - 1], until = line < lines->n ? lines->at[line] - 1 : lines->len;
    *ret = lines->text + from;
    *ret_n = until - from;
    if (*ret_n > 0 && (*ret)[*ret_n - 1] == '\r')
        --*ret_n;
    return true;
}

/* Is the text, line by line, what stands in the document from line `first` on, behind one indent?  True for literal blocks. */
static bool find_block(const struct place_lines *lines, const struct bf_yaml_node *n, uint32_t first, uint32_t *ret_indent)
{
    const char *p = n->text, *end = p + n->text_len, *line;
    size_t indent = SIZE_MAX, len;
    for (uint32_t at = first; p < end; at++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t text_len = (size_t)((stop ? stop : end) - p);
        if (!document_line(lines, at, &line, &len))
            return false;
        if (text_len > 0) {
            if (indent == SIZE_MAX)
                indent = len > text_len ? len - text_len : 0;
            if (len != indent + text_len || memcmp(line + indent, p, text_len) != 0)
                return false;
        }
        p += text_len + 1;
    }
    if (indent == SIZE_MAX)
        return false;
    *ret_indent = (uint32_t)indent;
    return true;
}

/* Does the text stand on one line of the document at the mark, as it is?  *ret_mark is then its first character, behind the
 * quote if there is one. */
static bool stands_at_mark(const struct place_lines *lines, const struct bf_yaml_node *n, struct bf_mark *ret_mark)
{
    const char *line;
    size_t len, at = 0;
    if (!document_line(lines, n->mark.line, &line, &len))
        return false;
    for (uint32_t column = 1; at < len && column < n->mark.column; column++)
        for (at++; at < len && ((unsigned char)line[at] & 0xC0) == 0x80;)
            at++;
    uint32_t quote = n->quoted && at < len && (line[at] == '"' || line[at] == '\'') ? 1 : 0;
    if (len - at < n->text_len + quote || memcmp(line + at + quote, n->text, n->text_len) != 0)
        return false;
    *ret_mark = (struct bf_mark){n->mark.line, n->mark.column + quote};
    return true;
}

struct template_place place_of_value(const struct place_lines *lines, const struct bf_yaml_node *n)
{
    struct template_place place = {.mark = n->mark};
    if (stands_at_mark(lines, n, &place.mark))
        return place;
    /* A block's mark is its first line, or the line of its header. */
    place.block = find_block(lines, n, n->mark.line, &place.indent);
    if (!place.block) {
        place.block = find_block(lines, n, n->mark.line + 1, &place.indent);
        place.mark.line += place.block;
    }
    place.whole = !place.block;
    return place;
}
