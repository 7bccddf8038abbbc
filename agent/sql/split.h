/* Splits a SQL script into statements, because drivers refuse several in one call and a transaction must not be ended from inside.
 *
 * The script comes in parts: text as it was written, and values that are already literals of the database.  A value is one token,
 * whatever its bytes are, so values can never move the border of a statement.  A value inside quotes is an error; a value inside a
 * comment goes away with the comment.  Comments are left out of the statements, because drivers misread quotes in them.
 *
 * What it does not understand it refuses or splits too often, never too rarely: a hidden COMMIT must not slip through. */
#ifndef BF_AGENT_SQL_SPLIT_H
#define BF_AGENT_SQL_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define SQL_SCRIPT_MAX_BYTES (16u << 20)       /* with its values */
#define SQL_STATEMENTS_MAX 100000u
#define SQL_VERB_MAX 24

/* How a database reads text.  'text' with '' inside, "name" with "" inside, -- and slash-star comments are always known. */
struct sql_lexis {
    bool backticks;                            /* `name`, with `` inside */
    bool brackets;                             /* [name] */
    bool dollar_quotes;                        /* $tag$text$tag$ */
    bool escape_strings;                       /* E'it\'s' */
    bool nested_comments;
    bool trigger_bodies;                       /* CREATE TRIGGER … BEGIN …; …; END is one statement */
    const char *refused;                       /* characters that may not stand outside quotes */
    const char *refused_in_names;              /* nor between backticks or brackets: the driver would misread them */
};

extern const struct sql_lexis sql_lexis_sqlite, sql_lexis_postgresql, sql_lexis_mariadb, sql_lexis_ansi;

struct sql_part {
    bool value;                                /* text is one rendered literal, not empty */
    const char *text;                          /* borrowed */
    size_t len;
};

struct sql_statement {
    char *text;                                /* without comments and the semicolon; NUL-terminated, owned */
    size_t len;
    uint32_t number, line;                     /* from 1; line of its first word in the script as written */
    char verb[SQL_VERB_MAX];                   /* first word, upper case, cut when longer; "(" when it begins so */
};

/* All-zero is empty. */
struct sql_script {
    struct sql_statement *at;
    size_t n, cap;
};

/* Split parts[0..n).  Empty statements are passed over.  *ret is untouched on failure.
 * BF_INVALID: quotes or comments left open, a value in quotes, a refused character, a statement that begins with no word.
 * BF_LIMIT: too large. */
enum bf_rc sql_split(const struct sql_lexis *lexis, const struct sql_part *parts, size_t n, struct sql_script *ret,
                     struct bf_error *err) BF_MUST_CHECK;
void sql_script_done(struct sql_script *s);

#endif
