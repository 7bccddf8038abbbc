/* See sim_create.h.  Its time comes from a stream of its own, so that a world without creates is the same as if they took none. */
#include "coordinator/sim/sim_create.h"

#include "coordinator/sim/world.h"

enum { QUICK_PERCENT = 40, QUICK_MS = 3, SLOW_MS = 2500 };

void sim_creates_init(struct world *w)
{
    bf_prng_seed(&w->creates.prng, w->options.seed ^ 0x637265617465);
}

enum bf_rc sim_create_put(void *world, struct turn_create *create, struct bf_error *err)
{
    (void)err;
    struct world *w = world;
    bool quick = bf_prng_below(&w->creates.prng, 100) < QUICK_PERCENT;
    int64_t takes_ms = 1 + (int64_t)bf_prng_below(&w->creates.prng, quick ? QUICK_MS : SLOW_MS);
    bf_vec_push(&w->creates.at, create);
    world_push(w, (struct sim_event){.at_ms = w->now_ms + takes_ms, .kind = SIM_CREATE, .number = w->coordinator_generation});
    return BF_OK;
}

void sim_create_due(struct world *w, uint64_t generation)
{
    if (generation != w->coordinator_generation)
        return;
    if (w->now_ms < w->stopped_until_ms) {
        world_push(w, (struct sim_event){.at_ms = w->stopped_until_ms, .kind = SIM_CREATE, .number = generation});
        return;
    }
    struct turn_create *c = w->creates.at.at[w->creates.first++];
    turn_create_work(c);
    turn_created(w->turns, c);
    sim_coordinator_schedule(w, w->now_ms + 1);
}

void sim_creates_forget(struct world *w)
{
    for (size_t i = w->creates.first; i < w->creates.at.n; i++)
        turn_create_free(w->creates.at.at[i]);
    bf_vec_free(&w->creates.at);
    w->creates.first = 0;
}
