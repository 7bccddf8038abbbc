/* Where steps run, worked out again the slow way: what prefers its inputs goes to the agent that made most of them while that has room, and
 * waits for it no longer than its plan says, and only while it is full; what is spread goes where the fewest run; any other goes
 * to an agent that has left what it asks for, where there is one.
 *
 * No plan asks for labels here, so any agent that is connected, and let by its breaker, fits. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/engine/place.h"
#include "coordinator/engine/rerun.h"
#include "coordinator/sim/shadow_breakers.h"
#include "coordinator/sim/shadow_place.h"
#include "coordinator/sim/shadow_rerun.h"

enum { IDLE_TURNS_MAX = 16, AGENTS_MAX = 64, INPUTS_LOOKED_AT_MAX = 64 };

struct shadow_agent *shadow_agent_find(struct shadow *s, uint32_t id)
{
    for (size_t i = 0; i < s->agents.n; i++)
        if (s->agents.at[i].id == id)
            return &s->agents.at[i];
    return NULL;
}

bool shadow_agent_fits(const struct shadow *s, const struct shadow_agent *a)
{
    return a && a->state == AGENT_CONNECTED && a->slots > 0 && shadow_breaker_lets_agent(s, a->id);
}

bool shadow_agent_has_room(const struct shadow_agent *a)
{
    return a->busy < a->slots;
}

static bool reads(const struct plan *p, const struct plan_step *st, uint32_t up)
{
    for (size_t o = 0; o < p->steps[up].n_outputs; o++)
        for (size_t i = 0; i < st->n_inputs; i++)
            if (p->steps[up].outputs[o] == st->inputs[i])
                return true;
    return false;
}

/* How many of its inputs each agent made, by id; false: they are more than are looked at. */
static bool count_made(const struct shadow_backfill *b, uint32_t step, uint32_t index, uint32_t ret[AGENTS_MAX])
{
    const struct plan_step *st = &b->plan->steps[step];
    uint32_t inputs = 0;
    memset(ret, 0, AGENTS_MAX * sizeof *ret);
    for (size_t e = 0; e < st->n_edges; e++) {
        const struct plan_partitions *up = b->plan->steps[st->edges[e].upstream].partitions;
        for (uint32_t u = 0; reads(b->plan, st, st->edges[e].upstream) && u < up->n; u++) {
            const struct shadow_cell *c = &b->cells[st->edges[e].upstream][u];
            bool made = c->made_by && c->end == CELL_DONE && c->made_by < AGENTS_MAX;
            if (!shadow_edge_needs(&st->edges[e], up, u, st->partitions, index))
                continue;
            inputs++;
            if (made)
                ret[c->made_by]++;
        }
    }
    return inputs <= INPUTS_LOOKED_AT_MAX;
}

static uint32_t most_made(struct shadow *s, const uint32_t made[AGENTS_MAX])
{
    uint32_t most = 0;
    for (uint32_t id = 1; id < AGENTS_MAX; id++)
        if (made[id] > most && shadow_agent_fits(s, shadow_agent_find(s, id)))
            most = made[id];
    return most;
}

/* Of a step that prefers its inputs; r->numbers say how its agent was chosen. */
static void check_preferred(struct shadow *s, const struct turn *t, const struct shadow_backfill *b, const struct record *r)
{
    const struct shadow_cell *c = &b->cells[r->step][r->index];
    const char *name = b->plan->steps[r->step].name;
    uint32_t made[AGENTS_MAX], near = (uint32_t)r->numbers[1];
    const struct shadow_agent *a = shadow_agent_find(s, near);
    bool over = c->near_until_ms && t->now_ms >= c->near_until_ms, waited = c->near_until_ms && !over;
    bool all = count_made(b, r->step, r->index, made);
    if (c->near_waits)
        world_violate(s->w, "place: %s[%u] is granted while it is said to wait for agent %u", name, r->index, c->near);
    if (r->numbers[0] == PLACE_INPUTS && (r->agent != near || made[r->agent] == 0))
        world_violate(s->w, "place: %s[%u] goes to agent %u for its inputs, which made none of them", name, r->index, r->agent);
    if (waited ? near != c->near : near != 0 && all && made[near] < most_made(s, made))
        world_violate(s->w, "place: %s[%u] prefers agent %u, and another made more of its inputs", name, r->index, near);
    if (!waited && near == 0 && all && most_made(s, made) > 0)
        world_violate(s->w, "place: %s[%u] prefers no agent, and one that is here made inputs of it", name, r->index);
    if (r->numbers[0] != PLACE_INPUTS && shadow_agent_fits(s, a) && shadow_agent_has_room(a))
        world_violate(s->w, "place: %s[%u] passes by agent %u, which made its inputs and has room", name, r->index, near);
}

static uint32_t running_at(struct shadow *s, const struct record *r, const char *zone)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s->open.n; i++) {
        const struct shadow_attempt *a = shadow_open_at(s, i);
        const struct shadow_agent *on = a->backfill == r->backfill && a->step == r->step ? shadow_agent_find(s, a->agent) : NULL;
        n += on && strcmp(on->zone, zone) == 0;
    }
    return n;
}

static void check_spread(struct shadow *s, const struct shadow_backfill *b, const struct record *r)
{
    const char *name = b->plan->steps[r->step].name;
    const struct shadow_agent *a = shadow_agent_find(s, r->agent);
    if (!a || r->numbers[0] == PLACE_INPUTS)
        return;
    uint32_t mine = running_at(s, r, a->zone);
    if (r->numbers[0] != PLACE_SPREAD || r->numbers[3] != mine)
        world_violate(s->w, "spread: %s[%u] goes to zone '%s', where %u of it run, and says %" PRIu64, name, r->index, a->zone, mine,
                      r->numbers[3]);
    for (size_t i = 0; i < s->agents.n; i++) {
        const struct shadow_agent *o = &s->agents.at[i];
        if (shadow_agent_fits(s, o) && shadow_agent_has_room(o) && running_at(s, r, o->zone) < mine)
            world_violate(s->w, "spread: %s[%u] goes to zone '%s' with %u of it, and agent %u of zone '%s' has room and fewer", name,
                          r->index, a->zone, mine, o->id, o->zone);
    }
}

/* Beside all that is open there. */
static bool has_left(struct shadow *s, const struct shadow_agent *a, const struct plan_resources *asks)
{
    uint64_t cpu = asks->cpu_milli, memory = asks->memory_bytes;
    for (size_t i = 0; i < s->open.n; i++) {
        const struct shadow_attempt *o = shadow_open_at(s, i);
        const struct shadow_backfill *b = o->agent == a->id ? shadow_backfill_find(s, o->backfill) : NULL;
        cpu += b ? b->plan->steps[o->step].resources.cpu_milli : 0;
        memory += b ? b->plan->steps[o->step].resources.memory_bytes : 0;
    }
    return (asks->cpu_milli == 0 || a->cpu_milli == 0 || cpu <= a->cpu_milli) &&
           (asks->memory_bytes == 0 || a->memory_bytes == 0 || memory <= a->memory_bytes);
}

/* What asks for a part of a host. */
static void check_capacity(struct shadow *s, const struct shadow_backfill *b, const struct record *r)
{
    const struct plan_step *step = &b->plan->steps[r->step];
    const struct shadow_agent *a = shadow_agent_find(s, r->agent);
    if (!a || !shadow_agent_has_room(a) || has_left(s, a, &step->resources))
        return;
    for (size_t i = 0; i < s->agents.n; i++) {
        const struct shadow_agent *o = &s->agents.at[i];
        if (shadow_agent_fits(s, o) && shadow_agent_has_room(o) && has_left(s, o, &step->resources))
            world_violate(s->w, "place: %s[%u] goes to agent %u, which has not left what it asks for, and agent %u has", step->name,
                          r->index, a->id, o->id);
    }
}

void shadow_place_granted(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r)
{
    const struct plan_placement *p = &b->plan->steps[r->step].placement;
    struct shadow_cell *c = &b->cells[r->step][r->index];
    bool said = p->prefer_inputs || p->spread, elsewhere = shadow_straggled(c) != 0;
    if ((said || elsewhere) != (r->n_numbers == PLACE_NUMBERS))
        world_violate(s->w, "place: the grant of %s[%u] does not say how its agent was chosen", b->plan->steps[r->step].name, r->index);
    if (!elsewhere && r->n_numbers == PLACE_NUMBERS && p->prefer_inputs)
        check_preferred(s, t, b, r);
    if (!elsewhere && r->n_numbers == PLACE_NUMBERS && p->spread)
        check_spread(s, b, r);
    if (!elsewhere && (r->n_numbers == 0 || r->numbers[0] == PLACE_LEAST_BUSY))
        check_capacity(s, b, r);
    shadow_rerun_granted(s, t, b, r);
    c->near_waits = false;
    c->near_until_ms = 0;
    c->near = 0;
}

uint32_t shadow_waiting_for(const struct shadow *s, uint32_t agent)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s->backfills.n; i++)
        for (uint32_t k = 0; k < s->backfills.at[i].plan->n_steps; k++)
            for (uint32_t p = 0; p < s->backfills.at[i].plan->steps[k].partitions->n; p++)
                n += s->backfills.at[i].cells[k][p].near_waits && s->backfills.at[i].cells[k][p].near == agent;
    return n;
}

void shadow_take_near(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r)
{
    struct shadow_cell *c = &b->cells[r->step][r->index];
    const struct plan_placement *p = &b->plan->steps[r->step].placement;
    const char *name = b->plan->steps[r->step].name;
    const struct shadow_agent *a = shadow_agent_find(s, r->agent);
    uint32_t made[AGENTS_MAX];
    if (r->n == 0) {
        if (!c->near_waits)
            world_violate(s->w, "place: %s[%u] waits no more, and did not wait", name, r->index);
        c->near_waits = false;
        return;
    }
    (void)count_made(b, r->step, r->index, made);
    int64_t wait_ms = shadow_straggled(c) ? RERUN_WAIT_MS : p->wait_ms;
    bool may = shadow_straggled(c) ? r->agent != shadow_straggled(c) : p->prefer_inputs && r->agent < AGENTS_MAX && made[r->agent] > 0;
    if ((!p->prefer_inputs && !shadow_straggled(c)) || c->open || c->end != CELL_WAITING || c->near_waits ||
        !shadow_needs_met(b, r->step, r->index))
        world_violate(s->w, "place: %s[%u] waits for an agent, and is not ready, or is not to wait", name, r->index);
    if (!may || !shadow_agent_fits(s, a) || shadow_agent_has_room(a))
        world_violate(s->w, "place: %s[%u] waits for agent %u, which made nothing of its inputs, has room, or is not here", name, r->index,
                      r->agent);
    if (r->retry_at_ms != (c->near_until_ms ? c->near_until_ms : t->now_ms + wait_ms) || r->retry_at_ms <= t->now_ms)
        world_violate(s->w, "place: %s[%u] waits for an agent longer than its plan says", name, r->index);
    c->near_waits = true;
    c->near = r->agent;
    c->near_until_ms = r->retry_at_ms;
    if (a && shadow_waiting_for(s, r->agent) > a->slots)
        world_violate(s->w, "place: more wait for agent %u than it has slots", r->agent);
}

void shadow_place_forget(struct shadow_backfill *b)
{
    for (uint32_t k = 0; k < b->plan->n_steps; k++)
        for (uint32_t p = 0; p < b->plan->steps[k].partitions->n; p++) {
            b->cells[k][p].near_waits = false;
            b->cells[k][p].near_until_ms = 0;
        }
}

static void check_waiting(struct shadow *s, const struct turn *t, const struct shadow_backfill *b, uint32_t step, uint32_t index)
{
    const struct shadow_cell *c = &b->cells[step][index];
    struct shadow_agent *a = shadow_agent_find(s, c->near);
    if (c->near_until_ms <= t->now_ms)
        world_violate(s->w, "place: %s[%u] of backfill %u waits on for an agent, and its time is over", b->plan->steps[step].name, index,
                      b->id);
    if (!shadow_agent_fits(s, a))
        world_violate(s->w, "place: %s[%u] of backfill %u waits for an agent that is not here", b->plan->steps[step].name, index, b->id);
}

void shadow_check_places(struct shadow *s, const struct turn *t)
{
    for (size_t i = 0; i < s->backfills.n && s->w->placed; i++) {
        const struct shadow_backfill *b = &s->backfills.at[i];
        for (uint32_t k = 0; k < b->plan->n_steps; k++)
            for (uint32_t p = 0; p < b->plan->steps[k].partitions->n; p++)
                if (b->cells[k][p].near_waits)
                    check_waiting(s, t, b, k, p);
    }
    for (size_t i = 0; i < s->agents.n && s->w->placed; i++) {
        struct shadow_agent *a = &s->agents.at[i];
        bool idle = shadow_agent_fits(s, a) && shadow_agent_has_room(a) && shadow_waiting_for(s, a->id) > 0;
        a->idle_turns = idle ? a->idle_turns + 1 : 0;
        /* Where their pool is full, they are let go one in a turn; as many may wait as it has slots. */
        if (a->idle_turns >= IDLE_TURNS_MAX + a->slots)
            world_violate(s->w, "place: something waits for agent %u, which has had room for %u turns", a->id, a->idle_turns);
    }
}
