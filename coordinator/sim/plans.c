/* See plans.h. */
#include "coordinator/sim/plans.h"

#include <string.h>

#include "coordinator/sim/world.h"

enum { OWN_EVERY = 8 };

void sim_plans_done(struct sim_plans *p)
{
    for (size_t i = 0; i < p->n; i++)
        plan_free(p->at[i].plan);
    bf_vec_free(p);
}

static struct plan *find(const struct sim_plans *p, const uint8_t key[32])
{
    for (size_t i = 0; i < p->n; i++)
        if (memcmp(p->at[i].key, key, 32) == 0)
            return plan_keep(p->at[i].plan);
    return NULL;
}

void sim_plans_life(struct world *w)
{
    if (w->stats.crashes % OWN_EVERY == OWN_EVERY - 1)
        sim_plans_done(&w->plans);
}

struct plan *sim_plan_known(void *world, const uint8_t key[32])
{
    return find(&((const struct world *)world)->plans, key);
}

void sim_plan_made(void *world, const uint8_t key[32], const struct plan *plan)
{
    struct world *w = world;
    struct plan *known = find(&w->plans, key);
    if (known) {
        plan_free(known);
        return;
    }
    struct sim_known_plan *made = bf_vec_add(&w->plans);
    memcpy(made->key, key, 32);
    made->plan = plan_keep(plan);
}

static struct plan *compile(const struct bf_buf *bundle, const char *from, const char *to)
{
    struct plan_source source = {0};
    struct bf_error err = {0};
    struct bf_diags diags = {0};
    struct plan_options o = {.from = *from ? from : NULL, .to = *to ? to : NULL};
    struct plan *plan = plan_bundle_decode(bundle->data, bundle->len, &source, &err) == BF_OK ? plan_compile(&source, &o, &diags) : NULL;
    bf_diags_done(&diags);
    plan_source_done(&source);
    return plan;
}

struct plan *sim_plan_of(struct world *w, const uint8_t source_hash[32], const char *from, const char *to)
{
    uint8_t key[32];
    struct plan *plan = NULL;
    bool stored = false;
    engine_plan_key(source_hash, from, to, NULL, 0, key);
    for (size_t i = 0; i < w->store.plans.n && !stored; i++) {
        stored = memcmp(w->store.plans.at[i].hash, source_hash, 32) == 0;
        if (stored && !(plan = find(&w->plans, key)))
            plan = compile(&w->store.plans.at[i].bytes, from, to);
    }
    return plan;
}
