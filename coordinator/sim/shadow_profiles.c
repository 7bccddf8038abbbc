/* Profiles, counted: as many attempts are in them as succeeded, over all backfills and crashes, and none took longer than the longest. */
#include <inttypes.h>

#include "coordinator/engine/profile.h"
#include "coordinator/sim/shadow_checks.h"

void shadow_take_profiled(struct shadow *s, const struct record *r)
{
    if (r->verdict != VERDICT_SUCCEEDED || r->started_us <= 0 || r->ended_us < r->started_us)
        return;
    uint64_t us = (uint64_t)(r->ended_us - r->started_us);
    s->profiled++;
    s->profiled_max_us = us > s->profiled_max_us ? us : s->profiled_max_us;
}

void shadow_check_profiles(struct shadow *s, const struct engine *e)
{
    struct profile_view p;
    uint64_t n = 0, attempts = 0, max_us = 0;
    for (const struct profile *at = NULL; engine_next_profile(e, &at, &p); n++) {
        attempts += p.of[PROFILE_DURATION].n;
        max_us = p.of[PROFILE_DURATION].max > max_us ? p.of[PROFILE_DURATION].max : max_us;
    }
    if (n < PROFILES_MAX && (attempts != s->profiled || max_us != s->profiled_max_us))
        world_violate(s->w, "profiles have %" PRIu64 " attempts, the longest of %" PRIu64 " us; %" PRIu64 " succeeded, the longest of %"
                      PRIu64 " us", attempts, max_us, s->profiled, s->profiled_max_us);
}
