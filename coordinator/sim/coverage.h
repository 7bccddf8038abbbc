/* What runs reached: a number for everything that there is to reach, so that what was never tried shows.
 *
 *     record          each kind that a turn or a checkpoint holds
 *     input           each kind that was decided on
 *     instance, backfill, agent
 *                     each legal move from state to state, of the engine's own tables (engine/moves.h)
 *     person          each action on an instance in each state that it may change
 *     attempt         granted, started, and each way to end before and after the start
 *     fault           each kind x the state of what it hits: the coordinator (down, recovering, serving, low, stopped) or an agent
 *                     (down, stopped, joining, idle, busy, draining, silent); and x every state in which a backfill is at that moment
 *
 * A message's fault hits the agent at its end.  "recovering": the store is being read.  "silent": the agent lives and the coordinator
 * holds it for lost.  What cannot be reached stands in coverage_reasons.c, with why. */
#ifndef BF_SIM_COVERAGE_H
#define BF_SIM_COVERAGE_H

#include "common/buf.h"
#include "common/vec.h"
#include "coordinator/engine/moves.h"
#include "coordinator/sim/faults.h"
#include "coordinator/turn.h"

struct world;

enum cover_coordinator { COVER_DOWN, COVER_RECOVERING, COVER_SERVING, COVER_LOW, COVER_STOPPED, COVER_COORDINATOR_N };
enum cover_agent { COVER_AGENT_DOWN, COVER_AGENT_STOPPED, COVER_JOINING, COVER_IDLE, COVER_BUSY, COVER_DRAINING, COVER_SILENT,
                   COVER_AGENT_N };
enum cover_backfill { COVER_QUEUED, COVER_RUNNING, COVER_PAUSED, COVER_HALTED, COVER_CANCELLING, COVER_ENDED, COVER_BACKFILL_N };
enum cover_attempt { COVER_GRANTED, COVER_STARTED, COVER_ENDS, COVER_ATTEMPT_N = COVER_ENDS + 2 * (VERDICT_LOOK_AGAIN + 1) };
#define COVER_RECORDS 64u
#define COVER_INPUTS 64u

/* Numbers and nothing else: coverage_add() goes over them all. */
struct coverage {
    uint64_t records[COVER_RECORDS], inputs[COVER_INPUTS];
    struct engine_moves moves;
    uint64_t attempts[COVER_ATTEMPT_N];          /* from COVER_ENDS on: verdicts of one that had not started, then of one that had */
    uint64_t at_coordinator[SIM_FAULTS_N][COVER_COORDINATOR_N];
    uint64_t at_agent[SIM_FAULTS_N][COVER_AGENT_N];
    uint64_t beside[SIM_FAULTS_N][COVER_BACKFILL_N];
};
void coverage_add(struct coverage *sum, const struct coverage *c);

/* ---- counting; each does nothing in a world without coverage ---- */
/* A committed turn, before the shadow takes it. */
void coverage_turn(struct world *w, const struct turn *t);
void coverage_chunks(struct world *w, const struct turn_commit *c);
/* A coordinator's life is over: the moves that its engine made. */
void coverage_life(struct world *w);
/* A fault takes effect now, on world.target or on the coordinator. */
void coverage_fault(struct world *w, enum sim_fault kind);
bool coverage_hits_agent(enum sim_fault kind);

/* ---- telling ---- */
struct cover_item {
    const char *group;
    char name[64];
    uint64_t count;
    const char *why_not;                         /* it cannot be reached, and why; NULL: it can */
};
struct cover_items { struct cover_item *at; size_t n, cap; };        /* a BF_VEC_TYPE with a name */
void coverage_items(const struct coverage *c, struct cover_items *ret);
/* Reached less often than that and nobody says why, or reached although somebody says that it cannot be. */
bool coverage_is_short(const struct cover_item *item, uint64_t at_least);
/* A table for people; or one JSON object on one line.  at_least 0: nothing is short. */
void coverage_print(const struct cover_items *items, uint64_t at_least, struct bf_buf *ret);
void coverage_json(const struct cover_items *items, uint64_t at_least, struct bf_buf *ret);

/* coverage_reasons.c: why this cannot be reached; NULL: it can. */
const char *coverage_why_not(const char *group, const char *name);

#endif
