/* Dependencies, writers and results, worked out again the slow way. */
#include "coordinator/sim/shadow_checks.h"

#include <stdlib.h>
#include <string.h>

const struct shadow_backfill *shadow_backfill_find(const struct shadow *s, uint32_t id)
{
    for (size_t i = 0; i < s->backfills.n; i++)
        if (s->backfills.at[i].id == id)
            return &s->backfills.at[i];
    return NULL;
}

static bool lies_in(const struct plan_partitions *fine, uint32_t f, const struct plan_partitions *coarse, uint32_t c)
{
    return fine->start_s[f] >= coarse->start_s[c] && fine->start_s[f + 1] <= coarse->start_s[c + 1];
}

/* Does partition p of the step need partition u of the upstream?  Both tables are one where the grain is. */
bool shadow_edge_needs(const struct plan_edge *edge, const struct plan_partitions *up, uint32_t u, const struct plan_partitions *own,
                       uint32_t p)
{
    switch (edge->mapping) {
    case PLAN_SAME: return u == p;
    case PLAN_PREVIOUS: return (int64_t)u - p == edge->from;
    case PLAN_WINDOW: return (int64_t)u - p >= edge->from && (int64_t)u - p <= edge->to;
    case PLAN_CONTAINING: return lies_in(own, p, up, u);
    case PLAN_CONTAINED: return lies_in(up, u, own, p);
    case PLAN_ALL: return true;
    }
    return true;
}

bool shadow_needs(const struct shadow_backfill *b, uint32_t step, uint32_t p, uint32_t up, uint32_t u)
{
    const struct plan_step *st = &b->plan->steps[step];
    for (size_t e = 0; e < st->n_edges; e++)
        if (st->edges[e].upstream == up && shadow_edge_needs(&st->edges[e], b->plan->steps[up].partitions, u, st->partitions, p))
            return true;
    return false;
}

/* An upstream partition of the instance that is not done; false when there is none. */
static bool find_unmet(const struct shadow_backfill *b, uint32_t step, uint32_t index, uint32_t *ret_up, uint32_t *ret_index)
{
    const struct plan_step *st = &b->plan->steps[step];
    for (size_t e = 0; e < st->n_edges; e++) {
        const struct plan_edge *edge = &st->edges[e];
        const struct plan_partitions *up = b->plan->steps[edge->upstream].partitions;
        for (uint32_t u = 0; u < up->n; u++)
            if (b->cells[edge->upstream][u].end != CELL_DONE && shadow_edge_needs(edge, up, u, st->partitions, index)) {
                *ret_up = edge->upstream;
                *ret_index = u;
                return true;
            }
    }
    return false;
}

bool shadow_needs_met(const struct shadow_backfill *b, uint32_t step, uint32_t index)
{
    struct shadow_cell *c = &b->cells[step][index];
    uint32_t up, u;
    if (c->met_at != b->ends)
        c->met = !find_unmet(b, step, index, &up, &u);
    c->met_at = b->ends;
    return c->met;
}

void shadow_check_needs(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint32_t index)
{
    uint32_t up, u;
    if (find_unmet(b, step, index, &up, &u))
        world_violate(s->w, "I5: %s[%u] is granted before %s[%u] is done", b->plan->steps[step].name, index, b->plan->steps[up].name, u);
}

static bool writes_dataset(const struct plan *plan, const struct plan_step *step, const char *name, const char *connection)
{
    for (size_t o = 0; o < step->n_outputs; o++) {
        const struct plan_dataset *d = &plan->datasets[step->outputs[o]];
        const char *c = d->connection == PLAN_NO_INDEX ? "" : plan->connections[d->connection].name;
        if (strcmp(d->name, name) == 0 && strcmp(c, connection) == 0)
            return true;
    }
    return false;
}

/* The time that a step writes: [from, until); one without partitions writes always. */
static void time_of(const struct plan_step *step, int64_t *ret_from_s, int64_t *ret_until_s)
{
    bool always = step->grain == PLAN_NONE;
    *ret_from_s = always ? INT64_MIN : step->partitions->start_s[0];
    *ret_until_s = always ? INT64_MAX : step->partitions->start_s[step->partitions->n];
}

static bool steps_collide(const struct plan *a, const struct plan_step *x, const struct plan *b, const struct plan_step *y)
{
    int64_t x_from_s, x_until_s, y_from_s, y_until_s;
    time_of(x, &x_from_s, &x_until_s);
    time_of(y, &y_from_s, &y_until_s);
    if (x_from_s >= y_until_s || y_from_s >= x_until_s)
        return false;
    for (size_t o = 0; o < x->n_outputs; o++) {
        const struct plan_dataset *d = &a->datasets[x->outputs[o]];
        if (writes_dataset(b, y, d->name, d->connection == PLAN_NO_INDEX ? "" : a->connections[d->connection].name))
            return true;
    }
    return false;
}

static bool is_live(const struct shadow *s, const struct shadow_backfill *b)
{
    if (b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED)
        return true;
    return shadow_any_open(s, b->id);
}

bool shadow_collide(const struct shadow_backfill *a, const struct shadow_backfill *b)
{
    for (size_t x = 0; x < a->plan->n_steps; x++)
        for (size_t y = 0; y < b->plan->n_steps; y++)
            if (steps_collide(a->plan, &a->plan->steps[x], b->plan, &b->plan->steps[y]))
                return true;
    return false;
}

void shadow_check_writers(struct shadow *s, const struct shadow_backfill *b)
{
    for (size_t i = 0; i < s->backfills.n; i++) {
        const struct shadow_backfill *other = &s->backfills.at[i];
        if (other->id == b->id || !is_live(s, other))
            continue;
        if (shadow_collide(b, other))
            world_violate(s->w, "I18: backfills %u and %u write the same partitions", b->id, other->id);
    }
}

void shadow_check_result(struct shadow *s, const struct shadow_backfill *b)
{
    uint64_t n[4] = {0}, total = 0;
    uint32_t up, u;
    for (uint32_t i = 0; i < b->plan->n_steps; i++)
        for (uint32_t p = 0; p < b->plan->steps[i].partitions->n; p++, total++) {
            n[b->cells[i][p].end]++;
            if (b->cells[i][p].end == CELL_WAITING && !find_unmet(b, i, p, &up, &u))
                world_violate(s->w, "I16: backfill %u ended, and %s[%u] could still run", b->id, b->plan->steps[i].name, p);
        }
    bool right = b->state == BACKFILL_SUCCEEDED ? n[CELL_DONE] == total
               : b->state == BACKFILL_PARTLY ? n[CELL_FAILED] + n[CELL_CANCELLED] > 0 && n[CELL_DONE] > 0
               : b->state == BACKFILL_FAILED ? n[CELL_FAILED] + n[CELL_CANCELLED] > 0 && n[CELL_DONE] == 0
               : b->state == BACKFILL_CANCELLED ? n[CELL_WAITING] == 0 : false;
    if (!right)
        world_violate(s->w, "result: backfill %u ended in state %d with %llu done, %llu failed, %llu cancelled, %llu waiting", b->id,
                      (int)b->state, (unsigned long long)n[CELL_DONE], (unsigned long long)n[CELL_FAILED],
                      (unsigned long long)n[CELL_CANCELLED], (unsigned long long)n[CELL_WAITING]);
}
