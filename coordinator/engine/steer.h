/* What steering does to each instance of a backfill: one answer for the decision, the dry run and the record's application.
 *
 * A record holds what was picked, not what changes: that follows from the state, which is the same wherever the record is applied. */
#ifndef BF_ENGINE_STEER_H
#define BF_ENGINE_STEER_H

#include "coordinator/engine/internal.h"

/* An action on ranges (none: everything) of a backfill. */
struct steer {
    enum steer_action action;
    uint32_t flags;                              /* STEER_DOWNSTREAM, STEER_KEEP_RUNNING */
    const struct steer_range *ranges; size_t n_ranges;
};

/* What it comes to for one instance. */
enum steer_fate {
    FATE_NONE,                                   /* not picked, nothing happens to it */
    FATE_CHANGED,                                /* picked, and changes */
    FATE_ALONG,                                  /* changes, because what it depends on does */
    FATE_ALREADY,                                /* picked, and is that way already */
    FATE_LEFT_OPEN,                              /* picked, and left: it runs now */
    FATE_LEFT_WAITING,                           /* left: it has not ended, and will run anyway */
    FATE_LEFT_DONE,                              /* left: it succeeded or was skipped */
    FATE_LEFT_OVER                               /* left: it failed or was cancelled */
};
#define FATE_COUNT 8
#define FATE_MASK 0x0f
#define FATE_STALE 0x80                          /* a bit beside the fate: stale from now on */

struct steer_outcome {
    uint8_t *fate;                               /* owned: by number */
    uint64_t n[FATE_COUNT], stale, to_kill;      /* to_kill: open attempts of what changes by CANCEL */
    uint64_t lost;                               /* the same, at agents that are lost: not among to_kill (who carries it out sets it) */
    uint64_t picked;
};

/* Time and memory O(instances), and O(edges) of what is downstream where that matters.  The caller calls steer_outcome_done(). */
void steer_resolve(const struct backfill *b, const struct steer *s, struct steer_outcome *ret);
void steer_outcome_done(struct steer_outcome *o);

/* The state that an instance which changes has afterwards, whether that begins a new run, and its flags then. */
struct steer_after { enum instance_state state; bool new_run; uint8_t flags; };
struct steer_after steer_after(const struct steer *s, const struct instance *in);

static inline enum steer_fate steer_fate(const struct steer_outcome *o, uint32_t number)
{
    return (enum steer_fate)(o->fate[number] & FATE_MASK);
}

static inline bool steer_changes(const struct steer_outcome *o, uint32_t number)
{
    return steer_fate(o, number) == FATE_CHANGED || steer_fate(o, number) == FATE_ALONG;
}

/* Whether ranges, none meaning everything, have this partition. */
bool steer_covers(const struct steer_range *ranges, size_t n, uint32_t step, uint32_t index);
/* Whether every range lies in the plan: what was stored comes from outside. */
bool steer_fits(const struct backfill *b, const struct steer *s);

/* ---- decide_steer.c: what a request asks for ---- */
/* Whether it is about a whole backfill: pause, resume, cancel and retry without a selector or a word that only instances know. */
bool steer_is_whole(const struct op_request *req);
/* The action, its flags and what it picks of the backfill, or why it is refused.  *ret_ranges is owned by the caller (free);
 * s->ranges points there. */
enum bf_rc steer_of_request(const struct backfill *b, const struct op_request *req, struct steer *ret, struct steer_range **ret_ranges,
                            struct bf_error *err) BF_MUST_CHECK;

#endif
