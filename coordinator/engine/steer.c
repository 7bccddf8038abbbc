/* Steering, instance by instance: see steer.h.
 *
 *              waiting, ready,   open             succeeded,        failed        cancelled
 *              backing off                        skipped
 *   hold       held              held             -                 -             -
 *   cancel     cancelled         its last try     -                 -             already
 *   retry      -                 -                -                 new run       -
 *   force      -                 -                new run           new run       new run
 *   skip       skipped           -                - | already       skipped       skipped
 *   mark       as marked         -                as marked         as marked     as marked
 *
 * What has ended ends in another way only in a new run, which for skip and mark is over at once.  Downstream is what the edges of the
 * plan reach, whatever state it is in.  Where a new run begins that is not over at once, or a success turns out to be none, all
 * downstream of it that is satisfied or open is stale: it may have seen what was there before. */
#include "coordinator/engine/steer.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/plant.h"

bool steer_covers(const struct steer_range *ranges, size_t n, uint32_t step, uint32_t index)
{
    for (size_t i = 0; i < n; i++)
        if (ranges[i].step == step && index >= ranges[i].first && index - ranges[i].first < ranges[i].n)
            return true;
    return n == 0;
}

bool steer_fits(const struct backfill *b, const struct steer *s)
{
    for (size_t i = 0; i < s->n_ranges; i++) {
        const struct steer_range *r = &s->ranges[i];
        if (r->step >= b->plan->n_steps || r->first > b->plan->steps[r->step].partitions->n ||
            r->n > b->plan->steps[r->step].partitions->n - r->first)
            return false;
    }
    return s->action >= STEER_HOLD && s->action <= STEER_MARK_FAILED;
}

/* ---- one instance ---- */

static enum steer_fate left(const struct instance *in)
{
    if (instance_open(in))
        return FATE_LEFT_OPEN;
    return instance_satisfied(in) ? FATE_LEFT_DONE : instance_ended(in) ? FATE_LEFT_OVER : FATE_LEFT_WAITING;
}

static enum steer_fate fate_of_cancel(const struct instance *in, uint32_t flags)
{
    if (in->state == INSTANCE_CANCELLED)
        return FATE_ALREADY;
    if (instance_ended(in))
        return left(in);
    bool kill_after_all = (in->flags & FLAG_KEEP) && !(flags & STEER_KEEP_RUNNING);
    return (in->flags & FLAG_CANCELLING) && !kill_after_all ? FATE_ALREADY : FATE_CHANGED;
}

/* To end in this state by a person's word. */
static enum steer_fate fate_of_end(const struct instance *in, enum instance_state end)
{
    if (in->state == end && !(in->flags & FLAG_STALE))
        return FATE_ALREADY;
    return instance_open(in) ? FATE_LEFT_OPEN : FATE_CHANGED;
}

static enum steer_fate fate_of(const struct steer *s, const struct instance *in)
{
    switch (s->action) {
    case STEER_HOLD: return instance_ended(in) ? left(in) : in->flags & FLAG_HELD ? FATE_ALREADY : FATE_CHANGED;
    case STEER_RELEASE: return in->flags & FLAG_HELD ? FATE_CHANGED : FATE_ALREADY;
    case STEER_CANCEL: return fate_of_cancel(in, s->flags);
    case STEER_RETRY: return in->state == INSTANCE_FAILED ? FATE_CHANGED : left(in);
    case STEER_FORCE: return instance_ended(in) ? FATE_CHANGED : left(in);
    case STEER_SKIP: return in->state == INSTANCE_SUCCEEDED ? FATE_LEFT_DONE : fate_of_end(in, INSTANCE_SKIPPED);
    case STEER_MARK_SUCCEEDED: return fate_of_end(in, INSTANCE_SUCCEEDED);
    case STEER_MARK_FAILED: return fate_of_end(in, INSTANCE_FAILED);
    }
    return FATE_NONE;
}

/* The same for one that was not picked itself. */
static bool goes_along(const struct steer *s, const struct instance *in)
{
    switch (s->action) {
    case STEER_CANCEL:
    case STEER_SKIP: return fate_of(s, in) == FATE_CHANGED;
    case STEER_RETRY: return in->state == INSTANCE_FAILED || instance_satisfied(in);
    case STEER_FORCE: return instance_ended(in);
    case STEER_HOLD:
    case STEER_RELEASE:
    case STEER_MARK_SUCCEEDED:
    case STEER_MARK_FAILED: return false;
    }
    return false;
}

#define IN(s) (1u << INSTANCE_##s)
#define BEFORE_START (IN(WAITING) | IN(READY) | IN(BACKING_OFF))
#define OPEN (IN(ASSIGNED) | IN(RUNNING))
#define DONE (IN(SUCCEEDED) | IN(SKIPPED))

/* The table above, and: a stale success may be said again; a success runs again along with what failed. */
bool steer_move_legal(enum steer_action action, enum instance_state from)
{
    static const uint16_t changed[STEER_ACTION_COUNT] = {
        [STEER_HOLD] = BEFORE_START | OPEN,
        [STEER_RELEASE] = BEFORE_START | OPEN,
        [STEER_CANCEL] = BEFORE_START | OPEN,
        [STEER_RETRY] = IN(FAILED) | DONE,
        [STEER_FORCE] = DONE | IN(FAILED) | IN(CANCELLED),
        [STEER_SKIP] = BEFORE_START | IN(SKIPPED) | IN(FAILED) | IN(CANCELLED),
        [STEER_MARK_SUCCEEDED] = BEFORE_START | DONE | IN(FAILED) | IN(CANCELLED),
        [STEER_MARK_FAILED] = BEFORE_START | DONE | IN(CANCELLED),
    };
    return changed[action] & (1u << from);
}

struct steer_after steer_after(const struct steer *s, const struct instance *in)
{
    bool again = instance_ended(in);
    uint8_t last = (uint8_t)((in->flags & ~FLAG_KEEP) | FLAG_CANCELLING | (s->flags & STEER_KEEP_RUNNING ? FLAG_KEEP : 0));
    switch (s->action) {
    case STEER_HOLD: return (struct steer_after){(enum instance_state)in->state, false, in->flags | FLAG_HELD};
    case STEER_RELEASE: return (struct steer_after){(enum instance_state)in->state, false, in->flags & (uint8_t)~FLAG_HELD};
    case STEER_CANCEL:
        if (instance_open(in))
            return (struct steer_after){(enum instance_state)in->state, false, last};
        return (struct steer_after){INSTANCE_CANCELLED, false, 0};
    case STEER_RETRY:
    case STEER_FORCE: return (struct steer_after){INSTANCE_WAITING, true, 0};
    case STEER_SKIP: return (struct steer_after){INSTANCE_SKIPPED, again, 0};
    case STEER_MARK_SUCCEEDED: return (struct steer_after){INSTANCE_SUCCEEDED, again, 0};
    case STEER_MARK_FAILED: return (struct steer_after){INSTANCE_FAILED, again, 0};
    }
    return (struct steer_after){(enum instance_state)in->state, false, in->flags};
}

/* ---- downstream ---- */

struct reach {
    const struct backfill *b;
    uint8_t *seen, *gate_seen;
    uint32_t *work; size_t n_work;
};

static void reach_one(struct reach *r, uint32_t number)
{
    if (r->seen[number])
        return;
    r->seen[number] = 1;
    r->work[r->n_work++] = number;               /* each once: there is room */
}

static void reach_gate(struct reach *r, uint32_t gate)
{
    const struct gate_rule *g = &r->b->topology->gates[gate];
    uint32_t first = r->b->topology->first[r->b->topology->rules[g->rule].down] + g->down_first;
    if (r->gate_seen[gate])
        return;
    r->gate_seen[gate] = 1;
    for (uint32_t i = 0; i < g->n_down; i++)
        reach_one(r, first + i);
}

static void reach_from(struct reach *r, uint32_t number)
{
    const struct topology *t = r->b->topology;
    uint32_t step = r->b->instances[number].step, index = instance_index(r->b, number), gate = 0;
    for (uint32_t o = t->out_first[step]; o < t->out_first[step + 1]; o++) {
        const struct edge_rule *rule = &t->rules[t->out[o]];
        if (rule->direct) {
            struct index_range down = topology_downstreams(t, rule, index);
            for (uint32_t i = 0; i < down.n; i++)
                reach_one(r, instance_number(r->b, rule->down, down.first + i));
        } else if (topology_gate_of_upstream(t, rule, index, &gate)) {
            reach_gate(r, gate);
        }
    }
}

/* Everything downstream of what begin() says, by number; owned by the caller. */
static uint8_t *reach_all(const struct backfill *b, const struct steer *s, const struct steer_outcome *o,
                          bool (*begin)(const struct steer *s, const struct instance *in))
{
    const struct topology *t = b->topology;
    BF_AUTO_FREE uint8_t *gate_seen = bf_xcalloc(t->n_gates, 1);
    BF_AUTO_FREE uint32_t *work = bf_xcalloc(t->n, sizeof *work);
    struct reach r = {.b = b, .seen = bf_xcalloc(t->n, 1), .gate_seen = gate_seen, .work = work};
    for (uint32_t i = 0; i < t->n; i++)
        if (steer_fate(o, i) == FATE_CHANGED && begin(s, &b->instances[i]))
            reach_from(&r, i);
    while (r.n_work > 0)
        reach_from(&r, r.work[--r.n_work]);
    return r.seen;
}

static bool always(const struct steer *s, const struct instance *in)
{
    (void)s;
    (void)in;
    return true;
}

/* What was built on it before may not hold any more. */
static bool is_undone(const struct steer *s, const struct instance *in)
{
    struct steer_after a = steer_after(s, in);
    return a.new_run && a.state != INSTANCE_SUCCEEDED && a.state != INSTANCE_SKIPPED;
}

/* ---- all ---- */

static void pick(const struct backfill *b, const struct steer *s, struct steer_outcome *o, uint32_t first, uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++) {
        if (o->fate[i] != FATE_NONE)
            continue;                            /* of two ranges: only when a stored record is strange */
        o->fate[i] = (uint8_t)fate_of(s, &b->instances[i]);
        o->picked++;
    }
}

static void take_along(const struct backfill *b, const struct steer *s, struct steer_outcome *o)
{
    BF_AUTO_FREE uint8_t *reached = reach_all(b, s, o, always);
    for (uint32_t i = 0; i < b->topology->n; i++)
        if (reached[i] && steer_fate(o, i) != FATE_CHANGED && goes_along(s, &b->instances[i]))
            o->fate[i] = FATE_ALONG;
}

static void find_stale(const struct backfill *b, const struct steer *s, struct steer_outcome *o)
{
    if (BF_PLANTED("stale_forgotten"))
        return;
    BF_AUTO_FREE uint8_t *reached = reach_all(b, s, o, is_undone);
    for (uint32_t i = 0; i < b->topology->n; i++) {
        const struct instance *in = &b->instances[i];
        if (reached[i] && !steer_changes(o, i) && (instance_satisfied(in) || instance_open(in)) && !(in->flags & FLAG_STALE))
            o->fate[i] |= FATE_STALE;
    }
}

static bool may_make_stale(enum steer_action a)
{
    return a == STEER_RETRY || a == STEER_FORCE || a == STEER_MARK_FAILED;
}

void steer_resolve(const struct backfill *b, const struct steer *s, struct steer_outcome *ret)
{
    *ret = (struct steer_outcome){.fate = bf_xcalloc(b->topology->n, 1)};
    for (size_t i = 0; i < s->n_ranges; i++)
        pick(b, s, ret, instance_number(b, s->ranges[i].step, s->ranges[i].first), s->ranges[i].n);
    if (s->n_ranges == 0)
        pick(b, s, ret, 0, b->topology->n);
    if (s->flags & STEER_DOWNSTREAM)
        take_along(b, s, ret);
    if (may_make_stale(s->action))
        find_stale(b, s, ret);
    for (uint32_t i = 0; i < b->topology->n; i++) {
        ret->n[steer_fate(ret, i)]++;
        ret->stale += (ret->fate[i] & FATE_STALE) != 0;
        ret->to_kill += s->action == STEER_CANCEL && steer_changes(ret, i) && instance_open(&b->instances[i]);
    }
}

void steer_outcome_done(struct steer_outcome *o)
{
    free(o->fate);
    *o = (struct steer_outcome){0};
}
