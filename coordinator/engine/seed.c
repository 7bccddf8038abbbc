/* See seed.h.  What is here touches no engine but to add, take and drop. */
#include "coordinator/engine/seed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/internal.h"

struct engine_seed {
    const struct known_plan *known;
    struct known_plan *made;                     /* the same, where it was made for this seed */
    struct backfill *backfill;
};

/* ---- plans ---- */

struct known_plan *known_plan_new(const uint8_t key[32], struct plan *plan)
{
    struct known_plan *k = bf_xcalloc(1, sizeof *k);
    memcpy(k->key, key, sizeof k->key);
    k->plan = plan;
    k->topology = topology_new(plan);
    k->reach = alert_reach_new(k->topology);
    return k;
}

void known_plan_free(struct known_plan *k)
{
    if (!k)
        return;
    topology_free(k->topology);
    free(k->reach);
    plan_free(k->plan);
    free(k);
}

/* ---- laying out ---- */

static void make_instances(struct backfill *b)
{
    const struct topology *t = b->topology;
    b->instances = bf_xcalloc(t->n, sizeof *b->instances);
    b->usage = bf_xcalloc(t->n, sizeof *b->usage);
    for (uint32_t s = 0; s < b->plan->n_steps; s++)
        for (uint32_t i = 0; i < b->plan->steps[s].partitions->n; i++) {
            struct instance *in = &b->instances[t->first[s] + i];
            in->state = INSTANCE_WAITING;
            in->step = s;
            in->run = b->first_run;
        }
    b->gates = bf_xcalloc(t->n_gates, sizeof *b->gates);
    for (uint32_t g = 0; g < t->n_gates; g++)
        b->gates[g].upto = gate_released_at_start(&t->gates[g]);
}

static void take_classes(struct backfill *b)
{
    b->priority = bf_xcalloc(b->plan->n_steps, sizeof *b->priority);
    b->typical = bf_xcalloc(b->plan->n_steps, sizeof *b->typical);
    for (uint32_t s = 0; s < b->plan->n_steps; s++)
        b->priority[s] = (uint8_t)b->plan->steps[s].priority;
}

struct backfill *seed_lay_out(const struct known_plan *known, bool backward, uint32_t run)
{
    struct backfill *b = bf_xcalloc(1, sizeof *b);
    *b = (struct backfill){.state = BACKFILL_QUEUED, .known = known, .plan = known->plan, .topology = known->topology,
                           .backward = backward, .first_run = run};
    make_instances(b);
    b->by_step = bf_xcalloc(b->plan->n_steps, sizeof *b->by_step);
    take_classes(b);
    return b;
}

/* ---- beforehand ---- */

uint32_t engine_first_run(const struct engine *e)
{
    return first_run(e);
}

struct engine_seed *engine_seed_of_known(const struct known_plan *known, bool backward, uint32_t run)
{
    struct engine_seed *s = bf_xcalloc(1, sizeof *s);
    s->known = known;
    s->backfill = seed_lay_out(known, backward, run);
    edges_begin(s->backfill);
    return s;
}

struct engine_seed *engine_seed_new(const uint8_t key[32], struct plan *plan, bool backward, uint32_t run)
{
    struct known_plan *made = known_plan_new(key, plan);
    struct engine_seed *s = engine_seed_of_known(made, backward, run);
    s->made = made;
    return s;
}

const struct plan *engine_seed_plan(const struct engine_seed *s)
{
    return s->known->plan;
}

const struct topology *engine_seed_topology(const struct engine_seed *s)
{
    return s->known->topology;
}

void engine_seed_free(struct engine_seed *s)
{
    if (!s)
        return;
    backfill_free(s->backfill);
    known_plan_free(s->made);
    free(s);
}

void engine_add_seed(struct engine *e, struct engine_seed *s)
{
    const struct known_plan *known = plan_find(e, s->known->key);
    struct backfill *b = BF_TAKE(s->backfill);
    if (!known) {
        assert(s->made);                         /* what is known is not forgotten */
        known = s->made;
        plan_add(e, BF_TAKE(s->made));
    }
    b->known = known;                            /* the same plan, by its key: numbers of instances mean the same */
    b->plan = known->plan;
    b->topology = known->topology;
    bf_vec_push(&e->seeds, b);
    engine_seed_free(s);
}

static bool fits(const struct backfill *b, const struct known_plan *known, bool backward, uint32_t run)
{
    if (BF_PLANTED("seed_taken_anyhow") && b->known == known)
        return true;
    return b->known == known && b->backward == backward && b->first_run == run;
}

struct backfill *seed_take(struct engine *e, const struct known_plan *known, bool backward, uint32_t run)
{
    for (size_t i = 0; i < e->seeds.n; i++) {
        struct backfill *b = e->seeds.at[i];
        if (!fits(b, known, backward, run))
            continue;
        e->seeds.at[i] = e->seeds.at[--e->seeds.n];
        return b;
    }
    struct backfill *b = seed_lay_out(known, backward, run);
    edges_begin(b);
    return b;
}

void seeds_drop(struct engine *e)
{
    if (BF_PLANTED("seed_taken_anyhow"))
        return;
    while (e->seeds.n > 0)
        backfill_free(e->seeds.at[--e->seeds.n]);
}
