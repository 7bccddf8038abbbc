/* Halts and details, from the committed turns alone.
 *
 * A halt: after an end by a check of severity halt nothing of the backfill is granted until an operator's resume is carried out; it
 * is paused, with a reason, when the turn is over.  Details: what the report that ended an attempt told is what is kept, byte for
 * byte, and a report that ended nothing leaves none. */
#include <string.h>

#include "coordinator/sim/shadow_checks.h"

void shadow_take_halt(struct shadow_backfill *b, const struct record *ended)
{
    bool halts = record_outcome(ended)->source == OUTCOME_CHECK && record_outcome(ended)->code == CHECK_HALT;
    if (halts && (b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED))
        b->halted = true;
}

static bool resumed(const struct turn *t, uint32_t backfill)
{
    for (size_t i = 0; i < t->n_inputs; i++) {
        const struct op_request *c = &input_rare(&t->inputs[i])->command;
        if (t->inputs[i].kind == INPUT_COMMAND && c->verb == OP_RESUME && c->backfill == backfill)
            return true;
    }
    return false;
}

void shadow_take_state(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    bool told = *rare->reason != '\0';
    bool held = b->state == BACKFILL_QUEUED && told && rare->backfill_state == BACKFILL_PAUSED;      /* see shadow_queue.c */
    if (told && !held && (!b->halted || rare->backfill_state != BACKFILL_PAUSED))
        world_violate(s->w, "halt: backfill %u is halted (%s), and no check said so", b->id, rare->reason);
    if (b->halted && b->state != BACKFILL_PAUSED && rare->backfill_state == BACKFILL_PAUSED && !told)
        world_violate(s->w, "halt: backfill %u is halted without a reason", b->id);
    if (b->halted && rare->backfill_state == BACKFILL_RUNNING && !resumed(t, b->id))
        world_violate(s->w, "halt: backfill %u goes on after a halt, and nobody resumed it", b->id);
    if (rare->backfill_state != BACKFILL_PAUSED)
        b->halted = false;
}

void shadow_check_halts(struct shadow *s)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        if (s->backfills.at[i].halted && s->backfills.at[i].state != BACKFILL_PAUSED)
            world_violate(s->w, "halt: backfill %u is in state %d after a check halted it", s->backfills.at[i].id,
                          (int)s->backfills.at[i].state);
}

uint32_t shadow_some_halted(const struct shadow *s)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        if (s->backfills.at[i].halted)
            return s->backfills.at[i].id;
    return 0;
}

/* ---- details ---- */

/* Of the first report of its holder: a repeated one is stale. */
static const char *told_by_holder(struct shadow *s, const struct turn *t, const struct attempt_ref *ref)
{
    const struct shadow_attempt *a = shadow_attempt_find(s, ref->attempt);
    for (size_t i = 0; a && i < t->n_inputs; i++) {
        const struct input *in = &t->inputs[i];
        if (in->kind == INPUT_REPORT && in->report.kind == REPORT_ENDED && in->report.ref.attempt == ref->attempt &&
            in->report.ref.token == ref->token && memcmp(in->key, a->key, BF_KEY_BYTES) == 0)
            return in->report.outcome.details;
    }
    return "";
}

static const struct record *find(const struct turn *t, enum record_kind kind, uint64_t attempt)
{
    for (size_t i = 0; i < t->n_records; i++)
        if (t->records[i].kind == kind && t->records[i].ref.attempt == attempt)
            return &t->records[i];
    return NULL;
}

static const struct turn_details *kept_of(const struct turn_commit *c, uint64_t attempt)
{
    for (size_t i = 0; i < c->n_details; i++)
        if (c->details[i].attempt == attempt)
            return &c->details[i];
    return NULL;
}

static void check_kept(struct shadow *s, const struct turn *t, const struct record *r, const struct turn_details *d)
{
    unsigned long long attempt = (unsigned long long)r->ref.attempt;
    const struct record *ended = find(t, RECORD_ENDED, r->ref.attempt);
    if (!ended || record_outcome(ended)->source == OUTCOME_LOST || find(t, RECORD_DETAILS, r->ref.attempt) != r) {
        world_violate(s->w, "details: attempt %llu has some, and no report that ended it told them", attempt);
        return;
    }
    const struct shadow_attempt *a = shadow_attempt_find(s, r->ref.attempt);
    const char *told = told_by_holder(s, t, &r->ref);
    if (!d || strlen(told) != d->n || memcmp(told, d->bytes, d->n) != 0)
        world_violate(s->w, "details: those of attempt %llu are not what its report told", attempt);
    else if (!a || a->backfill != d->backfill || a->step != d->step || a->index != d->index)
        world_violate(s->w, "details: those of attempt %llu are kept under another instance", attempt);
}

void shadow_check_details(struct shadow *s, const struct turn *t, const struct turn_commit *c)
{
    size_t records = 0;
    for (size_t i = 0; i < t->n_records; i++) {
        const struct record *r = &t->records[i];
        if (r->kind == RECORD_DETAILS) {
            check_kept(s, t, r, kept_of(c, r->ref.attempt));
            records++;
        }
        bool reported = r->kind == RECORD_ENDED && record_outcome(r)->source != OUTCOME_LOST;
        if (reported && *told_by_holder(s, t, &r->ref) && !find(t, RECORD_DETAILS, r->ref.attempt))
            world_violate(s->w, "details: what attempt %llu told with its end is not kept", (unsigned long long)r->ref.attempt);
    }
    if (records != c->n_details)
        world_violate(s->w, "details: %zu records, and those of %zu attempts are kept", records, c->n_details);
}
