/* Edges as arithmetic: every mapping, both ways round, at the ends of ranges; and the heaps below the queues. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "coordinator/engine/heap.h"
#include "coordinator/engine/topology.h"
#include "tests/support/engine_fixture.h"

struct needed { uint32_t first, n; };

/* What each of five days needs, and that the walk the other way finds the same pairs. */
static void direct(struct plan *p, const struct needed expected[5])
{
    struct topology *t = topology_new(fx_plan_done(p));
    const struct edge_rule *r = &t->rules[0];
    for (uint32_t down = 0; down < 5; down++) {
        struct index_range up = topology_upstreams(t, r, down);
        cr_assert(up.n == expected[down].n && (up.n == 0 || up.first == expected[down].first), "partition %u needs %u from %u on", down,
                  up.n, up.first);
        for (uint32_t u = 0; u < 5; u++) {
            struct index_range back = topology_downstreams(t, r, u);
            cr_assert_eq(u - up.first < up.n, down - back.first < back.n, "%u needs %u one way round only", down, u);
        }
    }
    topology_free(t);
    plan_free(p);
}

Test(engine_topology, direct_edges_at_both_ends)
{
    static const struct { enum plan_mapping mapping; int32_t from, to; struct needed ups[5]; } cases[] = {
        {PLAN_SAME, 0, 0, {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}}},
        {PLAN_PREVIOUS, -1, -1, {{0, 0}, {0, 1}, {1, 1}, {2, 1}, {3, 1}}},     /* what is missing counts as met */
        {PLAN_PREVIOUS, -3, -3, {{0, 0}, {0, 0}, {0, 0}, {0, 1}, {1, 1}}},
        {PLAN_PREVIOUS, -10000000, -10000000, {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}}},
        {PLAN_WINDOW, -2, 0, {{0, 1}, {0, 2}, {0, 3}, {1, 3}, {2, 3}}},
        {PLAN_WINDOW, -3, -2, {{0, 0}, {0, 0}, {0, 1}, {0, 2}, {1, 2}}},
        {PLAN_WINDOW, 0, 1, {{0, 2}, {1, 2}, {2, 2}, {3, 2}, {4, 1}}},
        {PLAN_WINDOW, 2, 3, {{2, 2}, {3, 2}, {4, 1}, {0, 0}, {0, 0}}},
        {PLAN_WINDOW, -1, 1, {{0, 2}, {0, 3}, {1, 3}, {2, 3}, {3, 2}}},
        {PLAN_WINDOW, -4095, 0, {{0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}}},
        {PLAN_WINDOW, -9, -5, {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan *p = fx_plan();
        fx_days(p, FX_JAN_1, 5);
        uint32_t up = fx_step(p, PLAN_DAY, PLAN_NO_INDEX), down = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
        fx_window(p, down, up, cases[i].from, cases[i].to);
        p->steps[down].edges[0].mapping = cases[i].mapping;
        direct(p, cases[i].ups);
    }
}

static void gates_are(struct plan *p, const struct gate_rule *expected, uint32_t n)
{
    struct topology *t = topology_new(fx_plan_done(p));
    cr_assert_eq(t->n_gates, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct gate_rule *g = &t->gates[i], *x = &expected[i];
        cr_assert(g->rule == x->rule && g->up_first == x->up_first && g->n_up == x->n_up && g->down_first == x->down_first &&
                      g->n_down == x->n_down,
                  "gate %u: rule %u, up %u+%u, down %u+%u", i, g->rule, g->up_first, g->n_up, g->down_first, g->n_down);
        uint32_t gate = UINT32_MAX;
        for (uint32_t k = 0; k < g->n_up; k++) {
            cr_assert(topology_gate_of_upstream(t, &t->rules[g->rule], g->up_first + k, &gate));
            cr_assert_eq(gate, i);
        }
        for (uint32_t k = 0; k < g->n_down; k++) {
            cr_assert(topology_gate_of_downstream(t, &t->rules[g->rule], g->down_first + k, &gate));
            cr_assert_eq(gate, i);
        }
    }
    topology_free(t);
    plan_free(p);
}

Test(engine_topology, gates_of_months_and_days)
{
    static const struct gate_rule expected[] = {
        {0, 0, 1, 0, 21}, {0, 1, 1, 21, 29},
        {1, 0, 21, 0, 1}, {1, 21, 29, 1, 1},
        {2, 0, 50, 0, 1},
    };
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1 + 10, 50);               /* 01-11 to 02-29: the first month is there in part */
    uint32_t months = fx_step(p, PLAN_MONTH, PLAN_NO_INDEX), days = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    uint32_t back = fx_step(p, PLAN_MONTH, PLAN_NO_INDEX), whole = fx_step(p, PLAN_NONE, PLAN_NO_INDEX);
    fx_edge(p, days, months, PLAN_CONTAINING);
    fx_edge(p, back, days, PLAN_CONTAINED);
    fx_edge(p, whole, days, PLAN_ALL);
    gates_are(p, expected, 5);
}

Test(engine_topology, gates_over_changes_of_the_clock)
{
    static const struct { int32_t first; struct gate_rule expected[6]; } cases[] = {
        {FX_JAN_1 + 89, {{0, 0, 24, 0, 1}, {0, 24, 23, 1, 1}, {0, 47, 24, 2, 1}, {1, 0, 1, 0, 24}, {1, 1, 1, 24, 23}, {1, 2, 1, 47, 24}}},
        {FX_JAN_1 + 299, {{0, 0, 24, 0, 1}, {0, 24, 25, 1, 1}, {0, 49, 24, 2, 1}, {1, 0, 1, 0, 24}, {1, 1, 1, 24, 25}, {1, 2, 1, 49, 24}}},
    };
    for (size_t i = 0; i < 2; i++) {             /* 03-30 to 04-01, 10-26 to 10-28 */
        struct plan *p = fx_plan();
        fx_berlin(p);
        fx_days(p, cases[i].first, 3);
        uint32_t hours = fx_step(p, PLAN_HOUR, PLAN_NO_INDEX), days = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
        uint32_t back = fx_step(p, PLAN_HOUR, PLAN_NO_INDEX);
        fx_edge(p, days, hours, PLAN_CONTAINED);
        fx_edge(p, back, days, PLAN_CONTAINING);
        gates_are(p, cases[i].expected, 6);
    }
}

Test(engine_topology, gates_of_weeks)
{
    static const struct gate_rule expected[] = {{0, 0, 6, 0, 1}, {0, 6, 7, 1, 1}, {0, 13, 2, 2, 1}};
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1 + 1, 15);                /* Tuesday 01-02 to Tuesday 01-16 */
    uint32_t days = fx_step(p, PLAN_DAY, PLAN_NO_INDEX), weeks = fx_step(p, PLAN_WEEK, PLAN_NO_INDEX);
    fx_edge(p, weeks, days, PLAN_CONTAINED);
    gates_are(p, expected, 3);
}

Test(engine_topology, places_in_time_are_those_of_all_grains)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 60);
    uint32_t days = fx_step(p, PLAN_DAY, PLAN_NO_INDEX), months = fx_step(p, PLAN_MONTH, PLAN_NO_INDEX);
    struct topology *t = topology_new(fx_plan_done(p));
    cr_assert_eq(topology_order(t, days, 31, false), topology_order(t, months, 1, false));
    cr_assert_eq(topology_order(t, days, 30, true), topology_order(t, months, 0, true));
    cr_assert_eq(topology_order(t, days, 59, true), 0u);
    for (uint32_t i = 1; i < 60; i++) {
        cr_assert_lt(topology_order(t, days, i - 1, false), topology_order(t, days, i, false));
        cr_assert_gt(topology_order(t, days, i - 1, true), topology_order(t, days, i, true));
    }
    topology_free(t);
    plan_free(p);
}

Test(engine_topology, weights_are_the_longest_way)
{
    struct plan *p = fx_plan();
    fx_days(p, FX_JAN_1, 5);
    uint32_t a = fx_step(p, PLAN_DAY, PLAN_NO_INDEX), b = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    uint32_t c = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_edge(p, b, a, PLAN_SAME);
    fx_edge(p, c, a, PLAN_SAME);
    fx_previous(p, b, b, 2);
    p->steps[a].expect_ms = 10;
    p->steps[b].expect_ms = 300;
    p->steps[c].expect_ms = 700;
    struct topology *t = topology_new(fx_plan_done(p));
    cr_assert_eq(topology_critical_ms(t, a, 0), 710);
    cr_assert_eq(topology_critical_ms(t, c, 4), 700);
    static const int64_t chain[] = {900, 600, 600, 300, 300};                  /* 0 -> 2 -> 4, 1 -> 3 */
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_eq(topology_critical_ms(t, b, i), chain[i], "partition %u weighs %lld", i,
                     (long long)topology_critical_ms(t, b, i));
    topology_free(t);
    plan_free(p);
}

Test(engine_topology, windows_of_itself_make_a_chain_of_its_nearest_partition)
{
    static const struct { int32_t from, to; int64_t ms[4]; } cases[] = {
        {-6, -1, {400, 300, 200, 100}}, {-6, -2, {200, 200, 100, 100}}, {1, 2, {100, 200, 300, 400}}, {3, 9, {100, 100, 100, 200}},
    };
    for (size_t i = 0; i < 4; i++) {
        struct plan *p = fx_plan();
        fx_days(p, FX_JAN_1, 4);
        uint32_t s = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
        fx_window(p, s, s, cases[i].from, cases[i].to);
        p->steps[s].expect_ms = 100;
        struct topology *t = topology_new(fx_plan_done(p));
        for (uint32_t k = 0; k < 4; k++)
            cr_assert_eq(topology_critical_ms(t, s, k), cases[i].ms[k], "case %zu, partition %u", i, k);
        topology_free(t);
        plan_free(p);
    }
}

static int by_value(const void *a, const void *b)
{
    const struct heap_item *x = a, *y = b;
    return x->a != y->a ? (x->a > y->a) - (x->a < y->a) : (x->b > y->b) - (x->b < y->b);
}

static bool even(const void *context, struct heap_item item)
{
    (void)context;
    return item.b % 2 == 0;
}

Test(engine_topology, heaps_sort)
{
    struct bf_prng rng;
    struct heap h = {0};
    struct heap_item items[500];
    bf_prng_seed(&rng, 4);
    for (size_t i = 0; i < 500; i++) {
        items[i] = (struct heap_item){bf_prng_below(&rng, 20), bf_prng_below(&rng, 1000) * 2 + (i >= 250)};
        heap_push(&h, items[i].a, items[i].b);
    }
    heap_filter(&h, even, NULL);
    cr_assert_eq(h.n, 250u);
    qsort(items, 250, sizeof *items, by_value);
    for (size_t i = 0; i < 250; i++) {
        struct heap_item got = heap_pop(&h);
        cr_assert(got.a == items[i].a && got.b == items[i].b, "place %zu", i);
    }
    heap_done(&h);
}

static bool key_less(const void *keys, uint32_t a, uint32_t b)
{
    const uint32_t *k = keys;
    return k[a] != k[b] ? k[a] < k[b] : a < b;
}

Test(engine_topology, indexed_heaps_follow_their_keys)
{
    struct bf_prng rng;
    struct iheap h = {0};
    uint32_t keys[100] = {0};
    bool in[100] = {false};
    bf_prng_seed(&rng, 6);
    for (int k = 0; k < 5000; k++) {
        uint32_t id = (uint32_t)bf_prng_below(&rng, 100), least = UINT32_MAX;
        if (bf_prng_below(&rng, 3) == 0) {
            iheap_remove(&h, id, key_less, keys);
            in[id] = false;
        } else {
            keys[id] = (uint32_t)bf_prng_below(&rng, 50);
            iheap_put(&h, id, key_less, keys);
            in[id] = true;
        }
        for (uint32_t i = 0; i < 100; i++)
            if (in[i] && (least == UINT32_MAX || key_less(keys, i, least)))
                least = i;
        cr_assert_eq(h.n > 0 ? h.at[0] : UINT32_MAX, least);
        cr_assert_eq(iheap_contains(&h, id), in[id]);
    }
    iheap_done(&h);
}
