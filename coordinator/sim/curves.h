/* Random load curves against the governor: a warehouse with users whose latency follows the load, a backfill that draws on one throttled
 * pool, and an oracle that knows at each moment the most that the target allows.  The controller is the engine's own (governor.h);
 * virtual time, no floating surprises (+ - * / and sqrt alone), so a seed and a commit give the same figures anywhere. */
#ifndef BF_SIM_CURVES_H
#define BF_SIM_CURVES_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/engine/governor.h"

enum curve_kind { CURVE_STEADY, CURVE_BURSTY, CURVE_CHANGE, CURVE_KINDS };
const char *curve_kind_name(enum curve_kind k);

/* What one curve came to. */
struct curve_result {
    enum curve_kind kind;
    uint64_t refused;                            /* curves that were drawn again, because the oracle had nothing to choose */
    double over;                                 /* part of the time over the target, of that at which the floor would have kept it */
    double throughput;                           /* of the work that the oracle's limit does */
    double oracle;                               /* its mean limit */
    double settle_s;                             /* until the limit was first within a quarter of the oracle's */
    uint32_t moves;                              /* changes of the limit */
    bool bounded;                                /* it never left its bounds */
};

/* n curves from a seed on, for each algorithm: a table and, as the last line, one JSON object on standard output.  false: they missed the
 * goals (at most 5 % of the time over the target, at least 85 % of the oracle's throughput, on the average), or left the bounds. */
bool curves_report(uint64_t first, uint64_t n);
void curve_run(uint64_t seed, enum throttle_algorithm algorithm, struct curve_result *ret);

#endif
