/* The probe of the warehouse, as the coordinator hears of it; and throttles for plans.  Half of the worlds have any.  Its chance is its
 * own, so that a world without is the same as if there were no probes. */
#include "coordinator/sim/world.h"

enum { EVERY_MS = 2000, TARGET_US = 500000, LIMIT_US = 2000000, VALUE_MOST_US = 3000000 };

static uint64_t chance(struct world *w, uint64_t below)
{
    return bf_prng_below(&w->probe.prng, below);
}

void sim_probe_init(struct world *w)
{
    bf_prng_seed(&w->probe.prng, w->options.seed ^ 0x70726f6265);
    w->probe.on = chance(w, 2) == 0;
    w->probe.value_us = TARGET_US / 4;
    if (w->probe.on)
        world_push(w, (struct sim_event){.at_ms = w->now_ms + 500, .kind = SIM_PROBE});
}

void sim_probe_throttle(struct world *w, uint32_t slots, struct bf_buf *ret)
{
    if (!w->probe.on || chance(w, 100) < 25)
        return;
    uint32_t max = 1 + (uint32_t)chance(w, slots), min = 1 + (uint32_t)chance(w, max);
    bf_buf_printf(ret, ", throttle: {algorithm: %s, min: %u, max: %u}", chance(w, 2) ? "gradient" : "aimd", chance(w, 3) ? 1 : min, max);
}

void sim_probe_words(const struct world *w, struct bf_buf *ret)
{
    if (w->probe.on)
        bf_buf_printf(ret, ", probe: {sql: select 1, every: %dms, target: %dms, limit: %dms}", EVERY_MS, TARGET_US / 1000, LIMIT_US / 1000);
}

/* It wanders by up to a third of itself, and back to a quarter of the target. */
static void wander(struct world *w)
{
    struct sim_probe *p = &w->probe;
    p->value_us += (TARGET_US / 4 - p->value_us) / 16 + p->value_us * ((int64_t)chance(w, 67) - 33) / 100;
    p->value_us = p->value_us < 1000 ? 1000 : p->value_us > VALUE_MOST_US ? VALUE_MOST_US : p->value_us;
    if (world_faulty(w) && chance(w, 100) < 2)
        p->spike_until_ms = w->now_ms + (int64_t)chance(w, 15000);
    if (world_faulty(w) && chance(w, 100) < 2)
        p->mute_until_ms = w->now_ms + (int64_t)chance(w, 40000);
}

void sim_probe_act(struct world *w)
{
    static const char *const whys[] = {"the query gave NULL", "no agent could run it", "it took more than 60 s"};
    struct sim_probe *p = &w->probe;
    wander(w);
    bool mute = w->now_ms < p->mute_until_ms, spike = w->now_ms < p->spike_until_ms;
    world_push(w, (struct sim_event){.at_ms = w->now_ms + EVERY_MS / 2 + (int64_t)chance(w, EVERY_MS), .kind = SIM_PROBE});
    if (!w->coordinator_up || w->now_ms < w->stopped_until_ms || (mute && chance(w, 2)))
        return;
    struct input_probe in = {.connection = "wh", .readable = !mute, .value_us = spike ? LIMIT_US + p->value_us : p->value_us, .why = ""};
    if (mute)
        in.why = whys[chance(w, 3)];
    turn_probe(w->turns, &in);
    sim_coordinator_schedule(w, w->now_ms + 1);
}
