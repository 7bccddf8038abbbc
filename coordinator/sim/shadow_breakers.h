/* The model of breakers: I7 from records and outcomes alone.  Only within the shadow. */
#ifndef BF_SIM_SHADOW_BREAKERS_H
#define BF_SIM_SHADOW_BREAKERS_H

#include "common/vec.h"
#include "proto/turn.h"

struct shadow;
struct shadow_backfill;
struct shadow_attempt;

/* What a step draws on, each once: 's'tep, 'p'ool, 'c'onnection, 'w'ritten, 'r'ead; and the 'a'gent that it is granted to.  A breaker's
 * place in the book never changes. */
#define SHADOW_THINGS 32u
struct shadow_thing { uint32_t breaker; char how; };
struct shadow_things { size_t n; struct shadow_thing at[SHADOW_THINGS]; };
struct shadow_vote { int64_t at_ms; uint64_t step; bool bad, slow, alone; };   /* alone: bad enough without another step */
struct shadow_breaker {
    char name[BREAKER_NAME_MAX];                             /* "pool/fixed" */
    enum breaker_kind kind;
    struct breaker_settings settings;
    enum breaker_source source;
    enum breaker_state state;
    int64_t since_ms;                                        /* of its last move; 0: it has never moved */
    uint32_t level;                                          /* times that it opened in a row before */
    int64_t until_ms;                                        /* 0 while open: a person holds it */
    char by[64], reason[64];                                 /* who moved it, cut; "": it did itself */
    BF_VEC_TYPE(struct shadow_vote) votes;
    BF_VEC_TYPE(uint64_t) probes;
    uint32_t good, bad;                                      /* probes that ended so */
    bool due;                                                /* a vote of this turn says that it must open */
    bool known;                                              /* not: it was never made, or is forgotten */
    bool drawn;                                              /* by what lives */
    bool said[POOL_FROM_OPERATOR + 1];                       /* of a pool, by source */
};
struct shadow_breakers {
    BF_VEC_TYPE(struct shadow_breaker) at;
    struct { struct breaker_settings settings; bool given; } kinds[BREAKER_KINDS];
    BF_VEC_TYPE(uint32_t) agents;                            /* breaker of agent id - 1 */
};

void shadow_breakers_copy(struct shadow_breakers *to, const struct shadow_breakers *from);
void shadow_breakers_done(struct shadow_breakers *b);
/* Records that make breakers: what is made known, and who. */
void shadow_breakers_know(struct shadow *s, const struct record *r);
/* A backfill begins or ceases to live, or an agent has another name: who draws on what, and whose word holds. */
void shadow_breakers_drawn(struct shadow *s);
void shadow_breakers_forgotten(struct shadow *s, const struct turn *t, const struct record *r);
void shadow_breakers_kept(struct shadow *s, const struct turn *t);               /* nothing is kept for ever */
struct shadow_breaker *shadow_breaker_at(struct shadow *s, enum breaker_kind kind, const char *name);   /* made where it is not there */
void shadow_breakers_granted(struct shadow *s, const struct shadow_backfill *b, const struct record *r);
void shadow_breakers_ended(struct shadow *s, const struct turn *t, const struct shadow_backfill *b, const struct shadow_attempt *a,
                           const struct record *r);
void shadow_breakers_take(struct shadow *s, const struct turn *t, const struct record *r);
void shadow_breakers_after(struct shadow *s, const struct turn *t);
/* Is a step held by a breaker? */
bool shadow_breaker_holds(struct shadow *s, const struct shadow_backfill *b, uint32_t step);
/* Is the next attempt of this one's instance kept from being load: by a breaker that is not closed, or as this is a trial of its agent? */
bool shadow_breaker_keeps_load(struct shadow *s, const struct shadow_backfill *b, const struct shadow_attempt *a);
/* Does the breaker of an agent let it have work? */
bool shadow_breaker_lets_agent(const struct shadow *s, uint32_t agent);
/* One that a person holds open, the i-th; NULL: there are not so many. */
const char *shadow_held_breaker(const struct shadow *s, size_t i);
/* A breaker that there is; NULL: there is none. */
const char *shadow_some_breaker(const struct shadow *s, uint64_t from);

#endif
