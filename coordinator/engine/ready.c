/* The ready queue.
 *
 * A lane holds the ready instances of one backfill that need the same: pool, labels and breakers (a demand: ready_demands.c).  Best first:
 * priority class, weight, the longest way that hangs on it, the partition's place in time, its number (ready_rank.c).  A demand holds the
 * lanes that have something and whose backfill runs; a fit holds the agents whose labels do, the least busy first (ready_agents.c).  So a
 * pool that is full, or a lane that is paused, never hides the work of another.
 *
 * Entries are not taken out when an instance leaves READY by another way than the head: they are recognised by its state, and
 * dropped when they come up. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/internal.h"

/* What a person holds is ready, and stands in no lane; so does what waits for an agent. */
static bool is_held(const struct instance *in)
{
    return ((in->flags & FLAG_HELD) && !BF_PLANTED("held_granted")) || (in->flags & FLAG_NEAR);
}

bool ready_may_be_granted(const struct backfill *b, uint32_t number)
{
    return b->instances[number].state == INSTANCE_READY && !is_held(&b->instances[number]);
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

void ready_lane_out(struct engine *e, uint32_t lane)
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
        ready_lane_out(e, lane);
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
    ready_lane_out(e, lane);
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
