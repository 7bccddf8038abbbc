/* What a run of decisions comes to, counted from its records: the same for history and for what is simulated. */
#ifndef BF_REPLAY_MEASURE_H
#define BF_REPLAY_MEASURE_H

#include "common/vec.h"
#include "coordinator/engine/view.h"
#include "proto/record.h"

#define MEASURE_NAME_MAX 96

struct measure_backfill {
    uint32_t id;                                 /* 0: nothing was decided about it */
    char plan[MEASURE_NAME_MAX];
    uint64_t attempts, retries;                  /* granted; of them those after a failure */
    int64_t first_end_us;                        /* when it came to an end first, before people took it up again; 0: never */
    /* measure_end() */
    enum backfill_state state;
    int64_t finished_us;                         /* 0: not */
    uint64_t done, failed, upstream_failed, total;         /* instances */
};
struct measure_pool { char name[MEASURE_NAME_MAX]; uint32_t slots, used, peak; int64_t busy_ms; };

struct measure {
    BF_VEC_TYPE(struct measure_backfill) backfills;        /* by id - 1 */
    BF_VEC_TYPE(struct measure_pool) pools;
    int64_t last_ms;
};

/* Open attempts hold their slots already. */
void measure_begin(struct measure *m, const struct engine *e, int64_t now_ms);
/* Records of a turn, applied to the engine already. */
void measure_records(struct measure *m, const struct engine *e, const struct record *records, size_t n, int64_t now_ms);
/* States and counts, as they are at the end. */
void measure_end(struct measure *m, const struct engine *e, int64_t now_ms);
void measure_done(struct measure *m);

#endif
