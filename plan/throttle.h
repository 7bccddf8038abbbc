/* Throttles of pools.  Private to plan/. */
#ifndef BF_PLAN_THROTTLE_H
#define BF_PLAN_THROTTLE_H

#include "plan/compile.h"

/* A pool's throttle; slots: where they stand in the document.  Its algorithm stays THROTTLE_NONE after an error. */
void plan_throttle_read(struct plan_compiler *c, const struct bf_yaml_node *map, const struct bf_yaml_node *slots, struct plan_pool *pool);
const char *plan_throttle_word(enum throttle_algorithm a);

#endif
