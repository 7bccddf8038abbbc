/* The environment of steps and helpers: an allow-list of the agent's own, the plan's, and what the system tells. */
#ifndef BF_AGENT_ENVIRON_H
#define BF_AGENT_ENVIRON_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/agent_config.h"
#include "common/arena.h"
#include "proto/agent_msg.h"

/* NULL-terminated, in the arena.  own is the agent's environment; deadline_us (CLOCK_REALTIME) 0: no timebox.  What the system tells
 * (BF_…) outranks the plan, and the plan outranks the agent. */
const char *const *environ_build(const struct agent_config *c, const struct assignment *a, const char *const *own,
                                 const char *result_path, int64_t deadline_us, struct bf_arena *arena);
/* Value of name in a NULL-terminated environment; NULL when absent. */
const char *environ_get(const char *const *env, const char *name);

#endif
