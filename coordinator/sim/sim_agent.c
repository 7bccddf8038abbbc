/* A simulated host: the real agent core, a guardian that kills at the deadline, and processes that live on by themselves.
 *
 * A paused agent hears nothing and does nothing; its guardian and its processes go on.  When the agent is killed, the guardian kills
 * its processes within K and only then may another agent start on the host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/sim/shadow.h"
#include "coordinator/sim/weather.h"
#include "coordinator/sim/world.h"

static int64_t agent_clock_ms(const struct world *w, const struct sim_agent *a)
{
    return sim_clock_boot_ms(&a->clock, w->now_ms);
}

static void set_timer(struct world *w, struct sim_agent *a)
{
    int64_t due = core_next_timer_ms(a->core);
    if (due == INT64_MAX)
        return;
    int64_t at = sim_clock_when_ms(&a->clock, due);
    world_push(w, (struct sim_event){.at_ms = at > w->now_ms ? at : w->now_ms + 1, .kind = SIM_AGENT_TIMER, .node = a->node,
                                     .number = ++a->timer});
}

static struct outcome random_outcome(struct world *w, bool well)
{
    static const struct outcome outcomes[] = {
        {.source = OUTCOME_OK}, {.source = OUTCOME_EXIT, .code = 1}, {.source = OUTCOME_EXIT, .code = 75},
        {.source = OUTCOME_SIGNAL, .code = 11}, {.source = OUTCOME_OOM, .code = OOM_OWN_LIMIT}, {.source = OUTCOME_OOM, .code = OOM_HOST},
        {.source = OUTCOME_SKIP}, {.source = OUTCOME_EXIT, .code = 127}};
    /* of a hundred: so many end like the first, the second, … */
    static const uint8_t below[] = {88, 92, 94, 95, 96, 97, 99, 100};
    static const struct outcome checks[] = {{.source = OUTCOME_CHECK, .code = CHECK_ERROR}, {.source = OUTCOME_CHECK, .code = CHECK_HALT}};
    static const char *const details[] = {"", "{\"metrics\":{\"rows\":1}}", "{\"checks\":[{\"name\":\"unique\",\"status\":\"failed\"}]}"};
    uint64_t dice = well ? 0 : world_random(w, 100);
    size_t kind = 0;
    while (dice >= below[kind])
        kind++;
    struct outcome o = outcomes[kind];
    if (!well && (dice == 99 || world_chance(w, 1)))
        o = checks[world_random(w, 2)];
    o.sqlstate = o.dbms = "";
    o.details = details[o.source == OUTCOME_CHECK ? 2 : world_random(w, 2)];
    o.text = "simulated";
    o.rows = -1;
    o.usage = (struct attempt_usage){.wall_us = 1, .cpu_us = (int64_t)world_random(w, 10000000),
                                     .peak_memory_bytes = world_random(w, 1u << 30),
                                     .read_bytes = world_random(w, 1u << 20), .measured_by = 2};
    o.usage.throttled_us = o.usage.cpu_us / 3;
    o.usage.peak_pids = 1 + (uint32_t)(o.usage.read_bytes % 70000);
    o.usage.limits_hit = (uint8_t)(o.usage.read_bytes % (HOST_LIMITS + 1));
    return o;
}

/* A sensor's look: a query outside of every transaction, which the fence knows nothing of. */
static bool is_look(const struct assignment *as)
{
    return as->kind == STEP_SQL && strstr(as->spec, "\"do\":\"look\"") != NULL;
}

/* Whatever it was given ahead. */
static void check_slots(struct world *w, const struct sim_agent *a)
{
    uint32_t alive = 0;
    for (size_t i = 0; i < a->processes.n; i++)
        alive += a->processes.at[i].ends_ms > w->now_ms;
    if (alive > a->claimed_slots)
        world_violate(w, "I6: %s runs %u attempts in %u slots", a->name, alive, a->claimed_slots);
}

void sim_process_begin(struct world *w, struct sim_agent *a, const struct assignment *as)
{
    struct choice_frame outer;
    bool on = choice_within(w, CHOICE_PROCESS, a->node, &outer), session = as->kind == STEP_SQL && !is_look(as);
    struct outcome outcome = random_outcome(w, !on);
    if (on && is_look(as) && outcome.source == OUTCOME_OK && world_chance(w, 70))
        outcome.source = OUTCOME_NOT_YET;
    if (on)
        (void)weather_strikes(w, a->node, as, &outcome);
    uint64_t most_ms = on && world_chance(w, 10) ? world_chance(w, 15) ? 50000 : 15000 : w->brisk ? 25 : 400;
    struct sim_process p = {.ref = as->ref, .outcome = outcome, .ends_ms = w->now_ms + 1 + (int64_t)world_random(w, most_ms)};
    p.outcome.usage.wall_us = (p.ends_ms - w->now_ms) * 1000;
    if (p.outcome.source != OUTCOME_OK || p.ends_ms > w->now_ms + 400)
        choice_used(w);
    choice_end(w, &outer);
    p.instance = shadow_process_started(w->shadow, as, a);
    if (w->now_ms < a->frozen_until_ms)               /* its host came to a stand while it was being started */
        shadow_process_ended(w->shadow, p.instance, as->ref.attempt);
    world_trace(w, "%s starts %s[%s] attempt %llu", a->name, as->step, as->partition, (unsigned long long)as->ref.attempt);
    w->stats.attempts++;
    if (session)
        p.ends_ms = INT64_MAX;                        /* when its session says so */
    bf_vec_push(&a->processes, p);
    check_slots(w, a);
    if (w->now_ms < a->frozen_until_ms)               /* it began to stand still within this turn of the agent */
        shadow_process_ended(w->shadow, p.instance, as->ref.attempt);
    if (session)
        sim_session_open(w, a, as, p.instance, &p.outcome);
    else
        world_push(w, (struct sim_event){.at_ms = p.ends_ms, .kind = SIM_PROCESS_END, .node = a->node, .number = as->ref.attempt});
}

/* SIGKILL to one process: it ends soon. */
static void kill_process(struct world *w, struct sim_agent *a, uint64_t attempt, int64_t within_ms)
{
    for (size_t i = 0; i < a->processes.n; i++) {
        struct sim_process *p = &a->processes.at[i];
        if (p->ref.attempt != attempt || p->killed)
            continue;
        p->killed = true;
        p->outcome.source = OUTCOME_SIGNAL;
        p->outcome.code = 9;
        int64_t at = w->now_ms + (int64_t)world_random(w, (uint64_t)within_ms);
        if (at < p->ends_ms) {
            p->ends_ms = at;
            world_push(w, (struct sim_event){.at_ms = at, .kind = SIM_PROCESS_END, .node = a->node, .number = attempt});
        }
    }
}

void sim_process_kill(struct world *w, struct sim_agent *a, uint64_t attempt)
{
    kill_process(w, a, attempt, 50);
}

static void fence_at(struct world *w, const struct sim_agent *a, int64_t at_ms)
{
    world_push(w, (struct sim_event){.at_ms = at_ms > w->now_ms ? at_ms : w->now_ms, .kind = SIM_GUARDIAN, .node = a->node,
                                     .number = a->generation});
}

/* Drained: its process ends by itself, and somebody starts another one. */
static void leave(struct world *w, struct sim_agent *a)
{
    world_trace(w, "%s leaves", a->name);
    a->up = a->paused = false;
    a->timer++;
    a->previous = a->mute ? 0 : a->generation;
    world_push(w, (struct sim_event){.at_ms = w->now_ms + 1000 + (int64_t)world_random(w, 20000), .kind = SIM_AGENT_START,
                                     .node = a->node, .number = a->generation});
}

static void carry_out(struct world *w, struct sim_agent *a, const struct core_action *act)
{
    switch (act->kind) {
    case ACTION_SEND:
        world_trace_msg(w, a->name, "coordinator", act->msg);
        bf_buf_clear(&w->said);
        agent_msg_encode(act->msg, &w->said);
        if (!net_send(w, a->node, SIM_NODE_COORDINATOR, &w->said) && act->msg->kind == AGENT_HELLO)
            a->order_lost_ms = w->now_ms;
        break;
    case ACTION_SPAWN:
        if (!sim_start_begin(w, a, act->assignment))
            sim_process_begin(w, a, act->assignment);
        break;
    case ACTION_TERM: sim_start_give_up(w, a, act->ref.attempt, false); break;       /* those that run ignore it */
    case ACTION_KILL:
        sim_start_give_up(w, a, act->ref.attempt, true);
        sim_process_kill(w, a, act->ref.attempt);
        sim_closing_cut(w, a, act->ref.attempt);
        break;
    case ACTION_DEADLINE:
        a->deadline_ms = act->deadline_ms;
        fence_at(w, a, sim_clock_when_ms(&a->clock, act->deadline_ms));
        break;
    case ACTION_LEAVE: leave(w, a); break;
    }
}

void sim_core_feed(struct world *w, struct sim_agent *a, struct core_event ev)
{
    struct core_actions *actions;
    struct attempt_ref spawned[64];
    size_t n_spawned = 0;
    ev.at_us = sim_clock_wall_us(&a->clock, w->now_ms);
    core_step(a->core, &ev, agent_clock_ms(w, a), &actions);
    for (size_t i = 0; i < actions->n; i++) {
        const struct core_action *act = &actions->at[i];
        carry_out(w, a, act);
        bool executed = act->kind == ACTION_SPAWN && !sim_start_is_under_way(a, act->assignment->ref.attempt);
        if (executed && n_spawned < sizeof spawned / sizeof *spawned)
            spawned[n_spawned++] = act->assignment->ref;
    }
    for (size_t i = 0; i < n_spawned; i++)
        sim_core_feed(w, a, (struct core_event){.kind = CORE_SPAWNED, .ref = spawned[i]});
    set_timer(w, a);
}

/* Zones a to c, and one without a label; a host moves on with every third start. */
static struct agent_label zone_of(const struct sim_agent *a)
{
    static const char *const zones[] = {"a", "b", "c"};
    return (struct agent_label){.name = "zone", .value = zones[(a->node + a->starts / 3) % 3]};
}

/* Of those that ended while an earlier life stood still nobody takes note any more. */
static void forget_dead(struct world *w, struct sim_agent *a)
{
    for (size_t i = a->processes.n; i-- > 0;) {
        if (a->processes.at[i].ends_ms > w->now_ms)
            continue;
        shadow_process_ended(w->shadow, a->processes.at[i].instance, a->processes.at[i].ref.attempt);
        a->processes.at[i] = a->processes.at[--a->processes.n];
    }
}

void sim_agent_start(struct world *w, struct sim_agent *a)
{
    if (a->up)
        return;
    if (w->now_ms < a->frozen_until_ms) {
        world_push(w, (struct sim_event){.at_ms = a->frozen_until_ms, .kind = SIM_AGENT_START, .node = a->node, .number = a->generation});
        return;
    }
    core_free(a->core);
    forget_dead(w, a);
    a->claimed_slots = sim_claimed_slots(w, a);
    a->zone = zone_of(a);
    snprintf(a->boot_id, sizeof a->boot_id, "00000000-0000-0000-0000-%012u", a->boots);
    a->generation = (uint64_t)a->node << 32 | ++a->starts;
    struct core_settings s = {.incarnation = a->generation, .hello_retry_ms = 1000, .started_pause_ms = 20, .ended_pause_ms = 5,
                              .hello = {.protocol = AGENT_PROTOCOL_VERSION, .name = a->name, .version = "sim",
                                        .boot_id = a->boot_id, .previous = a->previous, .slots = a->claimed_slots,
                                        .fence = FENCE_CGROUP_V2, .cpu_milli = a->node % 2 ? 2000 : 4000, .memory_bytes = UINT64_C(8) << 30,
                                        .labels = &a->zone, .n_labels = a->node % 4 != 3,
                                        .enforced = HOST_LIMITS & a->node}};
    a->core = core_new(&s);
    a->up = true;
    a->paused = a->order_under_way = a->order_waits = false;
    a->n_probes = 0;
    bf_vec_clear(&a->closings);
    bf_vec_clear(&a->starting);
    a->deadline_ms = INT64_MIN;
    world_trace(w, "%s starts, incarnation %llx, previous %llx", a->name, (unsigned long long)a->generation,
                (unsigned long long)a->previous);
    sim_core_feed(w, a, (struct core_event){.kind = CORE_CONNECTED});
}

/* The guardian kills what is left within K, writes down that it did, and a new agent may start. */
void sim_agent_kill(struct world *w, struct sim_agent *a)
{
    if (!a->up)
        return;
    world_trace(w, "fault kill %s", a->name);
    a->up = a->paused = false;
    a->timer++;
    for (size_t i = 0; i < a->processes.n; i++)
        kill_process(w, a, a->processes.at[i].ref.attempt, w->lease.fence_ms);
    a->mute = a->mute || (!w->guardians_tell && world_chance(w, 50));
    a->previous = a->mute ? 0 : a->generation;
    world_push(w, (struct sim_event){.at_ms = w->now_ms + w->lease.fence_ms + (int64_t)world_random(w, 20000), .kind = SIM_AGENT_START,
                                     .node = a->node, .number = a->generation});
}

/* All of the host ends at once, and the next boot knows it by the boot id: it speaks for every life before (agent/state.c). */
void sim_agent_reboot(struct world *w, struct sim_agent *a)
{
    world_trace(w, "fault reboot of the host of %s", a->name);
    a->up = a->paused = a->mute = false;
    a->timer++;
    a->boots++;
    a->frozen_until_ms = 0;
    for (size_t i = a->processes.n; i-- > 0;) {
        a->processes.at[i].ends_ms = w->now_ms;
        sim_process_end(w, a, a->processes.at[i].ref.attempt);
    }
    a->previous = a->generation;
    sim_clock_reboot(&a->clock, w->now_ms);
    int64_t up_ms = w->now_ms + 1000 + (int64_t)world_random(w, 30000);
    world_push(w, (struct sim_event){.at_ms = up_ms, .kind = SIM_AGENT_START, .node = a->node, .number = a->generation});
}

/* The guardian stands still as well, so the promise of I1 is void for what runs there now: only the warehouse's fence holds. */
void sim_agent_freeze(struct world *w, struct sim_agent *a)
{
    int64_t until_ms = w->now_ms + 5000 + (int64_t)world_random(w, 55000);
    sim_fault_note(w, SIM_FAULT_HOST_FREEZE);
    world_trace(w, "fault freeze the host of %s until %.3f", a->name, (double)until_ms / 1000);
    a->frozen_until_ms = until_ms;
    a->paused = a->up;
    for (size_t i = 0; i < a->processes.n; i++)
        shadow_process_ended(w->shadow, a->processes.at[i].instance, a->processes.at[i].ref.attempt);
    world_push(w, (struct sim_event){.at_ms = until_ms, .kind = SIM_FAULT, .node = a->node, .number = a->generation});
}

void sim_agent_thaw(struct world *w, struct sim_agent *a)
{
    a->frozen_until_ms = w->now_ms;
    world_trace(w, "the host of %s goes on", a->name);
    /* The agent is the last that is scheduled again: no order from outside saves us, only the guardian and the fence. */
    int64_t at_ms = w->now_ms + (int64_t)world_random(w, 2 * (uint64_t)w->lease.fence_ms);
    world_push(w, (struct sim_event){.at_ms = at_ms, .kind = SIM_FAULT, .node = a->node, .number = a->generation});
    fence_at(w, a, w->now_ms);
}

/* It is acted on from now on, however long ago it was given. */
static void hear_order(const struct world *w, struct sim_agent *a)
{
    if (a->order_waits)
        a->order_lost_ms = w->now_ms;
    a->order_under_way = a->order_waits = false;
}

void sim_agent_message(struct world *w, struct sim_agent *a, const uint8_t *p, size_t n)
{
    struct agent_msg m = {0};
    struct bf_error err = {0};
    if (!a->up)
        return;
    a->n_probes = core_deadline_ms(a->core) > agent_clock_ms(w, a) ? a->n_probes : 0;
    if (agent_msg_decode(p, n, &m, &err) != BF_OK)
        world_violate(w, "codec: a message to an agent does not decode: %s", err.text);
    else if (m.incarnation == a->generation && m.kind == AGENT_PROBE)
        sim_probe_told(w, a, &m);
    else if (m.incarnation == a->generation) {
        if (m.kind == AGENT_KILL)
            hear_order(w, a);
        sim_core_feed(w, a, (struct core_event){.kind = CORE_MESSAGE, .msg = &m});
    }
    agent_msg_done(&m);
}

void sim_agent_timer(struct world *w, struct sim_agent *a)
{
    if (a->up && !a->paused)
        sim_core_feed(w, a, (struct core_event){.kind = CORE_TIMER});
}

void sim_agent_wake(struct world *w, struct sim_agent *a)
{
    if (!a->up || !a->paused)
        return;
    if (w->now_ms < a->frozen_until_ms) {
        world_push(w, (struct sim_event){.at_ms = a->frozen_until_ms, .kind = SIM_FAULT, .node = a->node});
        return;
    }
    a->paused = false;
    world_trace(w, "%s goes on", a->name);
    sim_start_hear(w, a);
    for (size_t i = 0; i < a->processes.n; i++)       /* ends that nobody took note of */
        if (a->processes.at[i].ends_ms <= w->now_ms)
            world_push(w, (struct sim_event){.at_ms = w->now_ms, .kind = SIM_PROCESS_END, .node = a->node,
                                             .number = a->processes.at[i].ref.attempt});
    for (size_t i = 0; i < a->closings.n; i++)
        if (a->closings.at[i].until_ms <= w->now_ms)
            sim_closing_cut(w, a, a->closings.at[i].ref.attempt);
    sim_core_feed(w, a, (struct core_event){.kind = CORE_TIMER});
}

void sim_process_result(struct world *w, struct sim_agent *a, uint64_t attempt, const struct outcome *o)
{
    for (size_t i = 0; i < a->processes.n; i++) {
        struct sim_process *p = &a->processes.at[i];
        if (p->ref.attempt != attempt || p->killed)
            continue;
        p->outcome = *o;
        p->ends_ms = w->now_ms;
        world_push(w, (struct sim_event){.at_ms = w->now_ms, .kind = SIM_PROCESS_END, .node = a->node, .number = attempt});
    }
}

void sim_process_end(struct world *w, struct sim_agent *a, uint64_t attempt)
{
    if (w->now_ms < a->frozen_until_ms) {
        world_push(w, (struct sim_event){.at_ms = a->frozen_until_ms, .kind = SIM_PROCESS_END, .node = a->node, .number = attempt});
        return;
    }
    for (size_t i = 0; i < a->processes.n; i++) {
        struct sim_process p = a->processes.at[i];
        if (p.ref.attempt != attempt || p.ends_ms > w->now_ms)
            continue;
        shadow_process_ended(w->shadow, p.instance, attempt);
        sim_session_client_gone(w, a, attempt);
        if (a->up && a->paused)
            return;                                   /* dead, but the agent does not know yet */
        a->processes.at[i] = a->processes.at[--a->processes.n];
        if (a->up && !sim_closing_begin(w, a, &p))
            sim_core_feed(w, a, (struct core_event){.kind = CORE_ENDED, .ref = p.ref, .outcome = &p.outcome});
        return;
    }
}

/* The deadline that was told last, on the agent's own clock; a renewed one has an event of its own. */
void sim_guardian(struct world *w, struct sim_agent *a, uint64_t generation)
{
    if (w->now_ms < a->frozen_until_ms && generation == a->generation) {
        fence_at(w, a, a->frozen_until_ms);
        return;
    }
    if (generation != a->generation || agent_clock_ms(w, a) < a->deadline_ms)
        return;
    for (size_t i = 0; i < a->processes.n; i++) {
        if (!a->processes.at[i].killed)
            world_trace(w, "guardian of %s fences attempt %llu", a->name, (unsigned long long)a->processes.at[i].ref.attempt);
        kill_process(w, a, a->processes.at[i].ref.attempt, w->lease.fence_ms);
    }
}
