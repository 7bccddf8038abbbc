/* Every key that a plan may hold, map by map: what values it takes, and whether it works, only describes or is not built yet.
 *
 * The tables stand in keys_table.c and are the one place that says so: the compiler, docs/plan-reference.md and the tests read them.
 * A key moves from "not supported yet" to "read" by changing its entry and reading it.  Private to plan/ and its tests. */
#ifndef BF_PLAN_KEYS_H
#define BF_PLAN_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/diag.h"
#include "common/yaml.h"
#include "plan/plan.h"
#include "plan/value.h"

enum plan_key_status {
    PLAN_KEY_READ,               /* does something */
    PLAN_KEY_DESCRIBES,          /* accepted and shown */
    PLAN_KEY_NOT_YET,            /* checked, then refused with "not supported yet"; without an id its parts are refused one by one */
    PLAN_KEY_PART,               /* belongs to the value of a key that is not supported yet */
    PLAN_KEY_REFUSED             /* known, but not here: help says why */
};

struct plan_key {
    const char *name;
    enum plan_key_status status;
    bool required;
    const char *id;              /* PLAN_KEY_NOT_YET: the capability, "R13" */
    const struct plan_type *type;
    const char *help;            /* one short phrase */
    const char *missing;         /* what to do where it is missing, "write `kind: Plan`"; NULL: the map needs it */
    const char *example;         /* PLAN_KEY_NOT_YET: a value, in flow style */
};

struct plan_keys {
    const char *name;            /* in the reference: "step" */
    const char *where;           /* for sentences: "a step" */
    const struct plan_key *at;
    size_t n;
    bool only_one;               /* the map has exactly one of them */
    bool whole;                  /* values of keys that are read are checked whole too: their reader finds them right, or leaves them */
    const char *const *one_of;   /* exactly one of these; ended by NULL; NULL: no such rule */
    /* What one key alone cannot say; errors into d.  NULL: nothing. */
    void (*rule)(struct bf_diags *d, const struct bf_yaml_node *map);
};

extern const struct plan_keys plan_keys_top, plan_keys_owner, plan_keys_partitions, plan_keys_step_partitions,
    plan_keys_connection, plan_keys_pool, plan_keys_dataset, plan_keys_exposure, plan_keys_defaults, plan_keys_retry, plan_keys_backoff,
    plan_keys_timebox, plan_keys_plan_timebox, plan_keys_step, plan_keys_expect, plan_keys_sql, plan_keys_agents, plan_keys_resources,
    plan_keys_dataset_freshness, plan_keys_breaker, plan_keys_breakers,
    plan_keys_warehouse, plan_keys_http, plan_keys_poll, plan_keys_until, plan_keys_failed, plan_keys_one_check, plan_keys_ratio_to,
    plan_keys_window, plan_keys_probe, plan_keys_probe_http, plan_keys_throttle, plan_keys_sensor;

/* The entry of a key; NULL when there is none. */
const struct plan_key *plan_keys_find(const struct plan_keys *keys, const char *name);
/* Check a map against its keys: that it is a map, unknown keys (with the nearest), values.  Of a key that is read only the shape of the
 * value is checked here, unless the table says `whole`; its reader does the rest.  Keys that are not supported yet are checked whole, and
 * refused.  false when map is no map, or has so many unknown keys that reading it would say nothing more. */
bool plan_keys_check(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys);
/* The value of a key that is read or describes, when its shape fits and it is not null; else NULL. */
const struct bf_yaml_node *plan_keys_get(const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name);
/* Is a key absent, and not merely misspelt?  (That has been said.) */
bool plan_keys_missing(const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name);
/* An error when it is.  Of required keys plan_keys_check says it; this is for those that only some maps need. */
void plan_keys_need(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name);

/* Values by the type that the table has for the key.  false when the key is absent, or after an error; *ret is untouched then. */
bool plan_keys_word(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name, int *ret);
bool plan_keys_int(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name, int64_t *ret);
/* Of a number, in thousandths. */
bool plan_keys_number(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name,
                      int64_t *ret_milli);
/* Of a percentage, in millionths. */
bool plan_keys_percent(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name,
                       int64_t *ret_millionths);
bool plan_keys_duration(struct bf_diags *d, const struct bf_yaml_node *map, const struct plan_keys *keys, const char *name,
                        int64_t *ret_ms);
#endif
