/* Counters of what instances wait for, as the edges of their plan say it (edges.c). */
#ifndef BF_ENGINE_EDGES_H
#define BF_ENGINE_EDGES_H

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct backfill;
struct gate_rule;

/* How far a gate (topology.h) is open. */
struct gate {
    uint32_t closed;                             /* derived: upstream members not satisfied */
    uint32_t dead;                               /* derived: upstream members that failed for good */
    uint32_t upto;                               /* downstream members released, from the first on */
};

/* unmet, blocked, gates, counts and what is ready, from base state in which nothing is; without an engine, and then in its lists too. */
void edges_begin(struct backfill *b);
void edges_derive(struct engine *e, struct backfill *b);
void edges_satisfied(struct engine *e, struct backfill *b, uint32_t number);      /* it succeeded or was skipped */
void edges_dead(struct engine *e, struct backfill *b, uint32_t number);           /* it failed */
void edges_forget_dead(struct backfill *b);                                       /* blocked counters to 0: nothing waits any more */
void edges_derive_counters(struct backfill *b);                                   /* unmet, blocked, dead of gates: one walk for each
                                                                                     rule */
void edges_settle(struct engine *e, struct backfill *b, uint32_t number);         /* waiting and nothing unmet: ready */
void edges_forget_due(struct engine *e, struct backfill *b);                      /* its backoffs and gates: nothing of it is due */
/* After base state of many instances was changed: close the gates whose upstream is not done any more (base state itself), and derive
 * the rest again.  Where that is live, after ready_withdraw(). */
void edges_derive_again(struct engine *e, struct backfill *b);
/* An attempt is over, or a backoff: ready if nothing is unmet, else waiting again (its upstream was run again meanwhile). */
void edges_wait_again(struct engine *e, struct backfill *b, uint32_t number);
void edges_gate_opened(struct engine *e, struct backfill *b, uint32_t gate, uint32_t from, uint32_t upto);
uint32_t gate_released_at_start(const struct gate_rule *g);
/* From first principles, for checks. */
uint32_t edges_count_unmet(const struct backfill *b, uint32_t number);

#endif
