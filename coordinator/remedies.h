/* What usually mends a failure: one sentence by its source, DBMS, SQLSTATE or native code. */
#ifndef BF_REMEDIES_H
#define BF_REMEDIES_H

#include <stdbool.h>

#include "proto/outcome.h"

/* budget_spent: it would have been tried again but for `retry.budget`.  NULL when nothing is known that helps.  Static. */
const char *remedy_of(const struct outcome *o, bool budget_spent);
/* Whether a sentence of these asks for another plan, and says that a retry does not take one up. */
bool remedy_asks_for_plan(const char *remedy);

#endif
