/* Reading profiles: what attempts of a step took, over all backfills; and what is usual for it. */
#ifndef BF_ENGINE_VIEW_PROFILE_H
#define BF_ENGINE_VIEW_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/sketch.h"
#include "coordinator/engine/engine.h"

/* In microseconds, microseconds of processor time, bytes, bytes, bytes, rows.  Stored: append only. */
enum profile_measure { PROFILE_DURATION, PROFILE_CPU, PROFILE_MEMORY, PROFILE_READ, PROFILE_WRITTEN, PROFILE_ROWS, PROFILE_MEASURES };
const char *profile_measure_name(enum profile_measure m);     /* "duration_us", …: unit last */

#define PROFILE_TRUSTED 5u                       /* fewer attempts are no baseline */

struct profile;
/* One version of a step, which its hash is.  Borrowed until the next step of the engine. */
struct profile_view {
    const char *plan, *step;
    const uint8_t *hash;                         /* 32 bytes */
    uint32_t backfill;                           /* of the newest attempt in it */
    int64_t first_us, last_us;                   /* CLOCK_REALTIME: ends of its first and newest attempt */
    const struct bf_sketch *of;                  /* by measure; what nobody measured is empty */
};
/* All of them, the one that was used last first; false at the end.  *at is NULL at the beginning. */
bool engine_next_profile(const struct engine *e, const struct profile **at, struct profile_view *ret);
/* Of this version; false: no attempt of it succeeded, or that is forgotten. */
bool engine_profile(const struct engine *e, const char *plan, const char *step, const uint8_t hash[32], struct profile_view *ret);

/* What is usual for a step of a backfill: this quantile of its profile; else, of duration alone and whatever the quantile, what its plan
 * says (expect.duration), or what stands for a plan that says nothing: a number without any knowledge behind it.  *ret is set unless
 * there is none of them. */
enum baseline_source { BASELINE_NONE, BASELINE_PRESET, BASELINE_EXPECTED, BASELINE_PROFILE };
enum baseline_source engine_baseline(const struct engine *e, uint32_t backfill, uint32_t step, enum profile_measure m, uint32_t millionths,
                                     uint64_t *ret);

/* A straggler: an open attempt that was granted longer ago than its like usually take: STRAGGLER_FACTOR times the 95th percentile of the
 * step's profile, or STRAGGLER_FACTOR_EXPECTED times what its plan expects, and STRAGGLER_LEAST_US more than that baseline.  Nothing is
 * without a baseline.  wall_us: now, of the coordinator's clock, by which grants are dated too: no agent's clock comes in. */
#define STRAGGLER_FACTOR 2u
#define STRAGGLER_FACTOR_EXPECTED 3u
#define STRAGGLER_LEAST_US 5000000u
struct straggler_view {
    uint32_t backfill, step, index, agent;
    uint64_t attempt;
    uint64_t elapsed_us, usual_us;               /* usual: the baseline itself */
    enum baseline_source source;                 /* EXPECTED or PROFILE */
};
bool engine_straggler(const struct engine *e, uint64_t attempt, int64_t wall_us, struct straggler_view *ret);
/* How long an open attempt has gone on past its step's timebox, where that only warns; -1: it has not, or there is none. */
int64_t engine_past_timebox_ms(const struct engine *e, uint64_t attempt, int64_t engine_ms);

#endif
