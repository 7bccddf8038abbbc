/* The attempts that the agent holds, and those that it remembers.
 *
 * Held: from the dispatch until the end is acknowledged.  An attempt owns copies of all that it points to, because a message lives for one
 * step only.  core_attempt_set_state is the only place that moves it (core.h has the picture), and keeps the two counters.
 *
 * Remembered: for one more lease after the acknowledgement, so that a dispatch that was on its way is not started again. */
#include "agent/core_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"

struct attempt *core_attempt_find(const struct agent_core *c, uint64_t id)
{
    uint64_t index;
    return bf_map_get(&c->by_id, id, &index) ? c->attempts.at[index] : NULL;
}

struct attempt *core_attempt_find_ref(const struct agent_core *c, struct attempt_ref ref)
{
    struct attempt *a = core_attempt_find(c, ref.attempt);
    return a && a->ref.token == ref.token ? a : NULL;
}

struct attempt *core_attempt_add(struct agent_core *c, struct attempt_ref ref)
{
    struct attempt *a = bf_xcalloc(1, sizeof *a);
    a->ref = ref;
    a->limit_at_ms = a->kill_at_ms = a->report_at_ms = a->told_ms = CORE_NEVER;
    a->state = ATTEMPT_ENDED;
    a->place = c->next_place++;
    a->outcome = (struct outcome){.sqlstate = "", .dbms = "", .details = "", .text = "", .rows = -1};
    bf_map_put(&c->by_id, ref.attempt, c->attempts.n);
    bf_vec_push(&c->attempts, a);
    return a;
}

bool core_attempt_is_alive(enum attempt_state s)
{
    return s == ATTEMPT_SPAWNING || s == ATTEMPT_RUNNING || s == ATTEMPT_KILLING || s == ATTEMPT_CLOSING;
}

void core_attempt_set_state(struct agent_core *c, struct attempt *a, enum attempt_state next)
{
    c->n_alive += (size_t)core_attempt_is_alive(next) - (size_t)core_attempt_is_alive(a->state);
    c->n_waiting += (size_t)(next == ATTEMPT_WAITING) - (size_t)(a->state == ATTEMPT_WAITING);
    a->state = next;
}

void core_attempt_free(struct attempt *a)
{
    bf_arena_free(&a->arena);
    free(a);
}

void core_attempt_remove(struct agent_core *c, struct attempt *a)
{
    uint64_t index;
    bool found = bf_map_get(&c->by_id, a->ref.attempt, &index);
    assert(found && c->attempts.at[index] == a);
    bf_map_del(&c->by_id, a->ref.attempt);
    struct attempt *moved = c->attempts.at[--c->attempts.n];
    if (moved != a) {
        c->attempts.at[index] = moved;
        bf_map_put(&c->by_id, moved->ref.attempt, index);
    }
    c->flying_bytes -= a->flying_bytes;
    c->n_held_back -= a->held_back;
    c->details_bytes -= strlen(a->outcome.details);
    core_attempt_free(a);
}

const char *core_keep(struct bf_arena *arena, const char *s)
{
    return bf_arena_strdup(arena, s ? s : "");
}

void core_attempt_assign(struct attempt *a, const struct assignment *from)
{
    struct bf_arena *arena = &a->arena;
    struct assignment *to = &a->assignment;
    *to = *from;
    to->cluster = core_keep(arena, from->cluster);
    to->plan = core_keep(arena, from->plan);
    to->step = core_keep(arena, from->step);
    to->partition = core_keep(arena, from->partition);
    to->run_id = core_keep(arena, from->run_id);
    to->spec = core_keep(arena, from->spec);
    to->argv = bf_arena_alloc(arena, (from->n_argv + 1) * sizeof *to->argv);
    for (size_t i = 0; i < from->n_argv; i++)
        to->argv[i] = core_keep(arena, from->argv[i]);
    to->env = bf_arena_alloc(arena, (from->n_env + 1) * sizeof *to->env);
    for (size_t i = 0; i < from->n_env; i++)
        to->env[i] = (struct step_env){core_keep(arena, from->env[i].name), core_keep(arena, from->env[i].value)};
    to->refs = bf_arena_alloc(arena, (from->n_refs + 1) * sizeof *to->refs);
    for (size_t i = 0; i < from->n_refs; i++)
        to->refs[i] = (struct step_ref){core_keep(arena, from->refs[i].name), core_keep(arena, from->refs[i].text)};
}

bool core_ended_recently(struct agent_core *c, struct attempt_ref ref)
{
    if (BF_PLANTED("agent_forgets_ended"))
        return false;
    return bf_map_get(&c->recent_ids, ref.attempt, NULL);
}

void core_remember_ended(struct agent_core *c, struct attempt_ref ref, int64_t now_ms)
{
    bf_vec_push(&c->recent, (struct ended){ref, now_ms + (c->lease_ms > 0 ? c->lease_ms : CORE_LEASE_UNKNOWN_MS)});
    bf_map_put(&c->recent_ids, ref.attempt, 1);
}

void core_forget_ended(struct agent_core *c, int64_t now_ms)
{
    while (c->recent_head < c->recent.n && c->recent.at[c->recent_head].until_ms <= now_ms)
        bf_map_del(&c->recent_ids, c->recent.at[c->recent_head++].ref.attempt);
    if (c->recent_head * 2 <= c->recent.n)
        return;
    c->recent.n -= c->recent_head;
    if (c->recent.n > 0)
        memmove(c->recent.at, c->recent.at + c->recent_head, c->recent.n * sizeof *c->recent.at);
    c->recent_head = 0;
}
