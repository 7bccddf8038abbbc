/* The limit of a throttled pool on a page: what it is, why, its last moves and a small chart of them. */
#ifndef BFCTL_POOL_CHART_H
#define BFCTL_POOL_CHART_H

#include <jansson.h>

#include "common/buf.h"

/* Append the section of a pool's document; of one without a throttle a line that says so.  now_ms: since 1970. */
void pool_chart_put(const json_t *pool, int64_t now_ms, struct bf_buf *ret);

#endif
