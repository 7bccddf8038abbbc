/* Faults that strike at a moment.  What the network does to each message is in world.c, what becomes of commits and stored values in
 * sim_store.c, old copies of the store in sim_restore.c, lies in sim_lies.c, and sessions in warehouse.c. */
#include "coordinator/sim/shadow.h"
#include "coordinator/sim/world.h"

#define YEAR_MS (INT64_C(365) * 86400000)

bool world_faulty(const struct world *w)
{
    return !w->options.calm && w->now_ms < w->faults_until_ms;
}

static void fault_cut(struct world *w, struct sim_agent *a)
{
    a->cut_in = world_chance(w, 66);
    a->cut_out = !a->cut_in || world_chance(w, 50);
    a->cut_until_ms = w->now_ms + 500 + (int64_t)world_random(w, 30000);
    sim_fault_note(w, a->cut_in && a->cut_out ? SIM_FAULT_NET_CUT_BOTH : a->cut_in ? SIM_FAULT_NET_CUT_IN : SIM_FAULT_NET_CUT_OUT);
    world_trace(w, "fault cut %s%s%s for %.1f s", a->name, a->cut_in ? " deaf" : "", a->cut_out ? " mute" : "",
                (double)(a->cut_until_ms - w->now_ms) / 1000);
}

static void fault_pause(struct world *w, struct sim_agent *a)
{
    if (!a->up || a->paused)
        return;
    sim_fault_note(w, SIM_FAULT_AGENT_STOP);
    a->paused = true;
    int64_t until_ms = w->now_ms + 200 + (int64_t)world_random(w, 30000);
    world_trace(w, "fault stop %s until %.3f", a->name, (double)until_ms / 1000);
    world_push(w, (struct sim_event){.at_ms = until_ms, .kind = SIM_FAULT, .node = a->node, .number = a->generation});
}

static void fault_kill(struct world *w, struct sim_agent *a)
{
    if (!a->up || w->now_ms < a->frozen_until_ms)
        return;
    sim_fault_note(w, SIM_FAULT_AGENT_KILL);
    sim_agent_kill(w, a);
}

static void fault_freeze(struct world *w, struct sim_agent *a)
{
    w->freeze_next = world_chance(w, 75);
    if (!w->freeze_next && w->now_ms >= a->frozen_until_ms)
        sim_agent_freeze(w, a);
}

static void fault_reboot(struct world *w, struct sim_agent *a)
{
    sim_fault_note(w, SIM_FAULT_AGENT_REBOOT);
    sim_agent_reboot(w, a);
}

/* SIGSTOP: it hears nothing and lets nothing go, and finds it all in its sockets when it goes on. */
static void fault_stop(struct world *w)
{
    if (!w->coordinator_up)
        return;
    sim_fault_note(w, SIM_FAULT_COORDINATOR_STOP);
    w->stopped_until_ms = w->now_ms + 200 + (int64_t)world_random(w, world_chance(w, 70) ? 3000 : 40000);
    world_trace(w, "fault stop the coordinator until %.3f", (double)w->stopped_until_ms / 1000);
}

static void fault_coordinator(struct world *w, enum sim_fault kind)
{
    if (!w->coordinator_up)
        return;
    sim_fault_note(w, kind);
    sim_coordinator_stop(w, kind == SIM_FAULT_COORDINATOR_REBOOT ? "its host reboots" : "killed");
    if (kind == SIM_FAULT_COORDINATOR_REBOOT)
        sim_clock_reboot(&w->clock, w->now_ms);
}

static void fault_low(struct world *w)
{
    w->low_until_ms = w->now_ms + 200 + (int64_t)world_random(w, 20000);
    sim_fault_note(w, SIM_FAULT_STORE_LOW);
    world_trace(w, "fault the store is short of room until %.3f", (double)w->low_until_ms / 1000);
    sim_coordinator_schedule(w, w->now_ms);
    world_push(w, (struct sim_event){.at_ms = w->low_until_ms, .kind = SIM_ROOM});
}

/* Somebody sets a clock: by seconds, or by up to a year. */
static void fault_wall(struct world *w, struct sim_agent *a)
{
    bool own = world_chance(w, 60), back = world_chance(w, 50);
    struct sim_clock *c = own ? &w->clock : &a->clock;
    int64_t by_ms = 1 + (int64_t)world_random(w, world_chance(w, 30) ? 30000 : YEAR_MS);
    sim_fault_note(w, back ? SIM_FAULT_CLOCK_BACK : SIM_FAULT_CLOCK_FORWARD);
    c->wall_offset_ms += back ? -by_ms : by_ms;
    world_trace(w, "fault the wall clock of %s jumps %s by %.1f s", own ? "the coordinator" : a->name, back ? "back" : "ahead",
                (double)by_ms / 1000);
}

/* A reload of the configuration gives the pool other slots, also fewer than are in use. */
static void fault_pool(struct world *w)
{
    uint32_t slots = (uint32_t)world_random(w, 5);
    if (!w->coordinator_up || w->now_ms < w->stopped_until_ms)
        return;
    sim_fault_note(w, SIM_FAULT_POOL_CHANGED);
    world_trace(w, "fault pool fixed has %u slots now", slots);
    turn_pool(w->turns, "fixed", slots);
    sim_coordinator_schedule(w, w->now_ms + 1);
}

/* Which commit it is that fails is seen when it comes. */
static void fault_commit(struct world *w)
{
    static const enum sim_crash kinds[] = {SIM_CRASH_BEFORE_COMMIT, SIM_CRASH_BEFORE_COMMIT, SIM_CRASH_AFTER_COMMIT, SIM_CRASH_AFTER_COMMIT,
                                           SIM_COMMIT_LOST, SIM_COMMIT_KEPT, SIM_COMMIT_FULL};
    w->crash_next = kinds[world_random(w, sizeof kinds / sizeof *kinds)];
}

void sim_fault_any(struct world *w)
{
    if (!world_faulty(w))
        return;
    bool on = choice_open(w, CHOICE_FAULT, 0);
    world_push(w, (struct sim_event){.at_ms = w->now_ms + 400 + (int64_t)world_random(w, 12000), .kind = SIM_FAULT});
    if (!on)
        return;
    choice_used(w);
    struct sim_agent *a = &w->agents[world_random(w, w->n_agents)];
    w->target = a->node;
    switch (world_random(w, 22)) {
    case 0: fault_coordinator(w, SIM_FAULT_COORDINATOR_KILL); break;
    case 1: fault_coordinator(w, world_chance(w, 50) ? SIM_FAULT_COORDINATOR_REBOOT : SIM_FAULT_COORDINATOR_KILL); break;
    case 2:
    case 3:
    case 4: fault_commit(w); break;
    case 5:
    case 6: fault_kill(w, a); break;
    case 7:
    case 8: fault_cut(w, a); break;
    case 9: fault_pause(w, a); break;
    case 10:
    case 11:
    case 21: sim_lie(w, a); break;
    case 12: fault_stop(w); break;
    case 13: fault_low(w); break;
    case 14: fault_wall(w, a); break;
    case 15: fault_freeze(w, a); break;
    case 16: fault_reboot(w, a); break;
    case 17: fault_pool(w); break;
    case 18:
    case 19: sim_backup(w); break;
    case 20: sim_restore_fault(w); break;
    }
}
