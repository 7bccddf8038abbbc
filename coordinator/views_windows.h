/* The coming week of a plan's windows, for the coordinator's answer and for `bfctl windows FILE` alike. */
#ifndef BF_VIEWS_WINDOWS_H
#define BF_VIEWS_WINDOWS_H

#include <jansson.h>

#include "plan/plan.h"

/* {"plan", "timezone", "from", "until", "now", "week", "windows"}: a row for each stretch of each pool of the plan, and one pool null for
 * steps that draw on none, where a freeze for all pools could hold them.  slots(arg, i): what pool i of the plan has, whole. */
json_t *view_week(const struct plan *p, int64_t now_us, uint32_t (*slots)(const void *arg, uint32_t pool), const void *arg);

#endif
