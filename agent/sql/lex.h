/* Tokens of SQL text, as far as the splitter and those who look into its statements need them.
 *
 * Every byte of the source belongs to exactly one token. */
#ifndef BF_AGENT_SQL_LEX_H
#define BF_AGENT_SQL_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sql/split.h"

enum lex_kind {
    LEX_END,
    LEX_SPACE,
    LEX_COMMENT,
    LEX_WORD,                                  /* keyword or plain name */
    LEX_STRING,                                /* with its prefix, such as E, where that changes how it is read */
    LEX_NAME,                                  /* quoted name */
    LEX_VALUE,
    LEX_SEMICOLON,
    LEX_OTHER                                  /* numbers and operators */
};

struct lex_token {
    enum lex_kind kind;
    const char *text;                          /* into the source */
    size_t len;
    uint32_t line;                             /* where it begins */
};

/* Bytes [from, until) of the source are a value. */
struct lex_span { size_t from, until; };

struct lexer {
    const struct sql_lexis *lexis;
    const char *src;
    size_t len, at;
    const struct lex_span *spans;              /* in order, none empty */
    size_t n_spans, next_span;
    uint32_t line;                             /* newlines inside values do not count */
    bool escaped, new_line;                    /* behind E'…', and a newline behind that: the next '…' goes on with it */
};

void lex_init(struct lexer *x, const struct sql_lexis *lexis, const char *src, size_t len, const struct lex_span *spans,
              size_t n_spans);
/* LEX_END for ever after the last. */
enum bf_rc lex_next(struct lexer *x, struct lex_token *ret, struct bf_error *err) BF_MUST_CHECK;
/* Is the token this keyword (given in upper case)? */
bool lex_is(const struct lex_token *t, const char *keyword);
/* Is it one of these, "IF CASE LOOP"? */
bool lex_is_one_of(const struct lex_token *t, const char *keywords);
/* Is it this sign? */
bool lex_is_sign(const struct lex_token *t, char sign);
/* The next token of text that was read before without an error: no blanks, no comments.  LEX_END for ever after the last. */
struct lex_token lex_next_solid(struct lexer *x);

#endif
