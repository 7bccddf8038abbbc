/* How far a backfill is, how fast it goes, when it ends, and what is at risk (C6): from what has run.  Only views*.c include this.
 *
 * Weight.  An instance weighs what one of its step takes: the mean of those of its step that have succeeded (or skipped
 * themselves), as the engine's base state has their times; before the first one, `expect.duration` of the plan, and where the plan
 * does not say (or says 1 s, which is what it comes to then) the mean of all that have ended.  At least 1 ms.
 *
 * Rate.  What has ended within the shortest window (30 s, 5 min, 1 h, or since the start) in which at least RATE_ENDS_MIN have.  The
 * parallelism that was observed, P, is the work that ended in it by the time it spans: how many ran at once, on average, and were
 * of use.
 *
 * End.  With the work W that is left (of those that run, what they have run is taken off) and the longest chain C of what is left, one
 * step after another and partitions after one another where a step needs its own partition before: no schedule of parallelism P
 * ends before max(W / P, C), and one that leaves no slot idle ends by W / P + C (Brent, "The parallel evaluation of general
 * arithmetic expressions", 1974).  That is the band, with one thing more that is known of what is to come: the work that draws on a
 * pool takes at least that work / its slots, which stands in for W / P where it is longer.  What waits for another attempt ends no sooner
 * than its wait, and at worst its wait later.  Work of steps of which none has ended is only guessed: half of it counts for
 * the low end, twice for the high one.  Without a rate, or while it does not run, the end is not known. */
#ifndef BF_VIEWS_PROGRESS_H
#define BF_VIEWS_PROGRESS_H

#include "coordinator/views_tally.h"

#define RATE_ENDS_MIN 20u
#define RATE_ENDS_FEWEST 3u                      /* since the start; with fewer none is known */

struct view_progress {
    double done_ms, total_ms, left_ms;           /* by weight; left: what may still run, and is not behind it */
    double guessed_ms;                           /* of left_ms, of steps of which none has ended */
    double chain_ms, pool_ms;                    /* the longest chain; the pool that takes the longest */
    uint64_t ends; int64_t window_us;            /* the rate: so many ended in so long; 0: none is known */
    double parallel;
    int64_t low_ms, high_ms;                     /* until the end; -1: not known */
};

void view_progress(const struct view_source *v, const struct backfill_view *b, const struct step_tally *steps, struct view_progress *ret);
/* Sets "weight", "rate", "eta" and "risk"; each of the first three is null when it is not known (yet). */
void view_put_progress(const struct view_source *v, const struct backfill_view *b, const struct view_tallies *tallies, json_t *j);

#endif
