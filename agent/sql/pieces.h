/* A script as it travels: text as it was written, and typed values between. */
#ifndef BF_AGENT_SQL_PIECES_H
#define BF_AGENT_SQL_PIECES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/sql/dialect.h"
#include "common/error.h"

struct sql_request_piece {
    bool value;                                /* false: text of the script */
    enum value_type type;
    char *text;                                /* owned; NUL-terminated, without NUL inside */
    size_t len;
};

/* All-zero is empty. */
struct sql_pieces {
    struct sql_request_piece *at;
    size_t n;
};

/* Parse a list of {"t": type, "v": text}.  what names it in errors ("the request's \"pieces\""), which never quote values.
 * *ret untouched on failure. */
enum bf_rc sql_pieces_parse(const json_t *list, const char *what, struct sql_pieces *ret, struct bf_error *err) BF_MUST_CHECK;
void sql_pieces_done(struct sql_pieces *p);

#endif
