/* One pass over the text: quotes, comments, expressions, and the first words of statements. */
#include "plan/sql_scan.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct scan {
    const char *text;
    size_t len, at;
    bool first_word;                           /* the next word begins a statement */
    bool uncertain;                            /* databases differ from here on */
    sql_found *found;
    void *arg;
};

static bool looking_at(const struct scan *s, const char *word)
{
    size_t n = strlen(word);
    return s->len - s->at >= n && memcmp(s->text + s->at, word, n) == 0;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || ((unsigned char)c & 0x80);
}

/* Past the next end, or to the end of the text. */
static void skip_past(struct scan *s, const char *end)
{
    while (s->at < s->len && !looking_at(s, end))
        s->at++;
    s->at = s->at < s->len ? s->at + strlen(end) : s->len;
}

/* A comment in a comment is one to some databases, and not to others. */
static void comment(struct scan *s)
{
    size_t from = s->at + 2;
    skip_past(s, "*/");
    s->uncertain = from < s->at && memmem(s->text + from, s->at - from, "/*", 2) != NULL;
}

/* "#" begins a comment and "[" a name in some databases: steps over it, unless quotes stand there, which then are none. */
static bool quote_follows(struct scan *s, char end)
{
    const char *from = s->text + s->at, *stop = memchr(from, end, s->len - s->at);
    size_t n = stop ? (size_t)(stop - from) : s->len - s->at;
    for (size_t i = 0; i < n; i++)
        if (from[i] == '\'' || from[i] == '"' || from[i] == '`')
            return true;
    s->at++;
    return false;
}

/* At an expression: an escaped brace pair is text. */
static void expression(struct scan *s, bool quoted)
{
    size_t from = s->at;
    bool literal = false;
    for (s->at += 2; s->at < s->len && !looking_at(s, "}}"); s->at++)
        if (looking_at(s, "\"{{\"")) {
            literal = true;
            s->at += 3;
        }
    s->at = s->at < s->len ? s->at + 2 : s->len;
    if (quoted && !literal)
        s->found(s->arg, SQL_EXPRESSION_IN_QUOTES, from, 2);
    s->first_word = s->first_word && quoted;
}

/* At a quote.  A doubled one stands for itself; behind a backslash, databases differ. */
static void quoted(struct scan *s)
{
    char quote = s->text[s->at++];
    while (s->at < s->len) {
        char c = s->text[s->at];
        if (c == '\\' && s->at + 1 < s->len && s->text[s->at + 1] == quote) {
            s->uncertain = true;
            return;
        }
        if (looking_at(s, "{{")) {
            expression(s, true);
            continue;
        }
        s->at++;
        if (c != quote)
            continue;
        if (s->at >= s->len || s->text[s->at] != quote)
            return;
        s->at++;
    }
}

/* At "$": the tag of a dollar quote, as in $$ or $body$.  What it quotes is text to PostgreSQL, and an error elsewhere. */
static void dollar(struct scan *s)
{
    size_t end = s->at + 1;
    while (end < s->len && is_word(s->text[end]))
        end++;
    if (end >= s->len || s->text[end] != '$' || (s->at > 0 && is_word(s->text[s->at - 1]))) {
        s->at++;
        return;
    }
    s->uncertain = true;
}

/* As in agent/sql/script.c, but for END, which also closes the body of a trigger. */
static const char *const refused_words[] = {"begin", "start", "commit", "rollback", "abort", "savepoint", "release", "attach", "detach", "vacuum"};

/* Does `create` here create something with a body?  The word stands among the next ones, before the name. */
static bool names_a_body(const struct scan *s)
{
    static const char *const bodies[] = {"trigger", "procedure", "function"};
    size_t n = s->len - s->at < 80 ? s->len - s->at : 80;
    for (size_t k = 0; k < sizeof bodies / sizeof *bodies; k++)
        for (size_t i = 0; i + strlen(bodies[k]) <= n; i++)
            if (strncasecmp(s->text + s->at + i, bodies[k], strlen(bodies[k])) == 0)
                return true;
    return false;
}

static void word(struct scan *s)
{
    size_t from = s->at;
    while (s->at < s->len && is_word(s->text[s->at]))
        s->at++;
    size_t n = s->at - from;
    if (!s->first_word)
        return;
    s->first_word = false;
    /* The body of a trigger or a procedure has statements of its own. */
    s->uncertain = n == 6 && strncasecmp(s->text + from, "create", n) == 0 && names_a_body(s);
    for (size_t i = 0; i < sizeof refused_words / sizeof *refused_words; i++)
        if (strlen(refused_words[i]) == n && strncasecmp(s->text + from, refused_words[i], n) == 0)
            s->found(s->arg, SQL_LEAVES_TRANSACTION, from, n);
}

void plan_sql_scan(const char *text, size_t len, sql_found *found, void *arg)
{
    struct scan s = {.text = text, .len = len, .first_word = true, .found = found, .arg = arg};
    while (s.at < s.len && !s.uncertain) {
        char c = s.text[s.at];
        if (looking_at(&s, "--"))
            skip_past(&s, "\n");
        else if (looking_at(&s, "/*"))
            comment(&s);
        else if (looking_at(&s, "{{"))
            expression(&s, false);
        else if (c == '\'' || c == '"' || c == '`')
            quoted(&s);
        else if (c == '$')
            dollar(&s);
        else if (c == '#' || c == '[')
            s.uncertain = quote_follows(&s, c == '#' ? '\n' : ']');
        else if (is_word(c))
            word(&s);
        else {
            s.first_word |= c == ';';
            s.at++;
        }
    }
}
