/* Attempts that take longer than their like.  See view_profile.h. */
#include "coordinator/engine/internal.h"

bool engine_straggler(const struct engine *e, uint64_t attempt, int64_t wall_us, struct straggler_view *ret)
{
    const struct attempt *a = attempt_find(e, attempt);
    uint64_t usual_us = 0;
    if (!a || a->waits || a->granted_us <= 0 || wall_us <= a->granted_us + STRAGGLER_LEAST_US)
        return false;
    enum baseline_source source = engine_baseline(e, a->backfill, a->step, PROFILE_DURATION, 950000, &usual_us);
    if (source != BASELINE_PROFILE && source != BASELINE_EXPECTED)
        return false;
    uint64_t elapsed_us = (uint64_t)(wall_us - a->granted_us);
    uint64_t factor = source == BASELINE_PROFILE ? STRAGGLER_FACTOR : STRAGGLER_FACTOR_EXPECTED;
    if (elapsed_us / factor <= usual_us || elapsed_us - usual_us < STRAGGLER_LEAST_US)
        return false;
    *ret = (struct straggler_view){.backfill = a->backfill, .step = a->step, .index = a->index, .agent = a->agent, .attempt = attempt,
                                   .elapsed_us = elapsed_us, .usual_us = usual_us, .source = source};
    return true;
}
