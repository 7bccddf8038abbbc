/* Matching of forms.  The lexer is a plain value, so a try is a copy that is thrown away. */
#include "agent/sql/form.h"

#include <string.h>
#include <strings.h>

struct reader {
    struct lexer x;
    struct lex_token t;                        /* the one to match */
};

struct lexer form_reader(const struct sql_lexis *lexis, const struct sql_statement *s)
{
    struct lexer x;
    lex_init(&x, lexis, s->text, s->len, NULL, 0);
    return x;
}

const char *form_inner(const struct lex_token *t, size_t *ret_len)
{
    bool quoted = (t->kind == LEX_STRING || t->kind == LEX_NAME) && t->len >= 2 && strchr("'\"`[", t->text[0]);
    *ret_len = t->len - (quoted ? 2 : 0);
    return t->text + (quoted ? 1 : 0);
}

bool form_names(const struct lex_token *t, const char *name)
{
    size_t len = 0;
    const char *text = form_inner(t, &len);
    return t->kind != LEX_END && len == strlen(name) && strncasecmp(text, name, len) == 0;
}

/* One of the alternatives in [from, until)? */
static bool fits_word(const char *from, const char *until, const struct lex_token *t)
{
    while (from < until) {
        char word[48];
        const char *bar = memchr(from, '|', (size_t)(until - from));
        size_t n = (size_t)((bar ? bar : until) - from);
        memcpy(word, from, n);
        word[n] = '\0';
        bool keyword = word[0] >= 'A' && word[0] <= 'Z';
        if (keyword ? lex_is(t, word) : form_names(t, word))
            return true;
        from += n + 1;
    }
    return false;
}

static void next(struct reader *r)
{
    r->t = lex_next_solid(&r->x);
}

/* Behind the bracket that closes the one at hand. */
static void skip_brackets(struct reader *r)
{
    size_t depth = 0;
    do {
        depth += lex_is_sign(&r->t, '(');
        depth -= lex_is_sign(&r->t, ')');
        next(r);
    } while (depth && r->t.kind != LEX_END);
}

/* Up to a token that the element fits, outside brackets. */
static bool find(struct reader *r, const char *from, const char *until)
{
    while (r->t.kind != LEX_END) {
        if (lex_is_sign(&r->t, '('))
            skip_brackets(r);
        else if (fits_word(from, until, &r->t))
            return true;
        else
            next(r);
    }
    return false;
}

bool form_fits(const char *form, const struct sql_lexis *lexis, const struct sql_statement *s)
{
    struct reader r = {.x = form_reader(lexis, s)};
    bool anywhere = false;
    next(&r);
    for (const char *at = form; *at;) {
        const char *until = at + strcspn(at, " ");
        bool optional = *at == '[', fits = true;
        if (strncmp(at, "..", 2) == 0) {
            anywhere = true;
        } else if (*at == '$') {
            fits = r.t.kind == LEX_END;
        } else if (at[0] == '(' && at[1] == ')') {
            if (lex_is_sign(&r.t, '('))
                skip_brackets(&r);
        } else {
            fits = anywhere ? find(&r, at, until) : fits_word(at + optional, until - optional, &r.t);
            anywhere = false;
            if (fits)
                next(&r);
        }
        if (!fits && !optional)
            return false;
        at = until + (*until == ' ');
    }
    return true;
}
