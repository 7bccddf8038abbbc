/* Seeds shared out over processes; results come in the order of the seeds, the same as from one process.
 *
 * Worker k of n runs every n-th seed from first + k on, and writes each result to a pipe of its own; whoever asks reads the pipes in
 * turn.  A pipe holds a few results, so that a slow seed holds nobody up for long.  A worker that dies (an assert of the engine) is the
 * result of the seed that it was at. */
#ifndef BF_SIM_JOBS_H
#define BF_SIM_JOBS_H

#include "coordinator/sim/coverage.h"
#include "coordinator/sim/world.h"

struct seed_result {
    uint64_t seed;
    struct sim_stats stats;
    bool clean;
    char violation[512];
    struct coverage coverage;                    /* all-zero when it is not asked for */
};

struct jobs_settings {
    struct sim_options sim;                      /* but seed and coverage, which are the result's */
    uint64_t first, count;                       /* count 0: no end */
    uint32_t jobs;                               /* 1: in this process */
    bool coverage;
};

struct jobs;                                     /* opaque */
/* BF_IO when no process or pipe can be made. */
enum bf_rc jobs_start(const struct jobs_settings *s, struct jobs **ret, struct bf_error *err) BF_MUST_CHECK;
/* The next seed's.  BF_IO: a signal came, or a pipe cannot be read. */
enum bf_rc jobs_next(struct jobs *j, struct seed_result *ret, struct bf_error *err) BF_MUST_CHECK;
/* Ends the workers and waits for them. */
void jobs_free(struct jobs *j);

/* One run in a process of its own: what dies there is a result here.  ret->coverage is not asked for; o->used does not come back. */
enum bf_rc jobs_try(const struct sim_options *o, struct seed_result *ret, struct bf_error *err) BF_MUST_CHECK;

#endif
