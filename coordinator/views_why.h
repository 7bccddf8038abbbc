/* Sentences of `why` that stand in files of their own.  Only views_why*.c include this. */
#ifndef BF_VIEWS_WHY_H
#define BF_VIEWS_WHY_H

#include "coordinator/views_parts.h"

#define WHY_WHO_MAX 640

struct why_named { uint32_t step, index; const char *name; };

/* " by admin at 2024-…: the reason", of whoever made it so; "" when that is not known. */
void why_by_whom(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index, char ret[WHY_WHO_MAX]);
/* Of one that an earlier backfill did or failed to do.  failure: why it failed. */
void why_tell_reused(const struct view_source *v, const struct backfill_view *b, const struct why_named *n, const struct instance_view *i,
                     const char *failure, char *ret, size_t size);
/* Of any other.  told: what its last attempt said of its end, or "". */
void why_tell_state(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index,
                    const struct instance_view *i, const char *told, char *ret, size_t size);

#endif
