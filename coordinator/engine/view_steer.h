/* Reading what people did to step instances, and what they would do: as view.h. */
#ifndef BF_ENGINE_VIEW_STEER_H
#define BF_ENGINE_VIEW_STEER_H

#include "coordinator/engine/view.h"

struct steer_view { enum steer_action action; const char *actor, *reason; int64_t at_us; };
/* Who holds an instance, or skipped, marked or cancelled it; false: nobody did, or it is forgotten (the last 64 of a backfill are
 * remembered). */
bool engine_steered(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct steer_view *ret);
/* The nearest upstream of a stale one that was run again after it; false when there is none (any more). */
bool engine_stale_cause(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, uint32_t *ret_step, uint32_t *ret_index);

/* The dry run of PAUSE, RESUME, CANCEL, RETRY, FORCE, SKIP, MARK: every instance that would change, in the plan's order; or why the
 * command would be refused.  Of a whole backfill that is paused or resumed no instance changes. */
struct steer_preview;
struct steer_row {
    uint32_t step, index;
    enum instance_state before, after;
    bool held_before, held_after, upstream_failed;           /* upstream_failed: before */
    bool new_run, along, stale;              /* along: downstream of what was picked; stale: that, and no more */
    bool killed, goes_on;                    /* its attempt, of one that is cancelled while open */
};
enum bf_rc engine_steer_begin(const struct engine *e, uint32_t backfill, const struct op_request *req, struct steer_preview **ret,
                              struct bf_error *err) BF_MUST_CHECK;
bool engine_steer_next(struct steer_preview *p, struct steer_row *ret);
void engine_steer_end(struct steer_preview *p);

#endif
