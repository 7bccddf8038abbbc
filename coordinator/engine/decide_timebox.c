/* The timebox of a backfill: a limit from when it begins, and what follows at its end.
 *
 * It goes by the engine's time, so that a clock that is set moves nothing; pauses count, and so does time in which the coordinator is away
 * (outage.c).  When it begins and when it is over are records; between them there is a timer.  An end of the backfill forgets it: one that
 * is retried afterwards has its time anew.  Once it is over, what follows is done once: a person who resumes goes on without a limit.  One
 * that only warns is an alert for as long as the backfill goes on. */
#include "common/plant.h"
#include "common/text.h"
#include "coordinator/engine/decide.h"

static void emit(struct decision *d, const struct backfill *b, int64_t at_ms, bool over)
{
    struct record *r = record_begin(d, RECORD_TIMEBOX);
    r->backfill = b->id;
    r->retry_at_ms = at_ms;
    r->n = over;
    record_emit(d, r);
}

static void note(struct decision *d, const struct backfill *b, const char *what, const char *text, enum backfill_state before,
                 const char *after)
{
    audit_note(d, &(struct audit_note){.what = what, .target = out_printf(d->out, "bf-%u", b->id), .backfill = b->id, .text = text,
                                       .before = out_printf(d->out, "{\"state\":\"%s\"}", backfill_state_name(before)), .after = after});
}

static void end(struct decision *d, const struct backfill *b)
{
    char limit[64];
    enum backfill_state before = b->state;
    bf_format_duration(b->plan->timebox_ms, limit, sizeof limit);
    const char *text = out_printf(d->out, "its timebox of %s is over", limit);
    emit(d, b, b->timebox_at_ms, true);
    if (b->plan->timebox_then == PLAN_END_PAUSE && !b->halted) {
        decide_backfill_state(d, b, BACKFILL_PAUSED, HALTED_BY_TIMEBOX, text);
        note(d, b, "halt", text, before, "{\"state\":\"paused\",\"halted\":true}");
    } else if (b->plan->timebox_then == PLAN_END_CANCEL) {
        struct record *r = record_begin(d, RECORD_CANCELLED);
        r->backfill = b->id;
        record_emit(d, r);
        decide_backfill_state(d, b, BACKFILL_CANCELLED, NOT_HALTED, "");
        kill_open(d, b);
        note(d, b, "timebox", text, before, "{\"state\":\"cancelled\"}");
    } else if (b->plan->timebox_then == PLAN_END_WARN) {
        note(d, b, "timebox", out_printf(d->out, "it goes on past its timebox of %s, which only warns", limit), before,
             out_printf(d->out, "{\"state\":\"%s\"}", backfill_state_name(before)));
    }
}

bool timebox_warns(const struct backfill *b)
{
    return b->timebox_over && b->plan->timebox_then == PLAN_END_WARN && (b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED);
}

void timebox_decide(struct decision *d)
{
    const struct engine *e = d->e;
    d->live->timebox_due_ms = INT64_MAX;
    for (size_t i = e->live.n; i-- > 0;) {       /* backwards: an end takes its entry out */
        const struct backfill *b = e->backfills.at[e->live.at[i] - 1];
        bool goes_on = b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED;
        if (b->plan->timebox_ms == 0 || b->started_us == 0 || !goes_on || b->timebox_over)
            continue;
        if (b->timebox_at_ms == 0)
            emit(d, b, d->now_ms + b->plan->timebox_ms, false);
        if (judged_ms(e, d->now_ms) >= b->timebox_at_ms && !BF_PLANTED("timebox_ignored"))
            end(d, b);
        else if (judged_at_ms(e, b->timebox_at_ms) < e->timebox_due_ms)
            d->live->timebox_due_ms = judged_at_ms(e, b->timebox_at_ms);
    }
}

enum bf_rc timebox_apply(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = backfill_find(e, r->backfill);
    if (!b || b->plan->timebox_ms == 0 || r->retry_at_ms <= 0 || r->n > 1)
        return bf_fail(err, BF_CORRUPT, "record of kind %d (backfill %u): its plan has no timebox", (int)r->kind, r->backfill);
    b->timebox_at_ms = r->retry_at_ms;
    b->timebox_over = r->n == 1;
    e->alerts.all |= timebox_warns(b);
    return BF_OK;
}
