/* Bodies of statements, as the grammar of each database ends them.
 *
 * SQLite: triggers.  The body ends at END right behind a semicolon; no statement of a body begins with that word.
 *
 *     START -CREATE-> CREATE -TRIGGER-> HEAD -BEGIN-> INSIDE -;-> GAP -END-> TAIL -;-> (statement ends)
 *                                                        ^__other__/
 *
 * PostgreSQL: the same, with FUNCTION or PROCEDURE and BEGIN ATOMIC; and CREATE RULE, where semicolons stand in brackets.
 *
 * MariaDB: a stack of blocks.  IF, CASE, LOOP, WHILE, REPEAT, FOR and BEGIN open one where a statement begins; each is ended by END.
 * CASE anywhere else is an expression, whose END is its own.  A statement begins behind a semicolon, BEGIN, LOOP, REPEAT, THEN, ELSE,
 * DO, the conditions of a handler, and a label.
 *
 * When in doubt nothing is held: the statement is split, and the database refuses the halves. */
#include "agent/sql/body.h"

#include <string.h>

#define OPENERS "BEGIN IF CASE LOOP WHILE REPEAT FOR"

enum { EXPRESSION = 'e', BLOCK = 'B', IF = 'I', CASE = 'C', LOOP = 'L', WHILE = 'W', REPEAT = 'R', FOR = 'F' };
enum { HANDLER_NO, HANDLER_DECLARE, HANDLER_NAMED, HANDLER_CONDITION, HANDLER_BEHIND };

void body_start(struct body *b, enum sql_bodies kind)
{
    *b = (struct body){.kind = kind, .state = kind == SQL_BODIES_NONE ? BODY_NONE : BODY_START};
}

bool body_holds(const struct body *b)
{
    if (b->kind == SQL_BODIES_POSTGRESQL && b->state == BODY_STATEMENT)
        return b->parens > 0;
    return b->state == BODY_INSIDE || b->state == BODY_GAP;
}

static void count_parens(struct body *b, const struct lex_token *t)
{
    if (lex_is_sign(t, '('))
        b->parens++;
    else if (lex_is_sign(t, ')') && b->parens)
        b->parens--;
}

/* What SQLite and PostgreSQL share: from the body on. */
static enum body_state inside_next(enum body_state now, const struct lex_token *t)
{
    bool semicolon = t->kind == LEX_SEMICOLON;
    if (now == BODY_TAIL)
        return semicolon ? BODY_TAIL : BODY_INSIDE;
    if (now == BODY_GAP && lex_is(t, "END"))
        return BODY_TAIL;
    return semicolon ? BODY_GAP : BODY_INSIDE;
}

static void take_sqlite(struct body *b, const struct lex_token *t)
{
    switch (b->state) {
    case BODY_START:
        b->state = lex_is(t, "CREATE") ? BODY_CREATE : BODY_NONE;
        break;
    case BODY_CREATE:
        if (lex_is(t, "TRIGGER"))
            b->state = BODY_HEAD;
        else if (!lex_is_one_of(t, "TEMP TEMPORARY") || !lex_is(&b->last, "CREATE"))
            b->state = BODY_NONE;
        break;
    case BODY_HEAD:
        b->state = lex_is(t, "BEGIN") ? BODY_INSIDE : BODY_HEAD;
        break;
    case BODY_INSIDE:
    case BODY_GAP:
    case BODY_TAIL:
        b->state = inside_next(b->state, t);
        break;
    default:
        break;
    }
}

/* BODY_STATEMENT: in CREATE RULE, which holds while a bracket is open. */
static void take_postgresql(struct body *b, const struct lex_token *t)
{
    count_parens(b, t);
    switch (b->state) {
    case BODY_START:
        b->state = lex_is(t, "CREATE") ? BODY_CREATE : BODY_NONE;
        break;
    case BODY_CREATE:
        if (lex_is_one_of(t, "FUNCTION PROCEDURE"))
            b->state = BODY_HEAD;
        else if (lex_is(t, "RULE"))
            b->state = BODY_STATEMENT;
        else if (!lex_is_one_of(t, "OR REPLACE"))
            b->state = BODY_NONE;
        break;
    case BODY_HEAD:
        if (lex_is(t, "ATOMIC") && lex_is(&b->last, "BEGIN") && b->parens == 0)
            b->state = BODY_GAP;
        break;
    case BODY_STATEMENT:
        break;
    case BODY_INSIDE:
    case BODY_GAP:
    case BODY_TAIL:
        b->state = inside_next(b->state, t);
        break;
    default:
        break;
    }
}

/* Blocks too deep are not held. */
static void push(struct body *b, char what)
{
    if (b->depth == BODY_DEPTH_MAX) {
        b->state = BODY_NONE;
        return;
    }
    b->open[b->depth++] = what;
    b->state = BODY_INSIDE;
}

static char top(const struct body *b)
{
    return b->open[b->depth - 1];
}

/* A block opens at t, where a statement begins. */
static void open_block(struct body *b, const struct lex_token *t)
{
    static const char kinds[] = {BLOCK, IF, CASE, LOOP, WHILE, REPEAT, FOR};
    static const char *const words[] = {"BEGIN", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"};
    for (size_t i = 0; i < sizeof kinds; i++) {
        if (lex_is(t, words[i])) {
            b->start = kinds[i] == BLOCK || kinds[i] == LOOP || kinds[i] == REPEAT;
            push(b, kinds[i]);
            return;
        }
    }
}

static void close_block(struct body *b)
{
    b->start = false;
    if (--b->depth == 0)
        b->state = BODY_TAIL;
}

/* A word where a statement of the body begins. */
static void take_first_word(struct body *b, const struct lex_token *t)
{
    if (lex_is(t, "END")) {
        close_block(b);
    } else if (lex_is_one_of(t, OPENERS)) {
        open_block(b, t);
    } else if (!lex_is_one_of(t, "ELSE NOT ATOMIC")) {       /* BEGIN NOT ATOMIC */
        b->start = false;
        b->handler = lex_is(t, "DECLARE") ? HANDLER_DECLARE : HANDLER_NO;
    }
}

/* DECLARE … HANDLER FOR condition, condition statement.  Is the token spent? */
static bool take_handler(struct body *b, const struct lex_token *t)
{
    switch (b->handler) {
    case HANDLER_DECLARE:
        if (lex_is(t, "HANDLER"))
            b->handler = HANDLER_NAMED;
        return true;
    case HANDLER_NAMED:
        if (lex_is(t, "FOR"))
            b->handler = HANDLER_CONDITION;
        return true;
    case HANDLER_CONDITION:
        if (!lex_is_one_of(t, "SQLSTATE VALUE NOT"))
            b->handler = HANDLER_BEHIND;
        return true;
    case HANDLER_BEHIND:
        if (lex_is_sign(t, ',')) {
            b->handler = HANDLER_CONDITION;
            return true;
        }
        b->handler = HANDLER_NO;
        b->start = true;
        return false;
    default:
        return false;
    }
}

/* A word within a statement, or within what leads a block. */
static void take_later_word(struct body *b, const struct lex_token *t)
{
    char in = top(b);
    if (lex_is(t, "CASE") && !lex_is(&b->last, "END"))
        push(b, EXPRESSION);
    else if (lex_is(t, "END") && (in == EXPRESSION || in == REPEAT))
        close_block(b);
    else if (lex_is(t, "THEN"))
        b->start = in == IF || in == CASE;
    else if (lex_is(t, "DO"))
        b->start = in == WHILE || in == FOR;
}

static void take_inside(struct body *b, const struct lex_token *t)
{
    if (t->kind == LEX_SEMICOLON) {
        b->start = true;
        b->handler = HANDLER_NO;
        return;
    }
    if (b->handler && take_handler(b, t))
        return;
    if (b->label && lex_is_sign(t, ':')) {
        b->label = false;
        b->start = true;
        return;
    }
    bool first = b->start;
    b->label = first && (t->kind == LEX_NAME || (t->kind == LEX_WORD && !lex_is_one_of(t, OPENERS " END")));
    /* Behind a point or an @ stands a name, whatever it is. */
    if (t->kind != LEX_WORD || lex_is_sign(&b->last, '.') || lex_is_sign(&b->last, '@'))
        b->start = false;
    else if (first)
        take_first_word(b, t);
    else
        take_later_word(b, t);
}

/* A statement may begin here: with a block, a label, or else it is a simple one, which holds no semicolons. */
static void take_statement(struct body *b, const struct lex_token *t)
{
    if (lex_is_one_of(t, OPENERS))
        open_block(b, t);
    else
        b->state = t->kind == LEX_WORD || t->kind == LEX_NAME ? BODY_LABEL : BODY_NONE;
}

/* Between the parameters of a routine and its body: its type and its traits. */
static void take_traits(struct body *b, const struct lex_token *t)
{
    static const char traits[] =
        "SQL NOT DETERMINISTIC CONTAINS NO READS MODIFIES DATA SECURITY DEFINER INVOKER COMMENT UNSIGNED SIGNED ZEROFILL BINARY ASCII "
        "UNICODE VARYING PRECISION CHAR VARCHAR";
    if (b->parens || t->kind != LEX_WORD)
        return;
    if (b->skip)
        b->skip--;
    else if (lex_is_one_of(t, "RETURNS CHARSET COLLATE LANGUAGE"))
        b->skip = 1;
    else if (lex_is(t, "CHARACTER"))
        b->skip = 2;
    else if (!lex_is_one_of(t, traits))
        take_statement(b, t);
}

/* CREATE [OR REPLACE] [DEFINER = user] [AGGREGATE] kind: a user's name may be any word. */
static void take_create(struct body *b, const struct lex_token *t)
{
    bool name = lex_is_sign(&b->last, '=') || lex_is_sign(&b->last, '@') || lex_is_sign(&b->last, '.');
    if (t->kind != LEX_WORD || name || lex_is_one_of(t, "OR REPLACE DEFINER AGGREGATE"))
        return;
    if (lex_is_one_of(t, "PROCEDURE FUNCTION"))
        b->state = BODY_PARAMETERS;
    else if (lex_is_one_of(t, "TRIGGER EVENT"))
        b->state = BODY_HEAD;
    else
        b->state = BODY_NONE;
}

/* Of a trigger or an event: up to FOR EACH ROW [FOLLOWS name], or DO. */
static void take_head(struct body *b, const struct lex_token *t)
{
    if (b->parens == 0 && ((lex_is(t, "ROW") && lex_is(&b->last, "EACH")) || lex_is(t, "DO")))
        b->state = BODY_STATEMENT;
}

static void take_mariadb(struct body *b, const struct lex_token *t)
{
    count_parens(b, t);
    switch (b->state) {
    case BODY_START:
        if (lex_is_one_of(t, "CREATE ALTER"))
            b->state = BODY_CREATE;
        else if (lex_is(t, "BEGIN"))
            b->state = BODY_BLOCK;
        else if (lex_is_one_of(t, OPENERS))
            open_block(b, t);
        else
            b->state = BODY_NONE;
        break;
    case BODY_BLOCK:                           /* BEGIN alone begins a transaction */
        if (lex_is(t, "ATOMIC") && lex_is(&b->last, "NOT")) {
            push(b, BLOCK);
            b->start = true;
        } else if (!lex_is(t, "NOT")) {
            b->state = BODY_NONE;
        }
        break;
    case BODY_CREATE:
        take_create(b, t);
        break;
    case BODY_PARAMETERS:
        if (lex_is_sign(t, ')') && b->parens == 0)
            b->state = BODY_TRAITS;
        break;
    case BODY_TRAITS:
        take_traits(b, t);
        break;
    case BODY_HEAD:
        take_head(b, t);
        break;
    case BODY_STATEMENT:
        if (b->skip)
            b->skip--;
        else if (lex_is_one_of(t, "FOLLOWS PRECEDES"))
            b->skip = 1;
        else
            take_statement(b, t);
        break;
    case BODY_LABEL:
        b->state = lex_is_sign(t, ':') ? BODY_STATEMENT : BODY_NONE;
        break;
    case BODY_INSIDE:
        take_inside(b, t);
        break;
    default:
        break;
    }
}

void body_take(struct body *b, const struct lex_token *t)
{
    switch (b->kind) {
    case SQL_BODIES_SQLITE:
        take_sqlite(b, t);
        break;
    case SQL_BODIES_POSTGRESQL:
        take_postgresql(b, t);
        break;
    case SQL_BODIES_MARIADB:
        take_mariadb(b, t);
        break;
    case SQL_BODIES_NONE:
        break;
    }
    b->last = *t;
}
