/* Canaries on a simulated host: loads at random, unreadable ones; agents that may not, hang, tell too much or of what is not theirs. */
#include "coordinator/sim/world.h"

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
        ret->value_us = (int64_t)world_random(w, 2000000);
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
