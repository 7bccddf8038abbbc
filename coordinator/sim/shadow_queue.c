/* The queue, from the committed turns alone: one that has not begun begins only when nothing that it collides with lives, in the
 * order in which they were created, with room in the store, and with all that it requires outside its range.  That it does begin
 * is asked at the end: none may be left in the queue. */
#include "coordinator/sim/shadow_checks.h"

static const struct shadow_backfill *overtaken(const struct shadow *s, const struct shadow_backfill *b, bool by_a_new_run)
{
    for (size_t i = 0; i < s->backfills.n; i++) {
        const struct shadow_backfill *other = &s->backfills.at[i];
        bool waits_longer = other->state == BACKFILL_QUEUED && (by_a_new_run || other->id < b->id);
        if (other != b && waits_longer && shadow_collide(b, other))
            return other;
    }
    return NULL;
}

void shadow_check_queue(struct shadow *s, const struct shadow_backfill *b, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    bool runs = rare->backfill_state == BACKFILL_RUNNING, waited = b->state == BACKFILL_QUEUED;
    bool ended = b->state == BACKFILL_PARTLY || b->state == BACKFILL_FAILED;
    bool moves_up = (waited && rare->backfill_state != BACKFILL_CANCELLED) || (ended && runs);
    const struct shadow_backfill *first = moves_up ? overtaken(s, b, ended) : NULL;
    if (first)
        world_violate(s->w, "queue: backfill %u overtakes %u, which was queued before", b->id, first->id);
    if (b->begun)
        return;
    if (runs && s->low)
        world_violate(s->w, "low water: backfill %u begins", b->id);
    if (runs)
        shadow_check_outside(s, b, true);
    if (runs)
        shadow_check_reused(s, b);
    if (waited && rare->backfill_state == BACKFILL_PAUSED && (!*rare->reason || shadow_check_outside(s, b, false) == 0))
        world_violate(s->w, "queue: backfill %u is paused when its turn comes, and nothing that it requires is missing", b->id);
}
