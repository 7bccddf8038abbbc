/* What waits after an outage of the coordinator that counts as time: see outage.c.  Engine time, ms. */
#ifndef BF_ENGINE_OUTAGE_H
#define BF_ENGINE_OUTAGE_H

#include "coordinator/engine/state.h"

/* Up to when what comes by time alone is judged at now_ms. */
int64_t judged_ms(const struct engine *e, int64_t now_ms);
/* When what falls due at at_ms is judged. */
int64_t judged_at_ms(const struct engine *e, int64_t at_ms);
enum bf_rc apply_resumed(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void outage_snapshot(const struct engine *e, struct engine_out *out);

#endif
