/* The coordinator's figures as Prometheus text, format 0.0.4.  docs/metrics.md names every one; a test compares. */
#ifndef BF_METRICS_H
#define BF_METRICS_H

#include "common/buf.h"
#include "coordinator/engine/view.h"
#include "coordinator/http/http.h"
#include "coordinator/notify/notify.h"

#define METRICS_AGENTS_MAX 1000u                 /* with series of their own; more are counted by state only */
#define METRICS_BACKFILLS_MAX 200u               /* live ones, the newest first */
#define METRICS_STEPS_MAX 5000u                  /* with metrics_steps */
#define METRICS_ATTEMPTS_MAX 2000u               /* the oldest open ones, looked at for stragglers */
#define METRICS_POOLS_MAX 1000u
#define METRICS_PROBES_MAX 200u

/* Turns of this process, as the loop counts them. */
enum turn_part { TURN_DECIDING, TURN_COMMITTING, TURN_SENDING, TURN_PARTS };
#define METRICS_TURN_LENGTHS 9u                  /* the last one is for those that are longer than all bounds */
struct metrics_turns {
    uint64_t inputs;                             /* that waited when turns began */
    uint64_t full;                               /* turns that began with all that one takes in */
    int64_t busy_us;
    int64_t longest_us;                          /* since the page before */
    int64_t part_us[TURN_PARTS];                 /* of busy_us */
    uint64_t lengths[METRICS_TURN_LENGTHS];      /* turns by how long they took */
};
void metrics_count_turn(struct metrics_turns *t, const int64_t part_us[TURN_PARTS]);

/* What agents said to this process, and it to them, in messages. */
struct metrics_fleet { uint64_t received, sent, malformed, unauthorised, no_hello, dropped; };

struct metrics_source {
    const struct engine *engine;
    const struct turns *probes;                  /* knows who probes what */
    uint64_t seq;                                /* last turn */
    int64_t wall_us;                             /* now */
    int64_t started_us;                          /* wall time at which this process became ready */
    bool steps;                                  /* of each step of the live backfills too */
    struct metrics_turns turns;
    struct metrics_fleet fleet;
    struct http_counts http;
    const struct notify_counts *notify;          /* NULL: nobody is told */
};

/* Append all of it.  Reads the engine between two turns; O(backfills + agents + pools + alerts), with steps also of those. */
void metrics_write(const struct metrics_source *m, struct bf_buf *ret);

#endif
