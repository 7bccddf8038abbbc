/* See json_write.h. */
#include "plan/json_write.h"

#include <assert.h>
#include <string.h>

enum { REAL_DIGITS = 15, NUMBER_ROOM = 64 };

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

static void put_escape(uint8_t c, struct bf_buf *ret)
{
    static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *at = c ? strchr(named, c) : NULL;
    if (at)
        bf_buf_put(ret, (const char[]){'\\', names[at - named]}, 2);
    else
        bf_buf_printf(ret, "\\u%04X", c);
}

static void put_string(const char *text, size_t n, struct bf_buf *ret)
{
    bf_buf_put_u8(ret, '"');
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && is_plain((uint8_t)text[to]);)
            to++;
        bf_buf_put(ret, text + from, to - from);
        if (to < n)
            put_escape((uint8_t)text[to++], ret);
    }
    bf_buf_put_u8(ret, '"');
}

static void put_number(const json_t *j, struct bf_buf *ret)
{
    char text[NUMBER_ROOM];
    size_t n = json_dumpb(j, text, sizeof text, JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));
    assert(n > 0 && n <= sizeof text);
    bf_buf_put(ret, text, n);
}

static void put_object(const json_t *j, struct bf_buf *ret)
{
    json_t *object = (json_t *)(uintptr_t)j, *value;         /* the iterator lacks the const; nobody writes through it */
    const char *key, *comma = "{";
    json_object_foreach(object, key, value) {
        bf_buf_put_str(ret, comma);
        put_string(key, strlen(key), ret);
        bf_buf_put_u8(ret, ':');
        plan_json_write(value, ret);
        comma = ",";
    }
    bf_buf_put_str(ret, json_object_size(j) > 0 ? "}" : "{}");
}

static void put_array(const json_t *j, struct bf_buf *ret)
{
    bf_buf_put_u8(ret, '[');
    for (size_t i = 0; i < json_array_size(j); i++) {
        if (i > 0)
            bf_buf_put_u8(ret, ',');
        plan_json_write(json_array_get(j, i), ret);
    }
    bf_buf_put_u8(ret, ']');
}

void plan_json_write(const json_t *j, struct bf_buf *ret)
{
    switch (json_typeof(j)) {
    case JSON_OBJECT: put_object(j, ret); break;
    case JSON_ARRAY: put_array(j, ret); break;
    case JSON_STRING: put_string(json_string_value(j), json_string_length(j), ret); break;
    case JSON_INTEGER:
    case JSON_REAL: put_number(j, ret); break;
    case JSON_TRUE: bf_buf_put_str(ret, "true"); break;
    case JSON_FALSE: bf_buf_put_str(ret, "false"); break;
    case JSON_NULL: bf_buf_put_str(ret, "null"); break;
    }
}
