/* Breakers that are no more: which are to be forgotten, and when.
 *
 * A breaker is kept while something draws on it (a backfill that has not finished names it, an agent has its name), while the configuration
 * or a person says something of it or of its pool, and while it is open.  Else it goes as soon as a new one in its place would do the same:
 * closed for as long as it had been open, and without a vote that is young enough to count.  One that opened by itself and that nothing has
 * come to try goes after a day: there is nobody left whom it could protect.
 *
 *     live ones draw on it ──the last has finished──► idle ──due──► forgotten (a record), its number is free
 *              ▲                                        │
 *              └──────── one is created, or retried ────┘
 *
 * So there are never more than what lives names, what people and the configuration hold, and what was heard of within a period.
 *
 * When it is due follows from the base state alone.  The heap says when to look: an entry may be too early, never too late, and what is due
 * in one turn goes in order of number; so a coordinator that has just recovered decides the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"

/* ---- when ---- */

/* By the configuration or a person, whether or not a plan knows it. */
static bool is_said_pool(const struct engine *e, uint32_t pool)
{
    bool said = false;
    for (int k = POOL_FROM_PLAN; pool != PLAN_NO_INDEX && k < POOL_SOURCES; k++)
        said |= e->pools.at[pool].layers[k].said;            /* by source - 1: behind the plans' */
    return said;
}

int64_t breaker_due_ms(const struct engine *e, const struct breaker *b)
{
    if (b->uses > 0 || b->here > 0 || b->source == BREAKER_BY_CONFIG ||
        (b->kind == BREAKER_POOL && is_said_pool(e, pool_find(e, b->name))))
        return INT64_MAX;
    bool heard = b->window.n > 0 && !BF_PLANTED("breaker_forgotten_early");
    int64_t voted_ms = heard ? b->window.at[b->window.n - 1].at_ms + b->settings.period_ms + 1 : 0;
    int64_t settled_ms = b->since_ms > 0 ? b->since_ms + breaker_open_ms(&b->settings, b->level) : 0;
    switch (b->state) {
    case BREAKER_CLOSED: return voted_ms > settled_ms ? voted_ms : settled_ms;
    case BREAKER_HALF_OPEN: return *b->by || b->probes.n > 0 ? INT64_MAX : b->since_ms + BREAKER_UNTRIED_MS;
    case BREAKER_OPEN: return BF_PLANTED("breaker_open_forgotten") ? settled_ms : INT64_MAX;
    }
    return INT64_MAX;
}

void breaker_look_idle(struct engine *e, uint32_t number)
{
    struct breaker *b = e->breakers.at.at[number];
    int64_t due_ms = e->recovering ? INT64_MAX : breaker_due_ms(e, b);
    if (due_ms >= b->idle_ms || BF_PLANTED("breaker_kept"))
        return;                                  /* there is an entry that is early enough */
    b->idle_ms = due_ms;
    heap_push(&e->breakers.idle, (uint64_t)due_ms, number);
}

void breaker_pool_set(struct engine *e, uint32_t pool)
{
    uint32_t number = is_said_pool(e, pool) ? breaker_need(e, BREAKER_POOL, e->pools.at[pool].name)
                                            : breaker_number(e, BREAKER_POOL, e->pools.at[pool].name);
    if (number != NO_BREAKER)
        breaker_look_idle(e, number);
}

void breaker_use(struct engine *e, uint32_t number, bool more)
{
    struct breaker *b = e->breakers.at.at[number];
    assert(more || b->uses > 0);
    b->uses = more ? b->uses + 1 : b->uses - 1;
    if (b->uses == 0)
        breaker_look_idle(e, number);
    e->alerts.look |= b->state != BREAKER_CLOSED && b->uses <= 1;    /* the first came, or the last went: it may matter, or no more */
}

void breakers_derive(struct engine *e)
{
    heap_done(&e->breakers.idle);
    for (uint32_t i = 0; i < e->breakers.at.n; i++)
        if (e->breakers.at.at[i]) {
            e->breakers.at.at[i]->idle_ms = INT64_MAX;
            breaker_look_idle(e, i);
        }
}

int64_t breakers_idle_ms(const struct engine *e)
{
    return e->breakers.idle.n > 0 ? (int64_t)e->breakers.idle.at[0].a : INT64_MAX;
}

/* ---- forgetting ---- */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void forget(struct decision *d, uint32_t number)
{
    const struct breaker *b = d->e->breakers.at.at[number];
    struct record *r = record_begin(d, RECORD_BREAKER_FORGOTTEN);
    record_rare_need(r, &d->out->arena)->breaker = (struct record_breaker){.kind = b->kind, .name = b->name};
    record_emit(d, r);
}

/* What is too much for one turn is looked at in the next: its entries are put back, and are due. */
void decide_breakers_forgotten(struct decision *d)
{
    struct engine *e = d->live;
    struct heap *idle = &e->breakers.idle;
    BF_VEC_TYPE(uint32_t) due = {0};
    while (idle->n > 0 && (int64_t)idle->at[0].a <= d->now_ms) {
        struct heap_item item = heap_pop(idle);
        struct breaker *b = item.b < e->breakers.at.n ? e->breakers.at.at[item.b] : NULL;
        if (!b || b->idle_ms != (int64_t)item.a)
            continue;
        b->idle_ms = INT64_MAX;
        if (breaker_due_ms(e, b) <= d->now_ms)
            bf_vec_push(&due, (uint32_t)item.b);
        else
            breaker_look_idle(e, (uint32_t)item.b);
    }
    if (due.n > 1)
        qsort(due.at, due.n, sizeof *due.at, by_number);
    for (size_t i = 0; i < due.n; i++)
        if (i < BREAKERS_FORGOTTEN_PER_TURN_MAX)
            forget(d, due.at[i]);
        else
            breaker_look_idle(e, due.at[i]);
    bf_vec_free(&due);
}

/* ---- what there could be ---- */

static bool names(const struct plan *p, enum breaker_kind kind, const char *name)
{
    size_t n = 0;
    const char *step = "";
    for (size_t i = 0; kind == BREAKER_POOL && i < p->n_pools; i++)
        if (strcmp(p->pools[i].name, name) == 0)
            return true;
    for (size_t i = 0; kind == BREAKER_CONNECTION && i < p->n_connections; i++)
        if (strcmp(p->connections[i].name, name) == 0)
            return true;
    for (size_t i = 0; kind == BREAKER_DATASET && i < p->n_datasets; i++)
        if (strcmp(p->datasets[i].name, name) == 0)
            return true;
    if (kind != BREAKER_STEP || !breaker_step_parse(name, &n, &step) || strncmp(p->name, name, n) != 0 || p->name[n])
        return false;
    return plan_find_step(p, step) != PLAN_NO_INDEX;
}

bool breaker_may_be(const struct engine *e, enum breaker_kind kind, const char *name)
{
    if (kind == BREAKER_POOL && pool_find(e, name) != PLAN_NO_INDEX)
        return true;
    for (size_t i = 0; i < e->plans.n; i++)
        if (names(e->plans.at[i]->plan, kind, name))
            return true;
    return false;
}

/* ---- checks ---- */

bool breakers_uses_agree(const struct engine *e, struct bf_error *err)
{
    const struct breaker_book *book = &e->breakers;
    uint64_t uses = 0, counted = 0;
    for (size_t i = 0; i < e->backfills.n; i++) {
        const struct backfill *b = e->backfills.at[i];
        if ((b->drawn.steps == NULL) != backfill_finished(b))
            return bf_fail(err, BF_INTERNAL, "I7: bf-%u has breakers, and has finished, or has none, and has not", b->id) == BF_OK;
        const struct plan *p = b->plan;
        uses += b->drawn.steps ? p->n_pools + p->n_connections + p->n_datasets + p->n_steps : 0;
    }
    for (size_t i = 0; i < e->agents.n; i++)
        uses += e->agents.at[i].breaker != NO_BREAKER;
    for (size_t i = 0; i < book->at.n; i++)
        counted += book->at.at[i] ? book->at.at[i]->uses : 0;
    if (uses != counted)
        return bf_fail(err, BF_INTERNAL, "I7: what draws on breakers is miscounted") == BF_OK;
    for (size_t i = 0; i < book->at.n; i++) {
        const struct breaker *b = book->at.at[i];
        int64_t due_ms = b ? breaker_due_ms(e, b) : INT64_MAX;
        if (b && (due_ms < b->idle_ms || (b->source == BREAKER_BY_PLAN && b->uses == 0)))
            return bf_fail(err, BF_INTERNAL, "I7: %s/%s would be kept for ever, or as a plan said whose backfills are over",
                           breaker_kind_name(b->kind), b->name) == BF_OK;
    }
    return true;
}
