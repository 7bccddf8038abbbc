/* Alerts: which failure is a transient delay, and which one matters.
 *
 * An alert is about one cause.  For failures of steps that is what `bfctl failures` groups by: step, class, source, code, message
 * without what varies.  A cause that goes away while its alert is pending was a delay, and nobody hears of it.
 *
 *     what                              fires                                                      is over
 *     a step fails for good             ALERT_SETTLE_MS after the first                            none of the cause is left
 *     a step will be tried again        when its tolerance (unsaid: ALERT_TOLERANCE_MS, or twice   the same
 *                                       what it is expected to take) is used up; or the work that
 *                                       hangs on it cannot end before the first deadline
 *                                       downstream (+ tolerance) any more
 *     the same, lost with its agent     by such a deadline alone                                   the same
 *     a check halted a backfill         at once                                                    it is resumed or cancelled
 *     a backfill ended, not whole       ALERT_SETTLE_MS after                                      it runs again, or is old news
 *     a deadline passed, work is left   at once                                                    nothing is left, or it ended
 *     an agent was lost that had work   ALERT_AGENT_MS after                                       it is back and nothing waits for its
 *                                                                                                  word, or nothing is live
 *     no agent may take what is ready   ALERT_AGENT_MS after                                       one may
 *     a pool has less than one attempt  ALERT_POOL_MS after                                        it has enough, or nothing of it is
 *     takes of what is ready                                                                       ready
 *     the store is short of room, old   ALERT_LOW_MS after, at once                                it is not
 *     a breaker opened by itself        ALERT_BREAKER_MS after, if it has not closed meanwhile     it closed, somebody moved it, or
 *                                                                                                  nothing live draws on it
 *     an attempt takes far longer than  when it still does after the tolerance of its step, or     none of the step does
 *     its like (late.c)                 the work that hangs on it cannot end before the first
 *                                       deadline downstream any more
 *     an attempt goes on past a timebox at once                                                    the same
 *     that only warns
 *     a backfill does                   at once                                                    it ended
 *
 * Old news: ALERT_ENDED_MAX backfills were created since, or the newest of its plan succeeded.
 *
 * Determinism: what there is to alert about follows from state, the turn's engine time and, for deadlines, its wall time; it is looked at
 * in every turn that changes any of it, so that deciding again, or a recovery, comes to the same.  Base state: the alerts.  Derived:
 * the groups of causes, and when the next alert is due. */
#ifndef BF_ENGINE_ALERTS_H
#define BF_ENGINE_ALERTS_H

#include "common/map.h"
#include "common/vec.h"
#include "coordinator/engine/topology.h"
#include "proto/record.h"

#define ALERT_SETTLE_MS 2000
#define ALERT_TOLERANCE_MS (15 * 60000)
#define ALERT_AGENT_MS 120000
#define ALERT_POOL_MS 120000
#define ALERT_LOW_MS 30000
#define ALERT_BREAKER_MS 120000
#define ALERT_ENDED_MAX 64u
#define ALERTS_OPEN_MAX 1000u                    /* pending and firing; more causes are counted, and wait */
#define ALERTS_RESOLVED_MAX 64u                  /* the newest are remembered */

struct engine;
struct backfill;
struct breaker;
struct draw;
struct draw_item;
struct engine_out;

/* Step instances that are in trouble of one cause: failed for good, or failed in this run and to be tried again. */
struct alert_group {
    struct alert_fact cause;                     /* kind STEP; strings owned */
    uint32_t members, failed;                    /* 0 members: the slot is free */
    uint32_t alert;                              /* id of the open alert; 0: none */
    bool dirty;
};

struct alert_book {
    BF_VEC_TYPE(struct alert_fact) at;           /* base: in order of id, resolved ones among them; strings owned */
    uint32_t next;                               /* base: the last id that was given */
    uint32_t n_open;
    /* derived */
    BF_VEC_TYPE(struct alert_group) groups;
    BF_VEC_TYPE(uint32_t) free_groups, dirty;
    struct bf_smap group_of;                     /* key of the cause -> index + 1 */
    struct bf_map member_of;                     /* instance_key -> group << 1 | failed for good */
    bool look, all;                              /* in this turn: at the alerts; at all that may raise one */
    uint32_t left_out;                           /* causes without an alert, because there are too many; but… */
    uint32_t looked_out, stuck_out;              /* …those of each look, and of each turn, are counted in it anew */
    int64_t due_ms, due_us;                      /* engine and wall time at which one fires or is raised */
};

/* What hangs on a step, by step of a plan: the first deadline at it or downstream of it, and whether an exposure is. */
struct alert_reach { int64_t deadline_s; bool exposure; };           /* INT64_MAX: no deadline */
struct alert_reach *alert_reach_new(const struct topology *t);       /* caller frees */

/* ---- alerts.c: state ---- */
void alerts_derive(struct engine *e);                                /* all groups, from base state */
void alerts_ended(struct engine *e, const struct backfill *b, uint32_t number);      /* an attempt of it ended, as applied */
void alerts_again(struct engine *e, const struct backfill *b);       /* people changed instances of it: its groups anew */
void alerts_leave(struct engine *e, const struct backfill *b, uint32_t number);      /* its failure is about to be another */
int64_t alerts_due_ms(const struct engine *e);                       /* engine time of the next turn that alerts need; INT64_MAX: none */
void alerts_done(struct engine *e);
struct alert_fact *alert_find(const struct engine *e, uint32_t id);  /* NULL: none */
/* The open one about the same; NULL: none. */
const struct alert_fact *alert_like(const struct engine *e, const struct alert_fact *cause);
bool alert_same_cause(const struct alert_fact *a, const struct alert_fact *b);
/* The group of an alert about a step, NULL where nothing of it is left. */
struct alert_group *alert_group_of(const struct engine *e, const struct alert_fact *cause);
enum bf_rc apply_alert(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc apply_alert_acked(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void alerts_snapshot(const struct engine *e, struct engine_out *out);
/* From first principles, for checks; NULL: all is well. */
const char *alerts_broken(const struct engine *e);

/* ---- alert_rules.c: what matters; pure functions of state and time ---- */
/* Whether a backfill may raise alerts: it is live, or ended not long ago, and does not only ask. */
bool alert_concerns(const struct engine *e, const struct backfill *b);
enum alert_severity alert_severity_of(const struct engine *e, const struct alert_fact *a);
/* Engine time and wall time at which a pending one fires, whichever comes first. */
void alert_fires_at(const struct engine *e, const struct alert_fact *a, int64_t *ret_ms, int64_t *ret_us);
/* Whether what it is about is still so; of late attempts, as they were gathered (late.h). */
bool alert_holds(const struct engine *e, const struct alert_fact *a);
/* It opened by itself, is not closed again, and something live draws on it; an agent's: and the agent is here.  NULL: no. */
bool alert_breaker(const struct breaker *b);
/* The backfill has steps that are ready and that no agent may take. */
bool alert_no_agent(const struct engine *e, const struct backfill *b);
/* An attempt takes more of it than the pool has, whatever ends there.  A figure that a plan gives is never meant: a plan gives its own
 * steps enough, and that of another goes with its backfill. */
bool alert_lacks(const struct engine *e, const struct draw_item *item);
/* The first such of a draw, in this pool (PLAN_NO_INDEX: in any of its pools); NULL: none. */
const struct draw_item *alert_lack(const struct engine *e, const struct draw *d, uint32_t pool);
/* The backfill has steps that are ready and that lack this pool.  O(its steps). */
bool alert_pool(const struct engine *e, const struct backfill *b, uint32_t pool);
/* Of a plan: instances of a step, or of those that make what an exposure reads, that are not done; and the moment after which that is
 * late, in wall time. */
uint32_t alert_left_of_exposure(const struct backfill *b, const struct plan_exposure *x);
int64_t alert_late_us(const struct backfill *b, const struct plan_deadline *deadline, int64_t tolerance_ms);   /* INT64_MAX: never */

#endif
