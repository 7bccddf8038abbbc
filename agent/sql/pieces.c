/* Reads pieces.  Error texts never quote values, because they may be private. */
#include "agent/sql/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/sql_limits.h"

static enum bf_rc parse_piece(const json_t *item, size_t number, const char *what, struct sql_request_piece *ret, struct bf_error *err)
{
    const json_t *t = json_object_get(item, "t"), *v = json_object_get(item, "v");
    if (!json_is_string(t) || !json_is_string(v) || json_object_size(item) != 2)
        return bf_fail(err, BF_INVALID, "piece %zu of %s is not {\"t\": type, \"v\": text}", number, what);
    const char *type = json_string_value(t);
    struct sql_request_piece p = {.value = strcmp(type, "text") != 0};
    if (p.value && !sql_value_type_find(type, &p.type))
        return bf_fail(err, BF_UNSUPPORTED, "piece %zu of %s has a type that is not supported yet: %.32s", number, what, type);
    if (memchr(json_string_value(v), '\0', json_string_length(v)))
        return bf_fail(err, BF_INVALID, "piece %zu of %s, a %.32s, holds a NUL byte, which SQL cannot carry", number, what, type);
    p.len = json_string_length(v);
    p.text = bf_xstrndup(json_string_value(v), p.len);
    *ret = p;
    return BF_OK;
}

enum bf_rc sql_pieces_parse(const json_t *list, const char *what, struct sql_pieces *ret, struct bf_error *err)
{
    if (!json_is_array(list))
        return bf_fail(err, BF_INVALID, "%s is no list", what);
    size_t n = json_array_size(list);
    if (n > SQL_PIECES_MAX)
        return bf_fail(err, BF_LIMIT, "%s has more than %u pieces", what, SQL_PIECES_MAX);
    struct sql_pieces p = {.at = bf_xcalloc(n ? n : 1, sizeof *p.at)};
    for (; p.n < n; p.n++) {
        enum bf_rc rc = parse_piece(json_array_get(list, p.n), p.n + 1, what, &p.at[p.n], err);
        if (rc != BF_OK) {
            sql_pieces_done(&p);
            return rc;
        }
    }
    *ret = p;
    return BF_OK;
}

void sql_pieces_done(struct sql_pieces *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        free(p->at[i].text);
    free(p->at);
    *p = (struct sql_pieces){0};
}
