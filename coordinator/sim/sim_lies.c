/* Agents that lie: their key is good, and what they say is not.  Nothing of it may change what is another's, or what is not current. */
#include <string.h>

#include "coordinator/sim/shadow.h"
#include "coordinator/sim/world.h"

enum { NEVER_GRANTED = 1000000, CLAIMED_SLOTS_MAX = 24, HELD_MAX = 64 };

static void say(struct world *w, const struct sim_agent *a, const struct agent_msg *m)
{
    struct bf_buf bytes = {0};
    world_trace_msg(w, a->name, "coordinator (a lie)", m);
    agent_msg_encode(m, &bytes);
    net_send(w, a->node, SIM_NODE_COORDINATOR, &bytes);
    bf_buf_free(&bytes);
}

static bool say_ended(struct world *w, const struct sim_agent *a, const struct attempt_ref *ref)
{
    int64_t at_us = sim_clock_wall_us(&a->clock, w->now_ms);
    struct agent_report report = {.ref = *ref, .kind = REPORT_ENDED, .started_us = at_us, .ended_us = at_us,
                                  .outcome = {.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .details = "{\"checks\":[]}",
                                              .text = "a lie", .rows = -1}};
    say(w, a, &(struct agent_msg){.kind = AGENT_REPORT, .incarnation = a->generation, .reports = &report, .n_reports = 1, .text = ""});
    return true;
}

/* It says that an attempt of another agent has ended well: token and all are right, only the key is not (I11). */
static bool lie_attempt(struct world *w, struct sim_agent *a)
{
    struct attempt_ref ref;
    return shadow_attempt_of_another(w->shadow, a->key, &ref) && say_ended(w, a, &ref);
}

/* Of its own attempt, which may be over, with a token that was never given or that is over (I2). */
static bool lie_token(struct world *w, struct sim_agent *a)
{
    struct attempt_ref ref;
    if (a->processes.n > 0)
        ref = a->processes.at[world_random(w, a->processes.n)].ref;
    else if (!shadow_attempt_of(w->shadow, a->key, world_random(w, 64), &ref))
        return false;
    ref.token += world_chance(w, 50) ? 1 + world_random(w, 3) : (uint64_t)0 - (1 + world_random(w, 3));
    return say_ended(w, a, &ref);
}

/* What it holds in truth: a liar does not deny that its own processes run, or will (nothing can be done about that, see
 * docs/guarantees.md). */
static size_t put_held(const struct sim_agent *a, struct attempt_ref *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < a->processes.n && n < HELD_MAX; i++)
        ret[n++] = a->processes.at[i].ref;
    for (size_t i = 0; i < a->starting.n && n < HELD_MAX; i++)
        if (!a->starting.at[i].executed)
            ret[n++] = a->starting.at[i].assignment->ref;
    return n + core_waiting(a->core, ret + n, HELD_MAX - n);
}

static struct agent_msg hello_of(struct sim_agent *a)
{
    return (struct agent_msg){.kind = AGENT_HELLO, .incarnation = a->generation, .text = "",
                              .hello = {.protocol = AGENT_PROTOCOL_VERSION, .name = a->name, .version = "sim", .previous = a->previous,
                                        .boot_id = "00000000-0000-0000-0000-000000000000", .slots = a->slots, .fence = FENCE_CGROUP_V2,
                                        .cpu_milli = HOST_CPU_MILLI_MAX, .memory_bytes = HOST_BYTES_MAX, .enforced = HOST_LIMITS}};
}

/* It says that another agent's lives are over, or that it is one of them. */
static bool lie_previous(struct world *w, struct sim_agent *a)
{
    const struct sim_agent *other = &w->agents[world_random(w, w->n_agents)];
    if (other == a)
        return false;
    struct attempt_ref held[HELD_MAX];
    struct agent_msg m = hello_of(a);
    m.hello.held = held;
    m.hello.n_held = put_held(a, held);
    m.hello.previous = other->generation;
    /* What is granted to a life that never was ends with its lease; wait_for_fence would wait for its end for ever, as it says. */
    m.incarnation = world_chance(w, 50) && !w->guardians_tell ? other->generation : m.incarnation;
    say(w, a, &m);
    return true;
}

static bool lie_held(struct world *w, struct sim_agent *a)
{
    struct attempt_ref held[HELD_MAX + 2];
    struct agent_msg m = hello_of(a);
    size_t n = put_held(a, held);
    held[n++] = (struct attempt_ref){.attempt = NEVER_GRANTED + world_random(w, 1000), .token = 1};
    n += shadow_attempt_of_another(w->shadow, a->key, &held[n]);
    m.hello.held = held;
    m.hello.n_held = n;
    say(w, a, &m);
    return true;
}

void sim_lie(struct world *w, struct sim_agent *a)
{
    static const struct { enum sim_fault kind; bool (*tell)(struct world *, struct sim_agent *); } lies[] = {
        {SIM_FAULT_LIE_ATTEMPT, lie_attempt}, {SIM_FAULT_LIE_ATTEMPT, lie_attempt}, {SIM_FAULT_LIE_TOKEN, lie_token},
        {SIM_FAULT_LIE_PREVIOUS, lie_previous}, {SIM_FAULT_LIE_HELD, lie_held}};     /* twice: often there is no other's attempt */
    size_t i = world_random(w, sizeof lies / sizeof *lies);
    if (a->up && !a->paused && lies[i].tell(w, a))
        sim_fault_note(w, lies[i].kind);
}

/* A lie in the true HELLO: it is believed, and bounds what it is given and no more (I6). */
uint32_t sim_claimed_slots(struct world *w, const struct sim_agent *a)
{
    if (!choice_strikes(w, a->node, 10))
        return a->slots;
    sim_fault_note(w, SIM_FAULT_LIE_CAPACITY);
    return 1 + (uint32_t)world_random(w, CLAIMED_SLOTS_MAX);
}
