/* From a granted attempt to the assignment that its agent runs: names, rendered arguments, the specification for a helper.  Pure. */
#ifndef BF_DISPATCH_H
#define BF_DISPATCH_H

#include "common/arena.h"
#include "coordinator/engine/view.h"
#include "proto/agent_msg.h"

/* Fill *ret from the attempt; strings live in arena or in the plan.  run_id is "CLUSTER8-BACKFILL/STEP/PARTITION/RUN". */
void dispatch_assignment(const struct engine *e, const struct attempt_view *attempt, const char *cluster, int64_t grace_ms,
                         struct bf_arena *arena, struct assignment *ret);

#endif
