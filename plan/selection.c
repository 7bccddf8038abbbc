/* Asking a selection: what is in it, and how much. */
#include "plan/selector.h"

#include <stdlib.h>

void plan_selection_done(struct plan_selection *s)
{
    if (!s)
        return;
    free(s->ranges);
    free(s->begin);
    *s = (struct plan_selection){0};
}

bool plan_selection_has_step(const struct plan_selection *s, uint32_t step)
{
    return s->begin[step] < s->begin[step + 1];
}

static uint64_t count_in(const struct plan_selection *s, size_t begin, size_t end)
{
    uint64_t n = 0;
    for (size_t i = begin; i < end; i++)
        n += s->ranges[i].n;
    return n;
}

uint64_t plan_selection_count_step(const struct plan_selection *s, uint32_t step)
{
    return count_in(s, s->begin[step], s->begin[step + 1]);
}

uint64_t plan_selection_count(const struct plan_selection *s)
{
    return count_in(s, 0, s->begin[s->plan->n_steps]);
}

bool plan_selection_next(const struct plan_selection *s, struct plan_selection_walk *w)
{
    for (; w->place < s->plan->n_steps; w->place++, w->in_step = 0) {
        uint32_t step = s->plan->order[w->place];
        if (s->begin[step] + w->in_step == s->begin[step + 1])
            continue;
        w->step = step;
        w->range = s->ranges[s->begin[step] + w->in_step++];
        return true;
    }
    return false;
}
