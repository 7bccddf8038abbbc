/* Names stand behind INTO, FROM, USING, JOIN, commas and opening brackets between the verb and SET or WHERE; subqueries are passed over,
 * as what they name is only read.  Too many names cost a look at tables that are not there; one too few, the promise. */
#include "agent/sql/targets.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sql/form.h"
#include "common/mem.h"
#include "common/vec.h"

#define VERBS "INSERT REPLACE UPDATE DELETE MERGE LOAD"

struct reader {
    struct lexer x;
    struct lex_token t;                        /* at hand */
};

static void next(struct reader *r)
{
    r->t = lex_next_solid(&r->x);
}

static struct lex_token peek(const struct reader *r)
{
    struct lexer ahead = r->x;
    return lex_next_solid(&ahead);
}

static bool at_sign(const struct reader *r, char sign)
{
    return lex_is_sign(&r->t, sign);
}

static bool at_name(const struct reader *r)
{
    return r->t.kind == LEX_WORD || r->t.kind == LEX_NAME || r->t.kind == LEX_STRING || r->t.kind == LEX_VALUE;
}

static bool at_end(const struct reader *r)
{
    return r->t.kind == LEX_END;
}

/* Without its quotes, doubled ones inside made one. */
static char *name_of(const struct lex_token *t)
{
    size_t len = 0, n = 0;
    const char *text = form_inner(t, &len);
    char *name = bf_xmalloc(len + 1);
    for (size_t i = 0; i < len; i++) {
        name[n++] = text[i];
        if (i + 1 < len && text != t->text && text[i] == t->text[0] && text[i + 1] == t->text[0])
            i++;
    }
    name[n] = '\0';
    return name;
}

/* a.b.c at hand: the last two parts count.  Leaves the reader behind it. */
static void take_name(struct reader *r, struct sql_targets *ret)
{
    struct sql_target t = {.table = name_of(&r->t)};
    next(r);
    while (at_sign(r, '.')) {
        next(r);
        if (!at_name(r))
            break;                             /* t.* */
        free(t.schema);
        t.schema = t.table;
        t.table = name_of(&r->t);
        next(r);
    }
    bf_vec_push(ret, t);
}

static void skip_brackets(struct reader *r)
{
    size_t depth = 0;
    do {
        depth += at_sign(r, '(');
        depth -= at_sign(r, ')');
        next(r);
    } while (depth && !at_end(r));
}

/* Tables from here to the end of the list, which one of the words ends. */
static void take_tables(struct reader *r, const char *until, struct sql_targets *ret)
{
    bool expected = true;
    while (!at_end(r) && !lex_is_one_of(&r->t, until)) {
        struct lex_token ahead = peek(r);
        if (at_sign(r, '(') && lex_is_one_of(&ahead, "SELECT WITH VALUES TABLE")) {
            skip_brackets(r);
            expected = false;
        } else if (expected && lex_is_one_of(&r->t, "LOW_PRIORITY QUICK IGNORE ONLY LATERAL HISTORY")) {
            next(r);
        } else if (expected && at_name(r) && !lex_is_one_of(&r->t, "FROM USING JOIN STRAIGHT_JOIN")) {
            take_name(r, ret);
            expected = false;
        } else {
            expected = at_sign(r, ',') || at_sign(r, '(') || lex_is_one_of(&r->t, "FROM USING JOIN STRAIGHT_JOIN");
            next(r);
        }
    }
}

/* Behind INSERT, REPLACE, MERGE: the name comes after INTO, or right away. */
static void take_insert(struct reader *r, struct sql_targets *ret)
{
    while (lex_is_one_of(&r->t, "LOW_PRIORITY DELAYED HIGH_PRIORITY IGNORE OR ROLLBACK ABORT FAIL REPLACE INTO ONLY"))
        next(r);
    if (at_name(r))
        take_name(r, ret);
}

static void take_load(struct reader *r, struct sql_targets *ret)
{
    struct lex_token before = {0};
    while (!at_end(r) && !(lex_is(&r->t, "TABLE") && lex_is(&before, "INTO"))) {
        before = r->t;
        next(r);
    }
    next(r);
    if (at_name(r))
        take_name(r, ret);
}

/* The verb at hand. */
static void take_verb(struct reader *r, struct sql_targets *ret)
{
    struct lex_token verb = r->t;
    next(r);
    if (lex_is(&verb, "UPDATE"))
        take_tables(r, "SET", ret);
    else if (lex_is(&verb, "DELETE"))
        take_tables(r, "WHERE ORDER LIMIT RETURNING", ret);
    else if (lex_is(&verb, "LOAD"))
        take_load(r, ret);
    else
        take_insert(r, ret);
}

/* INSERT … ON DUPLICATE KEY UPDATE, SELECT … FOR UPDATE, replace(a, b, c): no verbs of a statement. */
static bool at_verb(const struct reader *r, const struct lex_token *before)
{
    struct lex_token ahead = peek(r);
    return lex_is_one_of(&r->t, VERBS) && !lex_is_one_of(before, "KEY FOR NO ON") && !lex_is_sign(before, '.')
           && !(lex_is_one_of(&r->t, "REPLACE INSERT") && lex_is_sign(&ahead, '('));
}

void sql_statement_targets(const struct sql_lexis *lexis, const struct sql_statement *s, struct sql_targets *ret)
{
    struct reader r = {.x = form_reader(lexis, s)};
    next(&r);
    bool statement = lex_is(&r.t, "SET");      /* SET STATEMENT … FOR update */
    if (!statement && !lex_is_one_of(&r.t, VERBS " WITH EXPLAIN ANALYZE DESC DESCRIBE"))
        return;
    struct lex_token before = {0};
    while (!at_end(&r)) {
        if (at_verb(&r, &before) || (statement && lex_is(&before, "FOR") && lex_is_one_of(&r.t, VERBS)))
            take_verb(&r, ret);
        before = r.t;
        next(&r);
    }
}

void sql_targets_done(struct sql_targets *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->at[i].schema);
        free(t->at[i].table);
    }
    bf_vec_free(t);
}
