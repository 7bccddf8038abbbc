/* Counters against brute force: small random plans of every mapping and grain, over changes of the clock, under random completion,
 * skips, failures, retries, losses and cancels.  The brute force looks at boundaries and edges alone, and knows nothing of gates,
 * slides or worklists. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/mem.h"
#include "tests/support/engine_fixture.h"

/* Does partition d of one table lie in partition c of another? */
static bool lies_in(const struct plan_partitions *fine, uint32_t d, const struct plan_partitions *coarse, uint32_t c)
{
    return coarse->start_s[c] <= fine->start_s[d] && fine->start_s[d + 1] <= coarse->start_s[c + 1];
}

/* Does partition `d` of the edge's step need partition `u` of its upstream?  By the words of the semantics. */
static bool needs(const struct plan *p, const struct plan_edge *edge, const struct plan_partitions *down, uint32_t d, uint32_t u)
{
    const struct plan_partitions *up = p->steps[edge->upstream].partitions;
    switch (edge->mapping) {
    case PLAN_SAME: return up->start_s[u] == down->start_s[d];
    case PLAN_PREVIOUS: return (int64_t)u - d == edge->to;
    case PLAN_WINDOW: return (int64_t)u - d >= edge->from && (int64_t)u - d <= edge->to;
    case PLAN_CONTAINING: return lies_in(down, d, up, u);
    case PLAN_CONTAINED: return lies_in(up, u, down, d);
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
    const struct plan_partitions *down = l->plan->steps[step].partitions;
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->plan->steps[edge->upstream].partitions->n; i++) {
        if (!needs(l->plan, edge, down, index, i))
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
        enum plan_mapping m = s->edges[k].mapping;
        bool direct = m == PLAN_SAME || m == PLAN_PREVIOUS || m == PLAN_WINDOW;
        unmet += direct ? n : n > 0;             /* a gate counts as one */
    }
    struct instance_view v = view_of(l, step, index);
    const char *name = instance_state_name(v.state);
    if (gates_are_open)
        cr_assert_eq(v.unmet, unmet, "%s[%u] is %s: %u unmet, brute force says %u", s->name, index, name, v.unmet, unmet);
    else
        cr_assert_geq(v.unmet, unmet, "%s[%u] is %s: %u unmet, brute force says %u", s->name, index, name, v.unmet, unmet);
    cr_assert(v.state != INSTANCE_READY || unmet == 0, "%s[%u] is ready with unmet needs", s->name, index);
    bool by_hand = satisfied(&v) && v.attempt == 0, open = v.state == INSTANCE_ASSIGNED || v.state == INSTANCE_RUNNING;
    if ((open || satisfied(&v)) && !v.stale && !by_hand)
        cr_assert_eq(unmet, 0u, "%s[%u] is %s with unmet needs, and nothing that it needs was run again", s->name, index, name);
    cr_assert_eq(v.upstream_failed, v.state == INSTANCE_WAITING && blocked, "%s[%u]: upstream_failed is %d", s->name, index,
                 v.upstream_failed);
    l->dead[l->first[step] + index] =
        v.state == INSTANCE_FAILED || v.state == INSTANCE_CANCELLED || (v.state == INSTANCE_WAITING && blocked);
}

static bool needs_later(const struct plan_step *s, uint32_t step)
{
    for (size_t i = 0; i < s->n_edges; i++)
        if (s->edges[i].upstream == step && s->edges[i].from > 0)
            return true;
    return false;
}

static void look_at_backfill(const struct fx *f, uint32_t id, bool gates_are_open)
{
    struct backfill_view b = fx_backfill(f, id);
    BF_AUTO_FREE bool *dead = bf_xcalloc(b.plan->n_instances, sizeof *dead);
    BF_AUTO_FREE size_t *first = bf_xcalloc(b.plan->n_steps, sizeof *first);
    struct look l = {.f = f, .backfill = id, .plan = b.plan, .dead = dead, .first = first};
    for (uint32_t s = 1; s < b.plan->n_steps; s++)
        first[s] = first[s - 1] + b.plan->steps[s - 1].partitions->n;
    for (uint32_t s = 0; s < b.plan->n_steps; s++) {
        uint32_t n = b.plan->steps[s].partitions->n;
        bool later_first = needs_later(&b.plan->steps[s], s);    /* what an instance needs is looked at before it */
        for (uint32_t i = 0; i < n; i++)
            look_at(&l, s, later_first ? n - 1 - i : i, gates_are_open && b.state != BACKFILL_CANCELLED);
    }
}

static void look_at_all(const struct fx *f, bool gates_are_open)
{
    for (uint32_t id = engine_next_backfill(f->e, 0); id; id = engine_next_backfill(f->e, id))
        look_at_backfill(f, id, gates_are_open);
}

static void look_between(struct fx *f)
{
    look_at_all(f, false);                       /* gates open at a turn's end */
}

static void run(uint64_t seed, uint32_t gate_openings, bool every_input, bool steers)
{
    struct fx f;
    struct chaos c;
    fx_init(&f, &(struct engine_config){.seed = seed, .gate_openings_per_turn_max = gate_openings, .lost_attempts_max = 3});
    f.after_input = every_input ? look_between : NULL;
    chaos_init(&c, seed);
    c.steers = steers;
    fx_create(&f, fx_random_plan, seed);
    uint32_t turns = 20 + (uint32_t)bf_prng_below(&c.rng, 60);
    for (uint32_t i = 0; i < turns; i++) {
        chaos_turn(&c, &f);
        look_at_all(&f, gate_openings == 0);
    }
    chaos_settle(&c, &f);
    look_at_all(&f, true);
    fx_done(&f);
}

Test(engine_property, counters_are_those_of_brute_force)
{
    for (uint64_t seed = 1; seed <= 300; seed++)
        run(seed, 0, false, false);
}

/* Holds, cancels, retries, forces, skips and marks of what selectors pick, downstream or not. */
Test(engine_property, also_when_instances_are_steered)
{
    for (uint64_t seed = 5001; seed <= 5300; seed++)
        run(seed, (uint32_t)(seed % 3), seed % 10 == 0, true);
}

Test(engine_property, and_after_every_input)
{
    for (uint64_t seed = 2001; seed <= 2040; seed++)
        run(seed, 0, true, false);
}

Test(engine_property, gates_that_open_slowly_are_never_early)
{
    for (uint64_t seed = 1001; seed <= 1100; seed++)
        run(seed, 3, false, false);
}
