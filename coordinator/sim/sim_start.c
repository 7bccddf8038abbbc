/* Starts that take time, as agent/runner.c has them: a thread starts the process, and waits for a processor or a slow disk meanwhile.  What
 * is to end before its process executes never does, unless it is just about to; nor does what is past the lease.  A process may execute
 * while its agent stands still; then it is told of when the agent goes on.  Threads end with their agent. */
#include <errno.h>

#include "coordinator/sim/world.h"

enum { SLOW_PERCENT = 10, JUST_IN_TIME_PERCENT = 20 };

static void due_at(struct world *w, const struct sim_agent *a, const struct sim_start *s)
{
    world_push(w, (struct sim_event){.at_ms = s->due_ms > w->now_ms ? s->due_ms : w->now_ms, .kind = SIM_START_DUE, .node = a->node,
                                     .number = s->assignment->ref.attempt});
}

static struct sim_start *find(struct sim_agent *a, uint64_t attempt)
{
    for (size_t i = 0; i < a->starting.n; i++)
        if (a->starting.at[i].assignment->ref.attempt == attempt)
            return &a->starting.at[i];
    return NULL;
}

bool sim_start_begin(struct world *w, struct sim_agent *a, const struct assignment *as)
{
    if (!choice_strikes(w, a->node, SLOW_PERCENT))
        return false;
    uint64_t most_ms = world_chance(w, 50) ? 100 : world_chance(w, 50) ? 3000 : 40000;
    bf_vec_push(&a->starting, ((struct sim_start){.assignment = as, .due_ms = w->now_ms + 1 + (int64_t)world_random(w, most_ms)}));
    due_at(w, a, &a->starting.at[a->starting.n - 1]);
    return true;
}

bool sim_start_is_under_way(const struct sim_agent *a, uint64_t attempt)
{
    return find((struct sim_agent *)a, attempt) != NULL;
}

void sim_start_give_up(struct world *w, struct sim_agent *a, uint64_t attempt, bool kill)
{
    struct sim_start *s = find(a, attempt);
    if (!s)
        return;
    bool first = !s->given_up;
    s->given_up = true;
    s->kill |= kill;
    if (!first)
        return;
    s->just_in_time = sim_clock_boot_ms(&a->clock, w->now_ms) < a->deadline_ms && world_chance(w, JUST_IN_TIME_PERCENT);
    if (s->just_in_time || world_chance(w, 50)) {
        s->due_ms = w->now_ms;
        due_at(w, a, s);
    }
}

static void never(struct world *w, struct sim_agent *a, struct attempt_ref ref, const struct outcome *why)
{
    world_trace(w, "%s does not start attempt %llu", a->name, (unsigned long long)ref.attempt);
    sim_core_feed(w, a, (struct core_event){.kind = CORE_ENDED, .ref = ref, .outcome = why});
}

void sim_start_due(struct world *w, struct sim_agent *a, uint64_t attempt)
{
    static const struct outcome cancelled = {.source = OUTCOME_SPAWN, .code = ECANCELED, .sqlstate = "", .dbms = "", .details = "",
                                             .text = "simulated", .rows = -1};
    static const struct outcome late = {.source = OUTCOME_FENCED, .sqlstate = "", .dbms = "", .details = "", .text = "simulated",
                                        .rows = -1};
    struct sim_start *at = find(a, attempt);
    if (!at || !a->up || at->due_ms > w->now_ms || at->executed)
        return;
    sim_fault_note(w, SIM_FAULT_START_SLOW);     /* when it is over: what became of its agent meanwhile is what matters */
    bool lapsed = sim_clock_boot_ms(&a->clock, w->now_ms) >= a->deadline_ms;
    if (w->now_ms < a->frozen_until_ms) {
        at->due_ms = a->frozen_until_ms;
        due_at(w, a, at);
        return;
    }
    if (a->paused) {
        at->executed = !at->given_up && !lapsed && world_chance(w, 50);
        if (at->executed)
            sim_process_begin(w, a, at->assignment);
        return;                                  /* sim_start_hear() tells */
    }
    struct sim_start s = *at;
    *at = a->starting.at[--a->starting.n];
    if (lapsed)
        never(w, a, s.assignment->ref, &late);
    else if (s.given_up && !s.just_in_time)
        never(w, a, s.assignment->ref, &cancelled);
    else {
        struct attempt_ref ref = s.assignment->ref;
        sim_process_begin(w, a, s.assignment);
        sim_core_feed(w, a, (struct core_event){.kind = CORE_SPAWNED, .ref = ref});
        if (s.kill)
            sim_process_kill(w, a, attempt);
    }
}

void sim_start_hear(struct world *w, struct sim_agent *a)
{
    for (size_t i = a->starting.n; i-- > 0;) {
        const struct sim_start s = a->starting.at[i];
        if (!s.executed) {
            due_at(w, a, &s);
            continue;
        }
        a->starting.at[i] = a->starting.at[--a->starting.n];
        sim_core_feed(w, a, (struct core_event){.kind = CORE_SPAWNED, .ref = s.assignment->ref});
    }
}
