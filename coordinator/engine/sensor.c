/* Sensors: steps that look whether something is there, and look again later when it is not.
 *
 * A look is an attempt like any other: it is granted, holds what it draws while it runs, and is fenced when its agent is lost.  Its answer
 * "not there yet" is no failure: the instance backs off until the next look without holding anything, and starts again as if no attempt
 * had been, so that attempts, requeues and retries of a run count only what failed since the last answer.  What was answered says nothing
 * about pools, connections or the step itself, so no breaker, governor or profile hears of it.
 *
 * The time-out is counted from the first answer of the run, in the engine's time; pauses count.  It is over only when a look was answered
 * at its end or later: the last one is made exactly then, so that nobody is told that something is missing who has not looked.
 *
 * Base state: a look for each instance that has ever had an answer (RECORD_LOOKED in checkpoints).  One of an earlier run is none. */
#include "coordinator/engine/sensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "common/text.h"
#include "coordinator/engine/decide.h"

enum { GAVE_UP_BYTES = 320 };                    /* of the sentence, with its names and numbers */

static struct look *find(const struct engine *e, const struct backfill *b, uint32_t number)
{
    uint64_t i = 0;
    if (!bf_map_get(&e->look_of, instance_key(b, number), &i) || e->looks.at[i].run != b->instances[number].run)
        return NULL;
    return &e->looks.at[i];
}

static const char *words(const struct look *l)
{
    return l->text ? l->text : "";
}

bool sensor_has_looked(const struct engine *e, const struct backfill *b, uint32_t number)
{
    return find(e, b, number) != NULL;
}

/* ---- the rule ---- */

bool sensor_answered(const struct plan_step *s, const struct outcome *o)
{
    return s->kind == PLAN_SENSOR && o->source == OUTCOME_NOT_YET;
}

/* "raw.orders[2024-01-01] is still not there after 6h, looked 361 times; at last: …", in the output's arena. */
static const char *gave_up_text(struct decision *d, const struct backfill *b, const struct attempt *a, uint64_t looks, const char *told)
{
    char *text = bf_arena_alloc(&d->out->arena, OUTCOME_TEXT_MAX + 1), key[PLAN_KEY_MAX], after[64];
    const struct plan_step *s = &b->plan->steps[a->step];
    plan_partition_key(s->partitions, a->index, key);
    bf_format_duration(s->sensor.timeout_ms, after, sizeof after);
    snprintf(text, OUTCOME_TEXT_MAX + 1, "%s%s%s%s is still not there after %s, looked %" PRIu64 " time%s; at last: %.*s",
             b->plan->datasets[s->sensor.dataset].name, *key ? "[" : "", key, *key ? "]" : "", after, looks,
             looks == 1 ? "" : "s", (int)bf_utf8_cut(told, OUTCOME_TEXT_MAX - GAVE_UP_BYTES), told);
    return text;
}

void sensor_rule(struct decision *d, const struct attempt *a, const struct outcome *o, struct record *r)
{
    const struct backfill *b = backfill_find(d->e, a->backfill);
    const struct plan_sensor *s = &b->plan->steps[a->step].sensor;
    const struct look *before = find(d->e, b, instance_number(b, a->step, a->index));
    uint64_t *numbers = bf_arena_alloc(&d->out->arena, LOOK_NUMBERS * sizeof *numbers);
    int64_t since_ms = before ? before->since_ms : d->now_ms, next_ms = d->now_ms + s->every_ms;
    numbers[0] = before ? before->looks + 1u : 1;
    numbers[1] = (uint64_t)since_ms;
    r->numbers = numbers;
    r->n_numbers = LOOK_NUMBERS;
    r->failure_class = FAILURE_NONE;
    if (s->timeout_ms && d->now_ms - since_ms >= s->timeout_ms && !BF_PLANTED("sensor_waits_for_ever")) {
        r->verdict = VERDICT_FAILED;
        r->failure_class = FAILURE_PERMANENT;
        r->retry_at_ms = 0;
        struct outcome *gave_up = bf_arena_memdup(&d->out->arena, r->outcome, sizeof *gave_up);
        gave_up->text = gave_up_text(d, b, a, numbers[0], o->text);
        r->outcome = gave_up;
        return;
    }
    if (s->timeout_ms && since_ms + s->timeout_ms < next_ms && since_ms + s->timeout_ms > d->now_ms)
        next_ms = since_ms + s->timeout_ms;
    r->verdict = VERDICT_LOOK_AGAIN;
    r->retry_at_ms = BF_PLANTED("sensor_looks_at_once") ? d->now_ms : next_ms;
}

/* ---- apply ---- */

static void keep(struct engine *e, const struct backfill *b, uint32_t number, const struct record *r)
{
    uint64_t i = 0;
    if (!bf_map_get(&e->look_of, instance_key(b, number), &i)) {
        i = e->looks.n;
        bf_vec_add(&e->looks);
        bf_map_put(&e->look_of, instance_key(b, number), i);
    }
    struct look *l = &e->looks.at[i];
    free(l->text);
    *l = (struct look){.backfill = b->id, .number = number, .run = r->run, .looks = (uint32_t)r->numbers[0],
                       .since_ms = (int64_t)r->numbers[1], .at_us = r->at_us,
                       .text = record_outcome(r)->text && *record_outcome(r)->text ? bf_xstrdup(record_outcome(r)->text) : NULL};
}

/* What it was told while it waited is of no use any more: there may be millions. */
static void forget_text(struct engine *e, const struct backfill *b, uint32_t number)
{
    uint64_t i = 0;
    if (!bf_map_get(&e->look_of, instance_key(b, number), &i))
        return;
    free(e->looks.at[i].text);
    e->looks.at[i].text = NULL;
}

void sensor_ended(struct engine *e, struct backfill *b, uint32_t number, const struct record *r)
{
    struct instance *in = &b->instances[number];
    if (r->verdict == VERDICT_SUCCEEDED || r->verdict == VERDICT_SKIPPED)
        forget_text(e, b, number);
    if (!sensor_answered(&b->plan->steps[in->step], record_outcome(r)) || r->n_numbers != LOOK_NUMBERS)
        return;
    keep(e, b, number, r);
    if (r->verdict != VERDICT_LOOK_AGAIN)
        return;
    in->retry_at_ms = r->retry_at_ms;
    in->attempts = BF_PLANTED("sensor_looks_are_charged") ? in->attempts : 0;
    in->lost = 0;
}

enum bf_rc sensor_apply(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (!e->recovering || !instance_find(e, r->backfill, r->step, r->index, &b, &number) || r->n_numbers != LOOK_NUMBERS)
        return bf_fail(err, BF_CORRUPT, "record of kind %d (backfill %u): looks of an unknown instance, or outside a recovery",
                       (int)r->kind, r->backfill);
    keep(e, b, number, r);
    return BF_OK;
}

/* ---- checkpoints, hashes, views ---- */

void sensor_snapshot(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->looks.n && !BF_PLANTED("checkpoint_forgets_looks"); i++) {
        const struct look *l = &e->looks.at[i];
        const struct backfill *b = backfill_find(e, l->backfill);
        const uint64_t numbers[LOOK_NUMBERS] = {l->looks, (uint64_t)l->since_ms};
        if (b->instances[l->number].run != l->run)
            continue;
        struct record *r = record_add(out, RECORD_LOOKED);
        r->backfill = l->backfill;
        r->step = b->instances[l->number].step;
        r->index = instance_index(b, l->number);
        r->run = l->run;
        r->at_us = l->at_us;
        r->numbers = numbers;
        r->n_numbers = LOOK_NUMBERS;
        r->outcome = &(const struct outcome){.source = OUTCOME_NOT_YET, .sqlstate = "", .dbms = "", .details = "", .text = words(l),
                                             .rows = -1};
        record_keep_strings(&out->arena, r);
    }
}

void sensor_hash(const struct engine *e, const struct backfill *b, uint32_t number, struct bf_buf *ret)
{
    const struct look *l = find(e, b, number);
    if (!l)
        return;
    bf_buf_put_u32(ret, l->looks);
    bf_buf_put_u64(ret, (uint64_t)l->since_ms);
    bf_buf_put_u64(ret, (uint64_t)l->at_us);
    bf_buf_put(ret, words(l), strlen(words(l)) + 1);
}

void sensors_done(struct engine *e)
{
    for (size_t i = 0; i < e->looks.n; i++)
        free(e->looks.at[i].text);
    bf_vec_free(&e->looks);
    bf_map_free(&e->look_of);
}

bool engine_looks(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct look_view *ret)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    const struct look *l = instance_find(e, backfill, step, index, &b, &number) ? find(e, b, number) : NULL;
    if (!l)
        return false;
    int64_t timeout_ms = b->plan->steps[step].sensor.timeout_ms;
    *ret = (struct look_view){.looks = l->looks, .since_ms = l->since_ms, .at_us = l->at_us, .text = words(l),
                              .gives_up_ms = timeout_ms ? l->since_ms + timeout_ms : -1};
    return true;
}
