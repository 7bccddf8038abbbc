/* Spread: of the agents that fit and have room, one whose value of a label has the fewest running attempts of the step.
 *
 * Each fit whose steps are spread keeps its agents by value, the least busy first, so that a grant looks at one agent for each value: at
 * SPREAD_VALUES_MAX at most.  Ties go to the least busy agent, then to the lower number: what was interned when does not matter.
 * Attempts are counted by the value that their agent has now. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/internal.h"

static bool agent_less(const void *engine, uint32_t a, uint32_t b)
{
    return ready_agent_less(engine, a, b);
}

static const char *value_of(const struct agent *a, const char *label)
{
    for (size_t i = 0; i < a->hello.n_labels; i++)
        if (strcmp(a->hello.labels[i].name, label) == 0)
            return a->hello.labels[i].value;
    return "";
}

static uint32_t group_need(struct spread *s, const char *value)
{
    void *known = bf_smap_get(&s->group_of, value, strlen(value) + 1);
    if (known)
        return (uint32_t)((uintptr_t)known - 1);
    bf_vec_push(&s->groups, (struct spread_group){.place = NO_SLOT});
    bf_smap_put(&s->group_of, value, strlen(value) + 1, (void *)(uintptr_t)s->groups.n);
    return (uint32_t)(s->groups.n - 1);
}

/* A group stands among those with agents exactly while it has any. */
static void list_group(struct spread *s, uint32_t group)
{
    struct spread_group *g = &s->groups.at[group];
    if (g->agents.n > 0 && g->place == NO_SLOT) {
        g->place = (uint32_t)s->some.n;
        bf_vec_push(&s->some, group);
    } else if (g->agents.n == 0 && g->place != NO_SLOT) {
        uint32_t last = s->some.at[--s->some.n];
        s->some.at[g->place] = last;
        s->groups.at[last].place = g->place;
        g->place = NO_SLOT;
    }
}

void spread_agent_fits(struct engine *e, struct fit *f, const struct agent *a, bool fits)
{
    struct spread *s = &f->spread;
    uint64_t was = NO_SLOT;
    if (!s->label)
        return;
    uint32_t now = fits ? group_need(s, value_of(a, s->label)) : NO_SLOT;
    (void)bf_map_get(&s->group_of_agent, a->id, &was);
    if (was != NO_SLOT && was != now) {
        iheap_remove(&s->groups.at[was].agents, a->id, agent_less, e);
        list_group(s, (uint32_t)was);
        (void)bf_map_del(&s->group_of_agent, a->id);
    }
    if (now == NO_SLOT)
        return;
    iheap_put(&s->groups.at[now].agents, a->id, agent_less, e);
    bf_map_put(&s->group_of_agent, a->id, now);
    list_group(s, now);
}

void spread_agent_busy(struct engine *e, struct fit *f, const struct agent *a)
{
    uint64_t group = 0;
    if (f->spread.label && bf_map_get(&f->spread.group_of_agent, a->id, &group))
        iheap_put(&f->spread.groups.at[group].agents, a->id, agent_less, e);
}

/* ---- what runs ---- */

static struct fit *fit_of(const struct engine *e, const struct backfill *b, uint32_t step)
{
    return &e->fits.at[e->demands.at[e->lanes.at[b->lanes[step]].demand].needs.fit];
}

static uint32_t *count_at(struct backfill *b, uint32_t step, uint32_t group)
{
    struct spread_counts *c = &b->spread[step];
    if (group >= c->n) {
        c->at = bf_xreallocarray(c->at, group + 1, sizeof *c->at);
        memset(c->at + c->n, 0, (group + 1 - c->n) * sizeof *c->at);
        c->n = group + 1;
    }
    return &c->at[group];
}

void spread_count(struct engine *e, struct attempt *a, bool more)
{
    struct backfill *b = backfill_find(e, a->backfill);
    if (!b->spread || !b->plan->steps[a->step].placement.spread)
        return;
    if (more) {
        struct spread *s = &fit_of(e, b, a->step)->spread;
        a->group = group_need(s, value_of(agent_find(e, a->agent), s->label));
        ++*count_at(b, a->step, a->group);
    } else {
        assert(*count_at(b, a->step, a->group) > 0);
        --*count_at(b, a->step, a->group);
    }
}

void spread_agent_changed(struct engine *e, const struct agent *a)
{
    for (uint32_t slot = a->first; e->n_spread > 0 && slot != NO_SLOT; slot = e->attempts.at[slot].agent_next) {
        spread_count(e, &e->attempts.at[slot], false);
        spread_count(e, &e->attempts.at[slot], true);
    }
}

void spread_derive(struct engine *e)
{
    for (uint32_t slot = e->first_attempt; slot != NO_SLOT; slot = e->attempts.at[slot].next)
        spread_count(e, &e->attempts.at[slot], true);
}

void spread_attach(struct engine *e, struct backfill *b, uint32_t step)
{
    if (!b->plan->steps[step].placement.spread)
        return;
    e->n_spread++;
    b->spread = b->spread ? b->spread : bf_xcalloc(b->plan->n_steps, sizeof *b->spread);
}

void spread_reset(struct engine *e)
{
    e->n_spread = 0;
    for (size_t i = 0; i < e->backfills.n; i++)
        spread_forget(e->backfills.at[i]);
}

void spread_forget(struct backfill *b)
{
    for (size_t s = 0; b->spread && s < b->plan->n_steps; s++)
        free(b->spread[s].at);
    free(b->spread);
    b->spread = NULL;
}

void spread_done(struct spread *s)
{
    for (size_t i = 0; i < s->groups.n; i++)
        iheap_done(&s->groups.at[i].agents);
    bf_vec_free(&s->groups);
    bf_vec_free(&s->some);
    bf_smap_free(&s->group_of);
    bf_map_free(&s->group_of_agent);
}

/* ---- choosing ---- */

bool spread_choose(const struct engine *e, const struct backfill *b, uint32_t step, const struct fit *f, uint32_t *ret_agent,
                   uint32_t *ret_running)
{
    const struct spread *s = &f->spread;
    const struct spread_counts *c = s->label ? &b->spread[step] : NULL;
    uint32_t best = 0, least = 0;
    if (!c || s->some.n > SPREAD_VALUES_MAX || BF_PLANTED("spread_ignored"))
        return false;
    for (size_t i = 0; i < s->some.n; i++) {
        uint32_t group = s->some.at[i], agent = s->groups.at[group].agents.at[0], n = group < c->n ? c->at[group] : 0;
        const struct agent *a = agent_find(e, agent);
        if (a->busy >= a->hello.slots)           /* it is the least busy one of its value */
            continue;
        if (best && (n != least ? n > least : agent_less(e, best, agent)))
            continue;
        best = agent;
        least = n;
    }
    *ret_agent = best;
    *ret_running = least;
    return best != 0;
}
