/* Which moves from state to state are legal, and how often this engine made each of them since it was new; for whoever has to show
 * that all were tried.  The engine refuses moves of instances, backfills and agents that are not legal, in recovery too; but recovery,
 * which only takes over what was, counts none. */
#ifndef BF_ENGINE_MOVES_H
#define BF_ENGINE_MOVES_H

#include "coordinator/engine/view.h"

#define BACKFILL_STATE_COUNT 8
#define AGENT_STATE_COUNT 5
#define STEER_ACTION_COUNT 9
#define BREAKER_STATE_COUNT 4

struct engine_moves {                            /* [from][to]; an agent that is new comes from 0 */
    uint64_t instance[INSTANCE_STATE_COUNT][INSTANCE_STATE_COUNT];
    uint64_t backfill[BACKFILL_STATE_COUNT][BACKFILL_STATE_COUNT];
    uint64_t agent[AGENT_STATE_COUNT][AGENT_STATE_COUNT];
    uint64_t breaker[BREAKER_STATE_COUNT][BREAKER_STATE_COUNT];
    uint64_t steered[STEER_ACTION_COUNT][INSTANCE_STATE_COUNT];      /* [action][from]: what a person changed (steer.c) */
};

bool instance_move_legal(enum instance_state from, enum instance_state to);
bool backfill_move_legal(enum backfill_state from, enum backfill_state to);
/* from 0: it is new. */
bool agent_move_legal(enum agent_state from, enum agent_state to);
/* Whether the action may change an instance in that state, picked or along with what was. */
bool steer_move_legal(enum steer_action action, enum instance_state from);
bool breaker_move_legal(enum breaker_state from, enum breaker_state to);
const struct engine_moves *engine_moves(const struct engine *e);

#endif
