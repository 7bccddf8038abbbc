/* The shadow's inside, shared by shadow.c and shadow_*.c. */
#ifndef BF_SIM_SHADOW_MODEL_H
#define BF_SIM_SHADOW_MODEL_H

#include "common/vec.h"
#include "coordinator/sim/shadow.h"
#include "plan/plan.h"

enum cell_end { CELL_WAITING, CELL_DONE, CELL_FAILED, CELL_CANCELLED };

struct shadow_cell {
    enum cell_end end;
    uint64_t open;
    uint32_t run, charged;                                   /* charged: attempts of this run that count */
    bool backing_off;
};
struct shadow_backfill {
    uint32_t id;
    enum backfill_state state;
    struct plan *plan;
    bool halted;                                             /* a check said so, and nobody has resumed it */
    enum op_priority *classes;                               /* of each step, as committed */
    struct shadow_cell **cells;
};
struct shadow_attempt {
    struct attempt_ref ref;
    uint32_t backfill, step, index, agent, ran;
    uint8_t key[BF_KEY_BYTES];
    bool open;
};
struct shadow_pool { char name[64]; uint32_t slots, used; };
struct shadow_agent { uint32_t id, slots, busy; uint8_t key[BF_KEY_BYTES]; enum agent_state state; };
struct shadow_alive { uint64_t instance, attempt; };
struct shadow_key { uint8_t key[BF_KEY_BYTES]; char name[16]; bool token, used, revoked; int64_t expires_ms; };
struct shadow_reply { uint8_t id[OP_REQUEST_ID_BYTES]; };

struct shadow {
    struct world *w;
    uint64_t last_token;
    bool low;                                                /* as committed: no creates, no grants */
    BF_VEC_TYPE(struct shadow_backfill) backfills;
    BF_VEC_TYPE(struct shadow_attempt) attempts;
    BF_VEC_TYPE(struct shadow_pool) pools;
    BF_VEC_TYPE(struct shadow_agent) agents;
    BF_VEC_TYPE(struct shadow_alive) alive;
    BF_VEC_TYPE(struct shadow_reply) replied;
    BF_VEC_TYPE(struct shadow_key) keys;                     /* that records told of */
};

bool shadow_needs_met(const struct shadow_backfill *b, uint32_t step, uint32_t index);
/* I5: every upstream partition of an instance is done, found by looking at all of them. */
void shadow_check_needs(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint32_t index);
/* No instance of a higher class that asks for the same is ready when this one is granted. */
void shadow_check_class(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint32_t index);
/* A change of classes was asked for in this turn; and when it was answered, it is in force. */
void shadow_take_classes(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);
void shadow_check_classes(struct shadow *s, const struct turn *t, const struct shadow_backfill *b, const struct record *r);
/* Details: those that current reports told are kept with their turn, each once, and no others. */
void shadow_check_details(struct shadow *s, const struct turn *t, const struct turn_commit *c);
/* Halts: an end that halts, a change of state, and how things stand when the turn is over. */
void shadow_take_halt(struct shadow_backfill *b, const struct record *ended);
void shadow_take_state(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r);
void shadow_check_halts(struct shadow *s);
/* Keys: made only as asked for, never back once they were revoked, tokens good for one use in their time; and what was answered
 * is in force. */
void shadow_take_key(struct shadow *s, const struct turn *t, const struct record *r);
void shadow_check_key_answer(struct shadow *s, const struct turn *t, const struct record *r);
/* What b requires of earlier backfills has succeeded there. */
void shadow_check_outside(struct shadow *s, const struct shadow_backfill *b);
/* I18: no other live backfill writes a partition that b writes. */
void shadow_check_writers(struct shadow *s, const struct shadow_backfill *b);
/* The end of a backfill says what its instances say, and left nothing behind that could have run. */
void shadow_check_result(struct shadow *s, const struct shadow_backfill *b);

#endif
