/* Every key that a plan may hold, map by map, in one table: read, only describing, or not supported yet.  Private to plan/. */
#ifndef BF_PLAN_KEYS_H
#define BF_PLAN_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/diag.h"
#include "common/yaml.h"

enum plan_key_status {
    PLAN_KEY_READ,               /* does something */
    PLAN_KEY_DESCRIBES,          /* accepted and shown */
    PLAN_KEY_NOT_YET             /* refused with "not supported yet" */
};

enum plan_key_kind { PLAN_KEY_SCALAR, PLAN_KEY_LIST, PLAN_KEY_MAP, PLAN_KEY_ANY };

struct plan_key {
    const char *name;
    enum plan_key_status status;
    enum plan_key_kind kind;
};

struct plan_keys {
    const char *where;           /* for sentences: "a step" */
    const struct plan_key *at;
    size_t n;
};

extern const struct plan_keys plan_keys_top, plan_keys_owner, plan_keys_partitions, plan_keys_step_partitions,
    plan_keys_connection, plan_keys_pool, plan_keys_dataset, plan_keys_defaults, plan_keys_retry, plan_keys_backoff,
    plan_keys_timebox, plan_keys_step, plan_keys_expect, plan_keys_sql, plan_keys_agents;

/* Check a map against its keys: the kind of the map itself, unknown keys (with the nearest), keys that are not supported yet,
 * values of the wrong kind.  Descriptive scalars are checked for length.  One error each into d.  false when map is no map. */
bool plan_keys_check(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys);
/* The value of a key that is read or describes, when its kind fits and it is not null; else NULL. */
const struct bf_yaml_node *plan_keys_get(const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name);
/* Is a key absent, and not merely misspelt?  (That has been said.) */
bool plan_keys_missing(const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name);

#endif
