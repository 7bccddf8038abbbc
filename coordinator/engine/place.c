/* Locality: a step that prefers its inputs goes to the agent that made most of them, and waits for it within bounds.  See place.h.
 *
 *   head of its lane, the agent has room        ─► granted there
 *   it has none, and the time is not over       ─► waits: out of its lane, a record says for whom and until when
 *   it waits, and the agent gets room           ─► in its lane again: what ranks before it may still take the room, and it waits on
 *   the time is over, or the agent is not there ─► granted to any agent that fits
 *
 * A straggler that is run again (rerun.c) waits the same way, for any agent but the one where it straggled.
 *
 * No more wait for an agent than it has slots: the next would not be served before those.  So what waits is bounded, and what comes back in
 * a turn is bounded by the room that there is.  The time runs from when it could have begun elsewhere. */
#include "coordinator/engine/place.h"

#include <stdlib.h>
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"

enum { INPUTS_LOOKED_AT_MAX = 64 };              /* in all: the newest partitions of each input, one input after another */

struct holder { uint32_t agent, n; uint64_t newest; };
struct holders { struct holder at[INPUTS_LOOKED_AT_MAX]; size_t n; uint32_t looked_at; };

bool place_is_said(const struct plan_step *s)
{
    return s->placement.prefer_inputs || s->placement.spread;
}

/* ---- who made its inputs ---- */

static void note_holder(struct holders *h, const struct instance *in)
{
    size_t i = 0;
    while (i < h->n && h->at[i].agent != in->agent)
        i++;
    if (i == h->n)
        h->at[h->n++] = (struct holder){.agent = in->agent};
    h->at[i].n++;
    h->at[i].newest = in->attempt > h->at[i].newest ? in->attempt : h->at[i].newest;
}

static void look_at(const struct backfill *b, const struct edge_rule *r, uint32_t index, const struct fit *f, struct holders *h)
{
    struct index_range up = topology_waits_for(b->topology, r, index);
    for (uint32_t i = up.n; i > 0 && h->looked_at < INPUTS_LOOKED_AT_MAX; i--) {
        const struct instance *in = &b->instances[instance_number(b, r->up, up.first + i - 1)];
        h->looked_at++;
        if (in->state == INSTANCE_SUCCEEDED && in->agent != 0 && iheap_contains(&f->agents, in->agent))
            note_holder(h, in);
    }
}

/* Of the agents that fit, the one that made most of them; of several the one that made the newest.  0: none did. */
static uint32_t holder_of(const struct backfill *b, uint32_t number, const struct fit *f)
{
    const struct topology *t = b->topology;
    uint32_t step = b->instances[number].step;
    struct holders h = {.n = 0};
    const struct holder *best = NULL;
    for (uint32_t i = t->rule_first[step]; i < t->rule_first[step + 1]; i++)
        if (t->rules[i].carries)
            look_at(b, &t->rules[i], instance_index(b, number), f, &h);
    for (size_t i = 0; i < h.n; i++)
        if (!best || h.at[i].n > best->n || (h.at[i].n == best->n && h.at[i].newest > best->newest))
            best = &h.at[i];
    return best ? best->agent : 0;
}

/* ---- choosing ---- */

static bool has_room(const struct agent *a)
{
    return a->busy < a->hello.slots;
}

static bool may_wait(const struct agent *a)
{
    return a->near.n < a->hello.slots;
}

static void prefer(const struct engine *e, const struct backfill *b, uint32_t number, const struct fit *f, struct placing *p)
{
    const struct plan_placement *said = &b->plan->steps[b->instances[number].step].placement;
    const struct near *n = near_find(e, b, number);
    bool over = n && e->now_ms >= n->until_ms && !BF_PLANTED("locality_waits_on");
    p->near = n && !over ? n->agent : holder_of(b, number, f);
    p->until_ms = n ? n->until_ms : e->now_ms + said->wait_ms;
    p->waited_ms = n ? said->wait_ms - (over ? 0 : n->until_ms - e->now_ms) : 0;
    if (p->near == 0 || !iheap_contains(&f->agents, p->near))
        return;
    const struct agent *a = agent_find(e, p->near);
    if (has_room(a) && !BF_PLANTED("locality_ignored")) {
        p->by = PLACE_INPUTS;
        p->agent = a->id;
    }
    p->waits = !has_room(a) && !over && said->wait_ms > 0 && may_wait(a);
}

/* Of those that fit, but this one, the least busy for which one more may wait; 0: there is none.  It looks at all: stragglers are few. */
static uint32_t any_beside(const struct engine *e, const struct fit *f, uint32_t agent)
{
    uint32_t best = 0;
    for (size_t i = 0; i < f->agents.n; i++) {
        uint32_t id = f->agents.at[i];
        if (id != agent && may_wait(agent_find(e, id)) && (best == 0 || ready_agent_less(e, id, best)))
            best = id;
    }
    return best;
}

/* It straggled at this agent: any other, for whose room it is waited a while. */
static void avoid(const struct engine *e, const struct backfill *b, uint32_t number, const struct fit *f, uint32_t agent, struct placing *p)
{
    const struct near *n = near_find(e, b, number);
    bool over = n && e->now_ms >= n->until_ms;
    uint32_t other = ready_agent_beside(e, f, agent);
    p->by = PLACE_ELSEWHERE;
    p->agent = other ? other : p->agent;
    p->near = other ? agent : any_beside(e, f, agent);
    p->until_ms = n ? n->until_ms : e->now_ms + RERUN_WAIT_MS;
    p->waited_ms = n ? RERUN_WAIT_MS - (over ? 0 : n->until_ms - e->now_ms) : 0;
    p->waits = !other && p->near && !over;
    p->near = p->waits ? p->near : agent;
}

void place_choose(const struct engine *e, const struct backfill *b, uint32_t number, const struct fit *f, uint32_t least_busy,
                  struct placing *ret)
{
    uint32_t step = b->instances[number].step, straggled = BF_PLANTED("rerun_same_agent") ? 0 : rerun_avoids(e, b, number);
    *ret = (struct placing){.by = PLACE_LEAST_BUSY, .agent = least_busy};
    if (straggled) {
        avoid(e, b, number, f, straggled, ret);
        return;
    }
    if (b->plan->steps[step].placement.prefer_inputs)
        prefer(e, b, number, f, ret);
    if (ret->by != PLACE_LEAST_BUSY || ret->waits)
        return;
    if (spread_choose(e, b, step, f, &ret->agent, &ret->running))
        ret->by = PLACE_SPREAD;
    else
        ret->agent = capacity_choose(e, f, &b->plan->steps[step].resources, ret->agent);
}

/* ---- deciding ---- */

static void emit(struct decision *d, const struct backfill *b, uint32_t number, uint32_t agent, int64_t until_ms, bool waits)
{
    struct record *r = record_begin(d, RECORD_NEAR);
    r->backfill = b->id;
    r->step = b->instances[number].step;
    r->index = instance_index(b, number);
    r->agent = agent;
    r->retry_at_ms = until_ms;
    r->n = waits;
    record_emit(d, r);
}

void place_wait(struct decision *d, const struct backfill *b, uint32_t number, const struct placing *p)
{
    emit(d, b, number, p->near, p->until_ms, true);
}

/* Of a heap of those that wait, the first that still does; NULL: none.  What waits no more, or for another, is dropped. */
static const struct near *first_of(struct engine *e, struct heap *h, uint32_t agent)
{
    while (h->n > 0) {
        uint64_t i = 0;
        const struct near *n = bf_map_get(&e->nears.of, h->at[0].b, &i) ? &e->nears.at.at[i] : NULL;
        if (n && n->waits && (agent == 0 || n->agent == agent) && n->until_ms == (int64_t)h->at[0].a)
            return n;
        heap_pop(h);
    }
    return NULL;
}

static void let_go(struct decision *d, const struct near *n)
{
    emit(d, backfill_find(d->e, n->backfill), n->number, n->agent, n->until_ms, false);
}

/* Is it there for work, whatever the labels?  It had those that were asked for; one that came back with others is left by its steps. */
static bool is_there(const struct engine *e, const struct near *n)
{
    const struct agent *a = agent_find(e, n->agent);
    const struct backfill *b = backfill_find(e, n->backfill);
    const struct lane *l = &e->lanes.at[b->lanes[b->instances[n->number].step]];
    return iheap_contains(&e->fits.at[e->demands.at[l->demand].needs.fit].agents, a->id);
}

/* As many as there is room for, and all when it is not there any more.  true: there may be more in the next turn. */
static bool review_agent(struct decision *d, uint32_t id)
{
    struct agent *a = agent_find(d->live, id);
    uint32_t room = a->busy < a->hello.slots ? a->hello.slots - a->busy : 0;
    const struct near *n;
    while ((n = first_of(d->live, &a->near.waiting, id)) != NULL) {
        bool there = is_there(d->e, n);
        if (there && room == 0)
            break;
        room -= there;
        let_go(d, n);
    }
    return n && has_room(a);
}

/* One that is granted, or waits a second time, leaves its moment behind: they must not heap up over a long wait. */
static void forget_moments(struct engine *e)
{
    if (e->nears.timers.n <= 1024 + 4 * e->nears.at.n)
        return;
    heap_done(&e->nears.timers);
    for (size_t i = 0; i < e->nears.at.n; i++) {
        const struct near *n = &e->nears.at.at[i];
        if (n->waits)
            heap_push(&e->nears.timers, (uint64_t)n->until_ms, (uint64_t)n->backfill << 32 | n->number);
    }
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void place_review(struct decision *d)
{
    struct engine *e = d->live;
    const struct near *n;
    size_t left = 0;
    forget_moments(e);
    while ((n = first_of(e, &e->nears.timers, 0)) != NULL && n->until_ms <= d->now_ms && !BF_PLANTED("locality_waits_on"))
        let_go(d, n);
    /* By id: the order in which they became due is not that of a process which recovered. */
    if (e->nears.due.n > 1)
        qsort(e->nears.due.at, e->nears.due.n, sizeof *e->nears.due.at, by_id);
    for (size_t i = 0; i < e->nears.due.n; i++) {
        uint32_t id = e->nears.due.at[i];
        if (review_agent(d, id))
            e->nears.due.at[left++] = id;
        else
            agent_find(e, id)->near.due = false;
    }
    e->nears.due.n = left;
    e->work_left |= left > 0;
}

int64_t place_due_ms(const struct engine *e)
{
    return e->nears.timers.n > 0 && !BF_PLANTED("locality_waits_on") ? (int64_t)e->nears.timers.at[0].a : INT64_MAX;
}

/* ---- applying ---- */

void place_keep(struct attempt *a, const struct record *r)
{
    size_t before = r->kind == RECORD_ATTEMPT;       /* when it is late */
    for (size_t i = 0; r->n_numbers == before + PLACE_NUMBERS && i < PLACE_NUMBERS; i++)
        a->placed[i] = r->numbers[before + i] + (i == 0);
}

void place_put(const struct attempt *a, struct engine_out *out, struct record *r)
{
    if (a->placed[0] == 0)
        return;
    uint64_t *numbers = bf_arena_memdup(&out->arena, a->placed, sizeof a->placed);
    numbers[0]--;
    r->numbers = numbers;
    r->n_numbers = PLACE_NUMBERS;
}

const struct near *near_find(const struct engine *e, const struct backfill *b, uint32_t number)
{
    uint64_t i = 0;
    return bf_map_get(&e->nears.of, instance_key(b, number), &i) ? &e->nears.at.at[i] : NULL;
}

static struct near *need(struct engine *e, const struct backfill *b, uint32_t number)
{
    uint64_t i = 0;
    if (!bf_map_get(&e->nears.of, instance_key(b, number), &i)) {
        i = e->nears.at.n;
        bf_vec_push(&e->nears.at, (struct near){.backfill = b->id, .number = number});
        bf_map_put(&e->nears.of, instance_key(b, number), i);
    }
    return &e->nears.at.at[i];
}

static void derive(struct engine *e, const struct near *n)
{
    struct agent *a = agent_find(e, n->agent);
    uint64_t key = (uint64_t)n->backfill << 32 | n->number;
    a->near.n++;
    heap_push(&a->near.waiting, (uint64_t)n->until_ms, key);
    heap_push(&e->nears.timers, (uint64_t)n->until_ms, key);
    near_agent_changed(e, a);
    ready_agent_busy(e, a);                      /* nothing is given ahead at it now */
}

static void set_waits(struct engine *e, struct near *n, bool waits)
{
    struct backfill *b = backfill_find(e, n->backfill);
    uint8_t flags = b->instances[n->number].flags;
    bool was = n->waits;
    n->waits = waits;
    snapshot_touch(e, b, n->number);
    instance_set_flags(e, b, n->number, (uint8_t)(waits ? flags | FLAG_NEAR : flags & ~FLAG_NEAR));
    if (e->recovering || was == waits)
        return;
    if (waits) {
        derive(e, n);
        return;
    }
    agent_find(e, n->agent)->near.n--;
    ready_agent_busy(e, agent_find(e, n->agent));
}

enum bf_rc near_apply(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    bool known = instance_find(e, r->backfill, r->step, r->index, &b, &number) && agent_find(e, r->agent) != NULL;
    enum instance_state state = known ? b->instances[number].state : 0;
    const struct near *before = known ? near_find(e, b, number) : NULL;
    bool may = state == INSTANCE_READY || (e->recovering && state == INSTANCE_WAITING) || (before && r->n == 0);
    if (!may || r->n > 1 || (before && before->waits && (before->agent != r->agent || r->n == 1)))
        return bf_fail(err, BF_CORRUPT, "record of kind %d (backfill %u): nothing that is ready waits for this agent", (int)r->kind,
                       r->backfill);
    struct near *n = need(e, b, number);
    n->agent = r->agent;
    n->until_ms = r->retry_at_ms;
    set_waits(e, n, r->n == 1);
    return BF_OK;
}

void near_drop(struct engine *e, struct backfill *b, uint32_t number)
{
    uint64_t i = 0;
    if (!bf_map_get(&e->nears.of, instance_key(b, number), &i))
        return;
    if (e->nears.at.at[i].waits)
        set_waits(e, &e->nears.at.at[i], false);
    struct near last = e->nears.at.at[--e->nears.at.n];
    (void)bf_map_del(&e->nears.of, instance_key(b, number));
    if (i == e->nears.at.n)
        return;
    e->nears.at.at[i] = last;
    bf_map_put(&e->nears.of, (uint64_t)last.backfill << 32 | last.number, i);
}

void near_forget(struct engine *e, struct backfill *b)
{
    for (size_t i = e->nears.at.n; i-- > 0;)
        if (e->nears.at.at[i].backfill == b->id)
            near_drop(e, b, e->nears.at.at[i].number);
}

void near_agent_changed(struct engine *e, struct agent *a)
{
    if (a->near.n == 0 || a->near.due)
        return;
    a->near.due = true;
    bf_vec_push(&e->nears.due, a->id);
}

void near_reset(struct engine *e)
{
    heap_done(&e->nears.timers);
    bf_vec_clear(&e->nears.due);
    for (size_t i = 0; i < e->agents.n; i++) {
        heap_done(&e->agents.at[i].near.waiting);
        e->agents.at[i].near = (struct near_of){.n = 0};
    }
}

void near_derive(struct engine *e)
{
    for (size_t i = 0; i < e->nears.at.n; i++)
        if (e->nears.at.at[i].waits)
            derive(e, &e->nears.at.at[i]);
}

/* ---- checkpoints, hashes, checks ---- */

void near_snapshot(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->nears.at.n && !BF_PLANTED("checkpoint_forgets_near"); i++) {
        const struct near *n = &e->nears.at.at[i];
        const struct backfill *b = backfill_find(e, n->backfill);
        struct record *r = record_add(out, RECORD_NEAR);
        r->backfill = n->backfill;
        r->step = b->instances[n->number].step;
        r->index = instance_index(b, n->number);
        r->agent = n->agent;
        r->retry_at_ms = n->until_ms;
        r->n = n->waits;
    }
}

void near_hash(const struct engine *e, const struct backfill *b, uint32_t number, struct bf_buf *ret)
{
    const struct near *n = near_find(e, b, number);
    if (!n)
        return;
    bf_buf_put_u32(ret, n->agent);
    bf_buf_put_u64(ret, (uint64_t)n->until_ms);
    bf_buf_put_u8(ret, n->waits);
}

const char *near_broken(const struct engine *e)
{
    BF_AUTO_FREE uint32_t *waiting = bf_xcalloc(e->agents.n + 1, sizeof *waiting);
    for (size_t i = 0; i < e->nears.at.n; i++) {
        const struct near *n = &e->nears.at.at[i];
        const struct instance *in = &backfill_find(e, n->backfill)->instances[n->number];
        if (n->waits != ((in->flags & FLAG_NEAR) != 0) || in->state != INSTANCE_READY)
            return "what waits for an agent is not ready, or does not know that it waits";
        waiting[n->agent] += n->waits;
    }
    for (size_t i = 0; i < e->agents.n; i++)
        if (waiting[e->agents.at[i].id] != e->agents.at[i].near.n)
            return "what waits for an agent is miscounted";
    return NULL;
}

void near_done(struct engine *e)
{
    bf_vec_free(&e->nears.at);
    bf_map_free(&e->nears.of);
    near_reset(e);
    bf_vec_free(&e->nears.due);
}

bool engine_near(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct near_view *ret)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    const struct near *n = instance_find(e, backfill, step, index, &b, &number) ? near_find(e, b, number) : NULL;
    if (!n)
        return false;
    *ret = (struct near_view){.agent = n->agent, .until_ms = n->until_ms, .waits = n->waits};
    return true;
}
