/* The ready queue.
 *
 * A lane holds the ready instances of one backfill that need the same: pool, labels and breakers (a demand).  Best first: priority class,
 * weight, the longest way that hangs on it, the partition's place in time, its number.  A demand holds the lanes that have
 * something and whose backfill runs; a fit holds the agents whose labels do, the least busy first.  So a pool that is full, or a
 * lane that is paused, never hides the work of another.
 *
 * Entries are not taken out when an instance leaves READY by another way than the head: they are recognised by its state, and
 * dropped when they come up. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/internal.h"
#include "coordinator/engine/prefetch.h"

/* A rank is class, weight and way in one number, the least first.  48 bits hold a way of 8,900 years in milliseconds: longer ones
 * are alike, and no work that long comes to an end. */
#define WEIGHT_BITS 14
#define WAY_BITS 48
#define WEIGHT_MAX ((UINT64_C(1) << WEIGHT_BITS) - 1)
#define WAY_MAX ((UINT64_C(1) << WAY_BITS) - 1)
#define FITS_ASKED_MAX 16u
_Static_assert(PLAN_WEIGHT_MAX <= WEIGHT_MAX && PLAN_LOW <= 3, "a rank has room for every class and weight");

/* What a person holds is ready, and stands in no lane; so does what waits for an agent. */
static bool is_held(const struct instance *in)
{
    return ((in->flags & FLAG_HELD) && !BF_PLANTED("held_granted")) || (in->flags & FLAG_NEAR);
}

bool ready_may_be_granted(const struct backfill *b, uint32_t number)
{
    return b->instances[number].state == INSTANCE_READY && !is_held(&b->instances[number]);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static struct heap_item ready_item(const struct backfill *b, uint32_t number)
{
    uint32_t step = b->instances[number].step, index = instance_index(b, number);
    const struct plan_step *s = &b->plan->steps[step];
    uint64_t class = BF_PLANTED("priority_ignored") ? (uint64_t)s->priority : b->priority[step];
    uint64_t way = least((uint64_t)topology_critical_ms(b->topology, step, index), WAY_MAX), weight = least(s->weight, WEIGHT_MAX);
    return (struct heap_item){
        .a = class << (WEIGHT_BITS + WAY_BITS) | (WEIGHT_MAX - weight) << WAY_BITS | (WAY_MAX - way),
        .b = (uint64_t)topology_order(b->topology, step, index, b->backward) << 32 | number};
}

/* As it counts: raised by what its backfill waited (shares.c). */
static uint64_t class_of(const struct share *s, struct heap_item item)
{
    uint64_t class = item.a >> (WEIGHT_BITS + WAY_BITS);
    return BF_PLANTED("ageing_not_applied") ? class : class > s->raised ? class - s->raised : 0;
}

uint64_t ready_item_class(const struct lane *lane, struct heap_item item)
{
    return class_of(&lane->backfill->shares[lane->share], item);
}

uint64_t ready_class(const struct lane *lane)
{
    return ready_item_class(lane, lane->ready.at[0]);
}

/* Class, then fair shares among backfills, then the rank. */
bool ready_goes_first(const struct opened *x, struct heap_item p, const struct opened *y, struct heap_item q)
{
    const struct share *s = x->share, *t = y->share;
    uint64_t c = class_of(s, p), d = class_of(t, q);
    if (c != d)
        return c < d;
    if (s->part != t->part && !BF_PLANTED("share_ignored"))
        return s->part < t->part;
    if (s->last != t->last && !BF_PLANTED("share_ignored"))
        return s->last < t->last;
    if (p.a != q.a)
        return p.a < q.a;
    if (p.b >> 32 != q.b >> 32)
        return p.b >> 32 < q.b >> 32;
    if (x->backfill != y->backfill)
        return x->backfill->id < y->backfill->id;
    return p.b < q.b;
}

bool ready_lane_less(const struct engine *e, uint32_t a, uint32_t b)
{
    const struct lane *x = &e->lanes.at[a], *y = &e->lanes.at[b];
    struct opened of_x = {x->backfill, &x->backfill->shares[x->share]}, of_y = {y->backfill, &y->backfill->shares[y->share]};
    return ready_goes_first(&of_x, x->ready.at[0], &of_y, y->ready.at[0]);
}

uint32_t ready_demand_head(const struct engine *e, const struct demand *d)
{
    uint32_t best = d->lanes.at[0];
    for (size_t i = 1; i < d->lanes.n; i++)
        best = ready_lane_less(e, d->lanes.at[i], best) ? d->lanes.at[i] : best;
    return best;
}

bool ready_demand_less(const struct engine *e, uint32_t a, uint32_t b)
{
    return ready_lane_less(e, ready_demand_head(e, &e->demands.at[a]), ready_demand_head(e, &e->demands.at[b]));
}

bool ready_head(const struct engine *e, uint32_t lane, uint32_t *ret_number)
{
    const struct lane *l = &e->lanes.at[lane];
    if (l->ready.n == 0)
        return false;
    *ret_number = (uint32_t)l->ready.at[0].b;
    return true;
}

/* A demand with lanes stands in the list of the pool that it draws on alone, or in that of all others. */
static void list_demand(struct engine *e, uint32_t demand)
{
    struct demand *d = &e->demands.at[demand];
    uint32_t **at = d->only_pool == PLAN_NO_INDEX ? &e->waiting.at : &e->pools.at[d->only_pool].waiting.at;
    size_t *n = d->only_pool == PLAN_NO_INDEX ? &e->waiting.n : &e->pools.at[d->only_pool].waiting.n;
    if (d->lanes.n > 0 && d->place == NO_SLOT) {
        d->place = (uint32_t)*n;
        if (d->only_pool == PLAN_NO_INDEX)
            bf_vec_push(&e->waiting, demand);
        else
            bf_vec_push(&e->pools.at[d->only_pool].waiting, demand);
    } else if (d->lanes.n == 0 && d->place != NO_SLOT) {
        uint32_t last = (*at)[--*n];
        (*at)[d->place] = last;
        e->demands.at[last].place = d->place;
        d->place = NO_SLOT;
    }
}

static void lane_put(struct engine *e, uint32_t lane)
{
    struct lane *l = &e->lanes.at[lane];
    struct demand *d = &e->demands.at[l->demand];
    if (l->place != NO_SLOT)
        return;
    l->place = (uint32_t)d->lanes.n;
    bf_vec_push(&d->lanes, lane);
    list_demand(e, l->demand);
}

static void lane_out(struct engine *e, uint32_t lane)
{
    struct lane *l = &e->lanes.at[lane];
    struct demand *d = &e->demands.at[l->demand];
    if (l->place == NO_SLOT)
        return;
    uint32_t last = d->lanes.at[--d->lanes.n];
    d->lanes.at[l->place] = last;
    e->lanes.at[last].place = l->place;
    l->place = NO_SLOT;
    list_demand(e, l->demand);
}

/* Drop heads that are ready no more, and list the lane in its demand or not. */
static void lane_settle(struct engine *e, uint32_t lane)
{
    struct lane *l = &e->lanes.at[lane];
    while (l->ready.n > 0 && !ready_may_be_granted(l->backfill, (uint32_t)l->ready.at[0].b))
        heap_pop(&l->ready);
    if (l->ready.n > 0 && l->backfill->state == BACKFILL_RUNNING)
        lane_put(e, lane);
    else
        lane_out(e, lane);
}

/* One more, or one less, that may be granted. */
static void count(struct engine *e, struct backfill *b, uint32_t number, bool more)
{
    uint32_t step = b->instances[number].step;
    uint64_t *of_class = &e->lanes.at[b->lanes[step]].n_of[b->priority[step]];
    *of_class = more ? *of_class + 1 : *of_class - 1;
    b->n_ready[step] = more ? b->n_ready[step] + 1 : b->n_ready[step] - 1;
    e->n_ready = more ? e->n_ready + 1 : e->n_ready - 1;
}

void ready_push(struct engine *e, struct backfill *b, uint32_t number)
{
    if (is_held(&b->instances[number]))
        return;
    uint32_t lane = b->lanes[b->instances[number].step];
    struct lane *l = &e->lanes.at[lane];
    struct heap_item item = ready_item(b, number);
    heap_push(&l->ready, item.a, item.b);
    count(e, b, number, true);
    if (l->ready.at[0].b == item.b && b->state == BACKFILL_RUNNING)
        lane_put(e, lane);
}

static void begin_step(struct backfill *b, uint32_t step)
{
    const uint32_t first = b->topology->first[step], end = first + b->plan->steps[step].partitions->n;
    struct heap *ready = &b->begins[step];
    size_t n = 0;
    for (uint32_t i = first; i < end; i++)
        n += ready_may_be_granted(b, i) ? 1 : 0;
    bf_vec_reserve(ready, n);
    for (uint32_t i = first; i < end; i++)
        if (ready_may_be_granted(b, i))
            ready->at[ready->n++] = ready_item(b, i);
    heap_order(ready);
}

void ready_begin(struct backfill *b)
{
    b->begins = bf_xcalloc(b->plan->n_steps, sizeof *b->begins);
    for (uint32_t s = 0; s < b->plan->n_steps; s++)
        begin_step(b, s);
}

/* A step's own are in order already: a lane that is empty takes them over. */
static void adopt_step(struct engine *e, struct backfill *b, uint32_t step)
{
    struct heap *begins = &b->begins[step], *ready = &e->lanes.at[b->lanes[step]].ready;
    e->lanes.at[b->lanes[step]].n_of[b->priority[step]] += begins->n;
    b->n_ready[step] = (uint32_t)begins->n;
    e->n_ready += begins->n;
    if (ready->n == 0) {
        heap_done(ready);
        *ready = *begins;
    } else {
        for (size_t i = 0; i < begins->n; i++)
            heap_push(ready, begins->at[i].a, begins->at[i].b);
        heap_done(begins);
    }
    lane_settle(e, b->lanes[step]);
}

void ready_adopt(struct engine *e, struct backfill *b)
{
    e->moves.instance[INSTANCE_WAITING][INSTANCE_READY] += b->count[INSTANCE_READY];
    for (uint32_t s = 0; s < b->plan->n_steps; s++)
        adopt_step(e, b, s);
    free(b->begins);
    b->begins = NULL;
}

void ready_remove(struct engine *e, struct backfill *b, uint32_t number)
{
    if (is_held(&b->instances[number]))
        return;
    uint32_t lane = b->lanes[b->instances[number].step];
    struct lane *l = &e->lanes.at[lane];
    count(e, b, number, false);
    if (l->ready.n > 0 && (uint32_t)l->ready.at[0].b == number) {
        heap_pop(&l->ready);
        lane_settle(e, lane);
    }
}

static void lane_drop(struct engine *e, uint32_t lane)
{
    struct lane *l = &e->lanes.at[lane];
    lane_out(e, lane);
    heap_done(&l->ready);
}

void ready_clear(struct engine *e, struct backfill *b)
{
    for (size_t s = 0; s < b->plan->n_steps; s++)
        lane_drop(e, b->lanes[s]);
}

void ready_refresh(struct engine *e, struct backfill *b)
{
    if (BF_PLANTED("pause_grants_on") && b->state == BACKFILL_PAUSED)
        return;
    for (size_t s = 0; s < b->plan->n_steps; s++)
        lane_settle(e, b->lanes[s]);
}

static bool is_ready(const void *backfill, struct heap_item item)
{
    return ready_may_be_granted(backfill, (uint32_t)item.b);
}

/* Lanes of a backfill were made one behind the other: a number that is higher than any before is a lane not seen yet. */
void ready_forget(struct engine *e, struct backfill *b)
{
    for (uint32_t s = 0, next = 0; s < b->plan->n_steps; s++) {
        if (b->lanes[s] < next)
            continue;
        next = b->lanes[s] + 1;
        heap_filter(&e->lanes.at[b->lanes[s]].ready, is_ready, b);
        lane_settle(e, b->lanes[s]);
    }
}

void ready_withdraw(struct engine *e, struct backfill *b)
{
    ready_clear(e, b);
    for (uint32_t i = 0; i < b->topology->n; i++) {
        struct instance *in = &b->instances[i];
        if (in->state != INSTANCE_READY)
            continue;
        e->n_ready -= !is_held(in);
        in->state = INSTANCE_WAITING;
    }
    for (size_t s = 0; s < b->plan->n_steps; s++) {
        memset(e->lanes.at[b->lanes[s]].n_of, 0, sizeof e->lanes.at[b->lanes[s]].n_of);
        b->n_ready[s] = 0;
    }
}

void ready_set_class(struct engine *e, struct backfill *b, uint32_t step, enum plan_priority class)
{
    if (!e->recovering) {
        uint64_t *n = e->lanes.at[b->lanes[step]].n_of;
        n[b->priority[step]] -= b->n_ready[step];
        n[class] += b->n_ready[step];
    }
    b->priority[step] = (uint8_t)class;
}

bool ready_counts_agree(const struct engine *e, const struct backfill *b)
{
    BF_AUTO_FREE uint32_t *n = bf_xcalloc(b->plan->n_steps + 1, sizeof *n);
    struct bf_map of = {0};                      /* lane and class -> ready ones */
    uint64_t was = 0;
    bool good = true;
    for (uint32_t i = 0; i < b->topology->n; i++)
        n[b->instances[i].step] += ready_may_be_granted(b, i) ? 1 : 0;
    for (size_t s = 0; s < b->plan->n_steps; s++) {
        uint64_t key = (uint64_t)b->lanes[s] * SHARE_CLASSES + b->priority[s];
        good &= n[s] == b->n_ready[s];
        was = 0;
        (void)bf_map_get(&of, key, &was);
        bf_map_put(&of, key, was + n[s]);
    }
    for (size_t s = 0; s < b->plan->n_steps; s++)
        for (uint64_t c = 0; c < SHARE_CLASSES; c++) {
            was = 0;
            (void)bf_map_get(&of, (uint64_t)b->lanes[s] * SHARE_CLASSES + c, &was);
            good &= was == e->lanes.at[b->lanes[s]].n_of[c];
        }
    bf_map_free(&of);
    return good;
}

/* Each lane once, whatever number of its steps has changed: it may hold millions. */
void ready_rank_again(struct engine *e, struct backfill *b, const uint32_t *steps, size_t n)
{
    struct bf_map done = {0};
    uint64_t seen = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t lane = b->lanes[steps[i]];
        struct heap *ready = &e->lanes.at[lane].ready;
        if (bf_map_get(&done, lane, &seen))
            continue;
        bf_map_put(&done, lane, 1);
        for (size_t k = 0; k < ready->n; k++)
            ready->at[k] = ready_item(b, (uint32_t)ready->at[k].b);
        heap_filter(ready, is_ready, b);
        lane_settle(e, lane);
    }
    bf_map_free(&done);
}

bool ready_in_order(const struct engine *e, uint32_t lane)
{
    const struct lane *l = &e->lanes.at[lane];
    for (size_t i = 0; i < l->ready.n; i++) {
        struct heap_item item = l->ready.at[i], up = l->ready.at[i ? (i - 1) / 2 : 0], right = ready_item(l->backfill, (uint32_t)item.b);
        if (up.a > item.a || (up.a == item.a && up.b > item.b) || item.a != right.a || item.b != right.b)
            return false;
    }
    return true;
}

/* ---- demands and fits ---- */

static bool labels_fit(const struct plan_label *need, size_t n, const struct agent_hello *h)
{
    for (size_t i = 0; i < n; i++) {
        bool has = false;
        for (size_t k = 0; k < h->n_labels && !has; k++)
            has = strcmp(need[i].name, h->labels[k].name) == 0 && strcmp(need[i].value, h->labels[k].value) == 0;
        if (!has)
            return false;
    }
    return true;
}

bool ready_agent_less(const void *engine, uint32_t a, uint32_t b)
{
    const struct engine *e = engine;
    const struct agent *x = agent_find(e, a), *y = agent_find(e, b);
    uint64_t p = (uint64_t)x->busy * y->hello.slots, q = (uint64_t)y->busy * x->hello.slots;
    return p != q ? p < q : a < b;
}

static bool is_full(const struct engine *e, const struct fit *f, size_t i)
{
    const struct agent *a = agent_find(e, f->agents.at[i]);
    return a->busy >= a->hello.slots;
}

/* Within the heap from one on: what hangs on a full agent is full. */
static uint32_t least_busy_from(const struct engine *e, const struct fit *f, size_t i, uint32_t beside)
{
    if (i >= f->agents.n || is_full(e, f, i))
        return 0;
    if (f->agents.at[i] != beside)
        return f->agents.at[i];
    uint32_t a = least_busy_from(e, f, 2 * i + 1, beside), b = least_busy_from(e, f, 2 * i + 2, beside);
    return a && b ? (ready_agent_less(e, a, b) ? a : b) : a ? a : b;
}

uint32_t ready_agent_beside(const struct engine *e, const struct fit *f, uint32_t agent)
{
    return least_busy_from(e, f, 0, agent);
}

static uint64_t free_from(const struct engine *e, const struct fit *f, size_t i, uint32_t beside, uint64_t most)
{
    if (i >= f->agents.n || is_full(e, f, i))
        return 0;
    const struct agent *a = agent_find(e, f->agents.at[i]);
    uint64_t n = a->id == beside ? 0 : a->hello.slots - a->busy;
    n += n < most ? free_from(e, f, 2 * i + 1, beside, most - n) : 0;
    return n < most ? n + free_from(e, f, 2 * i + 2, beside, most - n) : n;
}

bool ready_room_beside(const struct engine *e, const struct fit *f, uint32_t agent, uint64_t slots)
{
    return free_from(e, f, 0, agent, slots) >= slots;
}

bool ready_agent_fits(const struct fit *f, const struct agent *a)
{
    return labels_fit(f->labels, f->n_labels, &a->hello);
}

static void fit_room(struct engine *e, struct fit *f, const struct agent *a)
{
    if (iheap_contains(&f->agents, a->id) && prefetch_has_room(e, a))
        iheap_put(&f->room, a->id, prefetch_room_less, e);
    else
        iheap_remove(&f->room, a->id, prefetch_room_less, e);
}

static void fit_update(struct engine *e, struct fit *f, const struct agent *a)
{
    bool fits = a->state == AGENT_CONNECTED && a->hello.slots > 0 && agent_is_let(e, a) && ready_agent_fits(f, a);
    spread_agent_fits(e, f, a, fits);
    if (fits)
        iheap_put(&f->agents, a->id, ready_agent_less, e);
    else
        iheap_remove(&f->agents, a->id, ready_agent_less, e);
    fit_room(e, f, a);
}

void ready_agent_changed(struct engine *e, const struct agent *a)
{
    for (size_t i = 0; i < e->fits.n; i++)
        fit_update(e, &e->fits.at[i], a);
    spread_agent_changed(e, a);
    near_agent_changed(e, agent_find(e, a->id));
}

void ready_agent_busy(struct engine *e, const struct agent *a)
{
    for (size_t i = 0; i < e->fits.n; i++) {
        if (!iheap_contains(&e->fits.at[i].agents, a->id))
            continue;
        iheap_put(&e->fits.at[i].agents, a->id, ready_agent_less, e);
        fit_room(e, &e->fits.at[i], a);
        spread_agent_busy(e, &e->fits.at[i], a);
    }
}

/* The same labels, and spread by the same one. */
static bool asks_alike(const struct fit *f, const struct plan_step *s)
{
    const char *mine = f->spread.label ? f->spread.label : "", *its = s->placement.spread ? s->placement.spread : "";
    if (f->n_labels != s->n_labels || strcmp(mine, its) != 0)
        return false;
    for (size_t i = 0; i < s->n_labels; i++)
        if (strcmp(f->labels[i].name, s->labels[i].name) != 0 || strcmp(f->labels[i].value, s->labels[i].value) != 0)
            return false;
    return true;
}

/* Labels are borrowed from the plan, which lives as long as the engine. */
static uint32_t fit_for(struct engine *e, const struct plan_step *s)
{
    for (uint32_t i = 0; i < e->fits.n; i++)
        if (asks_alike(&e->fits.at[i], s))
            return i;
    struct fit *f = bf_vec_add(&e->fits);
    f->labels = s->labels;
    f->n_labels = s->n_labels;
    f->spread.label = s->placement.spread;
    for (size_t i = 0; i < e->agents.n; i++)
        fit_update(e, f, &e->agents.at[i]);
    return (uint32_t)(e->fits.n - 1);
}

/* The needs of a step as they are compared: every byte counts, so there is no padding. */
static struct needs needs_of(struct engine *e, const struct backfill *b, uint32_t step)
{
    _Static_assert(sizeof(struct needs) == 4 * sizeof(uint32_t), "no padding between needs");
    return (struct needs){.draw = b->draws[step], .fit = fit_for(e, &b->plan->steps[step]), .window = windows_need_of(e, b, step),
                          .guard = step_guard(b, step)};
}

static uint32_t only_pool(const struct draw *d)
{
    for (size_t i = 1; i < d->n; i++)
        if (d->items[i].pool != d->pool)
            return PLAN_NO_INDEX;
    return d->pool;
}

static uint32_t demand_for(struct engine *e, struct needs needs)
{
    const void *known = bf_smap_get(&e->demand_of, &needs, sizeof needs);
    if (known)
        return (uint32_t)((uintptr_t)known - 1);
    bf_vec_push(&e->demands, (struct demand){.needs = needs, .only_pool = only_pool(&e->draws.at[needs.draw]), .place = NO_SLOT});
    bf_smap_put(&e->demand_of, &needs, sizeof needs, (void *)(uintptr_t)e->demands.n);
    return (uint32_t)(e->demands.n - 1);
}

void ready_attach(struct engine *e, struct backfill *b)
{
    struct bf_map mine = {0};                    /* demand -> lane of this backfill */
    free(b->lanes);
    free(b->n_ready);
    b->n_ready = bf_xcalloc(b->plan->n_steps, sizeof *b->n_ready);
    for (size_t i = 0; i < b->n_shares; i++)
        bf_vec_clear(&b->shares[i].lanes);
    b->lanes = bf_xcalloc(b->plan->n_steps, sizeof *b->lanes);
    for (uint32_t s = 0; s < b->plan->n_steps; s++) {
        uint64_t lane = 0;
        spread_attach(e, b, s);
        uint32_t demand = demand_for(e, needs_of(e, b, s));
        if (!bf_map_get(&mine, demand, &lane)) {
            lane = e->lanes.n;
            struct share *share = share_find(b, step_draw(e, b, s)->pool);
            bf_vec_push(&e->lanes,
                        (struct lane){.backfill = b, .demand = demand, .share = (uint32_t)(share - b->shares), .place = NO_SLOT});
            bf_vec_push(&share->lanes, (uint32_t)lane);
            bf_map_put(&mine, demand, lane);
        }
        b->lanes[s] = (uint32_t)lane;
    }
    bf_map_free(&mine);
}

/* Each step has a breaker of its own, and so a lane. */
void ready_guarded(struct engine *e, struct backfill *b)
{
    for (uint32_t s = 0; s < b->plan->n_steps; s++) {
        uint32_t demand = demand_for(e, needs_of(e, b, s));      /* may move the lists */
        lane_out(e, b->lanes[s]);
        e->lanes.at[b->lanes[s]].demand = demand;
    }
}

bool ready_demand_open(const struct engine *e, const struct demand *d, uint32_t lane, uint32_t *ret_agent, struct blocker *ret_first)
{
    const struct iheap *agents = &e->fits.at[d->needs.fit].agents;
    *ret_first = (struct blocker){.kind = (enum blocker_kind)-1, .clears_at_ms = -1};
    if (d->lanes.n == 0 || agents->n == 0 || admit_blockers(e, d, ret_first, 1) > 0)
        return false;
    const struct agent *a = agent_find(e, agents->at[0]);
    if (a->busy >= a->hello.slots)
        return prefetch_agent(e, d, lane, ret_agent);
    *ret_agent = a->id;
    return true;
}

/* Few sets of labels are asked for; where there are more, an answer is not worth it. */
bool ready_any_agent_free(const struct engine *e)
{
    bool any = e->fits.n > FITS_ASKED_MAX || e->first_ahead != NO_SLOT;
    for (size_t i = 0; i < e->fits.n && !any; i++) {
        const struct agent *a = e->fits.at[i].agents.n > 0 ? agent_find(e, e->fits.at[i].agents.at[0]) : NULL;
        any = (a && a->busy < a->hello.slots) || e->fits.at[i].room.n > 0;
    }
    return any;
}

void ready_reset(struct engine *e)
{
    for (size_t i = 0; i < e->lanes.n; i++)
        heap_done(&e->lanes.at[i].ready);
    for (size_t i = 0; i < e->demands.n; i++)
        bf_vec_free(&e->demands.at[i].lanes);
    for (size_t i = 0; i < e->fits.n; i++) {
        iheap_done(&e->fits.at[i].agents);
        iheap_done(&e->fits.at[i].room);
        spread_done(&e->fits.at[i].spread);
    }
    spread_reset(e);
    near_reset(e);
    for (size_t i = 0; i < e->backfills.n; i++)
        for (size_t k = 0; k < e->backfills.at[i]->n_shares; k++)
            bf_vec_clear(&e->backfills.at[i]->shares[k].lanes);
    for (size_t i = 0; i < e->pools.n; i++)
        bf_vec_clear(&e->pools.at[i].waiting);
    bf_vec_free(&e->waiting);
    bf_vec_free(&e->lanes);
    bf_vec_free(&e->demands);
    bf_vec_free(&e->fits);
    bf_smap_free(&e->demand_of);
    windows_reset(e);
    opening_done(&e->opening);
    e->n_ready = 0;
}
