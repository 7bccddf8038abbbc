/* A coordinator without a network: the real engine and turn, a store in memory that takes everything, and what the views answer. */
#ifndef BF_TEST_VIEWS_FIXTURE_H
#define BF_TEST_VIEWS_FIXTURE_H

#include <jansson.h>

#include "coordinator/logs/log_store.h"
#include "coordinator/store/store.h"
#include "coordinator/turn.h"
#include "coordinator/views.h"
#include "proto/bundle.h"

extern const uint8_t operator_key[32], agent_key[32];
extern const char plan_text[];                   /* stg, fct and end, ten days each; a pool of two slots; no agent fits `end` */

struct world {
    struct turns *turns;
    struct log_store *logs;
    struct store *store;                         /* takes the details; the turn itself does not read it */
    int64_t boot_ms, wall_us;
    char reply[2048];
    enum bf_rc rc;
    struct assignment held[64]; size_t n_held;   /* references only */
    uint64_t probe;                              /* that the agent is asked for; 0: none */
    char dir[64];
    bool no_clock;                               /* what the wall clock showed is not known, as in a journal that was trimmed */
    const char *refusal;                         /* why every agent was refused; NULL: none was */
    const struct key_entry *who;                 /* asks; NULL: one that sees everything */
};

struct world *world_new(void);
void world_free(struct world *w);
void run(struct world *w);                       /* one turn */
/* A backfill; under other dates and with a parameter, where they are not NULL. */
void create_with(struct world *w, const char *text, const char *from, struct op_param *param, const char *reason);
void create(struct world *w, const char *text);
void hello(struct world *w, uint32_t slots);
/* The first that the agent holds ends. */
void end_first(struct world *w, enum outcome_source source, int32_t code, const char *text);

/* The same, and it tells this. */
void end_first_with(struct world *w, enum outcome_source source, int32_t code, const char *text, const char *sqlstate, const char *dbms,
                    const char *details);
struct op_request query(enum op_verb verb);
/* The document; NULL when an error is wanted, its sentence in ret_error (256 bytes, or NULL). */
json_t *ask(struct world *w, const struct op_request *req, enum bf_rc want, char *ret_error);
/* A field of a document that must have it. */
json_int_t number(const json_t *j, const char *key);
const char *text(const json_t *j, const char *key);

#endif
