/* Breakers: what stands between a demand and the thing that it draws on.  Base state: what records say, and what follows from them.
 *
 *                 too many failures, or trip              its time is over
 *     closed ──────────────────────────────────► open ──────────────────────► half-open
 *        ▲                                        ▲ ▲                          │     │
 *        │                    a probe ended badly │ └── open (held) by hand    │     │
 *        │                                        └────────────────────────────┘     │
 *        └── as many probes as `probes` ended well; or close, from any state ◄───────┘
 *
 * Each attempt votes once, at its end, for each thing that it drew on, if its outcome speaks of that thing at all (breaker_vote()).  A
 * closed breaker keeps the newest votes in a window by count and time.  An open one grants nothing, and hears no vote: attempts that were
 * granted before go on.  A half-open one grants at most `probes` attempts at once, and hears only these.
 *
 * A breaker comes into being with the thing that it is for: a backfill is created or taken up again, an agent joins, a pool is set.  It is
 * forgotten, by a record, when nothing that lives draws on it any more and it says nothing that a new one would not say (breaker_due_ms()).
 * What a plan says of it holds as long as a backfill of that plan lives.  So all of it follows from the order of records, and a recovery
 * ends with the same; its number is free for the next one then. */
#ifndef BF_ENGINE_BREAKER_H
#define BF_ENGINE_BREAKER_H

#include "common/map.h"
#include "common/vec.h"
#include "coordinator/engine/heap.h"
#include "proto/record.h"

struct engine;
struct backfill;
struct attempt;
struct agent;
struct fit;
struct blocker;
struct plan_step;
struct outcome;

#define NO_BREAKER UINT32_MAX

/* One vote in a window. */
enum ballot_bits { BALLOT_BAD = 1, BALLOT_SLOW = 2, BALLOT_DIRECT = 4 };       /* direct: bad enough without a second step that says so */
struct ballot { int64_t at_ms; uint32_t voter; uint8_t bits; };                /* voter: of its step (breaker_voter()) */

struct breaker {
    enum breaker_kind kind;
    char *name;
    enum breaker_source source;
    struct breaker_settings settings;
    enum breaker_state state;
    int64_t since_ms, since_us, until_ms;        /* of the state; until_ms 0 while open: a person holds it */
    uint32_t level;                              /* times that it opened in a row before this one */
    uint32_t calls, failures, slow;              /* of its window when it opened last */
    char *cause;                                 /* the failure that opened it; closed: the last one in its window; "" */
    char *by, *reason;                           /* who moved it, and why; "": it did itself */
    BF_VEC_TYPE(struct ballot) window;           /* closed; the oldest first */
    uint32_t n_bad, n_slow;                      /* of these */
    BF_VEC_TYPE(uint64_t) probes;                /* half-open: attempts that were let through, and have not ended */
    uint32_t good, bad;                          /* half-open: probes that ended so */
    uint32_t here;                               /* of an agent: those of this name that are connected or draining */
    int64_t ages_ms;                             /* its entry in the book's `ageing`; 0: none */
    uint32_t uses;                               /* derived: live backfills whose plans name it, and agents of its name */
    bool retold;                                 /* while plans are heard again: it is one of those that are meant */
    int64_t idle_ms;                             /* derived: its entry in the book's `idle`; INT64_MAX: none */
};

/* What a step draws on, as breakers: sorted, each once. */
struct guard { uint32_t *at; uint32_t n; };

struct breaker_book {
    BF_VEC_TYPE(struct breaker *) at;            /* by number; NULL: forgotten, and free.  The last is not NULL */
    size_t n_free, free_from;                    /* free numbers; none is lower than free_from */
    struct bf_smap by_name;                      /* "pool/warehouse" -> number + 1 */
    BF_VEC_TYPE(uint32_t) not_closed;            /* numbers, ascending */
    BF_VEC_TYPE(uint32_t) holding;               /* scratch of a turn: breakers_note_holding() */
    struct { struct breaker_settings settings; enum breaker_source source; } kinds[BREAKER_KINDS];
    uint64_t agent_calls, agent_bad, agent_slow; /* of the windows of all agents that are here: what is usual */
    struct heap ageing;                          /* (engine time at which votes of an agent may be too old, breaker) */
    struct heap idle;                            /* derived: (engine time at which it may be due to be forgotten, breaker) */
    BF_VEC_TYPE(uint32_t) attached;              /* ids of backfills that are attached: those that have not finished, ascending */
    BF_VEC_TYPE(struct guard) guards;
    struct bf_smap guard_of;                     /* bytes of its breakers -> guard + 1 */
};

/* Breakers of a backfill's things, by the plan's numbers, and the guard of each step.  All NULL: it has finished, and holds none. */
struct breaker_refs { uint32_t *steps, *pools, *datasets, *connections, *guards; };

/* How a step stands to what it draws on. */
enum breaker_role { ROLE_STEP, ROLE_POOL, ROLE_CONNECTION, ROLE_WRITES, ROLE_READS, ROLE_AGENT, ROLE_AGAIN };   /* AGAIN: it reads what it
                                                                                writes, which has come already */
struct breaker_draw { uint32_t breaker; enum breaker_role role; };

/* ---- breaker.c: the book ---- */
void breakers_init(struct breaker_book *book);
void breakers_done(struct breaker_book *book);
/* "pool/warehouse", as people call it; gives its length. */
int breaker_full_name(enum breaker_kind kind, const char *name, char ret[BREAKER_NAME_MAX]);
struct breaker *breaker_named(const struct engine *e, const char *full_name);                         /* NULL when there is none */
uint32_t breaker_number(const struct engine *e, enum breaker_kind kind, const char *name);             /* NO_BREAKER when there is none */
struct breaker *breaker_find(const struct engine *e, enum breaker_kind kind, const char *name);       /* NULL when there is none */
uint32_t breaker_need(struct engine *e, enum breaker_kind kind, const char *name);                    /* made when it is needed first */
/* The same at this number, as a checkpoint says; false where another is there, or has its name. */
#define BREAKERS_MAX (1u << 24)
bool breaker_need_at(struct engine *e, enum breaker_kind kind, const char *name, uint32_t number);
/* It is no more, and its number is free. */
void breaker_drop(struct engine *e, uint32_t number);
/* Stands for a step in windows of others: of its breaker's name, so that it outlives that.  Two steps that share one (one pair in four
 * thousand million) are heard as one. */
uint32_t breaker_voter(const char *name);
/* Moves state, lists and what agents may be given together.  r: RECORD_BREAKER. */
void breaker_set_state(struct engine *e, uint32_t number, const struct record *r);
/* Put a vote into the window of a closed one; what is too old or too many leaves it.  hear: nothing leaves, it was kept so. */
void breaker_hear(struct engine *e, uint32_t number, struct ballot vote);
void breaker_set_cause(struct breaker *b, const char *cause);
void breaker_count(struct engine *e, uint32_t number, struct ballot vote);
void breaker_forget(struct engine *e, struct breaker *b, size_t oldest);       /* so many votes */
/* An agent of this breaker has come, or has gone: whether its votes say what is usual. */
void breaker_agent_here(struct engine *e, uint32_t number, bool here);
/* Votes on agents that are too old by now leave their windows. */
void breakers_age(struct engine *e, int64_t now_ms);
/* Other settings: from now on. */
void breaker_tune(struct engine *e, uint32_t number, const struct breaker_settings *settings, enum breaker_source source);
bool breaker_is_probe(const struct breaker *b, uint64_t attempt);
/* May one more attempt go through now? */
bool breaker_lets(const struct breaker *b);
/* Notes those that let none through; whether one of these does now. */
void breakers_note_holding(struct engine *e);
bool breakers_let_more(const struct engine *e);
/* From first principles, for checks; err says which. */
bool breakers_agree(const struct engine *e, struct bf_error *err);
bool breakers_uses_agree(const struct engine *e, struct bf_error *err);        /* breaker_forget.c */

/* ---- breaker_forget.c: what is no more ---- */
#define BREAKER_UNTRIED_MS (INT64_C(24) * 3600 * 1000)      /* half-open, and nothing came to try it */
#define BREAKERS_FORGOTTEN_PER_TURN_MAX 200u
/* When it is to be forgotten; INT64_MAX: not while things are as they are. */
int64_t breaker_due_ms(const struct engine *e, const struct breaker *b);
/* What that follows from has changed. */
void breaker_look_idle(struct engine *e, uint32_t number);
/* What is said of a pool has changed: one that the configuration or a person names has a breaker, whether or not a plan draws on it. */
void breaker_pool_set(struct engine *e, uint32_t pool);
void breakers_derive(struct engine *e);                     /* after a recovery */
/* Does a plan that is known name it, or is it a pool?  Then people may open it, though it has been forgotten or nothing drew on it yet.
 * O(what known plans name). */
bool breaker_may_be(const struct engine *e, enum breaker_kind kind, const char *name);
int64_t breakers_idle_ms(const struct engine *e);           /* when the next may be; INT64_MAX: none */
/* One more, or one less, that names it. */
void breaker_use(struct engine *e, uint32_t number, bool more);

/* ---- breaker_guard.c: what draws on what ---- */
/* The breakers of a backfill that begins to live, tuned by the plans of those that do; or told: of one that a checkpoint tells of, whose
 * breakers it has told of before. */
void breakers_attach(struct engine *e, struct backfill *b, bool told);
/* It has finished.  What its plan said of them holds no longer; what another live one's says does. */
void breakers_detach(struct engine *e, struct backfill *b);
/* What holds where the configuration says nothing of this one any more. */
void breaker_settle(struct engine *e, uint32_t number);
/* Guards of a backfill that has finished: of each step another number, and no guard. */
#define NO_GUARD 0x80000000u
void breaker_refs_done(struct breaker_refs *r);
/* The i-th thing that a step draws on, from 0; false at the end. */
bool breaker_drawn(const struct backfill *b, uint32_t step, uint32_t i, struct breaker_draw *ret);
uint32_t step_guard(const struct backfill *b, uint32_t step);
bool agent_is_let(const struct engine *e, const struct agent *a);
/* Is there no agent that may be given what asks for this, and would this one be, but for its breaker? */
bool breaker_keeps_agent(const struct engine *e, const struct fit *f, const struct agent *a);
/* Is there work that no other agent may take?  Of steps of live backfills.  O(sets of labels) where it is not the only one for any; else
 * until a step is found that asks for such. */
bool agent_is_last(const struct engine *e, const struct agent *a);
/* Does a breaker keep the next attempt of this instance from being load: one that the step draws on is not closed, or this attempt, which
 * is open, is a trial of its agent?  (What is granted to another agent does not wait for an agent's breaker.) */
bool breakers_hold_back(const struct engine *e, const struct backfill *b, const struct attempt *a);
void breakers_granted(struct engine *e, const struct backfill *b, const struct attempt *a);

/* ---- breaker_vote.c ---- */
enum breaker_vote { BREAKER_NO_VOTE, BREAKER_GOOD, BREAKER_BAD, BREAKER_BAD_DIRECT };
/* What the outcome of an attempt says of a thing that it drew on. */
enum breaker_vote breaker_vote(enum breaker_role role, const struct outcome *o, enum failure_class class);
/* "load[2024-01-03] of bf-1: check: unique failed". */
#define BREAKER_CAUSE_MAX 1024u
void breaker_cause(const struct backfill *b, const struct attempt *a, const struct outcome *o, char ret[BREAKER_CAUSE_MAX]);
/* Against what the plan expects of the step. */
bool breaker_is_slow(const struct plan_step *s, const struct breaker_settings *settings, const struct outcome *o);
/* An attempt ended: votes of all that it drew on. */
void breakers_voted(struct engine *e, const struct backfill *b, const struct attempt *a, const struct record *ended);
/* Does its window say that a closed one must open? */
enum breaker_verdict { BREAKER_STAYS, BREAKER_FAILING, BREAKER_SLOWING };
enum breaker_verdict breaker_judge(const struct engine *e, const struct breaker *b);

#endif
