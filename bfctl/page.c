/* Pages. */
#include "bfctl/page.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/render.h"
#include "common/mem.h"

#define NAME_WIDTH 16                            /* of the names, or as wide as the longest */

static void put_scalar(const json_t *value, struct bf_buf *ret)
{
    char at[RENDER_TIME_MAX];
    const char *text = json_string_value(value);
    if (text && strlen(text) > 19 && text[10] == 'T' && render_time_ms(text) >= 0)
        text = render_time(text, at);
    if (text)
        bf_buf_put_str(ret, *text ? render_safe(text) : "-");
    else if (json_is_integer(value))
        bf_buf_printf(ret, "%" PRId64, (int64_t)json_integer_value(value));
    else if (json_is_real(value))
        bf_buf_printf(ret, "%g", json_real_value(value));
    else if (json_is_boolean(value))
        bf_buf_put_str(ret, json_is_true(value) ? "yes" : "no");
    else
        bf_buf_put_str(ret, "-");
}

static bool is_counts(const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
        if (!json_is_integer(value))
            return false;
    return true;
}

/* "3 succeeded, 1 failed" of counts; "zone=a, disk=ssd" of what else there is. */
static void put_members(const json_t *object, struct bf_buf *ret)
{
    const char *key;
    json_t *value;
    bool counts = is_counts(object);
    json_object_foreach((json_t *)object, key, value) {
        if ((counts && json_integer_value(value) == 0) || json_is_null(value) || json_is_object(value) || json_is_array(value))
            continue;
        bf_buf_put_str(ret, ret->len ? ", " : "");
        if (!counts)
            bf_buf_printf(ret, "%s=", render_safe(key));
        put_scalar(value, ret);
        if (counts)
            bf_buf_printf(ret, " %s", render_safe(key));
    }
}

static void put_items(const json_t *array, struct bf_buf *ret)
{
    size_t i;
    json_t *value;
    json_array_foreach((json_t *)array, i, value) {
        bf_buf_put_str(ret, ret->len ? ", " : "");
        if (json_is_object(value))
            put_members(value, ret);
        else
            put_scalar(value, ret);
    }
}

static int name_width(const json_t *object)
{
    const char *key;
    json_t *value;
    size_t width = NAME_WIDTH;
    json_object_foreach((json_t *)object, key, value)
        width = strlen(key) > width ? strlen(key) : width;
    return (int)width;
}

void page_print(const json_t *object)
{
    const char *key;
    json_t *value;
    int width = name_width(object);
    json_object_foreach((json_t *)object, key, value) {
        BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
        if (json_is_object(value))
            put_members(value, &text);
        else if (json_is_array(value))
            put_items(value, &text);
        else
            put_scalar(value, &text);
        printf("%-*s %s\n", width, render_safe(key), text.len ? bf_buf_cstr(&text) : "-");
    }
}

void page_heading(const char *words)
{
    printf("\n%s\n", words);
}
