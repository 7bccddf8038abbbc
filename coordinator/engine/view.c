/* Reading the engine: see view.h. */
#include "coordinator/engine/view.h"

#include <string.h>

#include "coordinator/engine/internal.h"

const char *instance_state_name(enum instance_state s)
{
    static const char *const names[INSTANCE_STATE_COUNT] = {
        [INSTANCE_WAITING] = "waiting",         [INSTANCE_READY] = "ready",
        [INSTANCE_ASSIGNED] = "assigned",       [INSTANCE_RUNNING] = "running",
        [INSTANCE_BACKING_OFF] = "backing_off", [INSTANCE_SUCCEEDED] = "succeeded",
        [INSTANCE_SKIPPED] = "skipped",         [INSTANCE_FAILED] = "failed",
        [INSTANCE_CANCELLED] = "cancelled",
    };
    return (unsigned)s < INSTANCE_STATE_COUNT && names[s] ? names[s] : "unknown";
}

const char *backfill_state_name(enum backfill_state s)
{
    switch (s) {
    case BACKFILL_QUEUED: return "queued";
    case BACKFILL_RUNNING: return "running";
    case BACKFILL_PAUSED: return "paused";
    case BACKFILL_SUCCEEDED: return "succeeded";
    case BACKFILL_PARTLY: return "partly_succeeded";
    case BACKFILL_FAILED: return "failed";
    case BACKFILL_CANCELLED: return "cancelled";
    }
    return "unknown";
}

const char *agent_state_name(enum agent_state s)
{
    switch (s) {
    case AGENT_CONNECTED: return "connected";
    case AGENT_DRAINING: return "draining";
    case AGENT_LOST: return "lost";
    case AGENT_LEFT: return "left";
    }
    return "unknown";
}

const char *failure_class_name(enum failure_class c)
{
    switch (c) {
    case FAILURE_NONE: return "none";
    case FAILURE_TRANSIENT: return "transient";
    case FAILURE_PERMANENT: return "permanent";
    case FAILURE_UNKNOWN: return "unknown";
    case FAILURE_LOST: return "lost";
    }
    return "unknown";
}

uint32_t engine_latest_backfill(const struct engine *e)
{
    return (uint32_t)e->backfills.n;
}

uint32_t engine_latest_of_work(const struct engine *e)
{
    size_t n = e->backfills.n;
    while (n > 0 && plan_only_asks(e->backfills.at[n - 1]->plan))
        n--;
    return (uint32_t)n;
}

uint32_t engine_next_backfill(const struct engine *e, uint32_t after)
{
    return after < e->backfills.n ? after + 1 : 0;
}

uint32_t engine_next_live(const struct engine *e, uint32_t after)
{
    for (size_t i = 0; i < e->live.n; i++)
        if (e->live.at[i] > after)
            return e->live.at[i];
    return 0;
}

bool engine_backfill(const struct engine *e, uint32_t id, struct backfill_view *ret)
{
    const struct backfill *b = backfill_find(e, id);
    if (!b)
        return false;
    *ret = (struct backfill_view){
        .id = b->id, .plan = b->plan, .state = b->state, .backward = b->backward, .actor = b->actor, .reason = b->reason,
        .from = b->from, .to = b->to, .params = b->params, .n_params = b->n_params, .created_us = b->created_us,
        .started_us = b->started_us,
        .finished_us = b->finished_us, .halted = b->halted, .halted_by = b->halted_by, .timebox_at_ms = b->timebox_at_ms,
        .timebox_over = b->timebox_over,
        .upstream_failed = b->upstream_failed, .held = b->held,
        .stale = b->stale, .open_attempts = b->open, .reprocess = b->reprocess, .reuse_downstream = b->reuse_downstream,
    };
    memcpy(ret->count, b->count, sizeof ret->count);
    return true;
}

bool engine_instance(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct instance_view *ret)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (!instance_find(e, backfill, step, index, &b, &number))
        return false;
    const struct instance *in = &b->instances[number];
    const struct attempt *a = instance_open(in) ? attempt_find(e, in->attempt) : NULL;
    *ret = (struct instance_view){
        .state = in->state, .upstream_failed = in->state == INSTANCE_WAITING && in->blocked > 0, .run = in->run,
        .attempts = in->attempts, .unmet = in->unmet, .agent = in->agent, .attempt = in->attempt, .started_us = in->started_us,
        .finished_us = in->finished_us, .retry_at_ms = in->retry_at_ms, .usage = b->usage[number], .held = in->flags & FLAG_HELD,
        .stale = in->flags & FLAG_STALE, .cancelling = in->flags & FLAG_CANCELLING, .goes_on = in->flags & FLAG_KEEP,
        .reused_from = in->flags & FLAG_REUSED && b->origin ? b->origin[number] : 0, .looking = instance_looking(in),
        .closing_us = a ? a->closing_us : 0, .prefetched = a && a->waits, .unheard = a && attempt_fenced(e, a),
        .revoked = a ? a->revoked : 0,
    };
    return true;
}

bool engine_failure(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct outcome *ret,
                    enum failure_class *ret_class)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    uint64_t i = 0;
    if (!instance_find(e, backfill, step, index, &b, &number) || !bf_map_get(&e->failure_of, instance_key(b, number), &i))
        return false;
    *ret = e->failures.at[i].outcome;
    *ret_class = e->failures.at[i].class;
    return true;
}

bool engine_failure_unretried(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    uint64_t i = 0;
    return instance_find(e, backfill, step, index, &b, &number) && bf_map_get(&e->failure_of, instance_key(b, number), &i) &&
           e->failures.at[i].budget_spent;
}

static bool draws_on(const struct plan *plan, const struct plan_step *s, const char *pool)
{
    for (uint32_t i = 0; s->pool != PLAN_NO_INDEX && i <= s->n_also; i++)
        if (strcmp(plan->pools[i == 0 ? s->pool : s->also[i - 1]].name, pool) == 0)
            return true;
    return false;
}

uint64_t engine_closing(const struct engine *e, const char *pool)
{
    uint64_t n = 0;
    if (!pool)
        return e->n_closing;
    for (uint32_t slot = e->n_closing ? e->first_attempt : NO_SLOT; slot != NO_SLOT; slot = e->attempts.at[slot].next) {
        const struct attempt *a = &e->attempts.at[slot];
        const struct plan *plan = backfill_find(e, a->backfill)->plan;
        n += a->closing_us != 0 && draws_on(plan, &plan->steps[a->step], pool);
    }
    return n;
}

uint64_t engine_session_ends(const struct engine *e, enum session_end how)
{
    return e->session_ends[how];
}

uint64_t engine_fenced(const struct engine *e, uint32_t agent, uint32_t backfill, uint32_t step, uint32_t *ret, size_t max)
{
    const struct agent *a = agent_find(e, agent);
    uint64_t n = 0;
    for (uint32_t slot = a ? a->first : NO_SLOT; slot != NO_SLOT; slot = e->attempts.at[slot].agent_next) {
        const struct attempt *at = &e->attempts.at[slot];
        if (!attempt_fenced(e, at) || (backfill && (at->backfill != backfill || at->step != step)))
            continue;
        if (n < max)
            ret[n] = at->index;
        n++;
    }
    return n;
}

bool engine_find_attempt(const struct engine *e, uint64_t attempt, struct attempt_view *ret)
{
    const struct attempt *a = attempt_find(e, attempt);
    if (!a)
        return false;
    *ret = (struct attempt_view){
        .ref = a->ref, .backfill = a->backfill, .step = a->step, .index = a->index, .n = a->n, .run = a->run,
        .attempt_no = a->attempt_no, .agent = a->agent, .granted_us = a->granted_us, .started_us = a->started_us,
        .placed = a->placed[0] != 0, .by = (enum place_by)(a->placed[0] - 1), .near = (uint32_t)a->placed[1],
        .waited_ms = (int64_t)a->placed[2],
    };
    return true;
}

uint64_t engine_next_attempt(const struct engine *e, uint64_t after)
{
    const struct attempt *a = attempt_find(e, after);
    uint32_t slot = a ? a->next : e->first_attempt;
    while (slot != NO_SLOT && e->attempts.at[slot].ref.attempt <= after)
        slot = e->attempts.at[slot].next;
    return slot == NO_SLOT ? 0 : e->attempts.at[slot].ref.attempt;
}

bool engine_agent(const struct engine *e, uint32_t id, struct agent_view *ret)
{
    const struct agent *a = agent_find(e, id);
    if (!a)
        return false;
    *ret = (struct agent_view){.id = a->id, .state = a->state, .key = a->key, .incarnation = a->incarnation, .hello = &a->hello,
                               .busy = a->busy - a->waiting, .prefetched = a->waiting, .asked_cpu_milli = a->asked_cpu_milli,
                               .asked_memory_bytes = a->asked_memory_bytes, .since_us = a->since_us};
    return true;
}

uint32_t engine_next_agent(const struct engine *e, uint32_t after)
{
    return after < e->agents.n ? after + 1 : 0;
}

uint32_t engine_agent_by_key(const struct engine *e, const uint8_t key[BF_KEY_BYTES])
{
    const struct agent *a = agent_find_key(e, key);
    return a ? a->id : 0;
}

uint32_t engine_epoch(const struct engine *e)
{
    return e->epoch;
}

bool engine_low(const struct engine *e)
{
    return e->low;
}

size_t engine_n_keys(const struct engine *e)
{
    return e->keys.n;
}

const struct key_entry *engine_key(const struct engine *e, size_t i)
{
    return e->keys.at[i];
}

const struct key_entry *engine_key_find(const struct engine *e, const uint8_t key[BF_KEY_BYTES])
{
    return key_find(e, key);
}

const struct key_entry *engine_key_named(const struct engine *e, const char *name)
{
    return key_find_name(e, name);
}

bool engine_replied(const struct engine *e, const uint8_t key[BF_KEY_BYTES], const uint8_t request_id[OP_REQUEST_ID_BYTES])
{
    return reply_find(e, key, request_id) != NULL;
}

const struct plan *engine_plan(const struct engine *e, const uint8_t key[32])
{
    const struct known_plan *known = plan_find(e, key);
    return known ? known->plan : NULL;
}
