/* The spec of `sql`, `sensor` and `warehouse` steps, which bf-sql reads (spec_sql.c has its keys).  Private to plan/. */
#ifndef BF_PLAN_SPEC_SQL_H
#define BF_PLAN_SPEC_SQL_H

#include <jansson.h>

#include "plan/plan.h"

json_t *plan_spec_sql(const struct plan *p, const struct plan_step *s, const struct template_values *v);
json_t *plan_spec_sensor(const struct plan *p, const struct plan_step *s, const struct template_values *v);
json_t *plan_spec_warehouse(const struct plan *p, const struct plan_step *s);

/* Text for JSON: UTF-8 as the plan's all is.  Never NULL. */
json_t *plan_spec_text(const char *text, size_t len);
json_t *plan_spec_scalars(const struct plan_scalar *scalars, size_t n);

#endif
