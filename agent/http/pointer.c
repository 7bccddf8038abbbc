/* JSON pointers (RFC 6901) on jansson's values. */
#include "agent/http/pointer.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

bool http_pointer_valid(const char *pointer)
{
    if (*pointer && *pointer != '/')
        return false;
    for (const char *p = pointer; (p = strchr(p, '~')) != NULL; p++)
        if (p[1] != '0' && p[1] != '1')
            return false;
    return true;
}

/* One part of the pointer, with "~1" and "~0" as what they stand for.  The caller frees. */
static char *part_of(const char *from, size_t n)
{
    char *part = bf_xmalloc(n + 1);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (from[i] == '~' && i + 1 < n)
            part[used++] = from[++i] == '1' ? '/' : '~';
        else
            part[used++] = from[i];
    }
    part[used] = '\0';
    return part;
}

static const json_t *step_into(const json_t *value, const char *part)
{
    if (json_is_object(value))
        return json_object_get(value, part);
    int64_t index;
    bool plain = part[0] != '0' || part[1] == '\0';     /* "01" is no index */
    if (json_is_array(value) && plain && bf_parse_int(part, 0, INT32_MAX, &index))
        return json_array_get(value, (size_t)index);
    return NULL;
}

const json_t *http_pointer_find(const json_t *root, const char *pointer)
{
    const json_t *value = root;
    while (value && *pointer == '/') {
        size_t n = strcspn(++pointer, "/");
        BF_AUTO_FREE char *part = part_of(pointer, n);
        value = step_into(value, part);
        pointer += n;
    }
    return value;
}

bool http_value_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && !(json_is_integer(a) && json_is_integer(b))) {
        double x = json_number_value(a), y = json_number_value(b);
        return x >= y && x <= y;
    }
    return json_equal(a, b) == 1;
}

bool http_value_in(const json_t *value, const json_t *list)
{
    for (size_t i = 0; value && i < json_array_size(list); i++)
        if (http_value_equal(value, json_array_get(list, i)))
            return true;
    return false;
}
