/* The coordinator was away, and engine time went on (proto/clock.h).
 *
 * What was due meanwhile is due: the end of a timebox, a backoff, the open time of a breaker or the age of its votes, a sensor's next look
 * and its time-out, the end of a token, the wait for a near agent.  But nobody could be heard from the last turn before (since) until the
 * agents that are there have spoken again (until), and what is decided by what was not heard waits for that:
 *
 *     the end of a backfill's timebox; an attempt that straggles, or   if it lies in the deaf time, looked at when that is over: what
 *     goes on past a timebox that warns; an alert that is held         ended or came back meanwhile is heard first
 *     the silence of a probe                                           counts from when the deaf time is over
 *     the time that a class loses to better ones, and ages by; that    none passed it: not counted
 *     in which a throttled pool is idle, or an attempt holds its slot
 *
 * A moment waits for one deaf time only: the next one begins at a later turn.  So a process that is killed again and again puts nothing
 * off.  Leases are not here: they are volatile, and each process waits a full one (coordinator/recover.c). */
#include "common/plant.h"
#include "coordinator/engine/decide.h"

enum { NUMBERS = 3 };                            /* since, when engine time went on, until */

static bool is_deaf(const struct engine *e, int64_t at_ms)
{
    return at_ms > e->deaf.since_ms && at_ms < e->deaf.until_ms && !BF_PLANTED("outage_is_judged");
}

int64_t judged_ms(const struct engine *e, int64_t now_ms)
{
    return is_deaf(e, now_ms) ? e->deaf.since_ms : now_ms;
}

int64_t judged_at_ms(const struct engine *e, int64_t at_ms)
{
    return is_deaf(e, at_ms) ? e->deaf.until_ms : at_ms;
}

static void emit(struct engine_out *out, struct record *r, int64_t since_ms, int64_t back_ms, int64_t until_ms)
{
    const uint64_t numbers[NUMBERS] = {(uint64_t)since_ms, (uint64_t)back_ms, (uint64_t)until_ms};
    r->numbers = bf_arena_memdup(&out->arena, numbers, sizeof numbers);
    r->n_numbers = NUMBERS;
}

void decide_resumed(struct decision *d, const struct input *in)
{
    const struct input_rare *said = input_rare(in);
    struct record *r = record_begin(d, RECORD_RESUMED);
    emit(d->out, r, said->since_ms, d->now_ms, d->now_ms + said->hold_ms);
    record_emit(d, r);
}

static void move_since(int64_t *since_ms, int64_t by_ms)
{
    *since_ms += *since_ms != 0 ? by_ms : 0;
}

static void forgive(struct backfill *b, int64_t away_ms)
{
    for (size_t i = 0; i < b->n_shares && !BF_PLANTED("outage_ages"); i++) {
        move_since(&b->shares[i].since_ms, away_ms);
        for (size_t class = 0; class < SHARE_CLASSES; class++)
            move_since(&b->shares[i].yielded[class].since_ms, away_ms);
    }
}

enum bf_rc apply_resumed(struct engine *e, const struct record *r, struct bf_error *err)
{
    const uint64_t *n = r->numbers;
    if (r->n_numbers != NUMBERS || n[0] > n[1] || n[1] > n[2] || n[2] > INT64_MAX / 4)
        return bf_fail(err, BF_CORRUPT, "record of kind %d: engine time did not go on so", (int)r->kind);
    e->deaf.since_ms = (int64_t)n[0];
    e->deaf.until_ms = (int64_t)n[2];
    for (size_t i = 0; i < e->backfills.n; i++)
        forgive(e->backfills.at[i], (int64_t)(n[1] - n[0]));
    for (size_t i = 0; i < e->pools.n; i++)
        if (e->pools.at[i].governor)             /* nor was it idle */
            move_since(&e->pools.at[i].governor->now.state.used_ms, (int64_t)(n[1] - n[0]));
    e->alerts.look = true;
    return BF_OK;
}

void outage_snapshot(const struct engine *e, struct engine_out *out)
{
    if (e->deaf.until_ms)                        /* nothing is there yet that it would move */
        emit(out, record_add(out, RECORD_RESUMED), e->deaf.since_ms, e->deaf.since_ms, e->deaf.until_ms);
}
