/* What draws on what: the breakers of a plan's things, the guard of each step, and what a grant means for those that are half-open.
 *
 * A step draws on itself, its pools, its connection where it is an sql step (one that asks how the warehouse is must come through), and
 * the datasets that it writes or reads.  So an open breaker holds these steps, and what is downstream of them waits for them as it always
 * does; nothing else notices. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/internal.h"

/* ---- the breakers of a backfill ---- */

static size_t n_named(const struct plan *p)
{
    return p->n_pools + p->n_connections + p->n_datasets + p->n_steps;
}

/* The i-th thing that a plan names, with what the plan says of it and where the backfill keeps its breaker. */
struct named { enum breaker_kind kind; const char *name; const struct plan_breaker *says; uint32_t *breaker; };

static struct named named_at(const struct backfill *b, size_t i)
{
    const struct plan *p = b->plan;
    const struct breaker_refs *r = &b->drawn;
    if (i < p->n_pools)
        return (struct named){BREAKER_POOL, p->pools[i].name, &p->pools[i].breaker, r->pools + i};
    i -= p->n_pools;
    if (i < p->n_connections)
        return (struct named){BREAKER_CONNECTION, p->connections[i].name, &p->connections[i].breaker, r->connections + i};
    i -= p->n_connections;
    if (i < p->n_datasets)
        return (struct named){BREAKER_DATASET, p->datasets[i].name, &p->datasets[i].breaker, r->datasets + i};
    i -= p->n_datasets;
    return (struct named){BREAKER_STEP, p->steps[i].name, &p->steps[i].breaker, r->steps + i};
}

/* Those that are `retold` are as their kind is, and then as live plans say: of two the one whose backfill was created last is heard. */
static void hear_plans(struct engine *e)
{
    const struct breaker_book *book = &e->breakers;
    for (size_t i = 0; i < book->attached.n; i++) {
        const struct backfill *b = backfill_find(e, book->attached.at[i]);
        for (size_t k = 0; k < n_named(b->plan); k++) {
            struct named t = named_at(b, k);
            if (t.says->given && book->at.at[*t.breaker]->retold)
                breaker_tune(e, *t.breaker, &t.says->settings, BREAKER_BY_PLAN);
        }
    }
}

/* The configuration's word outranks a plan's. */
static bool retell(struct engine *e, uint32_t number)
{
    struct breaker *b = e->breakers.at.at[number];
    if (b->source == BREAKER_BY_CONFIG)
        return false;
    breaker_tune(e, number, &e->breakers.kinds[b->kind].settings, BREAKER_BY_PRESET);
    return b->retold = true;
}

void breaker_settle(struct engine *e, uint32_t number)
{
    e->breakers.at.at[number]->source = BREAKER_BY_PRESET;
    if (retell(e, number))
        hear_plans(e);
    e->breakers.at.at[number]->retold = false;
}

/* What a plan says of its things begins or ceases to hold. */
static void plan_changed(struct engine *e, const struct backfill *b)
{
    bool any = false;
    for (size_t i = 0; i < n_named(b->plan); i++) {
        struct named t = named_at(b, i);
        any |= t.says->given && retell(e, *t.breaker);
    }
    if (any)
        hear_plans(e);
    for (size_t i = 0; any && i < n_named(b->plan); i++)
        e->breakers.at.at[*named_at(b, i).breaker]->retold = false;
}

static bool is_written(const struct plan_step *s, uint32_t dataset)
{
    for (size_t i = 0; i < s->n_outputs; i++)
        if (s->outputs[i] == dataset)
            return true;
    return false;
}

bool breaker_drawn(const struct backfill *b, uint32_t step, uint32_t i, struct breaker_draw *ret)
{
    const struct plan_step *s = &b->plan->steps[step];
    const struct breaker_refs *r = &b->drawn;
    if (!r->steps)
        return false;
    bool connected = s->kind == PLAN_SQL || s->kind == PLAN_SENSOR;
    if (i-- == 0) {
        *ret = (struct breaker_draw){r->steps[step], ROLE_STEP};
        return true;
    }
    uint32_t n_pools = s->pool == PLAN_NO_INDEX ? 0 : 1 + (uint32_t)s->n_also;
    if (i < n_pools) {
        *ret = (struct breaker_draw){r->pools[i == 0 ? s->pool : s->also[i - 1]], ROLE_POOL};
        return true;
    }
    i -= n_pools;
    if (connected && i-- == 0) {
        *ret = (struct breaker_draw){r->connections[s->connection], ROLE_CONNECTION};
        return true;
    }
    if (i < s->n_outputs) {
        *ret = (struct breaker_draw){r->datasets[s->outputs[i]], ROLE_WRITES};
        return true;
    }
    i -= (uint32_t)s->n_outputs;
    if (i >= s->n_inputs)
        return false;
    *ret = (struct breaker_draw){r->datasets[s->inputs[i]], is_written(s, s->inputs[i]) ? ROLE_AGAIN : ROLE_READS};
    return true;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The set of what a step draws on, kept once for all steps that draw on the same. */
static uint32_t intern(struct engine *e, const struct backfill *b, uint32_t step)
{
    struct breaker_book *book = &e->breakers;
    BF_VEC_TYPE(uint32_t) set = {0};
    struct breaker_draw draw;
    for (uint32_t i = 0; breaker_drawn(b, step, i, &draw); i++)
        bf_vec_push(&set, draw.breaker);
    qsort(set.at, set.n, sizeof *set.at, by_number);
    size_t n = 1;
    for (size_t i = 1; i < set.n; i++)
        if (set.at[i] != set.at[n - 1])
            set.at[n++] = set.at[i];
    const void *known = bf_smap_get(&book->guard_of, set.at, n * sizeof *set.at);
    if (known) {
        bf_vec_free(&set);
        return (uint32_t)((uintptr_t)known - 1);
    }
    bf_vec_push(&book->guards, ((struct guard){.at = set.at, .n = (uint32_t)n}));
    bf_smap_put(&book->guard_of, set.at, n * sizeof *set.at, (void *)(uintptr_t)book->guards.n);
    return (uint32_t)(book->guards.n - 1);
}

static void list_attached(struct breaker_book *book, uint32_t id, bool in)
{
    size_t n = 0;
    for (size_t i = 0; i < book->attached.n; i++)
        if (book->attached.at[i] != id)
            book->attached.at[n++] = book->attached.at[i];
    book->attached.n = n;
    if (in)
        bf_vec_push(&book->attached, id);
    for (; in && n > 0 && book->attached.at[n - 1] > id; n--) {
        book->attached.at[n] = book->attached.at[n - 1];
        book->attached.at[n - 1] = id;
    }
}

void breakers_attach(struct engine *e, struct backfill *b, bool told)
{
    const struct plan *p = b->plan;
    struct breaker_refs *r = &b->drawn;
    char name[BREAKER_NAME_MAX];
    r->pools = bf_xcalloc(p->n_pools, sizeof *r->pools);
    r->connections = bf_xcalloc(p->n_connections, sizeof *r->connections);
    r->datasets = bf_xcalloc(p->n_datasets, sizeof *r->datasets);
    r->steps = bf_xcalloc(p->n_steps, sizeof *r->steps);
    r->guards = bf_xcalloc(p->n_steps, sizeof *r->guards);
    for (size_t i = 0; i < n_named(p); i++) {
        struct named t = named_at(b, i);
        if (t.kind == BREAKER_STEP)
            breaker_step_name(p->name, t.name, name);
        *t.breaker = breaker_need(e, t.kind, t.kind == BREAKER_STEP ? name : t.name);
        breaker_use(e, *t.breaker, true);
    }
    list_attached(&e->breakers, b->id, true);
    if (!told)
        plan_changed(e, b);
    for (uint32_t i = 0; i < p->n_steps; i++)
        r->guards[i] = intern(e, b, i);
}

void breakers_detach(struct engine *e, struct backfill *b)
{
    if (!b->drawn.steps)
        return;
    list_attached(&e->breakers, b->id, false);
    if (!BF_PLANTED("breaker_settings_stay"))
        plan_changed(e, b);
    for (size_t i = 0; i < n_named(b->plan); i++)
        breaker_use(e, *named_at(b, i).breaker, false);
    breaker_refs_done(&b->drawn);
    b->drawn = (struct breaker_refs){0};
}

void breaker_refs_done(struct breaker_refs *r)
{
    free(r->steps);
    free(r->pools);
    free(r->datasets);
    free(r->connections);
    free(r->guards);
}

uint32_t step_guard(const struct backfill *b, uint32_t step)
{
    return b->drawn.guards ? b->drawn.guards[step] : NO_GUARD | step;
}

/* ---- grants ---- */

bool agent_is_let(const struct engine *e, const struct agent *a)
{
    return BF_PLANTED("breaker_agent_ignored") || breaker_lets(e->breakers.at.at[a->breaker]);
}

bool breaker_keeps_agent(const struct engine *e, const struct fit *f, const struct agent *a)
{
    return f->agents.n == 0 && a->state == AGENT_CONNECTED && a->hello.slots > 0 && !agent_is_let(e, a) && ready_agent_fits(f, a);
}

/* Of a set of labels: it fits, and no other agent that may be given work does. */
static bool fits_alone(const struct fit *f, const struct agent *a)
{
    return f->agents.n == (iheap_contains(&f->agents, a->id) ? 1 : 0) && ready_agent_fits(f, a);
}

static bool is_used(const struct engine *e, const struct backfill *b, const uint8_t *alone)
{
    for (size_t s = 0; b->lanes && s < b->plan->n_steps; s++)
        if (alone[e->demands.at[e->lanes.at[b->lanes[s]].demand].needs.fit])
            return true;
    return false;
}

bool agent_is_last(const struct engine *e, const struct agent *a)
{
    size_t first = 0;
    while (first < e->fits.n && !fits_alone(&e->fits.at[first], a))
        first++;
    if (first == e->fits.n)                      /* as nearly always */
        return false;
    BF_AUTO_FREE uint8_t *alone = bf_xcalloc(e->fits.n, 1);
    for (size_t i = first; i < e->fits.n; i++)
        alone[i] = fits_alone(&e->fits.at[i], a);
    for (size_t i = 0; i < e->live.n; i++)
        if (is_used(e, backfill_find(e, e->live.at[i]), alone))
            return true;
    return false;
}

static void let_through(struct engine *e, uint32_t number, uint64_t attempt)
{
    struct breaker *b = e->breakers.at.at[number];
    if (b->state == BREAKER_HALF_OPEN)
        bf_vec_push(&b->probes, attempt);
}

bool breakers_hold_back(const struct engine *e, const struct backfill *b, const struct attempt *a)
{
    struct breaker_draw draw;
    for (uint32_t i = 0; breaker_drawn(b, a->step, i, &draw); i++)
        if (e->breakers.at.at[draw.breaker]->state != BREAKER_CLOSED)
            return true;
    return breaker_is_probe(e->breakers.at.at[agent_find(e, a->agent)->breaker], a->ref.attempt);
}

void breakers_granted(struct engine *e, const struct backfill *b, const struct attempt *a)
{
    if (e->breakers.not_closed.n == 0 || !b->drawn.guards)
        return;
    const struct guard *g = &e->breakers.guards.at[step_guard(b, a->step)];
    struct agent *agent = agent_find(e, a->agent);
    for (uint32_t i = 0; i < g->n; i++)
        let_through(e, g->at[i], a->ref.attempt);
    let_through(e, agent->breaker, a->ref.attempt);
    if (!e->recovering && e->breakers.at.at[agent->breaker]->state != BREAKER_CLOSED)
        ready_agent_changed(e, agent);
}
