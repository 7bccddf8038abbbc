/* States of an instance, of a backfill and of an agent.
 *
 *   waiting ─► ready ─► assigned ─► running ─► succeeded | skipped | failed | cancelled
 *                 ▲          └───────┬──────────┘
 *                 ├──────────────────┤ requeued
 *                 └── backing_off ◄──┘ retried by policy
 *
 * A person's action begins a new run: what has ended waits again, or ends at once in another way (apply_steer.c).  One that is ready,
 * or whose attempt or backoff is over, waits again when something that it needs was run again.
 *
 * One function moves the state, the counts and the lists together.  While recovering only the state is kept, and ready is
 * written as waiting, because it is derived. */
#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"
#include "coordinator/engine/moves.h"

#define BIT(s) (1u << INSTANCE_##s)
#define ENDS (BIT(SUCCEEDED) | BIT(SKIPPED) | BIT(FAILED) | BIT(CANCELLED) | BIT(BACKING_OFF) | BIT(READY) | BIT(WAITING))

static const uint16_t moves[INSTANCE_STATE_COUNT] = {
    [INSTANCE_WAITING] = BIT(READY) | BIT(CANCELLED),
    [INSTANCE_READY] = BIT(ASSIGNED) | BIT(CANCELLED) | BIT(WAITING),
    [INSTANCE_ASSIGNED] = BIT(RUNNING) | ENDS,
    [INSTANCE_RUNNING] = ENDS,
    [INSTANCE_BACKING_OFF] = BIT(READY) | BIT(CANCELLED) | BIT(WAITING),
    [INSTANCE_FAILED] = BIT(WAITING),
};

#define STATE(s) (1u << BACKFILL_##s)
static const uint16_t backfill_moves[] = {
    [BACKFILL_QUEUED] = STATE(RUNNING) | STATE(PAUSED) | STATE(CANCELLED),     /* paused: its turn came, and something is missing */
    [BACKFILL_RUNNING] = STATE(PAUSED) | STATE(SUCCEEDED) | STATE(PARTLY) | STATE(FAILED) | STATE(CANCELLED),
    [BACKFILL_PAUSED] = STATE(RUNNING) | STATE(CANCELLED) | STATE(PAUSED),     /* again, when a check halts it */
    [BACKFILL_SUCCEEDED] = STATE(RUNNING),       /* some of it is forced */
    [BACKFILL_PARTLY] = STATE(RUNNING),
    [BACKFILL_FAILED] = STATE(RUNNING),
    [BACKFILL_CANCELLED] = STATE(CANCELLED),     /* again, when its last attempt has ended */
};

/* Lost and left ones come back by saying HELLO, and so does one that was started again before it was missed. */
#define AGENT(s) (1u << AGENT_##s)
static const uint16_t agent_moves[AGENT_STATE_COUNT] = {
    [0] = AGENT(CONNECTED),
    [AGENT_CONNECTED] = AGENT(CONNECTED) | AGENT(DRAINING) | AGENT(LOST) | AGENT(LEFT),
    [AGENT_DRAINING] = AGENT(CONNECTED) | AGENT(LOST) | AGENT(LEFT),
    [AGENT_LOST] = AGENT(CONNECTED),
    [AGENT_LEFT] = AGENT(CONNECTED),
};

bool instance_move_legal(enum instance_state from, enum instance_state to)
{
    return moves[from] & (1u << to);
}

bool backfill_move_legal(enum backfill_state from, enum backfill_state to)
{
    return from >= BACKFILL_QUEUED && from <= BACKFILL_CANCELLED && (backfill_moves[from] & (1u << to));
}

bool agent_move_legal(enum agent_state from, enum agent_state to)
{
    return agent_moves[from] & (1u << to);
}

const struct engine_moves *engine_moves(const struct engine *e)
{
    return &e->moves;
}

/* While recovering, waiting stands for ready too. */
bool instance_may_become(const struct instance *in, enum instance_state next)
{
    uint32_t allowed = moves[in->state];
    if (in->state == INSTANCE_WAITING)
        allowed |= moves[INSTANCE_READY];
    return allowed & (1u << next);
}

static void count_move(struct backfill *b, const struct instance *in, int by)
{
    struct step_counts *its = &b->by_step[in->step];
    b->count[in->state] += (uint64_t)by;
    its->left += instance_satisfied(in) ? 0 : (uint32_t)by;
    if (in->state == INSTANCE_WAITING && in->blocked > 0) {
        b->upstream_failed += (uint64_t)by;
        its->cut += (uint32_t)by;
    }
}

void instance_forget_reuse(struct backfill *b, uint32_t number)
{
    if (!(b->instances[number].flags & FLAG_REUSED))
        return;
    b->instances[number].flags &= (uint8_t)~FLAG_REUSED;
    b->origin[number] = 0;
}

void instance_set_state(struct engine *e, struct backfill *b, uint32_t number, enum instance_state next)
{
    struct instance *in = &b->instances[number];
    instance_forget_reuse(b, number);
    if (e->recovering) {
        in->state = (uint8_t)(next == INSTANCE_READY ? INSTANCE_WAITING : next);
        return;
    }
    assert(moves[in->state] & (1u << next));
    enum instance_state old = in->state;
    e->moves.instance[old][next]++;
    count_move(b, in, -1);
    in->state = (uint8_t)next;
    count_move(b, in, 1);
    e->alerts.look |= b->by_step[in->step].left == 0;        /* a deadline may be kept now */
    if (old == INSTANCE_READY)
        ready_remove(e, b, number);
    else if (old == INSTANCE_BACKING_OFF)
        heap_pop_if(&e->timers, (uint64_t)in->retry_at_ms, instance_key(b, number));
    if (next == INSTANCE_READY)
        ready_push(e, b, number);
    else if (next == INSTANCE_BACKING_OFF)
        heap_push(&e->timers, (uint64_t)in->retry_at_ms, instance_key(b, number));
}

void instance_set_flags(struct engine *e, struct backfill *b, uint32_t number, uint8_t flags)
{
    struct instance *in = &b->instances[number];
    uint8_t changed = in->flags ^ flags;
    const uint8_t out = FLAG_HELD | FLAG_NEAR;   /* of its lane */
    bool queued = in->state == INSTANCE_READY && !(in->flags & out) != !(flags & out) && !e->recovering;
    if (queued && (flags & out))
        ready_remove(e, b, number);
    in->flags = flags;
    if (queued && !(flags & out))
        ready_push(e, b, number);
    if (e->recovering)
        return;
    if (changed & FLAG_HELD)
        b->held += flags & FLAG_HELD ? 1 : UINT64_MAX;
    if (changed & FLAG_STALE)
        b->stale += flags & FLAG_STALE ? 1 : UINT64_MAX;
}

bool backfill_finished(const struct backfill *b)
{
    return b->finished_us != 0;
}

bool backfill_may_become(const struct backfill *b, enum backfill_state next)
{
    return next >= BACKFILL_QUEUED && next <= BACKFILL_CANCELLED && (backfill_moves[b->state] & (1u << next));
}

void live_add(struct engine *e, uint32_t id)
{
    size_t i = e->live.n;
    while (i > 0 && e->live.at[i - 1] > id)
        i--;
    if (i > 0 && e->live.at[i - 1] == id)
        return;
    bf_vec_push(&e->live, id);
    for (size_t k = e->live.n - 1; k > i; k--)
        e->live.at[k] = e->live.at[k - 1];
    e->live.at[i] = id;
}

static void live_remove(struct engine *e, uint32_t id)
{
    size_t n = 0;
    for (size_t i = 0; i < e->live.n; i++)
        if (e->live.at[i] != id)
            e->live.at[n++] = e->live.at[i];
    e->live.n = n;
}

static bool is_end(const struct backfill *b)
{
    switch (b->state) {
    case BACKFILL_SUCCEEDED:
    case BACKFILL_PARTLY:
    case BACKFILL_FAILED: return true;
    case BACKFILL_CANCELLED: return b->open == 0;
    case BACKFILL_QUEUED:
    case BACKFILL_RUNNING:
    case BACKFILL_PAUSED: return false;
    }
    return false;
}

const char *backfill_stands(const struct backfill *b)
{
    return b->halted_by == HALTED_BY_CHECK ? "halted by a check" : "paused";
}

void backfill_set_state(struct engine *e, struct backfill *b, enum backfill_state next, enum halted_by by, const char *halted,
                        int64_t at_us)
{
    assert(backfill_may_become(b, next));
    bool was_over = backfill_finished(b);
    if (!e->recovering)
        e->moves.backfill[b->state][next]++;
    b->state = next;
    free(b->halted);
    b->halted = next == BACKFILL_PAUSED && halted && *halted ? bf_xstrdup(halted) : NULL;
    b->halted_by = b->halted ? by : NOT_HALTED;
    if (next == BACKFILL_RUNNING && b->started_us == 0)
        b->started_us = at_us;
    b->finished_us = is_end(b) ? at_us : 0;
    if (is_end(b)) {
        b->timebox_at_ms = 0;
        b->timebox_over = false;
        yields_over(e, b);
        shares_over(e, b);
        reruns_review(e, b);
    }
    if (backfill_finished(b))
        breakers_detach(e, b);
    else if (was_over)
        breakers_attach(e, b, false);
    if (e->recovering)
        return;
    if (was_over != backfill_finished(b))
        ready_guarded(e, b);
    e->throttles_due = true;
    b->behind = 0;                               /* nothing becomes queued again */
    if (backfill_finished(b)) {
        live_remove(e, b->id);
        writers_over(e, b->id);
    } else {
        live_add(e, b->id);
    }
    ready_refresh(e, b);
}
