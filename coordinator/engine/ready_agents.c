/* Which agents may do what is ready: a fit for each set of labels that steps ask for, kept as agents come, go and become busy. */
#include <string.h>

#include "coordinator/engine/internal.h"
#include "coordinator/engine/prefetch.h"

#define FITS_ASKED_MAX 16u

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
    const struct agent *x = &e->agents.at[a - 1], *y = &e->agents.at[b - 1];       /* in a heap: known */
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
uint32_t ready_fit_for(struct engine *e, const struct plan_step *s)
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
