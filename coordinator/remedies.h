/* What usually mends a failure: one sentence by its source, DBMS, SQLSTATE or native code. */
#ifndef BF_REMEDIES_H
#define BF_REMEDIES_H

#include "proto/outcome.h"

/* NULL when nothing is known that helps.  Static. */
const char *remedy_of(const struct outcome *o);

#endif
