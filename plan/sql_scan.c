/* One pass over the text: quotes, comments, expressions, and the first words of statements. */
#include "plan/sql_scan.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct scan {
    const char *text;
    size_t len, at;
    bool first_word;                           /* the next word begins a statement */
    bool later;                                /* a statement stands before this one */
    bool uncertain;                            /* databases differ from here on */
    size_t plain_line, plain_name;             /* up to there "#" and "[" have been looked behind: nothing that matters */
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
    size_t from = s->at += 2;                  /* so that the star of "/" "*" "/" does not end it */
    skip_past(s, "*/");
    s->uncertain = memmem(s->text + from, s->at - from, "/*", 2) != NULL;
}

/* Is there anything up to end that reads otherwise when it is no text?  If not, *plain is behind it: each byte is looked at once. */
static bool text_matters(const struct scan *s, char end, size_t *plain)
{
    size_t i = s->at;
    if (i < *plain)
        return false;
    for (; i < s->len && s->text[i] != end; i++) {
        const char *two = s->text + i;
        if (strchr("'\"`;", *two) || (i + 1 < s->len && (memcmp(two, "/*", 2) == 0 || memcmp(two, "--", 2) == 0)))
            return true;
    }
    *plain = i;
    return false;
}

/* At "#", which begins a comment in some databases, or "[", which begins a name in some. */
static void hash_or_bracket(struct scan *s)
{
    bool hash = s->text[s->at] == '#';
    if (hash && s->first_word)
        skip_past(s, "\n");                    /* an operator cannot begin a statement */
    else if (hash ? text_matters(s, '\n', &s->plain_line) : text_matters(s, ']', &s->plain_name))
        s->uncertain = true;
    else
        s->at++;
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

/* Over a comment, a quote or an expression, if one stands here. */
static bool step_over(struct scan *s)
{
    char c = s->text[s->at];
    if (looking_at(s, "--"))
        skip_past(s, "\n");
    else if (looking_at(s, "/*"))
        comment(s);
    else if (looking_at(s, "{{"))
        expression(s, false);
    else if (c == '\'' || c == '"' || c == '`')
        quoted(s);
    else if (c == '$')
        dollar(s);
    else if (c == '#' || c == '[')
        hash_or_bracket(s);
    else
        return false;
    return true;
}

/* As in agent/sql/script.c, but for END, which also closes the body of a trigger. */
static const char *const refused_words[] = {"begin",   "start",  "commit", "rollback", "abort", "savepoint",
                                            "release", "attach", "detach", "vacuum",   NULL};
static const char *const making_words[] = {"create", "alter", NULL};

static bool is_one_of(const char *word, size_t n, const char *const words[])
{
    for (; *words; words++)
        if (strlen(*words) == n && strncasecmp(word, *words, n) == 0)
            return true;
    return false;
}

static void found_nothing(void *arg, enum sql_finding what, size_t offset, size_t len)
{
    (void)arg, (void)what, (void)offset, (void)len;
}

/* Behind `create` or `alter`: something with a body of statements?  The kind is the first word that is one; before it may stand a
 * definer. */
static bool names_a_body(const struct scan *create)
{
    static const char *const bodies[] = {"trigger", "procedure", "function", "event", "package", NULL};
    static const char *const others[] = {"table", "view", "index", "schema", "database", "sequence", "type", "role", "user", "server",
                                         NULL};
    struct scan s = *create;
    s.found = found_nothing;
    while (s.at < s.len && !s.uncertain) {
        size_t from = s.at;
        while (s.at < s.len && is_word(s.text[s.at]))
            s.at++;
        if (is_one_of(s.text + from, s.at - from, bodies))
            return true;
        if (is_one_of(s.text + from, s.at - from, others))
            return false;
        if (s.at == s.len || step_over(&s))
            continue;
        if (s.text[s.at] == ';' || s.text[s.at] == '(')
            return false;
        s.at++;
    }
    return s.uncertain;
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
    s->uncertain = is_one_of(s->text + from, n, making_words) && names_a_body(s);
    if (is_one_of(s->text + from, n, refused_words))
        s->found(s->arg, SQL_LEAVES_TRANSACTION, from, n);
    else if (s->later)
        s->found(s->arg, SQL_NEXT_STATEMENT, from, n);
    s->later = true;
}

void plan_sql_scan(const char *text, size_t len, sql_found *found, void *arg)
{
    struct scan s = {.text = text, .len = len, .first_word = true, .found = found, .arg = arg};
    while (s.at < s.len && !s.uncertain) {
        if (step_over(&s))
            continue;
        if (is_word(s.text[s.at])) {
            word(&s);
            continue;
        }
        s.first_word |= s.text[s.at] == ';';
        s.at++;
    }
}

bool plan_sql_is_query(const char *text, size_t len)
{
    static const char *const words[] = {"select", "with", "values", "table", NULL};
    struct scan s = {.text = text, .len = len, .found = found_nothing};
    while (s.at < len) {
        size_t end = s.at;
        if (looking_at(&s, "--") || looking_at(&s, "/*")) {
            (void)step_over(&s);
            continue;
        }
        if (strchr(" \t\r\n", s.text[s.at])) {
            s.at++;
            continue;
        }
        while (end < len && is_word(text[end]))
            end++;
        return text[s.at] == '(' || is_one_of(text + s.at, end - s.at, words);
    }
    return false;
}
