/* Real turns over agents that are plain values in the same process: everything that a coordinator does for a step but its sockets, and
 * with a store its disk too.
 *
 * A backfill of a plan is created, granted, reported on and ended; time is virtual and goes on by a millisecond a turn.  With wire, every
 * message is encoded and decoded on both sides as on the way.  Deterministic but for the time that is measured. */
#ifndef BF_BENCH_TURN_LOAD_H
#define BF_BENCH_TURN_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum load_shape {
    LOAD_FLAT,             /* independent */
    LOAD_CHAIN,            /* each template after its own previous partition */
    LOAD_LAYERS,           /* each template after two of the template before */
    LOAD_WINDOWS           /* each after its own previous partition, and windows of seven of three others */
};

struct load_options {
    enum load_shape shape;
    uint32_t templates, partitions;              /* instances: the product */
    uint32_t agents, slots;
    int64_t step_ms;                             /* virtual time that a step takes; 0: 1 */
    bool wire;
    const char *store;                           /* folder; NULL: what is committed is counted and dropped */
    bool create_only;                            /* ends when the backfill runs */
    double die_at;                               /* with a store: at so much of the steps done, kill -9 just before the next flip of a
                                                    checkpoint; 0: never */
    uint64_t checkpoint_bytes;                   /* 0: the preset */
};

struct load_result {
    double total_s, create_s, compile_s;         /* from create to the end; to running; of that, compiling */
    double commit_s, wire_s, engine_s;           /* of total_s: the store, the codecs, everything else */
    uint64_t steps, turns, commits, journal_bytes, checkpoints, checkpoint_bytes;
    double bytes_per_instance;                   /* of memory, at the time that it runs */
    double longest_turn_s;                       /* once it runs */
    double virtual_s;                            /* that the run took by its own clock */
    size_t resident_bytes;
};

/* The plan as a document. */
void load_plan(const struct load_options *o, struct bf_buf *ret);
/* Prints a sentence and ends the process with status 1 when the backfill does not succeed. */
void load_run(const struct load_options *o, struct load_result *ret);

#endif
