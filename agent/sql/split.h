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

/* A character that may not stand outside quotes, and what to do instead. */
struct sql_refusal {
    char c;
    const char *why;
};

/* Statements that hold others, ended by semicolons, in their body. */
enum sql_bodies {
    SQL_BODIES_NONE,
    SQL_BODIES_SQLITE,                         /* CREATE TRIGGER … BEGIN …; END */
    SQL_BODIES_POSTGRESQL,                     /* CREATE FUNCTION … BEGIN ATOMIC …; END and CREATE RULE … DO (…; …) */
    SQL_BODIES_MARIADB                         /* routines, triggers, events, and blocks by themselves */
};

/* How a database reads text.  'text' with '' inside, "name" with "" inside, -- and slash-star comments are always known. */
struct sql_lexis {
    bool backticks;                            /* `name`, with `` inside */
    bool brackets;                             /* [name] */
    bool dollar_quotes;                        /* $tag$text$tag$ */
    bool escape_strings;                       /* E'it\'s', and its continuation behind a newline */
    bool backslashes;                          /* 'it\'s' */
    bool double_quoted_strings;                /* "it's" is a string, not a name */
    bool nested_comments;
    bool hash_comments;                        /* # to the end of the line */
    bool dashes_need_blank;                    /* -- begins a comment only before a blank: without one it is refused */
    bool returns_end_lines;                    /* a carriage return ends a -- comment */
    bool executable_comments;                  /* what stands between slash-star-! and star-slash runs: refused */
    bool strict_numbers;                       /* a number that runs into a name, a string or a dollar sign is refused */
    bool dollars_in_names;
    bool marks_are_blanks;                     /* a byte order mark anywhere, not only at the start */
    bool doubtful;                             /* what databases read differently is refused: nobody knows which one this is */
    bool copies_data;                          /* COPY … FROM STDIN exists, and is refused */
    enum sql_bodies bodies;
    const struct sql_refusal *refused;         /* ended by an all-zero one */
    const char *refused_in_names;              /* characters between backticks or brackets that the driver would misread */
};

extern const struct sql_lexis sql_lexis_sqlite, sql_lexis_postgresql, sql_lexis_mariadb, sql_lexis_ansi;

struct sql_part {
    bool value;                                /* text is one rendered literal, not empty */
    const char *text;                          /* borrowed */
    size_t len;
};

/* What comes back when a statement has run.  Unknown verbs count as SQL_GIVES_MAYBE. */
enum sql_gives {
    SQL_GIVES_MAYBE,                           /* changes something and may give rows: RETURNING, CALL */
    SQL_GIVES_NOTHING,                         /* changes something and gives none */
    SQL_GIVES_ROWS                             /* a query: gives rows, and by its text changes nothing */
};

struct sql_statement {
    char *text;                                /* without comments and the semicolon; NUL-terminated, owned */
    size_t len;
    uint32_t number, line;                     /* from 1; line of its first word in the script as written */
    char verb[SQL_VERB_MAX];                   /* first word, upper case, cut when longer; "(" when it begins so */
    bool body;                                 /* semicolons stand in it, outside quotes */
    enum sql_gives gives;                      /* set by sql_script_prepare() */
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
