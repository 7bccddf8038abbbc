/* A connection string is `key=value;key=value`.  A value in braces goes on to the brace that closes it, `}}` being one brace of the
 * value, so that it may hold a semicolon. */
#include "plan/odbc.h"

#include <string.h>

static size_t value_len(const char *value)
{
    if (*value != '{')
        return strcspn(value, ";");
    const char *p = value + 1;
    for (; *p; p++) {
        if (*p == '}' && p[1] == '}')
            p++;
        else if (*p == '}')
            break;
    }
    return (size_t)(p - value) + strcspn(p, ";");
}

/* The next password in full; *ret_len bytes.  NULL: none. */
static const char *find_password(const char *from, size_t *ret_len)
{
    static const char *const words[] = {"pwd=", "password="};
    for (const char *p = from; *p; p++) {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (strncasecmp(p, words[i], strlen(words[i])) != 0)
                continue;
            const char *value = p + strlen(words[i]);
            *ret_len = value_len(value);
            if (*ret_len > 0 && strncmp(value, "${", 2) != 0)
                return value;
        }
    }
    return NULL;
}

bool plan_odbc_has_password(const char *odbc)
{
    size_t len;
    return find_password(odbc, &len) != NULL;
}

void plan_odbc_mask(const char *odbc, struct bf_buf *ret)
{
    size_t len;
    for (const char *at; (at = find_password(odbc, &len)) != NULL; odbc = at + len) {
        bf_buf_put(ret, odbc, (size_t)(at - odbc));
        bf_buf_put_str(ret, "****");
    }
    bf_buf_put_str(ret, odbc);
}
