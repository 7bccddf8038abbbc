/* The order of steps, upstream first, and the cycles that leave none.
 *
 * Order is Kahn's, with the steps of one rank in the order of the document.  A step on itself (`previous n`) is no cycle.
 * Cycles are found among what is left over, by Tarjan's strongly connected components, without recursion: a plan may be a chain of
 * 10,000 steps.  Each component is told once, as its shortest cycle through its first step. */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "plan/compile.h"

#define SENTENCE_BYTES 800
#define NOTES_MAX 40
#define PLACES_MAX 6u

/* Downstream lists in compressed rows. */
struct downstream {
    size_t *first;                         /* n + 1 */
    uint32_t *at;
};

static void downstream_build(const struct plan *p, struct downstream *ret)
{
    size_t *first = bf_xcalloc(p->n_steps + 2, sizeof *first);
    for (uint32_t s = 0; s < p->n_steps; s++)
        for (size_t i = 0; i < p->steps[s].n_edges; i++)
            first[p->steps[s].edges[i].upstream + 2]++;
    for (size_t i = 2; i < p->n_steps + 2; i++)
        first[i] += first[i - 1];
    uint32_t *at = bf_xcalloc(first[p->n_steps + 1], sizeof *at);
    for (uint32_t s = 0; s < p->n_steps; s++)
        for (size_t i = 0; i < p->steps[s].n_edges; i++)
            at[first[p->steps[s].edges[i].upstream + 1]++] = s;
    *ret = (struct downstream){.first = first, .at = at};
}

/* Fills plan->order; the number of steps that found a place. */
static size_t order_steps(struct plan *p, bool *placed)
{
    struct downstream down;
    uint32_t *unmet = bf_xcalloc(p->n_steps, sizeof *unmet);
    size_t n = 0;
    downstream_build(p, &down);
    p->order = bf_xcalloc(p->n_steps, sizeof *p->order);
    for (uint32_t s = 0; s < p->n_steps; s++) {
        for (size_t i = 0; i < p->steps[s].n_edges; i++)
            unmet[s] += p->steps[s].edges[i].upstream != s;
        if (unmet[s] == 0)
            p->order[n++] = s;
    }
    for (size_t done = 0; done < n; done++) {
        uint32_t s = p->order[done];
        placed[s] = true;
        for (size_t i = down.first[s]; i < down.first[s + 1]; i++)
            if (down.at[i] != s && --unmet[down.at[i]] == 0)
                p->order[n++] = down.at[i];
    }
    free(down.first);
    free(down.at);
    free(unmet);
    return n;
}

/* ---- components ---- */

struct tarjan {
    const struct plan *p;
    const bool *placed;                    /* left out */
    uint32_t *number, *low;                /* number 0: not visited */
    uint32_t *component;                   /* of finished steps, from 1 */
    size_t *next_edge;
    uint32_t *open;  size_t n_open;        /* steps whose component is not finished */
    uint32_t *path;  size_t n_path;        /* the walk itself */
    uint32_t visited, n_components;
};

static void enter(struct tarjan *t, uint32_t s)
{
    t->number[s] = t->low[s] = ++t->visited;
    t->open[t->n_open++] = s;
    t->path[t->n_path++] = s;
}

static void leave(struct tarjan *t, uint32_t s)
{
    t->n_path--;
    if (t->n_path > 0 && t->low[s] < t->low[t->path[t->n_path - 1]])
        t->low[t->path[t->n_path - 1]] = t->low[s];
    if (t->low[s] != t->number[s])
        return;
    t->n_components++;
    uint32_t member;
    do {
        member = t->open[--t->n_open];
        t->component[member] = t->n_components;
    } while (member != s);
}

static void walk_from(struct tarjan *t, uint32_t root)
{
    enter(t, root);
    while (t->n_path > 0) {
        uint32_t s = t->path[t->n_path - 1];
        const struct plan_step *step = &t->p->steps[s];
        if (t->next_edge[s] == step->n_edges) {
            leave(t, s);
            continue;
        }
        uint32_t up = step->edges[t->next_edge[s]++].upstream;
        if (t->placed[up])
            continue;
        if (t->number[up] == 0)
            enter(t, up);
        else if (t->component[up] == 0 && t->number[up] < t->low[s])
            t->low[s] = t->number[up];
    }
}

static uint32_t *components(const struct plan *p, const bool *placed)
{
    size_t n = p->n_steps;
    struct tarjan t = {.p = p, .placed = placed};
    t.number = bf_xcalloc(n, sizeof *t.number);
    t.low = bf_xcalloc(n, sizeof *t.low);
    t.component = bf_xcalloc(n, sizeof *t.component);
    t.next_edge = bf_xcalloc(n, sizeof *t.next_edge);
    t.open = bf_xcalloc(n, sizeof *t.open);
    t.path = bf_xcalloc(n, sizeof *t.path);
    for (uint32_t s = 0; s < n; s++)
        if (!placed[s] && t.number[s] == 0)
            walk_from(&t, s);
    free(t.number);
    free(t.low);
    free(t.next_edge);
    free(t.open);
    free(t.path);
    return t.component;
}

/* ---- telling ---- */

static const struct plan_edge *edge_to(const struct plan_step *step, uint32_t upstream)
{
    for (size_t i = 0; i < step->n_edges; i++)
        if (step->edges[i].upstream == upstream)
            return &step->edges[i];
    return NULL;
}

/* One sentence takes about 1,000 bytes: a longer cycle goes on in notes. */
static void tell_names(struct plan_compiler *c, struct bf_mark mark, const uint32_t *names, size_t n)
{
    const struct plan *p = c->plan;
    enum bf_severity severity = BF_DIAG_ERROR;
    struct bf_buf text = {0};
    size_t notes = 0;
    for (size_t i = n; i-- > 0;) {
        bf_buf_printf(&text, "`%s` needs ", p->steps[names[i]].name);
        if (text.len <= SENTENCE_BYTES)
            continue;
        bf_diag_add(c->d, severity, mark, "cycle%s: %s…", notes ? ", continued" : "", bf_buf_cstr(&text));
        bf_buf_clear(&text);
        severity = BF_DIAG_NOTE;
        if (++notes == NOTES_MAX && i > 0) {
            bf_buf_printf(&text, "… (%zu steps in all) needs ", n);
            break;
        }
    }
    bf_diag_add(c->d, severity, mark, "cycle%s: %s`%s`", notes ? ", continued" : "", text.len ? bf_buf_cstr(&text) : "",
                p->steps[names[n - 1]].name);
    bf_buf_free(&text);
}

/* Where each of the others needs the next one; of a short cycle, so that the one to cut can be picked. */
static void tell_places(struct plan_compiler *c, const uint32_t *names, size_t n)
{
    const struct plan *p = c->plan;
    for (size_t i = n - 1; n <= PLACES_MAX && i-- > 0;) {
        uint32_t next = i > 0 ? names[i - 1] : names[n - 1];
        bf_diag_add(c->d, BF_DIAG_NOTE, edge_to(&p->steps[names[i]], next)->mark, "`%s` needs `%s` here", p->steps[names[i]].name,
                    p->steps[next].name);
    }
}

/* from[] leads from each step back towards start, along the walk upstream that found it. */
static void tell(struct plan_compiler *c, uint32_t start, uint32_t last, const uint32_t *from)
{
    BF_AUTO_FREE uint32_t *names = bf_xcalloc(c->plan->n_steps, sizeof *names);
    size_t n = 0;
    for (uint32_t s = last; s != start; s = from[s])
        names[n++] = s;
    names[n++] = start;
    tell_names(c, edge_to(&c->plan->steps[start], names[n - 2])->mark, names, n);
    tell_places(c, names, n);
}

static void shortest_cycle(struct plan_compiler *c, uint32_t start, const uint32_t *component, uint32_t *from, uint32_t *queue)
{
    const struct plan *p = c->plan;
    size_t n = 0;
    queue[n++] = start;
    for (size_t i = 0; i < n; i++) {
        const struct plan_step *step = &p->steps[queue[i]];
        for (size_t e = 0; e < step->n_edges; e++) {
            uint32_t up = step->edges[e].upstream;
            if (up == start && queue[i] != start) {
                tell(c, start, queue[i], from);
                return;
            }
            if (up == start || component[up] != component[start] || from[up] != PLAN_NO_INDEX)
                continue;
            from[up] = queue[i];
            queue[n++] = up;
        }
    }
}

static void tell_cycles(struct plan_compiler *c, const bool *placed)
{
    size_t n = c->plan->n_steps;
    BF_AUTO_FREE uint32_t *component = components(c->plan, placed);
    BF_AUTO_FREE uint32_t *from = bf_xmalloc(n * sizeof *from);
    BF_AUTO_FREE uint32_t *queue = bf_xcalloc(n, sizeof *queue);
    BF_AUTO_FREE bool *told = bf_xcalloc(n + 1, sizeof *told);
    memset(from, 0xFF, n * sizeof *from);
    for (uint32_t s = 0; s < n; s++) {
        if (placed[s] || told[component[s]])
            continue;
        told[component[s]] = true;
        shortest_cycle(c, s, component, from, queue);
    }
}

void plan_graph_order(struct plan_compiler *c)
{
    BF_AUTO_FREE bool *placed = bf_xcalloc(c->plan->n_steps + 1, sizeof *placed);
    if (order_steps(c->plan, placed) < c->plan->n_steps)
        tell_cycles(c, placed);
}
