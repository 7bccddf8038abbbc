/* Writing YAML is easy where reading it is not: everything that is not plainly a word stands in double quotes, whose escapes are
 * those of JSON, and \\UXXXXXXXX.  Readers of YAML 1.1 see more than words in plain text (yes, off, 12:30, 2024-01-31), so a plain text
 * begins with a letter, holds few other signs, and is none of the words that mean something. */
#include "bfctl/yaml_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bfctl/render.h"
#include "common/excerpt.h"
#include "common/mem.h"

#define INDENT 2u

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_plain(const char *s, size_t n)
{
    static const char *const meanings[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
    if (n == 0 || !is_letter(s[0]) || s[n - 1] == ' ')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_letter(s[i]) && !(s[i] >= '0' && s[i] <= '9') && (s[i] == '\0' || !strchr("-./ ", s[i])))
            return false;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (strlen(meanings[i]) == n && strncasecmp(s, meanings[i], n) == 0)
            return false;
    return true;
}

/* What no text in YAML holds as it is: JSON does, so it is not escaped yet.  The planes end in two such characters each. */
static bool is_no_character(uint32_t code)
{
    return (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
}

static void put_printable(const char *s, const char *end, struct bf_buf *ret)
{
    while (s < end) {
        uint32_t code = 0;
        size_t bytes = bf_utf8_take(s, end, &code);
        if (code != UINT32_MAX && is_no_character(code))
            bf_buf_printf(ret, code > 0xffff ? "\\U%08X" : "\\u%04X", code);
        else
            bf_buf_put(ret, s, bytes);
        s += bytes;
    }
}

static void put_text(const char *s, size_t n, struct bf_buf *ret)
{
    if (is_plain(s, n)) {
        bf_buf_put(ret, s, n);
        return;
    }
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    json_t *quoted = json_stringn(s, n);
    render_put_json(quoted, JSON_ENCODE_ANY, &text);
    json_decref(quoted);
    put_printable((const char *)text.data, (const char *)text.data + text.len, ret);
}

/* A reader of YAML 1.1 wants a point in a number with an exponent. */
static void put_real(const json_t *j, struct bf_buf *ret)
{
    BF_AUTO_FREE char *text = json_dumps(j, JSON_ENCODE_ANY | JSON_REAL_PRECISION(RENDER_REAL_DIGITS));
    const char *e = strpbrk(text, "eE");
    if (e && !memchr(text, '.', (size_t)(e - text))) {
        bf_buf_put(ret, text, (size_t)(e - text));
        bf_buf_put_str(ret, ".0");
        bf_buf_put_str(ret, e);
    } else {
        bf_buf_put_str(ret, text);
    }
}

static void put_scalar(const json_t *j, struct bf_buf *ret)
{
    switch (json_typeof(j)) {
    case JSON_OBJECT: bf_buf_put_str(ret, "{}"); break;         /* an empty one */
    case JSON_ARRAY: bf_buf_put_str(ret, "[]"); break;
    case JSON_STRING: put_text(json_string_value(j), json_string_length(j), ret); break;
    case JSON_INTEGER: bf_buf_printf(ret, "%" JSON_INTEGER_FORMAT, json_integer_value(j)); break;
    case JSON_REAL: put_real(j, ret); break;
    case JSON_TRUE: bf_buf_put_str(ret, "true"); break;
    case JSON_FALSE: bf_buf_put_str(ret, "false"); break;
    case JSON_NULL: bf_buf_put_str(ret, "null"); break;
    }
}

static bool is_block(const json_t *j)
{
    return json_object_size(j) > 0 || json_array_size(j) > 0;
}

static void put_indent(size_t depth, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%*s", (int)depth, "");
}

/* The lines of an object or array; the first goes on where the line stands. */
static void put_block(const json_t *j, size_t depth, struct bf_buf *ret)
{
    size_t i;
    const char *key;
    json_t *value;
    bool first = true;
    json_array_foreach((json_t *)j, i, value) {
        if (!first)
            put_indent(depth, ret);
        first = false;
        bf_buf_put_str(ret, "- ");
        if (is_block(value)) {
            put_block(value, depth + INDENT, ret);
        } else {
            put_scalar(value, ret);
            bf_buf_put_str(ret, "\n");
        }
    }
    json_object_foreach((json_t *)j, key, value) {
        if (!first)
            put_indent(depth, ret);
        first = false;
        put_text(key, strlen(key), ret);
        bf_buf_put_str(ret, is_block(value) ? ":\n" : ": ");
        if (is_block(value)) {
            put_indent(depth + INDENT, ret);
            put_block(value, depth + INDENT, ret);
        } else {
            put_scalar(value, ret);
            bf_buf_put_str(ret, "\n");
        }
    }
}

void yaml_text_put(const json_t *document, struct bf_buf *ret)
{
    if (is_block(document)) {
        put_block(document, 0, ret);
        return;
    }
    put_scalar(document, ret);
    bf_buf_put_str(ret, "\n");
}
