/* Reading what people did, and what they would do: who holds, skipped, marked or cancelled an instance; what made one stale; and the
 * dry run of an action, which asks the same question as the decision and lists the answer. */
#include "coordinator/engine/view_steer.h"

#include <stdlib.h>

#include "common/map.h"
#include "common/mem.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/steer.h"

enum { CAUSE_LOOK_MAX = 4096 };                  /* instances that a search for a cause looks at */

/* ---- who ---- */

/* The action that explains the state of an instance; 0: an attempt does. */
static enum steer_action explained_by(const struct instance *in)
{
    bool by_hand = in->attempt == 0;
    if (in->flags & FLAG_HELD)
        return STEER_HOLD;
    if (in->state == INSTANCE_CANCELLED || (in->flags & FLAG_CANCELLING))
        return STEER_CANCEL;
    if (in->state == INSTANCE_SKIPPED && by_hand)
        return STEER_SKIP;
    if (in->state == INSTANCE_SUCCEEDED && by_hand)
        return STEER_MARK_SUCCEEDED;
    return in->state == INSTANCE_FAILED ? STEER_MARK_FAILED : 0;
}

/* What ended by a note has its time; one that goes along is not in its ranges. */
static bool note_explains(const struct steer_note *n, const struct instance *in, uint32_t step, uint32_t index)
{
    bool covers = steer_covers(n->ranges, n->n_ranges, step, index), along = n->flags & STEER_DOWNSTREAM;
    return instance_ended(in) && !(n->action == STEER_CANCEL && in->attempt != 0) ? n->at_us == in->finished_us && (covers || along)
                                                                                  : covers || along;
}

bool engine_steered(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct steer_view *ret)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (!instance_find(e, backfill, step, index, &b, &number))
        return false;
    const struct instance *in = &b->instances[number];
    enum steer_action action = explained_by(in);
    for (size_t i = action ? b->notes.n : 0; i-- > 0;) {
        const struct steer_note *n = &b->notes.at[i];
        if (n->action != action || !note_explains(n, in, step, index))
            continue;
        *ret = (struct steer_view){.action = n->action, .actor = n->actor, .reason = n->reason, .at_us = n->at_us};
        return true;
    }
    return false;
}

/* ---- stale: because of what ---- */

struct search {
    const struct backfill *b;
    const struct instance *stale;
    struct bf_map seen;
    BF_VEC_TYPE(uint32_t) queue;
    uint32_t found;                              /* NO_SLOT: not yet */
};

static bool ran_again(const struct search *s, const struct instance *up)
{
    int64_t since_us = s->stale->finished_us ? s->stale->finished_us : s->stale->started_us;
    return !instance_satisfied(up) || up->finished_us > since_us;
}

static void look_at(struct search *s, uint32_t number)
{
    uint64_t seen = 0;
    if (s->found != NO_SLOT || bf_map_get(&s->seen, number, &seen) || s->queue.n >= CAUSE_LOOK_MAX)
        return;
    bf_map_put(&s->seen, number, 1);
    bf_vec_push(&s->queue, number);
    if (ran_again(s, &s->b->instances[number]))
        s->found = number;
}

static void look_upstream(struct search *s, uint32_t number)
{
    const struct topology *t = s->b->topology;
    uint32_t step = s->b->instances[number].step, index = instance_index(s->b, number);
    for (uint32_t i = t->rule_first[step]; i < t->rule_first[step + 1]; i++) {
        const struct edge_rule *r = &t->rules[i];
        struct index_range up = topology_waits_for(t, r, index);
        for (uint32_t k = 0; k < up.n && s->found == NO_SLOT; k++)
            look_at(s, instance_number(s->b, r->up, up.first + k));
    }
}

bool engine_stale_cause(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, uint32_t *ret_step, uint32_t *ret_index)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    if (!instance_find(e, backfill, step, index, &b, &number) || !(b->instances[number].flags & FLAG_STALE))
        return false;
    struct search s = {.b = b, .stale = &b->instances[number], .found = NO_SLOT};
    look_upstream(&s, number);
    for (size_t i = 0; i < s.queue.n && s.found == NO_SLOT; i++)
        look_upstream(&s, s.queue.at[i]);
    if (s.found != NO_SLOT) {
        *ret_step = b->instances[s.found].step;
        *ret_index = instance_index(b, s.found);
    }
    bf_map_free(&s.seen);
    bf_vec_free(&s.queue);
    return s.found != NO_SLOT;
}

/* ---- a dry run ---- */

struct steer_preview { const struct backfill *b; struct steer steer; struct steer_outcome outcome; uint32_t at; };

/* Of the whole backfill where there is a word for that: what happens to its instances then. */
static enum bf_rc whole(struct decision *d, const struct backfill *b, const struct op_request *req, struct steer *ret, struct bf_error *err)
{
    enum bf_rc rc = BF_OK;
    const char *why_not = command_objection(d, b, req->verb, &rc);
    if (why_not)
        return bf_fail(err, rc, "%s", why_not);
    ret->flags = req->keep_running ? STEER_KEEP_RUNNING : 0;
    if (req->verb == OP_RETRY)
        ret->action = STEER_RETRY;
    else if (req->verb == OP_CANCEL && command_cancels(b, req->keep_running))
        ret->action = STEER_CANCEL;              /* else 0: no instance changes */
    return BF_OK;
}

static enum bf_rc begin(struct decision *d, const struct backfill *b, const struct op_request *req, struct steer_preview *p,
                        struct bf_error *err)
{
    BF_AUTO_FREE struct steer_range *ranges = NULL;
    bool is_whole = steer_is_whole(req);
    enum bf_rc rc = is_whole ? whole(d, b, req, &p->steer, err) : steer_of_request(b, req, &p->steer, &ranges, err);
    if (rc != BF_OK)
        return rc;
    if (p->steer.action)
        steer_resolve(b, &p->steer, &p->outcome);
    p->steer.ranges = NULL;                      /* not looked at again */
    const char *why_not = is_whole ? NULL : steer_objection(d, b, &p->outcome, &rc);
    return why_not ? bf_fail(err, rc, "%s", why_not) : BF_OK;
}

enum bf_rc engine_steer_begin(const struct engine *e, uint32_t backfill, const struct op_request *req, struct steer_preview **ret,
                              struct bf_error *err)
{
    const struct backfill *b = backfill_find(e, backfill);
    struct engine_out out = {0};
    struct decision d = {.e = e, .out = &out};
    if (!b)
        return bf_fail(err, BF_NOT_FOUND, "there is no backfill bf-%u; see bfctl backfill list", backfill);
    struct steer_preview *p = bf_xcalloc(1, sizeof *p);
    p->b = b;
    enum bf_rc rc = begin(&d, b, req, p, err);
    engine_out_free(&out);
    if (rc == BF_OK)
        *ret = p;
    else
        engine_steer_end(p);
    return rc;
}

static struct steer_row row_of(const struct steer_preview *p, uint32_t number)
{
    const struct instance *in = &p->b->instances[number];
    struct steer_row r = {.step = in->step, .index = instance_index(p->b, number), .before = in->state, .after = in->state,
                          .held_before = in->flags & FLAG_HELD, .held_after = in->flags & FLAG_HELD,
                          .upstream_failed = in->state == INSTANCE_WAITING && in->blocked > 0,
                          .stale = p->outcome.fate[number] & FATE_STALE, .along = steer_fate(&p->outcome, number) == FATE_ALONG};
    if (!steer_changes(&p->outcome, number))
        return r;
    struct steer_after a = steer_after(&p->steer, in);
    r.after = a.state;
    r.held_after = a.flags & FLAG_HELD;
    r.killed = (a.flags & FLAG_CANCELLING) && !(a.flags & FLAG_KEEP);
    r.goes_on = (a.flags & FLAG_CANCELLING) && (a.flags & FLAG_KEEP);
    r.new_run = a.new_run;
    return r;
}

bool engine_steer_next(struct steer_preview *p, struct steer_row *ret)
{
    for (; p->outcome.fate && p->at < p->b->topology->n; p->at++)
        if (steer_changes(&p->outcome, p->at) || (p->outcome.fate[p->at] & FATE_STALE)) {
            *ret = row_of(p, p->at++);
            return true;
        }
    return false;
}

void engine_steer_end(struct steer_preview *p)
{
    if (!p)
        return;
    steer_outcome_done(&p->outcome);
    free(p);
}
