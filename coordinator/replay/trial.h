/* A policy tried on history: exact up to the first decision that would have been another, simulated after it. */
#ifndef BF_REPLAY_TRIAL_H
#define BF_REPLAY_TRIAL_H

#include "coordinator/replay/measure.h"
#include "coordinator/replay/policy.h"
#include "coordinator/replay/replay.h"

struct trial {
    uint64_t turns, records;                     /* decided on as they are stored, before the first difference */
    bool differs;                                /* false: nothing would have been decided otherwise; the rest is not there */
    uint64_t seq; int64_t wall_us;               /* where */
    char then[REPLAY_WORDS_MAX], would[REPLAY_WORDS_MAX];  /* what was decided, and what would have been; "" where nothing was */
    char fields[REPLAY_WORDS_MAX];               /* in which fields, when both are there */
    struct measure history, better, worse;       /* of the whole; better and worse differ in attempts that history does not have: in
                                                    `better` they end well, in `worse` as the last one of the instance did */
    uint64_t assumed;                            /* how many those are, in `better` */
    bool given_up;                               /* the simulation did not come to an end */
};

/* *ret is released by trial_done(), also after failure. */
enum bf_rc replay_try(struct replay *r, const struct replay_policy *policy, struct trial *ret, struct bf_error *err) BF_MUST_CHECK;
void trial_done(struct trial *t);

#endif
