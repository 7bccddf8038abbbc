/* What the instances of a backfill wait for, in groups.  Only views*.c include this. */
#ifndef BF_VIEWS_WAITS_H
#define BF_VIEWS_WAITS_H

#include "coordinator/views_tally.h"

/* [{"kind", "count", "steps", "detail", "remedy"}], the most first, at most max.  By step, from its counts and its plan: an instance
 * that waits is told of one step before it that is not done. */
json_t *view_waits(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps, size_t max);

#endif
