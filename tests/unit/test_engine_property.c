/* Counters against brute force: small random plans of every mapping and grain, under random completion, skips, failures, retries,
 * losses and cancels.  The brute force looks at partitions and edges alone, and knows nothing of shifts, gates or worklists. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/mem.h"
#include "tests/support/engine_fixture.h"

/* Does partition `down` of the edge's step need partition `up` of its upstream?  By the words of the semantics. */
static bool needs(const struct plan *p, const struct plan_edge *edge, const struct plan_range *down, int32_t d, int32_t u)
{
    const struct plan_range *up = &p->steps[edge->upstream].range;
    switch (edge->mapping) {
    case PLAN_SAME: return u == d;
    case PLAN_PREVIOUS: return u == d - (int32_t)edge->previous;
    case PLAN_CONTAINING: return plan_partition_containing(down->grain, d, up->grain) == u;
    case PLAN_CONTAINED: return plan_partition_containing(up->grain, u, down->grain) == d;
    case PLAN_ALL: return true;
    }
    return false;
}

static bool satisfied(const struct instance_view *v)
{
    return v->state == INSTANCE_SUCCEEDED || v->state == INSTANCE_SKIPPED;
}

struct look { const struct fx *f; uint32_t backfill; const struct plan *plan; bool *dead; size_t *first; };

static struct instance_view view_of(const struct look *l, uint32_t step, uint32_t index)
{
    struct instance_view v;
    cr_assert(engine_instance(l->f->e, l->backfill, step, index, &v));
    return v;
}

/* Upstream partitions of one edge: how many are not satisfied, and whether one is dead. */
static uint32_t unsatisfied(const struct look *l, uint32_t step, uint32_t index, const struct plan_edge *edge, bool *ret_dead)
{
    const struct plan_range *down = &l->plan->steps[step].range, *up = &l->plan->steps[edge->upstream].range;
    uint32_t n = 0;
    for (uint32_t i = 0; i < up->n; i++) {
        if (!needs(l->plan, edge, down, down->first + (int32_t)index, up->first + (int32_t)i))
            continue;
        struct instance_view v = view_of(l, edge->upstream, i);
        n += !satisfied(&v);
        *ret_dead |= l->dead[l->first[edge->upstream] + i];
    }
    return n;
}

static void look_at(const struct look *l, uint32_t step, uint32_t index, bool gates_are_open)
{
    const struct plan_step *s = &l->plan->steps[step];
    uint32_t unmet = 0;
    bool blocked = false;
    for (size_t k = 0; k < s->n_edges; k++) {
        uint32_t n = unsatisfied(l, step, index, &s->edges[k], &blocked);
        bool direct = s->edges[k].mapping == PLAN_SAME || s->edges[k].mapping == PLAN_PREVIOUS;
        unmet += direct ? n : n > 0;             /* a gate counts as one */
    }
    struct instance_view v = view_of(l, step, index);
    const char *name = instance_state_name(v.state);
    if (gates_are_open)
        cr_assert_eq(v.unmet, unmet, "%s[%u] is %s: %u unmet, brute force says %u", s->name, index, name, v.unmet, unmet);
    else
        cr_assert_geq(v.unmet, unmet, "%s[%u] is %s: %u unmet, brute force says %u", s->name, index, name, v.unmet, unmet);
    cr_assert(v.state != INSTANCE_READY || unmet == 0, "%s[%u] is ready with unmet needs", s->name, index);
    cr_assert(v.state == INSTANCE_WAITING || v.state == INSTANCE_CANCELLED || unmet == 0, "%s[%u] is %s with unmet needs",
              s->name, index, name);
    cr_assert_eq(v.upstream_failed, v.state == INSTANCE_WAITING && blocked, "%s[%u]: upstream_failed is %d", s->name, index,
                 v.upstream_failed);
    l->dead[l->first[step] + index] =
        v.state == INSTANCE_FAILED || v.state == INSTANCE_CANCELLED || (v.state == INSTANCE_WAITING && blocked);
}

static void look_at_backfill(const struct fx *f, uint32_t id, bool gates_are_open)
{
    struct backfill_view b = fx_backfill(f, id);
    BF_AUTO_FREE bool *dead = bf_xcalloc(b.plan->n_instances, sizeof *dead);
    BF_AUTO_FREE size_t *first = bf_xcalloc(b.plan->n_steps, sizeof *first);
    struct look l = {.f = f, .backfill = id, .plan = b.plan, .dead = dead, .first = first};
    for (uint32_t s = 1; s < b.plan->n_steps; s++)
        first[s] = first[s - 1] + b.plan->steps[s - 1].range.n;
    for (uint32_t s = 0; s < b.plan->n_steps; s++)
        for (uint32_t i = 0; i < b.plan->steps[s].range.n; i++)
            look_at(&l, s, i, gates_are_open && b.state != BACKFILL_CANCELLED);
}

static void run(uint64_t seed, uint32_t gate_openings)
{
    struct fx f;
    struct chaos c;
    fx_init(&f, &(struct engine_config){.seed = seed, .gate_openings_per_turn_max = gate_openings, .lost_attempts_max = 3});
    chaos_init(&c, seed);
    fx_create(&f, fx_random_plan, seed);
    uint32_t turns = 20 + (uint32_t)bf_prng_below(&c.rng, 60);
    for (uint32_t i = 0; i < turns; i++) {
        chaos_turn(&c, &f);
        for (uint32_t id = engine_next_backfill(f.e, 0); id; id = engine_next_backfill(f.e, id))
            look_at_backfill(&f, id, gate_openings == 0);
    }
    chaos_settle(&c, &f);
    for (uint32_t id = engine_next_backfill(f.e, 0); id; id = engine_next_backfill(f.e, id))
        look_at_backfill(&f, id, true);
    fx_done(&f);
}

Test(engine_property, counters_are_those_of_brute_force)
{
    for (uint64_t seed = 1; seed <= 300; seed++)
        run(seed, 0);
}

Test(engine_property, gates_that_open_slowly_are_never_early)
{
    for (uint64_t seed = 1001; seed <= 1100; seed++)
        run(seed, 3);
}
