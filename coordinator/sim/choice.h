/* Choices: how a run can be told to leave out one of its injections, and only that one.
 *
 * A run draws everything from its seed.  If it drew from one stream, leaving out one fault would move every later draw, and the rest
 * would be another run.  So randomness has many streams: each event of the world has its own, by its kind, its node and how many of
 * these came before it; and each injection has its own within that, by its name.
 *
 *     f12        the 12th event of the fault schedule
 *     o3         the 3rd time that the operators act
 *     n1-0.33    what the network does to the 33rd message from node 1 to node 0 (the coordinator)
 *     p2.7       how the 7th process on node 2 ends
 *     x1.3       what else strikes node 1 by itself: a damaged value, a lie in a HELLO, a statement or session that hangs
 *     f* o* n* p* x*   all of a kind
 *
 * A schedule says which are left out: an operator does nothing, a message arrives, a process ends well.  It may also make the world
 * smaller.  Same seed, same schedule, same commit: same run. */
#ifndef BF_SIM_CHOICE_H
#define BF_SIM_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/prng.h"
#include "common/vec.h"

struct world;
struct sim_event;

enum choice_kind { CHOICE_FAULT, CHOICE_OPERATOR, CHOICE_NET, CHOICE_PROCESS, CHOICE_OTHER };
#define CHOICE_KINDS 5
enum { CHOICE_NODES = 8, CHOICE_LANES = CHOICE_NODES * CHOICE_NODES, CHOICE_EVENTS = 32 };
#define CHOICE_ALL UINT32_MAX                    /* as a number: all of the kind */

struct choice { uint16_t kind, lane; uint32_t number; };      /* number: from 1; lane: from * CHOICE_NODES + to, or the node */
struct choice_list { struct choice *at; size_t n, cap; };    /* a BF_VEC_TYPE with a name */

struct schedule {
    bool only;                                   /* listed is what stays; else, what is left out */
    struct choice_list listed;
    uint32_t agents_max, steps_max;              /* 0: as the seed has it */
};

/* Of one run; all-zero but for the first two. */
struct choices {
    const struct schedule *schedule;             /* NULL: nothing is left out */
    struct choice_list *used;                    /* gets the injections that did something; NULL: nobody asks */
    uint64_t events[CHOICE_EVENTS][CHOICE_LANES];
    uint32_t numbers[CHOICE_KINDS][CHOICE_LANES];
    struct choice now;                           /* the one that is open */
};

/* Before an event is carried out: the world's randomness is its own from here on. */
void choice_event(struct world *w, const struct sim_event *ev);
/* The next choice of a kind: the world's randomness is its own.  false: it is left out. */
bool choice_open(struct world *w, enum choice_kind kind, uint32_t lane);
/* The same within another, which goes on as it was when this one is ended. */
struct choice_frame { struct bf_prng prng; struct choice now; uint32_t target; };
bool choice_within(struct world *w, enum choice_kind kind, uint32_t lane, struct choice_frame *ret_outer);
void choice_end(struct world *w, const struct choice_frame *outer);
/* One of CHOICE_OTHER: whether it strikes, while faults may be injected. */
bool choice_strikes(struct world *w, uint32_t node, uint32_t percent);
/* The open one is an injection: it did something. */
void choice_used(struct world *w);

bool schedule_allows(const struct schedule *s, const struct choice *c);
void schedule_done(struct schedule *s);
/* "f12,n1-0.33,p*"; "" is an empty list.  BF_USAGE names the word that is none. */
enum bf_rc choices_parse(const char *text, struct choice_list *ret, struct bf_error *err) BF_MUST_CHECK;
void choices_print(const struct choice *at, size_t n, struct bf_buf *ret);

#endif
