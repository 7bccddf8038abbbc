/* Derived from a compiled plan; pure. */
#include "bfctl/plan_facts.h"

#include <stdlib.h>

#include "common/civil.h"
#include "common/mem.h"

static void find_lineage(const struct plan *p, struct plan_facts *ret)
{
    ret->writer = bf_xcalloc(p->n_datasets + 1, sizeof *ret->writer);
    ret->readers_begin = bf_xcalloc(p->n_datasets + 2, sizeof *ret->readers_begin);
    for (size_t i = 0; i < p->n_datasets; i++)
        ret->writer[i] = PLAN_NO_INDEX;
    for (uint32_t s = 0; s < p->n_steps; s++) {
        for (size_t i = 0; i < p->steps[s].n_outputs; i++)
            ret->writer[p->steps[s].outputs[i]] = s;
        for (size_t i = 0; i < p->steps[s].n_inputs; i++)
            ret->readers_begin[p->steps[s].inputs[i] + 2]++;
    }
    /* Begins stand one place to the right while the lists are filled: each ends where the next begins. */
    for (size_t i = 2; i <= p->n_datasets; i++)
        ret->readers_begin[i] += ret->readers_begin[i - 1];
    size_t n = 0;
    for (uint32_t s = 0; s < p->n_steps; s++)
        n += p->steps[s].n_inputs;
    ret->readers = bf_xcalloc(n + 1, sizeof *ret->readers);
    for (size_t k = 0; k < p->n_steps; k++)
        for (size_t i = 0; i < p->steps[p->order[k]].n_inputs; i++)
            ret->readers[ret->readers_begin[p->steps[p->order[k]].inputs[i] + 1]++] = p->order[k];
}

/* The day that a change belongs to: where the clock is set forwards, that of the hours that are missing; where back, of those shown
 * twice. */
static void add_change(const struct plan *p, int64_t at_s, int32_t before_s, int32_t after_s, struct plan_facts *ret)
{
    int64_t day = bf_floor_div(at_s + (before_s < after_s ? before_s : after_s), BF_DAY_S);
    int64_t from_s = zone_first_at(p->zone, day * BF_DAY_S), until_s = zone_first_at(p->zone, (day + 1) * BF_DAY_S);
    ret->changes = bf_xreallocarray(ret->changes, ret->n_changes + 1, sizeof *ret->changes);
    struct clock_change *c = &ret->changes[ret->n_changes++];
    *c = (struct clock_change){.at_s = at_s, .by_s = after_s - before_s, .day_s = until_s - from_s};
    plan_key_of_day(PLAN_DAY, (int32_t)day, c->day);
}

static void find_changes(const struct plan *p, struct plan_facts *ret)
{
    if (p->from_s >= p->until_s)
        return;
    struct zone_span span = zone_span_at(p->zone, p->from_s);
    while (span.until_s < p->until_s) {
        struct zone_span next = zone_span_at(p->zone, span.until_s);
        add_change(p, span.until_s, span.offset_s, next.offset_s, ret);
        span = next;
    }
}

void plan_facts_of(const struct plan *p, struct plan_facts *ret)
{
    *ret = (struct plan_facts){0};
    find_lineage(p, ret);
    find_changes(p, ret);
}

void plan_facts_done(struct plan_facts *f)
{
    free(f->writer);
    free(f->readers);
    free(f->readers_begin);
    free(f->changes);
    *f = (struct plan_facts){0};
}

bool plan_facts_explain(const struct plan *p, const struct plan_facts *f, uint32_t step, uint32_t upstream)
{
    for (size_t i = 0; i < p->steps[step].n_inputs; i++)
        if (f->writer[p->steps[step].inputs[i]] == upstream)
            return true;
    return false;
}
