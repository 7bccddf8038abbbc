/* Timeboxes of backfills, from the committed turns alone: each begins with its backfill, ends when its plan says, not before and not later
 * than the next turn, or the next after agents could be heard again, and is followed by what the plan says. */
#include "coordinator/sim/shadow_checks.h"

void shadow_take_timebox(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r)
{
    bool begins = r->n == 0;
    if (b->plan->timebox_ms == 0 || b->timebox_over || (begins && b->timebox_ms != 0))
        world_violate(s->w, "timebox: backfill %u has none, or it is over, or has begun before", b->id);
    if (begins && r->retry_at_ms != t->now_ms + b->plan->timebox_ms)
        world_violate(s->w, "timebox: that of backfill %u ends after another time than its plan says", b->id);
    if (!begins && (shadow_judged_ms(s, t->now_ms) < b->timebox_ms || b->timebox_ms != r->retry_at_ms))
        world_violate(s->w, "timebox: that of backfill %u is over before its time", b->id);
    b->timebox_ms = r->retry_at_ms;
    b->timebox_over = !begins;
    if (b->timebox_over && b->plan->timebox_then == PLAN_END_PAUSE && (b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED))
        b->halted = true;
}

static bool ends_in(const struct turn *t, uint32_t backfill)
{
    for (size_t i = 0; i < t->n_records; i++)
        if (t->records[i].kind == RECORD_TIMEBOX && t->records[i].backfill == backfill && t->records[i].n == 1)
            return true;
    return false;
}

void shadow_check_timeboxes(struct shadow *s, const struct turn *t)
{
    for (size_t i = 0; i < s->backfills.n; i++) {
        struct shadow_backfill *b = &s->backfills.at[i];
        bool goes_on = b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED;
        if (!goes_on) {                          /* a retry begins it anew */
            b->timebox_ms = b->state == BACKFILL_CANCELLED ? b->timebox_ms : 0;
            b->timebox_over = b->state == BACKFILL_CANCELLED && b->timebox_over;
            continue;
        }
        if (b->timebox_ms != 0 && !b->timebox_over && shadow_judged_ms(s, t->now_ms) >= b->timebox_ms)
            world_violate(s->w, "timebox: backfill %u goes on past it", b->id);
        if (ends_in(t, b->id) && b->plan->timebox_then == PLAN_END_CANCEL)
            world_violate(s->w, "timebox: backfill %u is not cancelled at its end", b->id);
        if (ends_in(t, b->id) && b->plan->timebox_then == PLAN_END_PAUSE && b->state != BACKFILL_PAUSED)
            world_violate(s->w, "timebox: backfill %u is not paused at its end", b->id);
    }
}
