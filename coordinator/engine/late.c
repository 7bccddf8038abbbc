/* Open attempts that take long: longer than their like do, or longer than their step's timebox where that only warns.
 *
 * Both moments are known when an attempt is granted, in the engine's time: what is usual is taken as it was known then, so that no later
 * end moves a moment that a timer was set for, and deciding again comes to the same.  An attempt that was granted without any knowledge of
 * its like is never late by it.  One that was given ahead (prefetch.c) is not late while it waits for a slot; its moments count from when
 * it was told to have started.
 *
 *     granted ──late_ms──► straggles ──────┐
 *        │                                 ├─► listed, until it ends: alerts ask of a step whether any of its attempts is
 *        └─────timebox───► past its limit ─┘
 *
 * Base state: granted_ms and late_ms of an attempt.  Derived: the heap of moments, and the list of those that have passed one. */
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/internal.h"
#include "coordinator/engine/view_profile.h"

/* How long after its grant an attempt is a straggler, as engine_straggler() has it; 0: nothing is known of its like. */
int64_t late_after_ms(const struct engine *e, uint32_t backfill, uint32_t step)
{
    uint64_t usual_us = 0;
    enum baseline_source source = engine_baseline(e, backfill, step, PROFILE_DURATION, LATE_MILLIONTHS, &usual_us);
    if ((source != BASELINE_PROFILE && source != BASELINE_EXPECTED) || usual_us > INT64_MAX / 4)
        return 0;
    uint64_t factor = source == BASELINE_PROFILE ? STRAGGLER_FACTOR : STRAGGLER_FACTOR_EXPECTED;
    uint64_t us = factor * usual_us > usual_us + STRAGGLER_LEAST_US ? factor * usual_us : usual_us + STRAGGLER_LEAST_US;
    return (int64_t)(us / 1000) + 1;
}

static int64_t limit_ms(const struct engine *e, const struct attempt *a)
{
    const struct plan_step *s = &backfill_find(e, a->backfill)->plan->steps[a->step];
    bool warns = s->timebox_ms > 0 && s->timebox_then == PLAN_ONLY_WARN && a->granted_ms > 0 && s->timebox_ms < INT64_MAX - a->granted_ms;
    return warns && !a->waits && !BF_PLANTED("timebox_warns_never") ? a->granted_ms + s->timebox_ms : INT64_MAX;
}

bool late_straggles(const struct attempt *a, int64_t now_ms)
{
    return a->late_ms > 0 && a->late_ms <= now_ms && !a->waits;
}

bool late_past_limit(const struct engine *e, const struct attempt *a, int64_t now_ms)
{
    return limit_ms(e, a) <= now_ms;
}

static int64_t next_ms(const struct engine *e, const struct attempt *a, int64_t now_ms)
{
    int64_t late_ms = a->late_ms > now_ms ? a->late_ms : INT64_MAX, limit = limit_ms(e, a);
    return limit > now_ms && limit < late_ms ? limit : late_ms;
}

void late_opened(struct engine *e, const struct attempt *a)
{
    int64_t at_ms = e->recovering ? INT64_MAX : next_ms(e, a, 0);
    if (at_ms != INT64_MAX)
        heap_push(&e->late, (uint64_t)at_ms, a->ref.attempt);
}

void late_started(struct engine *e, struct attempt *a, int64_t started_ms)
{
    int64_t waited_ms = started_ms - a->granted_ms;
    if (started_ms == 0 || a->granted_ms == 0 || waited_ms <= 0)
        return;
    a->granted_ms = started_ms;
    a->late_ms += a->late_ms > 0 ? waited_ms : 0;
    late_opened(e, a);
}

void late_closed(struct engine *e, const struct attempt *a)
{
    size_t n = 0;
    for (size_t i = 0; a->listed_late && i < e->late_now.n; i++)
        if (e->late_now.at[i] != a - e->attempts.at)
            e->late_now.at[n++] = e->late_now.at[i];
    if (!a->listed_late)
        return;
    e->late_now.n = n;
    e->alerts.look = true;
}

void late_derive(struct engine *e)
{
    heap_done(&e->late);
    bf_vec_clear(&e->late_now);
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next) {
        e->attempts.at[slot].listed_late = false;
        late_opened(e, &e->attempts.at[slot]);
    }
}

static bool is_open(const void *engine, struct heap_item item)
{
    return attempt_find(engine, item.b) != NULL;
}

/* An attempt's later moment is put in when the earlier one has come: the list is in order of the first of them, then of the grant. */
void late_look(struct engine *e, int64_t now_ms)
{
    if (e->late.n > 1024 + 4 * e->n_open)        /* nearly all of them have ended in time */
        heap_filter(&e->late, is_open, e);
    while (e->late.n > 0) {
        struct heap_item item = e->late.at[0];
        struct attempt *a = attempt_find(e, item.b);
        if (a && (int64_t)item.a > now_ms)
            return;
        heap_pop(&e->late);
        if (!a || (!late_straggles(a, (int64_t)item.a) && !late_past_limit(e, a, (int64_t)item.a)))
            continue;                            /* it has ended, or has waited meanwhile, and has another moment when it starts */
        e->alerts.look = true;
        int64_t after_ms = next_ms(e, a, (int64_t)item.a);
        if (after_ms != INT64_MAX)
            heap_push(&e->late, (uint64_t)after_ms, item.b);
        if (!a->listed_late)
            bf_vec_push(&e->late_now, (uint32_t)(a - e->attempts.at));
        a->listed_late = true;
    }
}

int64_t late_due_ms(const struct engine *e)
{
    return e->late.n > 0 ? judged_at_ms(e, (int64_t)e->late.at[0].a) : INT64_MAX;
}

bool late_is(const struct engine *e, const struct attempt *a, enum alert_kind kind, int64_t now_ms)
{
    return kind == ALERT_STRAGGLER ? late_straggles(a, now_ms) : late_past_limit(e, a, now_ms);
}

/* Bits of late_steps: some straggle, some are past their limit; and the same two again, when they were taken. */
enum { STRAGGLE = 1, PAST = 2, TAKEN = 2 };

static uint64_t kind_of(enum alert_kind kind) { return kind == ALERT_STRAGGLER ? STRAGGLE : PAST; }

static uint64_t bits_of(const struct engine *e, uint32_t backfill, uint32_t step)
{
    uint64_t bits = 0;
    (void)bf_map_get(&e->late_steps, (uint64_t)backfill << 32 | step, &bits);
    return bits;
}

void late_gather(struct engine *e, int64_t now_ms)
{
    bf_map_free(&e->late_steps);
    for (size_t i = 0; i < e->late_now.n; i++) {
        const struct attempt *a = &e->attempts.at[e->late_now.at[i]];
        uint64_t before = bits_of(e, a->backfill, a->step), bits = before;
        bits |= late_straggles(a, now_ms) ? STRAGGLE : 0;
        bits |= late_past_limit(e, a, now_ms) ? PAST : 0;
        if (bits != before)
            bf_map_put(&e->late_steps, (uint64_t)a->backfill << 32 | a->step, bits);
    }
}

bool late_has(const struct engine *e, enum alert_kind kind, uint32_t backfill, uint32_t step)
{
    return bits_of(e, backfill, step) & kind_of(kind);
}

bool late_take(struct engine *e, enum alert_kind kind, uint32_t backfill, uint32_t step)
{
    uint64_t bits = bits_of(e, backfill, step), taken = kind_of(kind) << TAKEN;
    if (!(bits & kind_of(kind)) || (bits & taken))
        return false;
    bf_map_put(&e->late_steps, (uint64_t)backfill << 32 | step, bits | taken);
    return true;
}

bool late_any(const struct engine *e, enum alert_kind kind, uint32_t backfill, uint32_t step, uint32_t *ret_n, uint32_t *ret_index)
{
    uint32_t n = 0;
    int64_t now_ms = judged_ms(e, e->now_ms);
    for (size_t i = 0; i < e->late_now.n; i++) {
        const struct attempt *a = &e->attempts.at[e->late_now.at[i]];
        if (a->backfill != backfill || a->step != step || !late_is(e, a, kind, now_ms))
            continue;
        *ret_index = n == 0 ? a->index : *ret_index;
        n++;
    }
    *ret_n = n;
    return n > 0;
}

int64_t engine_past_timebox_ms(const struct engine *e, uint64_t attempt, int64_t engine_ms)
{
    const struct attempt *a = attempt_find(e, attempt);
    int64_t at_ms = a ? limit_ms(e, a) : INT64_MAX;
    return at_ms <= engine_ms ? engine_ms - at_ms : -1;
}

/* From first principles: whoever has passed a moment is listed, and nobody else. */
const char *late_broken(const struct engine *e)
{
    size_t n = 0;
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next)
        n += e->attempts.at[slot].listed_late;
    for (size_t i = 0; i < e->late_now.n; i++)
        if (!e->attempts.at[e->late_now.at[i]].listed_late)
            return "an attempt that has ended, or is in time, is listed as late";
    return n == e->late_now.n ? NULL : "attempts that are late are miscounted";
}
