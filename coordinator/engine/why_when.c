/* When is a blocker expected to clear?  One row for each kind, at the end of this file.
 *
 * What a timer says comes with the blocker itself, from the decision that made it (admit.c, why.c), and is left alone here.  The rest goes
 * by what steps usually take: an open attempt ends when it has run for the median of its step's baseline; when it has run for longer, at
 * the 95th percentile; and when that is over too, or the baseline is only a plan's word that is over, or there is none, it is not known.
 * So is everything that follows from it.  Nothing is made up: unknown is -1, and people see null.
 *
 * What needs room (a pool, a dimension of it, an agent's slot, its place in the queue) is worked out by letting open attempts end in order
 * and what is ahead begin in order, on the figures that admit.c itself compares. */
#include "common/least.h"
#include "coordinator/engine/view_profile.h"
#include "coordinator/engine/why.h"

enum { MEMO = 64, UPSTREAMS_MAX = 64, NEEDS_MAX = 64 };
#define MEDIAN 500000u
#define NEARLY_ALL 950000u

/* Usual durations of one step, in ms; -1: not known. */
struct usual { uint32_t backfill, step; int64_t median_ms, most_ms; };
struct when {
    const struct engine *e;
    int64_t now_ms, wall_us;
    struct usual memo[MEMO];                     /* backfill 0: free */
};

/* ---- how long things take ---- */

static int64_t usual_ms(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t millionths)
{
    uint64_t us = 0;
    enum baseline_source source = engine_baseline(e, backfill, step, PROFILE_DURATION, millionths, &us);
    bool known = source == BASELINE_PROFILE || source == BASELINE_EXPECTED;      /* a preset has no knowledge behind it */
    return known && us / 1000 < INT64_MAX / 4 ? (int64_t)(us / 1000) : -1;
}

static const struct usual *usual_of(struct when *w, uint32_t backfill, uint32_t step)
{
    struct usual *u = &w->memo[(backfill * 31 + step) % MEMO];
    if (u->backfill != backfill || u->step != step)
        *u = (struct usual){backfill, step, usual_ms(w->e, backfill, step, MEDIAN), usual_ms(w->e, backfill, step, NEARLY_ALL)};
    return u;
}

/* Engine time at which an open attempt is expected to end; -1: not known. */
static int64_t ends_ms(struct when *w, const struct attempt *a)
{
    const struct usual *u = usual_of(w, a->backfill, a->step);
    int64_t elapsed_ms = w->wall_us > a->granted_us ? (w->wall_us - a->granted_us) / 1000 : 0;    /* no agent's clock comes in */
    if (u->median_ms >= elapsed_ms)
        return w->now_ms + u->median_ms - elapsed_ms;
    return u->most_ms >= elapsed_ms ? w->now_ms + u->most_ms - elapsed_ms : -1;
}

/* ---- room: what must be free for an attempt to begin ---- */

/* Of a dimension of a pool, or a slot of any agent that fits.  free may be below zero: a limit was lowered. */
struct need { bool of_agents; uint32_t pool, dim; int64_t amount, free; };
struct room { struct need at[NEEDS_MAX]; size_t n; const struct fit *fit; struct heap ends; bool too_many; };
#define ENDS_AS_ASKED UINT64_MAX                 /* in `ends`: not an open attempt, but one that begins meanwhile */

static void add_need(struct room *r, struct need need)
{
    if (r->n < NEEDS_MAX)
        r->at[r->n++] = need;
    else
        r->too_many = true;
}

/* limit: in place of what the pool has; 0: that. */
static void add_pool(struct room *r, const struct engine *e, const struct draw_item *item, uint64_t limit)
{
    uint64_t has = 0, used = 0;
    if (!admit_room(&e->pools.at[item->pool], item->dim, &has, &used))
        return;
    has = limit ? limit : has;
    if (has > INT64_MAX / 2 || used > INT64_MAX / 2 || item->amount > INT64_MAX / 2)
        r->too_many = true;
    else
        add_need(r, (struct need){.pool = item->pool, .dim = item->dim, .amount = (int64_t)item->amount,
                                  .free = (int64_t)has - (int64_t)used});
}

static void add_draw(struct room *r, const struct engine *e, const struct draw *d)
{
    for (size_t i = 0; i < d->n; i++)
        add_pool(r, e, &d->items[i], 0);
}

static void add_agents(struct room *r, const struct engine *e, const struct fit *f)
{
    int64_t free = 0;
    for (size_t i = 0; i < f->agents.n; i++) {
        const struct agent *a = agent_find(e, f->agents.at[i]);
        free += a->busy < a->hello.slots ? a->hello.slots - a->busy : 0;
    }
    r->fit = f;
    add_need(r, (struct need){.of_agents = true, .amount = 1, .free = free});
}

/* What an open attempt gives back of a need when it ends. */
static int64_t gives_back(const struct engine *e, const struct room *r, const struct attempt *a, const struct need *need)
{
    int64_t n = 0;
    if (need->of_agents)
        return iheap_contains(&r->fit->agents, a->agent) ? 1 : 0;
    const struct draw *d = step_draw(e, backfill_find(e, a->backfill), a->step);
    for (size_t i = 0; i < d->n; i++)
        n += d->items[i].pool == need->pool && d->items[i].dim == need->dim ? (int64_t)d->items[i].amount : 0;
    return n;
}

/* The ends of open attempts that give anything back, as far as they are known. */
static void note_ends(struct when *w, struct room *r)
{
    const struct engine *e = w->e;
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next) {
        const struct attempt *a = &e->attempts.at[slot];
        bool any = false;
        for (size_t i = 0; i < r->n && !any; i++)
            any = gives_back(e, r, a, &r->at[i]) > 0;
        int64_t end_ms = any ? ends_ms(w, a) : -1;
        if (end_ms >= 0)
            heap_push(&r->ends, (uint64_t)end_ms, slot);
    }
}

static bool has_room(const struct room *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->at[i].free < r->at[i].amount)
            return false;
    return true;
}

/* The next of what runs ends; false: no end is known. */
static bool next_ends(const struct engine *e, struct room *r, int64_t *at_ms)
{
    if (r->ends.n == 0)
        return false;
    struct heap_item item = heap_pop(&r->ends);
    for (size_t i = 0; i < r->n; i++)
        r->at[i].free += item.b == ENDS_AS_ASKED ? r->at[i].amount : gives_back(e, r, &e->attempts.at[item.b], &r->at[i]);
    *at_ms = (int64_t)item.a > *at_ms ? (int64_t)item.a : *at_ms;
    return true;
}

/* The latest that the start rates and paces of a draw's pools ask for, of the n-th from 0 that begins. */
static int64_t starts_ms(const struct engine *e, const struct draw *d, int64_t now_ms, uint64_t n)
{
    int64_t at_ms = now_ms;
    for (size_t i = 0; d && i < d->n; i++) {
        const struct pool *p = &e->pools.at[d->items[i].pool];
        if (d->items[i].dim == DRAW_SLOT)
            at_ms = bf_most(at_ms, bf_most(pool_may_start_nth_ms(p, now_ms, n), pace_nth_ms(p, now_ms, n)));
    }
    return at_ms;
}

/* When there is room for one after those that are ahead, which are of one backfill and take the same; -1: not known.  Frees r. */
static int64_t room_ms(struct when *w, struct room *r, const struct draw *starts, uint32_t backfill, const uint32_t *ahead, size_t n_ahead)
{
    int64_t at_ms = w->now_ms;
    bool known = !r->too_many;
    if (known)
        note_ends(w, r);
    for (size_t k = 0; known && k <= n_ahead; k++) {
        while (known && !has_room(r))
            known = next_ends(w->e, r, &at_ms);
        at_ms = bf_most(at_ms, starts_ms(w->e, starts, w->now_ms, k));
        if (!known || k == n_ahead)
            break;
        int64_t takes_ms = usual_of(w, backfill, ahead[k])->median_ms;
        for (size_t i = 0; i < r->n; i++)
            r->at[i].free -= r->at[i].amount;
        if (takes_ms >= 0)
            heap_push(&r->ends, (uint64_t)(at_ms + takes_ms), ENDS_AS_ASKED);
    }
    heap_done(&r->ends);
    return known ? at_ms : -1;
}

/* ---- when one begins, and ends ---- */

static bool agents_are_full(const struct engine *e, const struct fit *f)
{
    const struct agent *a = f->agents.n > 0 ? agent_find(e, f->agents.at[0]) : NULL;
    return !a || a->busy >= a->hello.slots;
}

/* Does something else that is ready want the same room, and is not sure to go behind?  While an agent is free, what is ready waits for
 * something else than agents, and only those of its pools are rivals. */
static bool has_rivals(const struct engine *e, uint32_t lane, uint64_t class)
{
    const struct demand *mine = &e->demands.at[e->lanes.at[lane].demand];
    bool full = agents_are_full(e, &e->fits.at[mine->needs.fit]);
    for (size_t k = 0; k < e->demands.n; k++) {
        const struct demand *d = &e->demands.at[k];
        bool same = d->needs.fit == mine->needs.fit && full;
        for (size_t i = 0; !same && d->lanes.n > 0 && i < e->draws.at[d->needs.draw].n; i++)
            same = draw_has_slot(&e->draws.at[mine->needs.draw], e->draws.at[d->needs.draw].items[i].pool);
        for (size_t i = 0; same && i < d->lanes.n; i++)
            if (d->lanes.at[i] != lane && ready_class(&e->lanes.at[d->lanes.at[i]]) <= class)
                return true;
    }
    return false;
}

/* Is nothing in its way but what its pools hold back? */
static bool wants_room_alone(const struct engine *e, const struct demand *d)
{
    struct blocker at[NEEDS_MAX];
    size_t n = admit_blockers(e, d, at, NEEDS_MAX);
    for (size_t i = 0; i < n; i++)
        if (!blocker_is_of_pool(at[i].kind))
            return false;
    return e->fits.at[d->needs.fit].agents.n > 0 && !grants_are_held(e) && !e->low;
}

/* When a ready instance is granted; -1: not known. */
static int64_t begins_ms(struct when *w, const struct backfill *b, uint32_t number)
{
    const struct instance *in = &b->instances[number];
    uint32_t lane = b->lanes[in->step];
    const struct lane *l = &w->e->lanes.at[lane];
    const struct demand *d = &w->e->demands.at[l->demand];
    struct queue_place place = {.wants_steps = true};
    struct room r = {0};
    int64_t at_ms = -1;
    if (b->state != BACKFILL_RUNNING || !ready_may_be_granted(b, number) || l->ready.n == 0 || !wants_room_alone(w->e, d))
        return -1;
    queue_place_find(w->e, b, number, &place);
    add_draw(&r, w->e, &w->e->draws.at[d->needs.draw]);
    add_agents(&r, w->e, &w->e->fits.at[d->needs.fit]);
    if (place.exact && place.ordered && !has_rivals(w->e, lane, place.class))
        at_ms = room_ms(w, &r, &w->e->draws.at[d->needs.draw], b->id, place.steps.at, place.steps.n);
    queue_place_done(&place);
    return at_ms;
}

/* When an upstream that is not done is expected to be; -1: not known. */
static int64_t done_ms(struct when *w, const struct backfill *b, uint32_t step, uint32_t index)
{
    uint32_t number = instance_number(b, step, index);
    const struct instance *in = &b->instances[number];
    if (instance_open(in)) {
        const struct attempt *a = attempt_find(w->e, in->attempt);
        return a && !(in->flags & FLAG_CANCELLING) ? ends_ms(w, a) : -1;
    }
    int64_t takes_ms = usual_of(w, b->id, step)->median_ms, begins = in->state == INSTANCE_READY ? begins_ms(w, b, number) : -1;
    return takes_ms >= 0 && begins >= 0 ? begins + takes_ms : -1;
}

/* ---- by kind ---- */

static int64_t when_dependency(struct when *w, const struct backfill *b, const struct why_of *of, const struct blocker *k)
{
    const struct topology *t = b->topology;
    uint32_t seen = 0;
    int64_t last_ms = w->now_ms;
    (void)k;
    for (uint32_t i = t->rule_first[of->step]; of->one && i < t->rule_first[of->step + 1]; i++) {
        struct index_range up = topology_waits_for(t, &t->rules[i], of->index);
        for (uint32_t p = 0; p < up.n; p++) {
            if (instance_satisfied(&b->instances[instance_number(b, t->rules[i].up, up.first + p)]))
                continue;
            int64_t at_ms = seen++ < UPSTREAMS_MAX ? done_ms(w, b, t->rules[i].up, up.first + p) : -1;
            if (at_ms < 0)
                return -1;
            last_ms = at_ms > last_ms ? at_ms : last_ms;
        }
    }
    return seen > 0 ? last_ms : -1;
}

static int64_t when_pool(struct when *w, const struct backfill *b, const struct why_of *of, const struct blocker *k)
{
    struct room r = {0};
    (void)b;
    (void)of;
    add_pool(&r, w->e, &(struct draw_item){.pool = (uint32_t)k->pool, .dim = k->dim, .amount = k->amount}, k->limit);
    return room_ms(w, &r, NULL, 0, NULL, 0);
}

/* The one that room is kept for begins. */
static int64_t when_reserved(struct when *w, const struct backfill *b, const struct why_of *of, const struct blocker *k)
{
    const struct engine *e = w->e;
    int64_t last_ms = -1;
    (void)b;
    (void)of;
    for (size_t i = 0; i < e->reserved.n; i++) {
        struct room r = {0};
        const struct draw *head = reserve_draw(e, &e->pools.at[e->reserved.at[i]]);
        bool here = draw_has_slot(head, (uint32_t)k->pool);
        if (!here)
            continue;
        add_draw(&r, e, head);
        int64_t at_ms = room_ms(w, &r, head, 0, NULL, 0);
        if (at_ms < 0)
            return -1;
        last_ms = at_ms > last_ms ? at_ms : last_ms;
    }
    return last_ms;
}

/* A peak that leaves something clears sooner where attempts end before it does. */
static int64_t when_window(struct when *w, const struct backfill *b, const struct why_of *of, const struct blocker *k)
{
    struct room r = {0};
    (void)b;
    (void)of;
    if (k->window.budget == 0 || k->window.left == 0 || k->pool == PLAN_NO_INDEX)
        return -1;
    add_pool(&r, w->e, &(struct draw_item){.pool = (uint32_t)k->pool, .dim = DRAW_SLOT, .amount = 1}, k->window.left);
    int64_t at_ms = room_ms(w, &r, NULL, 0, NULL, 0);
    bool ends = k->window.until_us != 0 && k->window.until_us != INT64_MAX;
    return ends && at_ms - w->e->now_ms >= (k->window.until_us - w->e->wall_us) / 1000 ? -1 : at_ms;
}

static int64_t when_agents(struct when *w, const struct backfill *b, const struct why_of *of, const struct blocker *k)
{
    struct room r = {0};
    (void)k;
    add_agents(&r, w->e, &w->e->fits.at[w->e->demands.at[w->e->lanes.at[b->lanes[of->step]].demand].needs.fit]);
    return room_ms(w, &r, NULL, 0, NULL, 0);
}

/* Half-open: one of its probes ends, and there is room for the next, or it closes. */
static int64_t when_breaker(struct when *w, const struct backfill *b, const struct why_of *of, const struct blocker *k)
{
    const struct breaker *breaker = w->e->breakers.at.at[k->breaker];
    int64_t first_ms = -1;
    (void)b;
    (void)of;
    for (size_t i = 0; breaker->state == BREAKER_HALF_OPEN && i < breaker->probes.n; i++) {
        const struct attempt *a = attempt_find(w->e, breaker->probes.at[i]);
        int64_t at_ms = a ? ends_ms(w, a) : -1;
        if (at_ms >= 0 && (first_ms < 0 || at_ms < first_ms))
            first_ms = at_ms;
    }
    return first_ms;
}

/* Its own turn. */
static int64_t when_queue(struct when *w, const struct backfill *b, const struct why_of *of, const struct blocker *k)
{
    (void)k;
    return of->one ? begins_ms(w, b, instance_number(b, of->step, of->index)) : -1;
}

/* Members go through in each turn, and the next one comes at once. */
static int64_t when_gate(struct when *w, const struct backfill *b, const struct why_of *of, const struct blocker *k)
{
    (void)of;
    return b->state != BACKFILL_QUEUED && k->count < w->e->config.gate_openings_per_turn_max ? w->now_ms : -1;
}

typedef int64_t when_row(struct when *w, const struct backfill *b, const struct why_of *of, const struct blocker *k);

/* NULL: a timer says it (BACKOFF, SENSOR, RESTORED, START_RATE, PACE, FREEZE_AHEAD, NEAR), or nobody can: it waits for a person, or for something
 * to come. */
static when_row *const rows[] = {
    [BLOCKER_DEPENDENCY] = when_dependency, [BLOCKER_PAUSED] = NULL, [BLOCKER_BACKOFF] = NULL, [BLOCKER_POOL] = when_pool,
    [BLOCKER_NO_AGENT] = NULL, [BLOCKER_AGENTS_BUSY] = when_agents, [BLOCKER_UPSTREAM_FAILED] = NULL, [BLOCKER_QUEUE] = when_queue,
    [BLOCKER_LOW_WATER] = NULL, [BLOCKER_HALTED] = NULL, [BLOCKER_HELD] = NULL, [BLOCKER_QUEUED] = NULL, [BLOCKER_RESTORED] = NULL,
    [BLOCKER_OUTDATED] = NULL, [BLOCKER_POOL_TOO_SMALL] = NULL, [BLOCKER_RESERVED] = when_reserved, [BLOCKER_START_RATE] = NULL,
    [BLOCKER_WINDOW] = when_window, [BLOCKER_FREEZE_AHEAD] = NULL, [BLOCKER_BREAKER] = when_breaker, [BLOCKER_THROTTLE] = when_pool,
    [BLOCKER_GATE] = when_gate, [BLOCKER_SENSOR] = NULL, [BLOCKER_NEAR] = NULL, [BLOCKER_PACE] = NULL};

void engine_why_when(const struct engine *e, const struct why_of *of, int64_t now_ms, int64_t wall_us, struct blocker *b, size_t n)
{
    struct when w = {.e = e, .now_ms = now_ms, .wall_us = wall_us};
    const struct backfill *backfill = backfill_find(e, of->backfill);
    for (size_t i = 0; backfill && backfill->lanes && i < n; i++) {
        when_row *row = (size_t)b[i].kind < sizeof rows / sizeof *rows ? rows[b[i].kind] : NULL;
        int64_t at_ms = row ? row(&w, backfill, of, &b[i]) : -1;
        if (at_ms < 0)
            continue;
        b[i].clears_at_ms = at_ms;
        b[i].clock = CLOCK_BASELINE;
    }
}
