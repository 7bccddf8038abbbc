/* The instances of a backfill counted step by step, kept for a while: what status and watch are made of.  Only views*.c include this. */
#ifndef BF_VIEWS_TALLY_H
#define BF_VIEWS_TALLY_H

#include "coordinator/engine/tally.h"
#include "coordinator/views_parts.h"

#define TALLY_STRIP_MAX 120u

struct step_tally {
    bool counted;                                /* false: not yet, all else is zero */
    struct tally t;
    char strip[TALLY_STRIP_MAX + 1];             /* partitions in order: a character for one, or for as many as share it */
};

/* Counts of all steps, by step.  budget_us: how long counting may take now; INT64_MAX: until all are counted.  What is not counted
 * within it is that of a moment ago, or not counted yet; the next call goes on.  Valid until the next call; *ret_owned is for
 * view_tallies_done(). */
struct view_tallies { const struct step_tally *steps; bool complete; struct step_tally *owned; };
struct view_tallies view_tallies(const struct view_source *v, const struct backfill_view *b, int64_t budget_us);
void view_tallies_done(struct view_tallies *t);

/* "#": done, ">" running, … of one instance (docs/cli.md, "The strip"). */
char view_state_char(const struct instance_view *i);

#endif
