/* What the agent's helper programs are told of one instance: a JSON object, the "spec".  Pure.
 *
 * The agent adds the ids of the attempt and what it resolves of the references, and hands the whole to bf-sql or bf-http on standard
 * input.  The keys of a `sql` or `warehouse` step are those of bf-sql's request (spec_sql.c), those of an `http` step of bf-http's
 * (spec_http.h).  References never stand in the spec, and values never in a reference. */
#ifndef BF_PLAN_SPEC_H
#define BF_PLAN_SPEC_H

#include "plan/plan.h"

#define PLAN_SPEC_MAX (512u << 10)             /* bytes, with the values of any instance */
#define PLAN_RUN_ID_MAX 512u                   /* bytes of {{ run.id }}: two names, a key and figures */

/* Text with "${env:NAME}" and "${secret:NAME}" in it, to be resolved on the agent.  Owned. */
struct plan_spec_ref { char *name, *text; };   /* "odbc", "header:Authorization" */

/* Has a step a spec?  Those that have none run a program, or nothing. */
bool plan_spec_has(const struct plan_step *s);
/* Append the object.  The step has a spec, and v is of one instance of it. */
void plan_spec_render(const struct plan *p, const struct plan_step *s, const struct template_values *v, struct bf_buf *ret);
/* What its references are; the caller frees.  None for steps without a spec. */
void plan_spec_refs(const struct plan *p, const struct plan_step *s, struct plan_spec_ref **ret, size_t *ret_n);
void plan_spec_refs_free(struct plan_spec_ref *refs, size_t n);

#endif
