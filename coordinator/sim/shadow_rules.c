/* Dependencies, writers and results, worked out again the slow way. */
#include "coordinator/sim/shadow_model.h"

#include <stdlib.h>
#include <string.h>

/* Does partition p of the step need partition u of the upstream? */
static bool needs(const struct plan_edge *edge, const struct plan_range *up, int32_t u, const struct plan_range *own, int32_t p)
{
    switch (edge->mapping) {
    case PLAN_SAME: return u == p;
    case PLAN_PREVIOUS: return u == p - (int32_t)edge->previous;
    case PLAN_CONTAINING: return plan_partition_containing(own->grain, p, up->grain) == u;
    case PLAN_CONTAINED: return plan_partition_containing(up->grain, u, own->grain) == p;
    case PLAN_ALL: return true;
    }
    return true;
}

/* An upstream partition of the instance that is not done; false when there is none. */
static bool find_unmet(const struct shadow_backfill *b, uint32_t step, uint32_t index, uint32_t *ret_up, uint32_t *ret_index)
{
    const struct plan_step *st = &b->plan->steps[step];
    int32_t p = st->range.first + (int32_t)index;
    for (size_t e = 0; e < st->n_edges; e++) {
        const struct plan_edge *edge = &st->edges[e];
        const struct plan_range *up = &b->plan->steps[edge->upstream].range;
        for (uint32_t u = 0; u < up->n; u++)
            if (needs(edge, up, up->first + (int32_t)u, &st->range, p) && b->cells[edge->upstream][u].end != CELL_DONE) {
                *ret_up = edge->upstream;
                *ret_index = u;
                return true;
            }
    }
    return false;
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

/* Days written by a step: [from, until); a step without partitions writes always. */
static void days_of(const struct plan_step *step, int32_t *ret_from, int32_t *ret_until)
{
    int32_t unused;
    if (step->range.grain == PLAN_NONE) {
        *ret_from = INT32_MIN;
        *ret_until = INT32_MAX;
        return;
    }
    plan_partition_days(step->range.grain, step->range.first, ret_from, &unused);
    plan_partition_days(step->range.grain, step->range.first + (int32_t)step->range.n - 1, &unused, ret_until);
}

static bool steps_collide(const struct plan *a, const struct plan_step *x, const struct plan *b, const struct plan_step *y)
{
    int32_t x_from, x_until, y_from, y_until;
    days_of(x, &x_from, &x_until);
    days_of(y, &y_from, &y_until);
    if (x_from >= y_until || y_from >= x_until)
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
    if (b->state == BACKFILL_QUEUED || b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED)
        return true;
    for (size_t i = 0; i < s->attempts.n; i++)
        if (s->attempts.at[i].open && s->attempts.at[i].backfill == b->id)
            return true;
    return false;
}

void shadow_check_writers(struct shadow *s, const struct shadow_backfill *b)
{
    for (size_t i = 0; i < s->backfills.n; i++) {
        const struct shadow_backfill *other = &s->backfills.at[i];
        if (other->id == b->id || !is_live(s, other))
            continue;
        for (size_t x = 0; x < b->plan->n_steps; x++)
            for (size_t y = 0; y < other->plan->n_steps; y++)
                if (steps_collide(b->plan, &b->plan->steps[x], other->plan, &other->plan->steps[y]))
                    world_violate(s->w, "I18: backfills %u and %u write the same partitions (%s)", b->id, other->id, b->plan->steps[x].name);
    }
}

void shadow_check_result(struct shadow *s, const struct shadow_backfill *b)
{
    uint64_t n[4] = {0}, total = 0;
    uint32_t up, u;
    for (uint32_t i = 0; i < b->plan->n_steps; i++)
        for (uint32_t p = 0; p < b->plan->steps[i].range.n; p++, total++) {
            n[b->cells[i][p].end]++;
            if (b->cells[i][p].end == CELL_WAITING && !find_unmet(b, i, p, &up, &u))
                world_violate(s->w, "I16: backfill %u ended, and %s[%u] could still run", b->id, b->plan->steps[i].name, p);
        }
    bool right = b->state == BACKFILL_SUCCEEDED ? n[CELL_DONE] == total
               : b->state == BACKFILL_PARTLY ? n[CELL_FAILED] > 0 && n[CELL_DONE] > 0
               : b->state == BACKFILL_FAILED ? n[CELL_FAILED] > 0 && n[CELL_DONE] == 0
               : b->state == BACKFILL_CANCELLED ? n[CELL_WAITING] == 0 : false;
    if (!right)
        world_violate(s->w, "result: backfill %u ended in state %d with %llu done, %llu failed, %llu cancelled, %llu waiting", b->id, (int)b->state,
                      (unsigned long long)n[CELL_DONE], (unsigned long long)n[CELL_FAILED], (unsigned long long)n[CELL_CANCELLED],
                      (unsigned long long)n[CELL_WAITING]);
}
