/* The lexer of SQL scripts.
 *
 * It follows the tokenizer of the database it reads for: what that takes as a quote, a comment or white space is taken as the same
 * here, down to the byte order mark that SQLite skips.  A scan never runs over the start of a value: `limit` is where the next one
 * begins, and what is still open there is an error. */
#include "agent/sql/lex.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

void lex_init(struct lexer *x, const struct sql_lexis *lexis, const char *src, size_t len, const struct lex_span *spans,
              size_t n_spans)
{
    *x = (struct lexer){.lexis = lexis, .src = src, .len = len, .spans = spans, .n_spans = n_spans, .line = 1};
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool starts_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool continues_word(char c)
{
    return starts_word(c) || is_digit(c) || c == '$';
}

/* End of the text that may be scanned: the next value or the end. */
static size_t limit_of(const struct lexer *x)
{
    return x->next_span < x->n_spans ? x->spans[x->next_span].from : x->len;
}

static bool looking_at(const struct lexer *x, size_t at, size_t limit, const char *word)
{
    size_t n = strlen(word);
    return limit - at >= n && memcmp(x->src + at, word, n) == 0;
}

static bool at_byte_order_mark(const struct lexer *x, size_t at, size_t limit)
{
    return looking_at(x, at, limit, "\xEF\xBB\xBF");
}

static enum bf_rc left_open(const struct lexer *x, size_t limit, const char *what, struct bf_error *err)
{
    if (limit < x->len)
        return bf_fail(err, BF_INVALID, "line %u: {{ … }} stands inside %s; take it out, values bring their own quotes", x->line, what);
    return bf_fail(err, BF_INVALID, "line %u: %s is not closed", x->line, what);
}

/* Position after a quote that opens at x->at and is doubled inside; 0 when it is left open. */
static size_t quoted_end(const struct lexer *x, size_t limit, char close, bool doubled, bool backslashes)
{
    for (size_t i = x->at + 1; i < limit; i++) {
        if (backslashes && x->src[i] == '\\') {
            i++;
        } else if (x->src[i] == close) {
            if (!doubled || i + 1 == limit || x->src[i + 1] != close)
                return i + 1;
            i++;
        }
    }
    return 0;
}

static enum bf_rc take_quoted(struct lexer *x, size_t limit, bool backslashes, size_t *ret_end, struct bf_error *err)
{
    char open = x->src[x->at];
    size_t end = quoted_end(x, limit, open == '[' ? ']' : open, open != '[', backslashes);
    if (!end)
        return left_open(x, limit, open == '\'' ? "a string" : "a quoted name", err);
    if ((open == '[' || open == '`') && x->lexis->refused_in_names) {
        for (size_t i = x->at + 1; i + 1 < end; i++)
            if (strchr(x->lexis->refused_in_names, x->src[i]))
                return bf_fail(err, BF_INVALID, "line %u: the character %c is not supported in a name between %c and %c; write the name in "
                               "double quotes", x->line, x->src[i], open, open == '[' ? ']' : open);
    }
    *ret_end = end;
    return BF_OK;
}

/* $tag$ … $tag$; 0 in *ret_end when no dollar quote begins here. */
static enum bf_rc take_dollar(struct lexer *x, size_t limit, size_t *ret_end, struct bf_error *err)
{
    size_t tag_end = x->at + 1;
    while (tag_end < limit && continues_word(x->src[tag_end]) && x->src[tag_end] != '$')
        tag_end++;
    *ret_end = 0;
    if (tag_end == limit || x->src[tag_end] != '$' || is_digit(x->src[x->at + 1]))
        return BF_OK;
    size_t n = tag_end + 1 - x->at;
    for (size_t i = tag_end + 1; i + n <= limit; i++) {
        if (memcmp(x->src + i, x->src + x->at, n) == 0) {
            *ret_end = i + n;
            return BF_OK;
        }
    }
    return left_open(x, limit, "a dollar-quoted string", err);
}

/* Comments run over values, which go away with them. */
static enum bf_rc take_comment(struct lexer *x, size_t *ret_end, struct bf_error *err)
{
    bool block = x->src[x->at] == '/';
    uint32_t depth = 1;
    size_t i = x->at + 2;
    for (;;) {
        size_t limit = limit_of(x);
        if (i >= limit) {
            if (limit == x->len)
                break;
            i = x->spans[x->next_span++].until;
        } else if (!block && x->src[i] == '\n') {
            *ret_end = i;
            return BF_OK;
        } else if (block && looking_at(x, i, limit, "*/")) {
            i += 2;
            if (--depth == 0) {
                *ret_end = i;
                return BF_OK;
            }
        } else if (block && x->lexis->nested_comments && looking_at(x, i, limit, "/*")) {
            i += 2;
            depth++;
        } else {
            i++;
        }
    }
    if (block)
        return left_open(x, x->len, "a comment", err);
    *ret_end = x->len;
    return BF_OK;
}

static size_t take_spaces(const struct lexer *x, size_t limit)
{
    size_t i = x->at;
    while (i < limit && is_space(x->src[i]))
        i++;
    if (i == x->at && at_byte_order_mark(x, i, limit))
        i += 3;
    return i;
}

static size_t take_word(const struct lexer *x, size_t limit)
{
    size_t i = x->at;
    while (i < limit && continues_word(x->src[i]))
        i++;
    return i;
}

/* Newlines of a token, those inside values left out. */
static uint32_t newlines(const struct lexer *x, size_t from, size_t until, size_t span)
{
    uint32_t n = 0;
    for (size_t i = from; i < until; i++) {
        if (span < x->n_spans && i == x->spans[span].from)
            i = x->spans[span++].until - 1;
        else if (x->src[i] == '\n')
            n++;
    }
    return n;
}

static enum bf_rc take_other(struct lexer *x, size_t limit, size_t *ret_end, struct bf_error *err)
{
    char c = x->src[x->at];
    if (x->lexis->refused && strchr(x->lexis->refused, c))
        return bf_fail(err, BF_INVALID, "line %u: the character %c is not supported outside quotes; parameters are written {{ params.name }}",
                       x->line, c);
    *ret_end = is_digit(c) ? take_word(x, limit) : x->at + 1;
    return BF_OK;
}

/* Kind and end of the token of text at x->at. */
static enum bf_rc take(struct lexer *x, size_t limit, enum lex_kind *ret_kind, size_t *ret_end, struct bf_error *err)
{
    char c = x->src[x->at];
    size_t end = take_spaces(x, limit);
    if (end > x->at) {
        *ret_kind = LEX_SPACE;
        *ret_end = end;
        return BF_OK;
    }
    if (looking_at(x, x->at, limit, "--") || looking_at(x, x->at, limit, "/*")) {
        *ret_kind = LEX_COMMENT;
        return take_comment(x, ret_end, err);
    }
    if (x->lexis->escape_strings && (looking_at(x, x->at, limit, "E'") || looking_at(x, x->at, limit, "e'"))) {
        *ret_kind = LEX_QUOTED;
        x->at++;
        enum bf_rc rc = take_quoted(x, limit, true, ret_end, err);
        x->at--;
        return rc;
    }
    if (c == '\'' || c == '"' || (c == '`' && x->lexis->backticks) || (c == '[' && x->lexis->brackets)) {
        *ret_kind = LEX_QUOTED;
        return take_quoted(x, limit, false, ret_end, err);
    }
    if (c == '$' && x->lexis->dollar_quotes) {
        enum bf_rc rc = take_dollar(x, limit, &end, err);
        if (rc != BF_OK || end) {
            *ret_kind = LEX_QUOTED;
            *ret_end = end;
            return rc;
        }
    }
    if (starts_word(c)) {
        *ret_kind = LEX_WORD;
        *ret_end = take_word(x, limit);
        return BF_OK;
    }
    *ret_kind = c == ';' ? LEX_SEMICOLON : LEX_OTHER;
    return take_other(x, limit, ret_end, err);
}

enum bf_rc lex_next(struct lexer *x, struct lex_token *ret, struct bf_error *err)
{
    size_t limit = limit_of(x), span = x->next_span, end = 0;
    enum lex_kind kind = LEX_END;
    if (x->at == x->len) {
        *ret = (struct lex_token){.kind = LEX_END, .text = x->src + x->len, .line = x->line};
        return BF_OK;
    }
    if (x->at == limit) {
        kind = LEX_VALUE;
        end = x->spans[x->next_span++].until;
    } else {
        enum bf_rc rc = take(x, limit, &kind, &end, err);
        if (rc != BF_OK)
            return rc;
    }
    assert(end > x->at && end <= x->len);
    *ret = (struct lex_token){.kind = kind, .text = x->src + x->at, .len = end - x->at, .line = x->line};
    x->line += newlines(x, x->at, end, span);
    x->at = end;
    return BF_OK;
}

bool lex_is(const struct lex_token *t, const char *keyword)
{
    return t->kind == LEX_WORD && t->len == strlen(keyword) && strncasecmp(t->text, keyword, t->len) == 0;
}
