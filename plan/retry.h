/* Parts of a plan's policy on their own, for whoever tries another one (coordinator/replay). */
#ifndef BF_PLAN_RETRY_H
#define BF_PLAN_RETRY_H

#include "common/diag.h"
#include "common/yaml.h"
#include "plan/plan.h"

/* Override *retry by a `retry:` map of a plan, key by key; errors into d. */
void plan_retry_read(struct bf_diags *d, const struct bf_yaml_node *map, struct plan_retry *retry);
/* A class by its word: critical, high, normal, low. */
bool plan_priority_parse(const char *word, enum plan_priority *ret);

#endif
