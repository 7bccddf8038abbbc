/* What classes of a backfill lost to better ones (coordinator/engine/yields.c), as documents. */
#ifndef BF_VIEWS_YIELDS_H
#define BF_VIEWS_YIELDS_H

#include "coordinator/views_parts.h"

/* [{"class","pool"|null,"times","lost_ms","yields_ms"|null}], the pool's order, then the class's; pool NULL: of all.  lost_ms has what runs
 * now in it; yields_ms: for how long it yields now. */
json_t *view_yields(const struct view_source *v, uint32_t backfill, const char *pool);
/* One of them: of the class of a step in the first pool that it names; null where it lost nothing there. */
json_t *view_yielded_by(const struct view_source *v, const struct backfill_view *b, uint32_t step);

#endif
