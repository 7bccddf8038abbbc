/* The coming week of a plan's windows, for the coordinator's answer and for `bfctl windows FILE` alike. */
#ifndef BF_VIEWS_WINDOWS_H
#define BF_VIEWS_WINDOWS_H

#include <jansson.h>

#include "coordinator/views.h"
#include "plan/plan.h"

/* {"plan", "timezone", "from", "until", "now", "week", "windows"}: a row for each stretch of each pool of the plan, and one pool null for
 * steps that draw on none, where a freeze for all pools could hold them.  slots(arg, i): what pool i of the plan has, whole. */
json_t *view_week(const struct plan *p, int64_t now_us, uint32_t (*slots)(const void *arg, uint32_t pool), const void *arg);

/* What windows leave of a pool now, a row for each live backfill whose windows leave less of it and that the key may see: window, backfill,
 * budget_percent, slots, until (null: not known, or never), for_ever. */
json_t *view_pool_windows(const struct view_source *v, size_t pool);

#endif
