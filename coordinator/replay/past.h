/* What became of the attempts of history: how long each took, and how it ended.  For the simulation that goes on where a policy would
 * have decided otherwise.
 *
 * An end that is the step's own counts; one that the coordinator or a lost agent made does not: whether it would have come again
 * depends on what is simulated. */
#ifndef BF_REPLAY_PAST_H
#define BF_REPLAY_PAST_H

#include "coordinator/engine/engine.h"
#include "proto/record.h"

struct past;                                     /* opaque */
struct past *past_new(void);
void past_free(struct past *p);                  /* NULL is fine */

/* The key of an instance in a map: 24 bits of backfill, 14 of step, 26 of index; a backfill has fewer instances than that. */
uint64_t past_instance(uint32_t backfill, uint32_t step, uint32_t index);

/* An attempt that is open where history begins, granted then; start_ms: after that, -1: it has not started.  Before its records. */
void past_open(struct past *p, uint64_t attempt, int64_t granted_ms, int64_t start_ms);
/* A stored record, at its turn. */
void past_record(struct past *p, const struct record *r, uint64_t seq, int64_t now_ms);

/* The turn in which the last attempt ended; 0: none did. */
uint64_t past_last_end(const struct past *p);

struct past_end {
    int64_t start_ms, end_ms;                    /* after the grant */
    struct outcome outcome;                      /* without details; strings are the past's */
    bool assumed;                                /* history has none: how it ends is assumed, and the time is the step's median */
};
/* The instance's own end number `nth`, from 0.  When history has none: the step's median, or preset_ms where no attempt of it ended well;
 * ending well, or, with `fails`, as its last one did. */
void past_end(struct past *p, uint32_t backfill, uint32_t step, uint32_t index, size_t nth, bool fails, int64_t preset_ms,
              struct past_end *ret);
/* How many own ends the instance had by the end of a turn. */
size_t past_ends_by(const struct past *p, uint32_t backfill, uint32_t step, uint32_t index, uint64_t seq);

#endif
