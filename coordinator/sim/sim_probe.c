/* The load of the warehouse: throttles and probes for plans, a load that wanders with spikes, and the canaries of simulated hosts that read
 * it: unreadable ones too; agents that may not, hang, tell too much or of what is not theirs.  Half of the worlds have any.  What plans say
 * and the load have a chance of their own, so that a world without is the same as if there were no probes. */
#include "coordinator/sim/world.h"

enum { EVERY_MS = 2000, TARGET_US = 500000, LIMIT_US = 2000000, VALUE_MOST_US = 3000000, WANDER_MS = 1000 };

static uint64_t chance(struct world *w, uint64_t below)
{
    return bf_prng_below(&w->probe.prng, below);
}

void sim_probe_init(struct world *w)
{
    bf_prng_seed(&w->probe.prng, w->options.seed ^ 0x70726f6265);
    w->probe.on = chance(w, 2) == 0;
    w->probe.value_us = TARGET_US / 4;
    w->probe.moved_ms = w->now_ms;
}

void sim_probe_throttle(struct world *w, uint32_t slots, struct bf_buf *ret)
{
    if (!w->probe.on || chance(w, 100) < 25)
        return;
    uint32_t max = 1 + (uint32_t)chance(w, slots), min = 1 + (uint32_t)chance(w, max);
    bf_buf_printf(ret, ", throttle: {algorithm: %s, min: %u, max: %u}", chance(w, 2) ? "gradient" : "aimd", chance(w, 3) ? 1 : min, max);
}

bool sim_probe_chance(struct world *w, uint32_t percent)
{
    return w->probe.on && chance(w, 100) < percent;
}

void sim_probe_bounds(struct world *w, struct op_request *ret)
{
    uint64_t dice = w->probe.on ? chance(w, 100) : 100;
    if (dice < 50) {
        ret->pool.floor = chance(w, 2) ? 1 + (uint32_t)chance(w, 4) : 0;
        ret->pool.ceiling = chance(w, 3) ? 1 + (uint32_t)chance(w, 6) : 0;
    } else if (dice < 70) {
        ret->pool_back = (uint32_t)chance(w, POOL_BACK_ALL + 1);
    }
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
}

/* As it is now: it moves once a second, whoever looks. */
static int64_t load_us(struct world *w)
{
    struct sim_probe *p = &w->probe;
    for (int i = 0; i < 60 && p->moved_ms + WANDER_MS <= w->now_ms; i++, p->moved_ms += WANDER_MS)
        wander(w);
    return w->now_ms < p->spike_until_ms ? LIMIT_US + p->value_us : p->value_us;
}

/* ---- canaries ---- */


static void say(struct world *w, struct sim_agent *a, const struct probe_reading *reading)
{
    struct bf_buf bytes = {0};
    struct probe_reading one = *reading;
    struct agent_msg m = {.kind = AGENT_PROBED, .incarnation = a->generation, .text = "", .probed = &one, .n_probed = 1};
    world_trace_msg(w, a->name, "coordinator", &m);
    agent_msg_encode(&m, &bytes);
    net_send(w, a->node, SIM_NODE_COORDINATOR, &bytes);
    bf_buf_free(&bytes);
}

static void again(struct world *w, const struct sim_agent *a, uint64_t id, int64_t in_ms)
{
    world_push(w, (struct sim_event){.at_ms = w->now_ms + in_ms, .kind = SIM_PROBE, .node = a->node, .number = id});
}

void sim_probe_told(struct world *w, struct sim_agent *a, const struct agent_msg *m)
{
    for (size_t i = 0; i < m->n_probes; i++) {
        bool known = false;
        for (size_t k = 0; k < a->n_probes; k++)
            known = known || a->probes[k].id == m->probes[i].id;
        if (!known)
            again(w, a, m->probes[i].id, 1 + (int64_t)world_random(w, 300));
    }
    for (size_t i = 0; i < m->n_probes; i++) {
        a->probes[i].id = m->probes[i].id;
        a->probes[i].every_ms = m->probes[i].every_ms;
    }
    a->n_probes = m->n_probes;
}

/* What it says of a canary; false: nothing. */
static bool some_reading(struct world *w, struct sim_agent *a, struct probe_reading *ret)
{
    uint64_t dice = world_random(w, 100);
    *ret = (struct probe_reading){.id = ret->id, .readable = dice < 70, .why = dice < 70 ? "" : "simulated"};
    if (dice < 70)
        ret->value_us = load_us(w);
    ret->refused = dice >= 95;
    if (dice >= 85 && dice < 90)
        a->probe_mute_until_ms = w->now_ms + (int64_t)world_random(w, 60000);
    return w->now_ms >= a->probe_mute_until_ms;
}

void sim_probe_due(struct world *w, struct sim_agent *a, uint64_t id)
{
    struct probe_reading reading = {.id = id};
    struct choice_frame outer;
    size_t i = 0;
    while (i < a->n_probes && a->probes[i].id != id)
        i++;
    if (i == a->n_probes || !a->up)
        return;
    again(w, a, id, a->probes[i].every_ms);
    if (a->paused || w->now_ms < a->frozen_until_ms)
        return;
    bool on = choice_within(w, CHOICE_PROCESS, a->node, &outer);
    bool heard = some_reading(w, a, &reading), lies = on && world_faulty(w) && world_chance(w, 5);
    choice_end(w, &outer);
    if (!on)
        reading = (struct probe_reading){.id = id, .readable = true, .value_us = 1000, .why = ""};
    if (heard || !on)
        say(w, a, &reading);
    if (!lies)
        return;
    reading.id = world_chance(w, 50) ? id : id + 1;          /* at once again; or of a giving that is not its own */
    say(w, a, &reading);
}
