/* Profiles: what successful attempts of each version of a step took, kept for as long as there is room, whatever becomes of backfills.
 *
 * Base state: it follows from the records of ends, and a checkpoint has it as RECORD_PROFILE.  A version is the step's hash
 * (plan/canonical.h): a step that is changed begins anew, and one that was not goes on across plans' versions and backfills.
 * PROFILES_MAX are kept; of more the one that was used longest ago is forgotten. */
#ifndef BF_ENGINE_PROFILE_H
#define BF_ENGINE_PROFILE_H

#include "common/map.h"
#include "coordinator/engine/view_profile.h"
#include "proto/record.h"

#define PROFILES_MAX 2048u

struct backfill;
struct profile;
struct profile_book {
    struct bf_smap of;                           /* hash, plan, NUL, step -> struct profile */
    struct profile *oldest, *newest;             /* by use; owned */
};

/* An attempt of it ended, as applied: takes what it took, if it succeeded. */
void profiles_ended(struct engine *e, const struct backfill *b, uint32_t step, const struct record *ended);
void profiles_snapshot(const struct engine *e, struct engine_out *out);
enum bf_rc apply_profile(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
/* Of all of them in their order, for the state's hash: *at as in engine_next_profile(). */
bool profile_next_bytes(const struct engine *e, const struct profile **at, struct bf_buf *ret);
void profiles_done(struct engine *e);

#endif
