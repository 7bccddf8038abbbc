/* Counting the instances of a step for people: one pass over a range, each instance looked at once.
 *
 * Everything here is base state (or follows from it at once), so that a rate or a mean is the same after a restart. */
#include "coordinator/engine/tally.h"

#include "coordinator/engine/internal.h"

static const int64_t windows_us[TALLY_WINDOWS] = {INT64_C(30000000), INT64_C(300000000), INT64_C(3600000000)};

int64_t tally_window_us(size_t i)
{
    return windows_us[i];
}

/* Among the newest, newest first. */
static void note_failed(struct tally *t, uint32_t index, int64_t at_us)
{
    size_t i = t->n_failed < TALLY_FAILED_MAX ? t->n_failed++ : TALLY_FAILED_MAX;
    for (; i > 0 && t->failed[i - 1].at_us < at_us; i--)
        if (i < TALLY_FAILED_MAX)
            t->failed[i] = t->failed[i - 1];
    if (i < TALLY_FAILED_MAX)
        t->failed[i] = (struct tally_failed){.index = index, .at_us = at_us};
}

static void note_end(struct tally *t, const struct instance *in, int64_t now_us)
{
    int64_t took_us = in->finished_us > in->started_us ? in->finished_us - in->started_us : 0, ago_us = now_us - in->finished_us;
    if (!in->started_us || !in->finished_us)
        return;                                  /* ended without an attempt */
    t->timed++;
    t->timed_us += took_us;
    for (size_t w = 0; w < TALLY_WINDOWS; w++)
        if (ago_us <= windows_us[w]) {
            t->recent[w].n++;
            t->recent[w].took_us += took_us;
        }
}

static void note(struct tally *t, const struct instance *in, uint32_t index, int64_t now_us)
{
    t->held += (in->flags & FLAG_HELD) != 0;
    t->held_ready += (in->flags & FLAG_HELD) && in->state == INSTANCE_READY;
    t->stale += (in->flags & FLAG_STALE) != 0;
    if (in->state == INSTANCE_WAITING && in->blocked > 0) {
        t->upstream_failed++;
        return;
    }
    t->n[in->state]++;
    if (in->state == INSTANCE_SUCCEEDED || in->state == INSTANCE_SKIPPED)
        note_end(t, in, now_us);
    else if (in->state == INSTANCE_RUNNING && in->started_us && in->started_us < now_us)
        t->running_us += now_us - in->started_us;
    else if (in->state == INSTANCE_FAILED || (in->state == INSTANCE_BACKING_OFF && !instance_looking(in)))
        note_failed(t, index, in->finished_us);
    t->looking += instance_looking(in);
    if (in->state == INSTANCE_BACKING_OFF && in->retry_at_ms > t->retry_at_ms)
        t->retry_at_ms = in->retry_at_ms;
}

void engine_tally(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t first, uint32_t n, int64_t now_us, struct tally *ret)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (n == 0 || !instance_find(e, backfill, step, first, &b, &number))
        return;
    uint32_t total = b->plan->steps[step].partitions->n;
    n = n < total - first ? n : total - first;
    for (uint32_t i = 0; i < n; i++)
        note(ret, &b->instances[number + i], first + i, now_us);
}

uint64_t tally_total(const struct tally *t)
{
    uint64_t total = t->upstream_failed;
    for (size_t s = 0; s < INSTANCE_STATE_COUNT; s++)
        total += t->n[s];
    return total;
}

uint64_t tally_done(const struct tally *t)
{
    return t->n[INSTANCE_SUCCEEDED] + t->n[INSTANCE_SKIPPED];
}

uint64_t tally_left(const struct tally *t)
{
    return t->n[INSTANCE_WAITING] + t->n[INSTANCE_READY] + t->n[INSTANCE_ASSIGNED] + t->n[INSTANCE_RUNNING] + t->n[INSTANCE_BACKING_OFF];
}
