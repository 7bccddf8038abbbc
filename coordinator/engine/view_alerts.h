/* Reading alerts: borrowed, as in view.h. */
#ifndef BF_ENGINE_VIEW_ALERTS_H
#define BF_ENGINE_VIEW_ALERTS_H

#include "coordinator/engine/view_why.h"
#include "proto/alert.h"

size_t engine_n_alerts(const struct engine *e);                      /* pending, firing, and those resolved lately; by id */
const struct alert_fact *engine_alert(const struct engine *e, size_t i);
const struct alert_fact *engine_find_alert(const struct engine *e, uint32_t id);     /* NULL: none */
/* Causes that have no alert, because too many are open; since that was looked at last. */
uint32_t engine_alerts_left_out(const struct engine *e);

/* What is known of an alert beside its fact, as of now. */
struct alert_more {
    uint64_t members, failed;                    /* STEP: instances in trouble of this cause; of them, failed for good.  BREAKER: members
                                                    wait for it; POOL: the same.  STRAGGLER, TIMEBOX: attempts */
    uint32_t example;                            /* STEP, STRAGGLER, TIMEBOX: partition index of one; valid when members > 0 */
    uint32_t inhibited_by;                       /* the firing alert whose cause this one follows from; 0: none */
    uint32_t steps, exposures;                   /* downstream of what it is about */
    const char *exposure;                        /* one of these; NULL: none */
    uint64_t held;                               /* instances of those steps that cannot run, because something upstream failed;
                                                    BREAKER, POOL: as members */
    const char *cause;                           /* BREAKER: the failure that opened it; NULL: none */
    uint64_t fenced;                             /* AGENT_LOST: engine_fenced() */
    uint32_t quarantined;                        /* NO_AGENT: agents that would fit, and are quarantined */
    struct blocker lack;                         /* POOL: POOL or POOL_TOO_SMALL, what its first step lacks; valid when members > 0 */
    uint32_t backfill, step, backfills;          /* POOL: that step, and how many backfills wait */
};
/* O(steps and edges of the plan, members). */
void engine_alert_more(const struct engine *e, const struct alert_fact *a, struct alert_more *ret);

struct step_left { uint32_t left, cut_off; };    /* not succeeded or skipped; of them, those that something failed keeps from running */
bool engine_step_left(const struct engine *e, uint32_t backfill, uint32_t step, struct step_left *ret);

#endif
