/* Stragglers that are run again elsewhere: only of steps that say so, once in a run, one in ten of what is open of a backfill, only while
 * another agent has room, and never charged; and the next attempt goes to another agent while one is here.  That it begins only when the
 * first is dead is I1 and I5, which hold for every attempt. */
#include <inttypes.h>

#include "coordinator/engine/rerun.h"
#include "coordinator/sim/shadow_place.h"
#include "coordinator/sim/shadow_rerun.h"

enum { LATE_LEAST_MS = 5000 };

/* Open attempts of a backfill, and its instances that are between being asked and the end of the attempt after that. */
static void count(const struct shadow *s, const struct shadow_backfill *b, uint32_t *ret_open, uint32_t *ret_asked)
{
    *ret_open = *ret_asked = 0;
    for (size_t i = 0; i < s->open.n; i++) {
        const struct shadow_attempt *a = shadow_open_at(s, i);
        *ret_open += a->backfill == b->id;
        *ret_asked += a->backfill == b->id && a->rerun;
    }
}

static bool another_has_room(struct shadow *s, uint32_t agent)
{
    for (size_t i = 0; i < s->agents.n; i++)
        if (s->agents.at[i].id != agent && shadow_agent_fits(s, &s->agents.at[i]) && shadow_agent_has_room(&s->agents.at[i]))
            return true;
    return false;
}

void shadow_take_rerun(struct shadow *s, const struct turn *t, struct shadow_attempt *a, const struct record *r)
{
    if (!a || !a->open || a->step != r->step || a->index != r->index || a->agent != r->agent || r->numbers[0] != RERUN_ASKED) {
        world_violate(s->w, "rerun: attempt %" PRIu64 " is asked to end, and is not open there", r->ref.attempt);
        return;
    }
    const struct shadow_backfill *b = shadow_backfill_find(s, a->backfill);
    struct shadow_cell *c = &b->cells[a->step][a->index];
    const char *name = b->plan->steps[a->step].name;
    uint32_t open = 0, asked = 0;
    count(s, b, &open, &asked);
    if (!b->plan->steps[a->step].rerun)
        world_violate(s->w, "rerun: %s[%u] is asked to end, and its step does not say that it may be run again", name, a->index);
    if (c->rerun_run == a->run)
        world_violate(s->w, "rerun: %s[%u] is asked to end a second time in its run %u", name, a->index, a->run);
    if (b->state != BACKFILL_RUNNING || c->held || c->cancelling || s->low)
        world_violate(s->w, "rerun: %s[%u] is asked to end, and nothing would be granted to it again", name, a->index);
    if (t->now_ms - a->granted_ms < LATE_LEAST_MS || r->numbers[1] != (uint64_t)(t->now_ms - a->granted_ms))
        world_violate(s->w, "rerun: %s[%u] is asked to end %" PRId64 " ms after its grant", name, a->index, t->now_ms - a->granted_ms);
    if (asked > 0 && (asked + 1) * RERUN_PART > open)
        world_violate(s->w, "rerun: %u of %u open attempts of backfill %u are run again at a time", asked + 1, open, b->id);
    if (!another_has_room(s, a->agent))
        world_violate(s->w, "rerun: %s[%u] is asked to end, and no other agent has room for it", name, a->index);
    c->rerun_run = a->run;
    a->rerun = true;
}

void shadow_rerun_ended(struct shadow *s, const struct shadow_attempt *a, const struct record *ended)
{
    const struct shadow_backfill *b = shadow_backfill_find(s, a->backfill);
    struct shadow_cell *c = &b->cells[a->step][a->index];
    bool by_order = record_outcome(ended)->source == OUTCOME_CANCELLED;
    bool goes_on = ended->verdict == VERDICT_REQUEUE || ended->verdict == VERDICT_RETRY;
    bool cancelled = c->cancelling || b->state == BACKFILL_CANCELLED;
    if (a->rerun && by_order && !cancelled && (ended->verdict != VERDICT_REQUEUE || ended->failure_class != FAILURE_NONE))
        world_violate(s->w, "rerun: attempt %" PRIu64 " was ended to be run again, and is charged for it", a->ref.attempt);
    if (!a->rerun && by_order && ended->verdict == VERDICT_REQUEUE && ended->failure_class == FAILURE_NONE)
        world_violate(s->w, "rerun: attempt %" PRIu64 " is taken as ended to be run again, and was not asked to", a->ref.attempt);
    c->straggled = a->rerun && goes_on ? a->agent : 0;
}

void shadow_rerun_over(struct shadow_backfill *b)
{
    for (size_t i = 0; i < b->plan->n_steps; i++)
        for (uint32_t p = 0; p < b->plan->steps[i].partitions->n; p++)
            b->cells[i][p].straggled = 0;
}

void shadow_rerun_granted(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r)
{
    struct shadow_cell *c = &b->cells[r->step][r->index];
    bool waited = c->near_until_ms && t->now_ms >= c->near_until_ms;
    for (size_t i = 0; shadow_straggled(c) && r->agent == c->straggled && !waited && i < s->agents.n; i++) {
        const struct shadow_agent *o = &s->agents.at[i];
        if (o->id != r->agent && shadow_agent_fits(s, o) && shadow_waiting_for(s, o->id) < o->slots)
            world_violate(s->w, "rerun: %s[%u] straggled on agent %u, and is granted there again though agent %u is here",
                          b->plan->steps[r->step].name, r->index, r->agent, o->id);
    }
    c->straggled = 0;
}
