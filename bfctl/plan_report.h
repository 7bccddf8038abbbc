/* What the compiler says of a plan, as one JSON document: for editors, reviews and pipelines. */
#ifndef BFCTL_PLAN_REPORT_H
#define BFCTL_PLAN_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "plan/plan.h"

/* The plan in short: its name, dates, sizes and hash.  A new reference. */
json_t *plan_report_summary(const struct plan *p);

/* {"file","valid","errors","warnings","left_out","diagnostics":[{"severity","file","line","column","message","fix","excerpt",
 * "notes"}],"plan":{…}}.  p is NULL when the plan has errors; valid is what the caller makes of it.  Sorts d.  A new reference. */
json_t *plan_report(const struct plan_source *source, const struct plan *p, struct bf_diags *d, bool valid);

#endif
