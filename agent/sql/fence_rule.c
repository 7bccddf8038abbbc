/* See fence_rule.h. */
#include "agent/sql/fence_rule.h"

#include "common/plant.h"

enum fence_state fence_judge(bool done, int64_t token, int64_t ours)
{
    if (done)
        return FENCE_DONE;
    if (token == ours)
        return FENCE_OURS;
    return token < ours || BF_PLANTED("fence_ignores_token") ? FENCE_EARLIER : FENCE_LATER;
}

bool fence_may_raise(enum fence_state state)
{
    return state != FENCE_DONE && state != FENCE_LATER;
}
