/* Attempts of the model.  Numbers ascend in the order of grants, so one is found without a walk over all that ever were; those that are
 * open stand in a list of their own, in the same order, because checkers look at them after every turn. */
#include "coordinator/sim/shadow_model.h"

/* Numbers that do not ascend are a bug that other checks name: until then nothing may be overlooked. */
static struct shadow_attempt *find_slowly(struct shadow *s, uint64_t attempt)
{
    for (size_t i = 0; i < s->attempts.n; i++)
        if (s->attempts.at[i].ref.attempt == attempt)
            return &s->attempts.at[i];
    return NULL;
}

struct shadow_attempt *shadow_attempt_find(struct shadow *s, uint64_t attempt)
{
    size_t low = 0, high = s->attempts.n;
    if (s->attempts_mixed)
        return find_slowly(s, attempt);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->attempts.at[middle].ref.attempt < attempt)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->attempts.n && s->attempts.at[low].ref.attempt == attempt ? &s->attempts.at[low] : NULL;
}

void shadow_attempt_add(struct shadow *s, const struct shadow_attempt *granted)
{
    size_t n = s->attempts.n;
    s->attempts_mixed |= n > 0 && s->attempts.at[n - 1].ref.attempt >= granted->ref.attempt;
    bf_vec_push(&s->open, (uint32_t)n);
    bf_vec_push(&s->attempts, *granted);
}

void shadow_attempt_close(struct shadow *s, struct shadow_attempt *a)
{
    size_t keep = 0;
    a->open = false;
    for (size_t i = 0; i < s->open.n; i++)
        if (s->attempts.at[s->open.at[i]].open)
            s->open.at[keep++] = s->open.at[i];
    s->open.n = keep;
}

bool shadow_any_open(const struct shadow *s, uint32_t backfill)
{
    for (size_t i = 0; i < s->open.n; i++)
        if (s->attempts.at[s->open.at[i]].backfill == backfill)
            return true;
    return false;
}
