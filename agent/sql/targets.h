/* The tables that a statement writes, for a database whose tables differ in whether they can be rolled back. */
#ifndef BF_AGENT_SQL_TARGETS_H
#define BF_AGENT_SQL_TARGETS_H

#include <stddef.h>

#include "agent/sql/split.h"

/* Names without their quotes, as the text has them: letters' case is kept. */
struct sql_target {
    char *schema;                              /* NULL: none was written */
    char *table;
};

/* All-zero is empty.  Names may be there twice. */
struct sql_targets {
    struct sql_target *at;
    size_t n, cap;
};

/* Add the tables that INSERT, REPLACE, UPDATE, DELETE, MERGE and LOAD DATA or XML write, also behind WITH, EXPLAIN ANALYZE and SET
 * STATEMENT … FOR.  What may be one is given: every table that is joined in UPDATE and DELETE, and its aliases.  What triggers and
 * functions write is not seen. */
void sql_statement_targets(const struct sql_lexis *lexis, const struct sql_statement *s, struct sql_targets *ret);
void sql_targets_done(struct sql_targets *t);

#endif
