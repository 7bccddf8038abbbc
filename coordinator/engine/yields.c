/* Degradation: classes that yield under pressure, and the time that each loses by it.
 *
 * In a turn an attempt of a better class begins, from the same pool, and of this one nothing: then this class of its backfill yields there,
 * if it has something ready that only pools hold back, one of them a pool that better work was let into.  Whose the better work was does
 * not matter: of two classes of one backfill the lower yields as well as of two backfills.  The time counts until something of it begins,
 * or nothing of it waits for a pool any more.
 *
 *   has nothing ready, or is served ─► yields (since) ─► it begins, has nothing ready, or another thing holds it: the time is added
 *
 * Counted are classes as they are, not as they are raised (shares.c), in the first pool that a step names; work without a pool shares the
 * agents in the same way.  Each change is a record, two for each time at most, so a report can be made of what was, and a recovery goes on
 * with the time that runs. */
#include <assert.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/view_pools.h"

_Static_assert(SHARE_CLASSES == PLAN_LOW + 1, "a share has room for every class");
#define BLOCKERS_MAX 16u

static uint32_t *began_class(struct engine *e, uint32_t pool)
{
    return pool == PLAN_NO_INDEX ? &e->began_class : &e->pools.at[pool].began_class;
}

void yields_note_granted(struct engine *e, uint32_t lane)
{
    const struct lane *l = &e->lanes.at[lane];
    uint32_t number = 0;
    bool there = ready_head(e, lane, &number);
    assert(there);
    uint32_t step = l->backfill->instances[number].step, class = l->backfill->priority[step];
    const struct draw *d = step_draw(e, l->backfill, step);
    l->backfill->shares[l->share].began |= (uint8_t)(1u << class);
    for (size_t i = 0; i < (d->n ? d->n : 1); i++) {
        uint32_t *best = began_class(e, d->n ? d->items[i].pool : PLAN_NO_INDEX);
        *best = *best == 0 || class + 1 < *best ? class + 1 : *best;
    }
    e->began = true;
}

/* ---- what holds it back ---- */

static bool any_agent_fits(const struct engine *e, const struct fit *f)
{
    for (size_t i = 0; f->agents.n == 0 && i < e->agents.n; i++)
        if (e->agents.at[i].state == AGENT_CONNECTED && ready_agent_fits(f, &e->agents.at[i]))
            return true;
    return f->agents.n > 0;
}

/* Of a turn: did something of a better class begin that draws on the pool? */
static bool let_better_in(struct engine *e, uint32_t pool, size_t class)
{
    uint32_t best = *began_class(e, pool);
    return best > 0 && best <= class;
}

/* By what is short alone: what a breaker or a calendar holds, and what no agent fits, would not begin without better classes either.  What
 * a pool has room for waits for an agent, and not for the pool.  passed: and one of what is short let better work in. */
static bool held_by_pressure(struct engine *e, const struct demand *d, size_t class, bool passed)
{
    struct blocker why[BLOCKERS_MAX];
    size_t n = admit_blockers(e, d, why, BLOCKERS_MAX);
    bool pool = e->draws.at[d->needs.draw].n > 0, held = !pool || (!passed && n > 0);
    for (size_t i = 0; i < n; i++) {
        if (!blocker_is_of_pool(why[i].kind) && why[i].kind != BLOCKER_RESERVED &&
            !(why[i].kind == BLOCKER_WINDOW && why[i].window.left > 0))
            return false;
        held = held || let_better_in(e, (uint32_t)why[i].pool, class);
    }
    return held && any_agent_fits(e, &e->fits.at[d->needs.fit]);
}

static bool waits(struct engine *e, const struct share *s, size_t class, bool passed)
{
    bool stopped = e->low || grants_are_held(e);             /* then nothing begins, of whatever class */
    for (size_t i = 0; !stopped && i < s->lanes.n; i++) {
        const struct lane *l = &e->lanes.at[s->lanes.at[i]];
        const struct demand *d = &e->demands.at[l->demand];
        if (l->n_of[class] > 0 && l->place != NO_SLOT && held_by_pressure(e, d, class, passed))
            return true;
    }
    return false;
}

/* ---- deciding ---- */

static void emit(struct decision *d, const struct backfill *b, const struct share *s, size_t class, struct yielded y)
{
    uint64_t *numbers = bf_arena_alloc(&d->out->arena, YIELD_NUMBERS * sizeof *numbers);
    numbers[0] = class;
    numbers[1] = (uint64_t)y.since_ms;
    numbers[2] = y.lost_ms;
    numbers[3] = y.times;
    struct record *r = record_begin(d, RECORD_YIELDED);
    r->backfill = b->id;
    record_rare_need(r, &d->out->arena)->pool_name = s->pool == PLAN_NO_INDEX ? "" : d->e->pools.at[s->pool].name;
    r->numbers = numbers;
    r->n_numbers = YIELD_NUMBERS;
    record_emit(d, r);
}

static uint64_t lost_ms(const struct yielded *y, int64_t now_ms)
{
    return y->since_ms && now_ms > y->since_ms ? (uint64_t)(now_ms - y->since_ms) : 0;
}

static void decide_class(struct decision *d, const struct backfill *b, const struct share *s, size_t class)
{
    struct yielded y = s->yielded[class];
    bool began = s->began & (1u << class), passed = let_better_in(d->live, s->pool, class) && !began;
    if (y.since_ms == 0 && passed && !(BF_PLANTED("yield_not_noticed") && class == PLAN_LOW) && waits(d->live, s, class, true)) {
        y.since_ms = d->now_ms;
        y.times++;
        emit(d, b, s, class, y);
    } else if (y.since_ms != 0 && (began || !waits(d->live, s, class, false))) {
        y.lost_ms += BF_PLANTED("yield_not_added") ? 0 : lost_ms(&y, d->now_ms);
        y.since_ms = 0;
        emit(d, b, s, class, y);
    }
}

/* Without a grant and without one that yields there is nothing to look at. */
void decide_yields(struct decision *d)
{
    struct engine *e = d->live;
    for (size_t i = 0; (e->began || e->n_yielding > 0) && i < e->live.n; i++) {
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        for (size_t k = 0; k < b->n_shares; k++) {
            for (size_t class = 0; class < SHARE_CLASSES; class++)
                decide_class(d, b, &b->shares[k], class);
            b->shares[k].began = 0;
        }
    }
    for (size_t i = 0; e->began && i < e->pools.n; i++)
        e->pools.at[i].began_class = 0;
    e->began_class = 0;
    e->began = false;
}

/* ---- applying ---- */

static void set(struct engine *e, struct yielded *y, struct yielded next)
{
    e->n_yielding += (uint32_t)(next.since_ms != 0) - (uint32_t)(y->since_ms != 0);
    *y = next;
}

void yields_over(struct engine *e, struct backfill *b)
{
    for (size_t k = 0; k < b->n_shares; k++)
        for (size_t class = 0; class < SHARE_CLASSES; class++) {
            const struct yielded *y = &b->shares[k].yielded[class];
            set(e, &b->shares[k].yielded[class], (struct yielded){.lost_ms = y->lost_ms + lost_ms(y, e->now_ms), .times = y->times});
        }
}

enum bf_rc apply_yielded(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    const struct backfill *b = backfill_find(e, r->backfill);
    bool named = rare->pool_name && *rare->pool_name;
    uint32_t pool = named ? pool_find(e, rare->pool_name) : PLAN_NO_INDEX;
    struct share *s = b && (pool != PLAN_NO_INDEX || !named) ? share_find(b, pool) : NULL;
    if (!s || r->n_numbers != YIELD_NUMBERS || r->numbers[0] >= SHARE_CLASSES)
        return bf_fail(err, BF_CORRUPT, "record yielded: no such class of such a backfill shares such a pool");
    set(e, &s->yielded[r->numbers[0]],
        (struct yielded){.since_ms = (int64_t)r->numbers[1], .lost_ms = r->numbers[2], .times = r->numbers[3]});
    return BF_OK;
}

/* ---- reading ---- */

bool engine_yielded(const struct engine *e, uint32_t backfill, size_t i, struct yield_view *ret)
{
    const struct backfill *b = backfill_find(e, backfill);
    for (size_t k = 0; b && k < b->n_shares; k++)
        for (size_t class = 0; class < SHARE_CLASSES; class++) {
            const struct share *s = &b->shares[k];
            const struct yielded *y = &s->yielded[class];
            if (y->times == 0 || i-- > 0)
                continue;
            uint64_t now_ms = lost_ms(y, e->now_ms);
            *ret = (struct yield_view){.pool = s->pool == PLAN_NO_INDEX ? NULL : e->pools.at[s->pool].name,
                                       .class = (enum plan_priority)class, .times = y->times, .lost_ms = y->lost_ms + now_ms,
                                       .yields = y->since_ms != 0, .since_ms = now_ms};
            return true;
        }
    return false;
}
