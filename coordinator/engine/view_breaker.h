/* Reading breakers: as view.h. */
#ifndef BF_ENGINE_VIEW_BREAKER_H
#define BF_ENGINE_VIEW_BREAKER_H

#include "coordinator/engine/view.h"

/* Breakers by number.  since_us, since_ms 0: it has never moved.  until_ms: when an open one half-opens; -1: it does not
 * by itself, or is not open. */
struct breaker_view {
    enum breaker_kind kind;
    const char *name;                        /* without its kind */
    enum breaker_source source;
    const struct breaker_settings *settings;
    enum breaker_state state;
    bool held;                               /* open until a person closes it */
    int64_t since_ms, since_us, until_ms;
    uint32_t level;                          /* times that it opened in a row before this one */
    uint32_t calls, failures, slow;          /* closed: of its window now */
    uint32_t opened_calls, opened_failures, opened_slow;     /* of its window when it opened */
    const char *cause, *by, *reason;         /* the last failure then; who moved it, and why.  "": none, nobody */
    uint32_t probes, good;                   /* half-open: attempts that are under way; that ended well */
    bool here;                               /* an agent of its name is connected or draining */
};
size_t engine_n_breakers(const struct engine *e);
bool engine_breaker(const struct engine *e, size_t i, struct breaker_view *ret);             /* false: none has this number now */
/* Numbers of those that are not closed, ascending. */
size_t engine_n_held_breakers(const struct engine *e);
size_t engine_held_breaker(const struct engine *e, size_t i);
/* Does the plan of a backfill that has not finished name the thing of this breaker?  O(what it names). */
bool engine_backfill_draws_on(const struct engine *e, uint32_t backfill, size_t number);
/* Of each the ready instances that wait for it, whatever else they wait for; of an agent's: those that no other agent may be given.  ret
 * has engine_n_breakers().
 * O(lanes that have something ready), of agents O(sets of labels that none may take * agents); nothing where all let attempts through. */
void engine_breakers_hold(const struct engine *e, uint64_t *ret);
uint64_t engine_breaker_holds(const struct engine *e, size_t i);             /* of one */

/* Of an agent.  *ret_spared: it would be open, and is not, because there is work that no other agent may take. */
bool engine_agent_breaker(const struct engine *e, uint32_t agent, struct breaker_view *ret, bool *ret_spared);

#endif
