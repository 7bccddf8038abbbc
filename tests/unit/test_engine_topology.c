/* Edges as arithmetic: every mapping, both ways round, at the ends of ranges; and the heaps below the queues. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "coordinator/engine/heap.h"
#include "coordinator/engine/topology.h"
#include "tests/support/engine_fixture.h"

enum { JAN_1 = 19723, JAN = 648 };               /* 2024 */

struct pair { uint32_t down, up; };

static void direct(struct plan *p, const uint32_t *ups, size_t n)
{
    struct topology *t = topology_new(fx_plan_done(p));
    const struct edge_rule *r = &t->rules[0];
    for (uint32_t down = 0; down < n; down++) {
        uint32_t up = UINT32_MAX, back = UINT32_MAX;
        bool there = topology_upstream(t, r, down, &up);
        cr_assert_eq(there ? up : UINT32_MAX, ups[down], "downstream %u", down);
        if (there) {
            cr_assert(topology_downstream(t, r, up, &back));
            cr_assert_eq(back, down);
        }
    }
    topology_free(t);
    plan_free(p);
}

Test(engine_topology, direct_edges)
{
    static const struct {
        int32_t up_first;
        uint32_t n_up;
        enum plan_mapping mapping;
        uint32_t previous;
        uint32_t ups[4];
    } cases[] = {
        {JAN_1, 4, PLAN_SAME, 0, {0, 1, 2, 3}},
        {JAN_1 + 1, 2, PLAN_SAME, 0, {UINT32_MAX, 0, 1, UINT32_MAX}}, /* another range: what is missing counts as met */
        {JAN_1 - 2, 9, PLAN_SAME, 0, {2, 3, 4, 5}},
        {JAN_1, 4, PLAN_PREVIOUS, 1, {UINT32_MAX, 0, 1, 2}},
        {JAN_1, 4, PLAN_PREVIOUS, 3, {UINT32_MAX, UINT32_MAX, UINT32_MAX, 0}},
        {JAN_1 - 1, 4, PLAN_PREVIOUS, 1, {0, 1, 2, 3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan *p = fx_plan();
        uint32_t up = fx_step(p, PLAN_DAY, cases[i].up_first, cases[i].n_up, PLAN_NO_INDEX);
        uint32_t down = fx_step(p, PLAN_DAY, JAN_1, 4, PLAN_NO_INDEX);
        fx_edge(p, down, up, cases[i].mapping, cases[i].previous);
        direct(p, cases[i].ups, 4);
    }
}

Test(engine_topology, gates_of_months_and_days)
{
    struct plan *p = fx_plan();
    uint32_t months = fx_step(p, PLAN_MONTH, JAN, 2, PLAN_NO_INDEX);
    uint32_t days = fx_step(p, PLAN_DAY, JAN_1 + 10, 50, PLAN_NO_INDEX);       /* 01-11 to 02-29 */
    uint32_t back = fx_step(p, PLAN_MONTH, JAN, 3, PLAN_NO_INDEX);
    uint32_t whole = fx_step(p, PLAN_NONE, 0, 1, PLAN_NO_INDEX);
    fx_edge(p, days, months, PLAN_CONTAINING, 0);
    fx_edge(p, back, days, PLAN_CONTAINED, 0);
    fx_edge(p, whole, days, PLAN_ALL, 0);
    struct topology *t = topology_new(fx_plan_done(p));
    static const struct gate_rule expected[] = {
        {0, 0, 1, 0, 21}, {0, 1, 1, 21, 29},
        {1, 0, 21, 0, 1}, {1, 21, 29, 1, 1}, {1, 0, 0, 2, 1},                  /* no day of March: open from the start */
        {2, 0, 50, 0, 1},
    };
    cr_assert_eq(t->n_gates, 6u);
    for (uint32_t i = 0; i < 6; i++) {
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

Test(engine_topology, weights_are_the_longest_way)
{
    struct plan *p = fx_plan();
    uint32_t a = fx_step(p, PLAN_DAY, JAN_1, 5, PLAN_NO_INDEX), b = fx_step(p, PLAN_DAY, JAN_1, 5, PLAN_NO_INDEX);
    uint32_t c = fx_step(p, PLAN_DAY, JAN_1, 5, PLAN_NO_INDEX);
    fx_edge(p, b, a, PLAN_SAME, 0);
    fx_edge(p, c, a, PLAN_SAME, 0);
    fx_edge(p, b, b, PLAN_PREVIOUS, 2);
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
