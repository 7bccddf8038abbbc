/* The splitter: tokens in, statements out.
 *
 * A semicolon ends a statement, but for those in a body (body.c).  What stands between two tokens is kept, comments become blanks, and
 * a value is kept apart from its neighbours, so that the database reads the tokens that we read. */
#include "agent/sql/split.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/body.h"
#include "agent/sql/lex.h"
#include "common/buf.h"
#include "common/vec.h"

/* The statement being gathered. */
struct gather {
    const struct sql_lexis *lexis;
    bool open;
    struct bf_buf text;
    struct sql_statement next;                 /* number, line, verb */
    struct body body;
    struct lex_token last;                     /* of the statement, blanks and comments passed over */
    size_t last_end;                           /* where it ends in text */
    uint32_t parens;
    struct sql_script script;
};

static enum bf_rc begin(struct gather *g, const struct lex_token *t, struct bf_error *err)
{
    if (g->script.n == SQL_STATEMENTS_MAX)
        return bf_fail(err, BF_LIMIT, "line %u: the script has more than %u statements", t->line, SQL_STATEMENTS_MAX);
    bool paren = t->kind == LEX_OTHER && t->text[0] == '(';
    if (t->kind != LEX_WORD && !paren)
        return bf_fail(err, BF_INVALID, "line %u: a statement begins with a word such as INSERT", t->line);
    if (lex_is(t, "DELIMITER"))
        return bf_fail(err, BF_INVALID, "line %u: DELIMITER is a command of a client program; leave it out and end statements with ;, the "
                       "bodies of routines, triggers and events are recognised without it", t->line);
    g->open = true;
    g->parens = 0;
    g->last = (struct lex_token){0};
    body_start(&g->body, g->lexis->bodies);
    g->next = (struct sql_statement){.number = (uint32_t)g->script.n + 1, .line = t->line};
    for (size_t i = 0; i < t->len && i + 1 < sizeof g->next.verb; i++)
        g->next.verb[i] = (char)toupper((unsigned char)t->text[i]);
    return BF_OK;
}

static void end(struct gather *g)
{
    if (!g->open)
        return;
    while (g->text.len && isspace((unsigned char)g->text.data[g->text.len - 1]))
        g->text.len--;
    g->next.len = g->text.len;
    g->next.text = bf_xstrndup(bf_buf_cstr(&g->text), g->text.len);
    bf_vec_push(&g->script, g->next);
    bf_buf_clear(&g->text);
    g->open = false;
}

/* A comment becomes a blank and its newlines, so that lines in the database's messages stay right. */
static void put_comment(struct gather *g, const struct lex_token *t)
{
    bf_buf_put_str(&g->text, " ");
    for (size_t i = 0; i < t->len; i++)
        if (t->text[i] == '\n')
            bf_buf_put_str(&g->text, "\n");
}

static void put_gap(struct gather *g, const struct lex_token *t)
{
    if (!g->open)
        return;
    if (t->kind == LEX_COMMENT)
        put_comment(g, t);
    else if (t->text[0] == '\xEF')
        bf_buf_put_str(&g->text, " ");
    else
        bf_buf_put(&g->text, t->text, t->len);
}

/* A value and a string on two lines would be one string to PostgreSQL; on one line they are an error. */
static void part_value(struct gather *g, const struct lex_token *t)
{
    bool value = t->kind == LEX_VALUE || g->last.kind == LEX_VALUE;
    bool other = (t->kind == LEX_VALUE || t->kind == LEX_STRING) && (g->last.kind == LEX_VALUE || g->last.kind == LEX_STRING);
    if (!g->lexis->escape_strings || !value || !other)
        return;
    for (size_t i = g->last_end; i < g->text.len; i++)
        if (g->text.data[i] == '\n' || g->text.data[i] == '\r')
            g->text.data[i] = ' ';
}

/* Blanks keep a value from growing together with its neighbours: x'…', 'a''b', --5. */
static void put_token(struct gather *g, const struct lex_token *t)
{
    part_value(g, t);
    if (t->kind == LEX_VALUE)
        bf_buf_put_str(&g->text, " ");
    bf_buf_put(&g->text, t->text, t->len);
    if (t->kind == LEX_VALUE)
        bf_buf_put_str(&g->text, " ");
    g->last = *t;
    g->last_end = g->text.len;
}

/* Data of COPY travels beside the statement, which no script can carry. */
static enum bf_rc check_copy(struct gather *g, const struct lex_token *t, struct bf_error *err)
{
    if (lex_is_sign(t, '('))
        g->parens++;
    else if (lex_is_sign(t, ')') && g->parens)
        g->parens--;
    if (!g->lexis->copies_data || g->parens || strcmp(g->next.verb, "COPY") != 0 || !lex_is_one_of(&g->last, "FROM TO")
        || !lex_is_one_of(t, "STDIN STDOUT"))
        return BF_OK;
    return bf_fail(err, BF_INVALID, "line %u: COPY %.*s %.*s is refused, because no data travels in a script; write INSERT, or COPY with a "
                   "file that the server can read", t->line, (int)g->last.len, g->last.text, (int)t->len, t->text);
}

static enum bf_rc gather(struct gather *g, const struct lex_token *t, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    if (t->kind == LEX_SPACE || t->kind == LEX_COMMENT) {
        put_gap(g, t);
        return BF_OK;
    }
    bool held = g->open && body_holds(&g->body);
    if (t->kind == LEX_SEMICOLON && !held) {
        end(g);
        return BF_OK;
    }
    if (!g->open)
        rc = begin(g, t, err);
    if (rc == BF_OK)
        rc = check_copy(g, t, err);
    if (rc != BF_OK)
        return rc;
    g->next.body |= t->kind == LEX_SEMICOLON;
    body_take(&g->body, t);
    put_token(g, t);
    return BF_OK;
}

static enum bf_rc split_source(struct gather *g, struct lexer *x, struct bf_error *err)
{
    struct lex_token t = {0};
    do {
        enum bf_rc rc = lex_next(x, &t, err);
        if (rc == BF_OK && t.kind != LEX_END)
            rc = gather(g, &t, err);
        if (rc != BF_OK)
            return rc;
    } while (t.kind != LEX_END);
    end(g);
    return BF_OK;
}

/* The parts in one piece, and where the values are in it. */
struct source {
    struct bf_buf text;
    BF_VEC_TYPE(struct lex_span) spans;
};

static enum bf_rc join(const struct sql_part *parts, size_t n, struct source *ret, struct bf_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len > SQL_SCRIPT_MAX_BYTES - ret->text.len)
            return bf_fail(err, BF_LIMIT, "the script is larger than %u MiB", SQL_SCRIPT_MAX_BYTES >> 20);
        if (parts[i].len && memchr(parts[i].text, '\0', parts[i].len))
            return bf_fail(err, BF_INVALID, "the script or one of its values holds a NUL byte, which SQL cannot carry");
        if (parts[i].value && parts[i].len)
            bf_vec_push(&ret->spans, (struct lex_span){ret->text.len, ret->text.len + parts[i].len});
        bf_buf_put(&ret->text, parts[i].text, parts[i].len);
    }
    return BF_OK;
}

enum bf_rc sql_split(const struct sql_lexis *lexis, const struct sql_part *parts, size_t n, struct sql_script *ret,
                     struct bf_error *err)
{
    struct source source = {0};
    struct gather g = {.lexis = lexis};
    enum bf_rc rc = join(parts, n, &source, err);
    if (rc == BF_OK) {
        struct lexer x;
        lex_init(&x, lexis, bf_buf_cstr(&source.text), source.text.len, source.spans.at, source.spans.n);
        rc = split_source(&g, &x, err);
    }
    bf_buf_free(&source.text);
    bf_vec_free(&source.spans);
    bf_buf_free(&g.text);
    if (rc == BF_OK)
        *ret = g.script;
    else
        sql_script_done(&g.script);
    return rc;
}

void sql_script_done(struct sql_script *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        free(s->at[i].text);
    bf_vec_free(s);
}
