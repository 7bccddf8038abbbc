/* Values inside a JSON document.  Pure. */
#ifndef BF_AGENT_HTTP_POINTER_H
#define BF_AGENT_HTTP_POINTER_H

#include <stdbool.h>

struct json_t;

/* Is it a pointer of RFC 6901: "" or "/a/0/b", "~" only as "~0" and "~1"? */
bool http_pointer_valid(const char *pointer);
/* The value there, borrowed; NULL when there is none. */
const struct json_t *http_pointer_find(const struct json_t *root, const char *pointer);
/* Same type and same value; numbers are one type. */
bool http_value_equal(const struct json_t *a, const struct json_t *b);
/* Is the value one of a list? */
bool http_value_in(const struct json_t *value, const struct json_t *list);

#endif
