/* What a statement gives back, told from its text. */
#ifndef BF_AGENT_SQL_KIND_H
#define BF_AGENT_SQL_KIND_H

#include "agent/sql/split.h"

/* SQL_GIVES_ROWS only when the text can change nothing; functions that it calls may. */
enum sql_gives sql_statement_gives(const struct sql_lexis *lexis, const struct sql_statement *s);

#endif
