/* Which breakers there are, worked out again from committed records: what lives draws on them, what plans say of them holds no longer than
 * their backfills live, one is forgotten only when nobody would notice, and none is kept for ever. */
#include <stdio.h>
#include <string.h>

#include "coordinator/sim/shadow_model.h"

enum { UNTRIED_MS = 24 * 3600 * 1000, A_TURN_MAX = 200 };

/* ---- who draws on what ---- */

static void draws(struct shadow *s, enum breaker_kind kind, const char *name, const struct plan_breaker *says)
{
    struct shadow_breaker *b = shadow_breaker_at(s, kind, name);
    b->known = b->drawn = true;
    if (!says->given || b->source == BREAKER_BY_CONFIG)
        return;
    b->settings = says->settings;
    b->source = BREAKER_BY_PLAN;
}

static void backfill_draws(struct shadow *s, const struct plan *p)
{
    char name[BREAKER_NAME_MAX];
    for (size_t i = 0; i < p->n_pools; i++)
        draws(s, BREAKER_POOL, p->pools[i].name, &p->pools[i].breaker);
    for (size_t i = 0; i < p->n_connections; i++)
        draws(s, BREAKER_CONNECTION, p->connections[i].name, &p->connections[i].breaker);
    for (size_t i = 0; i < p->n_datasets; i++)
        draws(s, BREAKER_DATASET, p->datasets[i].name, &p->datasets[i].breaker);
    for (size_t i = 0; i < p->n_steps; i++) {
        breaker_step_name(p->name, p->steps[i].name, name);
        draws(s, BREAKER_STEP, name, &p->steps[i].breaker);
    }
}

void shadow_breakers_drawn(struct shadow *s)
{
    struct shadow_breakers *book = &s->breakers;
    for (size_t i = 0; i < book->at.n; i++) {
        struct shadow_breaker *b = &book->at.at[i];
        b->drawn = false;
        if (b->source == BREAKER_BY_CONFIG)
            continue;
        b->source = BREAKER_BY_PRESET;
        b->settings = book->kinds[b->kind].given ? book->kinds[b->kind].settings : *breaker_preset(b->kind);
    }
    for (size_t i = 0; i < s->backfills.n; i++)
        if (!s->backfills.at[i].over)
            backfill_draws(s, s->backfills.at[i].plan);
    for (size_t i = 0; i < book->agents.n; i++)
        book->at.at[book->agents.at[i]].known = book->at.at[book->agents.at[i]].drawn = true;
}

/* ---- forgetting ---- */

/* The time from which on nobody would notice; -1: somebody does. */
static int64_t idle_ms(const struct shadow_breaker *b)
{
    bool said = b->source == BREAKER_BY_CONFIG || b->said[POOL_FROM_CONFIG] || b->said[POOL_FROM_OPERATOR];
    if (b->drawn || said || b->state == BREAKER_OPEN || (b->state == BREAKER_HALF_OPEN && (*b->by || b->probes.n > 0)))
        return -1;
    if (b->state == BREAKER_HALF_OPEN)
        return b->since_ms + UNTRIED_MS;
    int64_t settled_ms = b->since_ms ? b->since_ms + breaker_open_ms(&b->settings, b->level) : 0;
    int64_t voted_ms = b->votes.n ? b->votes.at[b->votes.n - 1].at_ms + b->settings.period_ms + 1 : 0;
    return voted_ms > settled_ms ? voted_ms : settled_ms;
}

void shadow_breakers_forgotten(struct shadow *s, const struct turn *t, const struct record *r)
{
    struct shadow_breaker *b = shadow_breaker_at(s, record_rare(r)->breaker.kind, record_rare(r)->breaker.name);
    int64_t from_ms = b->known ? idle_ms(b) : -1;
    if (from_ms < 0 || from_ms > t->now_ms)
        world_violate(s->w, "I7: %s is forgotten, and %s", b->name,
                      !b->known                     ? "is not known"
                      : b->drawn                    ? "something draws on it"
                      : b->state != BREAKER_CLOSED  ? "is not closed"
                                                    : "its votes, or its time open, still count");
    b->known = false;
    b->state = BREAKER_CLOSED;
    b->since_ms = b->until_ms = 0;
    b->level = b->good = b->bad = 0;
    b->votes.n = b->probes.n = 0;
    b->by[0] = b->reason[0] = '\0';
}

void shadow_breakers_kept(struct shadow *s, const struct turn *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_records; i++)
        n += t->records[i].kind == RECORD_BREAKER_FORGOTTEN;
    for (size_t i = 0; i < s->breakers.at.n && n < A_TURN_MAX; i++) {
        const struct shadow_breaker *b = &s->breakers.at.at[i];
        int64_t from_ms = b->known ? idle_ms(b) : -1;
        if (from_ms >= 0 && from_ms <= t->now_ms)
            world_violate(s->w, "I7: nothing draws on %s, it says nothing, and it is not forgotten", b->name);
    }
}
