/* Throttles of pools, and the probes of connections that govern them.  Private to plan/. */
#ifndef BF_PLAN_THROTTLE_H
#define BF_PLAN_THROTTLE_H

#include "plan/compile.h"

#define PLAN_PROBE_EVERY_MS_PRESET 5000

/* A pool's throttle; slots: where they stand in the document.  Its algorithm stays THROTTLE_NONE after an error. */
void plan_throttle_read(struct plan_compiler *c, const struct bf_yaml_node *map, const struct bf_yaml_node *slots, struct plan_pool *pool);
/* A connection's probe; NULL after an error.  plan_probe_free() takes NULL. */
struct plan_probe *plan_probe_read(struct plan_compiler *c, const struct bf_yaml_node *map);
void plan_probe_free(struct plan_probe *p);
const char *plan_throttle_word(enum throttle_algorithm a);

#endif
