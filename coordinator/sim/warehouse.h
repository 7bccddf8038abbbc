/* A warehouse: sessions that outlive their clients, and the table of the fence (agent/sql/fence.h).
 *
 * An attempt of an sql step is a client that sends one statement after another, as agent/sql/claim.c and run.c do: claim the row of its
 * run, put out of the way what other runs and backfills claimed, work, mark, commit.  Each statement is carried out at a moment of its
 * own, in a session.  When the client dies, a statement that it had sent is still carried out, and the session lives, with its locks,
 * until the server takes note.  What a row means to a claim is judged by the shipped rule (agent/sql/fence_rule.h). */
#ifndef BF_SIM_WAREHOUSE_H
#define BF_SIM_WAREHOUSE_H

#include "agent/sql/fence_rule.h"
#include "common/vec.h"
#include "proto/agent_msg.h"

struct world;
struct sim_agent;

/* The statement that is carried out next. */
enum sim_statement { SESSION_LOOK, SESSION_RAISE, SESSION_LOOK_AGAIN, SESSION_LATER, SESSION_LEFT, SESSION_SUPERSEDE, SESSION_WORK,
                     SESSION_MARK, SESSION_COMMIT, SESSION_END };

/* What a row is about; equal places are written by the same tables in the same partition. */
struct sim_fence_key { uint64_t instance, place; uint32_t backfill, run; };

struct sim_fence_row { struct sim_fence_key key; uint64_t token, attempt, locked_by; bool done; };

struct sim_session {
    uint64_t id;
    uint32_t node;                           /* of the client */
    struct attempt_ref ref;
    struct sim_fence_key key;
    enum sim_statement next;
    enum fence_state seen;                   /* of the row, when it was looked at */
    uint64_t seen_token;
    uint32_t rounds;                         /* of its claim */
    uint32_t waited;                         /* for a lock, so many times in a row */
    int64_t due_ms;                          /* of the next statement; earlier events are of plans that changed */
    bool client;                             /* it lives */
    bool in_transaction;
    struct outcome wanted;                   /* of the statements */
};

struct sim_warehouse {
    BF_VEC_TYPE(struct sim_session) sessions;
    BF_VEC_TYPE(struct sim_fence_row) rows;
    uint64_t next_session;
    bool may_terminate;                      /* the role may end its predecessor's session */
    char driver_text[160];                   /* what its driver says of a fault, as it leaves bf-sql */
};

void sim_warehouse_init(struct world *w);
void sim_warehouse_done(struct sim_warehouse *h);
/* The client of an attempt connects. */
void sim_session_open(struct world *w, struct sim_agent *a, const struct assignment *as, uint64_t instance, const struct outcome *wanted);
/* Whether the session of an attempt on this node lives; end: it is ended too, where the role may.  An old copy of the store may have given
 * the same attempt to another node. */
bool sim_session_lives(struct world *w, uint32_t node, struct attempt_ref ref, bool end);
void sim_session_step(struct world *w, uint64_t id);
/* No process of the attempt is left on this agent; an old copy of the store may have given it to another one too. */
void sim_session_client_gone(struct world *w, const struct sim_agent *a, uint64_t attempt);

#endif
