/* What a plan or a configuration says of breakers: reading the map of one.  Pure. */
#ifndef BF_PLAN_BREAKERS_H
#define BF_PLAN_BREAKERS_H

#include "common/diag.h"
#include "common/yaml.h"
#include "proto/breaker.h"

/* Change *settings by the keys of map (the table "breaker" of docs/plan-reference.md): what it does not name stays.  Where it gives only
 * one of two that bound each other (minimum and window, open and open_max), the other follows.  One error into d for each thing that is
 * not right; *settings is untouched after one. */
void plan_breaker_read(struct bf_diags *d, const struct bf_yaml_node *map, struct breaker_settings *settings);

#endif
