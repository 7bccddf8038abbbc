/* What an attempt used. */
#ifndef BF_AGENT_USAGE_H
#define BF_AGENT_USAGE_H

#include <stdint.h>
#include <sys/resource.h>

#include "agent/cgroup.h"
#include "proto/outcome.h"

/* m is NULL under a weak fence; rusage is of the reaped leader with the children that it waited for. */
void usage_of(const struct cgroup_tree *tree, const struct cgroup_meters *m, const struct rusage *ru, int64_t wall_us,
              struct attempt_usage *ret);

#endif
