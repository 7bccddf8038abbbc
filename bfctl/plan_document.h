/* A plan as one JSON document: what it says, what it resolves to, and what follows from it. */
#ifndef BFCTL_PLAN_DOCUMENT_H
#define BFCTL_PLAN_DOCUMENT_H

#include <jansson.h>

#include "bfctl/plan_facts.h"
#include "bfctl/plan_load.h"
#include "plan/selector.h"

/* The steps that are picked, and all the rest of the plan.  A new reference. */
json_t *plan_document(const struct plan_load *l, const struct plan_facts *f, const struct plan_selection *picked);
/* The mapping of an edge: "window -6..0".  The caller frees. */
char *plan_document_mapping(const struct plan_edge *e);

#endif
