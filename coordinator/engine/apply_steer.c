/* apply, continued: what people do to step instances, and what is remembered of it.
 *
 * A record names what was picked.  Which instances change follows from base state alone (steer.c), so that a recovery, which knows
 * nothing that is derived, comes to the same.  Holding touches flags and the ready queue only; everything else changes states by the
 * hundred, and the counters of the backfill are derived again from there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "coordinator/engine/steer.h"

enum { ACTOR_SHOWN_BYTES = 128, REASON_SHOWN_BYTES = 350 };

static enum bf_rc corrupt(const struct record *r, const char *what, struct bf_error *err)
{
    return bf_fail(err, BF_CORRUPT, "record of kind %d (backfill %u, action %d): %s", (int)r->kind, r->backfill,
                   (int)record_rare(r)->action, what);
}

/* ---- what is remembered ---- */

void steer_note_done(struct steer_note *n)
{
    free(n->ranges);
    free(n->actor);
    free(n->reason);
}

static bool too_many(const struct backfill *b, size_t more)
{
    for (size_t i = 0; i < b->notes.n; i++)
        more += b->notes.at[i].n_ranges;
    return b->notes.n >= STEER_NOTES_MAX || (b->notes.n > 0 && more > STEER_NOTE_RANGES_MAX);
}

static void remember(struct backfill *b, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    while (too_many(b, rare->n_ranges)) {
        steer_note_done(&b->notes.at[0]);
        memmove(b->notes.at, b->notes.at + 1, (b->notes.n - 1) * sizeof *b->notes.at);
        b->notes.n--;
    }
    bf_vec_push(&b->notes, ((struct steer_note){
        .action = rare->action, .flags = rare->steer_flags, .n_ranges = rare->n_ranges, .at_us = r->at_us,
        .ranges = rare->n_ranges ? bf_xmemdup(rare->ranges, rare->n_ranges * sizeof *rare->ranges) : NULL,
        .actor = bf_xstrdup(rare->actor ? rare->actor : ""), .reason = bf_xstrdup(rare->reason ? rare->reason : "")}));
}

/* ---- what changes ---- */

/* A failure that no attempt told: whoever asks what failed is told who said so. */
static void note_failure(struct engine *e, const struct backfill *b, uint32_t number, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    char text[OUTCOME_TEXT_MAX];
    const char *actor = rare->actor ? rare->actor : "", *reason = rare->reason ? rare->reason : "";
    snprintf(text, sizeof text, "marked failed by %.*s%s%.*s", (int)bf_utf8_cut(actor, ACTOR_SHOWN_BYTES), actor, *reason ? ": " : "",
             (int)bf_utf8_cut(reason, REASON_SHOWN_BYTES), reason);
    struct outcome o = {.source = OUTCOME_CANCELLED, .sqlstate = "", .dbms = "", .details = "", .text = text, .rows = -1};
    failure_store(e, b, number, &o, FAILURE_PERMANENT, false);
}

static void begin_run(const struct engine *e, struct instance *in)
{
    in->run = in->run + 1 > first_run(e) ? in->run + 1 : first_run(e);
    in->attempts = 0;
    in->lost = 0;
}

/* It ends here and now.  One that is satisfied has no attempt that made it so. */
static void end_by_hand(struct instance *in, struct instance_usage *usage, int64_t at_us)
{
    in->finished_us = at_us;
    in->retry_at_ms = 0;
    if (!instance_satisfied(in))
        return;
    in->attempt = 0;
    in->agent = 0;
    in->started_us = 0;
    *usage = (struct instance_usage){0};
}

/* States by hand: lists and counts are derived again afterwards. */
static void change(struct engine *e, struct backfill *b, uint32_t number, const struct steer *s, const struct record *r)
{
    struct instance *in = &b->instances[number];
    bool open = instance_open(in);
    if (!e->recovering)
        e->moves.steered[s->action][in->state]++;
    snapshot_touch(e, b, number);
    instance_forget_reuse(b, number);
    struct steer_after after = steer_after(s, in);
    if (after.new_run)
        begin_run(e, in);
    in->state = (uint8_t)after.state;
    in->flags = after.flags;
    if (!open && after.state != INSTANCE_WAITING)
        end_by_hand(in, &b->usage[number], r->at_us);
    if (after.state == INSTANCE_FAILED)
        note_failure(e, b, number, r);
}

static void change_all(struct engine *e, struct backfill *b, const struct steer *s, const struct steer_outcome *o, const struct record *r)
{
    near_forget(e, b);
    if (!e->recovering)
        ready_withdraw(e, b);
    for (uint32_t i = 0; i < b->topology->n; i++) {
        if (steer_changes(o, i))
            change(e, b, i, s, r);
        if (!(o->fate[i] & FATE_STALE))
            continue;
        snapshot_touch(e, b, i);
        b->instances[i].flags |= FLAG_STALE;
    }
    reruns_review(e, b);
    edges_derive_again(e, b);
}

static void hold_all(struct engine *e, struct backfill *b, const struct steer *s, const struct steer_outcome *o)
{
    for (uint32_t i = 0; i < b->topology->n; i++) {
        if (!steer_changes(o, i))
            continue;
        if (!e->recovering)
            e->moves.steered[s->action][b->instances[i].state]++;
        snapshot_touch(e, b, i);
        instance_set_flags(e, b, i, steer_after(s, &b->instances[i]).flags);
    }
    if (!e->recovering)
        ready_forget(e, b);
}

static void steer(struct engine *e, struct backfill *b, const struct steer *s, const struct record *r)
{
    struct steer_outcome o;
    steer_resolve(b, s, &o);
    if (s->action == STEER_HOLD || s->action == STEER_RELEASE)
        hold_all(e, b, s, &o);
    else
        change_all(e, b, s, &o, r);
    steer_outcome_done(&o);
    alerts_again(e, b);
}

enum bf_rc apply_steered(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    struct backfill *b = backfill_find(e, r->backfill);
    const struct steer s = {.action = rare->action, .flags = rare->steer_flags, .ranges = rare->ranges, .n_ranges = rare->n_ranges};
    if (!b || b->state == BACKFILL_CANCELLED || !steer_fits(b, &s))
        return corrupt(r, "the backfill is unknown or cancelled, or has no such step instances", err);
    remember(b, r);
    steer(e, b, &s, r);
    return BF_OK;
}

enum bf_rc apply_steer_note(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    struct backfill *b = backfill_find(e, r->backfill);
    const struct steer s = {.action = rare->action, .flags = rare->steer_flags, .ranges = rare->ranges, .n_ranges = rare->n_ranges};
    if (!e->recovering || !b || !steer_fits(b, &s))
        return corrupt(r, "a note of an unknown backfill, or outside a recovery", err);
    remember(b, r);
    return BF_OK;
}

/* Of a whole backfill: what a retry of everything picks. */
enum bf_rc apply_retried(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = backfill_find(e, r->backfill);
    if (!b)
        return corrupt(r, "the backfill is unknown", err);
    steer(e, b, &(struct steer){.action = STEER_RETRY}, r);
    return BF_OK;
}
