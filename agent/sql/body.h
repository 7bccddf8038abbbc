/* Statements that hold others: is a semicolon inside such a body?  Private to the splitter. */
#ifndef BF_AGENT_SQL_BODY_H
#define BF_AGENT_SQL_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sql/lex.h"

#define BODY_DEPTH_MAX 1024u                    /* blocks in blocks; a deeper one is split, and the database refuses the halves */

enum body_state {
    BODY_START, BODY_NONE, BODY_CREATE,
    BODY_HEAD,                                 /* of something whose body may come */
    BODY_INSIDE,
    BODY_GAP,                                  /* behind a semicolon of the body */
    BODY_TAIL,                                 /* behind its last END */
    BODY_PARAMETERS, BODY_TRAITS, BODY_LABEL, BODY_STATEMENT, BODY_BLOCK
};

/* One statement's reading.  Plain value. */
struct body {
    enum sql_bodies kind;
    enum body_state state;
    uint32_t parens;
    struct lex_token last;                     /* the token before */
    uint32_t skip;                             /* words to come that are names */
    bool start;                                /* a statement of the body begins here */
    bool label;                                /* the token before may be one */
    uint32_t depth;
    uint8_t handler;                           /* how much of DECLARE … HANDLER FOR was read */
    char open[BODY_DEPTH_MAX];                 /* what must be ended, innermost last */
};

void body_start(struct body *b, enum sql_bodies kind);
/* The next token that is neither blank nor comment. */
void body_take(struct body *b, const struct lex_token *t);
/* Does a semicolon that comes now belong to the statement? */
bool body_holds(const struct body *b);

#endif
