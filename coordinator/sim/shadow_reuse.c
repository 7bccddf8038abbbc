/* What is reused of earlier backfills, worked out again the slow way: for each instance every earlier backfill from the newest on,
 * and what is older than what it reads by going over all of them until nothing changes. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/sim/shadow_checks.h"

struct source { const struct shadow_cell *cell; uint32_t backfill; bool same_version; };

static bool has_begun(const struct shadow_backfill *b, const struct shadow_cell *c)
{
    return c->granted || c->run > b->first_run || c->end == CELL_DONE || c->end == CELL_FAILED;
}

/* The newest earlier backfill that began the partition of the step. */
static struct source source_of(const struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint32_t index)
{
    const struct plan_step *mine = &b->plan->steps[step];
    for (size_t i = s->backfills.n; i-- > 0;) {
        const struct shadow_backfill *o = &s->backfills.at[i];
        if (o->id >= b->id || strcmp(o->plan->name, b->plan->name) != 0)
            continue;
        for (uint32_t k = 0; k < o->plan->n_steps; k++) {
            const struct plan_step *its = &o->plan->steps[k];
            if (strcmp(its->name, mine->name) != 0 || its->grain != mine->grain)
                continue;
            for (uint32_t p = 0; p < its->partitions->n; p++)
                if (its->partitions->start_s[p] == mine->partitions->start_s[index] &&
                    its->partitions->start_s[p + 1] == mine->partitions->start_s[index + 1] && has_begun(o, &o->cells[k][p]))
                    return (struct source){&o->cells[k][p], o->cells[k][p].origin ? o->cells[k][p].origin : o->id,
                                           memcmp(its->hash, mine->hash, PLAN_HASH_BYTES) == 0};
        }
    }
    return (struct source){0};
}

static bool is_failure(const struct shadow_cell *c)
{
    return c->end == CELL_FAILED || (c->end == CELL_CANCELLED && c->failing);
}

static void take_one(struct shadow *s, struct shadow_backfill *b, uint32_t step, uint32_t index, uint32_t from, enum reuse_kind kind)
{
    struct source src = source_of(s, b, step, index);
    struct shadow_cell *c = &b->cells[step][index];
    const char *name = b->plan->steps[step].name;
    if (c->end != CELL_WAITING || c->open)
        world_violate(s->w, "reuse: %s[%u] of backfill %u has an end or runs, and is reused", name, index, b->id);
    if (!src.cell || src.backfill != from)
        world_violate(s->w, "reuse: %s[%u] of backfill %u is reused from %u, and the newest that began it is %u", name, index, b->id, from,
                      src.cell ? src.backfill : 0);
    else if (!src.same_version)
        world_violate(s->w, "reuse: %s[%u] of backfill %u is reused, and another version of the step made it", name, index, b->id);
    else if (kind == REUSE_FAILED ? !is_failure(src.cell) || b->reprocess != OP_REPROCESS_MISSING : src.cell->end != CELL_DONE)
        world_violate(s->w, "reuse: %s[%u] of backfill %u is reused as kind %d, and it did not end so in %u", name, index, b->id, (int)kind,
                      from);
    c->end = kind == REUSE_FAILED ? CELL_FAILED : CELL_DONE;
    c->origin = from;
    c->skipped = kind != REUSE_FAILED;
    c->stale = kind == REUSE_STALE;
    c->failing = kind == REUSE_FAILED;
}

/* Ranges go over the steps in the plan's order. */
void shadow_take_reused(struct shadow *s, struct shadow_backfill *b, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    uint32_t k = 0, index = r->index;
    if (b->begun || b->reprocess == OP_REPROCESS_ALL)
        world_violate(s->w, "reuse: backfill %u reuses what nobody asked it to, or has begun", b->id);
    while (k < b->plan->n_steps && b->plan->order[k] != r->step)
        k++;
    for (size_t i = 0; i < rare->n_reused; i++)
        for (uint32_t n = rare->reused[i].n; n > 0; n--, index++) {
            while (k < b->plan->n_steps && index >= b->plan->steps[b->plan->order[k]].partitions->n) {
                index = 0;
                k++;
            }
            if (k == b->plan->n_steps) {
                world_violate(s->w, "reuse: a range of backfill %u goes past its end", b->id);
                return;
            }
            enum reuse_kind kind = rare->reused[i].from_kind & 3;
            if (kind != REUSE_RUNS)
                take_one(s, b, b->plan->order[k], index, rare->reused[i].from_kind >> 2, kind);
        }
}

/* ---- when it begins ---- */

struct marks { bool **at; };                     /* by step and partition: it runs, or it is older than what it reads */

static bool reads_marked(const struct shadow_backfill *b, const struct marks *m, uint32_t step, uint32_t index)
{
    const struct plan_step *st = &b->plan->steps[step];
    for (size_t e = 0; e < st->n_edges; e++) {
        const struct plan_partitions *up = b->plan->steps[st->edges[e].upstream].partitions;
        for (uint32_t u = 0; u < up->n; u++)
            if (m->at[st->edges[e].upstream][u] && shadow_edge_needs(&st->edges[e], up, u, st->partitions, index))
                return true;
    }
    return false;
}

static bool is_marked(const struct shadow *s, const struct shadow_backfill *b, const struct marks *m, uint32_t step, uint32_t index)
{
    const struct shadow_cell *c = &b->cells[step][index];
    struct source src = source_of(s, b, step, index);
    if (c->end == CELL_WAITING)
        return true;
    return c->end == CELL_DONE && ((src.cell && src.cell->stale) || reads_marked(b, m, step, index));
}

static void mark_all(const struct shadow *s, const struct shadow_backfill *b, struct marks *m)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < b->plan->n_steps; i++)
            for (uint32_t p = 0; p < b->plan->steps[i].partitions->n; p++)
                if (!m->at[i][p] && is_marked(s, b, m, i, p))
                    m->at[i][p] = changed = true;
    }
}

static void check_cell(struct shadow *s, const struct shadow_backfill *b, const struct marks *m, uint32_t step, uint32_t index)
{
    const struct shadow_cell *c = &b->cells[step][index];
    const char *name = b->plan->steps[step].name;
    struct source src = source_of(s, b, step, index);
    bool good = src.cell && src.same_version, done = good && src.cell->end == CELL_DONE;
    if (c->end == CELL_WAITING && good && is_failure(src.cell) && b->reprocess == OP_REPROCESS_MISSING)
        world_violate(s->w, "reuse: %s[%u] of backfill %u runs, and it failed in %u", name, index, b->id, src.backfill);
    if (c->end == CELL_WAITING && done && !(b->reuse_downstream && (src.cell->stale || reads_marked(b, m, step, index))))
        world_violate(s->w, "reuse: %s[%u] of backfill %u runs, and it is done in %u", name, index, b->id, src.backfill);
    if (c->end == CELL_DONE && c->stale != m->at[step][index])
        world_violate(s->w, "reuse: %s[%u] of backfill %u is %s than what it reads", name, index, b->id, c->stale ? "not older" : "older");
    if (c->end == CELL_DONE && c->stale && b->reuse_downstream)
        world_violate(s->w, "reuse: %s[%u] of backfill %u is old and does not run, with downstream", name, index, b->id);
}

void shadow_check_reused(struct shadow *s, const struct shadow_backfill *b)
{
    if (b->reprocess == OP_REPROCESS_ALL)
        return;
    struct marks m = {.at = bf_xcalloc(b->plan->n_steps, sizeof *m.at)};
    for (uint32_t i = 0; i < b->plan->n_steps; i++)
        m.at[i] = bf_xcalloc(b->plan->steps[i].partitions->n, sizeof **m.at);
    mark_all(s, b, &m);
    for (uint32_t i = 0; i < b->plan->n_steps; i++)
        for (uint32_t p = 0; p < b->plan->steps[i].partitions->n; p++)
            check_cell(s, b, &m, i, p);
    for (uint32_t i = 0; i < b->plan->n_steps; i++)
        free(m.at[i]);
    free(m.at);
}
