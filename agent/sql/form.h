/* Forms of statements: the words that they begin with, written as a pattern.  Private to the guard.
 *
 * A form is a row of elements with blanks between, matched against the tokens of a statement from its first:
 *
 *     WORD|WORD    one of these keywords, unquoted
 *     word|word    one of these names or values, also in quotes; = and other signs as they are
 *     [WORD|WORD]  one of these, or nothing
 *     ()           something in round brackets, or nothing
 *     ..           anything up to the first token outside brackets that the next element fits
 *     $            the end
 *
 * What follows the last element does not matter. */
#ifndef BF_AGENT_SQL_FORM_H
#define BF_AGENT_SQL_FORM_H

#include <stdbool.h>

#include "agent/sql/lex.h"

bool form_fits(const char *form, const struct sql_lexis *lexis, const struct sql_statement *s);

/* A reader of a statement's tokens, from the first. */
struct lexer form_reader(const struct sql_lexis *lexis, const struct sql_statement *s);
/* Is the token this name or value, whatever its quotes?  Letters' case does not matter. */
bool form_names(const struct lex_token *t, const char *name);
/* The text between its quotes, or the whole of a token without. */
const char *form_inner(const struct lex_token *t, size_t *ret_len);

#endif
