/* Rules between the keys of one map, and between a flag and its values.  Each looks at what is well formed and leaves the rest: that has
 * been said. */
#ifndef BF_PLAN_KEYS_RULES_H
#define BF_PLAN_KEYS_RULES_H

#include "common/diag.h"
#include "common/yaml.h"
#include "plan/value.h"

void plan_rule_probe(struct bf_diags *d, const struct bf_yaml_node *map);
void plan_rule_min_max(struct bf_diags *d, const struct bf_yaml_node *map);      /* of whole numbers */
void plan_rule_window(struct bf_diags *d, const struct bf_yaml_node *map);
void plan_rule_flag(struct bf_diags *d, const struct bf_yaml_node *map);
void plan_rule_rollout(struct bf_diags *d, const struct bf_yaml_node *map);
void plan_rule_agents(struct bf_diags *d, const struct bf_yaml_node *map);
void plan_rule_sensor(struct bf_diags *d, const struct bf_yaml_node *map);
void plan_rule_row_count(struct bf_diags *d, const struct bf_yaml_node *map);
void plan_rule_until(struct bf_diags *d, const struct bf_yaml_node *map);
void plan_rule_poll(struct bf_diags *d, const struct bf_yaml_node *map);
void plan_rule_breaker(struct bf_diags *d, const struct bf_yaml_node *map);
void plan_rule_step(struct bf_diags *d, const struct bf_yaml_node *map);

extern const struct plan_word plan_flag_types[];

/* A value that something else gives to a flag, against what the flag declares. */
void plan_flag_value_check(struct bf_diags *d, const struct bf_yaml_node *n, const char *flag, const struct bf_yaml_node *body);

#endif
