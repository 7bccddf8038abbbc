/* The splitter: tokens in, statements out.
 *
 * A semicolon ends a statement, but for those in the body of a trigger.  Such a body ends where SQLite's own grammar ends it: at END
 * right after a semicolon; no other statement of a body begins with that word.
 *
 *     (start) -CREATE-> CREATE -TEMP-> TEMP -TRIGGER-> HEAD -BEGIN-> BODY -;-> GAP -END-> TAIL -;-> (statement ends)
 *                          \_____________TRIGGER_________^             ^_other_/__other___/
 */
#include "agent/sql/split.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/lex.h"
#include "common/buf.h"
#include "common/vec.h"

const struct sql_lexis sql_lexis_sqlite = {
    .backticks = true,
    .brackets = true,
    .trigger_bodies = true,
    .refused = "?:@$#{}\\",                    /* parameters, and the braces that ODBC drivers rewrite */
    .refused_in_names = "'\"?;{}",             /* its driver knows no quotes but ' and " */
};

const struct sql_lexis sql_lexis_postgresql = {
    .dollar_quotes = true,
    .escape_strings = true,
    .nested_comments = true,
    .refused = "?{}",
};

const struct sql_lexis sql_lexis_mariadb = {
    .backticks = true,
    .refused = "?{}\\",
};

const struct sql_lexis sql_lexis_ansi = {
    .refused = "?{}\\`[]$#",
};

enum trigger { TRIGGER_START, TRIGGER_NONE, TRIGGER_CREATE, TRIGGER_TEMP, TRIGGER_HEAD, TRIGGER_BODY, TRIGGER_GAP, TRIGGER_TAIL };

/* The statement being gathered. */
struct gather {
    const struct sql_lexis *lexis;
    bool open;
    struct bf_buf text;
    struct sql_statement next;                 /* number, line, verb */
    enum trigger trigger;
    struct sql_script script;
};

static enum trigger trigger_next(enum trigger now, const struct lex_token *t)
{
    switch (now) {
    case TRIGGER_START:
        return lex_is(t, "CREATE") ? TRIGGER_CREATE : TRIGGER_NONE;
    case TRIGGER_NONE:
        return TRIGGER_NONE;
    case TRIGGER_CREATE:
        if (lex_is(t, "TEMP") || lex_is(t, "TEMPORARY"))
            return TRIGGER_TEMP;
        return lex_is(t, "TRIGGER") ? TRIGGER_HEAD : TRIGGER_NONE;
    case TRIGGER_TEMP:
        return lex_is(t, "TRIGGER") ? TRIGGER_HEAD : TRIGGER_NONE;
    case TRIGGER_HEAD:
        return lex_is(t, "BEGIN") ? TRIGGER_BODY : TRIGGER_HEAD;
    case TRIGGER_BODY:
        return t->kind == LEX_SEMICOLON ? TRIGGER_GAP : TRIGGER_BODY;
    case TRIGGER_GAP:
        if (t->kind == LEX_SEMICOLON)
            return TRIGGER_GAP;
        return lex_is(t, "END") ? TRIGGER_TAIL : TRIGGER_BODY;
    case TRIGGER_TAIL:
        return t->kind == LEX_SEMICOLON ? TRIGGER_TAIL : TRIGGER_BODY;
    }
    return TRIGGER_NONE;
}

static bool in_body(enum trigger t)
{
    return t == TRIGGER_BODY || t == TRIGGER_GAP;
}

static enum bf_rc begin(struct gather *g, const struct lex_token *t, struct bf_error *err)
{
    if (g->script.n == SQL_STATEMENTS_MAX)
        return bf_fail(err, BF_LIMIT, "line %u: the script has more than %u statements", t->line, SQL_STATEMENTS_MAX);
    bool paren = t->kind == LEX_OTHER && t->text[0] == '(';
    if (t->kind != LEX_WORD && !paren)
        return bf_fail(err, BF_INVALID, "line %u: a statement begins with a word such as INSERT", t->line);
    g->open = true;
    g->trigger = g->lexis->trigger_bodies ? TRIGGER_START : TRIGGER_NONE;
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

static enum bf_rc gather(struct gather *g, const struct lex_token *t, struct bf_error *err)
{
    if (t->kind == LEX_SPACE || t->kind == LEX_COMMENT) {
        if (g->open && t->kind == LEX_COMMENT)
            put_comment(g, t);
        else if (g->open && t->text[0] == '\xEF')
            bf_buf_put_str(&g->text, " ");
        else if (g->open)
            bf_buf_put(&g->text, t->text, t->len);
        return BF_OK;
    }
    if (t->kind == LEX_SEMICOLON && !(g->open && in_body(g->trigger))) {
        end(g);
        return BF_OK;
    }
    if (!g->open) {
        enum bf_rc rc = begin(g, t, err);
        if (rc != BF_OK)
            return rc;
    }
    g->trigger = trigger_next(g->trigger, t);
    /* Blanks keep a value from growing together with its neighbours: x'…', 'a''b', --5. */
    if (t->kind == LEX_VALUE)
        bf_buf_put_str(&g->text, " ");
    bf_buf_put(&g->text, t->text, t->len);
    if (t->kind == LEX_VALUE)
        bf_buf_put_str(&g->text, " ");
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
