/* Stragglers that are run again elsewhere (rerun.c). */
#ifndef BF_ENGINE_RERUN_H
#define BF_ENGINE_RERUN_H

#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/map.h"
#include "common/vec.h"
#include "proto/record.h"

struct backfill;
struct engine;
struct engine_out;

#define RERUN_PART 10u                           /* of a backfill's open attempts, one in so many at a time; one always may be */
#define RERUN_WAIT_MS 60000                      /* for another agent to have room, before the first one will do */
#define RERUN_NUMBERS 3u                         /* of its record: phase, elapsed_ms, usual_ms */

/* An instance whose attempt was asked to end; until the attempt after it has ended.  agent: where it straggled. */
struct rerun { uint32_t backfill, number, run, agent; enum rerun_phase phase; uint64_t elapsed_ms, usual_ms; };
struct rerun_book {
    BF_VEC_TYPE(struct rerun) at;
    struct bf_map of;                            /* instance_key -> index */
    size_t n[RERUN_RUNS + 1];                    /* of each phase */
};

bool rerun_is_asked(const struct engine *e, const struct backfill *b, uint32_t number);      /* its open attempt is asked to end */
uint32_t rerun_avoids(const struct engine *e, const struct backfill *b, uint32_t number);    /* by its next attempt; 0: none */
void rerun_granted(struct engine *e, const struct backfill *b, uint32_t number);
void rerun_ended(struct engine *e, struct backfill *b, uint32_t number, bool goes_on);       /* its attempt; it is tried again, or not */
void reruns_review(struct engine *e, struct backfill *b);            /* people changed instances of it, or it is over */
enum bf_rc rerun_apply(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void reruns_snapshot(const struct engine *e, struct engine_out *out);
void rerun_hash(const struct engine *e, const struct backfill *b, uint32_t number, struct bf_buf *ret);
const char *reruns_broken(const struct engine *e);                   /* for checks; NULL: all is well */
void reruns_done(struct engine *e);

#endif
