/* The lexer of SQL scripts.
 *
 * It follows the tokenizer of the database it reads for: what that takes as a quote, a comment or white space is taken as the same
 * here, down to the byte order mark that SQLite skips.  A scan never runs over the start of a value: `limit` is where the next one
 * begins, and what is still open there is an error. */
#include "agent/sql/lex.h"

#include <assert.h>
#include <ctype.h>
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

static bool continues_word(const struct lexer *x, char c)
{
    return starts_word(c) || is_digit(c) || (c == '$' && x->lexis->dollars_in_names);
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

static bool at_line_end(const struct lexer *x, size_t at)
{
    return x->src[at] == '\n' || (x->src[at] == '\r' && x->lexis->returns_end_lines);
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

static bool is_string_quote(const struct lexer *x, char quote)
{
    return quote == '\'' || (quote == '"' && x->lexis->double_quoted_strings);
}

/* Some databases take the quote behind a backslash as text, others as the end. */
static bool is_doubtful(const struct lexer *x, size_t end)
{
    for (size_t i = x->at + 1; i < end; i++)
        if (x->src[i] == x->src[x->at] && x->src[i - 1] == '\\')
            return true;
    return false;
}

static enum bf_rc take_quoted(struct lexer *x, size_t limit, bool backslashes, size_t *ret_end, struct bf_error *err)
{
    char open = x->src[x->at];
    size_t end = quoted_end(x, limit, open == '[' ? ']' : open, open != '[', backslashes);
    if (x->lexis->doubtful && is_doubtful(x, end ? end : limit))
        return bf_fail(err, BF_INVALID, "line %u: a backslash before a quote is refused, because databases read it differently, and the "
                       "connection says dialect: ansi; write it as a value, {{ … }}", x->line);
    if (!end)
        return left_open(x, limit, is_string_quote(x, open) ? "a string" : "a quoted name", err);
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
    while (tag_end < limit && continues_word(x, x->src[tag_end]) && x->src[tag_end] != '$')
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

/* What begins like a comment, and is none, or not everywhere. */
static enum bf_rc check_comment(const struct lexer *x, size_t limit, struct bf_error *err)
{
    size_t i = x->at + 2;
    if (x->src[x->at] == '-' && x->lexis->dashes_need_blank && i < x->len && (i == limit || !is_space(x->src[i])))
        return bf_fail(err, BF_INVALID, "line %u: -- begins a comment only before a blank; write \"-- \", or \"- -\" for two minus signs",
                       x->line);
    if (x->src[x->at] == '/' && x->lexis->executable_comments && (looking_at(x, i, limit, "!") || looking_at(x, i, limit, "M!")))
        return bf_fail(err, BF_INVALID, "line %u: a comment that begins with /*! or /*M! is refused, because some servers run what is in "
                       "it; write its text without the comment, or leave it out", x->line);
    return BF_OK;
}

/* A comment in a comment, or a carriage return in a line of one: not the same everywhere. */
static enum bf_rc check_inside_comment(const struct lexer *x, bool block, size_t i, size_t limit, struct bf_error *err)
{
    if (block && looking_at(x, i, limit, "/*"))
        return bf_fail(err, BF_INVALID, "line %u: a comment inside a comment is refused, because databases read it differently, and the "
                       "connection says dialect: ansi", x->line);
    if (!block && x->src[i] == '\r' && i + 1 < x->len && !looking_at(x, i, limit, "\r\n"))
        return bf_fail(err, BF_INVALID, "line %u: a carriage return inside a comment is refused, because databases read it differently, "
                       "and the connection says dialect: ansi", x->line);
    return BF_OK;
}

/* Comments run over values, which go away with them. */
static enum bf_rc take_comment(struct lexer *x, size_t *ret_end, struct bf_error *err)
{
    bool block = x->src[x->at] == '/';
    uint32_t depth = 1;
    size_t i = x->at + (x->src[x->at] == '#' ? 1 : 2);
    enum bf_rc rc = check_comment(x, limit_of(x), err);
    while (rc == BF_OK) {
        size_t limit = limit_of(x);
        if (i < limit && x->lexis->doubtful)
            rc = check_inside_comment(x, block, i, limit, err);
        if (i >= limit) {
            if (limit == x->len)
                break;
            i = x->spans[x->next_span++].until;
        } else if (!block && at_line_end(x, i)) {
            *ret_end = i;
            return rc;
        } else if (block && looking_at(x, i, limit, "*/")) {
            i += 2;
            if (--depth == 0) {
                *ret_end = i;
                return rc;
            }
        } else if (block && x->lexis->nested_comments && looking_at(x, i, limit, "/*")) {
            i += 2;
            depth++;
        } else {
            i++;
        }
    }
    if (rc == BF_OK && block)
        return left_open(x, x->len, "a comment", err);
    *ret_end = x->len;
    return rc;
}

static size_t take_spaces(const struct lexer *x, size_t limit)
{
    size_t i = x->at;
    while (i < limit && is_space(x->src[i]))
        i++;
    if (i == x->at && (i == 0 || x->lexis->marks_are_blanks) && at_byte_order_mark(x, i, limit))
        i += 3;
    return i;
}

static size_t take_word(const struct lexer *x, size_t limit)
{
    size_t i = x->at;
    while (i < limit && continues_word(x, x->src[i]))
        i++;
    return i;
}

static size_t take_digits(const struct lexer *x, size_t i, size_t limit)
{
    while (i < limit && (is_digit(x->src[i]) || x->src[i] == '_'))
        i++;
    return i;
}

/* A number that ends where the scanner of any version ends it: 12, 1_000, 1e-5, 0x1F; the point is a sign of its own. */
static enum bf_rc take_number(const struct lexer *x, size_t limit, size_t *ret_end, struct bf_error *err)
{
    size_t i = x->at;
    if (limit - i > 2 && x->src[i] == '0' && strchr("xXoObB", x->src[i + 1])) {
        for (i += 2; i < limit && (isxdigit((unsigned char)x->src[i]) || x->src[i] == '_');)
            i++;
    } else {
        i = take_digits(x, i, limit);
        size_t sign = i + 1 < limit && (x->src[i + 1] == '+' || x->src[i + 1] == '-') ? 1 : 0;
        if (i < limit && (x->src[i] | 0x20) == 'e' && i + 1 + sign < limit && is_digit(x->src[i + 1 + sign]))
            i = take_digits(x, i + 1 + sign, limit);
    }
    if (i < limit && (starts_word(x->src[i]) || x->src[i] == '\'' || x->src[i] == '$'))
        return bf_fail(err, BF_INVALID, "line %u: a number runs into what follows it; leave a blank between them", x->line);
    *ret_end = i;
    return BF_OK;
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
    for (const struct sql_refusal *r = x->lexis->refused; r->c; r++)
        if (r->c == c)
            return bf_fail(err, BF_INVALID, "line %u: the character %c is not supported outside quotes; %s", x->line, c, r->why);
    if (x->lexis->doubtful && looking_at(x, x->at, limit, "//"))
        return bf_fail(err, BF_INVALID, "line %u: // is refused, because it begins a comment in some databases, and the connection says "
                       "dialect: ansi", x->line);
    if (is_digit(c) && x->lexis->strict_numbers)
        return take_number(x, limit, ret_end, err);
    *ret_end = is_digit(c) ? take_word(x, limit) : x->at + 1;
    return BF_OK;
}

static bool begins_comment(const struct lexer *x, size_t limit)
{
    return looking_at(x, x->at, limit, "--") || looking_at(x, x->at, limit, "/*") || (x->lexis->hash_comments && x->src[x->at] == '#');
}

/* E'…', and a string that goes on with one. */
static enum bf_rc take_escaped(struct lexer *x, size_t limit, size_t prefix, size_t *ret_end, struct bf_error *err)
{
    x->at += prefix;
    enum bf_rc rc = take_quoted(x, limit, true, ret_end, err);
    x->at -= prefix;
    return rc;
}

static enum bf_rc take_string_or_name(struct lexer *x, size_t limit, enum lex_kind *ret_kind, size_t *ret_end, struct bf_error *err)
{
    char c = x->src[x->at];
    bool prefixed = x->lexis->escape_strings && (c == 'E' || c == 'e');
    *ret_kind = prefixed || is_string_quote(x, c) ? LEX_STRING : LEX_NAME;
    if (prefixed || (c == '\'' && x->escaped && x->new_line))
        return take_escaped(x, limit, prefixed ? 1 : 0, ret_end, err);
    return take_quoted(x, limit, x->lexis->backslashes && *ret_kind == LEX_STRING, ret_end, err);
}

static bool opens_quote(const struct lexer *x, size_t limit)
{
    char c = x->src[x->at];
    return c == '\'' || c == '"' || (c == '`' && x->lexis->backticks) || (c == '[' && x->lexis->brackets)
           || (x->lexis->escape_strings && (looking_at(x, x->at, limit, "E'") || looking_at(x, x->at, limit, "e'")));
}

/* Quotes of Oracle: q'[it's]'. */
static enum bf_rc check_word(const struct lexer *x, size_t end, size_t limit, struct bf_error *err)
{
    size_t n = end - x->at;
    if (!x->lexis->doubtful || end == limit || x->src[end] != '\'' || n > 2 || (x->src[end - 1] | 0x20) != 'q'
        || (n == 2 && (x->src[x->at] | 0x20) != 'n'))
        return BF_OK;
    return bf_fail(err, BF_INVALID, "line %u: a string that begins with %.*s' is refused, because databases read it differently, and the "
                   "connection says dialect: ansi", x->line, (int)n, x->src + x->at);
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
    if (begins_comment(x, limit)) {
        *ret_kind = LEX_COMMENT;
        return take_comment(x, ret_end, err);
    }
    if (opens_quote(x, limit))
        return take_string_or_name(x, limit, ret_kind, ret_end, err);
    if (c == '$' && x->lexis->dollar_quotes) {
        enum bf_rc rc = take_dollar(x, limit, &end, err);
        if (rc != BF_OK || end) {
            *ret_kind = LEX_STRING;
            *ret_end = end;
            return rc;
        }
    }
    if (x->at > 0 && at_byte_order_mark(x, x->at, limit))
        return bf_fail(err, BF_INVALID, "line %u: a byte order mark stands inside the script; take it out", x->line);
    if (starts_word(c) || (c == '$' && x->lexis->bodies == SQL_BODIES_MARIADB)) {
        *ret_kind = LEX_WORD;
        *ret_end = take_word(x, limit);
        return check_word(x, *ret_end, limit, err);
    }
    *ret_kind = c == ';' ? LEX_SEMICOLON : LEX_OTHER;
    return take_other(x, limit, ret_end, err);
}

/* PostgreSQL reads 'b' in E'a' newline 'b' as E'ab', comments between them or not. */
static void note_escaped(struct lexer *x, const struct lex_token *t)
{
    if (t->kind == LEX_SPACE || t->kind == LEX_COMMENT) {
        x->new_line |= memchr(t->text, '\n', t->len) || memchr(t->text, '\r', t->len);
        return;
    }
    bool goes_on = t->kind == LEX_STRING && t->text[0] == '\'' && x->escaped && x->new_line;
    x->escaped = goes_on || (t->kind == LEX_STRING && (t->text[0] | 0x20) == 'e');
    x->new_line = false;
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
    note_escaped(x, ret);
    return BF_OK;
}

bool lex_is(const struct lex_token *t, const char *keyword)
{
    return t->kind == LEX_WORD && t->len == strlen(keyword) && strncasecmp(t->text, keyword, t->len) == 0;
}

bool lex_is_one_of(const struct lex_token *t, const char *keywords)
{
    if (t->kind != LEX_WORD)
        return false;
    for (const char *at = keywords; *at;) {
        size_t n = strcspn(at, " ");
        if (n == t->len && strncasecmp(at, t->text, n) == 0)
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

bool lex_is_sign(const struct lex_token *t, char sign)
{
    return t->kind == LEX_OTHER && t->len == 1 && t->text[0] == sign;
}

struct lex_token lex_next_solid(struct lexer *x)
{
    struct lex_token t = {0};
    do {
        if (lex_next(x, &t, NULL) != BF_OK)
            return (struct lex_token){.kind = LEX_END, .text = x->src + x->len, .line = x->line};
    } while (t.kind == LEX_SPACE || t.kind == LEX_COMMENT);
    return t;
}
