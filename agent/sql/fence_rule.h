/* What a row of the fence means to a claim: the rule by which a token that was overtaken is refused.  Pure: bf-sql and the simulator's
 * warehouse use the same. */
#ifndef BF_AGENT_SQL_FENCE_RULE_H
#define BF_AGENT_SQL_FENCE_RULE_H

#include <stdbool.h>
#include <stdint.h>

enum fence_state {
    FENCE_NONE,                                /* no row */
    FENCE_OURS,                                /* claimed by our token */
    FENCE_EARLIER,                             /* claimed by a lower token */
    FENCE_LATER,                               /* claimed by a higher token, or by a later run's */
    FENCE_DONE                                 /* done, by whatever token */
};

/* Of a row that is there. */
enum fence_state fence_judge(bool done, int64_t token, int64_t ours);
/* Only in these states may a claim raise the row to its token. */
bool fence_may_raise(enum fence_state state);

#endif
