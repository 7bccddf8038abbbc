/* The wait of an agent for the session of an attempt whose process is dead, as agent/runner.c has it: it is ended where the role may, or goes
 * by itself, or is assumed gone when the wait is over.  An agent that dies meanwhile tells nothing. */
#include "agent/core.h"
#include "common/plant.h"
#include "coordinator/sim/world.h"

enum { WAIT_MS = 30000, SOON_MS = 500, CUT_MS = 50 };

static void over_at(struct world *w, const struct sim_agent *a, uint64_t attempt, int64_t at_ms)
{
    world_push(w, (struct sim_event){.at_ms = at_ms, .kind = SIM_CLOSED, .node = a->node, .number = attempt});
}

bool sim_closing_begin(struct world *w, struct sim_agent *a, struct sim_process *p)
{
    if (!sim_session_lives(w, a->node, p->ref, false))
        return false;
    if (core_deadline_ms(a->core) <= sim_clock_boot_ms(&a->clock, w->now_ms)) {      /* it is fenced, and is not kept from saying so */
        p->outcome.usage.session = SESSION_ASSUMED_GONE;
        return false;
    }
    int64_t wait_ms = 1 + (int64_t)world_random(w, world_chance(w, 70) ? SOON_MS : WAIT_MS);
    bf_vec_push(&a->closings, ((struct sim_closing){.ref = p->ref, .outcome = p->outcome, .until_ms = w->now_ms + wait_ms}));
    world_trace(w, "%s waits for the session of attempt %llu", a->name, (unsigned long long)p->ref.attempt);
    over_at(w, a, p->ref.attempt, w->now_ms + wait_ms);
    sim_core_feed(w, a, (struct core_event){.kind = CORE_CLOSING, .ref = p->ref});
    return true;
}

void sim_closing_cut(struct world *w, struct sim_agent *a, uint64_t attempt)
{
    for (size_t i = 0; i < a->closings.n; i++)
        if (a->closings.at[i].ref.attempt == attempt) {
            a->closings.at[i].until_ms = w->now_ms;
            over_at(w, a, attempt, w->now_ms + (int64_t)world_random(w, CUT_MS));
        }
}

void sim_closing_over(struct world *w, struct sim_agent *a, uint64_t attempt)
{
    for (size_t i = 0; i < a->closings.n; i++) {
        struct sim_closing c = a->closings.at[i];
        if (c.ref.attempt != attempt || c.until_ms > w->now_ms || !a->up || a->paused)
            continue;
        bool lived = sim_session_lives(w, a->node, c.ref, false), lives = sim_session_lives(w, a->node, c.ref, true);
        c.outcome.usage.session = lives ? SESSION_ASSUMED_GONE : lived ? SESSION_ENDED : SESSION_CLOSED;
        a->closings.at[i] = a->closings.at[--a->closings.n];
        sim_core_feed(w, a, (struct core_event){.kind = CORE_ENDED, .ref = c.ref, .outcome = &c.outcome, .note = lives ? "assumed gone" : NULL});
        return;
    }
}
