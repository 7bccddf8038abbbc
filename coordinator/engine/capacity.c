/* What an agent has left for one attempt more: the processors and the memory that it told when it came, less what its open attempts
 * ask for (`resources`).  See place.h.
 *
 * It is a preference.  Of the agents with a free slot the least busy one that has so much left is taken, and where none has it the least
 * busy one.  So a step that asks for more than any host has runs all the same, an agent that tells less than it has starves nothing, and
 * one that tells more gets no more than its slots.  What waits at an agent for a slot there is counted too: it holds its reservation.
 *
 * The LOOKED_AT_MAX least busy ones are looked at, in their order and whatever the heap looks like inside: a replay looks at the same. */
#include "common/plant.h"
#include "coordinator/engine/internal.h"

enum { LOOKED_AT_MAX = 16 };

void capacity_hold(struct agent *a, const struct plan_resources *r, bool more)
{
    a->asked_cpu_milli = more ? a->asked_cpu_milli + r->cpu_milli : a->asked_cpu_milli - r->cpu_milli;
    a->asked_memory_bytes = more ? a->asked_memory_bytes + r->memory_bytes : a->asked_memory_bytes - r->memory_bytes;
}

static bool is_left(uint64_t told, uint64_t asked, uint64_t more)
{
    return told == 0 || more == 0 || (asked <= told && more <= told - asked);
}

static bool has_left(const struct agent *a, const struct plan_resources *r)
{
    return is_left(a->hello.cpu_milli, a->asked_cpu_milli, r->cpu_milli) &&
           is_left(a->hello.memory_bytes, a->asked_memory_bytes, r->memory_bytes);
}

/* The least busy one of those that at[0..n) stand for in the heap. */
static size_t least_busy_of(const struct engine *e, const struct iheap *agents, const size_t *at, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (ready_agent_less(e, agents->at[at[i]], agents->at[at[best]]))
            best = i;
    return best;
}

uint32_t capacity_choose(const struct engine *e, const struct fit *f, const struct plan_resources *r, uint32_t least_busy)
{
    size_t at[LOOKED_AT_MAX + 1] = {0}, n = f->agents.n > 0;
    if ((r->cpu_milli == 0 && r->memory_bytes == 0) || BF_PLANTED("capacity_ignored"))
        return least_busy;
    for (uint32_t looked = 0; looked < LOOKED_AT_MAX && n > 0; looked++) {
        size_t best = least_busy_of(e, &f->agents, at, n), place = at[best];
        const struct agent *a = agent_find(e, f->agents.at[place]);
        if (a->busy >= a->hello.slots)
            break;                               /* so are all that are left */
        if (has_left(a, r))
            return a->id;
        at[best] = at[--n];
        for (size_t below = 2 * place + 1; below <= 2 * place + 2 && below < f->agents.n; below++)
            at[n++] = below;
    }
    return least_busy;
}
