/* Fair shares of a pool among backfills, and ageing.
 *
 * Of two backfills that want the same class of work to begin, the one goes first that holds the smaller part of the pool; of equal ones
 * the one whose last attempt began longer ago.  The part is that of the dimension of which it holds most, against what the pool has
 * (dominant resource fairness: Ghodsi et al., NSDI 2011), so that few wide attempts and many narrow ones count alike.  Counted is the first
 * pool that a step names.  Within one backfill nothing changes: there weight, way and order decide.
 *
 * Classes yield in order.  A backfill that gets nothing from a pool while a better class than one that it has ready does is remembered,
 * with the time; after each config.age_after_ms it counts one class higher there, until something of it begins.  So it waits for three
 * times that at most until it is of the highest class, where shares decide; and it is one attempt each time that it gets ahead by, never
 * the whole pool.
 *
 *   nobody passes it ─► passed by a better class (since) ─► raised by 1, 2, 3 ─► it begins, or has nothing ready: not passed
 *
 * All keys are whole numbers.  A part changes with what is held and with what the pool has. */
#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/decide.h"

/* ---- shares of a backfill ---- */

struct share *share_find(const struct backfill *b, uint32_t pool)
{
    for (size_t i = 0; i < b->n_shares; i++)
        if (b->shares[i].pool == pool)
            return &b->shares[i];
    return NULL;
}

void shares_attach(struct backfill *b)
{
    b->shares = bf_xcalloc(b->plan->n_pools + 1, sizeof *b->shares);
    for (size_t i = 0; i < b->plan->n_pools; i++)
        if (!share_find(b, b->pools[i]))
            b->shares[b->n_shares++].pool = b->pools[i];
    b->shares[b->n_shares++].pool = PLAN_NO_INDEX;
}

void shares_done(struct backfill *b)
{
    for (size_t i = 0; i < b->n_shares; i++) {
        bf_vec_free(&b->shares[i].dims);
        bf_vec_free(&b->shares[i].lanes);
        heap_done(&b->shares[i].open);
    }
    free(b->shares);
}

/* used of limit, both of any size; a limit of 0 is none. */
static uint64_t millionths(uint64_t used, uint64_t limit)
{
    if (limit == 0)
        return 0;
    while (used > UINT64_MAX / SHARE_MILLIONTHS) {
        used >>= 1;
        limit >>= 1;
    }
    return used * SHARE_MILLIONTHS / (limit ? limit : 1);
}

static uint64_t part_of(const struct engine *e, const struct share *s)
{
    if (s->pool == PLAN_NO_INDEX)
        return millionths(s->used, SHARE_WITHOUT_POOL_OF);
    const struct pool *p = &e->pools.at[s->pool];
    uint64_t part = millionths(s->used, p->slots);
    for (size_t i = 0; i < s->dims.n; i++) {
        uint64_t n = millionths(s->dims.at[i], p->dims.at[i].limit);
        part = n > part ? n : part;
    }
    return part;
}

static void set_part(const struct engine *e, struct share *s)
{
    s->part = part_of(e, s);
}

/* ---- what is held ---- */

static void add_to(struct share *s, const struct draw_item *item, bool give)
{
    if (item->dim == DRAW_SLOT) {
        assert(!give || s->used > 0);
        s->used = give ? s->used - 1 : s->used + 1;
        return;
    }
    while (s->dims.n <= item->dim)
        bf_vec_push(&s->dims, 0);
    assert(!give || s->dims.at[item->dim] >= item->amount);
    s->dims.at[item->dim] += give ? -item->amount : item->amount;
}

void shares_hold(struct engine *e, struct backfill *b, const struct draw *d, bool give)
{
    static const struct draw_item one = {.pool = PLAN_NO_INDEX, .dim = DRAW_SLOT, .amount = 1};
    const struct draw_item *items = d->n ? d->items : &one;
    size_t n = d->n ? d->n : 1;
    for (size_t i = 0; i < n; i++)
        add_to(share_find(b, items[i].pool), &items[i], give);
    for (size_t i = 0; i < n; i++)
        if (items[i].dim == DRAW_SLOT)
            set_part(e, share_find(b, items[i].pool));
}

void shares_forget_use(struct engine *e)
{
    for (size_t i = 0; i < e->backfills.n; i++)
        for (size_t k = 0; k < e->backfills.at[i]->n_shares; k++) {
            e->backfills.at[i]->shares[k].used = 0;
            e->backfills.at[i]->shares[k].part = 0;
            bf_vec_clear(&e->backfills.at[i]->shares[k].dims);
        }
}

void shares_limits_changed(struct engine *e, uint32_t pool)
{
    for (size_t i = 0; i < e->backfills.n; i++) {
        struct share *s = share_find(e->backfills.at[i], pool);
        if (s)
            set_part(e, s);
    }
}

bool shares_agree(const struct engine *e)
{
    for (uint32_t i = 0; i < e->pools.n; i++) {
        uint64_t used = 0;
        for (size_t k = 0; k < e->backfills.n; k++) {
            const struct share *s = share_find(e->backfills.at[k], i);
            used += s ? s->used : 0;
            if (s && s->part != part_of(e, s))
                return false;
        }
        if (used != e->pools.at[i].used)
            return false;
    }
    return true;
}

/* ---- ageing: deciding ---- */

static void emit(struct decision *d, const struct backfill *b, const struct share *s, int64_t since_ms, uint64_t raised)
{
    uint64_t *numbers = bf_arena_alloc(&d->out->arena, SHARE_NUMBERS * sizeof *numbers);
    numbers[0] = s->last;
    numbers[1] = (uint64_t)since_ms;
    numbers[2] = raised;
    struct record *r = record_begin(d, RECORD_SHARE);
    r->backfill = b->id;
    record_rare_need(r, &d->out->arena)->pool_name = s->pool == PLAN_NO_INDEX ? "" : d->e->pools.at[s->pool].name;
    r->numbers = numbers;
    r->n_numbers = SHARE_NUMBERS;
    record_emit(d, r);
}

/* Is anything ready, and the lowest class of it, as it counts: a better one of the same backfill may wait for something else, and would
 * hide for ever that this one is passed. */
static bool lowest_ready(const struct engine *e, const struct share *s, uint64_t *ret)
{
    bool any = false;
    for (size_t i = 0; i < s->lanes.n; i++) {
        const struct lane *l = &e->lanes.at[s->lanes.at[i]];
        if (l->place == NO_SLOT)
            continue;
        uint64_t class = ready_class(l);
        *ret = any && *ret > class ? *ret : class;
        any = true;
    }
    return any;
}

void shares_review(struct decision *d)
{
    const struct engine *e = d->e;
    for (size_t i = 0; e->n_passed > 0 && i < e->live.n; i++) {
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        for (size_t k = 0; k < b->n_shares; k++) {
            const struct share *s = &b->shares[k];
            uint64_t class = 0, waited_ms = d->now_ms > s->since_ms ? (uint64_t)(d->now_ms - s->since_ms) : 0;
            uint64_t raised = waited_ms / (uint64_t)e->config.age_after_ms;
            raised = raised < PLAN_LOW ? raised : PLAN_LOW;
            if (s->since_ms == 0)
                continue;
            if (!lowest_ready(e, s, &class))
                emit(d, b, s, 0, 0);
            else if (raised > s->raised)
                emit(d, b, s, s->since_ms, raised);
        }
    }
}

void shares_note_granted(struct engine *e, uint32_t lane)
{
    const struct lane *l = &e->lanes.at[lane];
    uint32_t pool = l->backfill->shares[l->share].pool, class = (uint32_t)ready_class(l) + 1;
    uint32_t *best = pool == PLAN_NO_INDEX ? &e->granted_class : &e->pools.at[pool].granted_class;
    *best = *best == 0 || class < *best ? class : *best;
}

/* first: the first attempt of this turn. */
void shares_note_passed(struct decision *d, uint64_t first)
{
    struct engine *e = d->live;
    for (size_t i = 0; e->live.n > 1 && e->next_attempt > first && i < e->live.n; i++) {
        const struct backfill *b = backfill_find(e, e->live.at[i]);
        for (size_t k = 0; k < b->n_shares; k++) {
            const struct share *s = &b->shares[k];
            uint32_t granted = s->pool == PLAN_NO_INDEX ? e->granted_class : e->pools.at[s->pool].granted_class;
            uint64_t class = 0;
            if (granted && s->since_ms == 0 && s->last < first && lowest_ready(e, s, &class) && class >= granted)
                emit(d, b, s, d->now_ms, 0);
        }
    }
    e->granted_class = 0;
    for (size_t i = 0; i < e->pools.n; i++)
        e->pools.at[i].granted_class = 0;
}

/* ---- applying ---- */

static void set_wait(struct engine *e, struct share *s, int64_t since_ms, uint8_t raised)
{
    e->n_passed += (uint32_t)(since_ms != 0) - (uint32_t)(s->since_ms != 0);
    s->since_ms = since_ms;
    s->raised = raised;
}

void shares_over(struct engine *e, struct backfill *b)
{
    for (size_t i = 0; i < b->n_shares; i++)
        set_wait(e, &b->shares[i], 0, 0);
}

void shares_granted(struct engine *e, struct backfill *b, const struct draw *d, uint64_t attempt)
{
    for (size_t i = 0; i < (d->n ? d->n : 1); i++) {
        struct share *s = share_find(b, d->n ? d->items[i].pool : PLAN_NO_INDEX);
        if (d->n && d->items[i].dim != DRAW_SLOT)
            continue;
        s->last = attempt;
        set_wait(e, s, 0, 0);
    }
}

enum bf_rc apply_share(struct engine *e, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    const struct backfill *b = backfill_find(e, r->backfill);
    uint32_t pool = rare->pool_name && *rare->pool_name ? pool_find(e, rare->pool_name) : PLAN_NO_INDEX;
    struct share *s = b && (pool != PLAN_NO_INDEX || !rare->pool_name || !*rare->pool_name) ? share_find(b, pool) : NULL;
    if (!s || r->n_numbers != SHARE_NUMBERS || r->numbers[2] > PLAN_LOW)
        return bf_fail(err, BF_CORRUPT, "record share: no such backfill shares such a pool");
    s->last = r->numbers[0];
    set_wait(e, s, (int64_t)r->numbers[1], (uint8_t)r->numbers[2]);
    return BF_OK;
}
